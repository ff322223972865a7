"""What a forecast boils down to: numbers with errors, pivots, ellipses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, norm

from derivkit.forecast.information import Array

__all__ = ["KINDS", "Ellipse", "Measured", "Pivot", "limit_beside_a_bound"]

LEVEL = 0.9545
"""Probability within two sigma of a Gaussian in one dimension, and of the contour in "area"."""

KINDS = {
    "detf": (1.0, 1.0),
    "area": (1.0, 1 / (np.pi * chi2.ppf(LEVEL, 2))),
    "det": (2.0, 1.0),
}
"""Figures of merit: the power of 1 / sqrt(det C), and a factor."""


@dataclass(frozen=True)
class Measured:
    """A number and its error."""

    value: float
    error: float

    @classmethod
    def of_merit(cls, log: float, error: float, kind: str) -> Measured:
        """Return a figure of merit, one of `KINDS`, from ln(1 / sqrt(det C)) and its error."""
        power, factor = KINDS[kind]
        value = factor * math.exp(power * log)
        return cls(value, value * power * error if np.isfinite(error) else math.inf)

    def __str__(self) -> str:
        return f"{self.value:.6g} ± {self.error:.2g}"


@dataclass(frozen=True)
class Pivot:
    """Scale factor at which w is best known, w there, and its standard deviation."""

    a: float
    value: float
    sigma: float

    @classmethod
    def of(cls, values: Array, K: Array, lag: float) -> Pivot:
        """Return w0 + lag wa of values (2,) whose covariance is K K^T, at 1 - a = lag."""
        sigma = float(np.linalg.norm(K[0] + lag * K[1]))
        return cls(1 - lag, float(values[0] + lag * values[1]), sigma)

    @property
    def z(self) -> float:
        """The redshift 1 / a - 1."""
        return 1 / self.a - 1


@dataclass(frozen=True, eq=False)
class Ellipse:
    """A contour of a Gaussian in a plane of two parameters.

    Attributes
    ----------
    centre : ndarray (2,)
    axes : ndarray (2, 2)
        The semi-axes, as columns.
    level : float
        The probability inside.
    """

    centre: Array
    axes: Array
    level: float

    @classmethod
    def of(cls, centre: Array, K: Array, sigma: Array, level: float) -> Ellipse:
        """Return that of two parameters with standard deviations (2,), covariance K K^T."""
        u, s, _ = np.linalg.svd(K / sigma[:, None], full_matrices=False)
        return cls(centre, sigma[:, None] * u * s * math.sqrt(chi2.ppf(level, 2)), level)

    def points(self, n: int = 200) -> Array:
        """Return n points (n, 2) on the contour, the last as the first."""
        turn = np.linspace(0, 2 * np.pi, n)
        return np.asarray(self.centre + np.stack([np.cos(turn), np.sin(turn)], 1) @ self.axes.T)

    @property
    def area(self) -> float:
        """The area inside."""
        return float(np.pi * abs(np.linalg.det(self.axes)))


def limit_beside_a_bound(x: float, sigma: float, below: float, above: float, level: float) -> float:
    """Return the limit of a Gaussian that is cut off at the nearer of two bounds, at a level."""
    inside = norm.cdf(min(below, above) / sigma)
    reach = sigma * norm.ppf(1 - (1 - level) * inside)
    return float(x + (reach if below <= above else -reach))
