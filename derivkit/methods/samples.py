"""The samples of one line, kept in order, and the windows that can be cut from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


__all__ = ["Samples"]

Floats = NDArray[np.float64]


class Samples:
    """What is known of f along a line: places t (m,) ascending, values (m, q)."""

    def __init__(self) -> None:
        self.t: Floats = np.empty(0)
        self.values: Floats = np.empty((0, 1))

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

    def new(self, t: Floats) -> Floats:
        """Return those of the places where there is no sample yet, each once."""
        known = set(self.t.tolist())
        return np.array([x for x in dict.fromkeys(t.tolist()) if x not in known])

    def column(self, j: int) -> tuple[Floats, Floats]:
        """Return the places where output j is defined, and its values (m, 1) there."""
        defined = np.isfinite(self.values[:, j])
        return self.t[defined], self.values[defined][:, [j]]

    def undefined(self, j: int) -> tuple[float, float]:
        """Return how far below and above x0 output j was first found undefined; inf if never."""
        bad = self.t[~np.isfinite(self.values[:, j])]
        return (
            float(np.min(-bad[bad < 0], initial=np.inf)),
            float(np.min(bad[bad > 0], initial=np.inf)),
        )
