"""Log-priors: documented values, and what lies outside."""

import numpy as np
import pytest

from derivkit.forecast.priors import build_prior

AT = {
    "log_uniform": ({}, 1.203973, 0.693147),
    "jeffreys": ({}, 1.203973, 0.693147),
    "half_normal": ({"sigma": 1.0}, -0.045, -0.125),
    "half_cauchy": ({"scale": 1.0}, -0.086178, -0.223144),
    "log_normal": ({"mean_log": 0.0, "sigma_log": 1.0}, 0.479198, 0.452921),
    "beta": ({"alpha": 2.0, "beta": 3.0}, -1.917323, -2.079442),
}


@pytest.mark.parametrize("name", AT)
def test_priors_of_one_parameter_have_the_documented_values(name):
    keywords, first, second = AT[name]
    prior = build_prior(terms=[(name, {"index": 0, **keywords})])
    assert np.allclose(prior(np.array([[0.3], [0.5]])), [first, second], atol=1e-6)
    assert prior([-0.1]) == -np.inf


def test_priors_of_all_parameters():
    gaussian = build_prior(terms=[("gaussian", {"mean": [0, 0], "cov": np.eye(2)})])
    assert np.isclose(gaussian([0.3, 0.2]), -0.065)
    inverse = build_prior(terms=[{"name": "gaussian", "mean": [0, 0], "inv_cov": 4 * np.eye(2)}])
    assert np.isclose(inverse([0.3, 0.2]), -0.26)
    short = build_prior(terms=[{"gaussian": {"mean": [0, 0], "inv_cov": 4 * np.eye(2)}}])
    assert short([0.3, 0.2]) == inverse([0.3, 0.2])
    apart = build_prior(terms=[("gaussian_diag", {"mean": [0, 0], "sigma": [0.5, 0.5]})])
    assert np.isclose(apart([0.3, 0.2]), -0.26)
    assert build_prior()([0.3, 0.2]) == 0


def test_a_mixture_adds_densities():
    two = {"means": [[0.0], [3.0]], "covs": [[[1.0]], [[4.0]]], "weights": [0.25, 0.75]}
    x = 0.7
    exact = 0.25 * np.exp(-(x**2) / 2) + 0.75 * 0.5 * np.exp(-((x - 3) ** 2) / 8)
    assert np.isclose(build_prior(terms=[("gaussian_mixture", two)])([x]), np.log(exact))
    bare = {**two, "include_component_norm": False}
    exact = 0.25 * np.exp(-(x**2) / 2) + 0.75 * np.exp(-((x - 3) ** 2) / 8)
    assert np.isclose(build_prior(terms=[("gaussian_mixture", bare)])([x]), np.log(exact))


def test_bounds_and_what_is_no_number_are_minus_infinity():
    prior = build_prior(terms=[("log_uniform", {"index": 0})], bounds=[(0.1, None), (None, 1.0)])
    found = prior(np.array([[0.5, 0.0], [0.05, 0.0], [0.5, 2.0], [np.nan, 0.0]]))
    assert np.isfinite(found).tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("term", "says"),
    [
        (("gausian", {}), "did you mean 'gaussian'"),
        (("half_normal", {"index": 0, "sgma": 1}), "did you mean 'sigma'"),
    ],
)
def test_misspelt_priors_are_refused_with_the_nearest_name(term, says):
    with pytest.raises(TypeError, match=says):
        build_prior(terms=[term])


@pytest.mark.parametrize(
    "term",
    [
        ("half_normal", {"index": 0, "sigma": -1}),
        ("gaussian", {"mean": [0.0]}),
        ("gaussian", {"mean": [0.0, 0.0], "cov": [[1, 2], [2, 1]]}),
        ("uniform", {"bounds": [(1, 0)]}),
        ("gaussian_mixture", {"means": [[0.0]], "covs": [[[1.0]]] * 2}),
    ],
)
def test_priors_that_are_none_are_refused(term):
    with pytest.raises(ValueError, match="must"):
        build_prior(terms=[term])
