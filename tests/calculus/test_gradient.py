"""The gradient's tensor: one number a parameter, and second derivatives that cost nothing."""

import numpy as np
import pytest

from derivkit import CalculusKit
from derivkit.calculus.gradient import Gradient, build_gradient


@pytest.mark.parametrize("output", [np.array([1.0, 2.0]), np.zeros((2, 2)), np.zeros(0)])
def test_several_outputs_have_no_gradient(output):
    with pytest.raises(TypeError, match="use jacobian"):
        Gradient().check_output(output)


@pytest.mark.parametrize("output", [1.0, np.float64(2), np.array(3.0), np.array([4.0])])
def test_one_number_is_a_scalar_in_any_wrapping(output):
    Gradient().check_output(output)


def test_an_array_of_one_number_gives_the_gradient_of_a_number():
    wrapped = CalculusKit(lambda x: np.array([x[0] ** 2 * x[1]]), [1.0, 2.0]).gradient_result()
    assert wrapped.value.shape == (2,)
    assert (np.abs(wrapped.value - [4.0, 1.0]) <= wrapped.error).all()


def test_second_derivatives_come_with_the_same_samples():
    result = CalculusKit(lambda x: np.exp(x[0]) + x[1] ** 3, [0.5, 2.0]).gradient_result()
    exact = np.array([np.exp(0.5), 12.0])
    off = np.abs(result.hessian_diag - exact)
    assert (off <= result.hessian_diag_error).all()
    assert (off < 1e-4 * exact).all()


def test_build_gradient_is_the_kits_to_the_bit():
    def f(x):
        return np.sin(x[0]) * x[1]

    built = build_gradient(f, [0.5, 2.0], "finite", stepsize=1e-2, bounds=[(0, 1), (None, None)])
    kit = CalculusKit(f, [0.5, 2.0], bounds=[(0, 1), (None, None)])
    assert built.tobytes() == kit.gradient("finite", stepsize=1e-2).tobytes()
