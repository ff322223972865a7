"""The default method: it finds the scale of f and the noise of f, and steps that suit both.

It starts near x0 with a ladder of steps, each twice the last, and judges the samples degree by
degree (`windows`). Then, until nothing is to be gained (`Search.next`):

===============================  ==============================================================
truncation rules                 down the ladder
nothing falls with the degree    probe far below: is it noise, or structure that was stepped over?
structure                        a ladder on its scale
noise                            up the ladder, a little at a time
undefined on one side            samples on the other, and a search for the wall
===============================  ==============================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.protocol import BudgetSpentError, Estimate, Line, Solver
from derivkit.methods.search import Search

__all__ = ["Auto"]


@dataclass(frozen=True)
class Auto:
    rtol: float | None = None
    atol: float = 0.0
    noise: float | None = None

    def solve(self, line: Line, order: int) -> Solver:
        search = Search(line, order, self.rtol, self.atol, self.noise)
        wanted = search.first()
        try:
            while wanted.size:
                search.take(wanted, (yield wanted))
                wanted = search.next()
        except BudgetSpentError:
            search.refused = True
        return search.estimate()
