"""Laplace's approximation where it is hard: rounding at the maximum, noise, bounds, names."""

import numpy as np
import pandas as pd
import pytest

from derivkit import ForecastKit, Verdict
from derivkit.errors import ForecastWarning
from derivkit.forecast.inverse import inverse_of


def laplace(function, theta, **keywords):
    return ForecastKit(None, theta, **keywords).laplace_result(neg_logposterior=function)


@pytest.mark.parametrize("offset", [0.0, 1e6, -3e4])
@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e5])
def test_a_maximum_that_rounding_flattens_is_one(offset, unit):
    """There the slope is nothing but rounding; how much that moves the maximum is known."""

    def gamma(t):
        return offset - 5 * np.log(t[0] / unit) + 2 * t[0] / unit

    found = laplace(gamma, [2.5 * unit])
    np.testing.assert_allclose(found.sigma, 2.5 * unit / np.sqrt(5), rtol=1e-5)
    assert abs(found.sigma[0] - 2.5 * unit / np.sqrt(5)) <= found.sigma_error[0]
    assert found.success
    assert found.is_maximum
    assert found.gradient_error[0] < 1e-3 / found.sigma[0]


def test_a_slope_beyond_rounding_is_no_maximum():
    with pytest.warns(ForecastWarning, match="not the maximum"):
        found = laplace(lambda t: 1e4 + 0.5 * (t[0] / 1e-9) ** 2, [1e-11])
    np.testing.assert_allclose(found.newton_step, [-1e-11], rtol=1e-3)


def test_noise_that_hides_a_curvature_is_not_called_a_saddle():
    noise = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"curvature along \(.*v .*\) is lost in the errors"):
        laplace(
            lambda t: t[0] ** 2 + 1e-9 * (t[1] - 1) ** 2 + 1e-3 * noise.standard_normal(),
            {"u": 0.0, "v": 1.0},
            call="array",
        )


@pytest.mark.parametrize(("error", "sigma_may_be"), [(0.5, 2.0), (0.9, 10.0), (1.0, np.inf)])
def test_a_curvature_that_may_be_near_nothing_leaves_the_variance_open(error, sigma_may_be):
    C, off = inverse_of([[1.0]], [[error]])
    assert C[0, 0] + off[0, 0] >= sigma_may_be * (1 - 1e-9)


def test_a_maximum_beside_a_bound_is_truncated():
    def slope(t):
        return t[0] + t[0] ** 2 + 0.5 * t[0] * (t[1] - 1) + (t[1] - 1) ** 2

    with pytest.warns(ForecastWarning, match="u: truncated"):
        found = laplace(slope, {"u": 0.0, "v": 1.0}, bounds={"u": (0, None)}, call="array")
    assert found.verdict is Verdict.TRUNCATED
    assert found.truncated == ("u",)
    assert found.is_maximum  # within the bounds, where the slope leads out of them
    np.testing.assert_allclose(found.newton_step, 0, atol=1e-9)


AT = {"u": 1.0, "v": 2.0}


def bowl(t):
    return (t["u"] - 1) ** 2 + 2 * (t["v"] - 2) ** 2


@pytest.mark.parametrize("theta_map", [{"v": 2.0, "u": 1.0}, [1.0, 2.0], np.array([1.0, 2.0])])
def test_theta_map_is_read_by_name(theta_map):
    kit = ForecastKit(None, AT)
    keywords = {"neg_logposterior": bowl, "theta_map": theta_map}
    np.testing.assert_array_equal(kit.laplace_result(**keywords).theta_map, [1.0, 2.0])
    np.testing.assert_allclose(kit.laplace_hessian(**keywords), np.diag([2.0, 4.0]), atol=1e-8)
    assert kit.negative_logposterior(theta_map, logposterior=lambda t: -bowl(t)) == 0


def test_theta_map_may_be_a_series_in_any_order():
    kit = ForecastKit(None, pd.Series(AT))
    theta_map = pd.Series({"v": 2.0, "u": 1.0})
    found = kit.laplace_result(neg_logposterior=bowl, theta_map=theta_map)
    np.testing.assert_array_equal(found.theta_map, [1.0, 2.0])


@pytest.mark.parametrize(
    ("theta_map", "error", "says"),
    [
        ({"u": 1.0, "w": 2.0}, TypeError, "must be one of u, v, got 'w'"),
        ({"u": 1.0}, ValueError, "none for v"),
        ([1.0], ValueError, "2 numbers"),
        ([1.0, np.nan], ValueError, "finite"),
    ],
)
def test_a_theta_map_of_other_parameters_is_refused(theta_map, error, says):
    kit = ForecastKit(None, AT)
    with pytest.raises(error, match=says):
        kit.laplace_result(neg_logposterior=bowl, theta_map=theta_map)
    with pytest.raises(error, match=says):
        kit.negative_logposterior(theta_map, logposterior=bowl)


def test_a_complex_posterior_is_refused():
    with pytest.raises(TypeError, match="real numbers"):
        laplace(lambda t: t[0] ** 2 + 0j, [0.0])


def test_a_matrix_that_is_not_symmetric_is_no_hessian():
    with pytest.raises(ValueError, match="`hessian` must be symmetric"):
        ForecastKit(None, [0.0, 0.0]).laplace_covariance([[1.0, 0.5], [0.0, 1.0]])


def test_a_kit_without_data_has_laplace_and_no_forecast():
    kit = ForecastKit(None, [1.0])
    assert kit.n_observables == 0
    with pytest.raises(ValueError, match="`function` must be given"):
        kit.fisher_result()


def test_a_misspelt_keyword_of_the_call_is_not_taken_for_an_option_of_the_method():
    kit = ForecastKit(None, [1.0], np.eye(1))
    with pytest.raises(TypeError, match="no keyword 'theta_mpa'; did you mean 'theta_map'"):
        kit.laplace_result(neg_logposterior=lambda t: t[0] ** 2, theta_mpa=[0.0])


@pytest.mark.parametrize("call", ["positional", "keywords"])
def test_a_posterior_may_take_its_parameters_one_by_one(call):
    def nlp(a, b):
        return 0.5 * a**2 + 2 * b**2

    found = laplace(nlp, {"a": 0.0, "b": 0.0}, call=call)
    np.testing.assert_allclose(found.sigma, [1.0, 0.5], rtol=1e-10)
    kit = ForecastKit(None, {"a": 0.0, "b": 0.0}, call=call)
    H = kit.laplace_hessian(neg_logposterior=nlp)
    np.testing.assert_allclose(H, [[1.0, 0.0], [0.0, 4.0]], atol=1e-9)


def test_a_posterior_written_with_jax_is_followed():
    jnp = pytest.importorskip("jax.numpy")
    kit = ForecastKit(None, {"a": 0.0, "b": 1.0})
    found = kit.laplace_result(
        neg_logposterior=lambda t: jnp.cosh(t["a"]) + 2 * (t["b"] - 1) ** 2, method="jax"
    )
    np.testing.assert_allclose(found.sigma, [1.0, 0.5], rtol=1e-14)
