"""The default method: it finds the scale of f and the noise of f, and the steps that suit both.

It starts near x0 with a ladder of steps, each twice the last, and judges the samples degree by
degree. What then remains to be done is decided in `track`, output by output.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from derivkit.methods.protocol import BudgetSpentError, Estimate, Line, Solver
from derivkit.methods.search import Search
from derivkit.methods.track import Goal

__all__ = ["Auto"]


@dataclass(frozen=True)
class Auto:
    """Steps from the samples themselves: right on sharp functions and in noise, without tuning.

    Parameters
    ----------
    rtol : float, optional
        Stop as soon as the error is at most ``rtol * abs(value)``. None: go on as long as calls
        pay, to about 1e-12 where rounding allows it.
    atol : float
        Stop as soon as the error is at most ``atol``, in units of the derivative.
    noise : float, optional
        Absolute noise of the model's output (one standard deviation), where it is known. None:
        it is estimated from the samples.

    Notes
    -----
    Eight samples a parameter on smooth functions, twelve to fourteen in noise, more where the
    scale has to be found first. The error covers the truth in 97 % of cases and more, by
    simulation over functions drawn at random; see the benchmarks.
    """

    rtol: float | None = None
    atol: float = 0.0
    noise: float | None = None

    def __post_init__(self) -> None:
        _check("rtol", self.rtol)
        _check("atol", self.atol)
        _check("noise", self.noise)

    def solve(self, line: Line, order: int) -> Solver:
        """Differentiate ``order`` times along the line."""
        search = Search(line, order, Goal(self.rtol, self.atol), self.noise)
        wanted = search.first()
        try:
            while wanted.size:
                search.take(wanted, (yield wanted))
                wanted = search.next()
        except BudgetSpentError:
            search.refuse()
        return search.estimate()


def _check(name: str, value: float | None) -> None:
    """Raise unless the option is None or a finite number of at least 0."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"`{name}` must be a number, got {value!r}")
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"`{name}` must be finite and not negative, got {value!r}")
