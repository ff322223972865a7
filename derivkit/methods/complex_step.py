"""The complex step: a first derivative without truncation or cancellation, checked for its duty.

It needs a function that computes with complex numbers as it does with real ones. One that takes
abs, conj or the real part on its way gives a wrong answer with nothing to show for it; so every
answer is compared with real samples.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.protocol import BudgetSpentError, Estimate, Line, Solver
from derivkit.status import Status

__all__ = ["ComplexStep"]

EPS = float(np.finfo(float).eps)
IMAGINARY = 2.0**-100  # of the scale: its square is lost against 1 whatever f does
MOVE = EPS**0.7  # of x0: between three points so close together f' is straight but for rounding
LAST_DIGITS = 4.0  # error, in units of rounding, where those points show none
SAFETY = 8.0  # the error in second differences of one triple, a single draw of the rounding
TINY = float(np.finfo(float).tiny)  # imaginary parts below it have lost digits
FIRST_RADIUS = EPS ** (1 / 3)  # of the scale: truncation and rounding of a difference are alike
LADDER = FIRST_RADIUS * 64.0 ** np.array(
    [-3.0, -2.0, -1.0, 1.0, 2.0]
)  # where the first says little
CLOSE = 1e-8  # a real difference that agrees so well is no accident
TELLING = 1e-3  # a bar of the real differences above this share of the derivative tells too little
CLEAR = 10.0  # bars of distance between the two that cannot be an accident either
ROUNDING = 8.0  # roundings of f in a difference of two of its values


@dataclass(frozen=True)
class ComplexStep:
    r"""First derivatives to rounding, by one complex evaluation.

    The function must take complex parameters and be analytic in its code: no ``abs``, ``conj``,
    ``real``, ``float``, ``math`` functions, or branches on the imaginary part. It is called at
    three complex and two real points a parameter (twelve real ones where two leave a doubt).

    Raises
    ------
    ValueError
        For any order but the first: higher ones would cancel as real differences do.

    Notes
    -----
    :math:`f'(x) = \operatorname{Im} f(x + ih) / h + O(h^2)` with h = 2**-100 of the parameter's
    scale. Two further complex points, right beside x0, show the rounding. Where the real
    differences disagree, the status is `Status.NOT_ANALYTIC`, the error is inf, and the value is
    the real difference. A non-analytic share below about 1e-8 of the derivative goes unseen.

    References
    ----------
    Squire, W. & Trapp, G. (1998), Using complex variables to estimate derivatives of real
    functions, SIAM Review 40, 110-112, doi:10.1137/S003614459631241X.

    Examples
    --------
    >>> from derivkit import CalculusKit
    >>> kit = CalculusKit(lambda x: np.exp(x[0]) * x[1], x0=[0.0, 3.0])
    >>> kit.gradient("complex_step").tolist()
    [3.0, 1.0]
    """

    def solve(self, line: Line, order: int) -> Solver:
        """Differentiate once; see `protocol.Method`."""
        if order != 1:
            raise ValueError(
                f"complex_step gives first derivatives, got order {order}; use method='auto', "
                "or an automatic one such as 'jax'"
            )
        return _first(line)


def _first(line: Line) -> Solver:
    # real samples first, so that the engine meets x0 among real points
    radius = np.array([FIRST_RADIUS])
    differences = _differences(line, radius, (yield _real_places(line, radius)))
    height, move = max(IMAGINARY * line.scale, TINY), _move(line)
    complex_values = yield np.array([0.0, move, 2.0 * move]) + 1j * height
    slopes = complex_values.imag / height
    if not _close(slopes[0], *differences).all():
        with suppress(BudgetSpentError):
            more = _differences(line, LADDER, (yield _real_places(line, LADDER)))
            differences = _joined(differences, more)
    return _judged(slopes[0], _rounding(slopes, complex_values) + TINY / height, *differences)


Differences: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Real differences (k, q), one for each radius, and the rounding in them."""


def _real_places(line: Line, radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return two places a radius: on both sides of x0 where the bounds allow, else on one."""
    h = np.minimum(radii * line.scale, _room(line))
    left, right = np.where(h <= line.upper, (-h, h), (-h, -2 * h))
    left, right = np.where(h <= -line.lower, (left, right), (h, 2 * h))
    return np.concatenate([[0.0], left, right])


def _differences(
    line: Line, radii: NDArray[np.float64], values: NDArray[np.float64]
) -> Differences:
    """Return the slope at 0 of the parabola through f(x0) and the two samples of each radius."""
    t = line.realised(_real_places(line, radii))
    left, right = t[1:].reshape(2, -1, 1)
    at_x0, at_left, at_right = values[0], *values[1:].reshape(2, len(radii), -1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # undefined, no width
        from_left, from_right = (at_left - at_x0) / left, (at_right - at_x0) / right
        slope = (right * from_left - left * from_right) / (right - left)
        size = np.maximum(np.abs(at_left), np.abs(at_right))
        noise = ROUNDING * (EPS * size + TINY) + _stair(values)
        rounding = noise / np.minimum(np.abs(left), np.abs(right))
    return slope, rounding


def _stair(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the height (q,) of the stairs in which f moves; 0 where it moves at every sample."""
    rises = np.abs(values[1:] - values[0])
    smallest = np.min(rises, axis=0, initial=np.inf, where=rises > 0)
    stairs = (rises == 0).any(axis=0) & np.isfinite(smallest)
    return np.where(stairs, smallest, 0.0)


def _joined(some: Differences, more: Differences) -> Differences:
    return np.concatenate([some[0], more[0]]), np.concatenate([some[1], more[1]])


def _room(line: Line) -> float:
    """Return how far a first sample may lie on the side that has more room, for two of them."""
    return max(line.upper, -line.lower) / 4  # half of a few smallest floats may be rounded up


def _move(line: Line) -> float:
    """Return a short move towards the inside of the bounds; a power of two, so made exactly."""
    wanted = max(MOVE * (abs(line.origin) or line.scale), TINY)
    with np.errstate(divide="ignore"):  # no room for any: 2**-inf is 0
        move = 2.0 ** np.floor(np.log2(min(wanted, _room(line))))
    return float(move if line.upper >= -line.lower else -move)


def _rounding(slopes: NDArray[np.float64], values: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Return the rounding error (q,) seen in the slopes (3, q) at the complex points."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is no float32 is none
        single = (values.real == values.real.astype(np.float32)).all(axis=0)
    eps = np.where(single & (values.real[0] != 0), np.finfo(np.float32).eps, EPS)
    seen = SAFETY * np.abs(slopes[0] - 2.0 * slopes[1] + slopes[2])
    floor = LAST_DIGITS * eps * np.abs(slopes[0])
    return np.asarray(np.fmax(floor, seen))


def _close(
    value: NDArray[np.float64], slope: NDArray[np.float64], rounding: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether one real difference (1, q) settles it: it agrees, and well enough to tell."""
    gap, bar = np.abs(slope[0] - value), CLOSE * np.abs(value) + rounding[0]
    telling = bar <= TELLING * np.abs(value)
    return np.asarray((gap <= bar) & (telling | (rounding[0] == 0)))


def _judged(
    value: NDArray[np.float64],
    error: NDArray[np.float64],
    slope: NDArray[np.float64],
    rounding: NDArray[np.float64],
) -> Estimate:
    """Compare the complex step (q,) with all the real differences (k, q)."""
    slopes, bars = _settled(slope, rounding)
    best = np.argmin(bars, axis=0)[None]
    nearest = np.take_along_axis(slopes, best, axis=0)[0]
    bar = np.take_along_axis(bars, best, axis=0)[0] + CLOSE * np.abs(value)
    gap = np.abs(nearest - value)
    agrees = (gap <= bar) & ((bar <= TELLING * np.abs(value)) | (gap == 0))
    undefined = ~np.isfinite(value) | ~np.isfinite(bar)
    apart = ~agrees & ~undefined & (gap > CLEAR * (bar + error))  # imaginary parts underflow
    status = np.full(value.shape, Status.CONVERGED, dtype=object)
    status[agrees] = Status.EXACT
    status[apart] = Status.NOT_ANALYTIC
    status[undefined] = Status.UNDEFINED
    error = np.where(agrees, error, np.maximum(error, gap + bar))
    error = np.where(apart | undefined, np.inf, error)
    return Estimate(np.where(apart, nearest, value), error, tuple(status.tolist()), step=0.0)


def _settled(slope: NDArray[np.float64], rounding: NDArray[np.float64]) -> Differences:
    """Return the finer of every two neighbouring radii, and a bar: their distance and rounding."""
    if len(slope) == 1:
        return slope, rounding
    order = np.argsort(np.concatenate([[FIRST_RADIUS], LADDER]))
    slope, rounding = slope[order], rounding[order]
    steps = np.abs(np.diff(slope, axis=0))
    bars = np.where(np.isfinite(steps), steps + np.maximum(rounding[1:], rounding[:-1]), np.inf)
    return slope[:-1], bars
