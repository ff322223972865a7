"""An evaluation as it is stored: where its point lies, its output's bytes, and a checksum.

A point of few parameters is stored whole. One of many is stored as the coordinates in which it
differs from an origin, a point stored before: p parameters would take p**2 numbers else. Knows
bytes, not files.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from struct import pack, unpack
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.model import Output, Shaped
from derivkit.engine.points import COMPLEX, FLOATS
from derivkit.engine.tree_text import as_text, from_text
from derivkit.engine.trees import Tree

__all__ = [
    "Near",
    "Origin",
    "bytes_of",
    "checksum",
    "checksum_of_row",
    "difference",
    "output_of",
    "place_from",
]

LONGEST_AUX = 2**16  # characters of what stands beside an output; only that at x0 is needed
MOST_WHOLE = 64  # bytes of a point that is stored whole: 8 parameters
DTYPES = ("<f8", "<c16")
INDICES = np.dtype("<u4")


@dataclass(frozen=True, slots=True)
class Origin:
    """A point stored whole, from which others differ in a few coordinates.

    Attributes
    ----------
    number : int
        Its row.
    x : ndarray (p,) of float
    sum : bytes
        Its checksum, which goes into those of the points beside it.
    """

    number: int
    x: NDArray[np.float64]
    sum: bytes


Near: TypeAlias = tuple[Origin | None, bytes]
"""What a point is stored beside, None if it is stored whole; and what differs, or all of it."""


def bytes_of(output: Output | Shaped) -> tuple[bytes, str, str]:
    """Return an output's bytes, its shape or structure as text, and the type of its numbers.

    Raises
    ------
    TypeError
        If its structure cannot be written.
    """
    if type(output) is float:  # the usual case, without the questions below
        return pack("<d", output), "", "<f8"
    array = np.asarray(output)
    dtype = "<c16" if array.dtype.kind == "c" else "<f8"
    shape: str | None = ",".join(map(str, array.shape))
    if isinstance(output, Shaped):
        shape = as_text(output.tree)
        beside = _plain_text(output.aux)
        if shape is not None and beside is not None:
            shape = f'{{"tree":{shape},"aux":{beside}}}'
    if shape is None:
        raise TypeError("outputs with classes, or with labels beyond text and numbers")
    return array.astype(dtype, copy=False).tobytes(), shape, dtype


def output_of(
    value: bytes, shape: str, dtype: str, *, complex_allowed: bool = True
) -> Output | Shaped:
    """Return a stored output.

    Raises
    ------
    ValueError
        If the row cannot have been written by `bytes_of`.
    """
    if shape.startswith(("[", "{")) and dtype in DTYPES:
        found = json.loads(shape) if shape.startswith("{") else {}
        tree = from_text(json.dumps(found["tree"]) if found else shape)
        values = np.frombuffer(value, dtype=dtype).astype(dtype[1:])
        return replace(_shaped(values, tree), aux=found.get("aux"))
    if dtype not in DTYPES or (dtype == "<c16" and not complex_allowed):
        raise ValueError(f"unexpected type of numbers {dtype!r}")
    if dtype == "<f8" and not shape and len(value) == 8:  # the usual case
        return cast("float", unpack("<d", value)[0])
    sides = tuple(map(int, shape.split(","))) if shape else ()
    numbers = np.frombuffer(value, dtype=dtype)
    if numbers.size != math.prod(sides):
        raise ValueError(f"{numbers.size} numbers for the shape {sides}")
    if not sides:
        single: float | complex = numbers[0].item()
        return single
    return numbers.astype(dtype[1:]).reshape(sides)


def _plain_text(aux: Any) -> str | None:
    """Return what stands beside an output as JSON, where that brings it back as it is."""
    try:
        text = json.dumps(aux)
        same = aux is not None and bool(json.loads(text) == aux)
    except (TypeError, ValueError, RecursionError):  # no plain data
        return None
    return text if same and len(text) <= LONGEST_AUX else None


def _shaped(values: NDArray[Any], tree: Tree) -> Shaped:
    wanted = tree.count if values.dtype.kind == "c" else tree.size
    if values.size != wanted:
        raise ValueError(f"{values.size} numbers for a structure of {wanted}")
    return Shaped(values, tree)


def difference(place: bytes, origins: Sequence[Origin]) -> Near | None:
    """Return an origin and what differs from it; None if none is near, so that one is needed.

    Examples
    --------
    >>> from derivkit.engine.points import place_of
    >>> origin = Origin(1, np.arange(100.0), b"")
    >>> moved = origin.x.copy()
    >>> moved[7] = 0.5
    >>> found, differs = difference(place_of(moved), [origin])
    >>> len(differs), place_from(found, differs) == place_of(moved)
    (12, True)
    """
    if len(place) <= MOST_WHOLE:
        return None, place
    mark = place[len(place) // 8 * 8 :]  # of a complex point
    x = np.frombuffer(place[:-1], COMPLEX) if mark else np.frombuffer(place, FLOATS)
    for origin in origins:
        if origin.x.size != x.size:
            continue
        where = (x != origin.x).nonzero()[0]
        if 2 * where.size <= x.size:
            return origin, where.astype(INDICES).tobytes() + x[where].tobytes() + mark
    return None


def place_from(origin: Origin | None, moved: bytes) -> bytes:
    """Return the bytes of the point (see `place_of`) that `difference` took apart.

    Raises
    ------
    ValueError, IndexError
        If they do not fit together.
    """
    if origin is None:
        return bytes(moved)
    end = len(moved) // 4 * 4
    mark = moved[end:]  # of a complex point
    dtype = COMPLEX if mark else FLOATS
    n = end // (INDICES.itemsize + dtype.itemsize)
    x = origin.x.astype(dtype)
    x[np.frombuffer(moved, INDICES, n)] = np.frombuffer(moved[:end], dtype, offset=4 * n)
    return x.tobytes() + mark


def checksum(*parts: bytes | str) -> bytes:
    """Return 8 bytes that tell whether anything has changed; no secret, and no proof of origin."""
    return _digest(b"".join(map(_framed, parts)))


def checksum_of_row(
    origin: Origin | None, moved: bytes, status: str, value: bytes, shape: str, dtype: str
) -> bytes:
    """Return the checksum of these parts, with the origin's own for the origin."""
    mark = origin.sum if origin else b""
    before, between, after = _around(mark, len(moved), status, len(value), shape, dtype)
    return _digest(before + moved + between + value + after)


@lru_cache(maxsize=64)
def _around(
    mark: bytes, moved: int, status: str, value: int, shape: str, dtype: str
) -> tuple[bytes, bytes, bytes]:
    """Return what stands around a point and a value of these lengths: the same in most rows."""
    return (
        _framed(mark) + pack("<Q", moved),
        _framed(status) + pack("<Q", value),
        _framed(shape) + _framed(dtype),
    )


def _framed(part: bytes | str) -> bytes:
    data = part.encode() if isinstance(part, str) else part
    return pack("<Q", len(data)) + data


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=8).digest()
