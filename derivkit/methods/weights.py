"""Stencil weights: the one source of finite-difference formulas, for any nodes and any order."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["fornberg_weights", "unit_weights", "weight_table"]


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
    Fornberg's recursion: the Lagrange polynomials of the first j nodes are built up node by node,
    and all their derivatives with them, in O(order n^2) operations.

    References
    ----------
    Fornberg, B. (1988), Generation of finite difference formulas on arbitrarily spaced grids,
    Math. Comp. 51, 699-706, doi:10.1090/S0025-5718-1988-0935077-0.
    """
    t = np.asarray(nodes, dtype=float) - x0
    unit = float(np.max(np.abs(t))) or 1.0  # products of n raw gaps could leave the float range
    t = t / unit
    w = np.zeros((order + 1, t.size))
    w[0, 0] = 1.0
    k = np.arange(1.0, order + 1)[:, None]
    product = 1.0  # of the differences between the previous node and all before it
    for j in range(1, t.size):
        gaps = t[j] - t[:j]
        ratio, product = product / np.prod(gaps), np.prod(gaps)
        last = w[:, j - 1].copy()
        w[0, j] = -ratio * t[j - 1] * last[0]
        w[1:, j] = ratio * (k[:, 0] * last[:-1] - t[j - 1] * last[1:])
        shifted = k * w[:-1, :j]
        w[0, :j] *= t[j] / gaps
        w[1:, :j] = (t[j] * w[1:, :j] - shifted) / gaps
    return np.asarray(w / unit ** np.arange(order + 1.0)[:, None])


def fornberg_weights(nodes: ArrayLike, order: int, x0: float = 0.0) -> NDArray[np.float64]:
    """Return the weights (n,) of the ``order``-th derivative at x0; see `weight_table`.

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
