"""Where the samples lie: axes and spacings as `numpy.gradient` spells them, checked once."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from derivkit.validation import check_unmasked, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Grid", "finite", "numeric", "read_axes", "read_grids"]

# A coordinate that is a sum or product of two numbers (linspace, arange, start + i * step) is off
# by up to one rounding of each; a model evaluated there is off by as much itself.
_ROUNDINGS = 2.0


@dataclass(frozen=True)
class Grid:
    """The coordinates along one axis.

    Attributes
    ----------
    x : ndarray (N,)
        Strictly monotonic, floating point.
    step : float or None
        The distance of neighbours where it is the same everywhere, else None.
    """

    x: NDArray[Any]
    step: float | None


def read_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes as distinct numbers in 0..ndim-1; None stands for all of them."""
    if axis is None:
        return tuple(range(ndim))
    wanted = [_index(a) for a in (axis if isinstance(axis, (tuple, list)) else (axis,))]
    for a in wanted:
        if not -ndim <= a < ndim:
            raise np.exceptions.AxisError(a, ndim, "axis")
    axes = tuple(a % ndim for a in wanted)
    if len(set(axes)) < len(axes):
        raise ValueError(f"`axis` must name each axis once, got {shown(axis)}.")
    return axes


def _index(axis: Any) -> int:
    try:
        return operator.index(axis)
    except Exception as error:
        raise TypeError(f"`axis` must be whole numbers or None, got {shown(axis)}.") from error


def read_grids(spacings: Sequence[Any], axes: tuple[int, ...], shape: Sequence[int]) -> list[Grid]:
    """Return the grid along each axis from no, one, or as many spacings as there are axes."""
    if not spacings:
        spacings = [1.0] * len(axes)
    elif len(spacings) == 1 and not _real(spacings[0], axes[0] if axes else 0).ndim:
        spacings = list(spacings) * len(axes)
    elif len(spacings) != len(axes):
        raise TypeError(
            f"the spacings must be none, one scalar, or one for each of the {len(axes)} axes, "
            f"got {len(spacings)}; choose the axes with `axis`."
        )
    return [_read_grid(s, a, shape[a]) for s, a in zip(spacings, axes, strict=True)]


def _read_grid(spacing: Any, axis: int, size: int) -> Grid:
    """Return the grid of one axis from a distance or an array of coordinates."""
    x = _real(spacing, axis)
    if x.ndim == 0:
        if not (np.isfinite(x) and x != 0.0):
            raise ValueError(f"the spacing of axis {axis} must be finite and not 0, got {spacing}.")
        x = np.asarray(x * np.arange(size))
        if not np.isfinite(x).all():
            raise ValueError(
                f"the spacing of axis {axis} must fit its {size} samples, got {spacing}."
            )
        return Grid(x, float(spacing))
    if x.shape != (size,):
        raise ValueError(
            f"the coordinates of axis {axis} must be a scalar or an array of shape ({size},), "
            f"got shape {x.shape}."
        )
    gaps = np.diff(x)
    if not (np.isfinite(x).all() and ((gaps > 0).all() or (gaps < 0).all())):
        raise ValueError(
            f"the coordinates of axis {axis} must be finite and rise or fall strictly; sort the "
            "samples by coordinate and merge those at the same place."
        )
    return Grid(x, _common_step(x))


def _real(spacing: Any, axis: int) -> NDArray[Any]:
    """Return a spacing as floating point."""
    check_unmasked(f"spacing of axis {axis}", spacing)
    try:
        x = np.asarray(spacing)
    except Exception as error:
        raise TypeError(
            f"the spacing of axis {axis} must be real numbers, got {shown(spacing)}."
        ) from error
    if x.dtype.kind not in "iuf":
        raise TypeError(f"the spacing of axis {axis} must be real numbers, got dtype {x.dtype}.")
    return x.astype(np.result_type(x, np.float64))


def _common_step(x: NDArray[Any]) -> float | None:
    """Return the step of coordinates that, to rounding, are evenly spaced; else None."""
    if len(x) < 2:
        return 1.0
    step = (x[-1] - x[0]) / (len(x) - 1)
    rounding = _ROUNDINGS * np.finfo(x.dtype).eps * np.abs(x).max()
    even = np.abs(x - (x[0] + step * np.arange(len(x)))).max() <= rounding
    return float(step) if even else None


def numeric(f: Any) -> NDArray[Any]:
    """Return samples as a floating-point or complex array; masked ones are nan."""
    masked = isinstance(f, np.ma.MaskedArray)
    try:
        values = np.ma.getdata(f) if masked else np.asarray(f)
    except Exception as error:
        raise TypeError(f"`f` must hold real or complex numbers, got {shown(f)}.") from error
    if values.dtype.kind not in "iufc":
        raise TypeError(f"`f` must hold real or complex numbers, got dtype {values.dtype}.")
    if values.dtype.kind in "iu":
        values = values.astype(np.float64)
    return np.where(np.ma.getmaskarray(f), np.nan, values) if masked else values


def finite(values: NDArray[Any]) -> NDArray[Any]:
    """Return the samples, checked to be finite."""
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        place = tuple(int(i) for i in bad[0])
        raise ValueError(
            f"`f` must be finite, got {values[place]} at index {place}; leave such samples out and "
            "pass the coordinates of the others."
        )
    return values
