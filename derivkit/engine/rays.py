"""Where the points of a line lie: t -> x0 + t v as a full vector, and as a short key.

A point is kept as the few coordinates in which it differs from x0, so that p parameters take
memory proportional to p, not p**2. A coordinate that rounding puts a last digit outside its
bounds is put back onto the bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["AT_X0", "AxisRay", "Key", "NumberRay", "ObliqueRay", "Ray", "Seconds"]

Key: TypeAlias = tuple[complex, ...] | bytes
"""Identity of a point: (index, coordinate, index, coordinate, …) where it differs from x0, or a
digest where it differs in many coordinates."""

AT_X0: Key = ()

Seconds: TypeAlias = dict[Key, float]
"""What calls of the model took, by their point."""

MOST_LISTED = 8  # coordinates listed in a key; beyond, a digest is shorter


class Ray(Protocol):
    """The points x0 + t v for one v."""

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
    """One parameter varies: v is a unit vector, t is in the units of that parameter."""

    x0: NDArray[np.float64]
    index: int
    start: float
    lower: float = -np.inf
    upper: float = np.inf

    @property
    def indices(self) -> tuple[int, ...]:
        """The one coordinate that moves."""
        return (self.index,)

    def key(self, t: complex) -> Key:
        """Return (index, coordinate), or () at x0."""
        moved = self.start + t
        if isinstance(moved, complex) or not self.lower <= moved <= self.upper:
            moved = self._coordinate(t)
        return AT_X0 if moved == self.start else (self.index, moved)

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

    def key(self, t: complex) -> Key:
        """Return the pairs (index, coordinate) that differ from x0, or a digest of the point."""
        moved = self._coordinates(t)
        pairs = [
            (i, c) for i, c in zip(self.indices, moved.tolist(), strict=True) if c != self.x0[i]
        ]
        if len(pairs) > MOST_LISTED:
            return blake2b(self.place(t).tobytes(), digest_size=16).digest()
        return tuple(entry for pair in pairs for entry in pair)

    def place(self, t: complex) -> NDArray[Any]:
        """Return x0 with the coordinates moved along v."""
        x = self.x0.astype(complex) if isinstance(t, complex) else self.x0.copy()
        x[list(self.indices)] = self._coordinates(t)
        return x

    def _coordinates(self, t: complex) -> NDArray[Any]:
        moved = self.x0[list(self.indices)] + t * self.weights
        return moved if isinstance(t, complex) else np.clip(moved, self.lower, self.upper)


@dataclass(frozen=True, slots=True)
class NumberRay:
    """A model of one number, around any place of its own: many x0 in one batch.

    Attributes
    ----------
    anchor : float
        The number that counts as x0 in the memo.
    start : float
        Where t = 0.
    lower, upper : float
    """

    anchor: float
    start: float
    lower: float = -np.inf
    upper: float = np.inf

    @property
    def indices(self) -> tuple[int, ...]:
        """The only coordinate."""
        return (0,)

    def key(self, t: complex) -> Key:
        """Return (0, number), as an axis does, or () at the anchor."""
        moved = self._number(t)
        return AT_X0 if moved == self.anchor else (0, moved)

    def place(self, t: complex) -> NDArray[Any]:
        """Return the number as a vector (1,)."""
        return np.array([self._number(t)])

    def _number(self, t: complex) -> complex:
        moved = self.start + t
        if isinstance(moved, complex):
            return moved
        return min(max(moved, self.lower), self.upper)
