"""Mixed second derivatives in noise: what the second derivatives along two diagonals differ by.

Along h_a a + h_b b and h_a a - h_b b the pure derivatives are the same. Half the difference of f on
the two lines is, up to odd terms, h_a h_b H_ab t**2 and mixed terms of higher order: its noise is
that of one sample over sqrt(2), and at x0 there is none. A second derivative along one diagonal has
two thirds of its variance from f(x0), and the noise of the axes comes on top of it where they are
subtracted: twice to three times the noise, for half the calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.auto.informed import (
    SURPRISE,
    InformedSeconds,
    rule,
    short,
    symmetric_nodes,
    weighted,
)
from derivkit.methods.protocol import Estimate, Line, Values, Wait, Waiting
from derivkit.methods.weights import per_power
from derivkit.status import Status

__all__ = ["crossed"]


def crossed(known: InformedSeconds, lines: Sequence[Line]) -> list[Any]:
    """Return solvers for the 2 n diagonals of n planes, to be driven in common rounds.

    Each estimate has its line's own second derivative, and the error of half the difference.
    """
    n = len(known.unit)
    known = replace(known, of_difference=True)
    couples = [_Couple(known.of([k]), lines[k], lines[k + n]) for k in range(n)]
    return [couple.solver(side) for side in (0, 1) for couple in couples]


class _Couple:
    """The two diagonals of a plane, on ladders of the same width."""

    def __init__(self, known: InformedSeconds, *lines: Line) -> None:
        self._known = known
        best = known.best_steps()[0]
        self._relative = short(best.min(keepdims=True))
        self._reach = float(self._relative[0] * known.unit[0])
        alike = bool((np.square(best / self._relative[0]) <= SURPRISE).all())  # one ladder does
        room = min(min(-line.lower, line.upper) for line in lines)
        self._fits = alike and self._reach <= room
        self._values: dict[int, Values] = {}
        self._answered = 0

    def _are_both_answered(self) -> bool:
        return self._answered == 2

    def solver(self, side: int) -> Waiting:
        """Follow one of the two; it is unresolved where they cannot be compared."""
        if self._fits:
            try:
                values = yield symmetric_nodes(self._known.levels) * self._reach
                self._values[side] = values
            finally:
                self._answered += 1  # also where it is refused
            yield Wait(self._are_both_answered)
            if len(self._values) == 2:
                value, error = self._judged(values, self._values[1 - side])
                return Estimate(
                    value, error, Status.CONVERGED, self._reach, self._known.noise[0], self._reach
                )
        q = self._known.noise.shape[1]
        return Estimate(np.full(q, np.nan), np.full(q, np.inf), Status.UNRESOLVED)

    def _judged(
        self, values: Values, others: Values
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        known = self._known
        with np.errstate(all="ignore"):  # undefined, or beyond the range of floats: unresolved
            half = 0.5 * (values - others)[None]
            _, (error,), (surprising,) = known.judged(half, self._relative)
            value = weighted(rule(known.levels), values[None])[0] / self._relative**2
            value, error = (per_power(each, known.unit[0], 2) for each in (value, error))
        good = np.isfinite(half).all() and not surprising.any()
        return value, np.where(good & (error < np.inf), error, np.inf)
