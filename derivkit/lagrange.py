"""Derivatives of Lagrange polynomials: the one recursion behind all finite-difference weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["lagrange_derivatives"]

Array = NDArray[Any]


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
