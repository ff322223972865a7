"""Signatures that are written once: what `help`, editors and callers are shown."""

import inspect

import pytest

import derivkit
from derivkit import CalculusKit, DerivativeKit, ForecastKit
from derivkit.calculus.problem import ProblemKeywords, check_problem
from derivkit.validation import called_like, with_keywords_of

RUN = ("n_workers", "max_evaluations", "progress")
OPERATORS = [
    "gradient",
    "jacobian",
    "hessian",
    "hessian_diag",
    "hyper_hessian",
    "directional",
    "hvp",
    "mixed",
]
METHODS = [name + end for name in OPERATORS for end in ("", "_result")]


def parameters(function):
    return inspect.signature(function).parameters


@pytest.mark.parametrize("name", [*METHODS, "value_gradient_hessian_result"])
def test_every_operator_says_how_it_is_run(name):
    shown = parameters(getattr(CalculusKit, name))
    assert {*RUN, "max_seconds", "side"} <= set(shown)
    assert next(iter(shown)) == "self"
    assert all(shown[each].kind is inspect.Parameter.KEYWORD_ONLY for each in RUN)
    assert [*shown.values()][-1].kind is inspect.Parameter.VAR_KEYWORD  # the method's options


@pytest.mark.parametrize("name", OPERATORS)
def test_a_result_is_asked_for_as_its_values_are(name):
    values, result = (
        inspect.signature(getattr(CalculusKit, each)) for each in (name, f"{name}_result")
    )
    assert values.parameters == result.parameters
    assert values.return_annotation.startswith("Labelled")
    assert result.return_annotation.startswith("DerivativeResult")


@pytest.mark.parametrize(
    "function",
    [
        CalculusKit,
        derivkit.grad,
        derivkit.value_and_grad,
        derivkit.jacobian,
        derivkit.hessian,
        derivkit.jvp,
        derivkit.vjp,
        derivkit.gradients,
        derivkit.check_gradient,
        derivkit.assert_hessian,
        derivkit.as_jax,
        derivkit.for_iminuit,
        derivkit.propagate,
    ],
)
def test_whoever_takes_a_problems_keywords_shows_them(function):
    assert set(ProblemKeywords.__annotations__) <= set(parameters(function))


def test_a_forecast_shows_those_that_it_takes():
    shown = set(parameters(ForecastKit))
    assert {"bounds", "scale", "vectorized", "checkpoint", "priors"} <= shown
    assert "has_aux" not in shown
    assert set(parameters(DerivativeKit)) <= set(parameters(derivkit.derivative)) | {"x0"}


def test_the_keywords_for_checkers_are_those_of_the_door():
    door = parameters(check_problem).values()
    assert set(ProblemKeywords.__annotations__) == {
        p.name for p in door if p.kind == p.KEYWORD_ONLY
    }


def test_a_misspelt_keyword_of_a_kit_is_a_type_error_with_the_nearest_name():
    with pytest.raises(TypeError, match="did you mean 'bounds'"):
        CalculusKit(lambda x: x[0], [1.0], bound=[(0, 1)])


def test_a_function_called_like_another_keeps_what_it_returns_and_says():
    def template(a: int, *, b: str = "b") -> float:
        """Template."""

    @called_like(template)
    def other(a: int, **rest: str) -> bytes:
        """Other."""

    assert str(inspect.signature(other)) == "(a: int, *, b: str = 'b') -> bytes"
    assert other.__doc__ == "Other."


def test_keywords_of_others_stand_before_the_rest_and_none_is_shown_twice():
    def template(a, *, b=1, c=2, d=3): ...

    @with_keywords_of(template, but=("d",))
    def other(x, *, b=5, **rest): ...

    assert str(inspect.signature(other)) == "(x, *, b=5, c=2, **rest)"


@pytest.mark.parametrize("name", ["jvp", "vjp", "as_jax", "as_torch", "as_pytensor", "for_iminuit"])
def test_how_calls_are_run_is_said_for_checkers_too(name):
    shown = parameters(getattr(derivkit, name))
    assert [shown[each].annotation for each in RUN] == [
        "int | None",
        "int | None",
        "bool | Show | None",
    ]
