"""Derivatives of noisy samples, with the smoothness chosen from the samples."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from derivkit.sampled import savitzky_golay, smoothing_spline
from derivkit.sampled.differences import one_or_tuple, read_order
from derivkit.sampled.grids import finite, numeric, read_axes, read_grids
from derivkit.sampled.labels import read_samples
from derivkit.sampled.result import SampledResult
from derivkit.validation import is_text, shown, typed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from derivkit.sampled.grids import Grid

    Array = NDArray[Any]

__all__ = ["noisy_gradient", "noisy_gradient_result"]

_METHODS = ("spline", "savgol")
# Beyond it even records go to the moving polynomial, whose cost and resolution follow the length.
_LONG_RECORD = 1000


@typed
def noisy_gradient(
    f: Any, *varargs: Any, axis: Any = None, order: int = 1, method: str | None = None
) -> Any:
    """Differentiate noisy samples, smoothed as much as they themselves ask for.

    Parameters
    ----------
    f, *varargs, axis, order
        As for `gradient`; the samples must be finite. Noise is taken to be independent from sample
        to sample and of one level along a line; lines may differ.
    method : {"spline", "savgol"}, optional
        A smoothing spline, for even and uneven grids, of at most 200 degrees of freedom, or a
        Savitzky-Golay filter, for even grids of any length. By default the spline, and the filter
        for even grids of more than 1000 samples.

    Returns
    -------
    ndarray or tuple of ndarray
        The derivative, of the shape of ``f`` and labelled like it; a tuple if there are several
        axes. Along one axis only is smoothed: that of the derivative.

    Raises
    ------
    ValueError
        For samples that are not finite, fewer than ``2 * order + 6`` of them, an uneven grid for
        the filter, an unknown method, or a bad axis, spacing or order.
    TypeError
        For a wrong number of spacings, or samples that are not numbers.

    See Also
    --------
    noisy_gradient_result : the same with an error for each value, and the smoothness chosen.

    Examples
    --------
    The largest error of plain differences and of the smoothed derivative, noise 0.01:

    >>> import numpy as np
    >>> from derivkit import sampled
    >>> x = np.linspace(0, 6, 200)
    >>> f = np.sin(x) + 0.01 * np.random.default_rng(1).normal(size=200)
    >>> print(f"{np.abs(sampled.gradient(f, x) - np.cos(x)).max():.2f}")
    0.83
    >>> print(f"{np.abs(sampled.noisy_gradient(f, x) - np.cos(x)).max():.2f}")
    0.03
    """
    results = _results(f, varargs, axis, order, method)
    return one_or_tuple([result.value for result in results])


@typed
def noisy_gradient_result(
    f: Any, *varargs: Any, axis: Any = None, order: int = 1, method: str | None = None
) -> Any:
    """Differentiate noisy samples, and estimate the error of each value from their scatter.

    Parameters
    ----------
    f, *varargs, axis, order, method
        As for `noisy_gradient`.

    Returns
    -------
    SampledResult or tuple of SampledResult
        One for each axis. ``method`` names the smoothness chosen.

    Raises
    ------
    ValueError, TypeError
        As `noisy_gradient`.

    Notes
    -----
    The spline penalises the derivative of order + 2 and takes the most likely penalty; the filter
    fits polynomials of degree order + 3 in the window with the least cross-validation score. Either
    fails where neighbouring samples err alike: such noise looks like signal.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import sampled
    >>> x = np.linspace(0, 6, 200)
    >>> f = np.sin(x) + 0.01 * np.random.default_rng(1).normal(size=200)
    >>> result = sampled.noisy_gradient_result(f, x)
    >>> bool(np.mean(np.abs(result.value - np.cos(x)) <= result.error) > 0.95)
    True
    """
    return one_or_tuple(_results(f, varargs, axis, order, method))


def _results(
    f: Any, spacings: Any, axis: Any, order: int, method: str | None
) -> list[SampledResult]:
    """Check the request and return the result of each axis."""
    order = read_order(order)
    if method is not None and not is_text(method, *_METHODS):
        raise ValueError(f"`method` must be one of {_METHODS} or None, got {shown(method)}.")
    samples = read_samples(f, spacings, axis)
    values = finite(numeric(samples.values))
    axes = read_axes(samples.axis, values.ndim)
    grids = read_grids(samples.spacings, axes, values.shape)
    bare = [_along(values, a, grid, order, method) for a, grid in zip(axes, grids, strict=True)]
    return [
        replace(r, value=samples.relabel(r.value), error=samples.relabel(r.error)) for r in bare
    ]


def _along(values: Array, axis: int, grid: Grid, order: int, method: str | None) -> SampledResult:
    """Return the result along one axis, all lines at once."""
    size, least = values.shape[axis], 2 * order + 6
    if size < least:
        raise ValueError(
            f"`f` must have at least {least} samples along axis {axis} for this order, got {size}."
        )
    if method == "savgol" and grid.step is None:
        raise ValueError(
            f"the coordinates of axis {axis} must be evenly spaced for method='savgol', got an "
            "uneven grid; take method='spline'."
        )
    columns = np.moveaxis(values, axis, 0)
    shape = columns.shape
    is_complex = np.iscomplexobj(values)
    lines = columns.reshape(size, -1)
    parts = np.hstack([lines.real, lines.imag]) if is_complex else lines
    derivative, error, how = _smooth(parts.astype(np.float64), grid, order, method)
    if is_complex:
        derivative = _halves(derivative, lambda re, im: re + 1j * im)
        error = _halves(error, np.hypot)
    back = [np.moveaxis(a.reshape(shape), 0, axis) for a in (derivative, error)]
    return SampledResult(back[0].astype(values.dtype), back[1].astype(values.real.dtype), how)


def _smooth(lines: Array, grid: Grid, order: int, method: str | None) -> tuple[Array, Array, str]:
    """Return derivative, error and the smoothness chosen for real lines (N, l)."""
    long = grid.step is not None and len(lines) > _LONG_RECORD
    if grid.step is not None and (method == "savgol" or (method is None and long)):
        return savitzky_golay.smooth_derivative(lines, grid.step, order)
    return smoothing_spline.smooth_derivative(lines, grid.x.astype(np.float64), order)


def _halves(both: Array, join: Any) -> Array:
    """Join the left half of the columns, the real parts, with the right, the imaginary ones."""
    half = both.shape[1] // 2
    joined: Array = join(both[:, :half], both[:, half:])
    return joined
