"""The door: what is wrong is said before any call, and what comes through is frozen."""

import dataclasses

import numpy as np
import pytest

from derivkit.calculus.problem import check_problem, split_keywords


def never(*_):
    raise AssertionError("the model was called at the door")


@pytest.mark.parametrize(
    ("x0", "keywords", "error", "words"),
    [
        ([], {}, ValueError, "at least one parameter"),
        ([1.0, np.nan], {}, ValueError, "must be finite"),
        ([1.0], {"names": "a"}, TypeError, "sequence of strings"),
        ([1.0, 2.0], {"names": ["a", "a"]}, ValueError, "2 different strings"),
        ([1.0], {"bounds": [(2, 3)]}, ValueError, r"x0\[0\] = 1.0 outside"),
        ([1.0], {"bounds": [(3, 2)]}, ValueError, "lower <= upper"),
        ([1.0], {"bounds": [(1, 1)]}, ValueError, "a parameter that varies"),
        ([1.0], {"bounds": 3}, TypeError, "pairs"),
        ([1.0], {"scale": 0.0}, ValueError, "positive and finite"),
        ([1.0], {"scale": [1.0, 2.0]}, ValueError, "one number or 1"),
        ([1.0], {"undefined": [3]}, TypeError, "exception types"),
        ([1.0], {"errors": "ignore"}, ValueError, "must be one of undefined, raise"),
        ([1.0], {"batch": 4}, TypeError, "unless vectorized=True"),
        ([1.0], {"vectorized": "yes"}, TypeError, "True or False"),
        ([1.0], {"vectorized": True, "has_aux": True}, ValueError, "`has_aux` must be False"),
        ([1.0], {"args": "ab"}, TypeError, "tuple of arguments"),
        ([1.0], {"call": "keywords"}, ValueError, "call='keywords'"),
        ([1.0], {"wrt": "b"}, ValueError, "`wrt`"),
        ([1.0, 2.0], {"wrt": [0, 0]}, ValueError, "different parameters"),
    ],
)
def test_wrong_input_is_refused_with_a_sentence_and_no_call(x0, keywords, error, words):
    with pytest.raises(error, match=words):
        check_problem(never, x0, **keywords)


def test_swapped_arguments_are_recognised():
    with pytest.raises(TypeError, match=r"the order of arguments is \(function, x0\)"):
        check_problem([1.0], never)


def test_a_problem_is_frozen_and_x0_is_a_copy():
    x0 = np.array([1.0, 2.0])
    problem = check_problem(never, x0)
    x0[0] = 9.0
    assert problem.x0.tolist() == [1.0, 2.0]
    assert not problem.x0.flags.writeable
    with pytest.raises(dataclasses.FrozenInstanceError):
        problem.names = ("a", "b")


def test_one_sided_problems_end_at_x0():
    problem = check_problem(never, [1.0, 2.0]).one_sided([1, -1])
    assert (problem.lower[0], problem.upper[1]) == (1.0, 2.0)
    assert np.isinf([problem.upper[0], problem.lower[1]]).all()
    with pytest.raises(ValueError, match="must be"):
        problem.one_sided(2)


def test_a_moved_problem_guesses_anew_but_keeps_what_was_given():
    guessed = check_problem(never, [1.0]).moved_to([50.0])
    assert guessed.scale.tolist() == [50.0]
    assert check_problem(never, [1.0], scale=0.1).moved_to([50.0]).scale.tolist() == [0.1]
    with pytest.raises(ValueError, match="1 entries"):
        guessed.moved_to([1.0, 2.0])


def test_many_starts_are_checked_like_one():
    problem = check_problem(never, [1.0, 2.0], bounds=[(0, None), (None, None)])
    x0, scales = problem.starts([[3.0, 4.0], [5.0, 0.0]])
    assert x0.tolist() == [[3.0, 4.0], [5.0, 0.0]]
    assert scales.tolist() == [[3.0, 4.0], [5.0, 1.0]]
    with pytest.raises(ValueError, match="outside"):
        problem.starts([[3.0, 4.0], [-1.0, 0.0]])


def test_keywords_are_split_and_none_is_lost():
    keywords = {"bounds": 1, "stepsize": 2, "wrt": 3, "n_workers": 4}
    of_problem, others = split_keywords(keywords)
    assert of_problem == {"bounds": 1, "wrt": 3}
    assert others == {"stepsize": 2, "n_workers": 4}


def test_what_is_asked_for_must_vary():
    bounds = [(1.0, 1.0), (None, None)]
    with pytest.raises(
        ValueError, match=r"`bounds` must leave a parameter that varies, got .* 'a'"
    ):
        check_problem(np.sum, {"a": 1.0, "b": 2.0}, bounds=bounds, wrt="a")
    assert check_problem(np.sum, {"a": 1.0, "b": 2.0}, bounds=bounds, wrt=["a", "b"]).free == [1]
