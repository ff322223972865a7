"""Derivatives of clean samples by finite differences: `numpy.gradient`, and beyond it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from derivkit.sampled.grids import numeric, read_axes, read_grids
from derivkit.sampled.labels import is_jax, read_samples
from derivkit.sampled.result import SampledResult
from derivkit.sampled.stencils import Formula
from derivkit.sampled.uncertainty import difference_error
from derivkit.validation import is_count, shown, typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from derivkit.sampled.labels import Samples

__all__ = ["gradient", "gradient_result", "one_or_tuple", "read_order"]

_ACCURACIES = (2, 4, 6, 8)


@typed
def gradient(
    f: Any,
    *varargs: Any,
    axis: Any = None,
    edge_order: Literal[1, 2] = 1,
    order: int = 1,
    accuracy: int | None = None,
) -> Any:
    r"""Differentiate an array of samples, as `numpy.gradient` does or more accurately.

    Without ``order`` and ``accuracy`` this *is* `numpy.gradient` (`jax.numpy.gradient` for a jax
    array): the same arguments, numbers and exceptions. For an error of each value see
    `gradient_result`; for noisy samples `noisy_gradient`.

    Parameters
    ----------
    f : array_like, pandas Series or DataFrame, xarray DataArray
        The samples, of any number of dimensions.
    *varargs : scalar or array_like (N,)
        Spacing: nothing (1, or the coordinates of a labelled ``f``; times count in seconds), one
        distance for all axes, or for each axis a distance or the coordinates of its N samples.
    axis : None, int, str or tuple of these
        Axes along which to differentiate, all by default; a dimension's name for a DataArray.
    edge_order : {1, 2}
        Order of accuracy at the edges in the form of numpy; with ``accuracy`` leave it out.
    order : int
        Order of the derivative, along each axis by itself.
    accuracy : {2, 4, 6, 8}, optional
        The error falls as the spacing to this power, at the edges too, on even and uneven grids.
        By default 2, with edges of ``edge_order`` for the first derivative.

    Returns
    -------
    array or tuple of arrays
        The derivative, of the shape, precision and kind of ``f``; a tuple if there are several
        axes. Units: those of f per spacing**order.

    Raises
    ------
    ValueError
        For a bad axis, spacing, order or accuracy, or too few samples.
    TypeError
        For a wrong number of spacings, or samples that are not numbers.

    Notes
    -----
    Each value is the derivative of the polynomial through ``order + accuracy`` neighbouring
    samples. Higher accuracy helps smooth samples only: it amplifies noise a little more, and
    does nothing for a kink.

    References
    ----------
    Fornberg (1988), doi:10.1090/S0025-5718-1988-0935077-0; see `derivkit.methods.weights`.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import sampled
    >>> sampled.gradient(np.array([1, 2, 4, 7, 11, 16]))
    array([1. , 1.5, 2.5, 3.5, 4.5, 5. ])

    The largest error of the derivative of the sine on 50 uneven samples:

    >>> x = 6 * np.linspace(0, 1, 50) ** 1.3
    >>> for accuracy in 2, 4, 6, 8:
    ...     d = sampled.gradient(np.sin(x), x, accuracy=accuracy)
    ...     print(f"{accuracy}  {np.abs(d - np.cos(x)).max():.0e}")
    2  8e-03
    4  1e-04
    6  2e-06
    8  3e-08
    """
    samples = read_samples(f, varargs, axis)
    with np.errstate(over="ignore"):  # inf is told by its error
        derivatives = _derivatives(samples, edge_order, order, accuracy)
    return one_or_tuple([samples.relabel(d) for d in derivatives])


@typed
def gradient_result(
    f: Any,
    *varargs: Any,
    axis: Any = None,
    edge_order: Literal[1, 2] = 1,
    order: int = 1,
    accuracy: int | None = None,
) -> Any:
    """Differentiate an array of samples, and estimate the error of each value.

    Parameters
    ----------
    f, *varargs, axis, edge_order, order, accuracy
        As for `gradient`. A jax array is turned into a numpy array.

    Returns
    -------
    SampledResult or tuple of SampledResult
        One for each axis; ``value`` is what `gradient` returns. The error is ``inf`` at all samples
        along an axis of fewer than ``order + accuracy + 2`` samples, and next to nan.

    Raises
    ------
    ValueError, TypeError
        As `gradient`.

    Notes
    -----
    Two contributions are added. *Truncation*: the difference from the formula two orders more
    accurate, the largest of a sample and its neighbours, for it passes through 0 by chance.
    *Noise*: the scatter that a high divided difference leaves of nearby samples, at least their
    rounding, times the formula's gain. Features narrower than the spacing leave no trace in the
    samples, nor in the error.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import sampled
    >>> x = np.linspace(0, 3, 31)
    >>> result = sampled.gradient_result(np.exp(x), x, accuracy=4)
    >>> bool(np.all(np.abs(result.value - np.exp(x)) <= result.error))
    True
    >>> print(f"{result.error.max():.0e}")
    7e-04
    """
    samples = read_samples(f, varargs, axis)
    values = numeric(samples.values)
    samples = replace(samples, values=values)
    formulas = _formulas(samples, values.shape, edge_order, order, accuracy)
    derivatives = _derivatives(samples, edge_order, order, accuracy)
    return one_or_tuple(
        [
            SampledResult(
                value=samples.relabel(d),
                error=samples.relabel(difference_error(values, d, formula)),
                method=f"finite differences of accuracy {formula.accuracy}",
            )
            for d, formula in zip(derivatives, formulas, strict=True)
        ]
    )


def _derivatives(
    samples: Samples, edge_order: Literal[1, 2], order: int, accuracy: int | None
) -> Sequence[Any]:
    """Return the derivative along each axis, without labels."""
    if accuracy is None and read_order(order) == 1:
        return _standard(samples, edge_order)
    values = samples.values if is_jax(samples.values) else numeric(samples.values)
    formulas = _formulas(samples, values.shape, edge_order, order, accuracy)
    return [_apply(formula, values) for formula in formulas]


def _standard(samples: Samples, edge_order: Literal[1, 2]) -> Sequence[Any]:
    """Return what numpy or jax returns, as a sequence with one item an axis."""
    read_axes(samples.axis, np.ndim(samples.values))
    if not is_count(edge_order):
        raise TypeError(f"`edge_order` must be 1 or 2, got {shown(edge_order)}.")
    if edge_order > 2:
        raise ValueError(f"`edge_order` must be 1 or 2, got {shown(edge_order)}.")
    if not is_jax(samples.values):
        out = np.gradient(
            samples.values, *samples.spacings, axis=samples.axis, edge_order=edge_order
        )
    elif edge_order == 1:
        import jax.numpy as jnp  # noqa: PLC0415 - only a user's jax array leads here

        out = jnp.gradient(samples.values, *samples.spacings, axis=samples.axis)
    else:  # jax has edges of order 1 only; those of order 2 are our accuracy 2
        formulas = _formulas(samples, samples.values.shape, edge_order, 1, None)
        out = [_apply(formula, samples.values) for formula in formulas]
    return out if isinstance(out, (list, tuple)) else [out]


def _apply(formula: Formula, values: Any) -> Any:
    """Return the derivative in the precision of the samples; numpy sums in double at least."""
    if is_jax(values):
        import jax.numpy as jnp  # noqa: PLC0415 - only a user's jax array leads here

        return formula.stencil().apply(
            jnp.asarray(values, jnp.result_type(values, float)), formula.axis
        )
    wide = values.astype(np.result_type(values, np.float64), copy=False)
    return formula.stencil().apply(wide, formula.axis).astype(values.dtype, copy=False)


def _formulas(
    samples: Samples,
    shape: Sequence[int],
    edge_order: Literal[1, 2],
    order: int,
    accuracy: int | None,
) -> list[Formula]:
    """Check the request at the door and return the formula for each axis."""
    order = read_order(order)
    if accuracy is None and order == 1:
        check_edge_order(edge_order)
        edge = 1 + edge_order
    elif edge_order != 1:
        raise ValueError(
            f"`edge_order` must be left out with `accuracy` or `order`, got {shown(edge_order)}: "
            "their edges are as accurate as the middle."
        )
    else:
        edge = order + _read_accuracy(accuracy)
    axes = read_axes(samples.axis, len(shape))
    grids = read_grids(samples.spacings, axes, shape)
    for axis, grid in zip(axes, grids, strict=True):
        if len(grid.x) < edge:
            raise ValueError(
                f"`f` must have at least {edge} samples along axis {axis} for this order and "
                f"accuracy, got {len(grid.x)}; lower `accuracy`."
            )
    accuracy = accuracy or _ACCURACIES[0]
    return [Formula(a, g, order, accuracy, edge) for a, g in zip(axes, grids, strict=True)]


def check_edge_order(edge_order: Any) -> None:
    """Raise unless it is 1 or 2."""
    if not (is_count(edge_order) and edge_order in (1, 2)):
        raise ValueError(f"`edge_order` must be 1 or 2, got {shown(edge_order)}.")


def read_order(order: int) -> int:
    """Return the order of a derivative, checked."""
    if not is_count(order):
        raise TypeError(f"`order` must be a whole number, got {shown(order)}.")
    if order < 1:
        raise ValueError(f"`order` must be 1 or more, got {shown(order)}.")
    return int(order)


def _read_accuracy(accuracy: int | None) -> int:
    """Return the order of accuracy, checked; 2 if not given."""
    if accuracy is None:
        return _ACCURACIES[0]
    if accuracy not in _ACCURACIES:
        raise ValueError(f"`accuracy` must be one of {_ACCURACIES}, got {shown(accuracy)}.")
    return accuracy


def one_or_tuple(items: Sequence[Any]) -> Any:
    """Return the only item by itself, as numpy does for one axis, or else a tuple."""
    return items[0] if len(items) == 1 else tuple(items)
