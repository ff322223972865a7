"""What a forecast boils down to: numbers with errors, pivots, ellipses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from derivkit.forecast.information import Array

__all__ = ["Ellipse", "Measured", "Pivot"]


@dataclass(frozen=True)
class Measured:
    """A number and what it may be off."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.6g} ± {self.error:.2g}"


@dataclass(frozen=True)
class Pivot:
    """Scale factor at which w is best known, w there, and its standard deviation."""

    a: float
    value: float
    sigma: float

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

    def points(self, n: int = 200) -> Array:
        """Return n points (n, 2) on the contour, the last as the first."""
        turn = np.linspace(0, 2 * np.pi, n)
        return np.asarray(self.centre + np.stack([np.cos(turn), np.sin(turn)], 1) @ self.axes.T)

    @property
    def area(self) -> float:
        """The area inside."""
        return float(np.pi * abs(np.linalg.det(self.axes)))
