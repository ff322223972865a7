"""Values given by name – of a parameter, an output, or a whole branch of them – put in order.

Entries of a dict or a Series belong to their names, whatever their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from derivkit.validation import has, shown

__all__ = [
    "fields_of",
    "in_order",
    "labels_of",
    "matrix_in_order",
    "meant_by",
    "order_of",
    "within",
]


def fields_of(value: Any) -> dict[str, Any] | None:
    """Return what a named tuple, a dataclass's thing or a namespace holds by name; else None."""
    if isinstance(value, tuple):
        return dict(zip(value._fields, value, strict=True)) if hasattr(value, "_fields") else None
    if isinstance(value, SimpleNamespace):
        return dict(vars(value))
    if is_dataclass(value) and not isinstance(value, type) and not has(value, "__array__"):
        return {f.name: getattr(value, f.name) for f in fields(value) if f.init}
    return None


def order_of(own: Sequence[str], wanted: Sequence[str]) -> list[int] | None:
    """Return the places of the wanted entries among one's own, by name; None if the names differ.

    Entries of a dict or a Series belong to their names, whatever their order.

    Examples
    --------
    >>> order_of(["b", "a"], ["a", "b"])
    [1, 0]
    """
    where = {name: i for i, name in enumerate(own)}
    if not len(where) == len(own) == len(wanted) or where.keys() != set(wanted):
        return None
    return [where[name] for name in wanted]


def in_order(
    argument: str,
    given: Any,
    names: Sequence[str],
    otherwise: Any,
    *,
    what: str = "parameters",
) -> Any:
    """Return what was given by parameter, or by output, as a list in the order of their names.

    Parameters
    ----------
    argument : str
        Its name, for the message.
    given : object
        What is given by names, or nested as x0 is, is put in order; one entry for a whole array or
        branch holds for all of it. Anything else is returned as it is.
    names : sequence of p str
    otherwise : object
        Stands for those that are not in the mapping.
    what : str
        What has these names, for the message.

    Raises
    ------
    ValueError
        If a key is none of the names.
    """
    by_name = _by_name(given, names)
    if by_name is None:
        return given
    found = [otherwise] * len(names)
    unknown: list[str] = []

    def put(name: str, each: Any) -> None:
        where = meant_by(name, names)
        inside = _inside(name, each, [names[i] for i in where])
        if not where:
            unknown.append(name)
        elif inside is not None:
            for key, one in inside.items():
                put(key, one)
        else:
            alone = len(where) == 1 and names[where[0]] == name
            for i, one in zip(
                where, [each] if alone else _spread(argument, each, len(where)), strict=True
            ):
                found[i] = one

    for key, each in by_name.items():
        put(str(key), each)
    if unknown:
        raise ValueError(
            f"`{argument}` must be given for {what} among {', '.join(names)}, "
            f"got {', '.join(sorted(unknown))}"
        )
    return found


def _by_name(given: Any, names: Sequence[str]) -> Mapping[Any, Any] | None:
    """Return what is given for each name or branch; None where it goes by its order."""
    if has(given, "to_dict", "index"):
        return dict(given.to_dict())  # a Series
    if isinstance(given, Mapping):
        return given
    held = fields_of(given)
    if held is not None:
        return held if all(meant_by(key, names) for key in held) else None
    if isinstance(given, (list, tuple)) and any(map(_is_named, given)):
        return {f"x[{i}]": each for i, each in enumerate(given)}
    return None


def _is_named(value: Any) -> bool:
    return isinstance(value, Mapping) or fields_of(value) is not None


def _inside(branch: str, given: Any, names: Sequence[str]) -> dict[str, Any] | None:
    """Return what is given for the children of a branch, by their names; None if for all at once.

    ``names`` are the branch's own. A list goes by its places where it is as long as the branch
    and nested, such as pairs of bounds are; else it may be one pair, or a whole array.
    """
    if isinstance(given, Mapping):
        own = set(names)
        keys = {key: f"{branch}[{key}]" for key in given}
        return {
            keys[key] if keys[key] in own else f"{branch}.{key}": each
            for key, each in given.items()
        }
    held = fields_of(given)
    if held is not None:
        return {f"{branch}.{key}": each for key, each in held.items()}
    if not isinstance(given, (list, tuple)) or not any(
        _is_named(each) or np.iterable(each) for each in given
    ):
        return None
    places = {name[len(branch) :].partition("]")[0] for name in names}
    if places != {f"[{i}" for i in range(len(given))}:
        return None
    return {f"{branch}[{i}]": each for i, each in enumerate(given)}


def labels_of(matrix: Any) -> list[str] | None:
    """Return the names of a frame's rows; None if it is none, or only has numbered rows."""
    if not has(matrix, "loc", "columns"):
        return None
    own = [list(axis) for axis in (matrix.index, matrix.columns)]
    numbered = all(axis == list(range(len(axis))) for axis in own)
    return None if numbered else [str(label) for label in own[0]]


def matrix_in_order(argument: str, matrix: Any, names: Sequence[str]) -> Any:
    """Return a frame's matrix in the order of names; anything else as it is.

    Raises
    ------
    ValueError
        If its rows and columns are named otherwise.
    """
    if labels_of(matrix) is None:
        return matrix
    rows, columns = ([str(label) for label in axis] for axis in (matrix.index, matrix.columns))
    order = [order_of(rows, names), order_of(columns, names)]
    if order[0] is None or order[1] is None:
        raise ValueError(
            f"`{argument}` must have rows and columns {', '.join(names)}, got {', '.join(rows)} "
            f"and {', '.join(columns)}"
        )
    return np.asarray(matrix)[np.ix_(order[0], order[1])]


def meant_by(word: str, names: Sequence[str]) -> list[int]:
    """Return the parameters that a word names: the one of that name, else all of a branch."""
    alone = [i for i, name in enumerate(names) if name == word]
    return alone or [i for i, name in enumerate(names) if within(name, word)]


def within(name: str, whole: str) -> bool:
    """Whether a parameter is the named one, or an entry of the array or branch of that name."""
    return name == whole or name.startswith((f"{whole}.", f"{whole}["))


def _spread(argument: str, each: Any, n: int) -> list[Any]:
    """Return n entries: a number, or of bounds a pair, for all of them, or one for each."""
    if argument != "bounds":
        one_for_all = not isinstance(each, (list, tuple)) and np.ndim(each) == 0
        found = [each] * n if one_for_all else list(_flat(each))
    elif len(each) == 2 and not any(map(np.iterable, each)):
        found = [each] * n
    else:
        found = [one for row in each for one in ([row] if len(each) == n else row)]
    if len(found) != n:
        raise ValueError(
            f"`{argument}` must be one for all or {n} for an array of {n}, got {shown(each)}"
        )
    return found


def _flat(each: Any) -> Iterator[Any]:
    """Yield the entries of lists and arrays, one after the other, of whatever lengths they are."""
    if isinstance(each, (list, tuple)):
        for one in each:
            yield from _flat(one)
    else:
        yield from np.ravel(each).tolist()
