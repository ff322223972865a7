"""Parameters that are held fixed take no part in a forecast."""

import numpy as np
import pytest

from derivkit import ForecastKit

THETA = {"u": 1.0, "v": 2.0}


def model(p):
    return np.array([3 * p["u"] + p["v"], p["u"] * p["v"]])


@pytest.mark.parametrize("how", [{"bounds": {"v": (2.0, 2.0)}}, {"wrt": "u"}, {"wrt": ["u"]}])
def test_a_held_parameter_is_left_out(how):
    seen = set()

    def watched(p):
        seen.add(p["v"])
        return model(p)

    kit = ForecastKit(watched, THETA, np.eye(2), priors={"u": 0.1}, **how)
    assert kit.fisher() == pytest.approx(np.array([[13.0]]))
    result = kit.fisher_result()
    assert result.names == ("u",)
    assert result.success
    assert result.sigma == pytest.approx([1 / np.sqrt(113)])
    assert result.fixed == {"v": 2.0}
    assert seen == {2.0}


def test_a_transform_is_refused_rather_than_mislabelled():
    with pytest.raises(ValueError, match="reparametrise"):
        ForecastKit(model, THETA, np.eye(2), transform={"u": "log"})


@pytest.mark.parametrize("held", [{"bounds": {"b": (2.0, 2.0)}}, {"wrt": "a"}], ids=str)
def test_what_is_held_is_left_out_of_densities_and_samples(held):
    def model(p):
        return np.array([p["a"] ** 2 * i + p.get("b", 2.0) for i in (1.0, 2.0, 3.0)])

    def negative_log(p):
        return 10 * (p["a"] - 3.0) ** 2 + 5 * (p.get("b", 2.0) - 2.0) ** 2

    alone = ForecastKit(model, {"a": 3.0}, cov=0.1)
    kit = ForecastKit(model, {"a": 3.0, "b": 2.0}, cov=0.1, **held)
    theta = [[3.01], [3.2]]
    third, expected = (each.dali(forecast_order=3)[3] for each in (kit, alone))
    for ours, own in zip(third, expected, strict=True):
        np.testing.assert_allclose(ours, own)
    mine, other = kit.dali_result(), alone.dali_result()
    assert mine.names == ("a",)
    np.testing.assert_allclose(mine.log_density(theta), other.log_density(theta))
    np.testing.assert_array_equal(mine.sample(500, 1).points, other.sample(500, 1).points)
    np.testing.assert_allclose(mine.check.chi2, other.check.chi2)
    np.testing.assert_allclose(kit.posterior.log_density(theta), alone.posterior.log_density(theta))
    found = kit.delta_chi2_dali(theta=theta, dali=kit.dali())
    np.testing.assert_allclose(found, alone.delta_chi2_dali(theta=theta, dali=alone.dali()))
    found = kit.laplace_result(neg_logposterior=negative_log)
    assert found.names == ("a",)
    np.testing.assert_allclose(found.covariance, [[0.05]])
    bias = kit.fisher_bias(fisher_matrix=kit.fisher(), delta_nu=[0.1, 0.2, 0.1])
    expected = alone.fisher_bias(fisher_matrix=alone.fisher(), delta_nu=[0.1, 0.2, 0.1])
    np.testing.assert_allclose(bias, expected)
