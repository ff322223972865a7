"""Second derivatives in four calls each, on lines of which enough is known beforehand.

The Hessian of p parameters has p (p - 1) / 2 lines in the planes of two axes, along which nearly
everything but the number itself is known from the axes: how noisy the model is, and how large its
higher derivatives can be. Then the step follows from a formula, and what the samples say is only
checked against it. Where they contradict, a method that assumes nothing takes over.

The lines of a Hessian are judged together: each leaves its values, asks for nothing, and
finds the answer when it is resumed. Every operation is one line by line, so that no
line's answer depends on which others there are.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.protocol import Estimate, Line, Method, Points, Solver, Values
from derivkit.methods.together import NOTHING
from derivkit.methods.weights import fornberg_weights, per_power
from derivkit.status import Status

__all__ = ["SURPRISE", "InformedSeconds", "rule", "short", "symmetric_nodes", "weighted"]

Floats = NDArray[np.float64]

LARGEST_STEP = 2.0  # of `unit`: not much further than the axes have been followed
SMALLEST_STEP = 2.0**-16
TINY = 1e-300  # in place of a coefficient of 0: the step is then bounded by LARGEST_STEP
DEVIATIONS = 3.0  # of the noise in the error: covers 99.7 % of a normal distribution
MOST_STEPS = 3  # ladders taken where outputs differ in the step that suits them
SURPRISE = 8.0  # the error may be this many times what was expected before it is looked into
GOOD_ENOUGH = 1e-9  # of the amplitude: an error below is never looked into
RATIO_SAFETY = 4.0  # on the first truncation term guessed from the ratio of the two before
TERMS = 8.0
"""The bound on the first truncation term, of order n, has 2**n terms of one sign and of the largest
size. A sum of functions along the axes has two; more than this number are seldom left of them."""


@dataclass(frozen=True, eq=False)
class InformedSeconds:
    r"""Second derivatives on ladders of two or three symmetric steps a factor 2 apart.

    Parameters
    ----------
    unit : ndarray (n,)
        Length in t up to which a line's neighbours have been sampled.
    noise : ndarray (n, q)
        Standard deviation of the model's noise, per line and output.
    amplitude : ndarray (n, q)
        What abs(second derivative) unit**2 is expected to be at most.
    leftover : ndarray (n, q)
        Bound on the Taylor coefficient of order ``2 levels + 2`` times unit to that power.
    levels : int
    otherwise : Method
        Takes over where there is no room for symmetric steps, the model is undefined, or the
        samples contradict what was known.
    of_difference : bool
        Whether the values judged are half the difference of those on two lines: see `crossed`.

    Notes
    -----
    With nodes :math:`0, \pm h, \pm h/2, …` (L steps) the interpolating polynomial's second
    derivative has truncation error :math:`2 c_{2L+2} \prod_k h_k^2` and noise
    :math:`\sigma \lVert w \rVert = \sigma n / h^2`. Their sum is least at

    .. math:: h^{2L+2} = \sigma n / (2 L c_{2L+2} \prod_k 4^{-k}).
    """

    unit: Floats
    noise: Floats
    amplitude: Floats
    leftover: Floats
    levels: int
    otherwise: Method
    of_difference: bool = False

    def solvers(self, lines: Sequence[Line]) -> list[Solver]:
        """Return a solver for each line, to be driven in common rounds."""
        ladders = _Ladders(self, short(self.best_steps().min(axis=1)))
        return [self._solver(k, line, ladders) for k, line in enumerate(lines)]

    def _solver(self, k: int, line: Line, ladders: _Ladders) -> Solver:
        """Take one ladder, then further ones if there are outputs that it does not suit."""
        if ladders.reach[k] > min(-line.lower, line.upper):
            return (yield from self.otherwise.solve(line, 2))
        values = yield symmetric_nodes(self.levels) * ladders.reach[k]
        ladders.leave(k, values)
        yield NOTHING
        found = ladders.found(k)
        if found.wanting and not found.failed:
            found = yield from self.of([k]).further(line, found)
        if found.failed:
            return (yield from self.otherwise.solve(line, 2))
        unit, reach = self.unit[k], float(np.max(found.step))
        with np.errstate(all="ignore"):  # beyond the range of floats: unresolved
            value, error = per_power(found.value, unit, 2), per_power(found.error, unit, 2)
        return Estimate(value, error, Status.CONVERGED, found.step, self.noise[k], reach)

    def further(self, line: Line, found: _Found) -> Generator[Points, Values, _Found]:
        """Take a ladder for the outputs that want one, and again; ``self`` is of this one line."""
        best, good_enough = self.best_steps()[0], self.good_enough()[0]
        value, error, step = found.value, found.error, found.step
        for _ in range(MOST_STEPS - 1):
            wanting = error > good_enough
            if not wanting.any():
                break
            relative = short(best[wanting].min(keepdims=True))
            reach = float(relative[0] * self.unit[0])
            if reach > min(-line.lower, line.upper):
                return found._replace(failed=True)
            values = yield symmetric_nodes(self.levels) * reach
            new, new_error, surprising = (a[0] for a in self.judged(values[None], relative))
            if (surprising & wanting).any() or not np.isfinite(values).all():
                return found._replace(failed=True)
            better = new_error < error
            value, error = np.where(better, new, value), np.where(better, new_error, error)
            step = np.where(better, reach, step)
        return _Found(value, error, step, failed=False, wanting=False)

    def of(self, which: list[int]) -> InformedSeconds:
        """Return the same for some of the lines."""
        fields = ("unit", "noise", "amplitude", "leftover")
        return replace(self, **{name: getattr(self, name)[which] for name in fields})

    @property
    def _usually(self) -> float:
        """The part of the bound that the first truncation term seldom exceeds."""
        return TERMS / 2.0 ** (2 * self.levels + 2)

    def _spread(self, levels: int) -> float:
        """Return what noise of size 1 does to a rule."""
        weights = rule(levels)
        if self.of_difference:  # that at x0, the last node, is none of it
            return float(np.linalg.norm(weights[:-1])) / math.sqrt(2)
        return float(np.linalg.norm(weights))

    def best_steps(self) -> Floats:
        """Return the steps, in units of `unit`, at which noise and truncation balance, (n, q)."""
        spread = self._spread(self.levels)
        product = 4.0 ** -sum(range(self.levels))
        leftover = np.maximum(self._usually * self.leftover, TINY)
        ratio = self.noise * spread / (2 * self.levels * product * leftover)
        best = ratio ** (1 / (2 * self.levels + 2))
        return np.asarray(np.clip(best, SMALLEST_STEP, LARGEST_STEP))

    def good_enough(self) -> Floats:
        """Return the errors (n, q) with which an output need not have a step of its own."""
        spread = self._spread(self.levels)
        expected = DEVIATIONS * self.noise * (spread / self.best_steps() ** 2)
        return np.asarray(np.maximum(SURPRISE * expected, GOOD_ENOUGH * self.amplitude))

    def judged(self, values: Floats, relative: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Return values and errors (n, q), in units of unit**-2, and what contradicts the bound.

        ``values`` (n, nodes, q) are those on ladders of half-width ``relative * unit`` (n,).
        """
        weights, spread = rule(self.levels), self._spread(self.levels)
        square = relative[:, None] ** 2
        value = weighted(weights, values) / square
        noise = DEVIATIONS * self.noise * (spread / square)
        bound = 2 * self.leftover * square**self.levels * 4.0 ** -sum(range(self.levels))
        seen = self._truncation_seen(value, values, square)
        error = noise + np.maximum(self._usually * bound, seen)
        usual = np.maximum(SURPRISE * (bound + noise), GOOD_ENOUGH * self.amplitude)
        return value, error, seen > usual

    def _truncation_seen(self, value: Floats, values: Floats, square: Floats) -> Floats:
        """Guess the first term left out from how fast the terms before it fall, as they were seen.

        The value without the largest step has an error of the order of its difference d to the
        value; the terms fall at least as fast as d / amplitude does.
        """
        weights, spread = rule(self.levels - 1), self._spread(self.levels - 1)
        inner = 0.25 * square
        without = weighted(weights, values[:, 2:]) / inner
        noise = self.noise * (spread / inner)
        d = np.maximum(np.abs(value - without) - DEVIATIONS * noise, 0.0)
        largest = d * 4.0 ** sum(range(self.levels))  # the last term at the largest step
        size = np.maximum(np.maximum(np.abs(value), self.amplitude), largest)
        ratio = (largest / np.where(size > 0, size, 1.0)) ** (1 / (self.levels - 1))
        return np.asarray(RATIO_SAFETY * d * ratio)


class _Found(NamedTuple):
    """What is known of one line: (q,) each, value and error in units of unit**-2."""

    value: Floats
    error: Floats
    step: Floats
    failed: bool  # undefined somewhere, or not as it was expected to be
    wanting: bool  # there are outputs that another ladder would suit better


class _Ladders:
    """The first ladders of all lines, judged when all are there."""

    def __init__(self, method: InformedSeconds, relative: Floats) -> None:
        self._method = method
        self._relative = relative
        self.reach: list[float] = (relative * method.unit).tolist()
        self._values: dict[int, Values] = {}
        self._found: dict[int, _Found] = {}

    def leave(self, k: int, values: Values) -> None:
        """Take the values of line k."""
        self._values[k] = values

    def found(self, k: int) -> _Found:
        """Return what they tell of line k."""
        if self._values:
            ks = sorted(self._values)
            self._found |= zip(ks, self._judged(ks), strict=True)
            self._values.clear()
        return self._found.pop(k)

    def _judged(self, ks: list[int]) -> Iterator[_Found]:
        method, values = self._method.of(ks), np.stack([self._values[k] for k in ks])
        with np.errstate(invalid="ignore"):  # nan where the model is undefined
            value, error, surprising = method.judged(values, self._relative[ks])
        error = np.where(error < np.inf, error, np.inf)
        failed = np.array(surprising.any(axis=1) | ~np.isfinite(values).all(axis=(1, 2)))
        wanting = np.any(error > method.good_enough(), axis=1)
        step = np.where(error < np.inf, np.array([self.reach[k] for k in ks])[:, None], np.nan)
        value = np.where(error < np.inf, value, np.nan)
        return map(_Found, value, error, step, failed.tolist(), wanting.tolist())


def weighted(weights: Floats, values: Values) -> Floats:
    """Return the weighted sum (n, q) over the nodes of values (n, nodes, q), line by line."""
    total: Floats = weights[0] * values[:, 0]
    for k in range(1, len(weights)):
        total += weights[k] * values[:, k]
    return total


def short(steps: Floats) -> Floats:
    """Return the steps cut to three bits, so that x0 plus or minus them is exact."""
    mantissas, exponents = np.frexp(steps)
    return np.asarray(np.ldexp(np.floor(8 * mantissas) / 8, exponents))


@cache
def rule(levels: int) -> NDArray[np.float64]:
    """Return the weights on the symmetric nodes."""
    return fornberg_weights(symmetric_nodes(levels), 2)


@cache
def symmetric_nodes(levels: int) -> NDArray[np.float64]:
    """Return ±1, ±1/2, … and 0 at the end: from the outside in."""
    steps = 0.5 ** np.arange(levels)
    return np.append(np.column_stack([-steps, steps]).ravel(), 0.0)
