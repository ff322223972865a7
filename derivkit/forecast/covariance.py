"""Whiteners: all that a forecast needs of a data covariance C.

With C = L L^T, a whitener applies W = L^-1 and its transpose, and bounds the length of W e where
only the sizes of the entries of e are known. C is never inverted. Where C has structure, no dense
matrix is made: variances become divisions, sparse and banded matrices stay sparse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse.linalg import LinearOperator, splu

from derivkit.forecast.complex_data import is_hermitian, of_real_numbers
from derivkit.forecast.factors import (
    as_numbers,
    checked_matrix,
    checked_variances,
    factor_of,
    lower_factor,
    sparse_factor,
)
from derivkit.forecast.structures import BlockDiagonal, Cholesky, Kronecker, Precision, as_matrix
from derivkit.validation import has, shown

__all__ = [
    "Whitener",
    "joined",
    "lengths_of_units",
    "of_sparse",
    "of_variances",
    "plain",
    "scaled",
    "size_by_signs",
    "size_of",
    "whitener_of",
    "without",
]

Array = NDArray[np.float64]

MOST_STEPS, FEW, EXACT = 400, 4, 1e-13
"""Most products with an operator in the search for its root; the last few must add no more than
this fraction."""

SIGNS = 6
"""How many random signs are tried where the length of a whitened error cannot be bounded entry by
entry."""


DRAWS = 8
"""Number of random vectors: they give lengths to within a quarter."""


@dataclass(frozen=True, eq=False)
class Whitener:
    """W with W^T W = C^-1, for arrays of m rows and any number of columns.

    Attributes
    ----------
    m : int
    whiten : callable
        (m, k) -> W X (n, k).
    adjoint : callable
        (n, k) -> W^T Y (m, k).
    size : callable
        Bounds E (m, k) -> (k,): what the columns' lengths are at most after whitening.
    without : callable or None
        Takes a mask (m,); returns the whitener of the data that stay. None: not known.
    squared : callable or None
        (m, k) -> W^T W X, where ``whiten`` compresses W X to k rows and so has no adjoint.
    """

    m: int
    whiten: Callable[[Array], Array]
    adjoint: Callable[[Array], Array]
    size: Callable[[Array], Array]
    without: Callable[[NDArray[np.bool_]], Whitener] | None = None
    squared: Callable[[Array], Array] | None = None

    def both(self, X: Array) -> tuple[Array, Array]:
        """Return W X (n, k) and W^T W X (m, k)."""
        rows = self.whiten(X)
        return rows, self.adjoint(rows) if self.squared is None else self.squared(X)


def whitener_of(cov: Any, m: int, *, name: str = "cov") -> Whitener:  # noqa: PLR0911 - a table
    """Return the whitener of a covariance of m data.

    Parameters
    ----------
    cov : float, array_like (m,) or (m, m), sparse, LinearOperator or one of this module's classes
        Variances where it has fewer than two axes; a LinearOperator is C^(-1/2), as whitening by
        FFT is.

    Raises
    ------
    ValueError
        If it is not symmetric, not positive definite, not finite, or not of m data.
    """
    hermitian, cov = is_hermitian(cov), of_real_numbers(cov)
    if hermitian and size_of(cov) == 2 * m:
        raise ValueError(f"`{name}` must be real for real data, got one with imaginary parts")
    if isinstance(cov, Cholesky):
        L = lower_factor(cov.factor, m, name)
        return _of_sparse_root(L) if sparse.issparse(L) else _of_factor(L)
    if isinstance(cov, Precision):
        return _of_precision(cov.matrix, m, name)
    if isinstance(cov, BlockDiagonal):
        return _of_blocks(cov.blocks, m, name)
    if isinstance(cov, Kronecker):
        return _of_product(cov, m, name)
    if isinstance(cov, LinearOperator):
        return _of_operator(cov, m, name)
    if sparse.issparse(cov):
        return of_sparse(cov, m, name)
    array = as_numbers(cov, name)
    if array.ndim < 2:
        return of_variances(checked_variances(array, m, name))
    matrix = checked_matrix(array, m, name)
    diagonal = np.diag(matrix)
    if np.count_nonzero(matrix) == np.count_nonzero(diagonal):
        return of_variances(checked_variances(diagonal, m, name))
    return _of_factor(factor_of(matrix, name), matrix)


def of_variances(variances: Array) -> Whitener:
    """Return the whitener of independent data."""
    weight = 1 / np.sqrt(variances)[:, None]

    def whiten(X: Array) -> Array:
        with np.errstate(over="ignore"):  # tiny variances: infinitely well known
            return weight * X

    def without(gone: NDArray[np.bool_]) -> Whitener:
        return of_variances(variances[~gone])

    return Whitener(
        variances.size, whiten, whiten, lambda E: np.linalg.norm(weight * E, axis=0), without
    )


def _of_factor(L: Array, C: Array | None = None) -> Whitener:
    inverse = linalg.solve_triangular(L, np.eye(len(L)), lower=True)  # for bounds alone
    np.abs(inverse, out=inverse)

    def without(gone: NDArray[np.bool_]) -> Whitener:
        kept = np.ix_(~gone, ~gone)
        return whitener_of((L @ L.T if C is None else C)[kept], int((~gone).sum()))

    return Whitener(
        len(L),
        lambda X: np.asarray(linalg.solve_triangular(L, X, lower=True)),
        lambda Y: np.asarray(linalg.solve_triangular(L, Y, lower=True, trans="T")),
        lambda E: np.asarray(np.linalg.norm(inverse @ E, axis=0)),
        without,
    )


def _of_root(W: Any) -> Whitener:
    """Return the whitener that multiplies by a matrix, dense or sparse."""
    size = abs(W)
    return Whitener(
        W.shape[1],
        lambda X: np.asarray(W @ X),
        lambda Y: np.asarray(W.T @ Y),
        lambda E: np.asarray(np.linalg.norm(size @ E, axis=0)),
    )


def _of_precision(P: Any, m: int, name: str) -> Whitener:
    if isinstance(P, LinearOperator):
        return _of_operator_of_inverse(P, m, name)
    if not sparse.issparse(P):
        return _of_root(factor_of(checked_matrix(P, m, name), name).T)
    L, order, pivots = sparse_factor(P, m, name)
    return _of_root((L @ sparse.diags(np.sqrt(pivots))).T.tocsr()[:, np.argsort(order)])


def of_sparse(C: Any, m: int, name: str) -> Whitener:
    """Return the whitener of a sparse covariance, by its sparse Cholesky factor."""
    L, order, pivots = sparse_factor(C, m, name)
    if L.nnz == m:
        return of_variances(checked_variances(C.diagonal(), m, name))
    return _of_sparse_factor(L.tocsc(), order, 1 / np.sqrt(pivots), C, name)


def _of_sparse_root(L: Any) -> Whitener:
    m = L.shape[0]
    return _of_sparse_factor(L, np.arange(m), np.ones(m), L @ L.T, "cov")


def _of_sparse_factor(
    L: Any, order: NDArray[np.intp], weights: Array, C: Any, name: str
) -> Whitener:
    """Return the whitener ``weights * L^-1 x[order]`` of C, with L a lower triangle."""
    solver = _Triangle(L)
    weight, back = weights[:, None], np.argsort(order)

    def whiten(X: Array) -> Array:
        return np.asarray(weight * solver.solve(X[order]))

    def adjoint(Y: Array) -> Array:
        solved = solver.solve(np.asfortranarray(weight * Y), "T")
        return np.asarray(solved[back])

    def without(gone: NDArray[np.bool_]) -> Whitener:
        kept = np.flatnonzero(~gone)
        return whitener_of(C.tocsr()[kept][:, kept], kept.size, name=name)

    return Whitener(len(order), whiten, adjoint, lambda E: size_by_signs(whiten, E), without)


class _Triangle:
    """A sparse lower triangle that solves; pickled as itself, which what solves cannot be."""

    def __init__(self, L: Any) -> None:
        self._lower = L
        self.solve: Callable[..., Any] = splu(L, permc_spec="NATURAL", diag_pivot_thresh=0.0).solve

    def __reduce__(self) -> tuple[Any, ...]:
        return _Triangle, (self._lower,)


def _of_operator(W: LinearOperator, m: int, name: str) -> Whitener:
    if W.shape[1] != m:
        raise ValueError(f"`{name}` must be an operator on {m} data, got shape {W.shape}")
    return Whitener(
        m,
        lambda X: np.asarray(W.matmat(X)),
        lambda Y: np.asarray(W.rmatmat(Y)),
        lambda E: size_by_signs(W.matmat, E),
    )


def _of_operator_of_inverse(P: LinearOperator, m: int, name: str) -> Whitener:
    """Return the whitener W = P^(1/2), which is symmetric, of an operator that multiplies by P."""
    if P.shape != (m, m):
        raise ValueError(f"`{name}` must have shape ({m}, {m}) for {m} data, got {P.shape}")

    def whiten(X: Array) -> Array:
        return np.stack([_root_times(P, x, name) for x in X.T], axis=1)

    return Whitener(m, whiten, whiten, lambda E: size_by_signs(whiten, E, 0))


def _root_times(P: LinearOperator, x: Array, name: str) -> Array:
    """Return P^(1/2) x by Lanczos' method (Higham 2008, doi:10.1137/1.9780898717778, ch. 13)."""
    length = float(np.linalg.norm(x))
    if length == 0:
        return np.zeros_like(x)
    basis: list[Array] = [x / length]
    diagonal: list[float] = []
    beside: list[float] = []
    for step in range(1, min(len(x), MOST_STEPS) + 1):
        image = P.matvec(basis[-1])
        diagonal.append(float(basis[-1] @ image))
        V = np.stack(basis, axis=1)
        image = image - V @ (V.T @ image)
        image -= V @ (V.T @ image)  # once more: rounding
        off = float(np.linalg.norm(image))
        values, vectors = linalg.eigh_tridiagonal(diagonal, beside)
        if values[0] <= 0:
            raise ValueError(
                f"`{name}` must be positive definite, got an operator for which x P x is "
                f"{values[0]:.3g}, for an x of length 1"
            )
        share = vectors @ (np.sqrt(values) * vectors[0])
        done = off <= EXACT * values[-1] or step == len(x)
        if done or (step > FEW and np.abs(share[-FEW:]).max() <= EXACT * np.linalg.norm(share)):
            return np.asarray(length * (V @ share))
        beside.append(off)
        basis.append(image / off)
    raise ValueError(
        f"`{name}` must be conditioned well enough for its root to be found in {MOST_STEPS} "
        "products, got one that is not; give the LinearOperator of C^(-1/2), or a matrix"
    )


def size_by_signs(whiten: Callable[[Array], Array], E: Array, tries: int = SIGNS) -> Array:
    """Return the largest length that W e has for e = E with equal, alternate and random signs."""
    m = len(E)
    generator = np.random.default_rng(m)
    signs = [np.ones(m), np.where(np.arange(m) % 2, -1.0, 1.0)]
    signs += [generator.choice([-1.0, 1.0], m) for _ in range(tries)]
    lengths = [np.linalg.norm(whiten(np.ascontiguousarray(s[:, None] * E)), axis=0) for s in signs]
    return np.asarray(np.max(lengths, axis=0))


def lengths_of_units(whitener: Whitener) -> Array:
    """Estimate the length of one unit of each datum (m,) after whitening.

    These are the lengths of the columns of W: the root mean square of W^T y over random y of unit
    variance.
    """
    n = len(whitener.whiten(np.zeros((whitener.m, 1))))
    y = np.random.default_rng(whitener.m).standard_normal((n, DRAWS))
    return np.asarray(np.sqrt(np.mean(whitener.adjoint(y) ** 2, axis=1)))


def _of_product(cov: Kronecker, m: int, name: str) -> Whitener:
    matrices = [as_matrix(as_numbers(each, name)) for each in (cov.first, cov.second)]
    m1, m2 = map(len, matrices)
    if m1 * m2 != m or m == 0:
        raise ValueError(f"`{name}` must be of {m or 'some'} data, got a product of {m1} and {m2}")
    a, b = (factor_of(checked_matrix(each, len(each), name), name) for each in matrices)

    def solved(X: Array, trans: Literal["N", "T"]) -> Array:
        k = X.shape[1]
        inner = linalg.solve_triangular(a, X.reshape(m1, m2 * k), lower=True, trans=trans)
        turned = inner.reshape(m1, m2, k).transpose(1, 0, 2).reshape(m2, m1 * k)
        outer = linalg.solve_triangular(b, turned, lower=True, trans=trans)
        return np.asarray(outer.reshape(m2, m1, k).transpose(1, 0, 2).reshape(m, k))

    return Whitener(
        m,
        lambda X: solved(X, "N"),
        lambda Y: solved(Y, "T"),
        lambda E: size_by_signs(lambda X: solved(X, "N"), E),
    )


def _of_blocks(blocks: Sequence[Any], m: int, name: str) -> Whitener:
    sizes = [size_of(block) or 1 for block in blocks]
    if sum(sizes) != m:
        raise ValueError(f"`{name}` must be of {m} data, got blocks of {shown(sizes)}")
    return joined(
        [
            whitener_of(block, size, name=f"{name} block {k}")
            for k, (block, size) in enumerate(zip(blocks, sizes, strict=True))
        ]
    )


def size_of(cov: Any) -> int | None:
    """Return how many real data a covariance is of; None for a number, which is of any."""
    cov = of_real_numbers(cov)
    if isinstance(cov, BlockDiagonal):
        return sum(size_of(block) or 1 for block in cov.blocks)  # a number is of one datum there
    if isinstance(cov, Kronecker):
        return len(np.atleast_1d(as_numbers(cov.first, "first"))) * len(
            np.atleast_1d(as_numbers(cov.second, "second"))
        )
    inner: Any = cov
    if isinstance(cov, (Cholesky, Precision)):
        inner = cov.factor if isinstance(cov, Cholesky) else cov.matrix
    if isinstance(inner, LinearOperator):
        return int(inner.shape[-1])
    shape = inner.shape if has(inner, "shape") else as_numbers(inner, "cov").shape
    return int(max(shape)) if shape else None


def plain(cov: Any, m: int) -> Any:  # noqa: PLR0911 - a table
    """Return a covariance of m data as variances (m,), a matrix (m, m), or a sparse one.

    Raises
    ------
    TypeError
        For a LinearOperator, of whose entries nothing is known.
    """
    if isinstance(getattr(cov, "matrix", cov), LinearOperator):
        raise TypeError("`cov` of theta must return numbers, got a LinearOperator")
    size = size_of(cov) or max(m, 1)
    if isinstance(cov, Cholesky):
        L = lower_factor(cov.factor, size, "cov")
        return L @ L.T
    if isinstance(cov, Precision):
        P: Any = cov.matrix
        P = P.toarray() if hasattr(P, "toarray") else P
        L = factor_of(checked_matrix(P, size, "cov"), "cov")
        return linalg.cho_solve((L, True), np.eye(size))
    if isinstance(cov, Kronecker):
        return np.kron(as_matrix(cov.first), as_matrix(cov.second))
    if isinstance(cov, BlockDiagonal):
        each = [plain(block, size_of(block) or 1) for block in cov.blocks]
        return sparse.block_diag([sparse.diags(C) if C.ndim == 1 else C for C in each], "csc")
    if hasattr(cov, "tocsc"):
        return cov.tocsc()
    array = as_numbers(cov, "cov")
    if array.ndim > 1:
        return checked_matrix(array, size, "cov")
    return np.broadcast_to(array, size)


def joined(parts: Sequence[Whitener]) -> Whitener:
    """Return the whitener of independent parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    ends = np.cumsum([part.m for part in parts])[:-1]
    counts: list[int] = []  # whitened rows of each part, learnt when something is whitened

    def whiten(X: Array) -> Array:
        rows = [part.whiten(x) for part, x in zip(parts, np.split(X, ends), strict=True)]
        counts[:] = [len(each) for each in rows]
        return np.concatenate(rows)

    def adjoint(Y: Array) -> Array:
        each = np.split(Y, np.cumsum(counts)[:-1])
        return np.concatenate([part.adjoint(y) for part, y in zip(parts, each, strict=True)])

    def squared(X: Array) -> Array:
        each = np.split(X, ends)
        return np.concatenate([part.both(x)[1] for part, x in zip(parts, each, strict=True)])

    def size(E: Array) -> Array:
        each = zip(parts, np.split(E, ends), strict=True)
        return np.asarray(np.linalg.norm([part.size(e) for part, e in each], axis=0))

    def left(gone: NDArray[np.bool_]) -> Whitener:
        each = list(zip(parts, np.split(gone, ends), strict=True))
        return joined([without(part, g) for part, g in each if not g.all()])

    known = all(part.without is not None for part in parts)
    return Whitener(
        sum(part.m for part in parts),
        whiten,
        adjoint,
        size,
        left if known else None,
        squared if any(part.squared is not None for part in parts) else None,
    )


def without(part: Whitener, gone: NDArray[np.bool_]) -> Whitener:
    """Return the whitener of the data that stay, or the same one where it is not known."""
    return part.without(gone) if part.without is not None and gone.any() else part


def scaled(whitener: Whitener, factor: float) -> Whitener:
    """Return the whitener of a covariance divided by a factor."""
    if factor == 1:
        return whitener
    root = np.sqrt(factor)
    squared, left = whitener.squared, whitener.without
    return Whitener(
        whitener.m,
        lambda X: root * whitener.whiten(X),
        lambda Y: root * whitener.adjoint(Y),
        lambda E: root * whitener.size(E),
        None if left is None else lambda gone: scaled(left(gone), factor),
        None if squared is None else lambda X: factor * squared(X),
    )
