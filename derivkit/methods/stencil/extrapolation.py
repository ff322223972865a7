"""Extrapolation to zero step: the same stencil with several steps, each half the one before.

Every entry of the extrapolation tableau is a linear functional of the samples. Its weights are
worked out once for a stencil, an order and a number of levels, and kept; a set of samples then
costs one product with a small matrix. Nothing here asks for points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.fit.orthogonal import Basis, basis, combined, polynomials
from derivkit.methods.fit.window import MOST_TOLD
from derivkit.methods.weights import fornberg_weights

__all__ = ["StepSequence", "balanced_step", "gauss_richardson", "plain_stencil", "step_sequence"]

Array = NDArray[np.float64]

RATIO = 2.0  # of neighbouring steps: most samples serve on several levels, and halves are exact

NOISE_FREE_DEGREES = 3  # coefficients of degree 0..2 are never taken for noise


@dataclass(frozen=True, eq=False)
class StepSequence:
    """A stencil on L levels, as linear functionals of its N samples.

    Attributes
    ----------
    nodes : ndarray (N,)
        In units of the largest step; 0 first, and a further level's nodes at the end.
    functionals : ndarray (E (2 + j), N)
        The weights of the E candidate values, of the E differences that tell their truncation,
        and of the j coefficients of each that tell its noise.
    told : ndarray (E, 1, 1)
        How many of those j coefficients a candidate has; the others are 0.
    amplification : ndarray (E, 1)
        Factor by which a candidate carries the noise of one sample: the norm of its weights.
    reach : ndarray (E, 1)
        The farthest sample that a candidate uses.
    diagonal : ndarray of int
        The candidates that use all steps from the largest down.
    rungs : ndarray (L, N)
        Weights of the stencil on each level alone.
    powers : tuple of (int, int)
        The error of one rung goes as h**first, h**(first + gap), …
    whole : Basis, optional
        On all nodes, where the last candidate is the derivative of the polynomial through them.
    """

    nodes: Array
    functionals: Array
    told: Array
    amplification: Array
    reach: Array
    diagonal: NDArray[np.intp]
    rungs: Array
    powers: tuple[int, int]
    whole: Basis | None = None

    @property
    def candidates(self) -> int:
        """How many values the tableau offers."""
        return len(self.amplification)


def powers_of(offsets: tuple[int, ...], order: int) -> tuple[int, int]:
    """Return the first power of h in a stencil's error, and the gap to the next."""
    n = len(offsets)
    if sum(offsets) == 0:
        return n - order + (n - order) % 2, 2
    return n - order, 1


@lru_cache(maxsize=64)
def balanced_step(points: int, order: int) -> float:
    """Return the step at which truncation and rounding balance, for derivatives all of size 1.

    With error ``B h**p + N eps / h**d``, B the stencil's first neglected moment and N the sum of
    its absolute weights, that is ``(d N eps / (p B))**(1 / (d + p))``.
    """
    offsets = tuple(range(-(points // 2), points // 2 + 1))
    weights = fornberg_weights(offsets, order)
    p, _ = powers_of(offsets, order)
    moment = abs(float(weights @ np.array(offsets, dtype=float) ** (order + p)))
    noise = float(np.abs(weights).sum()) * np.finfo(float).eps
    ratio = order * noise * math.factorial(order + p) / (p * moment)
    return float(ratio ** (1 / (order + p)))


@lru_cache(maxsize=256)
def step_sequence(offsets: tuple[int, ...], order: int, levels: int) -> StepSequence:
    r"""Return the extrapolation tableau of a stencil.

    Notes
    -----
    With :math:`T_{i0}` the stencil with step :math:`h / 2^i`, whose error is
    :math:`a_1 h^{p_1} + a_2 h^{p_2} + \dots`,

    .. math:: T_{ij} = T_{i,j-1} + \frac{T_{i,j-1} - T_{i-1,j-1}}{2^{p_j} - 1}.

    The candidates are all :math:`T_{ij}` with :math:`j \ge 1`.

    References
    ----------
    Richardson, L. F. (1911), Phil. Trans. R. Soc. A 210, 307-357, doi:10.1098/rsta.1911.0009.
    Ridders, C. J. F. (1982), Accurate computation of F'(x) and F'(x)F''(x), Advances in
    Engineering Software 4, 75-76, doi:10.1016/S0141-1195(82)80057-0.
    """
    nodes = _nodes(offsets, levels)
    rungs = np.array([_rung(nodes, offsets, order, RATIO**-i) for i in range(levels)])
    first, gap = powers_of(offsets, order)
    table = [[rungs[0]]]
    for i in range(1, levels):
        row = [rungs[i]]
        for j in range(1, i + 1):
            shrink = RATIO ** (first + gap * (j - 1)) - 1.0
            row.append(row[j - 1] + (row[j - 1] - table[i - 1][j - 1]) / shrink)
        table.append(row)
    places = [(i, j) for i in range(1, levels) for j in range(1, i + 1)]
    values = [table[i][j] for i, j in places]
    gaps = [table[i][j] - table[i][j - 1] for i, j in places]
    diagonal = [k for k, (i, j) in enumerate(places) if i == j]
    windows = [np.any(rungs[i - j : i + 1] != 0, axis=0) | (nodes == 0) for i, j in places]
    interpolant = np.allclose(values[-1], fornberg_weights(nodes, order), rtol=1e-9, atol=1e-9)
    whole = basis(tuple(nodes.tolist()), order) if interpolant else None
    return _assembled(nodes, values, gaps, windows, diagonal, rungs, (first, gap), whole)


@lru_cache(maxsize=256)
def plain_stencil(offsets: tuple[int, ...], wider: tuple[int, ...], order: int) -> StepSequence:
    """Return a stencil without extrapolation, whose error a wider one tells."""
    nodes = np.array(sorted(wider, key=abs), dtype=float)
    value, check = (_rung(nodes, which, order, 1.0) for which in (offsets, wider))
    everywhere = [np.ones(len(nodes), dtype=bool)]
    powers = powers_of(offsets, order)
    return _assembled(nodes, [value], [check - value], everywhere, [0], value[None], powers, None)


def _assembled(
    nodes: Array,
    values: list[Array],
    gaps: list[Array],
    windows: list[NDArray[np.bool_]],
    diagonal: list[int],
    rungs: Array,
    powers: tuple[int, int],
    whole: Basis | None,
) -> StepSequence:
    """Return the sequence with the coefficients of each candidate's window of nodes.

    Noise is measured where a candidate has its samples: that of many models grows with the step,
    and structure finer than the window looks like noise to it, and to it alone.
    """
    tails = np.zeros((len(values), MOST_TOLD, len(nodes)))
    told = np.zeros((len(values), 1, 1))
    for k, window in enumerate(windows):
        unit = nodes[window] / np.abs(nodes[window]).max()
        own = polynomials(tuple(unit.tolist()), 0).rows[: NOISE_FREE_DEGREES - 1 : -1]
        own = own[:MOST_TOLD]
        tails[k, : len(own), window] = own.T
        told[k] = len(own)
    return StepSequence(
        nodes,
        np.array([*values, *gaps, *tails.reshape(-1, len(nodes))]),
        told,
        np.sqrt(np.square(values).sum(axis=1))[:, None],
        np.array([[np.abs(nodes[window]).max()] for window in windows]),
        np.array(diagonal),
        rungs,
        powers,
        whole,
    )


def _nodes(offsets: tuple[int, ...], levels: int) -> Array:
    """Return the distinct places of all levels, 0 first, each level's new ones at the end."""
    nodes = [0.0]
    for i in range(levels):
        new = {k * RATIO**-i for k in offsets} - set(nodes)
        nodes.extend(sorted(new, key=lambda t: (abs(t), t)))
    return np.array(nodes)


def _rung(nodes: Array, offsets: tuple[int, ...], order: int, step: float) -> Array:
    """Return the weights of the stencil with this step, among all nodes."""
    places = {t: k for k, t in enumerate(nodes.tolist())}
    row = np.zeros(len(nodes))
    weights = fornberg_weights(np.array(offsets, dtype=float), order) / step**order
    row[[places[k * step] for k in offsets]] = weights
    return row


LENGTHS = np.array([0.5, 1.0, 2.0, 4.0])  # of the process, in units of the largest h**gap

ALIKE = 1e-6  # of log-likelihood: two rungs like all lengths equally, but for the rounding

JITTER = 1e-12  # relative; keeps the covariance of long length scales invertible


def gauss_richardson(
    sequence: StepSequence, samples: Array, noise: Array
) -> tuple[Array, Array, Array]:
    r"""Extrapolate by regression with a Gaussian process that knows how the error shrinks.

    Parameters
    ----------
    sequence : StepSequence
    samples : ndarray (N, q)
        Of size about 1.
    noise : ndarray (q,)
        Standard deviation of the noise of one sample.

    Returns
    -------
    value, deviation, amplification : ndarray (q,)
        The limit, the posterior standard deviation of its truncation, and the factor by which it
        carries the noise of one sample; in units of the largest step.

    Notes
    -----
    The rungs are modelled as :math:`D(h) = D(0) + s\,h^p g(h) + \text{noise}` with g a Gaussian
    process of covariance :math:`\exp(-(u - u')^2 / 2\ell^2)`, :math:`u = h^{gap}`; the limit is
    the generalised least-squares estimate with a flat prior. The length is the likeliest of four,
    the shortest where all are alike; the amplitude s has its own maximum-likelihood value.

    References
    ----------
    Oates, C. J., Karvonen, T., Teckentrup, A. L., Strocchi, M. & Niederer, S. A. (2025),
    Probabilistic Richardson extrapolation, J. R. Stat. Soc. B 87, 457-479,
    doi:10.1093/jrsssb/qkae098.
    """
    rungs, first, gap = sequence.rungs, *sequence.powers
    data = combined(rungs, samples).T[:, None, :]  # (q, 1, L)
    prior, carried = _covariances(len(rungs), first, gap), rungs @ rungs.T
    size = np.abs(np.diff(data[:, 0], axis=1)).max(axis=1) / (1.0 - RATIO**-first)
    amplitude = np.maximum(np.maximum(size, noise), np.finfo(float).tiny)
    share = (noise / amplitude) ** 2
    covariance = prior + share[:, None, None, None] * carried  # (q, lengths, L, L)
    inverse = np.linalg.inv(covariance)
    weights = inverse.sum(axis=-1)
    precision = weights.sum(axis=-1)
    weights /= precision[..., None]
    limit = (weights * data).sum(axis=-1)
    rest = data - limit[..., None]
    square = (rest[..., None, :] @ inverse @ rest[..., None])[..., 0, 0] / max(1, len(rungs) - 1)
    likelihood = _log_likelihood(square, covariance, precision, len(rungs))
    best = (likelihood >= likelihood.max(axis=1, keepdims=True) - ALIKE).argmax(axis=1)
    q = np.arange(len(best))
    own = weights[q, best]
    truncation = np.sqrt(np.einsum("qi,qij,qj->q", own, prior[best], own) * square[q, best])
    carried_by = np.sqrt(np.square(combined(rungs.T, own.T)).sum(axis=0))
    return limit[q, best], truncation, carried_by


def _log_likelihood(square: Array, covariance: Array, precision: Array, levels: int) -> Array:
    """Return the restricted likelihood of each length, amplitude and limit integrated out."""
    tiny = np.finfo(float).tiny
    _, determinant = np.linalg.slogdet(covariance)
    dof = levels - 1
    return np.asarray(
        -0.5 * (dof * np.log(np.maximum(square, tiny)) + determinant + np.log(precision))
    )


@lru_cache(maxsize=64)
def _covariances(levels: int, first: int, gap: int) -> Array:
    """Return the prior covariance of the rungs' errors for every length, (lengths, L, L)."""
    h = RATIO ** -np.arange(levels, dtype=float)
    u, b = h**gap, h**first
    likeness = np.exp(-0.5 * ((u[:, None] - u) / LENGTHS[:, None, None]) ** 2)
    return np.asarray(b[:, None] * b * (likeness + JITTER * np.eye(levels)))
