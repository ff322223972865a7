"""Fisher forecasts against closed forms, and the failures they must not pass over in silence."""

import math
import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator

from derivkit import (
    BlockDiagonal,
    Cholesky,
    DataBlock,
    ForecastKit,
    ForecastWarning,
    GaussianMeanCov,
    Kronecker,
    ModelError,
    Poisson,
    Precision,
    UnresolvedWarning,
    Verdict,
)

X = np.linspace(-1.0, 3.0, 9)
SIGMA = 0.1 * (1 + np.arange(9) % 3)
K = np.linspace(0.01, 1, 50)


def line(theta):
    return theta[0] + theta[1] * X


def documented(theta):
    return np.array([theta[0], theta[1], theta[0] + 2 * theta[1]])


def close(found, exact, tolerance):
    assert np.allclose(found, exact, rtol=tolerance, atol=0), (found, exact)


@pytest.fixture
def documented_kit():
    return ForecastKit(function=documented, theta0=np.array([1.0, 2.0]), cov=np.eye(3))


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {
            "method": "finite",
            "n_workers": 2,
            "stepsize": 1e-2,
            "num_points": 5,
            "extrapolation": "ridders",
            "levels": 4,
        },
        {"n_workers": 4},
        {"method": "finite", "extrapolation": "ridders"},
    ],
)
def test_the_documented_fisher_matrix_is_printed_as_documented(documented_kit, keywords):
    with np.printoptions(precision=8, suppress=True):
        assert str(documented_kit.fisher(**keywords)) == "[[2. 2.]\n [2. 5.]]"


def test_the_documented_bias_is_printed_as_documented(documented_kit):
    f0 = documented([1.0, 2.0])
    dn = documented_kit.delta_nu(data_unbiased=f0, data_biased=f0 + np.array([0.5, -0.8, 0.3]))
    assert dn.shape == (3,)
    assert np.array_equal(dn, documented_kit.delta_nu(f0, f0 + np.array([0.5, -0.8, 0.3])))
    b, d = documented_kit.fisher_bias(fisher_matrix=documented_kit.fisher(), delta_nu=dn)
    with np.printoptions(precision=8, suppress=True):
        assert str(dn) == "[ 0.5 -0.8  0.3]"
        assert str(b) == "[ 0.8 -0.2]"
        assert str(d) == "[ 0.73333333 -0.33333333]"


def test_data_in_two_axes_are_flattened_in_c_order():
    kit = ForecastKit(lambda t: np.outer([1, 2], [t[0], t[1], 1.0]), [1.0, 2.0], 0.1)
    grid = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(kit.delta_nu(0 * grid, grid), np.arange(6.0))
    with pytest.raises(ValueError, match="one shape"):
        kit.delta_nu(grid, grid.T)
    with pytest.raises(ValueError, match="at most two axes"):
        kit.delta_nu(grid[None], grid[None])


def test_bias_input_is_checked(documented_kit):
    with pytest.raises(ValueError, match="fisher_matrix"):
        documented_kit.fisher_bias(fisher_matrix=np.ones((2, 3)), delta_nu=np.ones(3))
    with pytest.raises(ValueError, match="3 entries"):
        documented_kit.fisher_bias(fisher_matrix=np.eye(2), delta_nu=np.ones(4))
    with pytest.raises(FloatingPointError, match="finite"):
        documented_kit.fisher_bias(fisher_matrix=np.eye(2), delta_nu=[1.0, np.nan, 0.0])


def test_a_fisher_matrix_from_elsewhere_is_compared(documented_kit):
    with pytest.warns(ForecastWarning, match="differs"):
        _, d = documented_kit.fisher_bias(fisher_matrix=2 * np.eye(2), delta_nu=[0.5, -0.8, 0.3])
    close(d, [0.4, -0.1], 1e-12)


def test_a_straight_line_is_exact_to_rounding():
    result = ForecastKit(line, [1.0, 0.5], SIGMA**2, names=["a", "b"]).fisher_result()
    w = SIGMA**-2
    F = np.array([[w.sum(), w @ X], [w @ X, w @ X**2]])
    C = np.linalg.inv(F)
    close(result.value, F, 1e-13)
    close(result.sigma, np.sqrt(np.diag(C)), 1e-13)
    assert (np.abs(result.sigma - np.sqrt(np.diag(C))) <= result.sigma_error).all()
    assert (result.sigma_error < 1e-12).all()
    assert result.verdict is Verdict.NOT_CHECKED
    assert result.success
    bias = result.bias(0.02 * X**2)
    close(bias.shift, C @ [w @ (0.02 * X**2), w @ (0.02 * X**3)], 1e-12)
    assert bias.verdict is Verdict.TRUSTWORTHY
    merit = result.figure_of_merit("a", "b")
    assert math.isclose(merit.value, math.sqrt(np.linalg.det(F)), rel_tol=1e-12)
    assert 0 < merit.error < 1e-10 * merit.value
    ellipse = result.ellipse("a", "b", level=1 - math.exp(-0.5))
    assert math.isclose(ellipse.area, math.pi * math.sqrt(np.linalg.det(C)), rel_tol=1e-12)


def test_an_amplitude_of_2e_9_beside_numbers_of_order_one_loses_nothing():
    theta = np.array([2.1e-9, 0.965, 0.3])

    def power(t):
        return 1e9 * t[0] * K ** (t[1] - 1) * np.exp(-t[2] * K)

    J = np.stack([np.full(50, 1.0), np.log(K), -K], 1) / 0.01  # of the logarithm, whitened
    sigma = np.sqrt(np.diag(np.linalg.inv(J.T @ J))) * [2.1e-9, 1, 1]
    kit = ForecastKit(power, theta, (0.01 * power(theta)) ** 2, names=["As", "ns", "tau"])
    result = kit.fisher_result()
    close(result.sigma, sigma, 1e-9)
    log = result.derived({"ln1e10As": lambda t: np.log(1e10 * t[0])})
    assert log.names == ("ln1e10As",)
    close(log.sigma, sigma[:1] / 2.1e-9, 1e-9)
    assert (np.abs(log.sigma - sigma[0] / 2.1e-9) <= log.sigma_error).all()
    shifted = result.bias(power(theta + np.array([0, 1e-6, 0])) - power(theta), second_order=False)
    assert abs(shifted.shift[1] - 1e-6) < 1e-10
    assert abs(shifted.shift[0]) < 1e-14


def test_a_nearly_degenerate_pair_is_named_and_keeps_its_digits():
    kit = ForecastKit(
        lambda t: (t[0] + t[1]) * K + 1e-6 * t[1] * K**2, [1.0, 2.0], 1.0, names=["a", "b"]
    )
    result = kit.fisher_result()
    exact = 1e6 / np.sqrt(np.sum(K**4) - np.sum(K**3) ** 2 / np.sum(K**2))
    assert abs(result.sigma[1] - exact) <= result.sigma_error[1] < 1e-3 * exact
    [found] = result.unconstrained
    assert math.isclose(found["direction"]["a"], -found["direction"]["b"], rel_tol=1e-3)
    assert "along (a +0.71, b -0.71)" in result.message
    total = result.derived({"sum": lambda t: t[0] + t[1]})
    assert np.isfinite(total.sigma_error).all()


def test_a_parameter_without_influence_is_unconstrained_and_the_rest_is_not():
    kit = ForecastKit(lambda t: t[0] * K + 0 * t[1], [1.0, 2.0], 0.01, names=["a", "b"])
    with pytest.warns(ForecastWarning, match="b: unconstrained"):
        result = kit.fisher_result()
    assert result.sigma[1] == np.inf
    close(result.sigma[0], 0.1 / np.sqrt(np.sum(K**2)), 1e-12)
    assert np.isfinite(result.sigma_error[0])
    assert result.verdict is Verdict.UNCONSTRAINED
    assert not result.success
    assert result.unconstrained == [{"direction": {"b": 1.0}, "sigma": np.inf}]
    assert result.fix("b").verdict is Verdict.NOT_CHECKED
    close(result.with_prior({"b": 0.3}).sigma[1], 0.3, 1e-12)


@pytest.mark.parametrize("limit", [{"max_evaluations": 1}, {"max_seconds": 1e-9}])
def test_derivatives_that_are_not_known_do_not_say_that_the_data_constrain_nothing(limit):
    kit = ForecastKit(lambda x: np.array([x[0], x[1], x[0] * x[1]]), [1.0, 2.0], np.eye(3))
    with pytest.warns(UnresolvedWarning, match="p0, p1: unresolved, derivatives are not known"):
        result = kit.fisher_result(**limit)
    assert result.verdict is Verdict.UNRESOLVED
    assert "unconstrained" not in result.message


def test_a_parameter_at_a_wall_is_unresolved_and_not_unconstrained():
    def model(x):
        return np.array([x[0], 2.0 * x[0]]) if x[1] == 2.0 else np.full(2, np.nan)

    with pytest.warns(UnresolvedWarning, match="p0, p1: unresolved"):
        ForecastKit(model, [1.0, 2.0], np.eye(2)).fisher()


def test_only_parameters_of_a_flat_direction_are_unconstrained():
    kit = ForecastKit(
        lambda t: t[0] * t[1] * np.sin(K) + t[2] * K**2,
        [2.0, 5.0, 3.0],
        0.01,
        names=["a", "b", "c"],
    )
    with pytest.warns(ForecastWarning, match="a, b: unconstrained"):
        result = kit.fisher_result()
    [found] = result.unconstrained
    assert math.isclose(found["direction"]["b"] / found["direction"]["a"], -2.5, rel_tol=1e-6)
    assert np.isinf(result.sigma[:2]).all()
    J = np.stack([np.sin(K), K**2], 1)
    close(result.sigma[2], 0.1 * np.sqrt(np.linalg.inv(J.T @ J)[1, 1]), 1e-9)
    assert np.isfinite(result.sigma_error[2])
    assert np.isnan(result.covariance[0, 2])


def test_noise_that_hides_a_parameter_never_gives_it_a_finite_error():
    def noisy(theta):
        seed = np.frombuffer(np.asarray(theta).tobytes(), np.uint32)
        noise = np.random.default_rng(seed).standard_normal(50)
        return theta[0] * K + 1e-6 * theta[1] * K**2 + 1e-2 * noise

    with pytest.warns(UnresolvedWarning, match="b: unresolved"):
        result = ForecastKit(noisy, [1.0, 2.0], 1e-4, names=["a", "b"]).fisher_result()
    assert result.sigma_error[1] == np.inf
    assert result.verdict is Verdict.UNRESOLVED


def test_a_fiducial_point_beside_a_bound_is_truncated():
    kit = ForecastKit(
        lambda t: t[0] * K + t[1], [0.01, 2.0], 0.01, names=["a", "b"], bounds={"a": (0, None)}
    )
    with pytest.warns(ForecastWarning, match="a: truncated"):
        result = kit.fisher_result()
    assert result.verdict is Verdict.TRUNCATED
    limit = result.limits()["a"]
    assert result.x0[0] + 1.6 * result.sigma[0] < limit < result.x0[0] + 2 * result.sigma[0]


def test_a_shift_beyond_the_linear_range_is_said_so():
    kit = ForecastKit(lambda t: [1 + t[0] + 30 * t[0] ** 2, t[0]], [0.0], 1e-2, names=["a"])
    with pytest.warns(ForecastWarning, match="not linear"):
        bias = kit.fisher_result().bias([0.3, 0.0])
    assert bias.verdict is Verdict.OUTSIDE_LINEAR_RANGE


def test_counts_have_their_mean_as_variance():
    e = np.linspace(0.5, 10, 20)
    g = 50 * np.exp(-0.5 * ((e - 4) / 0.8) ** 2)
    c = 20 * np.exp(-e / 4)
    kit = ForecastKit(
        Poisson(lambda t: t[0] * 50 * np.exp(-0.5 * ((e - t[1]) / 0.8) ** 2) + t[2] * c),
        [1.0, 4.0, 1.0],
    )
    J = np.stack([g, g * (e - 4) / 0.64, c], 1)
    close(kit.fisher(), J.T @ (J / (g + c)[:, None]), 1e-10)
    with pytest.raises(ValueError, match="rates of counts must be positive"):
        ForecastKit(Poisson(lambda t: [t[0], 0.0]), [1.0]).fisher()


def test_complex_data_count_with_real_and_imaginary_part():
    def wave(t):
        return t[0] * np.exp(1j * t[1] * K)

    J = np.stack([np.exp(2j * K), 1j * K * 3 * np.exp(2j * K)], 1)
    F = (J.conj().T @ J).real / 0.04
    found = ForecastKit(wave, [3.0, 2.0], np.full(50, 0.04)).fisher()
    assert np.allclose(found, F, rtol=1e-10, atol=1e-9)
    twice = ForecastKit(wave, [3.0, 2.0], 0.04 * np.eye(50), circular=True).fisher()
    assert np.allclose(twice, 2 * F, rtol=1e-10, atol=1e-9)


def test_correlated_complex_noise_is_hermitian():
    C = np.array([[2.0, 0.5 + 0.3j], [0.5 - 0.3j, 1.0]])
    A = np.array([[1.0 + 1j, 0.2], [0.3j, 2.0 - 1j]])
    found = ForecastKit(lambda t: A @ t, [1.0, 2.0], C).fisher()
    close(found, (A.conj().T @ np.linalg.solve(C, A)).real, 1e-12)


def decay(t):
    return t[0] * np.exp(-t[1] * np.linspace(0, 4, 30))


def decay_variances(t):
    return (0.05 * decay(t)) ** 2 + 0.01**2


def exact_decay():
    theta, t = np.array([2.0, 0.7]), np.linspace(0, 4, 30)
    m, v = decay(theta), decay_variances(theta)
    J = np.stack([m / 2, -t * m], 1)
    dv = 2 * 0.05**2 * m[:, None] * J
    mean = J.T @ (J / v[:, None])
    return mean, mean + 0.5 * dv.T @ (dv / v[:, None] ** 2)


@pytest.mark.parametrize(
    "cov",
    [
        decay_variances,
        lambda t: np.diag(decay_variances(t)),
    ],
)
def test_a_covariance_of_theta_adds_its_own_information(cov):
    kit = ForecastKit(decay, [2.0, 0.7], cov)
    mean, whole = exact_decay()
    with pytest.warns(UserWarning, match="covariance depends on theta"):
        close(kit.fisher(), mean, 1e-10)
    close(kit.gaussian_fisher(), whole, 1e-10)
    result = kit.gaussian_fisher_result()
    exact = np.sqrt(np.diag(np.linalg.inv(whole)))
    assert (np.abs(result.sigma - exact) <= result.sigma_error).all()


def test_mean_and_covariance_may_come_as_one_pair():
    pair = GaussianMeanCov(lambda t: (decay(t), decay_variances(t)))
    close(ForecastKit(pair, [2.0, 0.7]).gaussian_fisher(), exact_decay()[1], 1e-10)


def test_a_normal_sample_has_no_correlation_of_mean_and_sigma():
    kit = ForecastKit(lambda t: np.full(40, t[0]), [3.0, 0.5], lambda t: np.full(40, t[1] ** 2))
    F = kit.gaussian_fisher()
    close(np.diag(F), [160.0, 320.0], 1e-11)
    assert F[0, 1] == 0


def test_a_covariance_alone_can_be_the_model():
    kit = ForecastKit(None, [0.5], lambda t: np.full(40, t[0] ** 2))
    close(kit.gaussian_fisher(), [[320.0]], 1e-11)


def test_the_documented_gaussian_fisher_matrices():
    B = np.array([[0.30, 0.03, 0.01], [0.03, 0.26, 0.02], [0.01, 0.02, 0.22]])

    def cov(t):
        a, b = t
        S = np.array(
            [
                [1 + 0.9 * a, 0.7 * b, 0.15 * a],
                [0.25 * b, 0.9 + 0.8 * b, 0.35 * a],
                [0.1 * a, 0.45 * b, 0.8 + a],
            ]
        )
        return B + 0.25 * S @ S.T

    def model(t):
        a, b = t
        return np.array([a + 0.5 * b, 0.4 * a * b, 0.8 * a + 0.3 * b])

    kit = ForecastKit(function=model, theta0=np.array([1.2, -0.3]), cov=cov)
    with np.printoptions(precision=8, suppress=True):
        with pytest.warns(UserWarning, match="gaussian_fisher"):
            assert str(kit.fisher()) == "[[1.22320044 0.23170132]\n [0.23170132 0.75575924]]"
        assert str(kit.gaussian_fisher()) == "[[1.80814977 0.22638925]\n [0.22638925 1.06341325]]"


Q1, Q2 = np.linspace(0, 1, 20), np.linspace(1, 2, 25)


def probes():
    one = ForecastKit(
        lambda d: d["H"] * Q1 + d["n1"] * Q1**2, {"H": 1.0, "n1": 0.5}, np.full(20, 0.01)
    )
    two = ForecastKit(
        lambda d: d["H"] * Q2 + d["n2"] * np.sqrt(Q2), {"H": 1.0, "n2": 0.3}, np.full(25, 0.04)
    )
    return one, two


def test_probes_combine_by_name_and_nuisances_marginalise_or_stay_fixed():
    one, two = probes()
    J = np.zeros((45, 3))
    J[:20, 0], J[:20, 1], J[20:, 0], J[20:, 2] = Q1, Q1**2, Q2, np.sqrt(Q2)
    A = J / np.r_[np.full(20, 0.1), np.full(25, 0.2)][:, None]
    kit = ForecastKit.combine(one=one, two=two)
    both = kit.fisher_result()
    C = np.linalg.inv(A.T @ A)
    assert both.names == ("H", "n1", "n2")
    close(both.sigma, np.sqrt(np.diag(C)), 1e-11)
    close(both.marginalise("n1", "n2").value, [[1 / C[0, 0]]], 1e-11)
    close(both.marginalize("n1").sigma, np.sqrt(np.diag(C))[[0, 2]], 1e-11)
    fixed = both.fix("n1")
    close(fixed.sigma, np.sqrt(np.diag(np.linalg.inv(A[:, [0, 2]].T @ A[:, [0, 2]]))), 1e-11)
    assert fixed.fixed == {"n1": 0.5}
    assert both.nfev == 34  # 17 calls of each probe, none of one for the other's parameter


def test_a_table_by_probe_costs_no_further_call():
    one, two = probes()
    kit = ForecastKit.combine(one=one, two=two)
    both = kit.fisher_result()
    table = kit.by_probe()
    assert table.probes == ("one", "two", "together")
    close(table.sigma[0, :2], one.fisher_result().sigma, 1e-12)
    close(table.sigma[1, [0, 2]], two.fisher_result().sigma, 1e-12)
    close(table.sigma[2], both.sigma, 1e-12)
    assert np.isnan([table.sigma[0, 2], table.sigma[1, 1]]).all()
    assert table.nfev == 0
    assert "together" in str(table)
    assert np.array_equal(type(table).from_json(table.to_json()).sigma[2], table.sigma[2])


def test_results_are_labelled_as_theta0_was():
    pandas = pytest.importorskip("pandas")
    found = probes()[0].fisher_result()
    assert found.labelled("sigma") == dict(zip(("H", "n1"), found.sigma, strict=True))
    assert found.labelled()["H"]["n1"] == found.value[0, 1]
    frame = found.labelled("covariance", kind="pandas")
    assert isinstance(frame, pandas.DataFrame)
    assert frame.loc["n1", "H"] == found.covariance[1, 0]
    assert isinstance(ForecastKit(line, [1.0, 0.5], 1.0).fisher_result().labelled(), np.ndarray)


def test_a_figure_of_merit_of_what_is_not_constrained_is_not_known():
    kit = ForecastKit(lambda t: t[0] * K, [1.0, 2.0], 0.01)
    with pytest.warns(ForecastWarning, match="unconstrained"):
        merit = kit.fisher_result().figure_of_merit()
    assert (merit.value, merit.error) == (0.0, math.inf)


def test_covariances_have_derivkits_names():
    kit = ForecastKit(decay, [2.0, 0.7], decay_variances)
    assert kit.cov_fn is decay_variances
    assert np.array_equal(kit.cov0, decay_variances([2.0, 0.7]))
    assert ForecastKit(decay, [2.0, 0.7], 0.1).cov_fn is None


def test_correlated_probes_need_their_cross_covariance():
    one, two = probes()
    with pytest.raises(ValueError, match="same data"):
        ForecastKit.combine(one=one, again=one)
    cross = 0.005 * np.eye(20, 25)
    kit = ForecastKit.combine(cross={("one", "two"): cross}, one=one, two=two)
    J = np.zeros((45, 3))
    J[:20, 0], J[:20, 1], J[20:, 0], J[20:, 2] = Q1, Q1**2, Q2, np.sqrt(Q2)
    C = np.diag(np.r_[np.full(20, 0.01), np.full(25, 0.04)])
    C[:20, 20:], C[20:, :20] = cross, cross.T
    close(kit.fisher(), J.T @ np.linalg.solve(C, J), 1e-10)


def test_what_kits_know_of_their_noise_and_priors_survives_a_combination():
    def wave(d):
        return [d["a"] * np.exp(1j * d["b"])]

    theta = {"a": 1.0, "b": 0.3}
    one, other = (ForecastKit(wave, theta, v, circular=True) for v in (0.01, 0.04))
    both = ForecastKit.combine(one=one, other=other)
    close(np.diag(both.fisher()), np.diag(one.fisher() + other.fisher()), 1e-12)
    close(both.by_probe().sigma[0], one.fisher_result().sigma, 1e-12)
    with pytest.raises(ValueError, match="`circular` must be the same"):
        ForecastKit.combine(one=one, other=ForecastKit(wave, theta, 0.04))
    few = ForecastKit(wave, theta, 0.04, cov_samples=30)
    with pytest.raises(ValueError, match="`cov_samples` must be None"):
        ForecastKit.combine(one=few)
    known, better = (ForecastKit(wave, theta, v, priors={"a": v}) for v in (0.1, 0.2))
    with pytest.raises(ValueError, match=r"prior of a must be the same in all kits, got 0\.1"):
        ForecastKit.combine(known=known, better=better)


def test_kits_that_disagree_on_a_fiducial_value_do_not_combine():
    one, _ = probes()
    other = ForecastKit(lambda d: [d["H"]], {"H": 1.1}, 0.1)
    with pytest.raises(ValueError, match="fiducial value of H"):
        ForecastKit.combine(one=one, other=other)


def test_blocks_of_data_add_up():
    blocks = {"a": DataBlock(line, SIGMA**2), "b": Poisson(lambda t: 10 + t[0] * X**2)}
    found = ForecastKit(blocks, [1.0, 0.5]).fisher()
    parts = [ForecastKit(line, [1.0, 0.5], SIGMA**2).fisher()]
    J = np.stack([X**2, 0 * X], 1)
    close(found, parts[0] + J.T @ (J / (10 + X**2)[:, None]), 1e-10)


def test_priors_count_in_the_result_and_not_in_the_bare_matrix():
    kit = ForecastKit(line, [1.0, 0.5], SIGMA**2, names=["a", "b"], priors={"b": 0.01})
    bare = ForecastKit(line, [1.0, 0.5], SIGMA**2).fisher()
    close(kit.fisher(), bare, 1e-12)
    close(kit.fisher_result().value, bare + np.diag([0, 1e4]), 1e-12)
    planck = np.array([[50.0, 20.0], [20.0, 80.0]])
    added = ForecastKit(line, [1.0, 0.5], SIGMA**2, names=["a", "b"]).fisher_result()
    close(added.with_information(planck, ["b", "a"]).value, bare + planck[::-1, ::-1], 1e-12)
    with pytest.raises(ValueError, match="semi-definite"):
        added.with_information([[1.0, 2.0], [2.0, 1.0]])


def test_reparametrising_changes_sigmas_as_the_chain_rule_says():
    kit = ForecastKit(line, [1.0, 0.5], SIGMA**2)
    result = kit.fisher_result()
    new = result.reparametrise({"s": lambda t: t[0] * t[1], "p1": "p1"})
    G = np.array([[0.5, 1.0], [0.0, 1.0]])
    close(new.covariance, G @ result.covariance @ G.T, 1e-12)
    close(new.value, np.linalg.inv(G @ result.covariance @ G.T), 1e-11)
    with pytest.raises(ValueError, match="use derived"):
        result.reparametrise({"s": lambda t: t[0]})
    with pytest.raises(ValueError, match="which do not"):
        result.reparametrise({"s": lambda t: t[0], "t": lambda t: 2 * t[0]})


def test_functions_get_what_theta0_was():
    kit = ForecastKit(lambda d: [d["a"], d["b"] * 2], {"a": 1.0, "b": 2.0}, 0.01)
    result = kit.fisher_result()
    close(result.derived({"s": lambda d: d["a"] + d["b"]}).sigma, [math.hypot(0.1, 0.05)], 1e-12)
    assert result.fix("b").derived({"s": lambda d: d["a"] * d["b"]}).sigma.round(12) == [0.2]


def test_misspelt_names_and_keywords_are_refused_with_the_nearest():
    with pytest.raises(TypeError, match="did you mean 'bounds'"):
        ForecastKit(line, [1.0, 0.5], 1.0, bound=[(0, 1)])
    with pytest.raises(TypeError, match="did you mean 'priors'"):
        ForecastKit(line, [1.0, 0.5], 1.0, prior={})
    result = ForecastKit(line, [1.0, 0.5], 1.0, names=["Om", "w0"])
    for call in ("fix", "marginalise"):
        with pytest.raises(TypeError, match="did you mean 'Om'"):
            getattr(result.fisher_result(), call)("Omm")
    with pytest.raises(TypeError, match="did you mean 'w0'"):
        result.fisher_result().with_prior({"w_0": 1.0})


def test_few_simulations_of_the_covariance_widen_the_forecast():
    plain = ForecastKit(line, [1.0, 0.5], SIGMA**2).fisher()
    result = ForecastKit(line, [1.0, 0.5], SIGMA**2, cov_samples=30).fisher_result()
    close(result.value, plain * (30 - 9 - 2) / 29, 1e-12)
    assert "Hartlap" in result.message
    wider = ForecastKit(line, [1.0, 0.5], SIGMA**2, cov_samples=30, cov_correction="percival")
    assert "Percival's 1.185" in wider.fisher_result().message
    close(wider.fisher(), result.value * 399 / 473, 1e-12)
    with pytest.raises(ValueError, match="more than 11"):
        ForecastKit(line, [1.0, 0.5], SIGMA**2, cov_samples=11).fisher()


def test_ten_thousand_data_stay_diagonal():
    x = np.linspace(0, 1, 10_000)
    v = (1 + x) ** 2
    kit = ForecastKit(lambda t: t[0] * np.exp(-t[1] * x), [2.0, 1.0], v)
    J = np.stack([np.exp(-x), -2 * x * np.exp(-x)], 1)
    close(kit.fisher(), J.T @ (J / v[:, None]), 1e-10)


def test_no_warning_is_given_where_all_is_well(documented_kit):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        documented_kit.fisher_result()


XY_THETA = [1.2, -0.3]
CYY = np.array([[0.25, 0.04, 0.01], [0.04, 0.20, 0.03], [0.01, 0.03, 0.18]])
CXX = np.array([[0.06, 0.02], [0.02, 0.10]])
CXY = np.array([[0.03, -0.01, 0.02], [0, 0.02, -0.015]])


def mu_xy(x, theta):
    a, b = theta
    return np.array(
        [a * x[0] + 0.6 * b, a * x[1] ** 2 + 0.3 * b, a * (x[0] + 0.5 * x[1]) + b * x[0]]
    )


@pytest.mark.parametrize(
    ("share", "printed"),
    [
        (1.0, "[[8.05694368 4.60372688]\n [4.60372688 3.52257595]]"),
        (0.0, "[[14.60322577  6.74409375]\n [ 6.74409375  4.03427158]]"),
    ],
)
def test_the_documented_fisher_matrix_with_errors_in_x(share, printed):
    cov_xy = np.block([[share * CXX, share * CXY], [share * CXY.T, CYY]])
    kit = ForecastKit(function=None, theta0=XY_THETA, cov=CYY)
    found = kit.xy_fisher(
        x0=[0.7, 1.1], mu_xy=mu_xy, cov_xy=cov_xy, rcond=1e-12, symmetrize_dcov=True
    )
    with np.printoptions(precision=8, suppress=True):
        assert str(found) == printed


def test_a_line_with_errors_in_x_has_the_effective_variance():
    x, a, b, sx, sy = np.linspace(0, 5, 12), 1.0, 0.8, 0.3, 0.2
    R = sy**2 + b**2 * sx**2
    J = np.stack([np.ones(12), x], 1)
    F = J.T @ J / R + np.diag([0, 12 * 0.5 * (2 * b * sx**2 / R) ** 2])
    cov_xy = np.diag(np.r_[np.full(12, sx**2), np.full(12, sy**2)])
    kit = ForecastKit(None, [a, b], sy**2)
    result = kit.xy_fisher_result(mu_xy=lambda x, t: t[0] + t[1] * x, x0=x, cov_xy=cov_xy)
    close(result.value, F, 1e-10)
    assert (np.abs(result.value - F) <= result.error + 1e-14 * F).all()


def test_a_refit_follows_a_model_that_is_not_linear_over_the_shift():
    def curved(t):
        return np.array([1 + t[0] + 0.4 * t[0] ** 2, t[0], 2 * t[1]])

    shift = np.array([0.5, -0.3])
    delta = curved(shift) - curved([0.0, 0.0])
    result = ForecastKit(curved, [0.0, 0.0], 1e-2, names=["a", "b"]).fisher_result()
    with pytest.warns(ForecastWarning, match=r"over the shift; refitted, a moves by 0\.5"):
        bias = result.bias(delta, refit=True)
    assert bias.verdict is Verdict.OUTSIDE_LINEAR_RANGE
    assert np.abs(bias.refit - shift).max() < 1e-3 * result.sigma.max()
    assert np.abs(bias.shift[0] - 0.5) > 0.02
    known = result.with_prior({"a": 1e-6}).bias(delta, second_order=False, refit=True)
    assert abs(known.refit[0]) < 1e-6
    kit = ForecastKit(lambda t: [np.sin(t[0])], [0.0], 1e-2, names=["a"])
    with pytest.warns(ForecastWarning, match="not linear"):
        beyond = kit.fisher_result().bias([2.0], refit=True)  # no sine is 2
    assert np.isnan(beyond.refit).all()


def test_data_with_cross_covariances_keep_them_in_gaussian_fisher():
    blocks = {"one": DataBlock(line, SIGMA**2), "two": DataBlock(line, SIGMA**2)}
    cross = {("one", "two"): np.diag(0.9 * SIGMA**2)}
    kit = ForecastKit(blocks, [1.0, 0.5], cross=cross)
    close(kit.gaussian_fisher(), kit.fisher(), 1e-12)


def test_a_covariance_of_theta_in_the_first_of_two_probes_leaves_biases_right():
    pair = GaussianMeanCov(line, lambda t: (0.1 * t[0]) ** 2 * np.ones(9))
    kit = ForecastKit({"one": pair, "two": DataBlock(line, 0.02)}, [1.0, 0.5])
    result = kit.gaussian_fisher_result()
    delta = np.r_[0.01 * X**2, 0.03 * X]
    weights = np.r_[np.full(9, 100.0), np.full(9, 50.0)]
    J = np.tile(np.stack([np.ones(9), X], 1), (2, 1))
    close(result.bias(delta).shift, np.linalg.solve(result.value, J.T @ (weights * delta)), 1e-9)


def banded(t, m=60):
    x = np.linspace(0, 1, m)
    off = np.full(m - 1, 0.2 * t[1])
    return sparse.diags_array([off, 1 + t[0] * x, off], offsets=[-1, 0, 1]).tocsc()


@pytest.mark.parametrize("kind", ["sparse", "blocks", "cholesky", "precision", "kronecker"])
def test_a_covariance_of_theta_may_come_in_any_shape(kind):
    def dense(t):
        if kind == "blocks":
            C = banded(t).toarray()
            C[30:, :30] = C[:30, 30:] = 0
            return C
        if kind == "kronecker":
            return np.kron([[1.0, 0.3 * t[0]], [0.3 * t[0], 1.0]], banded(t, 30).toarray())
        return banded(t).toarray()

    def given(t):
        C = dense(t)
        if kind == "kronecker":
            return Kronecker([[1.0, 0.3 * t[0]], [0.3 * t[0], 1.0]], banded(t, 30).toarray())
        return {
            "sparse": lambda: banded(t),
            "blocks": lambda: BlockDiagonal([C[:30, :30], sparse.csc_array(C[30:, 30:])]),
            "cholesky": lambda: Cholesky(np.linalg.cholesky(C)),
            "precision": lambda: Precision(np.linalg.inv(C)),
        }[kind]()

    def mean(t):
        return t[0] * np.linspace(0, 1, 60)

    found = ForecastKit(mean, [0.7, 0.9], given).gaussian_fisher_result()
    exact = ForecastKit(mean, [0.7, 0.9], dense).gaussian_fisher_result()
    close(found.value, exact.value, 1e-3)  # an inverse of an inverse has noise where C is 0
    assert (np.abs(found.value - exact.value) <= found.error + exact.error).all()
    assert (found.sigma_error < 1e-3 * found.sigma).all()


def test_a_sparse_covariance_of_theta_must_keep_its_zeros():
    def grown(t):
        C = sparse.eye_array(4).tolil()
        C[0, 3] = C[3, 0] = t[0] - 0.5
        return C.tocsc()

    kit = ForecastKit(lambda t: np.full(4, t[0]), [0.5], grown)
    with pytest.raises(ModelError, match="must be 0 where it is"):
        kit.gaussian_fisher_result()


def test_a_precision_may_be_an_operator():
    P = sparse.diags_array([np.full(8, -0.3), np.linspace(1, 50, 9), np.full(8, -0.3)],
                           offsets=[-1, 0, 1])  # fmt: skip
    operator = Precision(aslinearoperator(P.tocsc()))
    found = ForecastKit(line, [1.0, 0.5], operator).fisher_result()
    exact = ForecastKit(line, [1.0, 0.5], Precision(P.toarray())).fisher_result()
    close(found.value, exact.value, 1e-11)
    close(found.bias(0.01 * X**2).shift, exact.bias(0.01 * X**2).shift, 1e-10)
    with pytest.raises(ValueError, match="positive definite"):
        ForecastKit(line, [1.0, 0.5], Precision(aslinearoperator(-P.tocsc()))).fisher()


def test_a_datum_that_is_no_number_is_left_out_of_all_that_follows():
    kit = ForecastKit(lambda t: [t[0], np.nan, t[0] + t[1], t[1]], [1.0, 2.0], 0.01)
    without = ForecastKit(lambda t: [t[0], t[0] + t[1], t[1]], [1.0, 2.0], 0.01)
    result = kit.fisher_result()
    close(result.value, without.fisher(), 1e-12)
    assert "1 of 4 data are left out" in result.message
    assert result.bias([0.1, 0.0, 0.1, 0.0], refit=True).verdict is Verdict.TRUSTWORTHY
    assert kit.check_gaussian().verdict is Verdict.TRUSTWORTHY
    close(kit.posterior.log_density([1.1, 2.1]), without.posterior.log_density([1.1, 2.1]), 1e-12)


def test_a_direction_that_is_not_constrained_stays_so_in_other_parameters():
    x = np.linspace(0, 1, 24)
    kit = ForecastKit(lambda t: t[0] * t[1] * x, [2.0, 3.0], 0.1, names=["A", "B"])
    with pytest.warns(ForecastWarning, match="nothing is known"):
        result = kit.fisher_result()
    close(result.derived({"AB": lambda t: t[0] * t[1]}).sigma, [np.sqrt(0.1 / np.sum(x**2))], 1e-9)
    other = result.reparametrise({"AB": lambda t: t[0] * t[1], "A": "A"})
    assert other.verdict is Verdict.UNCONSTRAINED
    close(other.sigma[:1], [np.sqrt(0.1 / np.sum(x**2))], 1e-9)
    assert np.isinf(other.sigma[1])
    assert other.unconstrained == [{"direction": {"A": 1.0}, "sigma": np.inf}]


def test_a_dali_result_that_is_not_constrained_can_be_printed():
    kit = ForecastKit(lambda t: [t[0] + t[1]], [1.0, 2.0], 0.1, names=["A", "B"])
    with pytest.warns(ForecastWarning, match="nothing is known"):
        result = kit.dali_result(2)
    assert np.isnan(result.sigma).all()
    assert "do not constrain" in str(result)


@pytest.mark.parametrize(
    ("cov_xy", "says"),
    [
        (np.diag([-0.01, 0.9]), "got -0.01 on its diagonal"),
        ([[0.01, 0.05], [0.05, 0.04]], "got -1.5 as the least eigenvalue"),
        ([[0.0, 0.05], [0.05, 0.04]], "got 0 on its diagonal"),
    ],
)
def test_a_covariance_of_x_and_y_that_is_none_is_refused(cov_xy, says):
    with pytest.raises(ValueError, match=says):
        ForecastKit(None, [1.0]).xy_fisher(
            x0=[1.0], mu_xy=lambda x, t: t[0] * x, cov_xy=np.array(cov_xy)
        )


def test_errors_in_x_with_a_held_parameter_and_scales_of_1e9():
    x = np.linspace(0.1, 2, 8)
    cov_xy = np.diag(np.r_[np.full(8, 0.01), np.full(8, 0.04)])

    def model(x, t):
        return t[0] * np.exp(-t[1] * x) + 1e9 * t[2] * x**2

    at = [1.0, 0.5, 0.3e-9]
    every = ForecastKit(None, at).xy_fisher_result(x0=x, mu_xy=model, cov_xy=cov_xy)
    assert every.success
    bounds = [(None, None), (0.5, 0.5), (None, None)]
    held = ForecastKit(None, at, bounds=bounds).xy_fisher_result(x0=x, mu_xy=model, cov_xy=cov_xy)
    assert held.names == ("p0", "p2")
    close(held.value, every.fix("p1").value, 1e-9)
    scaled = ForecastKit(None, [1.0, 0.5, 0.3]).xy_fisher_result(
        x0=x, mu_xy=lambda x, t: model(x, [t[0], t[1], 1e-9 * t[2]]), cov_xy=cov_xy
    )
    close(every.sigma * [1, 1, 1e9], scaled.sigma, 1e-8)


@pytest.mark.parametrize("sigma", [-1.0, 0.0, np.nan, np.inf, "0.1"])
def test_a_prior_that_is_none_is_refused_at_the_door(sigma):
    with pytest.raises(ValueError, match="`priors` of a must be positive"):
        ForecastKit(lambda t: [t["a"]], {"a": 1.0}, 1.0, priors={"a": sigma})


def test_a_covariance_beside_data_that_have_their_own_is_not_ignored():
    block, counts = DataBlock(lambda t: [t[0]], 1.0), Poisson(lambda t: [t[0]])
    for model in (block, counts, {"a": block, "b": counts}):
        with pytest.raises(ValueError, match="`cov` must be None beside"):
            ForecastKit(model, [1.0], 2.0)
    mixed = ForecastKit({"a": block, "b": lambda t: [t[0]]}, [1.0], 0.5)
    assert np.isclose(mixed.fisher()[0, 0], 3.0)
    assert np.isclose(ForecastKit(counts, [4.0], "poisson").fisher()[0, 0], 0.25)
    with pytest.raises(TypeError, match="`cov` must be numbers, got True"):
        ForecastKit(lambda t: [t[0]], [1.0], True).fisher()


def test_a_parameter_at_zero_is_moved_by_what_the_data_tell_of_it():
    tiny = 1e-9
    kit = ForecastKit(lambda t: [t[0] / tiny, 2 * t[0] / tiny], [0.0], 0.1, scale=tiny)
    found = kit.fisher_result().derived({"D": lambda t: np.sin(t[0] / tiny) + t[0] / tiny})
    exact = 2 * np.sqrt(0.1 / 5)
    assert abs(found.sigma[0] - exact) <= found.sigma_error[0] < 1e-6


def test_derived_parameters_that_are_no_numbers_are_named():
    result = ForecastKit(lambda t: [t[0], t[1]], [1.0, 2.0], 1.0, names=["a", "b"]).fisher_result()
    assert np.isclose(result.derived({"S": lambda t: t[:1] * 2}).sigma[0], 2.0)
    with pytest.raises(TypeError, match=r"real number, got .* for 'S'"):
        result.derived({"S": lambda t: t})
    with pytest.raises(ValueError, match="finite at theta0, got nan for 'S'"):
        result.derived({"S": lambda _: np.nan})
    with pytest.raises(ValueError, match="depend on a, b, got 'S', which does not"):
        result.derived({"T": "a", "S": lambda _: 3.0})


def test_a_plane_has_two_different_parameters():
    result = ForecastKit(lambda t: [t[0], t[1]], [1.0, 2.0], 1.0, names=["a", "b"]).fisher_result()
    for of_two in (result.ellipse, result.pivot, result.figure_of_merit):
        with pytest.raises(ValueError, match="different parameters, got"):
            of_two("a", "a")


def test_a_nested_theta0_is_told_what_to_do():
    with pytest.raises(TypeError, match=r"one number a parameter, got .* for 'v'; give"):
        ForecastKit(lambda t: t["v"], {"v": np.ones(2)}, 1.0)


def spiral(theta, xp=np):
    return theta["size"] * xp.exp(1j * theta["turn"] * K)


@pytest.mark.parametrize("kind", ["array", "list", "dict", "complex", "vectorized"])
def test_a_forecast_follows_a_model_written_with_jax(kind):
    jnp = pytest.importorskip("jax.numpy")
    models = {
        "array": (lambda xp: lambda t: t[0] * xp.exp(-t[1] * K), [2.0, 0.7]),
        "list": (lambda xp: lambda t: [t[0] * xp.exp(-t[1] * k) for k in K[:3]], [2.0, 0.7]),
        "dict": (lambda xp: lambda t: t["a"] * xp.exp(-t["b"] * K), {"a": 2.0, "b": 0.7}),
        "complex": (lambda xp: lambda t: spiral(t, xp), {"size": 2.0, "turn": 0.7}),
        "vectorized": (lambda xp: lambda t: t[:, :1] * xp.exp(-t[:, 1:] * K), [2.0, 0.7]),
    }
    written, theta0 = models[kind]
    keywords = {"vectorized": kind == "vectorized"}
    found = ForecastKit(written(jnp), theta0, 0.01, **keywords).fisher_result("jax")
    exact = ForecastKit(written(np), theta0, 0.01, **keywords).fisher_result()
    close(found.sigma, exact.sigma, 1e-10)
    assert (found.sigma_error < 1e-12 * found.sigma).all()


def test_a_forecast_takes_the_complex_step_of_real_data():
    kit = ForecastKit(lambda t: t[0] * np.exp(-t[1] * X), [2.0, 0.7], SIGMA**2)
    close(kit.fisher_result("complex_step").sigma, kit.fisher_result().sigma, 1e-11)
    with pytest.raises(ModelError, match="must return real numbers for the complex step"):
        ForecastKit(spiral, {"size": 2.0, "turn": 0.7}, 0.01).fisher_result("complex_step")


def test_a_covariance_of_theta_is_differentiated_numerically_alone():
    kit = ForecastKit(line, [1.0, 0.5], lambda t: t[0] ** 2 * SIGMA**2)
    with pytest.raises(ModelError, match="use method='auto'"):
        kit.gaussian_fisher_result("complex_step")


def test_a_masked_datum_is_left_out():
    mask = np.arange(X.size) == 4
    kit = ForecastKit(lambda t: np.ma.array(line(t), mask=mask), [1.0, 0.5], SIGMA**2)
    alone = ForecastKit(lambda t: line(t)[~mask], [1.0, 0.5], SIGMA[~mask] ** 2)
    result = kit.fisher_result()
    close(result.sigma, alone.fisher_result().sigma, 1e-12)
    assert "1 of 9 data are left out" in result.message


def of_two(size, turn):
    return size * np.sin(turn * K) + K


def variances_of_two(size, turn):
    return 0.01 * size * turn * np.ones(K.size)


def of_theta(theta):
    return of_two(*theta)


@pytest.mark.parametrize("theta0", [[2.0, 0.7], {"size": 2.0, "turn": 0.7}])
@pytest.mark.parametrize("call", ["positional", "keywords"])
def test_models_may_take_their_parameters_one_by_one(call, theta0):
    for one_by_one, usual in (
        ((of_two, 0.01), (of_theta, 0.01)),
        ((of_two, variances_of_two), (of_theta, lambda theta: variances_of_two(*theta))),
        ((Poisson(of_two), None), (Poisson(of_theta), None)),
        (({"a": DataBlock(of_two, 0.01)}, None), ({"a": DataBlock(of_theta, 0.01)}, None)),
    ):
        (function, cov), (usual_function, usual_cov) = one_by_one, usual
        kit = ForecastKit(function, theta0, cov, names=["size", "turn"], call=call)
        expected = ForecastKit(usual_function, [2.0, 0.7], usual_cov).gaussian_fisher()
        close(kit.gaussian_fisher(), expected, 1e-12)


def test_a_vectorised_model_may_take_columns_by_name():
    def columns(size, turn):
        return size[:, None] * np.sin(turn[:, None] * K) + K

    keywords = {"names": ["size", "turn"], "call": "keywords", "vectorized": True}
    found = ForecastKit(columns, [2.0, 0.7], 0.01, **keywords).fisher()
    close(found, ForecastKit(of_theta, [2.0, 0.7], 0.01).fisher(), 1e-12)
