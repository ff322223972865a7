"""Finite differences: a stencil of any size and order, alone or extrapolated to zero step.

This module decides what to ask for and when to stop. `stencil.placement` knows where a stencil
fits, `stencil.extrapolation` how steps combine, `stencil.tableau` which combination to believe.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from derivkit.methods.fit.sampled import Fit, Sampled, conclude, nothing_defined
from derivkit.methods.protocol import BudgetSpentError, Estimate, Line
from derivkit.methods.stencil.extrapolation import (
    StepSequence,
    balanced_step,
    plain_stencil,
    step_sequence,
)
from derivkit.methods.stencil.placement import (
    FREE_SHRINKING,
    Placement,
    Room,
    one_side_of,
    place,
    room_of,
    room_within,
)
from derivkit.methods.stencil.tableau import TableauQuestion
from derivkit.methods.together import Course, CourseMethod
from derivkit.validation import is_count, is_positive, is_text, shown

__all__ = ["Finite"]

AUTO = "auto"
EXTRAPOLATIONS = (None, "richardson", "ridders", "gauss-richardson", "gre")

# The outermost sample of automatic steps, in units of the line's scale. A sixteenth is far inside
# the quarter at which real codes begin to fail, and near enough for three levels of a five-point
# stencil to be exact to rounding even where f varies eight times faster than the scale says.
# Rounding goes as h**-order, so higher derivatives reach further. The numbers are not round,
# because steps in round units meet the periods of models in round units.
SEQUENCE_REACH = {1: 0.0618, 2: 0.1236}
SEQUENCE_REACH_BEYOND = 0.2472

# Two levels of a five-point stencil are seven samples. They must lie this much closer for their
# last coefficients to hold rounding instead of signal; only then can the noise be told.
TWO_LEVELS = 0.3

WIDER = 8.0  # a step at which f does not change at all is tried once more, this much larger

FIRST_LEVELS = 3  # the fewest levels that show whether the results converge
MOST_LEVELS = 10
PATIENCE = 2  # levels in a row that must fail to help before the search ends …
PATIENCE_IF_POOR = 6  # … if its error is more than this part of the value
POOR = 0.03
DOUBTFUL = 1e-3  # a shifted stencil beside a bound with a larger relative error is not believed
ROUNDING = 3.0  # units of rounding of f: below, its noise is rounding and no step will change it
HELPS = 0.5  # a level helps if it brings some output's error down to this


CENTRAL_RETREATS = 5  # before x0 is taken to lie on the wall: a factor 16 each, 1e6 in all
MOST_RETREATS = CENTRAL_RETREATS + 4  # stencils tried where the model turns out to be undefined


@dataclass(frozen=True)
class Finite(CourseMethod):
    r"""Finite differences on a stencil of ``num_points`` nodes.

    Parameters
    ----------
    stepsize : float, "auto", or floats for each parameter: a sequence, or a dict by name
        Distance of neighbouring nodes in units of t (along a coordinate: of x); of several, the
        largest one; a parameter that a dict does not name has "auto". That is relative to the
        line's scale: a single stencil takes the step at which truncation and rounding balance for
        a function that varies over that scale, several levels begin with their outermost node a
        sixteenth of the scale away. Bounds and walls make steps smaller or shift the stencil.
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
    smooth function: there the error is some hundred times too large; a third level mends it.
    Beside a bound or a wall nearer than the step, the stencil is made smaller before it is shifted
    to one side. Where f does not change at all within an automatic stencil, one eight times as wide
    is tried: it may have stood on a tread of a rounded input or output. Two sides of x0 that
    contradict each other (a kink) are unresolved.

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

    stepsize: float | Literal["auto"] | Sequence[Any] | Mapping[str, float] = "auto"
    num_points: int = 5
    extrapolation: Literal["richardson", "ridders", "gauss-richardson", "gre"] | None = None
    levels: int | None = None

    def __post_init__(self) -> None:
        given: Any = self.stepsize
        each = _steps(given)
        if not is_text(given, AUTO) and not (each and all(map(is_positive, each))):
            raise ValueError(
                "`stepsize` must be a positive number, one a parameter, or 'auto', got "
                f"{shown(given)}"
            )
        if isinstance(given, Mapping) or np.ndim(given) == 1:
            several = given.items() if isinstance(given, Mapping) else map(float, each)
            object.__setattr__(self, "stepsize", tuple(several))
        if not is_count(self.num_points) or self.num_points < 3 or self.num_points % 2 == 0:
            raise ValueError(
                f"`num_points` must be odd and at least 3, got {shown(self.num_points)}"
            )
        if self.extrapolation is not None and not is_text(self.extrapolation, *EXTRAPOLATIONS):
            known = ", ".join(map(repr, EXTRAPOLATIONS))
            raise ValueError(
                f"`extrapolation` must be one of {known}, got {shown(self.extrapolation)}"
            )
        if self.levels is not None and not (is_count(self.levels) and self.levels >= 2):
            raise ValueError(f"`levels` must be None or at least 2, got {shown(self.levels)}")

    def course(self, line: Line, order: int) -> Course:
        """Differentiate ``order`` times with respect to t, at t = 0."""
        if not 1 <= order < self.num_points:
            raise ValueError(
                f"`num_points` must be more than the order of the derivative, {order}, "
                f"got {self.num_points}"
            )
        given: Any = line.step if isinstance(self.stepsize, tuple) else self.stepsize
        free = given is None or given == AUTO
        step = self._first_step(line, order) if free else float(given)
        shrinking = FREE_SHRINKING if free else 1.0
        room, reach, extra = room_of(line), 0.0, 0 if self.extrapolation else 1
        fallback: Estimate | None = None
        retreats = 0
        while retreats < MOST_RETREATS:
            placed = place(step, self.num_points, order, extra, room, line, shrinking=shrinking)
            try:
                climbed = yield from self._climb(placed, line, order)
            except BudgetSpentError:
                if fallback is None:
                    raise
                return fallback
            samples, fit = climbed.samples, climbed.fit
            reach = max(reach, samples.reach)
            if fit is not None:
                shifted, spent = not placed.central, climbed.spent
                answer = conclude(samples, fit, reach=reach, one_sided=shifted, spent=spent)
                if free and not fit.value.any() and samples.constant:
                    # a tread, perhaps: looked at once more, wider
                    fallback, free, step = answer, False, WIDER * step
                    continue
                if fallback is not None or not _doubtful(fit, placed, room):
                    return answer
                fallback = answer
            retreats += 1
            room = room_within(samples.t, samples.undefined_places, room)
            shrinking = math.inf  # beside a wall functions vary over the distance to it
            if retreats > CENTRAL_RETREATS:
                room, shrinking = one_side_of(room), 1.0
        return fallback or nothing_defined(len(samples.defined), reach)

    def _first_step(self, line: Line, order: int) -> float:
        """Return the step to begin with, where none is given."""
        if self.extrapolation is None:
            return balanced_step(self.num_points, order) * line.scale
        reach = SEQUENCE_REACH.get(order, SEQUENCE_REACH_BEYOND)
        if self.levels == 2:
            reach *= TWO_LEVELS
        return reach / (self.num_points // 2) * line.scale

    def _climb(self, placed: Placement, line: Line, order: int) -> Generator[Any, Any, _Climbed]:
        """Ask for one level after another until no further one pays."""
        levels, most = self._levels(placed, line, order)
        origin, fixed = 0.0 if placed.exact else line.origin, self.levels is not None
        values, fit, idle = np.empty((0, 1)), None, 0
        climbed: _Climbed | None = None
        while True:
            sequence = self._sequence(placed, order, levels)
            places = sequence.nodes * placed.step
            try:
                fresh = yield places[len(values) :]
            except BudgetSpentError:
                if climbed is not None:
                    return climbed._replace(spent=True)
                if levels <= 2 or self.extrapolation is None:
                    raise
                levels, most = 2, 2
                continue
            values = np.concatenate([values, fresh]) if len(values) else fresh
            samples = Sampled(places, values, ~np.isnan(values[0]))
            if not samples.complete and (
                samples.undefined_places.any() or not samples.defined.any()
            ):
                return _Climbed(samples, None)
            last, options = fit, (order, placed.step, origin, self.extrapolation, fixed)
            fit = yield TableauQuestion(sequence, samples.seen, *options)
            helped = last is None or (fit.bar < HELPS * last.bar).any()
            idle = 0 if helped else idle + 1
            climbed = _Climbed(samples, fit)
            if levels >= most or _settled(fit, idle):
                return climbed
            levels += 1

    def _levels(self, placed: Placement, line: Line, order: int) -> tuple[int, int]:
        """Return how many levels to ask for first, and at most."""
        if self.extrapolation is None:
            return 1, 1
        first, most = (self.levels, self.levels) if self.levels else (FIRST_LEVELS, MOST_LEVELS)
        if line.budget is not None:
            while most > 2 and len(self._sequence(placed, order, most).nodes) - 1 > line.budget:
                most -= 1
        return min(first, most), most

    def _sequence(self, placed: Placement, order: int, levels: int) -> StepSequence:
        if self.extrapolation is None:
            return plain_stencil(placed.offsets, placed.wider, order)
        return step_sequence(placed.offsets, order, levels)


class _Climbed(NamedTuple):
    """What one stencil's steps gave: the samples, and a fit if all are defined."""

    samples: Sampled
    fit: Fit | None
    spent: bool = False


def _settled(fit: Fit, idle: int) -> bool:
    """Tell whether no further level is worth its calls.

    That is so where only rounding is left, or where `idle` levels in a row have not helped: fewer
    of them where noise explains the error, more where hardly anything of the derivative is known,
    as that may be structure finer than the steps.
    """
    noise_only = fit.truncation <= fit.carried
    if (noise_only & (fit.sigma <= ROUNDING * fit.floor)).all():
        return True
    poor = fit.bar > POOR * np.abs(fit.value)
    patience = np.where(poor, PATIENCE_IF_POOR, np.where(noise_only, 1, PATIENCE))
    return bool((idle >= patience).all())


def _doubtful(fit: Fit, placed: Placement, room: Room) -> bool:
    """Tell whether a shifted stencil is not good enough to pass for what a central one may see."""
    if placed.central or room.short == 0:
        return False
    return bool((fit.bar > DOUBTFUL * np.abs(fit.value)).any())


def _steps(given: Any) -> list[Any]:
    """Return steps that are given as one, by name, or in a row; none where it is neither."""
    try:
        return list(given.values() if isinstance(given, Mapping) else np.ravel(given))
    except Exception:  # noqa: BLE001 - whatever a user's __array__ raises
        return []
