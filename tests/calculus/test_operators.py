"""The table of derivatives by name, and the keywords that all faces share."""

import inspect

import numpy as np
import pytest

from derivkit import CalculusKit
from derivkit.calculus.operators import OPERATORS, requested
from derivkit.calculus.problem import ProblemKeywords, check_problem, split_keywords
from derivkit.engine.memo import Memo

EXACT = {"n_workers", "max_evaluations", "progress"}


def keywords_of(function):
    return {
        name: p
        for name, p in inspect.signature(function).parameters.items()
        if p.kind is p.KEYWORD_ONLY
    }


@pytest.mark.parametrize("name", OPERATORS)
def test_every_derivative_is_a_method_of_the_kit_that_says_its_keywords(name):
    method = getattr(CalculusKit, f"{name}_result")
    own = set(inspect.signature(OPERATORS[name]).parameters)
    own -= {next(iter(inspect.signature(OPERATORS[name]).parameters))}
    assert set(keywords_of(method)) >= EXACT
    assert own <= set(inspect.signature(method).parameters)


def test_a_derivative_asked_for_by_name_is_that_of_the_kit():
    def f(x):
        return np.sin(x["a"]) * x["b"]

    problem, memo = check_problem(f, {"a": 0.5, "b": 2.0}), Memo()
    kit = CalculusKit(f, {"a": 0.5, "b": 2.0})
    assert requested(problem, "hessian", {"method": "finite"})(memo) == kit.hessian("finite")
    mixed = requested(problem, "mixed_result", {"indices": ("a", "b")})(memo)
    assert mixed.value == kit.mixed("a", "b")
    value, gradient, hessian = requested(problem, "value_gradient_hessian", {})(Memo())
    assert value == f({"a": 0.5, "b": 2.0})
    assert gradient == kit.gradient()
    assert hessian == kit.hessian()


def test_what_is_no_derivative_is_named_with_the_nearest_one():
    problem = check_problem(np.sum, [1.0])
    with pytest.raises(ValueError, match=r"`what` must be one of .*; did you mean 'jacobian'\?"):
        requested(problem, "jacobain", {})


def test_an_argument_that_a_derivative_needs_is_missed_before_any_call():
    with pytest.raises(TypeError, match=r"directional.* 'v'"):
        requested(check_problem(np.sum, [1.0]), "directional", {})


def test_keywords_of_the_problem_are_written_down_once():
    known = set(ProblemKeywords.__annotations__)
    assert set(keywords_of(check_problem)) == known
    of_the_file = {"checkpoint", "version", "checkpoint_mismatch"}
    assert set(keywords_of(CalculusKit.__init__)) == known | of_the_file


def test_keywords_are_split_into_the_problems_and_the_others():
    assert split_keywords({"scale": 1.0, "levels": 3}) == ({"scale": 1.0}, {"levels": 3})


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("central", "choose 'finite'"),
        ("richardson", "extrapolation='richardson'"),
        ("2-point", "side"),
        ("numdifftools", "choose 'auto'"),
    ],
)
def test_methods_of_other_packages_are_told_their_name_here(method, words):
    with pytest.raises(ValueError, match=words):
        CalculusKit(lambda x: x[0], [1.0]).gradient(method)
