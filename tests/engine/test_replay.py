"""A call without an evaluator: it stops where values are missing, and starts again with them."""

import numpy as np
import pytest

from derivkit import ModelError
from derivkit.calculus.operators import requested
from derivkit.calculus.problem import check_problem
from derivkit.engine.model import Failure
from derivkit.engine.points import place_of
from derivkit.engine.replay import Replay


def never(_):
    raise AssertionError("the function must not be called")


def gradient_of(x0, replies, seconds=None):
    problem = check_problem(never, x0)
    options = {"method": "finite", "stepsize": 0.5, "num_points": 3, "extrapolation": None}
    call = requested(problem, "gradient_result", options)
    return Replay(call, replies, {} if seconds is None else seconds)


def told(replay, replies, f):
    """Advance to the end; return how many times points were asked for."""
    rounds = 0
    replay.advance()
    while not replay.done:
        rounds += 1
        replies |= {place: f(x) for place, x in replay.open.items()}
        replay.advance()
    return rounds


def test_a_call_asks_for_points_until_it_has_its_result():
    replies = {}
    replay = gradient_of([3.0, 1.0], replies)
    rounds = told(replay, replies, lambda x: float(x[0] ** 2 + x[1]))
    assert rounds >= 1
    assert replay.open == {}
    np.testing.assert_allclose(replay.result.value, [6.0, 1.0], rtol=1e-12)


def test_points_that_are_not_told_yet_stay_open_and_no_others_are_asked_for_again():
    replies = {}
    replay = gradient_of([3.0], replies)
    replay.advance()
    first = dict(replay.open)
    place = next(iter(first))
    replies[place] = 9.0
    replay.advance()
    assert replay.open.keys() == first.keys() - {place}


def test_a_failure_ends_the_call_before_anything_else_is_told():
    replies = {}
    replay = gradient_of([3.0], replies)
    replay.advance()
    replies[next(iter(replay.open))] = Failure(KeyError("a"), undefined=False)
    with pytest.raises(ModelError, match="KeyError"):
        replay.advance()


def test_seconds_that_are_told_are_in_the_result():
    replies, seconds = {}, {place_of(np.array([3.0])): 2.5}
    replay = gradient_of([3.0], replies, seconds)
    told(replay, replies, lambda x: float(x[0]))
    rows = replay.result.evaluations.rows()
    assert [row["seconds"] for row in rows if row["parameter"] == "x0"] == [2.5]
