"""Derivatives of exact tables at the table's places or between them: interpolating splines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from derivkit.sampled.differences import read_order
from derivkit.sampled.grids import Grid, finite, numeric, read_axes, read_grids
from derivkit.sampled.labels import read_samples
from derivkit.sampled.result import SampledResult
from derivkit.sampled.uncertainty import nearby_max, noise_bar
from derivkit.validation import real_numbers, shown, typed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]

__all__ = ["spline_gradient", "spline_gradient_result"]

# Places in each cell of the table, ends included, where two splines are compared: they may cross.
_PROBES = 5
# As for finite differences: the better spline is itself off by a part of what it tells.
_TRUNCATION = 1.5


@typed
def spline_gradient(
    f: Any, x: Any = None, *, at: ArrayLike | None = None, axis: Any = -1, order: int = 1
) -> Any:
    """Differentiate a table of exact values by the spline through them, at any places inside.

    Parameters
    ----------
    f : array_like, pandas Series or DataFrame, xarray DataArray
        Exact values; for noisy ones see `noisy_gradient`.
    x : scalar or array_like (N,), optional
        Distance of the samples or their coordinates, rising or falling, however uneven. By default
        1, or the coordinates of a labelled ``f``.
    at : array_like (M,), optional
        Where to differentiate, inside the table; by default at its places.
    axis : int or str
        The axis of the table.
    order : int
        Order of the derivative.

    Returns
    -------
    array
        The derivative: without ``at`` of the shape and with the labels of ``f``; with it a bare
        array whose ``axis`` has the length M.

    Raises
    ------
    ValueError
        For values that are not finite, places outside the table, at most ``order`` samples, or a
        bad axis, coordinates or order.
    TypeError
        For values that are not numbers.

    Notes
    -----
    The spline is of degree 5 (7 for orders 3 and 4, and so on; lower where the table is shorter),
    with not-a-knot ends. Unlike a finite difference it is one smooth curve, so that derivatives at
    neighbouring places agree; each depends, ever more weakly, on all values.

    Examples
    --------
    A table on a logarithmic grid, differentiated between its places:

    >>> import numpy as np
    >>> from derivkit import sampled
    >>> x = np.geomspace(1, 100, 40)
    >>> d = sampled.spline_gradient(np.log(x), x, at=[2.0, 20.0])
    >>> bool(np.abs(d - [1 / 2, 1 / 20]).max() < 1e-5)
    True
    """
    return spline_gradient_result(f, x, at=at, axis=axis, order=order).value


@typed
def spline_gradient_result(
    f: Any, x: Any = None, *, at: ArrayLike | None = None, axis: Any = -1, order: int = 1
) -> SampledResult:
    r"""Differentiate a table by the spline through it, and estimate the error of each value.

    Parameters
    ----------
    f, x, at, axis, order
        As for `spline_gradient`.

    Returns
    -------
    SampledResult
        The error is ``inf`` for a table too short for a spline two degrees higher.

    Raises
    ------
    ValueError, TypeError
        As `spline_gradient`.

    Notes
    -----
    The error is the largest difference from the spline two degrees higher, anywhere in the cell of
    the table and its neighbours, plus the scatter or rounding of the values times the gain
    :math:`(\pi / h)^k / \sqrt{2 k + 1}` of the k-th derivative of samples h apart.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import sampled
    >>> x = np.geomspace(1, 100, 40)
    >>> result = sampled.spline_gradient_result(np.log(x), x, at=[2.0, 20.0])
    >>> bool(np.all(np.abs(result.value - [1 / 2, 1 / 20]) <= result.error))
    True
    """
    order = read_order(order)
    samples = read_samples(f, () if x is None else (x,), axis)
    values = finite(numeric(samples.values))
    axes = read_axes(samples.axis, values.ndim)
    if len(axes) != 1 or not values.size:
        raise ValueError(
            f"`axis` must be one axis of samples, got {shown(axis)} of shape {values.shape}."
        )
    (number,) = axes
    (grid,) = read_grids(samples.spacings, (number,), values.shape)
    places = grid.x if at is None else np.atleast_1d(real_numbers("at", at)).astype(grid.x.dtype)
    y = np.moveaxis(values, number, 0).astype(np.result_type(values, np.float64))
    x, y = (grid.x, y) if grid.x[-1] >= grid.x[0] else (grid.x[::-1], y[::-1])
    _check_table(x, places, order)
    try:
        derivative, error, degree = _differentiate(x, y, places, order)
    except ValueError as failed:  # scipy's, of numbers that leave the range of floats
        raise ValueError(
            "`x` and `f` must be of sizes whose quotients are floats; use other units."
        ) from failed
    relabel = samples.relabel if at is None else np.asarray
    return SampledResult(
        value=relabel(np.moveaxis(derivative, 0, number).astype(values.dtype)),
        error=relabel(np.moveaxis(error, 0, number).astype(values.real.dtype)),
        method=f"interpolating spline of degree {degree}",
    )


def _check_table(x: Array, places: Array, order: int) -> None:
    if len(x) <= order:
        raise ValueError(f"`f` must have more than {order} samples for this order, got {len(x)}.")
    outside = places[~((places >= x[0]) & (places <= x[-1]))]
    if outside.size:
        raise ValueError(f"`at` must lie in the table, {x[0]} to {x[-1]}, got {outside[0]}.")


def _differentiate(x: Array, y: Array, places: Array, order: int) -> tuple[Array, Array, int]:
    """Return derivative and error (M, ...) at the places, and the degree of the spline."""
    degree = min(3 + 2 * ((order + 1) // 2), len(x) - 1)
    spline = _derivative(x, y, degree, order)
    value = spline(places)
    if len(x) < degree + 3:
        return value, np.full(value.shape, np.inf), degree
    better = _derivative(x, y, degree + 2, order)
    inner = np.linspace(0, 1, _PROBES)
    probes = (x[:-1, None] + np.diff(x)[:, None] * inner).ravel()
    apart = np.abs(better(probes) - spline(probes)).reshape(len(x) - 1, _PROBES, *y.shape[1:])
    truncation = nearby_max(apart.max(axis=1), 1, 0)
    noise = noise_bar(y, Grid(x, None), degree + 3, 0, np.finfo(y.dtype).eps)
    gain = (np.pi / np.diff(x)) ** order / np.sqrt(2 * order + 1)
    gain = gain.reshape(-1, *(1,) * (y.ndim - 1))
    error = _TRUNCATION * truncation + nearby_max(gain, 1, 0) * np.maximum(noise[1:], noise[:-1])
    cell = np.clip(np.searchsorted(x, places, side="right") - 1, 0, len(x) - 2)
    return value, error[cell], degree


def _derivative(x: Array, y: Array, degree: int, order: int) -> Any:
    from scipy.interpolate import make_interp_spline  # noqa: PLC0415 - keeps the import light

    return make_interp_spline(x, y, k=degree).derivative(order)
