r"""Covariances of complex data as those of real data: the real parts, then the imaginary parts.

A Hermitian C stands for the real matrix of both parts,

.. math:: \begin{pmatrix} \Re C & -\Im C \\ \Im C & \Re C \end{pmatrix},

with which :math:`\Re(z^H C^{-1} z)` is an ordinary quadratic form of real numbers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

from derivkit.forecast.structures import BlockDiagonal, Cholesky, Kronecker, Precision, as_matrix
from derivkit.validation import has

__all__ = ["is_hermitian", "of_real_numbers"]


def is_hermitian(cov: Any) -> bool:  # noqa: PLR0911 - a table
    """Return whether a covariance of any kind has imaginary parts."""
    if isinstance(cov, (Cholesky, Precision)):
        return is_hermitian(cov.factor if isinstance(cov, Cholesky) else cov.matrix)
    if isinstance(cov, BlockDiagonal):
        return any(map(is_hermitian, cov.blocks))
    if isinstance(cov, Kronecker):
        return is_hermitian(cov.first) or is_hermitian(cov.second)
    if isinstance(cov, LinearOperator):
        return np.issubdtype(cov.dtype, np.complexfloating)
    if has(cov, "tocsc"):
        return np.issubdtype(cov.dtype, np.complexfloating) and bool(np.any(cov.tocsc().data.imag))
    try:
        array = np.asarray(cov)
    except Exception:  # noqa: BLE001 - reported where numbers are needed
        return False
    return bool(np.iscomplexobj(array) and array.imag.any())


def of_real_numbers(cov: Any) -> Any:  # noqa: PLR0911 - a table
    """Return a covariance of complex numbers as one of real numbers; leave others as they are.

    Without imaginary parts it keeps its size; a Hermitian one is twice as large. A product or a
    factor of matrices becomes a matrix, blocks become a sparse one.

    Raises
    ------
    ValueError
        For variances that are not real.
    """
    if not is_hermitian(cov):
        return _real(cov)
    if isinstance(cov, Precision):
        return Precision(of_real_numbers(cov.matrix))
    if isinstance(cov, LinearOperator):
        return _operator_on_both_parts(cov)
    if isinstance(cov, Cholesky):
        return _both_parts(_squared(cov.factor))
    if isinstance(cov, Kronecker):
        return _both_parts(np.kron(as_matrix(cov.first), as_matrix(cov.second)))
    if isinstance(cov, BlockDiagonal):
        return _both_parts(sparse.block_diag([_as_matrix(block) for block in cov.blocks], "csc"))
    return _both_parts(cov if sparse.issparse(cov) or np.ndim(cov) > 1 else _variances(cov))


def _real(cov: Any) -> Any:
    """Return a covariance without imaginary parts as real numbers."""
    if isinstance(cov, Cholesky):
        return replace(cov, factor=_real(cov.factor))
    if isinstance(cov, Precision):
        return replace(cov, matrix=_real(cov.matrix))
    if isinstance(cov, Kronecker):
        return Kronecker(_real(cov.first), _real(cov.second))
    if isinstance(cov, BlockDiagonal):
        return BlockDiagonal([_real(block) for block in cov.blocks])
    is_array = isinstance(cov, np.ndarray) or sparse.issparse(cov)
    return cov.real if is_array and np.iscomplexobj(cov) else cov


def _squared(factor: Any) -> Any:
    """Return the matrix whose Hermitian factor is given."""
    L: Any = factor if sparse.issparse(factor) else np.asarray(factor)
    if L.ndim != 2:
        raise ValueError(f"`factor` must be a matrix, got shape {L.shape}")
    return L @ L.conj().T


def _as_matrix(block: Any) -> Any:
    """Return a block of any kind as a matrix."""
    if isinstance(block, Cholesky):
        return _squared(block.factor)
    if isinstance(block, Kronecker):
        return np.kron(as_matrix(block.first), as_matrix(block.second))
    if isinstance(block, BlockDiagonal):
        return sparse.block_diag([_as_matrix(each) for each in block.blocks], "csc")
    if isinstance(block, (Precision, LinearOperator)):
        raise TypeError("`blocks` of complex data must be matrices, got an inverse or an operator")
    return block if sparse.issparse(block) or np.ndim(block) > 1 else _variances(block)


def _variances(given: Any) -> Any:
    """Return real variances as a matrix; raise a ValueError for complex ones."""
    if np.any(np.imag(given)):
        raise ValueError("`cov` must be real variances, got some with an imaginary part")
    return sparse.diags(np.atleast_1d(given))


def _both_parts(C: Any) -> Any:
    if not hasattr(C, "tocsc"):
        C = np.asarray(C)
        return np.block([[C.real, -C.imag], [C.imag, C.real]])
    turn: Any = np.array([[0.0, -1.0], [1.0, 0.0]])
    C = C.tocsc()
    return sparse.csc_matrix(sparse.kron(np.eye(2), C.real) + sparse.kron(turn, C.imag))


def _operator_on_both_parts(W: LinearOperator) -> LinearOperator:
    """Return an operator on complex vectors as one on real parts and imaginary parts after them."""
    n, m = W.shape

    def apart(Z: Any) -> Any:
        return np.concatenate([Z.real, Z.imag])

    return LinearOperator(
        (2 * n, 2 * m),
        matvec=lambda x: apart(W.matvec(x[:m] + 1j * x[m:])),
        matmat=lambda X: apart(W.matmat(X[:m] + 1j * X[m:])),
        rmatvec=lambda y: apart(W.rmatvec(y[:n] + 1j * y[n:])),
        rmatmat=lambda Y: apart(W.rmatmat(Y[:n] + 1j * Y[n:])),
        dtype=np.float64,
    )
