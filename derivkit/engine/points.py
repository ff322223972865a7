"""Where the points of a line lie: t -> x0 + t v as a full vector, and as a short key.

A point is kept as the few coordinates in which it differs from x0, so that p parameters take memory
proportional to p, not p**2. A coordinate that rounding moves outside its bounds by a last digit is
put back onto the bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AT_X0",
    "COMPLEX",
    "FLOATS",
    "AxisRay",
    "Key",
    "ObliqueRay",
    "Ray",
    "Seconds",
    "place_of",
    "point_at",
]

Key: TypeAlias = tuple[complex, ...] | bytes
"""Identity of a point: (index, coordinate, index, coordinate, …) where it differs from x0, or a
digest where it differs in many coordinates."""

AT_X0: Key = ()

Seconds: TypeAlias = dict[Key, float]
"""Durations of model calls in seconds, by their point."""

FLOATS, COMPLEX = np.dtype("<f8"), np.dtype("<c16")  # of places: the same on every machine
MOST_LISTED = 8  # coordinates listed in a key; beyond, a digest is shorter


class Ray(Protocol):
    """The points x0 + t v for one v."""

    @property
    def x0(self) -> NDArray[np.float64]:
        """The point at t = 0 (p,); for a model of one number the line may start elsewhere."""
        ...

    @property
    def indices(self) -> tuple[int, ...]:
        """The coordinates in which v is not zero."""
        ...

    def key(self, t: complex) -> Key:
        """Return the identity of the point at t; equal points have equal keys."""
        ...

    def place(self, t: complex) -> NDArray[Any]:
        """Return the point at t as a fresh writable vector (p,)."""
        ...


@dataclass(frozen=True, slots=True)
class AxisRay:
    """One parameter varies: v is a unit vector, t is in the units of that parameter.

    For a model of one number, ``start`` may be any place: one x0 then serves many. For the n-th of
    many x0 of p parameters, ``offset`` is n p: keys count the coordinates of all.
    """

    x0: NDArray[np.float64]
    index: int
    start: float
    lower: float = -np.inf
    upper: float = np.inf
    offset: int = 0

    @property
    def indices(self) -> tuple[int, ...]:
        """The one coordinate that moves."""
        return (self.index,)

    def key(self, t: complex) -> Key:
        """Return (index, coordinate), or () at the first x0."""
        moved = self.start + t
        if isinstance(moved, complex) or not self.lower <= moved <= self.upper:
            moved = self._coordinate(t)
        if moved == self.x0[self.index]:
            return (self.offset, self.x0[0].item()) if self.offset else AT_X0
        return self.offset + self.index, moved

    def place(self, t: complex) -> NDArray[Any]:
        """Return x0 with the one coordinate moved."""
        moved = self.start + t
        if isinstance(moved, complex):
            x: NDArray[Any] = self.x0.astype(complex)
        else:
            x = self.x0.copy()
            if not self.lower <= moved <= self.upper:
                moved = self._coordinate(t)
        x[self.index] = moved
        return x

    def _coordinate(self, t: complex) -> complex:
        moved = self.start + t
        if isinstance(moved, complex):
            return moved
        return min(max(moved, self.lower), self.upper)


@dataclass(frozen=True, slots=True)
class ObliqueRay:
    """Several parameters vary together.

    Attributes
    ----------
    x0 : ndarray (p,)
    indices : tuple of int
        Where v is not zero.
    weights : ndarray
        v there.
    lower, upper : ndarray
        Bounds of those coordinates.
    """

    x0: NDArray[np.float64]
    indices: tuple[int, ...]
    weights: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    _where: NDArray[np.int64] = field(init=False, repr=False)  # the indices, for numpy

    def __post_init__(self) -> None:
        object.__setattr__(self, "_where", np.array(self.indices, dtype=np.int64))

    def key(self, t: complex) -> Key:
        """Return the pairs (index, coordinate) that differ from x0, or a digest of the point."""
        where, moved = self._where, self._coordinates(t)
        changed = moved != self.x0[where]
        if np.count_nonzero(changed) > MOST_LISTED:
            return blake2b(self.place(t).data, digest_size=16).digest()
        pairs = zip(where[changed].tolist(), moved[changed].tolist(), strict=True)
        return tuple(entry for pair in pairs for entry in pair)

    def place(self, t: complex) -> NDArray[Any]:
        """Return x0 with the coordinates moved along v."""
        x = self.x0.astype(complex) if isinstance(t, complex) else self.x0.copy()
        x[self._where] = self._coordinates(t)
        return x

    def _coordinates(self, t: complex) -> NDArray[Any]:
        moved = self.x0[self._where] + t * self.weights
        return moved if isinstance(t, complex) else np.clip(moved, self.lower, self.upper)


def place_of(x: NDArray[Any]) -> bytes:
    """Return the identity of a point beyond one x0: its bytes, the same on every machine.

    Little-endian; −0 is 0, and a complex point is marked.
    """
    if x.dtype.kind == "c":
        return (x + 0.0).astype(COMPLEX, copy=False).tobytes() + b"c"
    return (x + 0.0).astype(FLOATS, copy=False).tobytes()


def point_at(place: bytes) -> NDArray[Any]:
    """Return the point that `place_of` names, as a fresh array."""
    if len(place) % 8:
        return np.frombuffer(place[:-1], COMPLEX).astype(complex)
    return np.frombuffer(place, FLOATS).astype(float)
