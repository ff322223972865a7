"""Covariances given as numbers: checked and factored.

A dense one is scaled to unit diagonal before it is factored, so that variances of 1e-20 beside
1e20 lose no digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from derivkit.forecast.complex_data import of_real_numbers
from derivkit.validation import check_unmasked, has, real_numbers, shown, without_unit

__all__ = [
    "as_numbers",
    "checked_matrix",
    "checked_variances",
    "cholesky_factor",
    "factor_of",
    "lower_factor",
    "semidefinite_root",
    "sparse_factor",
]

Array = NDArray[np.float64]

SYMMETRY = 1e-8
"""A covariance may be asymmetric by this part of its diagonal; more is a mistake, not rounding."""

LEAST_EIGENVALUE = 1e-10
"""Rounding makes an eigenvalue of 0, of a matrix scaled to unit diagonal, no more negative."""


def cholesky_factor(cov: Any, m: int, *, name: str = "cov") -> Array:
    """Return standard deviations (m,) or the lower factor (m, m) of a plain covariance."""
    array = as_numbers(cov, name)
    if array.ndim < 2:
        return np.asarray(np.sqrt(checked_variances(array, m, name)))
    return factor_of(checked_matrix(array, m, name), name)


def as_numbers(cov: Any, name: str) -> Array:
    """Return a plain covariance as real numbers; a Hermitian one as that of both parts.

    Raises
    ------
    TypeError
        If it is no numbers, or carries a unit.
    ValueError
        If some are masked.
    """
    cov = without_unit(name, cov)
    check_unmasked(name, cov)
    try:
        array = np.asarray(cov)
        if array.dtype.kind not in "bc":
            return np.asarray(array, dtype=float)
    except Exception as error:  # whatever a user's __array__ raises
        raise TypeError(f"`{name}` must be numbers, got {shown(cov)}") from error
    if array.dtype.kind == "b":
        raise TypeError(f"`{name}` must be numbers, got {shown(cov)}")
    return np.asarray(of_real_numbers(array), dtype=float)


def checked_variances(variances: Array, m: int, name: str) -> Array:
    """Return m variances; a ValueError names an entry that is not positive and finite."""
    if variances.ndim == 1 and variances.size != m:
        raise ValueError(f"`{name}` must be {m} variances, one a datum, got {variances.size}")
    least = np.finfo(float).tiny  # the root of a smaller one is not exact
    bad = np.flatnonzero(~(np.isfinite(variances) & (variances >= least)))
    if bad.size:
        value = variances.flat[bad[0]]
        raise ValueError(f"`{name}` must be positive and finite, got {value} at entry {bad[0]}")
    return np.broadcast_to(variances, m)


def checked_matrix(matrix: Any, m: int, name: str) -> Array:
    """Return finite numbers (m, m)."""
    array = as_numbers(matrix, name)
    if array.shape != (m, m):
        raise ValueError(f"`{name}` must have shape ({m}, {m}) for {m} data, got {array.shape}")
    if not np.isfinite(array).all():
        i, j = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(f"`{name}` must be finite, got {array[i, j]} at entry ({i}, {j})")
    return array


def factor_of(C: Array, name: str) -> Array:
    """Return the lower Cholesky factor of a symmetric positive definite matrix."""
    diagonal = np.diag(C)
    if not (diagonal > 0).all():
        i = int(np.argmin(diagonal))
        raise ValueError(f"`{name}` must be positive definite, got {diagonal[i]} at ({i}, {i})")
    scale = np.sqrt(diagonal)
    K = C / np.outer(scale, scale)
    skew = np.abs(K - K.T)
    if skew.max() > SYMMETRY:
        i, j = np.argwhere(skew == skew.max())[0].tolist()
        raise ValueError(
            f"`{name}` must be symmetric, got {C[i, j]:g} at ({i}, {j}) and {C[j, i]:g} at "
            f"({j}, {i})"
        )
    K = 0.5 * (K + K.T)
    try:
        L = np.linalg.cholesky(K)
        singular = bool((np.diag(L) ** 2).min() <= 4 * len(K) * np.finfo(float).eps)
    except np.linalg.LinAlgError:
        singular = True
    if singular:
        least = float(np.linalg.eigvalsh(K)[0])
        raise ValueError(
            f"`{name}` must be positive definite, got {least:.3g} as the least eigenvalue of its "
            "correlation matrix; remove data that follow from others"
        )
    return np.asarray(scale[:, None] * L)


def lower_factor(factor: Any, m: int, name: str) -> Any:
    """Return a Cholesky factor (m, m), dense or sparse: a lower triangle, its diagonal positive."""
    is_sparse = has(factor, "tocsc")
    L = factor.tocsc().astype(float) if is_sparse else checked_matrix(factor, m, name)
    if is_sparse and (L.shape != (m, m) or not np.isfinite(L.data).all()):
        raise ValueError(f"`{name}` must be finite and of {m} data, got shape {L.shape}")
    if (sparse.triu(L, 1).nnz if is_sparse else np.triu(L, 1).any()) or not (
        L.diagonal() > 0
    ).all():
        raise ValueError(f"`{name}` must be a lower triangle with a positive diagonal")
    return L


def semidefinite_root(name: str, matrix: Any, n: int) -> Array:
    """Return R (n, n) with R^T R = a positive semi-definite matrix; a ValueError if it is not."""
    known = real_numbers(name, matrix)
    if known.shape != (n, n) or not np.isfinite(known).all():
        raise ValueError(f"`{name}` must be {n} x {n} finite numbers, got shape {known.shape}")
    scale = np.sqrt(np.maximum(np.diag(known), 0))
    scale = np.where(scale > 0, scale, 1.0)
    scaled = known / np.outer(scale, scale)
    values, vectors = np.linalg.eigh(0.5 * (scaled + scaled.T))
    if np.abs(scaled - scaled.T).max() > SYMMETRY or values[0] < -LEAST_EIGENVALUE:
        raise ValueError(
            f"`{name}` must be symmetric and positive semi-definite, got {values[0]:.3g} as its "
            "least eigenvalue, scaled to unit diagonal"
        )
    return np.asarray((np.sqrt(np.maximum(values, 0)) * vectors).T * scale)


def sparse_factor(C: Any, m: int, name: str) -> tuple[Any, NDArray[np.intp], Array]:
    """Return a unit lower L, an order of the data and pivots d with C[order, order] = L d L^T."""
    if C.shape != (m, m):
        raise ValueError(f"`{name}` must have shape ({m}, {m}) for {m} data, got {C.shape}")
    C = C.tocsc().astype(float)
    if not np.isfinite(C.data).all():
        raise ValueError(f"`{name}` must be finite, got an entry that is not")
    skew = abs(C - C.T)
    if skew.nnz and skew.max() > SYMMETRY * abs(C.diagonal()).max():
        raise ValueError(f"`{name}` must be symmetric, got entries that differ by {skew.max():g}")
    try:
        lu = splu(
            C,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
    except RuntimeError as error:
        raise ValueError(f"`{name}` must be positive definite, got a singular matrix") from error
    pivots = lu.U.diagonal()
    if not (pivots > 0).all() or not np.array_equal(lu.perm_r, lu.perm_c):
        raise ValueError(
            f"`{name}` must be positive definite, got a pivot of {pivots.min():.3g} in its "
            "factorisation"
        )
    return lu.L, np.argsort(lu.perm_r), pivots
