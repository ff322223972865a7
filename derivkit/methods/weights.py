"""Stencil weights: the one source of finite-difference formulas, for any nodes and any order.

By hand, since numpy and scipy have no weights for nodes that are not evenly spaced.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["fornberg_weights", "lagrange_derivatives", "per_power", "unit_weights", "weight_table"]

Array = NDArray[Any]


def weight_table(nodes: ArrayLike, order: int, x0: float = 0.0) -> NDArray[np.float64]:
    r"""Return the weights of the derivatives 0..order at x0 on arbitrary distinct nodes.

    Parameters
    ----------
    nodes : array_like (n,)
        Places of the samples, distinct, in any order.
    order : int
        Highest derivative; at most n - 1.
    x0 : float
        Where the derivatives are taken.

    Returns
    -------
    ndarray (order + 1, n)
        Row k holds w with :math:`f^{(k)}(x_0) \approx \sum_i w_i f(t_i)`, exact for polynomials
        of degree n - 1. Units of row k: nodes**-k.

    Notes
    -----
    Fornberg's recursion, in O(order n^2) operations; see `lagrange_derivatives`, with the source.

    Examples
    --------
    >>> weight_table([0, 1, 2], 1)
    array([[ 1. ,  0. ,  0. ],
           [-1.5,  2. , -0.5]])
    """
    t = np.asarray(nodes, dtype=float) - x0
    unit = float(np.max(np.abs(t))) or 1.0  # products of n raw gaps could leave the float range
    w = lagrange_derivatives((t / unit)[:, None], order)[:, :, 0].T
    return np.asarray(w / unit ** np.arange(order + 1.0)[:, None] + 0.0)  # no -0.0


def per_power(size: ArrayLike, step: ArrayLike, order: int) -> NDArray[np.float64]:
    """Return ``size / step**order``, also where the power is beyond the range of floats.

    Examples
    --------
    >>> float(per_power(1e250, 1e150, 3) / 1e-200) - 1 < 1e-12
    True
    """
    mantissa, exponent = np.frexp(step)
    return np.asarray(np.ldexp(np.asarray(size) / mantissa**order, -order * exponent))


def fornberg_weights(nodes: ArrayLike, order: int, x0: float = 0.0) -> NDArray[np.float64]:
    """Return the weights (n,) of the ``order``-th derivative at x0; see `weight_table`.

    Parameters
    ----------
    nodes : array_like (n,)
        In any order and spacing.
    order : int
        Of the derivative.
    x0 : float
        Where to differentiate.

    Returns
    -------
    ndarray (n,)

    Examples
    --------
    >>> fornberg_weights([-1, 0, 1], 1)
    array([-0.5,  0. ,  0.5])
    >>> fornberg_weights([-1, 0, 1], 2)
    array([ 1., -2.,  1.])
    """
    weights: NDArray[np.float64] = weight_table(nodes, order, x0)[order]
    return weights


@lru_cache(maxsize=256)
def unit_weights(nodes: tuple[float, ...], order: int) -> NDArray[np.float64]:
    """Return `fornberg_weights` at 0 for nodes that come again and again, kept and read-only."""
    weights = fornberg_weights(nodes, order)
    weights.flags.writeable = False
    return weights


def lagrange_derivatives(t: Array, order: int) -> Array:
    r"""Return the derivatives 0..order at 0 of the Lagrange polynomials of many sets of nodes.

    Parameters
    ----------
    t : ndarray (n, m)
        Column i holds the n distinct nodes of set i, in any order; of size about 1.
    order : int
        Highest derivative, at most n - 1.

    Returns
    -------
    ndarray (n, order + 1, m)

    Notes
    -----
    Fornberg's recursion. With :math:`L_j` the Lagrange polynomials of the nodes so far, a new node
    t turns each into :math:`L_j (x - t) / (x_j - t)` and adds
    :math:`\prod_j (x - x_j) / (t - x_j)`; the recursion carries the derivatives of these at x = 0.

    References
    ----------
    Fornberg, B. (1988), Generation of finite difference formulas on arbitrarily spaced grids,
    Math. Comp. 51, 699-706, doi:10.1090/S0025-5718-1988-0935077-0.
    """
    w = np.zeros((len(t), order + 1, t.shape[1]), dtype=t.dtype)
    w[0, 0] = 1.0
    product = np.ones_like(t[0])  # of the gaps between the previous node and all before it
    for j in range(1, len(t)):
        gaps = t[j] - t[:j]
        ratio, product = product / gaps.prod(axis=0), gaps.prod(axis=0)
        w[j] = ratio * _times_x_minus(t[j - 1], w[j - 1])
        w[:j] = _times_x_minus(t[j], w[:j]) / -gaps[:, None]
    return w


def _times_x_minus(node: Array, derivatives: Array) -> Array:
    """Return the derivatives at 0 of (x - node) p(x) from those of p: k p^(k-1) - node p^(k)."""
    product = -node * derivatives
    k = np.arange(1.0, derivatives.shape[-2])[:, None]
    product[..., 1:, :] += k * derivatives[..., :-1, :]
    return product
