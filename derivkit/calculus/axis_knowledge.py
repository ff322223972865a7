"""What the samples along the axes tell about all other lines through x0.

The axes are followed first. They tell the length over which the model varies with each parameter,
the side on which there is room, the noise, and the sizes of the Taylor coefficients. All of this
follows from the values alone, so results do not depend on what a memo held before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.protocol import BudgetSpentError, Estimate, Line, Points, Solver, Values

__all__ = ["Axis", "Log", "recorded", "steps_of", "what_is_known"]

Log = list[tuple[Points, Values]]
"""Requests of a solver, and the values it was sent."""

HIGHEST_TAYLOR = 8  # coefficient read from an axis: for the error of three symmetric steps
ROOM = 2.0**-3  # of a step: less room than this on a side means that it is closed
FIRST_PREDICTED = 5  # lower coefficients are what a prediction rests on
WINDOW = 2.0  # steps that the samples behind an estimate reach at most
SEEN = 4.0  # standard deviations of noise above which a coefficient is believed
ROUNDING = 2.0**-53
VISIBLE = 2.0**7  # times that: noise of the model's own, which sums of many terms do not leave


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter's axis, in units of its own step.

    Attributes
    ----------
    step : float
        A power of two near the half-width of the samples; negative where only the lower side has
        room.
    closed : bool
        Whether one side has no room.
    noise : ndarray (q,)
        Standard deviation of the noise of each output.
    noisy : ndarray (q,)
        Whether that is more than rounding leaves.
    second : ndarray (q,)
        abs(second derivative) step**2.
    taylor : ndarray (HIGHEST_TAYLOR + 1, q)
        Sizes of the Taylor coefficients times step**k.
    """

    step: float
    closed: bool
    noise: NDArray[np.float64]
    noisy: NDArray[np.bool_]
    second: NDArray[np.float64]
    taylor: NDArray[np.float64]


def recorded(solver: Solver, log: Log) -> Solver:
    """Run a solver, and note its requests and their values in ``log``."""
    advance: Callable[..., Points] = solver.__next__
    argument: tuple[Any, ...] = ()
    while True:
        try:
            points = advance(*argument)
        except StopIteration as stop:
            estimate: Estimate = stop.value
            return estimate
        try:
            values = yield points
        except BudgetSpentError as spent:
            advance, argument = solver.throw, (spent,)
        else:
            if not callable(points):  # which waits for other lines
                log.append((points, values))
            advance, argument = solver.send, (values,)


def steps_of(
    estimates: Sequence[Estimate], lines: Sequence[Line], logs: Sequence[Log]
) -> list[tuple[float, bool]]:
    """Return for each axis its signed step, a power of two, and whether a side is closed."""
    return [_step_of(*each) for each in zip(estimates, lines, logs, strict=True)]


def what_is_known(estimate: Estimate, line: Line, log: Log) -> Axis:
    """Gather what an axis taught; ``estimate`` is of its second derivative."""
    step, closed = _step_of(estimate, line, log)
    t, values = _samples(log, len(estimate.value))
    noise = np.broadcast_to(estimate.noise, values.shape[1])
    near = np.abs(t) <= WINDOW * abs(step)  # f may be huge farther out
    floor = ROUNDING * np.max(np.abs(values[near]), axis=0, initial=0.0)
    sigma = np.where(np.isfinite(noise), np.maximum(noise, floor), floor)
    with np.errstate(over="ignore", invalid="ignore"):  # infinitely large, and so never believed
        size = np.abs(np.nan_to_num(estimate.value)) * np.square(np.float64(step))
    return Axis(
        step,
        closed,
        sigma,
        sigma > VISIBLE * floor,
        size,
        _taylor_sizes(t / abs(step), values, sigma),
    )


def _step_of(estimate: Estimate, line: Line, log: Log) -> tuple[float, bool]:
    steps = np.ravel(estimate.step)
    usable = steps[np.isfinite(steps) & (steps > 0)]
    size = float(np.median(usable)) if usable.size else line.scale
    if not (np.abs(estimate.value) > estimate.error).any():
        size = min(size, line.scale)  # steps at which nothing was seen tell no length
    step = float(2.0 ** np.floor(np.log2(size)))
    below, above = _room(line, log)
    closed = min(below, above) < ROOM * step
    return (-step if closed and below > above else step), closed


def _room(line: Line, log: Log) -> tuple[float, float]:
    """Return how far the model may be followed downwards and upwards, as far as is known."""
    t = np.concatenate([points.real for points, _ in log]) if log else np.zeros(0)
    undefined = np.concatenate([np.isnan(v).all(axis=1) for _, v in log]) if log else t > 0
    below = -max((x for x in t[undefined].tolist() if x < 0), default=line.lower)
    above = min((x for x in t[undefined].tolist() if x > 0), default=line.upper)
    return min(below, -line.lower), min(above, line.upper)


def _samples(log: Log, q: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return distinct places, those nearest to 0 first, and the values there, all defined."""
    if not log:  # the budget did not reach this axis
        return np.zeros(0), np.zeros((0, q))
    t = np.concatenate([points for points, _ in log])
    values = np.concatenate([v for _, v in log])
    usable = np.isfinite(values).all(axis=1) & (np.imag(t) == 0)
    t, first = np.unique(t[usable].real, return_index=True)
    nearest = np.argsort(np.abs(t), kind="stable")
    return t[nearest], values[usable][first][nearest].real


def _taylor_sizes(
    t: NDArray[np.float64], values: NDArray[np.float64], noise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return sizes of the Taylor coefficients 0..HIGHEST_TAYLOR for t in units of the step.

    They are those of the polynomial fitted to the samples within the step, of the highest degree
    at which one of its last two coefficients rises above the noise. Those of higher order and those
    that parity makes 0 follow from the rate at which the others fall.
    """
    inside = np.abs(t) <= 1.0 + 1e-9
    sizes = np.zeros((HIGHEST_TAYLOR + 1, values.shape[1]))
    highest = min(HIGHEST_TAYLOR, int(np.count_nonzero(inside)) - 1)
    for degree in range(highest, -1, -1):
        fit = np.linalg.pinv(np.vander(t[inside], degree + 1, increasing=True))
        seen = np.abs(fit @ values[inside])
        drowned = SEEN * np.linalg.norm(fit, axis=1)[:, None] * noise
        if degree < FIRST_PREDICTED or (seen[-2:] > drowned[-2:]).any():
            sizes[: degree + 1] = seen
            break
    return _without_gaps(sizes)


def _without_gaps(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Raise each coefficient from the fifth on to what the four before it predict.

    Two neighbours are taken together, since parity often makes one of them 0; what they lost
    against the two before is what the next ones are expected to lose, or less.
    """
    filled = sizes.copy()
    for k in range(FIRST_PREDICTED, HIGHEST_TAYLOR + 1):
        latest, before = np.max(filled[k - 2 : k], axis=0), np.max(filled[k - 4 : k - 2], axis=0)
        fall = np.divide(latest, before, out=np.ones_like(latest), where=before > latest)
        filled[k] = np.maximum(filled[k], latest * fall)
    return filled
