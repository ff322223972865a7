"""Functional forms: each is the kit's method, under its own name and in its own module."""

import inspect

import numpy as np
import pytest

from derivkit import CalculusKit
from derivkit.calculus.builders import builder
from derivkit.calculus.directional import build_directional, build_hvp, build_mixed
from derivkit.calculus.gradient import Gradient, build_gradient
from derivkit.calculus.hessian import build_hessian, build_hessian_diag
from derivkit.calculus.hyper_hessian import build_hyper_hessian
from derivkit.calculus.jacobian import build_jacobian

X0 = [0.5, 2.0]
V = [1.0, -1.0]


def f(x):
    return np.sin(x[0]) * x[1] ** 2


@pytest.mark.parametrize(
    ("build", "name", "arguments", "keywords"),
    [
        (build_gradient, "gradient", (), {}),
        (build_hessian, "hessian", (), {}),
        (build_hessian_diag, "hessian_diag", (), {}),
        (build_hyper_hessian, "hyper_hessian", (), {"order": 3}),
        (build_directional, "directional", (V,), {"order": 2}),
        (build_hvp, "hvp", (V,), {}),
        (build_mixed, "mixed", (0, 1), {}),
    ],
)
def test_a_functional_form_is_the_kits_method_to_the_bit(build, name, arguments, keywords):
    built = build(f, X0, *arguments, **keywords)
    assert built.tobytes() == getattr(CalculusKit(f, X0), name)(*arguments, **keywords).tobytes()


def test_a_direction_given_by_name_is_read_by_name_in_any_order():
    def model(p):
        return p["a"] ** 2 * p["b"]

    x0, v = {"a": 1.0, "b": 2.0}, {"b": 1.0, "a": 0.0}
    assert build_directional(model, x0, v) == pytest.approx(1.0)
    assert build_hvp(model, x0, v)["a"] == pytest.approx(2.0)


def test_a_parameter_with_a_transform_keeps_its_name_in_a_mixed_derivative():
    found = build_mixed(lambda p: p["A"] ** 2, {"A": 3.0}, "A", "A", transform={"A": "log"})
    assert found == pytest.approx(36.0)  # d^2/dln(A)^2 of A^2 is 4 A^2


def test_a_tensor_that_fills_the_memory_is_refused_at_once():
    with pytest.raises(ValueError, match="at most 10"):
        build_hyper_hessian(f, X0, order=40)


def test_keywords_go_to_the_problem_the_run_and_the_method():
    seen = []
    J = build_jacobian(
        lambda x: x**2, X0, "finite", 1, stepsize=0.01, scale=2.0, progress=seen.append
    )
    np.testing.assert_allclose(J, np.diag([1.0, 4.0]), atol=1e-9)
    assert seen
    with pytest.raises(TypeError, match="no option 'stepsiz'"):
        build_jacobian(lambda x: x**2, X0, "finite", stepsiz=0.01)


def test_the_order_of_arguments_is_that_of_derivkit():
    assert [*inspect.signature(build_gradient).parameters][:4] == [
        "function",
        "theta0",
        "method",
        "n_workers",
    ]


def test_a_built_function_bears_its_name_and_says_where_to_read_on():
    made = builder("build_gradient", Gradient, "Return the gradient", "lambda x: x[0]", "[1.0]")
    assert (made.__name__, made.__module__) == ("build_gradient", Gradient.__module__)
    first = made.__doc__.splitlines()[0]
    assert first == "Return the gradient; the bare array of `CalculusKit.gradient`."
    assert "[1.0]" in made.__doc__
