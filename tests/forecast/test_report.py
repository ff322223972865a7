"""Results of forecasts as text, HTML, frame, JSON and back."""

import numpy as np
import pytest

from derivkit import DaliResult, FisherResult, ForecastKit, ForecastWarning, LaplaceResult
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
