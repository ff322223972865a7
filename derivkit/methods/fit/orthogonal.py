"""Orthonormal polynomials on a set of nodes: what samples say, degree by degree.

With P_0, P_1, … orthonormal over the nodes, the coefficients g_k = sum_i P_k(t_i) f(t_i) of
samples with independent noise of level sigma all carry noise of the same level sigma; the signal of
a smooth function falls with k. So the low coefficients are the derivative, the high ones measure
truncation or noise, and every least-squares fit is a partial sum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Basis", "Polynomials", "basis", "combined", "polynomials", "side_by_side"]

Floats = NDArray[np.float64]


NEARLY_SYMMETRIC = 0.01
"""On places that are symmetric up to this part, every second degree hardly changes a derivative."""


@dataclass(frozen=True, slots=True)
class Basis:
    """Orthonormal polynomials on m nodes, the nodes scaled so that the farthest lies at 1.

    Attributes
    ----------
    rows : ndarray (m, m)
        P_k(t_i): row k turns samples into the coefficient g_k.
    slopes : ndarray (m, 1)
        The derivative of P_k at 0, of the order that is wanted.
    leads : ndarray (m, 1)
        The leading coefficient of P_k.
    degrees : ndarray (c,)
        Degrees k at which the fit's derivative changes, from the order upwards.
    norms : ndarray (c, 1)
        Noise of the derivative of each fit, for noise 1 in the samples.
    unseen : ndarray (c, 1)
        Noise of the next coefficient's part in the derivative, for noise 1 in the samples; 0 where
        there is no next one.
    starts : ndarray (c,)
        First coefficient that is no part of the fit, for the estimate of noise.
    dof : ndarray (c, 1)
        How many such coefficients there are.
    next_two : tuple of float
        What unit coefficients of t**m and t**(m+1) do to the derivative of the full interpolant.
    gaps : ndarray (m - 1, 1)
        Between neighbouring nodes, as they were given.
    sides : int
        0 if there are nodes on both sides of x0, else the side they are on.

    Of several bases `side_by_side`, what has one column here has one for each sample's column.
    """

    rows: Floats
    slopes: Floats
    leads: Floats
    degrees: NDArray[np.int64]
    norms: Floats
    unseen: Floats
    starts: NDArray[np.int64]
    dof: Floats
    next_two: tuple[float | Floats, float | Floats]
    gaps: Floats
    sides: int

    def coefficients(self, samples: Floats) -> Floats:
        """Return the coefficients g (m, q) of the columns of samples (m, q)."""
        return combined(self.rows, samples)


@dataclass(frozen=True, slots=True)
class SideBySide(Basis):
    """Bases of equally many nodes and equal degrees, each for a run of columns.

    Attributes
    ----------
    runs : tuple of (slice, ndarray (m, m))
        Columns, and the `rows` that are theirs.
    """

    runs: tuple[tuple[slice, Floats], ...]

    def coefficients(self, samples: Floats) -> Floats:
        """Return the coefficients g (m, q) of the columns of samples (m, q)."""
        return np.concatenate([combined(rows, samples[:, run]) for run, rows in self.runs], axis=1)


@dataclass(frozen=True, eq=False, slots=True)
class Polynomials:
    """The orthonormal polynomials P_0 … P_{m-1} on m nodes.

    Attributes
    ----------
    rows : ndarray (m, m)
        P_k(t_i): row k times the samples is the coefficient g_k.
    derivatives : ndarray (orders + 1, m)
        Entry [d, k] is the d-th derivative of P_k at 0, in units of nodes**-d.
    leads : ndarray (m,)
        The leading coefficient of P_k.
    """

    rows: Floats
    derivatives: Floats
    leads: Floats


@lru_cache(maxsize=1024)
def polynomials(nodes: tuple[float, ...], orders: int) -> Polynomials:
    """Return the polynomials on distinct nodes of size about 1, with derivatives up to ``orders``.

    Notes
    -----
    The three-term recurrence with full reorthogonalisation (an Arnoldi process for multiplication
    by t), which stays accurate at any degree where raw powers of t do not.

    References
    ----------
    Brubeck, P. D., Nakatsukasa, Y. & Trefethen, L. N. (2021), Vandermonde with Arnoldi, SIAM
    Review 63, 405-415, doi:10.1137/19M130100X.
    """
    t = np.asarray(nodes)
    m = t.size
    rows = np.empty((m, m))
    at_zero = np.zeros((m, orders + 1))  # derivatives 0..orders of P_k at 0
    leads = np.empty(m)
    rows[0], at_zero[0, 0], leads[0] = m**-0.5, m**-0.5, m**-0.5
    ranks = np.arange(1, orders + 1)
    for k in range(1, m):
        row = t * rows[k - 1]
        zero = np.zeros(orders + 1)
        zero[1:] = ranks * at_zero[k - 1, :-1]  # (t P)^(j) = j P^(j-1) at 0
        for _ in range(2):
            overlap = rows[:k] @ row
            row = row - overlap @ rows[:k]
            zero = zero - overlap @ at_zero[:k]
        size = np.linalg.norm(row)
        rows[k], at_zero[k], leads[k] = row / size, zero / size, leads[k - 1] / size
    found = Polynomials(rows, np.ascontiguousarray(at_zero.T), leads)
    for array in (found.rows, found.derivatives, found.leads):
        array.flags.writeable = False
    return found


def combined(functionals: Floats, samples: Floats) -> Floats:
    """Return the functionals (E, N) of each column of samples (N, q), each in the same way.

    The bits of an ordinary product of matrices depend on how many columns there are.
    """
    return np.asarray((functionals @ samples.T[:, :, None])[:, :, 0].T)


@lru_cache(maxsize=1024)
def basis(nodes: tuple[float, ...], order: int) -> Basis:
    """Return what fits on the nodes need, which must be distinct and more than ``order``."""
    t = np.asarray(nodes)
    t = t / np.max(np.abs(t))
    p = polynomials(tuple(t.tolist()), order)
    return _basis(np.asarray(nodes), t, p, order)


def side_by_side(bases: Sequence[Basis], counts: Sequence[int]) -> Basis:
    """Return bases for counts[n] columns each, in a row; of one kind of nodes, as ladders are."""
    several = [(b, count) for b, count in zip(bases, counts, strict=True) if count]
    first = several[0][0]
    if len(several) == 1:
        return first
    repeats = np.array([count for _, count in several])
    ends = np.cumsum(repeats).tolist()
    runs = zip([0, *ends], ends, several, strict=False)
    columns = {
        name: np.concatenate([getattr(b, name) for b, _ in several], axis=1).repeat(repeats, axis=1)
        for name in ("slopes", "leads", "norms", "unseen", "gaps")
    }
    two, one = (np.array([b.next_two[n] for b, _ in several]).repeat(repeats) for n in (0, 1))
    return SideBySide(
        **columns,
        rows=first.rows,
        degrees=first.degrees,
        starts=first.starts,
        dof=first.dof,
        next_two=(two, one),
        sides=first.sides,
        runs=tuple((slice(start, end), b.rows) for start, end, (b, _) in runs),
    )


def _basis(nodes: Floats, t: Floats, p: Polynomials, order: int) -> Basis:
    rows, slopes, leads = p.rows, p.derivatives[order], p.leads
    m = t.size
    # parity makes every second one vanish to rounding, which is that of the degrees before it: on
    # places two of which nearly coincide the highest ones are so large that all others would vanish
    small = 1e-12 * np.maximum.accumulate(np.abs(slopes))
    slopes = np.where(np.abs(slopes) < small, 0.0, slopes)
    symmetric = np.allclose(t, -t[::-1], rtol=NEARLY_SYMMETRIC, atol=0.0)
    degrees = np.arange(order, m, 2 if symmetric else 1)
    starts = np.minimum(degrees + 2, m - 1)
    norms = np.sqrt(np.cumsum(slopes**2))[degrees]
    return Basis(
        rows=rows,
        slopes=slopes[:, None],
        leads=leads[:, None],
        degrees=degrees,
        norms=norms[:, None],
        unseen=np.append(np.abs(slopes[degrees[1:]]), 0.0)[:, None],
        starts=starts,
        dof=(m - starts)[:, None].astype(float),
        next_two=_next_two(t, order),
        gaps=np.diff(nodes)[:, None],
        sides=int(nodes[0] >= 0) - int(nodes[-1] <= 0),
    )


def _next_two(t: Floats, order: int) -> tuple[float, float]:
    """Return |w^(order)(0)| and |(t w)^(order)(0)| of the nodal polynomial w."""
    w = np.poly(t)[::-1]
    factor = math.factorial(order)
    below = abs(float(w[order - 1])) if order else 0.0
    return factor * abs(float(w[order])), factor * below
