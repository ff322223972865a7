"""What the samples along one parameter tell: the numbers behind the pictures of one derivative."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

__all__ = ["BACKWARD", "CENTRAL", "FORWARD", "Differences", "Scan"]

CENTRAL, FORWARD, BACKWARD = "central", "forward", "backward"
MOST_DEGREE = 6  # of the fit that is drawn through the samples used
LEFT_OVER = 1.5  # times the least residuals: a fit that leaves no more is as good
SAME_STEP = 4.0  # ulp of x0: x0 + h and x0 - h are rounded once each, and so may h be
NEARLY = 1e-3  # of the step: the two sides of `auto` differ by half of that (`auto.ladder.LEFT`)


@dataclass(frozen=True, eq=False)
class Differences:
    """Plain differences of samples, by ascending step.

    Attributes
    ----------
    kind : ndarray of str (n,)
        "central", "forward" or "backward".
    step, gap : ndarray (n,)
        Their steps, and the distances of their slopes from the answer.
    """

    kind: NDArray[np.str_]
    step: NDArray[np.float64]
    gap: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scan:
    """One derivative and its samples.

    Attributes
    ----------
    name : str
        The parameter.
    origin : float
        Its value at x0.
    t, values : ndarray (n,)
        Distances from x0, ascending and 0 among them, and the model there.
    value, error, step, noise : float
        The answer's.
    status : str
    """

    name: str
    origin: float
    t: NDArray[np.float64]
    values: NDArray[np.float64]
    value: float
    error: float
    step: float
    noise: float
    status: str

    @property
    def at_x0(self) -> float:
        """The model at x0."""
        return float(self.values[self.t == 0][0])

    @property
    def used(self) -> float:
        """Reach of the samples behind the answer; of all where it is not known."""
        known = np.isfinite(self.step) and self.step > 0
        return float(self.step) * (1 + 1e-9) if known else float(np.abs(self.t).max())

    def differences(self) -> Differences:
        """Return the plain differences of the samples and their distances from the answer.

        Central where both sides were sampled at nearly the same distance; else from x0 to the one
        side.
        """
        found = [
            (*steps, abs(slope - self.value))
            for *steps, slope in map(self._slope, self._pairs())
            if np.isfinite(slope)
        ]
        kind, step, gap = zip(*found, strict=True) if found else ((), (), ())
        return Differences(np.array(kind), np.array(step), np.array(gap))

    def truncation(self, h: NDArray[Any], *, central: bool = True) -> NDArray[Any]:
        """Return the truncation of a difference: |f'''| h**2 / 6, or |f''| h / 2 on one side.

        The derivatives are the local fit's; nan where it is of a lower degree.
        """
        order = 3 if central else 2
        leading = self._fit.deriv(order)(0.0) if self._fit.degree() >= order else np.nan
        return np.asarray(abs(leading) * (h**2 / 6 if central else h / 2))

    def noise_of_difference(self, h: NDArray[Any], *, central: bool = True) -> NDArray[Any]:
        """Return the noise of a difference: sigma / (sqrt(2) h), or sqrt(2) sigma / h."""
        return np.asarray(self.noise * (np.sqrt(0.5) if central else np.sqrt(2.0)) / h)

    def tangent(self, t: NDArray[Any]) -> NDArray[Any]:
        """Return the straight line with the answer's slope that touches the fit at x0."""
        return np.asarray(self._fit(0.0) + self.value * t)

    def fit(self, t: NDArray[Any]) -> NDArray[Any]:
        """Return a polynomial through the samples used."""
        return np.asarray(self._fit(t))

    @cached_property
    def _fit(self) -> Polynomial:
        """The polynomial of least degree that leaves hardly more than noise, or than the best."""
        near = np.isfinite(self.values) & (np.abs(self.t) <= self.used)
        t, y = self.t[near], self.values[near]
        degrees = range(min(t.size - 1, 1), min(t.size - 1, MOST_DEGREE) + 1)
        domain = [-self.used, self.used]
        fits = [Polynomial.fit(t, y, degree, domain) for degree in degrees]
        spare = np.maximum(t.size - 1 - np.array(degrees), 1)
        left = np.sqrt([np.sum((fit(t) - y) ** 2) for fit in fits] / spare)
        known = self.noise if np.isfinite(self.noise) else 0.0
        rounding = np.finfo(float).eps * float(np.abs(y).max())
        enough = max(LEFT_OVER * float(left.min()), known, rounding)
        return fits[int(np.argmax(left <= enough))]

    def _pairs(self) -> list[tuple[float, float]]:
        """Return the distances sampled below and above x0, those that are nearly equal in one pair.

        A distance that has no partner has nan instead.
        """
        alone = [-t for t in self.t[self.t < 0].tolist()]
        pairs = []
        for above in self.t[self.t > 0].tolist():
            below = min(alone, key=lambda h: abs(h - above), default=np.nan)
            if not abs(below - above) <= self._apart(above):
                below = np.nan
            alone = [h for h in alone if h != below]
            pairs.append((below, above))
        return sorted([*pairs, *((below, np.nan) for below in alone)], key=np.nanmax)

    def _apart(self, h: float) -> float:
        """Return by how much two steps of h may differ: a few ulp of x0, or a little of h."""
        rounding = SAME_STEP * float(np.spacing(max(abs(self.origin), h)))
        return max(NEARLY * h, min(rounding, h / 4))

    def _slope(self, pair: tuple[float, float]) -> tuple[str, float, float]:
        """Return kind, step and slope of the difference that the defined samples of a pair give."""
        place = dict(zip(self.t.tolist(), self.values.tolist(), strict=True))
        (below, above), start = pair, self.at_x0
        left, right = place.get(-below, np.nan), place.get(above, np.nan)
        if np.isfinite(left) and np.isfinite(right):
            # through three points, so that the second derivative cancels although the steps differ
            slopes = (start - left) / below, (right - start) / above
            return CENTRAL, (below + above) / 2, np.average(slopes, weights=(above, below))
        if np.isfinite(right):
            return FORWARD, above, (right - start) / above
        return BACKWARD, below, (start - left) / below
