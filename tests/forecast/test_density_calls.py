"""What a kit is handed of matrices, tensors, priors and sampling: checked before it is used."""

import numpy as np
import pytest

from derivkit import ForecastKit
from derivkit.forecast.priors import build_prior

KIT = ForecastKit(lambda t: [t[0], t[1], t[0] * t[1]], [1.0, 2.0], np.eye(3))
F = KIT.fisher()
DALI = KIT.dali(forecast_order=2)
THIRD = {1: (np.eye(3),), 2: (np.zeros((3,) * 3), np.zeros((3,) * 4))}


@pytest.mark.parametrize(
    ("dali", "says"),
    [
        (THIRD, r"got shape \(3, 3\)"),
        ({1: (F,), 2: (np.zeros((2, 2)), DALI[2][1])}, "number 1 of order 2"),
        ({1: (F * np.nan,), 2: DALI[2]}, "finite"),
    ],
)
def test_tensors_of_other_parameters_are_refused(dali, says):
    with pytest.raises(ValueError, match=says):
        KIT.delta_chi2_dali(theta=[1.0, 2.0], dali=dali)


def test_a_matrix_that_is_not_symmetric_is_no_fisher_matrix():
    with pytest.raises(ValueError, match="`fisher` must be symmetric"):
        KIT.delta_chi2_fisher(theta=[1.0, 2.0], fisher=[[1.0, 0.5], [0.0, 1.0]])


def test_a_misspelt_prior_is_told_the_nearest():
    with pytest.raises(TypeError, match="did you mean 'prior_bounds'"):
        KIT.logposterior_fisher(theta=[1.0, 2.0], fisher=F, prior_bound=[(0, 1), (0, 1)])


@pytest.mark.parametrize(
    ("prior", "says"),
    [
        ({"prior_bounds": [(0, 1)]}, "2 pairs"),
        ({"prior_terms": [("gaussian", {"mean": [0.1], "cov": [[0.01]]})]}, "of 1 parameters"),
        ({"prior_terms": [("uniform", {"bounds": [(0, 1)]})]}, "of 1 parameters"),
        ({"prior_terms": [("log_uniform", {"index": 5})]}, "one of 2 parameters"),
        ({"prior_terms": [("log_uniform", {"index": -1})]}, "`index`"),
        ({"prior_terms": [("log_uniform", {"index": "a"})]}, "`index`"),
    ],
)
def test_priors_of_other_parameters_are_refused(prior, says):
    with pytest.raises(ValueError, match=says):
        KIT.logposterior_fisher(theta=[1.0, 2.0], fisher=F, **prior)


def test_bounds_of_one_parameter_do_not_stand_for_all():
    prior = build_prior(bounds=[(0, 1)])
    with pytest.raises(ValueError, match="of 1 parameters, got points of 2"):
        prior([[0.5, 0.5]])


def test_a_log_prior_is_given_what_theta0_is():
    kit = ForecastKit(lambda t: [t["a"], t["b"]], {"a": 1.0, "b": 2.0}, 1.0)
    log = kit.logposterior_fisher(
        theta=[[1.0, 2.0], [1.5, 2.0]], fisher=np.eye(2), logprior=lambda t: -t["a"]
    )
    np.testing.assert_allclose(log, [-1.0, -1.5 - 0.125])


@pytest.mark.parametrize(
    ("call", "keywords", "says"),
    [
        ("getdist_fisher_samples", {"n_samples": -3}, "`n_samples`"),
        ("getdist_fisher_samples", {"kernel_scale": 0.0}, "`kernel_scale`"),
        ("getdist_fisher_samples", {"kernel_scale": -1.0}, "`kernel_scale`"),
        ("getdist_fisher_samples", {"seed": -1}, "`seed`"),
        ("getdist_fisher_samples", {"hard_bounds": [(0, 1)]}, "`hard_bounds` must be 2 pairs"),
        ("getdist_dali_importance", {"n_samples": 0}, "`n_samples`"),
        ("getdist_dali_importance", {"sampler_bounds": [(0, 1)]}, "`sampler_bounds`"),
        ("getdist_dali_emcee", {"n_steps": 10, "burn": 20}, "`n_steps`"),
        ("getdist_dali_emcee", {"n_steps": 100, "burn": 20, "n_walkers": 2}, "`n_walkers`"),
        ("getdist_dali_emcee", {"n_steps": 100, "burn": 20, "thin": 0}, "`thin`"),
        ("getdist_dali_emcee", {"n_steps": 100, "burn": -1}, "`burn`"),
        ("getdist_dali_emcee", {"n_steps": 100, "burn": 20, "init_scale": 0.0}, "`init_scale`"),
    ],
)
def test_how_samples_are_drawn_is_checked(call, keywords, says):
    given = {"fisher": F} if "fisher" in call else {"dali": DALI}
    with pytest.raises(ValueError, match=says):
        getattr(KIT, call)(**given, **keywords)


def test_matrices_of_parameters_go_by_their_labels():
    pd = pytest.importorskip("pandas")
    kit = ForecastKit(lambda t: [t["a"], 3 * t["b"]], {"a": 1.0, "b": 2.0}, 1.0)
    F = pd.DataFrame([[9.0, 0.0], [0.0, 1.0]], index=["b", "a"], columns=["b", "a"])
    theta = [2.0, 2.0]
    assert np.isclose(kit.delta_chi2_fisher(theta=theta, fisher=F), 1.0)
    assert np.isclose(kit.delta_chi2_fisher(theta=theta, fisher=pd.DataFrame(F.to_numpy())), 9.0)
    assert np.allclose(kit.fisher_bias(fisher_matrix=F, delta_nu=[0.5, 3.0])[1], [0.5, 1.0])
    assert np.allclose(kit.laplace_covariance(F), np.diag([1.0, 1 / 9]))
    result = kit.fisher_result()
    assert np.allclose(result.with_information(F).value, np.diag([2.0, 18.0]))
    assert np.allclose(result.with_information(F.loc[["b"], ["b"]]).value, np.diag([1.0, 18.0]))
    with pytest.raises(ValueError, match="must have rows and columns a, b, got c, a and b, a"):
        kit.delta_chi2_fisher(theta=theta, fisher=F.rename(index={"b": "c"}))


def test_points_go_by_their_names():
    pd = pytest.importorskip("pandas")
    kit = ForecastKit(lambda t: [t["a"], 3 * t["b"]], {"a": 1.0, "b": 2.0}, 1.0)
    fisher, dali = kit.fisher_result(), kit.dali_result(2)
    for density in (kit.posterior, fisher, dali):
        exact = density.log_density([[2.0, 2.0], [1.0, 3.0]])
        np.testing.assert_allclose(exact, [-0.5, -4.5], rtol=1e-9)
        assert density.log_density({"b": 2.0, "a": 2.0}) == exact[0]
        assert density.log_density(pd.Series({"b": 2.0, "a": 2.0})) == exact[0]
        assert density.log_density(pd.Series([2.0, 2.0])) == exact[0]
        frame = pd.DataFrame({"b": [2.0, 3.0], "a": [2.0, 1.0]})
        np.testing.assert_array_equal(density.log_density(frame), exact)
    assert np.isclose(kit.delta_chi2_fisher(theta={"b": 3.0, "a": 1.0}, fisher=fisher.value), 9.0)
    with pytest.raises(ValueError, match="must have all parameters, got none for a"):
        fisher.log_density({"b": 2.0})
    with pytest.raises(ValueError, match="among a, b, got c"):
        fisher.log_density({"a": 1.0, "b": 2.0, "c": 2.0})
