"""Nested outputs by automatic differentiation; the Jacobian as a linear operator."""

import numpy as np
import pytest
from scipy.sparse.linalg import lsqr

from derivkit import CalculusKit

X0 = {"x": 2.0, "y": np.array([1.0, 3.0])}


def model(xp):
    def f(p):
        return {"a": p["x"] ** 2 * p["y"][0], "b": (xp.sin(p["y"]), p["x"])}

    return f


@pytest.mark.parametrize("method", ["jax", "autograd", "autodiff"])
def test_nested_outputs_come_back_nested(method):
    if method == "autograd":
        xp = pytest.importorskip("autograd.numpy")
    else:
        xp = pytest.importorskip("jax.numpy")
    result = CalculusKit(model(xp), X0).jacobian_result(method)
    found = result.labelled()
    assert result.method in {"jax", "autograd"}
    assert found["a"]["x"] == pytest.approx(4.0)
    assert found["a"]["y"] == pytest.approx([4.0, 0.0])
    assert found["b"][0]["y"] == pytest.approx(np.diag(np.cos([1.0, 3.0])))
    assert found["b"][1]["x"] == pytest.approx(1.0)
    by_samples = CalculusKit(model(np), X0).jacobian_result()
    assert result.value == pytest.approx(by_samples.value, abs=1e-9)


@pytest.mark.parametrize("method", ["jax", "autograd"])
def test_a_hessian_of_nested_outputs(method):
    xp = pytest.importorskip("jax.numpy" if method == "jax" else "autograd.numpy")
    found = CalculusKit(lambda x: {"a": x[0] ** 2 * x[1], "b": xp.exp(x)}, [2.0, 3.0]).hessian(
        method
    )
    assert found["a"] == pytest.approx(np.array([[6.0, 4.0], [4.0, 0.0]]))
    assert found["b"].shape == (2, 2, 2)


def counted(calls):
    def f(x):
        calls.append(1)
        return np.array([x[0] * x[1], x[1] ** 2, np.sin(x[2])])

    return f


J = np.array([[3.0, 2.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.0, np.cos(1.0)]])


def test_the_jacobian_is_a_linear_operator():
    operator = CalculusKit(counted([]), [2.0, 3.0, 1.0]).jacobian_operator()
    v, u = np.array([1.0, -2.0, 0.5]), np.array([0.5, 1.0, 2.0])
    assert operator.shape == (3, 3)
    assert operator @ v == pytest.approx(J @ v)
    assert operator.T @ u == pytest.approx(J.T @ u)
    assert operator @ np.eye(3) == pytest.approx(J, abs=1e-9)
    assert (operator @ np.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    assert lsqr(operator, J @ v)[0] == pytest.approx(v)


def test_a_product_is_one_line():
    calls = []
    operator = CalculusKit(lambda x: np.array([x @ x, x.sum()]), np.ones(50)).jacobian_operator()
    assert operator.shape == (2, 50)
    operator = CalculusKit(
        lambda x: (calls.append(1), np.array([x @ x, x.sum()]))[1], np.ones(50)
    ).jacobian_operator("finite")
    assert operator @ np.ones(50) == pytest.approx([100.0, 50.0])
    assert len(calls) < 20
    assert operator.T @ np.array([1.0, 1.0]) == pytest.approx(np.full(50, 3.0))


def test_an_operator_takes_the_outputs_and_parameters_flat():
    kit = CalculusKit(lambda p: {"s": p["a"] * p["b"], "d": p["a"] - p["b"]}, {"a": 2.0, "b": 3.0})
    assert kit.jacobian_operator() @ [1.0, 1.0] == pytest.approx([5.0, 0.0])


def test_an_operator_needs_every_parameter():
    with pytest.raises(ValueError, match="a linear operator needs every parameter"):
        CalculusKit(lambda x: x, [1.0, 2.0], wrt=[0]).jacobian_operator()
