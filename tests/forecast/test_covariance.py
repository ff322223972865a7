"""Whiteners: every kind of covariance against numpy's inverse, and all that is none."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator

from derivkit import ForecastKit
from derivkit.forecast.covariance import (
    BlockDiagonal,
    Cholesky,
    Kronecker,
    Precision,
    size_of,
    whitener_of,
)

M = 30
_B = np.random.default_rng(0).standard_normal((M, M))
C = _B @ _B.T + 3 * np.eye(M)
BAND = sparse.diags([np.full(M, 4.0), np.full(M - 1, -1.0), np.full(M - 1, -1.0)], [0, 1, -1])
MIXED = np.zeros((M, M))
MIXED[:10, :10], MIXED[10:, 10:] = C[:10, :10], np.diag(np.arange(1.0, 21.0))

KINDS = {
    "a number": (2.0, 2 * np.eye(M)),
    "variances": (np.arange(1.0, M + 1), np.diag(np.arange(1.0, M + 1))),
    "a matrix": (C, C),
    "scales of 1e-12 and 1e12": (
        C * np.outer(np.logspace(-12, 12, M), np.logspace(-12, 12, M)),
        C * np.outer(np.logspace(-12, 12, M), np.logspace(-12, 12, M)),
    ),
    "sparse": (BAND.tocsc(), BAND.toarray()),
    "a sparse array": (sparse.csr_array(BAND), BAND.toarray()),
    "a precision": (Precision(C), np.linalg.inv(C)),
    "a sparse precision": (Precision(BAND), np.linalg.inv(BAND.toarray())),
    "a factor": (Cholesky(np.linalg.cholesky(C)), C),
    "a sparse factor": (
        Cholesky(sparse.csr_array(np.linalg.cholesky(BAND.toarray()))),
        BAND.toarray(),
    ),
    "a product": (Kronecker(C[:5, :5], C[:6, :6]), np.kron(C[:5, :5], C[:6, :6])),
    "a product with variances": (
        Kronecker(np.arange(1.0, 6.0), C[:6, :6]),
        np.kron(np.diag(np.arange(1.0, 6.0)), C[:6, :6]),
    ),
    "blocks": (BlockDiagonal([C[:10, :10], np.arange(1.0, 21.0)]), MIXED),
    "blocks in blocks": (
        BlockDiagonal([C[:10, :10], BlockDiagonal(np.arange(1.0, 21.0).tolist())]),
        MIXED,
    ),
    "an operator": (aslinearoperator(np.linalg.inv(np.linalg.cholesky(C))), C),
}


@pytest.fixture
def generator():
    """Random numbers that are the same in whatever order the tests run."""
    return np.random.default_rng(1)


@pytest.mark.parametrize("kind", KINDS)
def test_whitening_is_multiplication_by_the_root_of_the_inverse(kind, generator):
    cov, full = KINDS[kind]
    scale = np.sqrt(np.diag(full))[:, None]
    X = scale * generator.standard_normal((M, 4))
    whitener = whitener_of(cov, M)
    A = whitener.whiten(X)
    exact = np.linalg.solve(full / (scale * scale.T), X / scale)
    assert np.allclose(A.T @ A, (X / scale).T @ exact, rtol=1e-10)
    assert np.allclose(scale * whitener.adjoint(A), exact, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_of_a_whitened_error_is_not_underestimated(kind, generator):
    cov, full = KINDS[kind]
    E = np.sqrt(np.diag(full))[:, None] * generator.random((M, 20))
    whitener = whitener_of(cov, M)
    signs = generator.choice([-1.0, 1.0], (M, 200))
    lengths = [np.linalg.norm(whitener.whiten(signs * e[:, None]), axis=0) for e in E.T]
    # Of eight signs that are tried for an operator one is beyond the median but for 1 in 256.
    assert np.all(whitener.size(E) >= np.quantile(lengths, 0.5, axis=1) * (1 - 1e-12))


@pytest.mark.parametrize(
    "kind", ["variances", "a matrix", "sparse", "blocks", "a factor", "a sparse factor"]
)
def test_data_can_be_left_out(kind, generator):
    cov, full = KINDS[kind]
    gone = np.zeros(M, dtype=bool)
    gone[[3, 17]] = True
    X = generator.standard_normal((M - 2, 3))
    A = whitener_of(cov, M).without(gone).whiten(X)
    rest = full[np.ix_(~gone, ~gone)]
    assert np.allclose(A.T @ A, X.T @ np.linalg.solve(rest, X), rtol=1e-10)


@pytest.mark.parametrize(
    ("cov", "says"),
    [
        ([[1, 0.5], [0.4, 1]], r"symmetric, got 0.5 at \(0, 1\) and 0.4 at \(1, 0\)"),
        ([[1.0, 2], [2, 1]], "positive definite, got -1 as the least eigenvalue"),
        ([[1.0, 1], [1, 1]], "positive definite, got .* as the least eigenvalue"),
        ([[1e-20, 1], [1, 1e20]], "positive definite"),
        ([[1.0, np.nan], [np.nan, 1]], r"finite, got nan at entry \(0, 1\)"),
        ([[0.0, 0], [0, 1]], "positive and finite, got 0.0 at entry 0"),
        ([1.0, 0.0], "positive and finite, got 0.0 at entry 1"),
        ([1.0, 2.0, 3.0], "2 variances, one a datum, got 3"),
        (np.eye(3), r"shape \(2, 2\) for 2 data, got \(3, 3\)"),
        (-1.0, "positive and finite, got -1.0"),
        (np.inf, "positive and finite"),
        (sparse.csc_matrix([[1.0, 2], [2, 1]]), "positive definite, got a pivot"),
        (sparse.csc_matrix([[1.0, 2], [0, 1]]), "symmetric"),
        (Precision(np.eye(3)), "shape"),
        (Cholesky(np.ones((2, 2))), "lower triangle"),
        (Cholesky(sparse.csc_array(np.ones((2, 2)))), "lower triangle"),
        (Cholesky(sparse.eye_array(3)), "2 data"),
        (Cholesky(sparse.csc_array([[np.nan, 0], [0, 1]])), "finite"),
        (Kronecker(np.eye(2), np.eye(2)), "product of 2 and 2"),
        (Kronecker([], [1.0]), "product of 0 and 1"),
        (BlockDiagonal([np.ones(3)]), "blocks"),
    ],
)
def test_what_is_no_covariance_is_refused_by_name(cov, says):
    with pytest.raises(ValueError, match=says):
        whitener_of(cov, 2)


ONE_MATRIX = [[4.0, 1.0], [1.0, 3.0]]


@pytest.mark.parametrize("one", [ONE_MATRIX, np.array(ONE_MATRIX), pd.DataFrame(ONE_MATRIX)])
def test_one_matrix_is_not_taken_for_blocks_of_variances(one):
    with pytest.raises(TypeError, match=r"got one square table of numbers; give \[matrix\]"):
        BlockDiagonal(one)


def test_rows_of_variances_are_blocks_where_they_cannot_be_one_matrix():
    for rows in ([np.ones(2), np.ones(2)], np.ones((3, 2)), [[1.0], [1.0]], [1.0, 1.0]):
        blocks = BlockDiagonal(rows)
        m = size_of(blocks) or len(rows)
        assert np.array_equal(whitener_of(blocks, m).whiten(np.ones((m, 1))), np.ones((m, 1)))


def test_blocks_are_a_sequence_of_at_least_one():
    with pytest.raises(ValueError, match="at least one"):
        BlockDiagonal([])
    for wrong in (4.0, sparse.eye_array(2), Cholesky(np.eye(2)), {"a": np.eye(2)}):
        with pytest.raises(TypeError, match="sequence of covariances"):
            BlockDiagonal(wrong)


@pytest.mark.parametrize("shape", [(3, 1), (1, 3), (2, 3, 3)])
def test_a_table_that_is_not_square_is_told_the_number_of_data(shape):
    with pytest.raises(ValueError, match=r"shape \(3, 3\) for 3 data"):
        ForecastKit(lambda t: [t[0]] * 3, [1.0], np.ones(shape)).fisher()


def test_what_is_no_number_is_refused():
    with pytest.raises(TypeError, match="numbers"):
        whitener_of("abc", 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cov": np.eye(3)}, "`cov` must have shape"),
        ({"cov": 1.0, "cov_samples": 3}, "`cov_samples` must be more than"),
        ({"cov": 1.0, "circular": True}, "`circular` must be False for real data"),
    ],
)
def test_what_does_not_suit_the_data_is_refused_at_the_first_reply(options, message):
    calls = []

    def model(theta):
        calls.append(theta)
        return np.array([theta[0], theta[0] * theta[1]])

    kit = ForecastKit(model, [1.0, 2.0], **options)
    with pytest.raises(ValueError, match=message):
        kit.fisher()
    assert len(calls) == 1
