"""Checks of single arguments: what was given in its proper form, or what it must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from derivkit.validation.kinds import is_count, is_not_negative
from derivkit.validation.words import did_you_mean, shown, suggestion

__all__ = [
    "check_count",
    "check_flag",
    "check_function",
    "check_index",
    "check_indices",
    "check_known",
    "check_not_negative",
    "check_printable",
    "check_sequence",
    "check_texts",
    "check_version",
    "check_workers",
]

MISMATCH = ("refuse", "discard", "trust")

MOST_WORKERS = 2**31 - 1
"""Operating systems and pools count in 32 bits."""


def check_flag(name: str, value: Any) -> bool:
    """Return True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"`{name}` must be True or False, got {shown(value)}")
    return bool(value)


def check_function(name: str, value: Any, hint: str = "") -> Callable[..., Any]:
    """Return a function; raise a TypeError for anything else."""
    if not callable(value):
        raise TypeError(f"`{name}` must be callable, got {type(value).__name__}{hint}")
    return value  # type: ignore[no-any-return]


def check_count(name: str, value: Any, *, least: int = 1) -> int:
    """Return a whole number of at least ``least``."""
    if not is_count(value) or value < least:
        raise ValueError(f"`{name}` must be a whole number of at least {least}, got {shown(value)}")
    return int(value)


def check_not_negative(name: str, value: Any) -> float:
    """Return a finite number of at least 0."""
    if not is_not_negative(value):
        raise ValueError(f"`{name}` must be a number of at least 0, got {shown(value)}")
    return float(value)


def check_sequence(name: str, value: Any, of: str = "values") -> list[Any]:
    """Return the entries of a list, a tuple, an array or the like: what has a length."""
    if isinstance(value, (str, bytes, Mapping)):
        raise TypeError(f"`{name}` must be a sequence of {of}, got {shown(value)}")
    try:
        return list(islice(iter(value), len(value)))
    except Exception as error:
        raise TypeError(f"`{name}` must be a sequence of {of}, got {shown(value)}") from error


def check_texts(name: str, value: Any) -> tuple[str, ...]:
    """Return a sequence of texts as a tuple."""
    texts = check_sequence(name, value, "strings")
    if not all(isinstance(each, str) for each in texts):
        raise TypeError(f"`{name}` must be a sequence of strings, got {shown(value)}")
    return tuple(str.__str__(each) for each in texts)


def check_printable(name: str, value: Any) -> tuple[str, ...]:
    """Return texts that steer no terminal and break no table."""
    texts = check_texts(name, value)
    odd = [text for text in texts if not text.isprintable()]
    if odd:
        raise ValueError(f"`{name}` must be of characters that can be printed, got {shown(odd[0])}")
    return texts


def check_known(
    name: str, value: Any, known: Sequence[str], kind: type[Exception] = ValueError
) -> str:
    """Return one of ``known``; raise an error that suggests the nearest name if it is not."""
    word = str.__str__(value) if isinstance(value, str) else None
    if word not in known:
        suggest = did_you_mean if kind is TypeError else suggestion
        hint = suggest(word or "", known)
        raise kind(f"`{name}` must be one of {', '.join(known)}, got {shown(value)}{hint}")
    return str(word)


def check_indices(indices: Sequence[Any], names: Sequence[str]) -> tuple[int, ...]:
    """Return parameters, given by index or by name, as indices."""
    indices = check_sequence("indices", indices, "parameters")
    if not indices:
        raise ValueError("`indices` must be at least one parameter, got none")
    return tuple(check_index("indices", i, names) for i in indices)


def check_index(name: str, i: Any, names: Sequence[str]) -> int:
    """Return a parameter, given by index or by name, as an index from 0."""
    if isinstance(i, str):
        return list(names).index(check_known(name, i, names))
    if not is_count(i):
        raise TypeError(f"`{name}` must be whole numbers or names, got {shown(i)}")
    if not -len(names) <= i < len(names):
        raise ValueError(f"`{name}` must lie in 0..{len(names) - 1}, got {i}")
    return int(i) % len(names)


def check_version(version: Any, mismatch: Any) -> None:
    """Raise if these are not what a checkpoint's model may be called, and what to do with it."""
    if not isinstance(version, (str, type(None))):
        raise TypeError(f"`version` must be a string, got {shown(version)}")
    check_known("checkpoint_mismatch", mismatch, MISMATCH)


def check_workers(n_workers: Any) -> int | None:
    """Return None, a positive number of workers, or -1 for as many as there are."""
    if n_workers is None:
        return None
    if not is_count(n_workers):
        raise TypeError(f"`n_workers` must be a whole number or None, got {shown(n_workers)}")
    if n_workers < 1 and n_workers != -1:
        raise ValueError(f"`n_workers` must be at least 1, or -1 for all cores, got {n_workers}")
    if n_workers > MOST_WORKERS:
        raise ValueError(f"`n_workers` must be at most {MOST_WORKERS}, got {shown(n_workers)}")
    return int(n_workers)
