"""How far a finite difference of samples can be off: truncation, noise and rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from derivkit.sampled.stencils import difference_stencil

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from derivkit.sampled.grids import Grid
    from derivkit.sampled.stencils import Formula

    Array = NDArray[Any]

__all__ = ["CONFIDENCE", "difference_error", "nearby_max", "noise_bar"]

# Of the errors 98.8 % lie below this quantile of Student's t; the level itself is estimated.
CONFIDENCE = 0.994
# The difference from a better formula *is* the truncation error where the samples resolve the
# function; where they hardly do, it is a part of it.
_TRUNCATION = 2.0
# Bar of a normal error in units of the largest of 2 * _REACH + 1 nearby contrasts, which is about
# 1.7 standard deviations and below 0.9 in one sample of 40.
_NOISE = 1.8
_REACH = 6
# Nodes of the contrast beyond those of the formula: each leaves less of the signal in the noise.
_EXTRA_NODES = 3


def difference_error(values: Array, derivative: Array, formula: Formula) -> Array:
    """Return the absolute error of a derivative that ``formula`` made of ``values``."""
    error = np.full(values.shape, np.inf, dtype=np.abs(derivative).dtype)
    size, better = len(formula.grid.x), formula.more_accurate()
    if size < better.edge:
        return error
    axis = formula.axis
    wide = values.astype(np.result_type(values, np.float64), copy=False)
    truncation = np.abs(better.stencil().apply(wide, axis) - derivative)
    precision = np.finfo(values.dtype).eps
    noise = noise_bar(wide, formula.grid, better.edge, axis, precision)
    gain = formula.stencil().gain(size).reshape(-1, *(1,) * (values.ndim - 1 - axis))
    rounding = precision * np.abs(derivative)
    bar = _TRUNCATION * nearby_max(truncation, 1, axis) + gain * noise + rounding
    known = np.isfinite(truncation)
    error[known] = bar[known]
    return error


def noise_bar(values: Array, grid: Grid, resolved: int, axis: int, precision: float) -> Array:
    """Return how far each sample may be off: by scatter, or by rounding to ``precision``.

    Scatter is what polynomials through ``resolved`` samples, and a few more, do not explain.
    """
    count = min(resolved + _EXTRA_NODES, len(grid.x))
    scatter = np.abs(difference_stencil(grid, count).apply(values, axis))
    return _NOISE * nearby_max(np.maximum(scatter, precision * np.abs(values)), _REACH, axis)


def nearby_max(values: Array, reach: int, axis: int) -> Array:
    """Return the largest of each value and ``reach`` neighbours on either side; nan counts as 0."""
    from scipy.ndimage import maximum_filter1d  # noqa: PLC0415 - keeps the import light

    largest: Array = maximum_filter1d(
        np.nan_to_num(values, nan=0.0, posinf=np.inf), 2 * reach + 1, axis, mode="nearest"
    )
    return largest
