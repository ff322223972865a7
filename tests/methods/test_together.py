"""Lines judged in one go answer as each would alone, to the bit, however many they are."""

import numpy as np
import pytest

from derivkit import CalculusKit
from derivkit.methods import Finite
from derivkit.methods.protocol import BudgetSpentError, Estimate, Line
from derivkit.methods.together import alone, at_once, together

METHODS = [
    Finite(),
    Finite(stepsize=0.01, num_points=7),
    *(
        Finite(extrapolation=e, levels=levels)
        for e in ("richardson", "ridders", "gauss-richardson")
        for levels in (None, 3)
    ),
]


def model(k, outputs):
    """Return f(t) on line k: smooth, noisy, huge, tiny or undefined beyond a wall."""
    rng = np.random.default_rng(k)
    a, b = rng.uniform(0.3, 3.0, (2, outputs))
    size = (1.0, 1.0, 1e180, 1e-180)[k % 4]
    level = 1e-6 * (k % 3 == 1)

    def f(t):
        y = size * np.exp(np.sin(a * t) + b) * (1 + level * np.sin(1e9 * (t + k)))
        return np.where(t > 0.02, np.nan, y) if k % 7 == 6 else y

    return f


def follow(solvers, functions):
    """Drive solvers in common rounds, as the engine does; return their estimates."""
    requests = {k: next(solver) for k, solver in enumerate(solvers)}
    answers = {}
    while requests:
        following = {}
        for k, t in requests.items():
            values = np.array([functions[k](x) for x in t]) if t.size else np.empty((0, 1))
            try:
                following[k] = solvers[k].send(values)
            except StopIteration as stop:
                answers[k] = stop.value
        requests = following
    return [answers[k] for k in range(len(solvers))]


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("order", [1, 2])
def test_lines_together_answer_as_each_alone_to_the_bit(method, outputs, order):
    lines = [Line(scale=1.0 + k % 5, origin=0.1 * k) for k in range(30)]
    functions = [model(k, outputs) for k in range(30)]
    for count in (2, 7, 30):
        shared = follow(method.solve_together(lines[:count], order), functions)
        for k, answer in enumerate(shared):
            [own] = follow([method.solve(lines[k], order)], [functions[k]])
            assert own.value.tobytes() == answer.value.tobytes()
            assert own.error.tobytes() == answer.error.tobytes()
            assert own.statuses() == answer.statuses()


def test_a_gradient_is_judged_in_one_go_and_takes_the_calls_of_its_lines():
    x0 = np.linspace(0.5, 1.5, 40)
    result = CalculusKit(lambda x: float(np.sum(np.exp(x))), x0).gradient_result("finite")
    assert (np.abs(result.value - np.exp(x0)) <= result.error).all()
    assert result.nfev == 1 + 6 * 40


class Doubled:
    """A question with a log of how many were answered at a time."""

    kind = "doubled"

    def __init__(self, number, log):
        self.number, self.log = number, log

    def answered(self, alike):
        self.log.append([question.number for question in alike])
        return [2 * question.number for question in alike]


def course(number, log):
    values = yield np.array([0.0])
    doubled = yield Doubled(number, log)
    try:
        yield np.array([1.0])
    except BudgetSpentError:
        return Estimate(values[0] + doubled, np.zeros(1))
    raise AssertionError


def test_questions_of_a_kind_are_answered_at_once_and_errors_reach_the_course():
    log = []
    solvers = together([course(k, log) for k in range(3)])
    for solver in solvers:
        assert next(solver).tolist() == [0.0]
    assert [solver.send(np.array([[k]])).size for k, solver in enumerate(solvers)] == [0, 0, 0]
    assert log == []
    for k, solver in enumerate(solvers):
        assert solver.send(np.empty((0, 1))).tolist() == [1.0]
        with pytest.raises(StopIteration) as stop:
            solver.throw(BudgetSpentError())
        assert stop.value.value.value.tolist() == [3 * k]
    assert log == [[0, 1, 2]]


def test_a_course_alone_gets_its_answers_at_once():
    log = []
    solver = alone(course(5, log))
    next(solver)
    assert solver.send(np.array([[1.0]])).tolist() == [1.0]
    assert log == [[5]]


def test_a_course_that_is_refused_more_waits_for_nobody_with_what_it_asks_then():
    """There may be nobody left who would resume it."""
    log = []

    def asks_at_the_end(number):
        try:
            yield np.array([0.0])
        except BudgetSpentError:
            return Estimate(np.array([float((yield Doubled(number, log)))]), np.zeros(1))
        raise AssertionError

    solvers = together([asks_at_the_end(k) for k in range(2)])
    for k, solver in enumerate(solvers):
        next(solver)
        with pytest.raises(StopIteration) as stop:
            solver.throw(BudgetSpentError())
        assert stop.value.value.value.tolist() == [2 * k]
    assert log == [[0], [1]]


def test_a_course_that_is_refused_more_while_it_rests_still_gets_its_answers():
    log = []

    def asks_twice(number):
        values = yield np.array([0.0])
        told = (yield Doubled(number, log)) + (yield Doubled(number, log))
        try:
            yield np.array([1.0])
        except BudgetSpentError:
            return Estimate(values[0] + told, np.zeros(1))
        raise AssertionError

    solvers = together([asks_twice(k) for k in range(2)])
    for k, solver in enumerate(solvers):
        next(solver)
        assert solver.send(np.array([[k]])).size == 0
    for k, solver in enumerate(solvers):
        assert solver.throw(BudgetSpentError()).tolist() == [1.0]
        with pytest.raises(StopIteration) as stop:
            solver.throw(BudgetSpentError())
        assert stop.value.value.value.tolist() == [5 * k]
    assert log == [[0, 1], [0], [1]]


def test_what_asks_only_questions_is_answered_at_once():
    log = []

    def asking():
        return (yield Doubled(2, log)) + (yield Doubled(3, log))

    assert at_once(asking()) == 10
    assert log == [[2], [3]]


def test_a_course_may_end_without_asking_for_anything():
    def knows():
        yield from ()
        return Estimate(np.zeros(1), np.zeros(1))

    with pytest.raises(StopIteration) as stop:
        next(alone(knows()))
    assert stop.value.value.value.tolist() == [0.0]
