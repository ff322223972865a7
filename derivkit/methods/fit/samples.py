"""The samples of one line, in order of their places."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Column", "Columns", "Samples", "columns_of"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

EVERYWHERE = (-np.inf, np.inf)


class Columns(NamedTuple):
    """Outputs of one line that are defined at the same places: t (m,) ascending, f (m, q)."""

    t: Floats
    f: Floats
    origin: float


def columns_of(lines: Sequence[Columns]) -> list[NDArray[np.intp]]:
    """Return which columns (q,) are whose, where those of all lines stand in a row."""
    ends = np.cumsum([0, *(line.f.shape[1] for line in lines)]).tolist()
    return [np.arange(start, end) for start, end in pairwise(ends)]


class Samples:
    """What is known of f along a line: places t (m,) ascending, values (m, q)."""

    def __init__(self) -> None:
        self.t: Floats = np.empty(0)
        self.values: Floats = np.empty((0, 0))
        self._defined: Flags = np.empty((0, 0), dtype=bool)
        self._everywhere: Flags = np.empty(0, dtype=bool)  # outputs defined at all places
        self._places: set[float] = set()
        self._flat: bool | None = None
        self._last: tuple[int, tuple[float, float], Column] | None = None  # who asks, asks often
        self.reach = 0.0  # the largest distance from x0

    def add(self, t: Floats, values: Floats) -> None:
        """Add new samples."""
        if self.t.size:
            t = np.concatenate([self.t, t])
            values = np.concatenate([self.values, values])
        ascending = np.argsort(t, kind="stable")
        self.t, self.values = t[ascending], values[ascending]
        self._defined = np.isfinite(self.values)
        self._everywhere = np.asarray(self._defined.all(axis=0))
        self._places = set(self.t.tolist())
        self._flat = self._last = None
        self.reach = float(np.max(np.abs(self.t), initial=0.0))

    def new(self, t: Floats) -> list[float]:
        """Return those of the places where there is no sample yet, each once."""
        return [x for x in dict.fromkeys(t.tolist()) if x not in self._places]

    def pattern(self, j: int) -> bytes:
        """Return a mark that outputs have in common which are defined at the same places."""
        return b"" if self._everywhere[j] else self._defined[:, j].tobytes()

    def columns(self, js: list[int], origin: float, within: tuple[float, float, float]) -> Columns:
        """Return outputs of one pattern at the places where they are defined.

        Those nearer to x0 than the first of ``within`` are left out, and those not between the
        others.
        """
        inner, low, high = within
        t = self.t
        kept = (t > low) & (t < high) & ((np.abs(t) >= inner) | (t == 0))
        if not self._everywhere[js[0]]:
            kept &= self._defined[:, js[0]]
        return Columns(t[kept], self.values[kept][:, js], origin)

    @property
    def flat(self) -> bool:
        """Whether no output moves at all: every one asks, so it is worked out once."""
        if self._flat is None:
            self._flat = bool((self.values == self.values[0]).all())
        return self._flat

    def inside(self, distance: float) -> float:
        """Return the largest distance from x0 that has been sampled below this one."""
        steps = np.abs(self.t)
        return float(np.max(steps[steps < distance], initial=0.0))

    def column(self, j: int, branch: tuple[float, float] = EVERYWHERE) -> Column:
        """Return what is known of output j alone, between two places beyond which f is another."""
        if self._last is None or self._last[:2] != (j, branch):
            self._last = j, branch, self._column(j, branch)
        return self._last[2]

    def _column(self, j: int, branch: tuple[float, float]) -> Column:
        low, high = branch
        if self._everywhere[j] and branch == EVERYWHERE:
            return Column(self.t, self.values[:, j], self._places)
        known = self._defined[:, j] & (self.t > low) & (self.t < high)
        t = self.t[known]
        return Column(t, self.values[known, j], set(t.tolist()), self.t[~known])


class Column:
    """One output: its values f (m,) at the places t where it is defined, and where it is not."""

    def __init__(self, t: Floats, f: Floats, places: set[float], bad: Floats | None = None) -> None:
        self.t, self.f, self._places = t, f, places
        self.wall_below = self.wall_above = np.inf
        if bad is not None:
            self.wall_below = float(np.min(-bad[bad < 0], initial=np.inf))
            self.wall_above = float(np.min(bad[bad > 0], initial=np.inf))

    @property
    def at_x0(self) -> bool:
        """Whether there is a value at x0."""
        return 0.0 in self._places

    def value_at(self, t: float) -> float:
        """Return f at a place where there is a sample."""
        return float(self.f[self.t.searchsorted(t)])

    def holds(self, t: float) -> bool:
        """Whether there is a defined sample at the place."""
        return t in self._places

    def moves_within(self, distance: float) -> bool:
        """Whether any value nearer to x0 than this differs from that at x0."""
        return bool((self.f[np.abs(self.t) < distance] != self.value_at(0.0)).any())

    def wall(self, side: float) -> float:
        """Return how far f is known to be defined on a side (+1 or -1), at the most."""
        return self.wall_above if side > 0 else self.wall_below

    @property
    def one_sided(self) -> bool:
        """Whether f is undefined at all samples of one side."""
        walled = min(self.wall_below, self.wall_above) < np.inf
        return walled and not (np.any(self.t < 0) and np.any(self.t > 0))
