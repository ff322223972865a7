"""What a library cannot follow is said, in one error that names the way out; nothing is guessed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from derivkit import CalculusKit, ModelError
from derivkit.errors import TracingError
from derivkit.methods.registry import load_class, resolve

X0 = [0.5, 2.0]


def leaves_through_float(x):
    return float(x[0]) ** 2 * x[1]


def leaves_through_math(x):
    return math.sin(x[0]) * x[1]


def leaves_through_item(x):
    return x[0].item() ** 2 * x[1]


UNTRACEABLE = [leaves_through_float, leaves_through_math, leaves_through_item]


@pytest.mark.parametrize("f", UNTRACEABLE)
def test_a_conversion_to_plain_numbers_is_refused_and_not_taken_for_a_constant(library, f):
    with pytest.raises(TracingError, match=rf"{library.name} cannot .*method='auto'"):
        CalculusKit(f, X0).gradient(library.name)


@pytest.mark.parametrize("f", UNTRACEABLE)
def test_fallback_takes_the_numerical_method_and_says_so(library, f):
    result = CalculusKit(f, X0).gradient_result(library.name, fallback="auto")
    assert result.method == "auto"
    expected = np.sin(0.5) if f is leaves_through_math else 0.25
    assert result.value[1] == pytest.approx(expected, rel=1e-9)


def test_numpy_in_the_model_is_followed_or_refused_but_never_wrong(library):
    kit = CalculusKit(lambda x: np.sin(x[0]) * x[1], X0)
    try:
        gradient = kit.gradient(library.name)
    except TracingError:
        return
    np.testing.assert_allclose(gradient, [2 * np.cos(0.5), np.sin(0.5)], rtol=1e-14)


def test_numpy_array_as_output_is_followed_or_refused_but_never_wrong(library):
    kit = CalculusKit(lambda x: np.array([x[0] * x[1], x[1]]), X0)
    try:
        jacobian = kit.jacobian(library.name)
    except TracingError:
        return
    np.testing.assert_array_equal(jacobian, [[2.0, 0.5], [0.0, 1.0]])


def test_a_bug_in_the_model_is_shown_as_a_bug(library):
    with pytest.raises(ModelError, match="KeyError: 'missing'") as caught:
        CalculusKit(lambda _: {}["missing"], X0).gradient(library.name)
    assert not isinstance(caught.value, TracingError)
    assert isinstance(caught.value.__cause__, KeyError)
    np.testing.assert_array_equal(caught.value.x, X0)


def test_a_model_that_returns_no_number_is_a_type_error(library):
    with pytest.raises(TypeError, match="must return a number or an array of numbers, got NoneTyp"):
        CalculusKit(lambda _: None, X0).gradient(library.name)


def test_a_vector_in_gradient_and_a_scalar_in_jacobian_are_type_errors(library):
    with pytest.raises(TypeError, match="use jacobian"):
        CalculusKit(lambda x: [x[0], x[1]], X0).gradient(library.name)
    with pytest.raises(TypeError, match="use gradient"):
        CalculusKit(lambda x: x[0] * x[1], X0).jacobian(library.name)


def test_a_model_undefined_at_x0_is_a_model_error(library):
    with pytest.raises(ModelError, match="at x0"):
        CalculusKit(lambda x: library.log(x[0] - 1.0), X0).gradient(library.name)


@pytest.mark.filterwarnings("default::derivkit.UnresolvedWarning")
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_an_infinite_derivative_is_unresolved_not_returned(library):
    kit = CalculusKit(lambda x: library.sqrt(x[0]) + x[1], [0.0, 1.0], bounds=[(0, None)] * 2)
    with pytest.warns(match=r"x\[0\]"):
        result = kit.gradient_result(library.name)
    assert np.isinf(result.error[0])
    assert np.isnan(result.value[0])
    assert result.value[1] == 1.0
    assert np.isfinite(result.error[1])


def test_rounding_from_cancellation_is_inside_the_error(library):
    # 300 terms of both signs, which cancel: their roundings do not
    data = np.linspace(-3.0, 3.0, 300) * 1e5

    def model(x):
        return sum((library.sin(x[0]) * 1e5 - d) ** 2 for d in data) + x[1]

    result = CalculusKit(model, [1e-3, 1.0]).gradient_result(library.name)
    s, c = np.sin(1e-3), np.cos(1e-3)
    exact = math.fsum(2e5 * c * (s * 1e5 - d) for d in data)
    assert abs(result.value[0] - exact) <= result.error[0]
    assert result.error[0] > 1e-16 * abs(exact)


def test_branches_on_the_parameters_are_followed_where_the_library_can(library):
    if library.name == "tensorflow":
        pytest.skip("tensorflow traces a graph, in which Python cannot branch on values")
    kit = CalculusKit(lambda x: x[0] ** 2 if x[0] > 0 else x[1], X0)
    assert kit.gradient(library.name).tolist() == [1.0, 0.0]


def test_a_vectorized_model_is_called_with_one_row(library):
    kit = CalculusKit(lambda x: library.sin(x[:, 0]) * x[:, 1], X0, vectorized=True)
    np.testing.assert_allclose(
        kit.gradient(library.name), [2 * np.cos(0.5), np.sin(0.5)], rtol=1e-14
    )


@pytest.mark.parametrize("name", ["jax", "torch", "tensorflow", "autograd", "autodiff"])
def test_a_misspelt_fallback_is_refused_before_any_call(name):
    with pytest.raises(ValueError, match="did you mean 'auto'"):
        resolve(name, {"fallback": "aut"})
    with pytest.raises(TypeError, match="name of a method"):
        resolve(name, {"fallback": 3})


@pytest.mark.parametrize("name", ["jax", "torch", "tensorflow", "autograd"])
def test_a_missing_library_is_an_import_error_that_names_the_extra(name, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, name, None)  # what Python does for "not there"
    with pytest.raises(ImportError, match=rf"pip install {name}"):
        load_class(name)().value_and_derivatives(lambda x: x[0], np.array([1.0]), 1)


@pytest.mark.parametrize("alias", ["jax-autodiff", "jd", "JAX"])
def test_jax_goes_by_its_aliases(alias):
    assert resolve(alias, {}) == resolve("jax", {})


@pytest.mark.filterwarnings("ignore::derivkit.UnresolvedWarning")
@pytest.mark.parametrize("budget", range(1, 12))
@pytest.mark.parametrize("fallback", [None, "auto"])
@pytest.mark.parametrize("traceable", [True, False])
@pytest.mark.parametrize("method", ["autodiff", "jax", "autograd"])
def test_runs_for_tracing_count_against_the_budget(method, traceable, fallback, budget):
    pytest.importorskip("jax")
    pytest.importorskip("autograd")
    calls = []

    def model(x):
        calls.append(x)
        return x[0] ** 3 if traceable else float(np.asarray(x)[0]) ** 3

    kit = CalculusKit(model, [2.0])
    try:
        result = kit.value_gradient_hessian_result(
            method, fallback=fallback, max_evaluations=budget
        )[1]
    except TracingError:
        assert not traceable
    else:
        known = np.isfinite(result.error)
        assert result.nfev == len(calls)
        assert (abs(result.value - 12)[known] <= result.error[known] + 1e-9).all()
    assert 1 <= len(calls) <= budget
