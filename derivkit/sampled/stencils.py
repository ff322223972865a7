"""Finite-difference formulas for every sample of a table at once.

A sample is differentiated by the polynomial through a window of its neighbours. In the middle of a
table the window is centred on the sample; within half a window of an edge it stays at the edge, and
only the sample moves within it. On a uniform grid all the middle windows share one row of weights.
`numpy.gradient` knows first derivatives to second order alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from derivkit.methods.weights import lagrange_derivatives

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from derivkit.sampled.grids import Grid

    Array = NDArray[Any]

__all__ = ["Formula", "Stencil", "difference_stencil", "window_weights"]

# Windows worked on at a time: 13 nodes x 2 orders x 4096 doubles (0.85 MB) stay in a core's cache.
_BLOCK = 4096


def window_weights(nodes: Array, at: Array, order: int) -> Array:
    r"""Return the weights of the ``order``-th derivative on many windows of nodes.

    Parameters
    ----------
    nodes : ndarray (m, n)
        Row i holds the distinct nodes of window i, in any order.
    at : ndarray (m,)
        Where in its window the derivative is taken.
    order : int
        Order of the derivative, at most n - 1.

    Returns
    -------
    ndarray (m, n)
        Row i holds w with :math:`f^{(k)}(at_i) \approx \sum_j w_j f(nodes_{ij})`, exact for
        polynomials of degree n - 1. Units: nodes**-order.

    Examples
    --------
    >>> window_weights(np.array([[0, 1, 3], [0, 1, 5]]), np.array([1, 1]), 1)
    array([[-0.66666667,  0.5       ,  0.16666667],
           [-0.8       ,  0.75      ,  0.05      ]])
    """
    shifted = nodes - at[:, None]
    unit = np.abs(shifted).max(axis=1, keepdims=True)  # products of raw gaps could overflow
    t = shifted / unit
    blocks = range(0, len(t), _BLOCK)
    weights = [lagrange_derivatives(t[i : i + _BLOCK].T, order)[:, order] for i in blocks]
    scaled: Array = np.concatenate(weights, axis=-1).T / unit**order
    return scaled


@dataclass(frozen=True)
class Stencil:
    """The formula for one derivative at each of the N samples along an axis.

    Attributes
    ----------
    left : ndarray (r, e)
        Weights of the first r samples on the first e.
    middle : ndarray (n, 1) or (n, N - n + 1)
        Weights on n neighbours, one column a sample; one column for all on a uniform grid.
    right : ndarray (n - 1 - r, e)
        Weights of the last samples on the last e.
    """

    left: Array
    middle: Array
    right: Array

    def apply(self, samples: Any, axis: int) -> Any:
        """Return the derivative along ``axis`` of a numpy or jax array, in its own shape."""
        if not isinstance(samples, np.ndarray):
            return _apply_functional(self, samples, axis)
        out = np.empty_like(samples)
        f, d = np.moveaxis(samples, axis, 0), np.moveaxis(out, axis, 0)
        first, last = len(self.left), len(f) - len(self.right)
        d[:first] = np.tensordot(self.left, f[: self.left.shape[1]], 1)
        d[first:last] = _slide(self.middle, f)
        d[last:] = np.tensordot(self.right, f[-self.right.shape[1] :], 1)
        return out

    def gain(self, size: int) -> Array:
        """Return the root sum of squares of the weights: (size,), the gain of white noise."""
        middle = np.linalg.norm(self.middle, axis=0)
        count = size - len(self.left) - len(self.right)
        edges = (np.linalg.norm(self.left, axis=1), np.linalg.norm(self.right, axis=1))
        return np.concatenate([edges[0], np.broadcast_to(middle, count), edges[1]])


def _slide(weights: Array, f: Any) -> Any:
    """Return sums (M, ...) of weights (n, 1 or M) times neighbours in f (N, ...)."""
    count = len(f) - len(weights) + 1
    columns = weights.reshape(*weights.shape, *(1,) * (f.ndim - 1))
    # The centre of an antisymmetric formula has no weight; it needs no pass over the samples.
    terms = (w * f[j : j + count] for j, w in enumerate(columns) if w.any())
    total = next(terms)
    for term in terms:
        total += term
    return total


def _apply_functional(formula: Stencil, samples: Any, axis: int) -> Any:
    """Apply a stencil to a jax array, traced or not, whose elements cannot be assigned."""
    import jax.numpy as jnp  # noqa: PLC0415 - only a user's jax array leads here

    f = jnp.moveaxis(samples, axis, 0)
    real = f.real.dtype  # the weights must not promote float32
    parts = (
        jnp.tensordot(jnp.asarray(formula.left, real), f[: formula.left.shape[1]], 1),
        _slide(formula.middle.astype(real), f),
        jnp.tensordot(jnp.asarray(formula.right, real), f[-formula.right.shape[1] :], 1),
    )
    return jnp.moveaxis(jnp.concatenate(parts), 0, axis)


@dataclass(frozen=True)
class Formula:
    """What is asked of a stencil.

    Attributes
    ----------
    axis : int
    grid : Grid
        Where the samples along ``axis`` lie.
    order, accuracy : int
        The ``order``-th derivative, with an error of spacing**accuracy in the middle.
    edge : int
        How many samples the formula takes at the edges.
    """

    axis: int
    grid: Grid
    order: int
    accuracy: int
    edge: int

    @property
    def interior(self) -> int:
        """How many samples the formula takes in the middle.

        ``order + accuracy`` nodes are exact to that accuracy anywhere; on a uniform grid the
        symmetry of an even derivative saves one.
        """
        return self.order + self.accuracy - (self.grid.step is not None and self.order % 2 == 0)

    def more_accurate(self) -> Formula:
        """Return the formula two orders more accurate, at the edges too."""
        better = self.accuracy + 2
        return replace(self, accuracy=better, edge=self.order + better)

    def stencil(self) -> Stencil:
        """Return the weights; the grid must hold at least as many samples as either window."""
        step, interior, order = self.grid.step, self.interior, self.order
        nodes = np.arange(float(len(self.grid.x))) if step is not None else self.grid.x
        first = (interior - 1) // 2
        last = len(nodes) - (interior - 1 - first)
        windows = sliding_window_view(nodes, interior)[: 1 if step is not None else None]
        middle = window_weights(windows, windows[:, first], order)
        if step is not None:  # the exact weights mirror, up to the sign (-1)^order
            middle = (middle + (-1) ** order * middle[:, ::-1]) / 2
        left = _edge_weights(nodes[: self.edge], nodes[:first], order)
        right = _edge_weights(nodes[-self.edge :], nodes[last:], order)
        unit = 1.0 if step is None else step**order
        return Stencil(left / unit, middle.T / unit, right / unit)


def _edge_weights(nodes: Array, at: Array, order: int) -> Array:
    """Return the weights (len(at), len(nodes)) of one window for several places in it."""
    if at.size == 0:
        return np.zeros((0, len(nodes)))
    return window_weights(np.broadcast_to(nodes, (len(at), len(nodes))), at, order)


def difference_stencil(grid: Grid, count: int) -> Stencil:
    """Return the divided difference of ``count`` samples, scaled to unit gain of white noise.

    It is blind to polynomials of degree count - 2, so of smooth, resolved samples it leaves noise.
    """
    windows = sliding_window_view(grid.x, count)[: 1 if grid.step is not None else None].T
    t = (windows - windows[0]) / (windows[-1] - windows[0])
    weights = np.stack([1 / np.delete(t[j] - t, j, axis=0).prod(axis=0) for j in range(count)])
    weights /= np.linalg.norm(weights, axis=0)
    first = (count - 1) // 2
    left = np.tile(weights[:, 0], (first, 1))
    right = np.tile(weights[:, -1], (count - 1 - first, 1))
    return Stencil(left, weights, right)
