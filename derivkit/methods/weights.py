"""Stencil weights: the one source of finite-difference formulas, for any nodes and any order."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.lagrange import lagrange_derivatives

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
    Fornberg's recursion, in O(order n^2) operations; see `lagrange.lagrange_derivatives`.

    References
    ----------
    Fornberg, B. (1988), Generation of finite difference formulas on arbitrarily spaced grids,
    Math. Comp. 51, 699-706, doi:10.1090/S0025-5718-1988-0935077-0.
    """
    t = np.asarray(nodes, dtype=float) - x0
    unit = float(np.max(np.abs(t))) or 1.0  # products of n raw gaps could leave the float range
    w = lagrange_derivatives((t / unit)[:, None], order)[:, :, 0].T
    return np.asarray(w / unit ** np.arange(order + 1.0)[:, None] + 0.0)  # no -0.0


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
