"""DALI, Laplace, the check of Gaussianity, samples, GetDist: documented and exact numbers."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

from derivkit import (
    ForecastKit,
    ForecastWarning,
    Poisson,
    SamplingError,
    Verdict,
)
from derivkit.forecast.samples import importance_samples, split_r_hat


def documented(theta):
    return np.array([theta[0], theta[1], theta[0] + 2 * theta[1]])


def banana(theta):
    x, e = theta
    first = 1e2 * np.exp((x - 3 * e) ** 2) * np.exp(4 * e)
    return np.array([first, 4e1 * np.exp(0.5 * x) * (1 + 0.3 * e + 6 * e**3)])


FIDUCIAL = np.array([0.18, 0.02])
COV = np.array([[1, 0.95], [0.95, 1.0]])
BOX = [(-0.12, 0.48), (-0.03, 0.07)]
DOUBLET_SD = [0.04677472467742856, 0.0018908591832660572]  # on a grid over the box
NAMES = {"names": ["x", "eps"], "labels": ["x", r"\epsilon"]}


@pytest.fixture(scope="module")
def linear():
    kit = ForecastKit(function=documented, theta0=[1.0, 2.0], cov=np.eye(3))
    return kit, kit.fisher()


@pytest.fixture(scope="module")
def bent():
    kit = ForecastKit(banana, FIDUCIAL, COV, names=["x", "eps"])
    return kit, kit.dali(forecast_order=2)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_dali_returns_a_dict_of_orders(linear, order):
    dali = linear[0].dali(forecast_order=order)
    shapes = {k: [t.ndim for t in each] for k, each in dali.items()}
    assert shapes == {k: list(range(k + 1, 2 * k + 1)) for k in range(1, order + 1)}
    assert all(set(t.shape) == {2} for each in dali.values() for t in each)
    with np.printoptions(precision=8, suppress=True):
        assert str(dali[1][0]) == "[[2. 2.]\n [2. 5.]]"


def test_dali_of_other_orders_is_refused(linear):
    for order in (0, 5, 2.5, "2"):
        with pytest.raises((TypeError, ValueError), match=r"1, 2, 3 or 4|a whole number"):
            linear[0].dali(forecast_order=order)


def test_the_documented_densities(linear):
    kit, F = linear
    dali = kit.dali(forecast_order=2)
    at = {"theta": [1.1, 2.1]}
    assert math.isclose(kit.delta_chi2_fisher(fisher=F, **at), 0.11, rel_tol=1e-12)
    assert math.isclose(kit.delta_chi2_dali(dali=dali, **at), 0.11, rel_tol=1e-10)
    assert math.isclose(kit.logposterior_fisher(fisher=F, **at), -0.055, rel_tol=1e-12)
    bounded = kit.logposterior_fisher(theta=[1.1, 2.1], fisher=F, prior_bounds=[(0, 1), (0, 9)])
    assert bounded == -np.inf
    assert kit.delta_chi2_dali(theta=np.ones((4, 3, 2)), dali=dali).shape == (4, 3)


def test_densities_check_what_they_are_given(linear):
    kit, F = linear
    with pytest.raises(TypeError, match="must be a dict"):
        kit.delta_chi2_dali(theta=[1.0, 2.0], dali=F)
    with pytest.raises(ValueError, match="2, 3 or 4"):
        kit.delta_chi2_dali(theta=[1.0, 2.0], dali=kit.dali(forecast_order=1))
    with pytest.raises(ValueError, match="must not be given with"):
        kit.logposterior_fisher(
            theta=[1.0, 2.0], fisher=F, logprior=lambda t: 0.0, prior_bounds=[(0, 1), (0, 1)]
        )


def second_derivatives():
    """J (2, 2) and H (2, 2, 2) of the banana by hand."""
    x, e = FIDUCIAL
    u = x - 3 * e
    f = 1e2 * np.exp(u**2 + 4 * e)
    g = np.array([2 * u, -6 * u + 4])
    second = np.array([[2.0, -6.0], [-6.0, 18.0]])
    h = 4e1 * np.exp(0.5 * x)
    q, dq, ddq = 1 + 0.3 * e + 6 * e**3, 0.3 + 18 * e**2, 36 * e
    J = np.array([f * g, [0.5 * h * q, h * dq]])
    H = np.array(
        [f * (np.outer(g, g) + second), [[0.25 * h * q, 0.5 * h * dq], [0.5 * h * dq, h * ddq]]]
    )
    return J, H


def test_the_doublet_of_the_banana_is_exact(bent):
    J, H = second_derivatives()
    inverse = np.linalg.inv(COV)
    flexion = np.einsum("aij,ab,bk->ijk", H, inverse, J)
    D1 = (flexion + flexion.transpose(0, 2, 1) + flexion.transpose(2, 1, 0)) / 3
    quarxion = np.einsum("aij,ab,bkl->ijkl", H, inverse, H)
    D2 = sum(quarxion.transpose(o) for o in [(0, 1, 2, 3), (0, 2, 1, 3), (0, 3, 2, 1)]) / 3
    dali = bent[1]
    assert np.allclose(dali[2][0], D1, rtol=1e-8, atol=0)
    assert np.allclose(dali[2][1], D2, rtol=1e-7, atol=0)
    raw = bent[0].dali(forecast_order=2, symmetrize=False)
    assert np.allclose(raw[2][0], flexion, rtol=1e-8, atol=0)
    result = bent[0].dali_result(2)
    assert (np.abs(result.value["D2"] - D2) <= result.error["D2"]).all()


def test_the_density_from_whitened_derivatives_is_that_of_the_tensors(bent):
    kit, dali = bent
    points = FIDUCIAL + np.random.default_rng(0).normal(size=(50, 2)) * [0.05, 0.002]
    exact = -0.5 * kit.delta_chi2_dali(theta=points, dali=dali)
    assert np.allclose(kit.dali_result(2).log_density(points), exact, rtol=1e-8, atol=1e-8)


def test_the_third_order_follows_the_model_further_than_the_second(bent):
    kit, _ = bent
    point = FIDUCIAL + np.array([0.02, 0.0005])
    exact = kit.posterior.log_density(point)
    off = [abs(kit.dali_result(order).log_density(point) - exact) for order in (1, 2, 3, 4)]
    assert off[0] > 10 * off[1] > 100 * off[2]


def test_samples_of_the_banana_have_the_moments_of_the_grid(bent):
    samples = bent[0].dali_result(2).sample(40_000, seed=1)
    assert (np.abs(samples.sigma - DOUBLET_SD) < 4 * samples.sigma_error).all()
    assert (samples.sigma_error < 0.05 * samples.sigma).all()
    assert samples.ess > 5000


def test_the_banana_is_not_gaussian(bent):
    result = bent[0].dali_result(2)
    assert result.verdict is Verdict.NOT_GAUSSIAN
    assert "eps: 1." in result.message
    check = bent[0].check_gaussian()
    assert check.verdict is Verdict.NOT_GAUSSIAN
    assert math.isclose(check.chi2.max(), 2.03, abs_tol=0.01)
    assert check.nfev == 4
    assert "eps" in check.message


def test_a_linear_model_is_trustworthy_once_it_is_checked(linear):
    kit, _ = linear
    check = kit.check_gaussian()
    assert np.allclose(check.chi2, 1)
    assert check.fisher.verdict is Verdict.TRUSTWORTHY
    assert kit.dali_result(2).verdict is Verdict.TRUSTWORTHY


def test_a_model_that_fails_within_one_sigma_is_not_gaussian():
    def walled(theta):
        if theta[0] > 1.01:
            raise ValueError("outside")
        return np.array([theta[0]])

    check = ForecastKit(walled, [1.0], 0.01, names=["a"]).check_gaussian()
    assert check.verdict is Verdict.NOT_GAUSSIAN


def test_counts_are_checked_by_their_deviance():
    kit = ForecastKit(Poisson(lambda t: [t[0]]), [4.0], names=["n"])
    exact = [2 * (d - 4 * math.log1p(d / 4)) for d in (-2.0, 2.0)]
    assert np.allclose(np.sort(kit.check_gaussian().chi2), np.sort([exact]))
    assert math.isclose(kit.posterior.log_density([6.0]), -0.5 * exact[1])


@pytest.mark.parametrize("m", [30, 300])
def test_budgets_of_seven_parameters(m):
    x = np.linspace(0, 1, m)

    def model(t):
        wave = np.sin((6 + t[2]) * x + t[3]) * t[4]
        return t[1] * np.exp(-t[0] * x) + wave + t[5] * x**2 + np.cos((9 + t[6]) * x)

    kit = ForecastKit(model, [1.0, 2.0, 0.5, 0.3, 0.7, 1.1, 0.9], 1e-4)
    first = kit.fisher_result().nfev
    second = first + kit.dali_result(2).nfev
    assert first <= 1 + 8 * 7
    assert second <= 280
    triplet = kit.dali_result(3)
    assert second + triplet.nfev <= 1200
    assert not triplet.unresolved  # third derivatives that are 0 need no digits

    # along t[6] alone the model is cos((9 + t6) x) and what does not change with it
    third = x**3 * np.sin(9.9 * x)
    slope = np.exp(-x)
    exact = 1e4 * np.sum(third * third), 1e4 * np.sum(third * slope)
    for name, place, truth in (("T3", (6,) * 6, exact[0]), ("T1", (6, 6, 6, 1), exact[1])):
        plain = replace(triplet, symmetrize=False)
        off = abs(plain.value[name][place] - truth)
        assert off <= plain.error[name][place] + 1e-10 * exact[0]
        assert off <= 1e-6 * exact[0]


@pytest.mark.parametrize("cov", [1e-4, "correlated", "sparse"])
def test_third_derivatives_that_are_nothing_cost_one_ladder_each(cov):
    x = np.linspace(0, 1, 40)
    near = np.exp(-np.abs(x[:, None] - x) / 0.1) + np.eye(40)
    tridiagonal = np.where(np.abs(np.subtract.outer(range(40), range(40))) < 2, near, 0)
    cov = {"correlated": 1e-4 * near, "sparse": sparse.csc_array(1e-4 * tridiagonal)}.get(cov, cov)

    def linear(t):
        return t[0] + t[1] * x + t[2] * x**2 + t[3] * np.sin(9 * x)

    kit = ForecastKit(linear, [1.0, 2.0, 0.5, 0.3], cov)
    doublet = kit.dali_result(2)
    triplet = kit.dali_result(3)
    assert triplet.nfev <= 20 * 8  # a line for each of 20 distinct derivatives
    assert not triplet.unresolved
    assert np.allclose(triplet.fisher.value, doublet.fisher.value, rtol=1e-12)


def test_third_derivatives_of_an_operator_s_data_know_how_long_they_are():
    root = LinearOperator((9, 9), matvec=lambda v: 10 * v, rmatvec=lambda v: 10 * v)
    x = np.linspace(0, 1, 9)
    model = lambda t: np.exp(t[0] * x) + t[1] * x
    found, known = (ForecastKit(model, [1.0, 2.0], c).dali_result(3) for c in (root, 0.01))
    assert np.allclose(found.value["T3"], known.value["T3"], rtol=1e-6)


# -- Laplace --------------------------------------------------------------------------------------

C = np.array([[0.10, -0.03], [-0.03, 0.05]])
MAP = np.array([1.3, -0.5])


def quadratic(theta):
    return 0.5 * (np.asarray(theta) - MAP) @ np.linalg.solve(C, np.asarray(theta) - MAP)


def test_the_documented_laplace_approximation():
    kit = ForecastKit(function=None, theta0=MAP, cov=np.eye(1))
    found = kit.laplace_approximation(neg_logposterior=quadratic, theta_map=MAP)
    assert set(found) == {"theta_map", "neg_logposterior_at_map", "hessian", "cov", "jitter"}
    assert found["jitter"] == found["neg_logposterior_at_map"] == 0.0
    assert np.allclose(found["hessian"], [[12.195122, 7.317073], [7.317073, 24.390244]], atol=1e-6)
    assert np.allclose(found["cov"], C, rtol=1e-10)
    assert np.allclose(kit.laplace_covariance(found["hessian"]), C)
    assert np.allclose(kit.laplace_hessian(neg_logposterior=quadratic), found["hessian"])


@pytest.mark.parametrize("theta", [[1.0], [1.0, 2.0, 3.0]])
def test_a_point_has_as_many_numbers_as_the_kit_has_parameters(theta):
    kit = ForecastKit(None, MAP, np.eye(1))
    with pytest.raises(ValueError, match=r"`theta` must be 2 numbers, got shape"):
        kit.negative_logposterior(theta, logposterior=quadratic)


def test_a_point_that_is_no_maximum_is_told_the_newton_step():
    kit = ForecastKit(None, [0.0, 0.0], np.eye(1), names=["a", "b"])
    keywords = {"method": "finite", "stepsize": 1e-3, "num_points": 5, "extrapolation": "ridders"}
    with pytest.warns(ForecastWarning, match="Newton step there is a .1.3, b -0.5"):
        found = kit.laplace_result(neg_logposterior=quadratic, levels=4, **keywords)
    assert np.allclose(found.covariance, C, rtol=1e-6)
    assert np.allclose(found.newton_step, MAP, rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda t: t[0] ** 2 - t[1] ** 2, r"\(b .1\) is negative"),
        (lambda t: t[0] ** 2, r"\(b .1\) is 0"),
        (lambda t: (t[0] + t[1]) ** 2, r"\(a .0.707, b .0.707\) is 0"),
    ],
)
def test_saddles_and_flat_directions_are_errors_that_name_the_direction(function, says):
    kit = ForecastKit(None, [0.0, 0.0], np.eye(1), names=["a", "b"])
    with pytest.raises(ValueError, match=says):
        kit.laplace_result(neg_logposterior=function)


def test_scales_that_differ_by_1e11_are_no_obstacle_to_laplace():
    def function(t):
        a, b = (t[0] - 1e-9) / 1e-10, (t[1] - 2e3) / 50
        return 0.5 * a**2 + 0.5 * b**2 + 0.3 * a * b

    found = ForecastKit(None, [1e-9, 2e3], np.eye(1)).laplace_result(neg_logposterior=function)
    assert np.allclose(found.sigma, np.array([1e-10, 50]) / math.sqrt(0.91), rtol=1e-9, atol=0)
    assert math.isclose(found.correlation[0, 1], -0.3, rel_tol=1e-9)


def test_laplace_needs_a_scalar():
    with pytest.raises(TypeError, match="scalar"):
        ForecastKit(None, [0.0, 1.0], np.eye(1)).laplace_result(neg_logposterior=lambda t: t)


# -- samples and GetDist --------------------------------------------------------------------------


def test_importance_samples_that_say_too_little_are_an_error():
    with pytest.raises(SamplingError, match="effective samples"):
        importance_samples(
            lambda x: np.where(np.abs(x[:, 0] - 1e6) < 1e-3, 0.0, -1e9),
            np.zeros(2),
            np.eye(2),
            1000,
            0,
            names=["a", "b"],
        )


@pytest.mark.parametrize("p", [1, 4, 10])
def test_importance_samples_of_a_gaussian_have_its_sigmas(p):
    K = np.tril(np.ones((p, p))) * 10.0 ** -np.arange(p)[:, None]
    inverse = np.linalg.inv(K)
    found = importance_samples(
        lambda x: -0.5 * np.sum((x @ inverse.T) ** 2, 1), np.zeros(p), K, 20_000, 0, names="a" * p
    )
    assert np.allclose(found.sigma, np.sqrt(np.diag(K @ K.T)), rtol=0.05)


def test_getdist_takes_the_documented_gaussian(linear):
    pytest.importorskip("getdist")
    kit, F = linear
    names = {"names": ["theta1", "theta2"], "labels": [r"\theta_1", r"\theta_2"]}
    found = kit.getdist_fisher_gaussian(fisher=F, label="Biased", **names)
    assert type(found).__name__ == "GaussianND"
    assert found.label == "Biased"
    assert np.allclose(found.covs[0], np.linalg.inv(F))
    with pytest.raises(ValueError, match="2 each"):
        kit.getdist_fisher_gaussian(fisher=F, names=["a"])
    with pytest.raises(ValueError, match="along"):
        kit.getdist_fisher_gaussian(fisher=np.ones((2, 2)))


def test_getdist_samples_of_a_fisher_matrix(linear, capsys):
    pytest.importorskip("getdist")
    kit, F = linear
    found = kit.getdist_fisher_samples(
        fisher=F, names=["a", "b"], labels=["a", "b"], store_loglikes=True, label="F", seed=1
    )
    assert found.numrows == 30_000
    d = found.samples - [1.0, 2.0]
    assert np.allclose(found.loglikes, 0.5 * np.einsum("ni,ij,nj->n", d, F, d))
    prior = [("gaussian", {"mean": [1.0, 2.0], "cov": np.diag([1e-6, 1e6])})]
    narrow = kit.getdist_fisher_samples(fisher=F, prior_terms=prior, seed=1)
    assert math.isclose(math.sqrt(narrow.getCov(2)[0, 0]), 1e-3, rel_tol=0.05)
    with pytest.raises(ValueError, match="hard_bounds"):
        kit.getdist_fisher_samples(fisher=F, prior_terms=prior, hard_bounds=[(0, 1), (0, 1)])
    bounded = kit.getdist_fisher_samples(fisher=F, hard_bounds=[(0.9, 1.1), (None, None)], seed=1)
    assert bounded.samples[:, 0].min() > 0.9


def test_getdist_samples_keep_parameters_of_2e_9(capsys):
    pytest.importorskip("getdist")
    F = np.array([[1e21, 2e11], [2e11, 1e2]])
    kit = ForecastKit(lambda t: t, [2.1e-9, 0.9], [1.0, 1.0])
    found = kit.getdist_fisher_samples(fisher=F, seed=1)
    assert np.allclose(
        np.sqrt(np.diag(found.getCov(2))), np.sqrt(np.diag(np.linalg.inv(F))), rtol=0.02
    )


def test_getdist_contours_of_a_parameter_of_2e_9_hold_what_they_say(capsys):
    pytest.importorskip("getdist")
    k, theta = np.linspace(0.01, 1, 50), np.array([2.1e-9, 0.965, 0.3])

    def power(t):
        return 1e9 * t[0] * k ** (t[1] - 1) * np.exp(-t[2] * k)

    data = power(theta)
    J = 100 * np.stack([np.ones(50), np.log(k), -k], axis=1)  # of ln As, whitened
    sigma = np.sqrt(np.diag(np.linalg.inv(J.T @ J))) * [2.1e-9, 1, 1]
    kit = ForecastKit(power, theta, (0.01 * data) ** 2, names=["As", "ns", "tau"])
    result = kit.fisher_result()
    assert np.allclose(result.sigma, sigma, rtol=1e-9, atol=0)
    names = {"names": ["As", "ns", "tau"], "labels": ["A_s", "n_s", r"\tau"]}
    found = kit.getdist_fisher_samples(fisher=result.value, n_samples=40_000, seed=1, **names)
    density, points = found.get2DDensity("As", "ns"), found.samples[:, :2]
    inside = density.Prob(points[:, 0], points[:, 1])
    shares = [np.mean(inside >= level) for level in density.getContourLevels([0.68, 0.95])]
    assert np.allclose(shares, [0.68, 0.95], atol=0.005)
    scaled = (points - theta[:2]) / sigma[:2]
    R = np.linalg.inv(np.corrcoef(scaled.T))
    ellipse = np.einsum("ni,ij,nj->n", scaled, R, scaled) <= 2.2789  # 68 % in two dimensions
    assert np.mean(ellipse == (inside >= density.getContourLevels([0.68])[0])) > 0.98


def test_getdist_samples_of_dali_with_priors(bent, capsys):
    pytest.importorskip("getdist")
    kit, dali = bent
    found = kit.getdist_dali_importance(
        dali=dali, n_samples=80_000, seed=0, kernel_scale=1.3, prior_bounds=BOX, **NAMES
    )
    assert np.allclose(np.sqrt(np.diag(found.getCov(2))), DOUBLET_SD, rtol=0.03)
    prior = [("gaussian", {"mean": FIDUCIAL, "cov": np.diag([1e-4, 1e-8])})]
    narrow = kit.getdist_dali_importance(dali=dali, seed=0, prior_terms=prior, **NAMES)
    assert math.sqrt(narrow.getCov(2)[1, 1]) < 1.01e-4


def test_emcee_samples_dali(bent, capsys):
    pytest.importorskip("getdist")
    pytest.importorskip("emcee")
    kit, dali = bent
    found = kit.getdist_dali_emcee(
        dali=dali, n_steps=1500, burn=300, seed=3, prior_bounds=BOX, label="DALI", **NAMES
    )
    assert found.numrows > 0
    assert np.allclose(np.sqrt(np.diag(found.getCov(2))), DOUBLET_SD, rtol=0.1)


def test_what_only_bounds_limit_can_be_sampled_within_them(capsys):
    pytest.importorskip("emcee")
    kit = ForecastKit(lambda t: banana(t[:2]) * (1 + t[2]), [0.18, 0.02, 0.0], COV)
    with pytest.warns(ForecastWarning, match="unconstrained"):
        dali = kit.dali(forecast_order=2)
    with pytest.warns(ForecastWarning, match="p0, p1, p2 has not settled: R-hat is 1"):
        found = kit.getdist_dali_emcee(
            dali=dali, n_steps=300, burn=100, seed=1, prior_bounds=[*BOX, (-0.1, 0.1)]
        )
    assert found.numrows > 0


def test_both_checks_of_gaussianity_agree_where_contours_are_bent_and_sigmas_are_not():
    """Second derivatives along the weak direction bend a valley whose projections stay as wide."""
    x = np.linspace(0.5, 1.5, 20)

    def bent_valley(t):
        return t[0] * x + t[1] * x**2 + 0.02 * t[1] ** 2 * x

    kit = ForecastKit(bent_valley, [1.0, 0.0], 0.01 / np.sqrt(20), names=["a", "b"])
    check, doublet = kit.check_gaussian(), kit.dali_result(2)
    assert np.allclose(check.chi2, doublet.check.chi2, rtol=1e-6)
    assert doublet.check.nfev == 0
    assert (check.verdict is Verdict.NOT_GAUSSIAN) == (check.off.max() > 0.3)
    assert doublet.verdict is check.verdict


def test_the_error_of_a_dali_density_covers_what_other_derivatives_would_give(bent):
    result = bent[0].dali_result(2)
    J, H = second_derivatives()
    points = FIDUCIAL + np.random.default_rng(1).normal(size=(50, 2)) * [0.05, 0.002]
    d = points - FIDUCIAL
    r = d @ J.T + 0.5 * np.einsum("aij,ni,nj->na", H, d, d)
    exact = -0.5 * np.einsum("na,ab,nb->n", r, np.linalg.inv(COV), r)
    off, error = np.abs(result.log_density(points) - exact), result.log_density_error(points)
    assert (off <= error + 1e-13 * np.abs(exact)).all()
    assert (error < 1e-5 * (1 + np.abs(exact))).all()


def test_the_exact_contours_can_be_drawn_beside_the_ellipse(bent):
    pytest.importorskip("matplotlib")
    kit, _ = bent
    exact = ForecastKit(banana, FIDUCIAL, COV, names=["x", "eps"], bounds=BOX).posterior
    sd = [0.04665694485226958, 0.0018849980117404037]  # on a grid
    found = exact.sample(4000, seed=1)
    assert (np.abs(found.sigma - sd) < 4 * found.sigma_error).all()
    axes = kit.fisher_result().plot_corner(others={"exact": exact})
    assert axes.shape == (2, 2)


def test_r_hat_is_1_for_parts_of_one_density_and_not_for_walkers_apart():
    generator = np.random.default_rng(0)
    chain = generator.normal(size=(500, 8, 2))
    assert np.allclose(split_r_hat(chain), 1, atol=0.01)
    chain[:, :4, 1] += 2
    assert split_r_hat(chain)[1] > 1.3
