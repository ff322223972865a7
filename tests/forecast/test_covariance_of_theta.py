"""Covariances that depend on theta: their derivatives, and the likelihood with them."""

import math

import numpy as np
import pytest
from scipy import sparse

from derivkit import Cholesky, ForecastKit, ForecastWarning, GaussianMeanCov, Precision, Verdict
from derivkit.forecast.covariance_of_theta import (
    divergence,
    entries_of,
    half_of,
    whitener_of_half,
    whole_of,
)

_B = np.random.default_rng(0).standard_normal((6, 6))
C = _B @ _B.T + 3 * np.eye(6)
T = np.linspace(0, 4, 12)
FIDUCIAL = np.array([2.0, 0.7])
BESIDE = np.array([2.1, 0.65])


def test_derivatives_of_a_covariance_give_the_trace_term():
    small = C
    changes = [d + d.T for d in np.random.default_rng(1).standard_normal((3, 6, 6))]
    X = np.stack([half_of(d) for d in changes], 1)
    inverse = np.linalg.inv(small)
    exact = [[0.5 * np.trace(inverse @ a @ inverse @ b) for a in changes] for b in changes]
    whitener = whitener_of_half(small)
    A = whitener.whiten(X)
    assert np.allclose(A.T @ A, exact, rtol=1e-12)
    assert np.allclose(X.T @ whitener.adjoint(A), exact, rtol=1e-12)


def mean(t):
    return t[0] * np.exp(-t[1] * T)


def variances(t):
    return (0.1 * mean(t)) ** 2 + 0.01**2


def dense(t):
    return np.diag(variances(t)) + 1e-3 * t[0]


def banded(t):
    off = np.full(11, 2e-4 * t[1])
    return sparse.diags_array([off, variances(t) + 1e-3, off], offsets=[-1, 0, 1]).tocsc()


def as_matrix(C):
    C = C.toarray() if sparse.issparse(C) else C
    return np.diag(C) if C.ndim == 1 else C


def twice_expected(cov, mean=mean):
    """Twice the average of log p(x | FIDUCIAL) - log p(x | BESIDE) over data of FIDUCIAL."""
    C, C0 = (as_matrix(cov(t)) for t in (BESIDE, FIDUCIAL))
    r = mean(BESIDE) - mean(FIDUCIAL)
    volume = np.linalg.slogdet(C)[1] - np.linalg.slogdet(C0)[1]
    return volume + np.trace(np.linalg.solve(C, C0 + np.outer(r, r))) - len(C)


KINDS = [variances, dense, banded]


@pytest.mark.parametrize("cov", KINDS)
def test_the_divergence_is_that_of_numpys_inverse(cov):
    C, C0 = cov(BESIDE), cov(FIDUCIAL)
    found = divergence(C, C0, mean(BESIDE) - mean(FIDUCIAL))
    assert math.isclose(found, twice_expected(cov), rel_tol=1e-12)
    assert abs(divergence(C0, C0, np.zeros(12))) < 1e-13
    entries = None if C.ndim == 1 else entries_of(C)
    assert np.array_equal(as_matrix(whole_of(half_of(C, entries), C0, entries)), as_matrix(C))


@pytest.mark.parametrize("cov", KINDS)
def test_posterior_and_check_are_of_mean_and_covariance(cov):
    kit = ForecastKit(mean, FIDUCIAL, cov)
    log = kit.posterior.log_density([FIDUCIAL, BESIDE])
    assert abs(log[0]) < 1e-13
    assert math.isclose(log[1], -0.5 * twice_expected(cov), rel_tol=1e-12)
    check = kit.check_gaussian()
    whole = kit.gaussian_fisher_result()
    assert np.array_equal(check.fisher.sigma, whole.sigma)
    points = FIDUCIAL + np.concatenate([-check.axes.T, check.axes.T])
    exact = -2 * kit.posterior.log_density(points).reshape(2, -1).T
    assert np.allclose(check.chi2, exact, rtol=1e-12)
    assert check.verdict is Verdict.TRUSTWORTHY


def test_a_posterior_of_one_probe_of_two_has_its_covariance_too():
    kit = ForecastKit({"a": GaussianMeanCov(mean, variances), "b": GaussianMeanCov(mean, dense)},
                      FIDUCIAL, priors={"p0": 0.1})  # fmt: skip
    exact = twice_expected(variances) + twice_expected(dense) + 1.0
    assert math.isclose(kit.posterior.log_density(BESIDE), -0.5 * exact, rel_tol=1e-12)


def test_a_covariance_alone_has_a_posterior_and_a_check():
    kit = ForecastKit(None, [0.5], lambda t: np.full(40, t[0] ** 2))
    ratio = (0.5 / 0.6) ** 2
    exact = -20 * (ratio - 1 - math.log(ratio))
    assert math.isclose(kit.posterior.log_density([0.6]), exact, rel_tol=1e-12)
    assert kit.posterior.log_density([0.0]) == -np.inf  # no covariance
    assert 0.15 < kit.check_gaussian().off[0] < 0.3
    few = ForecastKit(None, [0.5], lambda t: np.full(4, t[0] ** 2))
    assert few.check_gaussian().verdict is Verdict.NOT_GAUSSIAN


def test_dali_has_no_place_for_a_covariance_of_theta_and_says_so():
    kit = ForecastKit(mean, FIDUCIAL, variances)
    with pytest.raises(ValueError, match="must not depend on theta"):
        kit.dali_result(2)
    with pytest.warns(ForecastWarning, match="what the mean tells alone; posterior"):
        dali = kit.dali(forecast_order=2)
    with pytest.warns(ForecastWarning, match="gaussian_fisher"):
        result = kit.fisher_result()
    assert "what the mean tells alone" in result.message
    assert np.allclose(dali[1][0], result.value, rtol=1e-12)


def test_complex_data_count_with_both_parts_where_their_covariance_depends_on_theta():
    def wave(t):
        return t[0] * np.exp(1j * t[1] * T)

    kit = ForecastKit(wave, FIDUCIAL, lambda t: np.full(12, 0.01 * t[0] ** 2))
    parts = ForecastKit(lambda t: np.r_[wave(t).real, wave(t).imag], FIDUCIAL,
                        lambda t: np.full(24, 0.01 * t[0] ** 2))  # fmt: skip
    assert np.allclose(kit.gaussian_fisher(), parts.gaussian_fisher(), rtol=1e-10, atol=1e-8)
    found, exact = (k.posterior.log_density(BESIDE) for k in (kit, parts))
    assert math.isclose(found, exact, rel_tol=1e-12)
    hermitian = np.array([[2.0, 0.5 + 0.3j], [0.5 - 0.3j, 1.0]])
    both = ForecastKit(lambda t: wave(t)[:2], FIDUCIAL, lambda t: t[0] * hermitian)
    alone = ForecastKit(lambda t: wave(t)[:2], FIDUCIAL, 2.0 * hermitian)
    extra = np.diag([0.5 * 4 / 2.0**2, 0])  # of ln t[0], four numbers
    assert np.allclose(both.gaussian_fisher(), alone.fisher() + extra, rtol=1e-9, atol=1e-9)


def test_what_cannot_be_called_with_a_covariance_of_theta_is_refused():
    many = ForecastKit(lambda t: t[:, :1] * T, FIDUCIAL, variances, vectorized=True)
    with pytest.raises(ValueError, match="`vectorized` must be False"):
        many.gaussian_fisher()
    with pytest.raises(ValueError, match="use gaussian_fisher_result"):
        ForecastKit(None, [0.5], lambda t: np.full(40, t[0] ** 2)).fisher_result()
    with pytest.raises(ValueError, match="for its posterior"):
        _ = ForecastKit(None, [0.5], 1.0).posterior
    x, line = np.linspace(0, 5, 12), ForecastKit(None, [1.0, 0.8], 0.04)
    result = line.xy_fisher_result(
        mu_xy=lambda x, t: t[0] + t[1] * x, x0=x, cov_xy=0.04 * np.eye(24)
    )
    with pytest.raises(ValueError, match="errors in x"):
        line.check_gaussian(result)


@pytest.mark.parametrize("matrix", [np.asarray, sparse.csc_array])
@pytest.mark.parametrize("mean", [None, lambda t: np.zeros(2)])
def test_a_structured_covariance_of_theta_needs_no_mean(mean, matrix):
    C = np.array([[2.0, 0.5], [0.5, 1.0]])
    kinds = {
        "precision": lambda t: Precision(matrix(np.linalg.inv(C) / t[0])),
        "factor": lambda t: Cholesky(matrix(np.linalg.cholesky(C) * t[0] ** 0.5)),
    }
    for cov in kinds.values():  # F = m / (2 t^2)
        found = ForecastKit(mean, [2.0], cov).gaussian_fisher()
        assert np.allclose(found, 0.25, rtol=1e-8)


@pytest.mark.parametrize("wrong", [np.triu(np.ones((2, 2))), np.ones(2)])
def test_a_factor_that_depends_on_theta_must_be_a_lower_triangle(wrong):
    kit = ForecastKit(lambda t: [t[0], t[0]], [2.0], lambda t: Cholesky(t[0] * wrong))
    with pytest.raises(ValueError, match=r"lower triangle|shape \(2, 2\)"):
        kit.gaussian_fisher()


def test_a_table_that_depends_on_theta_must_be_square():
    kit = ForecastKit(lambda t: [t[0]] * 3, [2.0], lambda t: t[0] * np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"shape \(3, 3\) for 3 data, got \(3, 2\)"):
        kit.gaussian_fisher()
