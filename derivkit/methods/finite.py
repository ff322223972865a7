"""Finite differences: a stencil of any size and order, alone or extrapolated to zero step.

Where a stencil fits is known by `placement`, what its ladder of steps says by `extrapolation`.
Here stands in which order things are asked for, and what is believed of the answers.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.extrapolation import (
    Ladder,
    balanced_step,
    ladder_of,
    plain_stencil,
)
from derivkit.methods.options import is_count, is_positive
from derivkit.methods.placement import (
    FREE_SHRINKING,
    Placement,
    Room,
    one_side_of,
    place,
    room_of,
    room_within,
)
from derivkit.methods.pooling import Course, alone, together
from derivkit.methods.protocol import BudgetSpentError, Estimate, Line, Solver
from derivkit.methods.tableau import Judging
from derivkit.methods.verdict import Verdict, conclude, nothing_defined

__all__ = ["Finite"]

Array: TypeAlias = NDArray[np.float64]

EXTRAPOLATIONS = (None, "richardson", "ridders", "gauss-richardson", "gre")

# The outermost sample of an automatic ladder, in units of the line's scale. A sixteenth is far
# inside the quarter at which real codes begin to fail, and near enough for three levels of a
# five-point stencil to be exact to rounding even where f varies eight times faster than the scale
# says. Rounding goes as h**-order, so that higher derivatives must reach further.
# No round number: steps in round units meet the periods of models in round units.
LADDER_REACH = {1: 0.0618, 2: 0.1236}
LADDER_REACH_BEYOND = 0.2472

FIRST_LEVELS = 3  # of an adaptive ladder: the least that shows whether it converges
MOST_LEVELS = 10
PATIENCE = 2  # levels in a row that must fail to help before an adaptive ladder ends …
PATIENCE_IF_POOR = 6  # … if its error is more than this part of the value
POOR = 0.03
DOUBTFUL = 1e-3  # a shifted stencil beside a bound with a larger relative error is not believed
ROUNDING = 8.0  # units of rounding of f: below, its noise is rounding and no step will change it
HELPS = 0.5  # a level helps if it brings some output's error down to this


CENTRAL_RETREATS = 5  # before x0 is taken to lie on the wall: a factor 16 each, 1e6 in all
MOST_RETREATS = CENTRAL_RETREATS + 4  # stencils tried where the model turns out to be undefined


@dataclass(frozen=True)
class Finite:
    r"""Finite differences on a stencil of ``num_points`` nodes.

    Parameters
    ----------
    stepsize : float or "auto"
        Distance of neighbouring nodes in units of t (along a coordinate: of x); on a ladder, the
        largest one. "auto" is relative to the line's scale: a single stencil takes the step at
        which truncation and rounding balance for a function that varies over that scale, a ladder
        begins with its outermost node a sixteenth of the scale away. Bounds and walls make steps
        smaller or shift the stencil.
    num_points : int
        Odd, at least 3, and more than the order of the derivative.
    extrapolation : {None, "richardson", "ridders", "gauss-richardson", "gre"}
        How the stencil's results with steps h, h/2, h/4, … are combined: "richardson" takes the
        full extrapolation, "ridders" the entry of the tableau with the least error,
        "gauss-richardson" (or "gre") the limit of a Gaussian process through them. None is one
        stencil alone.
    levels : int, optional
        How many steps, at least 2; None for as many as pay.

    Notes
    -----
    *Formula.* :math:`f^{(d)}(0) \approx h^{-d} \sum_k w_k f(k h)` with Fornberg's weights; the
    error of a central stencil of n points goes as :math:`h^{n - d}`, the power rounded up to even.

    *Calls.* A central stencil of n points takes n - 1 calls beside x0, and without extrapolation
    two more, one step further out: the stencil on n + 2 points tells the error of that on n.
    A further level takes 2 calls for 3 or 5 points, 4 for 7 or 9: nodes serve again.

    *Error.* Truncation is twice the difference to the value of one order less (without
    extrapolation: of one order more). Noise is estimated from the high-degree coefficients of
    the samples behind the value, is at least a unit of rounding of f, and is carried through the
    weights. The error is their sum. Two levels leave too few samples to tell low noise from a
    smooth function: there the error is some thousand times too large; a third level mends it.
    Beside a bound or a wall nearer than the step, the stencil is made smaller before it is shifted
    to one side.

    References
    ----------
    Fornberg, B. (1988), doi:10.1090/S0025-5718-1988-0935077-0. Ridders, C. J. F. (1982),
    doi:10.1016/S0141-1195(82)80057-0. Oates, C. J. et al. (2025), doi:10.1093/jrsssb/qkae098.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import CalculusKit
    >>> kit = CalculusKit(lambda x: np.sin(x[0]), [0.7])
    >>> result = kit.gradient_result("finite", stepsize=1e-2, extrapolation="ridders", levels=4)
    >>> bool(abs(result.value - np.cos(0.7)) < 1e-13 < result.error < 1e-11), result.nfev
    (True, 11)
    """

    stepsize: float | Literal["auto"] = "auto"
    num_points: int = 5
    extrapolation: Literal["richardson", "ridders", "gauss-richardson", "gre"] | None = None
    levels: int | None = None

    def __post_init__(self) -> None:
        if self.stepsize != "auto" and not is_positive(self.stepsize):
            raise ValueError(
                f"`stepsize` must be a positive number or 'auto', got {self.stepsize!r}"
            )
        if not is_count(self.num_points) or self.num_points < 3 or self.num_points % 2 == 0:
            raise ValueError(f"`num_points` must be odd and at least 3, got {self.num_points!r}")
        if self.extrapolation not in EXTRAPOLATIONS:
            known = ", ".join(map(repr, EXTRAPOLATIONS))
            raise ValueError(f"`extrapolation` must be one of {known}, got {self.extrapolation!r}")
        if self.levels is not None and not (is_count(self.levels) and self.levels >= 2):
            raise ValueError(f"`levels` must be None or at least 2, got {self.levels!r}")

    def solve(self, line: Line, order: int) -> Solver:
        """Differentiate ``order`` times with respect to t, at t = 0."""
        return alone(self._course(line, order))

    def solve_together(self, lines: Sequence[Line], order: int) -> list[Solver]:
        """Return a solver for each line; ladders that are alike are judged in one go."""
        return together([self._course(line, order) for line in lines])

    def _course(self, line: Line, order: int) -> Course:
        if not 1 <= order < self.num_points:
            raise ValueError(
                f"`num_points` must be more than the order of the derivative, {order}, "
                f"got {self.num_points}"
            )
        step, free = self._first_step(line, order)
        shrinking = FREE_SHRINKING if free else 1.0
        room, reach, extra = room_of(line), 0.0, 0 if self.extrapolation else 1
        fallback: Estimate | None = None
        for retreats in range(MOST_RETREATS):
            placed = place(step, self.num_points, order, extra, room, line, shrinking=shrinking)
            try:
                climbed = yield from self._climb(placed, line, order)
            except BudgetSpentError:
                if fallback is None:
                    raise
                return fallback
            reach = max(reach, float(np.abs(climbed.places).max()))
            if climbed.verdict is not None:
                answer = climbed.concluded(placed, climbed.verdict, reach)
                if fallback is not None or not _doubtful(climbed.verdict, placed, room):
                    return answer
                fallback = answer
            room = room_within(climbed.places, climbed.undefined, room)
            shrinking = math.inf  # beside a wall functions vary over the distance to it
            if retreats >= CENTRAL_RETREATS:
                room, shrinking = one_side_of(room), 1.0
        return nothing_defined(climbed.samples.shape[1], reach)

    def _first_step(self, line: Line, order: int) -> tuple[float, bool]:
        """Return the step to begin with, and whether it was left to the method."""
        if self.stepsize != "auto":
            return float(self.stepsize), False
        if self.extrapolation is None:
            return balanced_step(self.num_points, order) * line.scale, True
        reach = LADDER_REACH.get(order, LADDER_REACH_BEYOND)
        return reach / (self.num_points // 2) * line.scale, True

    def _climb(self, placed: Placement, line: Line, order: int) -> Generator[Any, Any, _Climbed]:
        """Ask for one level after another until no further one pays."""
        levels, most = self._levels(placed, line, order)
        samples = np.empty((0, 1))
        verdict, idle = None, 0
        while True:
            ladder = self._ladder(placed, order, levels)
            places = ladder.nodes * placed.step
            try:
                fresh = yield places[len(samples) :]
            except BudgetSpentError:
                if verdict is not None:
                    return _Climbed(places[: len(samples)], samples, verdict, spent=True)
                if levels <= 2 or self.extrapolation is None:
                    raise
                levels, most = 2, 2
                continue
            samples = np.concatenate([samples, fresh]) if len(samples) else fresh
            defined = ~np.isnan(samples[0])
            if np.isnan(samples[:, defined]).any() or not defined.any():
                return _Climbed(places, samples, None)
            seen = samples if defined.all() else np.where(defined, samples, 0.0)
            judging = self._judging(ladder, seen, placed, line, order)
            last, verdict = verdict, (yield judging)
            helped = last is None or (verdict.error < HELPS * last.error).any()
            idle = 0 if helped else idle + 1
            if levels >= most or _settled(verdict, idle):
                return _Climbed(places, samples, verdict)
            levels += 1

    def _levels(self, placed: Placement, line: Line, order: int) -> tuple[int, int]:
        """Return how many levels to ask for first, and at most."""
        if self.extrapolation is None:
            return 1, 1
        first, most = (self.levels, self.levels) if self.levels else (FIRST_LEVELS, MOST_LEVELS)
        if line.budget is not None:
            while most > 2 and len(self._ladder(placed, order, most).nodes) - 1 > line.budget:
                most -= 1
        return min(first, most), most

    def _judging(
        self, ladder: Ladder, samples: Array, placed: Placement, line: Line, order: int
    ) -> Judging:
        rounding = 0.0 if placed.exact else math.ulp(line.origin)
        size, fixed = placed.step**order, self.levels is not None
        return Judging(ladder, samples, placed.step, size, rounding, self.extrapolation, fixed)

    def _ladder(self, placed: Placement, order: int, levels: int) -> Ladder:
        if self.extrapolation is None:
            return plain_stencil(placed.offsets, placed.wider, order)
        return ladder_of(placed.offsets, order, levels)


@dataclass(frozen=True, slots=True)
class _Climbed:
    """What one stencil's ladder gave: the samples at places, and a verdict if all are defined."""

    places: Array
    samples: Array
    verdict: Verdict | None
    spent: bool = False

    @property
    def undefined(self) -> NDArray[np.bool_]:
        """Places where an output that is defined at x0 is not."""
        return np.asarray(np.isnan(self.samples[:, ~np.isnan(self.samples[0])]).any(axis=1))

    def concluded(self, placed: Placement, verdict: Verdict, reach: float) -> Estimate:
        """Return the estimate."""
        return conclude(
            verdict,
            defined=~np.isnan(self.samples[0]),
            step=float(np.abs(self.places).max()),
            reach=reach,
            one_sided=not placed.central,
            spent=self.spent,
        )


def _settled(verdict: Verdict, idle: int) -> bool:
    """Tell whether no further level is worth its calls.

    That is so where only rounding is left, or where `idle` levels in a row have not helped: fewer
    of them where noise explains the error, more where hardly anything of the derivative is known,
    as that may be structure finer than the steps.
    """
    noise_only = verdict.truncation <= verdict.carried
    if (noise_only & (verdict.noise <= ROUNDING * verdict.floor)).all():
        return True
    poor = verdict.error > POOR * np.abs(verdict.value)
    patience = np.where(poor, PATIENCE_IF_POOR, np.where(noise_only, 1, PATIENCE))
    return bool((idle >= patience).all())


def _doubtful(verdict: Verdict, placed: Placement, room: Room) -> bool:
    """Tell whether a shifted stencil is not good enough to pass for what a central one may see."""
    if placed.central or room.short == 0:
        return False
    return bool((verdict.error > DOUBTFUL * np.abs(verdict.value)).any())
