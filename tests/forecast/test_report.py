"""Results of forecasts as text, HTML, frame, JSON and back."""

import pickle

import numpy as np
import pytest
from scipy import sparse

from derivkit import (
    DaliResult,
    FisherResult,
    ForecastKit,
    ForecastWarning,
    LaplaceResult,
    Precision,
)
from derivkit.forecast.bias import BiasResult
from derivkit.forecast.check import GaussianCheck

X = np.linspace(0, 1, 20)


def model(theta):
    return theta["a"] * X + 0.1 * np.exp(theta["b"] * X)


@pytest.fixture(scope="module")
def kit():
    return ForecastKit(model, {"a": 1.0, "b": 0.5}, 1e-4, priors={"b": 0.5})


def test_a_forecast_reads_back_to_the_same_bits(kit):
    result = kit.fisher_result()
    again = FisherResult.from_json(result.to_json())
    assert np.array_equal(again.sigma, result.sigma)
    assert np.array_equal(again.sigma_error, result.sigma_error)
    assert again.verdict is result.verdict
    assert again.message == result.message
    ratio = {"r": lambda t: t["a"] / t["b"]}
    assert np.array_equal(again.derived(ratio).sigma, result.derived(ratio).sigma)
    assert np.array_equal(again.fix("a").value, result.fix("a").value)
    with pytest.raises(ValueError, match="read from JSON"):
        again.bias(X)


def test_what_is_infinite_reads_back():
    kit = ForecastKit(lambda t: t[0] * X + 0 * t[1], [1.0, 1.0], 0.01)
    with pytest.warns(ForecastWarning):
        result = kit.fisher_result()
    again = FisherResult.from_json(result.to_json())
    assert again.sigma.tolist() == result.sigma.tolist()
    assert again.unconstrained == result.unconstrained


def test_all_results_have_table_html_frame_and_json(kit):
    fisher = kit.fisher_result()
    minimum = {"neg_logposterior": lambda t: (t["a"] - 1) ** 2 + (t["b"] - 0.5) ** 2}
    results = [
        (FisherResult, fisher),
        (DaliResult, kit.dali_result(2)),
        (LaplaceResult, kit.laplace_result(**minimum)),
        (BiasResult, fisher.bias(1e-4 * X**2)),
        (GaussianCheck, kit.check_gaussian(fisher)),
    ]
    for kind, result in results:
        assert result.message in " ".join(str(result).split())  # long lines are folded
        assert repr(result) == str(result)  # a session shows it as print does
        assert len(result.to_frame()) == 2
        again = kind.from_json(result.to_json())
        assert str(again) == str(result)


def test_json_that_is_none_of_ours_is_refused():
    with pytest.raises(ValueError, match="to_dict"):
        FisherResult.from_json('{"names": ["a"]}')


def test_a_series_reads_back_as_one():
    pd = pytest.importorskip("pandas")
    kit = ForecastKit(model, pd.Series({"a": 1.0, "b": 0.5}), 1e-4)
    result = kit.fisher_result()
    again = FisherResult.from_json(result.to_json())
    pd.testing.assert_series_equal(again.labelled("sigma"), result.labelled("sigma"))
    slope = {"s": lambda t: t["a"] * t["b"]}
    assert again.derived(slope).sigma == result.derived(slope).sigma


TRIDIAGONAL = sparse.diags_array([[1e-5] * 19, [1e-4] * 20, [1e-5] * 19], offsets=[-1, 0, 1])


@pytest.mark.parametrize(
    "cov",
    [1e-4, np.full(20, 1e-4), TRIDIAGONAL.toarray(), TRIDIAGONAL, Precision(np.eye(20) * 1e4)],
    ids=["number", "variances", "matrix", "sparse", "precision"],
)
def test_forecasts_are_pickled_with_the_users_functions(cov):
    kit = ForecastKit(lambda t: 1.0 * model(t), {"a": 1.0, "b": 0.5}, cov, priors={"b": 0.5})
    result, point = kit.fisher_result(), {"a": 1.01, "b": 0.49}
    again = pickle.loads(pickle.dumps(result))
    assert str(again) == str(result)
    shift = 1e-3 * X
    assert np.array_equal(again.bias(shift).shift, result.bias(shift).shift)
    density = pickle.loads(pickle.dumps(kit.posterior.log_density))
    assert density(point) == kit.posterior.log_density(point)
    kit_again = pickle.loads(pickle.dumps(kit))
    assert np.array_equal(kit_again.fisher_result().value, result.value)
    dali = kit.dali_result()
    assert pickle.loads(pickle.dumps(dali)).log_density(point) == dali.log_density(point)


def test_a_prior_is_pickled():
    kit = ForecastKit(model, {"a": 1.0, "b": 0.5}, 1e-4)
    prior = kit.build_prior(terms=[("gaussian", {"mean": [1.0, 0.5], "cov": np.eye(2)})])
    assert pickle.loads(pickle.dumps(prior))([1.1, 0.5]) == prior([1.1, 0.5])
