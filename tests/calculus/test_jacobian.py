"""Jacobians: shapes, values with errors that hold, calls, and what is refused."""

import tracemalloc

import numpy as np
import pytest

from derivkit import CalculusKit
from derivkit.calculus.jacobian import build_jacobian


def v(x):
    return np.array([np.sin(x[0]) + x[1], x[0] * x[1]])


def test_a_jacobian_has_the_output_first():
    J = CalculusKit(lambda x: np.array([x[0] * x[1], x[1] ** 2, x[0]]), [2.0, 3.0]).jacobian()
    assert J.shape == (3, 2)
    np.testing.assert_allclose(J, [[3, 2], [0, 6], [1, 0]], atol=1e-12)


def test_outputs_keep_their_shape():
    J = CalculusKit(lambda x: np.outer(x, x**2), [1.0, 2.0]).jacobian()
    assert J.shape == (2, 2, 2)
    np.testing.assert_allclose(J[1, 0], [4.0, 1.0], atol=1e-11)  # x1 x0**2


def test_one_output_in_an_array_is_still_an_array():
    assert CalculusKit(lambda x: np.array([x @ x]), [1.0, 2.0]).jacobian().shape == (1, 2)


def test_a_scalar_function_is_refused_after_one_call():
    calls = []

    def f(x):
        calls.append(1)
        return float(x @ x)

    with pytest.raises(TypeError, match="use gradient"):
        CalculusKit(f, [1.0, 2.0]).jacobian()
    assert len(calls) == 1


@pytest.mark.parametrize("method", [None, "finite", "adaptive"])
def test_errors_cover_the_truth(method):
    x0 = np.array([0.3, 1.7, -0.4])
    weights = np.array([[1.0, 2.0, -1.0], [0.2, -0.7, 3.0], [1e-3, 10.0, 1.0], [0.0, 1.0, 0.0]])
    result = CalculusKit(lambda x: np.exp(np.sin(weights @ x)), x0).jacobian_result(method)
    u = weights @ x0
    exact = (np.exp(np.sin(u)) * np.cos(u))[:, None] * weights
    assert (np.abs(result.value - exact) <= result.error).all()


def test_outputs_of_any_size_have_their_own_errors():
    result = CalculusKit(lambda x: np.array([1e-12, 1e12]) * np.sin(x[0]), [0.7]).jacobian_result()
    np.testing.assert_allclose(
        result.value[:, 0], np.array([1e-12, 1e12]) * np.cos(0.7), rtol=1e-12
    )
    assert result.error[0, 0] < 1e-22


def test_one_undefined_output_does_not_spoil_the_others():
    def f(x):
        return np.array([np.sin(x[0]), np.nan])

    kit = CalculusKit(f, [0.7])
    with pytest.warns(UserWarning, match=r"x\[0\]"):
        result = kit.jacobian_result()
    assert abs(result.value[0, 0] - np.cos(0.7)) < 1e-12
    assert result.error[1, 0] == np.inf


def test_gradient_and_jacobian_of_a_kit_share_their_points():
    kit = CalculusKit(lambda x: np.array([np.sin(x[0]) * x[1]]), [0.5, 2.0])
    first = kit.jacobian_result()
    assert first.nfev > 0
    assert kit.gradient_result().nfev == 0


def test_the_functional_form_gives_the_same():
    x0 = [0.5, 2.0]
    np.testing.assert_array_equal(build_jacobian(v, x0), CalculusKit(v, x0).jacobian())


@pytest.mark.parametrize("budget", [1, 2, 9, 14])
def test_a_budget_is_never_exceeded(budget):
    calls = []

    def f(x):
        calls.append(1)
        return np.sin(x) * x[0]

    kit = CalculusKit(f, [0.5, 2.0, 1.0])
    if budget < 14:
        with pytest.warns(UserWarning, match="budget"):
            kit.jacobian(max_evaluations=budget)
    else:
        kit.jacobian(max_evaluations=budget)
    assert len(calls) <= budget


def test_the_samples_of_many_outputs_are_let_go_once_a_line_is_judged():
    x = np.linspace(0.0, 1.0, 40_000)
    kit = CalculusKit(lambda t: np.exp(-x * t.sum()), np.full(7, 0.3))
    tracemalloc.start()
    try:
        result = kit.jacobian_result()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * result.nfev * x.nbytes  # the kit keeps these; a second copy makes it 3.3
