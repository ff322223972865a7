"""Labelled in, labelled out: pandas and xarray objects to arrays and back.

Neither package is ever imported here: an object of theirs can only exist if the user did so.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from derivkit.validation import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Samples", "is_jax", "read_samples"]


@dataclass(frozen=True)
class Samples:
    """Samples without their labels, and the way back.

    Attributes
    ----------
    values : array
        The bare samples.
    spacings : sequence
        As given, or the coordinates of the labels.
    axis : None, int or tuple of int
        As given, names of dimensions turned into numbers.
    relabel : callable
        Gives an array of the shape of ``values`` the labels of the input.
    """

    values: Any
    spacings: Sequence[Any]
    axis: Any
    relabel: Callable[[Any], Any]


def read_samples(f: Any, spacings: Sequence[Any], axis: Any) -> Samples:
    """Take the labels off, if there are any; coordinates stand in for spacings not given."""
    if _is(f, "pandas", "Series"):
        series = type(f)
        return _with_coordinates(
            f, [f.index], spacings, axis, lambda v: series(v, index=f.index, name=f.name)
        )
    if _is(f, "pandas", "DataFrame"):
        frame = type(f)
        return _with_coordinates(
            f,
            [f.index, f.columns],
            spacings,
            axis,
            lambda v: frame(v, index=f.index, columns=f.columns),
        )
    if _is(f, "xarray", "DataArray"):
        array = type(f)  # attributes are dropped: the units are not those of f
        return _with_coordinates(
            f,
            [f.coords.get(d) for d in f.dims],
            spacings,
            _axis_numbers(f.dims, axis),
            lambda v: array(v, coords=f.coords, dims=f.dims, name=f.name),
        )
    return Samples(f, spacings, axis, lambda v: v)


def is_jax(f: Any) -> bool:
    """Return whether f is a jax array, traced ones included."""
    return _is(f, "jax", "Array")


def _is(f: Any, module: str, name: str) -> bool:
    """Return whether f is an instance of a class of a module that need not be installed."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(f, kind)


def _with_coordinates(
    f: Any, labels: Sequence[Any], spacings: Sequence[Any], axis: Any, relabel: Callable[[Any], Any]
) -> Samples:
    """Return samples whose spacings, unless given, are the labels of the wanted axes."""
    if not spacings:
        wanted = range(len(labels)) if axis is None else np.atleast_1d(axis)
        # An axis out of range is reported where the axes are read, as for a bare array.
        spacings = [_coordinates(labels[a]) for a in wanted if -len(labels) <= a < len(labels)]
    return Samples(f.to_numpy(), spacings, axis, relabel)


def _axis_numbers(dims: Sequence[Any], axis: Any) -> Any:
    """Return ``axis`` with the names of dimensions replaced by their numbers."""
    if isinstance(axis, (tuple, list)):
        return tuple(_axis_numbers(dims, a) for a in axis)
    if isinstance(axis, str):
        if axis not in dims:
            raise ValueError(f"`axis` must be one of {tuple(dims)}, got {shown(axis)}.")
        return tuple(dims).index(axis)
    return axis


def _coordinates(labels: Any) -> Any:
    """Return labels as numbers; times become seconds since the first."""
    if labels is None:
        return 1.0
    x = np.asarray(labels.tz_convert(None) if getattr(labels, "tz", None) else labels)
    if x.dtype.kind in "mM":
        return (x - x[:1]) / np.timedelta64(1, "s")
    if x.dtype.kind not in "iuf":
        raise ValueError(
            f"the labels of `f` must be numbers or times to serve as coordinates, got {x.dtype} "
            "labels; pass the spacing, or 1.0 to count samples."
        )
    return x
