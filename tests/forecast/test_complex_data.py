"""Complex data: covariances with imaginary parts in any structure, circular noise, real blocks."""

import numpy as np
import pytest
from scipy import linalg, sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from derivkit import (
    BlockDiagonal,
    Cholesky,
    DataBlock,
    ForecastKit,
    Kronecker,
    Poisson,
    Precision,
)

M = 6
X = np.linspace(1, 3, M)
AT = [1.5, 0.3, 0.2]
GENERATOR = np.random.default_rng(0)
NOISE = GENERATOR.standard_normal((M, M)) + 1j * GENERATOR.standard_normal((M, M))
C = NOISE @ NOISE.conj().T / M + np.eye(M)
HALVES = linalg.block_diag(C[:4, :4], C[4:, 4:])
PRODUCT = np.kron(C[:2, :2], C[:3, :3])
VARIANCES = 0.1 * X


def wave(theta):
    return theta[0] * np.exp(1j * (theta[1] * X + theta[2]))


def exact(C):
    J = np.stack([wave(AT) / AT[0], 1j * X * wave(AT), 1j * wave(AT)], axis=1)
    return (J.conj().T @ np.linalg.solve(C, J)).real


HERMITIAN = {
    "a matrix": (C, C),
    "sparse": (sparse.csr_matrix(C), C),
    "a factor": (Cholesky(np.linalg.cholesky(C)), C),
    "a sparse factor": (Cholesky(sparse.csc_array(np.linalg.cholesky(C))), C),
    "a precision": (Precision(np.linalg.inv(C)), C),
    "a sparse precision": (Precision(sparse.csc_array(np.linalg.inv(C))), C),
    "blocks": (BlockDiagonal([C[:4, :4], C[4:, 4:]]), HALVES),
    "blocks of many kinds": (
        BlockDiagonal([Cholesky(np.linalg.cholesky(C[:4, :4])), sparse.csc_matrix(C[4:, 4:])]),
        HALVES,
    ),
    "blocks and variances": (
        BlockDiagonal([C[:4, :4], [1.0, 2.0]]),
        linalg.block_diag(C[:4, :4], np.diag([1.0, 2.0])),
    ),
    "a product": (Kronecker(C[:2, :2], C[:3, :3]), PRODUCT),
    "an operator": (aslinearoperator(np.linalg.inv(np.linalg.cholesky(C))), C),
    "a function": (lambda _: sparse.csc_matrix(C), C),
    "variances of complex type": (VARIANCES.astype(complex), np.diag(VARIANCES)),
    "a real matrix of complex type": (np.diag(VARIANCES).astype(complex), np.diag(VARIANCES)),
    "a real factor of complex type": (
        Cholesky(np.diag(np.sqrt(VARIANCES)).astype(complex)),
        np.diag(VARIANCES),
    ),
}


@pytest.mark.parametrize("kind", HERMITIAN)
def test_a_hermitian_covariance_counts_in_any_structure(kind):
    cov, dense = HERMITIAN[kind]
    F = ForecastKit(wave, AT, cov).gaussian_fisher()
    np.testing.assert_allclose(F, exact(dense), rtol=1e-10, atol=1e-10 * np.abs(F).max())


def test_an_operator_that_whitens_complex_data_may_be_a_fourier_transform():
    power = 1.0 + np.arange(M)
    half = LinearOperator(
        (M, M),
        matvec=lambda z: np.fft.fft(z.ravel(), norm="ortho") / np.sqrt(power),
        rmatvec=lambda z: np.fft.ifft(z.ravel() / np.sqrt(power), norm="ortho"),
        dtype=complex,
    )
    W = np.fft.fft(np.eye(M), norm="ortho")
    dense = W.conj().T @ np.diag(power) @ W
    F = ForecastKit(wave, AT, half).fisher()
    np.testing.assert_allclose(F, exact(dense), rtol=1e-10, atol=1e-10 * np.abs(F).max())


@pytest.mark.parametrize(
    ("cov", "error", "says"),
    [
        (1j * VARIANCES, ValueError, "`cov` must be real variances"),
        (Cholesky(1j), ValueError, "`factor` must be a matrix"),
        (BlockDiagonal([Cholesky(1j * VARIANCES)]), ValueError, "`factor` must be a matrix"),
        (BlockDiagonal([Precision(C[:4, :4]), C[4:, 4:]]), TypeError, "blocks"),
        (C + np.triu(np.full((M, M), 0.1j)), ValueError, "symmetric"),
    ],
)
def test_what_is_no_hermitian_covariance_is_refused(cov, error, says):
    with pytest.raises(error, match=says):
        ForecastKit(wave, AT, cov).fisher()


def test_a_hermitian_covariance_of_real_data_is_refused():
    with pytest.raises(ValueError, match="must be real for real data"):
        ForecastKit(lambda t: t[0] * X, [1.0], C).fisher()


def test_noise_of_real_data_is_not_circular():
    for model, cov in ((lambda t: t[0] * X, 0.1), (Poisson(lambda t: t[0] * X), None)):
        with pytest.raises(ValueError, match="`circular` must be False for real data"):
            ForecastKit(model, [1.0], cov, circular=True).fisher()


def test_real_data_beside_circular_ones_count_once():
    alone = 2 * exact(np.diag(VARIANCES))
    beside = alone + np.diag([2.0, 0.0, 0.0])
    blocks = {"wave": DataBlock(wave, VARIANCES), "size": DataBlock(lambda t: [t[0]], 0.5)}
    close = {"rtol": 1e-10, "atol": 1e-10 * np.abs(beside).max()}
    np.testing.assert_allclose(ForecastKit(blocks, AT, circular=True).fisher(), beside, **close)
    both = ForecastKit.combine(
        wave=ForecastKit(wave, AT, VARIANCES, circular=True),
        size=ForecastKit(lambda t: [t[0]], AT[:1], 0.5),
    )
    np.testing.assert_allclose(both.fisher(), beside, **close)
    table = both.by_probe()
    np.testing.assert_allclose(table.sigma[0], np.sqrt(np.diag(np.linalg.inv(alone))), rtol=1e-9)
    np.testing.assert_allclose(table.sigma[1, 0], np.sqrt(0.5), rtol=1e-9)


def test_complex_rates_are_refused():
    with pytest.raises(ValueError, match="rates of counts must be real"):
        ForecastKit(Poisson(lambda t: [t[0] * (1 + 1j)]), [1.0]).fisher()


@pytest.mark.parametrize("cov", [VARIANCES, C, 0.1], ids=["variances", "a matrix", "a number"])
def test_outputs_from_a_checkpoint_are_still_complex(cov, tmp_path):
    dense = 0.1 * np.eye(M) if np.ndim(cov) == 0 else np.diag(cov) if np.ndim(cov) == 1 else cov
    for circular in (False, True):
        kit = ForecastKit(wave, AT, cov, circular=circular, checkpoint=tmp_path / "calls")
        F = kit.fisher()
        want = exact(dense) * (2 if circular else 1)
        np.testing.assert_allclose(F, want, rtol=1e-10, atol=1e-10 * np.abs(F).max())


@pytest.mark.parametrize("blocks", [[1.0 + 1j, 2.0], [[1.0 + 1j], [2.0]]])
def test_blocks_that_are_complex_numbers_are_no_variances(blocks):
    with pytest.raises(ValueError, match="real variances"):
        ForecastKit(lambda t: [t[0] + 0j] * 2, [1.0], BlockDiagonal(blocks)).fisher()
