"""A second derivative in four calls, on a line of which enough is known beforehand.

The Hessian of p parameters has p (p - 1) / 2 lines in the planes of two axes, along which nearly
everything but the number itself is known from the axes: how noisy the model is, and how large its
higher derivatives can be. Then the step follows from a formula, and what the samples say is only
checked against it. Where they contradict, a method that assumes nothing takes over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.protocol import Estimate, Line, Method, Solver
from derivkit.methods.weights import fornberg_weights
from derivkit.status import Status

__all__ = ["InformedSecond"]

LARGEST_STEP = 2.0  # of `unit`: not much further than the axes have been followed
SMALLEST_STEP = 2.0**-16
TINY = 1e-300  # in place of a coefficient of 0: the step is then bounded by LARGEST_STEP
DEVIATIONS = 3.0  # of the noise in the error: covers 99.7 % of a normal distribution
MOST_STEPS = 3  # ladders taken where outputs differ in the step that suits them
SURPRISE = 8.0  # the error may be this many times what was expected before it is looked into
GOOD_ENOUGH = 1e-9  # of the amplitude: an error below is never looked into
RATIO_SAFETY = 4.0  # on the first truncation term guessed from the ratio of the two before
USUALLY = 1 / 8  # of the bound on it: what the first truncation term seldom exceeds


@dataclass(frozen=True, eq=False)
class InformedSecond:
    r"""The second derivative on a ladder of two or three symmetric steps a factor 2 apart.

    Parameters
    ----------
    unit : float
        Length in t up to which the line's neighbours have been sampled.
    noise : ndarray (q,)
        Standard deviation of the model's noise, per output.
    amplitude : ndarray (q,)
        What abs(second derivative) unit**2 is expected to be at most.
    leftover : ndarray (q,)
        Bound on the Taylor coefficient of order ``2 levels + 2`` times unit to that power.
    levels : int
    otherwise : Method
        Takes over where there is no room for symmetric steps, the model is undefined, or the
        samples contradict what was known.

    Notes
    -----
    With nodes :math:`0, \pm h, \pm h/2, …` (L steps) the interpolating polynomial's second
    derivative has truncation error :math:`2 c_{2L+2} \prod_k h_k^2` and noise
    :math:`\sigma \lVert w \rVert = \sigma n / h^2`. Their sum is least at

    .. math:: h^{2L+2} = \sigma n / (2 L c_{2L+2} \prod_k 4^{-k}).
    """

    unit: float
    noise: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    leftover: NDArray[np.float64]
    levels: int
    otherwise: Method

    def solve(self, line: Line, order: int) -> Solver:
        """Differentiate twice; see the class."""
        if order != 2:
            return (yield from self.otherwise.solve(line, order))
        best = self._best_steps()
        value, error, step = (np.full(best.shape, x) for x in (np.nan, np.inf, np.nan))
        for _ in range(MOST_STEPS):
            wanting = error > self._good_enough(best)
            if not wanting.any():
                break
            relative = _short(float(best[wanting].min()))
            if relative * self.unit > min(-line.lower, line.upper):
                return (yield from self.otherwise.solve(line, order))
            values = yield symmetric_nodes(self.levels) * (relative * self.unit)
            if not np.isfinite(values).all():
                return (yield from self.otherwise.solve(line, order))
            new, new_error, surprising = self._judged(values, relative)
            if (surprising & wanting).any():
                return (yield from self.otherwise.solve(line, order))
            better = new_error < error
            value, error = np.where(better, new, value), np.where(better, new_error, error)
            step = np.where(better, relative * self.unit, step)
        square = self.unit**2
        reach = float(np.max(step))
        return Estimate(value / square, error / square, Status.CONVERGED, step, self.noise, reach)

    def _best_steps(self) -> NDArray[np.float64]:
        """Return the steps, in units of `unit`, at which noise and truncation balance, (q,)."""
        _, spread = _rule(self.levels)
        product = 4.0 ** -sum(range(self.levels))
        leftover = np.maximum(USUALLY * self.leftover, TINY)
        ratio = self.noise * spread / (2 * self.levels * product * leftover)
        best = ratio ** (1 / (2 * self.levels + 2))
        return np.asarray(np.clip(best, SMALLEST_STEP, LARGEST_STEP))

    def _good_enough(self, best: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the errors with which an output need not have a step of its own."""
        _, spread = _rule(self.levels)
        expected = DEVIATIONS * self.noise * (spread / best**2)
        return np.asarray(np.maximum(SURPRISE * expected, GOOD_ENOUGH * self.amplitude))

    def _judged(
        self, values: NDArray[np.float64], relative: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return value and error, in units of unit**-2, and what contradicts the bound."""
        weights, spread = _rule(self.levels)
        value = weights @ values / relative**2
        noise = DEVIATIONS * self.noise * (spread / relative**2)
        steps = relative * 0.5 ** np.arange(self.levels)
        bound = 2 * self.leftover * float(np.prod(steps**2))
        seen = self._truncation_seen(value, values, relative)
        error = noise + np.maximum(USUALLY * bound, seen)
        usual = np.maximum(SURPRISE * (bound + noise), GOOD_ENOUGH * self.amplitude)
        return value, error, seen > usual

    def _truncation_seen(
        self, value: NDArray[np.float64], values: NDArray[np.float64], relative: float
    ) -> NDArray[np.float64]:
        """Guess the first term left out from how fast the terms before it fall, as they were seen.

        The value without the largest step has an error of the order of its difference d to the
        value; the terms fall at least as fast as d / amplitude does.
        """
        weights, spread = _rule(self.levels - 1)
        inner = (0.5 * relative) ** 2
        without = weights @ values[2:] / inner
        noise = self.noise * (spread / inner)
        d = np.maximum(np.abs(value - without) - DEVIATIONS * noise, 0.0)
        largest = d * 4.0 ** sum(range(self.levels))  # the last term at the largest step
        size = np.maximum(np.maximum(np.abs(value), self.amplitude), largest)
        ratio = (largest / np.where(size > 0, size, 1.0)) ** (1 / (self.levels - 1))
        return np.asarray(RATIO_SAFETY * d * ratio)


def _short(step: float) -> float:
    """Return the step cut to three bits, so that x0 plus or minus it is exact."""
    mantissa, exponent = math.frexp(step)
    return math.ldexp(math.floor(8 * mantissa) / 8, exponent)


@cache
def _rule(levels: int) -> tuple[NDArray[np.float64], float]:
    """Return the weights on the symmetric nodes, and their Euclidean norm."""
    weights = fornberg_weights(symmetric_nodes(levels), 2)
    return weights, float(np.linalg.norm(weights))


@cache
def symmetric_nodes(levels: int) -> NDArray[np.float64]:
    """Return ±1, ±1/2, … and 0 at the end: from the outside in."""
    steps = 0.5 ** np.arange(levels)
    return np.append(np.column_stack([-steps, steps]).ravel(), 0.0)
