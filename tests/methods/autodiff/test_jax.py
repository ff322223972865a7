"""What is jax's own: its 64-bit setting, and functions that the user has jitted."""

from __future__ import annotations

import numpy as np
import pytest

from derivkit import CalculusKit

jax = pytest.importorskip("jax", reason="jax is not installed: pip install jax")


@pytest.mark.parametrize("enabled", [False, True])
def test_the_setting_of_64_bit_floats_is_left_as_it_was_found(enabled):
    with jax.enable_x64(enabled):
        before = jax.numpy.ones(1).dtype
        kit = CalculusKit(lambda x: jax.numpy.sin(x[0]), [0.5])
        gradient = kit.gradient("jax")
        assert jax.numpy.ones(1).dtype == before
    assert gradient.dtype == np.float64
    assert gradient[0] == pytest.approx(np.cos(0.5), rel=1e-15)


def test_the_setting_is_left_alone_by_a_model_that_fails():
    with pytest.raises(RuntimeError):
        CalculusKit(lambda _: {}["missing"], [0.5]).gradient("jax")
    assert jax.numpy.ones(1).dtype == np.float32


def test_a_jitted_function_is_differentiated_in_float64():
    kit = CalculusKit(jax.jit(lambda x: jax.numpy.exp(-x[0]) * x[1]), [0.5, 2.0])
    exact = np.exp(-0.5) * np.array([-2.0, 1.0])
    np.testing.assert_allclose(kit.gradient("jax"), exact, rtol=1e-15)


def test_a_float32_model_claims_float32_rounding():
    single = jax.numpy.float32
    kit = CalculusKit(lambda x: jax.numpy.exp(x.astype(single)[0] / 3), [0.7])
    result = kit.gradient_result("jax")
    assert abs(result.value[0] - np.exp(0.7 / 3) / 3) <= result.error[0]
    assert 1e-8 < result.error[0] < 1e-5


def test_value_gradient_and_hessian_come_together():
    kit = CalculusKit(lambda x: jax.numpy.sum(jax.numpy.sin(x)), [1.0, 2.0])
    value, gradient, hessian = kit.value_gradient_hessian_result("jax")
    np.testing.assert_allclose(value.value, np.sin([1, 2]).sum(), rtol=1e-15)
    np.testing.assert_allclose(gradient.value, np.cos([1, 2]), rtol=1e-15)
    np.testing.assert_allclose(hessian.value, -np.diag(np.sin([1, 2])), rtol=1e-15)
    assert value.method == gradient.method == hessian.method == "jax"
    assert value.nfev == gradient.nfev == hessian.nfev
