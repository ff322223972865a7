"""An evaluation: who pays for a point, what undefined and wrong outputs become."""

import numpy as np
import pytest

from derivkit import ModelError
from derivkit.engine.backends.serial import serial
from derivkit.engine.evaluation import Evaluation
from derivkit.engine.memo import Memo
from derivkit.engine.model import Model
from derivkit.engine.points import AT_X0, AxisRay, ObliqueRay

X0 = np.array([1.0, 2.0])
FAR = np.full(2, np.inf)
AXES = [AxisRay(X0, 0, 1.0), AxisRay(X0, 1, 2.0)]
ALONG = ObliqueRay(X0, (0, 1), np.array([1.0, 0.0]), -FAR, FAR)  # meets the first axis


def evaluation(f, rays=AXES, memo=None, **more):
    memo = Memo() if memo is None else memo
    return Evaluation(Model(f), rays, serial, memo, ["a", "b"], **more)


def total(x):
    return float(x.sum())


def test_a_point_is_called_once_and_belongs_to_the_first_line_that_asks():
    e = evaluation(total, [*AXES, ALONG])
    values = e.ask({0: np.array([0.5, 0.5]), 2: np.array([0.5, 1.0])})
    assert values[0].tolist() == [[3.5], [3.5]]
    assert values[2].tolist() == [[3.5], [4.0]]
    assert e.nfev == 3
    assert e.nfev_of == [1, 0, 1]  # x0 is nobody's


def test_cost_counts_what_is_not_known_each_point_once_and_x0_apart():
    e = evaluation(total)
    assert e.cost_of_x0 == 1
    assert e.cost(0, np.array([0.0, 0.5, 0.5])) == 1
    e.ask({0: np.array([0.5])})
    assert e.cost(0, np.array([0.0, 0.5, 1.0])) == 1
    assert e.cost_of_x0 == 0


def test_undefined_points_are_rows_of_nan_and_counted_for_their_line():
    def f(x):
        if x[1] > 2.0:
            raise ValueError("outside")
        return np.array([x[0], np.inf if x[0] > 1.0 else 0.0])

    e = evaluation(f)
    values = e.ask({0: np.array([0.5]), 1: np.array([0.5])})
    np.testing.assert_array_equal(values[0], [[1.5, np.nan]])
    np.testing.assert_array_equal(values[1], [[np.nan, np.nan]])
    assert e.undefined_of == [1, 1]


def test_costs_are_the_same_whether_or_not_a_reply_has_raised_the_question_whose_it_is():
    def f(x):
        return np.nan if x[1] > 2.5 else total(x)

    places = np.array([0.25, 0.5])
    plain, asked = evaluation(total), evaluation(f)
    for e in (plain, asked):
        e.ask({0: places, 1: places})
        e.ask({1: np.array([1.0, 2.0])})
    assert (plain.undefined_of, plain.nfev_of) == ([0, 0], [2, 4])
    assert (asked.nfev_of, asked.undefined_of, asked.nfev_of) == ([2, 4], [0, 2], [2, 4])


def test_a_model_must_be_defined_at_x0():
    with pytest.raises(ModelError, match="must be defined at x0, but it returned nan"):
        evaluation(lambda _: np.nan).ask({0: np.array([0.5])})


def test_a_bug_is_raised_with_the_parameter_and_the_point():
    def f(x):
        return {}["missing"] if x[1] > 2.0 else 1.0

    with pytest.raises(ModelError, match=r"while b was varied, at b = 2\.5: KeyError") as caught:
        evaluation(f).ask({1: np.array([0.5])})
    assert caught.value.parameter == "b"
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_output_of_another_shape_than_at_x0_is_undefined_there():
    e = evaluation(lambda x: np.zeros(2 if x[0] == 1.0 else 3))
    np.testing.assert_array_equal(e.ask({0: np.array([0.5])})[0], [[np.nan, np.nan]])
    assert e.undefined_of == [1, 0]


def test_a_round_in_which_nobody_asks_gives_empty_rows_of_all_outputs_and_calls_nobody():
    e = evaluation(lambda x: np.append(x, 1.0))
    e.ask({0: np.array([0.5])})
    values = e.ask({0: np.empty(0), 1: np.empty(0)})
    assert [values[line].shape for line in (0, 1)] == [(0, 3), (0, 3)]
    assert e.nfev == 2


def test_the_output_at_x0_is_checked_before_any_other_call():
    calls = []

    def f(x):
        calls.append(x.tolist())
        return total(x)

    def refuse(output):
        raise TypeError(f"not {output}")

    with pytest.raises(TypeError, match=r"not 3\.0"):
        evaluation(f, check_output=refuse).ask({0: np.array([0.5, 1.0])})
    assert calls == [[1.0, 2.0]]


def test_a_failure_at_a_point_that_nobody_asked_for_stays_unheard_until_somebody_does():
    def f(x):
        return {}["missing"] if x[0] > 1.5 else total(x)

    e = evaluation(f)
    e.ask({0: np.array([0.25])})
    spare = e.spare(0, 1.0)
    assert list(e.replies(map(e.job, spare))) == spare
    assert e.nfev_of == [1, 0]  # a spare call is nobody's
    with pytest.raises(ModelError, match="while a was varied"):
        e.open(0, np.array([1.0]), 2)


def test_nothing_is_known_of_the_shape_before_the_first_call():
    with pytest.raises(RuntimeError, match="nothing has been evaluated yet"):
        _ = evaluation(total).shape


def test_what_another_thread_has_put_into_the_memo_is_not_called_again():
    memo, calls = Memo(), []
    mine = evaluation(lambda x: calls.append(x.tolist()) or total(x), memo=memo)
    memo[AT_X0] = 3.0  # after mine has looked whether it is there
    np.testing.assert_array_equal(mine.ask({0: np.array([0.0, 1.0])})[0], [[3.0], [4.0]])
    assert calls == [[2.0, 2.0]]
    assert mine.nfev == 1
    assert mine.shape == ()
