"""A table of exact values as a function of one number: the spline through it, and its error.

The spline itself is known by `sampled.tables`; here it becomes something `DerivativeKit` can
differentiate, or whose own derivative it takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.validation import real_numbers

__all__ = ["Table", "check_table"]

DEGREE = 7  # of the spline that methods sample: its derivatives up to the fourth are smooth


@dataclass(frozen=True, eq=False)
class Table:
    """Values y (n, *out) at ascending places x (n,); call it to interpolate."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]

    def __call__(self, at: Any) -> Any:
        """Return the spline's value (*out) at a number inside the table."""
        return self._spline(DEGREE)(at)

    def derivative(
        self, at: NDArray[np.float64], order: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the spline's derivative and its error at places (k,), as arrays (k, *out)."""
        from derivkit.sampled import spline_gradient_result  # noqa: PLC0415 - only tables need it

        if order >= len(self.x):
            raise ValueError(
                f"`order` must be less than the table's length {len(self.x)}, got {order}"
            )
        found = spline_gradient_result(self.y, self.x, at=at, axis=0, order=order)
        error = np.asarray(found.error)
        if not np.isfinite(error).all():
            error = self._error_of_short_table(np.asarray(found.value), at, order)
        return np.asarray(found.value), error

    def _error_of_short_table(
        self, value: NDArray[np.float64], at: NDArray[np.float64], order: int
    ) -> NDArray[np.float64]:
        """Return the difference to a spline two degrees lower, and what rounding does."""
        lower = min(3 + 2 * ((order + 1) // 2), len(self.x) - 1) - 2
        if lower < max(order, 1):
            return np.full_like(value, np.inf)
        truncation = np.abs(value - self._spline(lower).derivative(order)(at))
        rounding = np.spacing(np.abs(self.y).max()) * (np.pi / np.diff(self.x).min()) ** order
        return np.asarray(truncation + rounding)

    def _spline(self, degree: int) -> Any:
        from scipy.interpolate import make_interp_spline  # noqa: PLC0415 - keeps the import light

        return make_interp_spline(self.x, self.y, k=min(degree, len(self.x) - 1))


def check_table(tab_x: Any, tab_y: Any) -> Table:
    """Check a table handed to a face, and put it into ascending order.

    Raises
    ------
    TypeError
        If the table is not made of real numbers, or half of it is missing.
    ValueError
        If it is too short, not finite, or its places are not distinct.
    """
    if tab_x is None or tab_y is None:
        raise TypeError("`tab_x` and `tab_y` must be given together, got only one of them")
    x, y = _column("tab_x", tab_x), _column("tab_y", tab_y)
    if x.ndim != 1 or x.size < 2:
        raise ValueError(f"`tab_x` must be a row of at least 2 places, got shape {x.shape}")
    if y.ndim == 0 or len(y) != len(x):
        raise ValueError(f"`tab_y` must have {len(x)} rows, as `tab_x` has, got shape {y.shape}")
    order = np.argsort(x, kind="stable")
    if not np.diff(x[order]).all():
        raise ValueError("`tab_x` must be distinct places, got one of them twice")
    return Table(x[order], y[order])


def _column(name: str, values: Any) -> NDArray[np.float64]:
    array = real_numbers(name, values)
    if not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be finite, got {array[~np.isfinite(array)][0]}")
    return array
