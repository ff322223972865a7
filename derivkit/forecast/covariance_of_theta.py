r"""Covariances that depend on theta: what is differentiated of them, and what they tell.

Data x that scatter about mu with covariance C have the log-density :math:`-\tfrac12 \ln\det C -
\tfrac12 r^T C^{-1} r` with :math:`r = x - \mu`. A forecast has no data yet, so it averages over
them: the mean of :math:`r r^T` is :math:`C_0 + d\mu\,d\mu^T`. Minus twice the difference to the
fiducial point is

.. math:: \ln\det C C_0^{-1} + \operatorname{tr}(C^{-1} C_0) - m + d\mu^T C^{-1} d\mu,

which is 0 there and nowhere less, and whose curvature is that of the Fisher matrix of mean and
covariance (Tegmark, Taylor, Heavens 1997, doi:10.1086/303939). It is twice the Kullback-Leibler
divergence of the two distributions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse.linalg import splu

from derivkit.forecast.covariance import Whitener, of_sparse, of_variances, size_by_signs
from derivkit.forecast.factors import checked_matrix, checked_variances, factor_of, sparse_factor

__all__ = [
    "divergence",
    "entries_of",
    "half_of",
    "of_some_data",
    "twice",
    "whitener_of_half",
    "whole_of",
]

Array = NDArray[np.float64]

COLUMNS = 256
"""Number of columns of a sparse covariance that are solved for at a time."""


def entries_of(C: Any) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where the lower triangle of a covariance has entries that may change."""
    if isinstance(C, np.ndarray):
        return np.tril_indices(len(C))
    rows, columns = sparse.tril(abs(C) + abs(C.T)).nonzero()  # rounding may be skew
    return rows.astype(np.intp), columns.astype(np.intp)


def half_of(C: Any, entries: Any = None) -> Array:
    """Return what is differentiated of a covariance: its variances, or its lower triangle.

    Raises
    ------
    TypeError
        If a sparse one is not 0 where it was at the fiducial point.
    """
    if C.ndim == 1:
        return np.asarray(C)
    rows, columns = entries_of(C) if entries is None else entries
    half = np.asarray(C[rows, columns]).ravel()
    if not isinstance(C, np.ndarray) and sparse.tril(C).count_nonzero() > np.count_nonzero(half):
        raise TypeError(
            "`cov` must be 0 where it is at the fiducial point, got other entries; store those "
            "that are 0 there by chance, or return a dense matrix"
        )
    return half


def whole_of(half: Array, like: Any, entries: Any) -> Any:
    """Return the covariance whose `half_of` is given, of the kind of another."""
    if like.ndim == 1:
        return half
    (rows, columns), m = entries, like.shape[0]
    if isinstance(like, np.ndarray):
        C = np.zeros((m, m))
        C[rows, columns] = C[columns, rows] = half
        return C
    lower = sparse.csc_array((half, (rows, columns)), shape=(m, m))
    return lower + lower.T - sparse.diags_array(lower.diagonal())


def twice(C: Any) -> Any:
    """Return the covariance of real parts and imaginary parts after them, each with C."""
    if C.ndim == 1:
        return np.tile(C, 2)
    if isinstance(C, np.ndarray):
        return linalg.block_diag(C, C)
    return sparse.block_diag((C, C), "csc")


def of_some_data(C: Any, kept: NDArray[np.bool_]) -> Any:
    """Return the covariance of the data that stay."""
    if kept.all():
        return C
    return C[kept] if C.ndim == 1 else C[kept][:, kept]


def divergence(C: Any, C0: Any, moved: Array) -> float:
    """Return twice the divergence of two Gaussians whose means are ``moved`` (m,) apart.

    Raises
    ------
    ValueError
        If C is not positive definite.
    """
    if C.ndim == 1:
        ratio = C0 / checked_variances(C, C.size, "cov")
        return float(np.sum(ratio - 1 - np.log(ratio)) + np.sum(moved**2 / C))
    m = C.shape[0]
    if isinstance(C, np.ndarray):
        L = factor_of(checked_matrix(C, m, "cov"), "cov")
        L0 = factor_of(checked_matrix(C0, m, "cov"), "cov")
        rows = linalg.solve_triangular(L, np.column_stack([L0, moved]), lower=True)
        return float(np.sum(rows**2) - m + 2 * np.sum(np.log(np.diag(L) / np.diag(L0))))
    volume, volume0 = (np.sum(np.log(sparse_factor(each, m, "cov")[2])) for each in (C, C0))
    solver, trace = splu(C.tocsc()), 0.0
    for start in range(0, m, COLUMNS):
        here = slice(start, start + COLUMNS)
        trace += float(np.trace(solver.solve(C0.tocsc()[:, here].toarray())[here]))
    return float(trace - m + volume - volume0 + moved @ solver.solve(moved))


def whitener_of_half(C: Any) -> Whitener:
    r"""Return the whitener of a covariance's own derivatives: dC -> L^-1 dC L^-T / sqrt(2).

    Its rows are those that add tr(C^-1 dC C^-1 dC) / 2 to a Fisher matrix; what it takes and what
    its adjoint gives are `half_of`.
    """
    if C.ndim == 1:
        return of_variances(2 * checked_variances(C, C.size, "cov") ** 2)
    if sparse.issparse(C):
        return _of_sparse_half(C)
    m = len(C)
    L = factor_of(checked_matrix(C, m, "cov"), "cov")
    inverse = linalg.solve_triangular(L, np.eye(m), lower=True)
    rows, columns = np.tril_indices(m)
    counted = np.where(rows == columns, 1.0, 2.0)[:, None]

    def between(left: Array, half: Array) -> Array:
        """Return the half of left dC left^T, for each column of halves."""
        full = np.zeros((half.shape[1], m, m))
        full[:, rows, columns] = full[:, columns, rows] = half.T
        return np.asarray((left @ full @ left.T)[:, rows, columns].T)

    root = np.sqrt(0.5 * counted)  # an entry off the diagonal stands for two
    return Whitener(
        rows.size,
        lambda X: root * between(inverse, X),
        lambda Y: counted * between(inverse.T, Y * root / counted),
        lambda E: np.linalg.norm(root * between(np.abs(inverse), E), axis=0),
    )


def _of_sparse_half(C: Any) -> Whitener:
    """Return `whitener_of_half` of a sparse covariance, by solves: L^-1 dC L^-T is never kept.

    Its columns come in blocks, and are compressed to as many rows as there are derivatives.
    """
    m = C.shape[0]
    rows, columns = entries_of(C)
    whitener = of_sparse(C, m, "cov")
    counted = np.where(rows == columns, 1.0, 2.0)

    def whiten(X: Array) -> Array:
        changes = [whole_of(half, C, (rows, columns)) for half in X.T]
        R = np.zeros((0, len(changes)))
        for start in range(0, m, COLUMNS):
            right = whitener.adjoint(np.eye(m, min(COLUMNS, m - start), -start))
            block = [whitener.whiten(dC @ right).ravel() for dC in changes]
            R = np.asarray(np.linalg.qr(np.concatenate([R, np.stack(block, axis=1)]), mode="r"))
        return np.asarray(np.sqrt(0.5) * R)

    def squared(X: Array) -> Array:
        changes = [whole_of(half, C, (rows, columns)) for half in X.T]
        found = np.zeros_like(X)
        for start in range(0, m, COLUMNS):
            unit = np.eye(m, min(COLUMNS, m - start), -start)
            right = whitener.both(unit)[1]
            here = (columns >= start) & (columns < start + COLUMNS)
            for k, dC in enumerate(changes):
                product = whitener.both(dC @ right)[1]
                found[here, k] = product[rows[here], columns[here] - start]
        return np.asarray(0.5 * counted[:, None] * found)

    def no_adjoint(Y: Array) -> Array:
        raise NotImplementedError("rows are compressed: use `squared`")

    return Whitener(
        rows.size, whiten, no_adjoint, lambda E: size_by_signs(whiten, E, 0), None, squared
    )
