"""The samples of one line, in order of their places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Column", "Samples"]

Floats = NDArray[np.float64]


class Samples:
    """What is known of f along a line: places t (m,) ascending, values (m, q)."""

    def __init__(self) -> None:
        self.t: Floats = np.empty(0)
        self.values: Floats = np.empty((0, 0))

    def add(self, t: Floats, values: Floats) -> None:
        """Add new samples."""
        if self.t.size:
            t = np.concatenate([self.t, t])
            values = np.concatenate([self.values, values])
        ascending = np.argsort(t, kind="stable")
        self.t, self.values = t[ascending], values[ascending]

    @property
    def reach(self) -> float:
        """The largest distance from x0."""
        return float(np.max(np.abs(self.t), initial=0.0))

    def new(self, t: Floats) -> list[float]:
        """Return those of the places where there is no sample yet, each once."""
        known = set(self.t.tolist())
        return [x for x in dict.fromkeys(t.tolist()) if x not in known]

    def column(self, j: int) -> Column:
        """Return what is known of output j alone."""
        return Column(self.t, self.values[:, j])


class Column:
    """One output: its values f (m, 1) at the places t where it is defined, and where it is not."""

    def __init__(self, t: Floats, values: Floats) -> None:
        defined = np.isfinite(values)
        self.t: Floats = t[defined]
        self.f: Floats = values[defined][:, None]
        bad = t[~defined]
        self.wall_below = float(np.min(-bad[bad < 0], initial=np.inf))
        self.wall_above = float(np.min(bad[bad > 0], initial=np.inf))
        self.at_x0 = bool(np.any(self.t == 0))

    def value_at(self, t: float) -> float:
        """Return f at a place where there is a sample."""
        return float(self.f[np.searchsorted(self.t, t), 0])

    def holds(self, t: float) -> bool:
        """Whether there is a defined sample at the place."""
        return bool(np.any(self.t == t))

    @property
    def one_sided(self) -> bool:
        """Whether f is undefined at all samples of one side."""
        walled = min(self.wall_below, self.wall_above) < np.inf
        return walled and not (np.any(self.t < 0) and np.any(self.t > 0))

    @property
    def single_precision(self) -> bool:
        """Whether every value is a single-precision number: chance is no explanation."""
        with np.errstate(over="ignore"):
            return bool(np.all(self.f == self.f.astype(np.float32)))
