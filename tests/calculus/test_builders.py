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
