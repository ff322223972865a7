"""Questions of many outputs, answered together; and the courses that ask them."""

import math
from typing import ClassVar

import numpy as np
import pytest

from derivkit.methods.auto.criteria import Goal
from derivkit.methods.auto.ladder import two_sided
from derivkit.methods.auto.questions import FitQuestion, LineQuestions, Reply, SidesQuestion, driven
from derivkit.methods.fit.samples import Samples
from derivkit.methods.together import at_once

BEST = Goal(None, 0.0)


def sampled(*outputs, radii=(0.1, 0.1 / 16)):
    """Return samples of the outputs on ladders."""
    t = np.concatenate([[0.0], *(two_sided(radius, 0.0) for radius in radii)])
    samples = Samples()
    samples.add(t, np.array([[float(f(step)) for f in outputs] for step in t]))
    return samples


def asked(samples, questions, goal=BEST):
    line = LineQuestions(samples, 0.0, goal, questions)
    return line.answered([line])[0]


def cut(t):
    return math.exp(t) if t < 0.05 else math.nan


@pytest.fixture
def samples():
    """Smooth, broken, undefined far to the right, and two of one formula."""
    kink = lambda t: abs(t) + math.exp(t)
    return sampled(math.exp, kink, cut, lambda t: math.sin(9 * t), lambda t: cut(t) + 1)


def test_each_output_is_answered_as_if_it_asked_alone(samples):
    questions = {
        3: FitQuestion(1),
        0: FitQuestion(1, (1e-6, 5.0)),
        1: SidesQuestion(1, 0.0),
        2: FitQuestion(1),
        4: FitQuestion(1, narrowest=0.01),
    }
    together = asked(samples, questions)
    assert together.keys() == questions.keys()
    for j, question in questions.items():
        assert asked(samples, {j: question})[j] == together[j]


def test_an_answer_tells_the_derivative_that_was_asked_for(samples):
    for order in (1, 2):
        best = asked(samples, {0: FitQuestion(order)})[0].best
        assert abs(best.value - 1) <= best.error < 1e-6


def test_two_sides_are_told_apart_for_the_output_that_has_them(samples):
    sides = asked(samples, {j: SidesQuestion(1, 0.0) for j in (0, 1)})
    assert not sides[0].contradict
    assert sides[1].contradict


def test_outputs_are_judged_on_the_samples_where_they_are_defined(samples):
    found = asked(samples, {j: FitQuestion(1) for j in range(5)})
    assert found[2].best.radius == pytest.approx(0.1, rel=0.3)
    for j in (2, 4):
        assert abs(found[j].best.value - 1) <= found[j].best.error


def test_samples_outside_what_is_within_are_left_out_but_never_x0(samples):
    inner = 0.01
    wide = asked(samples, {0: FitQuestion(1, within=(inner, -math.inf, math.inf))})[0]
    plain = asked(samples, {0: FitQuestion(1)})[0]
    assert wide.compared < plain.compared
    assert wide.near.radius > inner
    left = asked(samples, {1: FitQuestion(1, within=(0.0, -math.inf, 1e-12))})[1]
    assert left.best.sides == -1
    assert abs(left.best.value) <= left.best.error < 1e-6  # of exp(t) - t
    kept = asked(samples, {1: FitQuestion(1, within=(inner, -0.2, 0.2))})[1]
    assert kept.best.sides == 0


def test_a_question_is_answered_for_the_goal_of_the_user(samples):
    strict, easy = (asked(samples, {3: FitQuestion(1)}, goal)[3] for goal in (BEST, Goal(0.5, 0)))
    assert easy.content
    assert strict.best == easy.best


def test_the_noise_that_is_known_of_each_output_is_its_own(samples):
    found = asked(samples, {0: FitQuestion(1, (1e-3, 20.0)), 3: FitQuestion(1, (1e-6, 20.0))})
    assert found[0].best.sigma > 100 * found[3].best.sigma > 1e-6


def test_units_are_looked_for_only_where_grains_may_be(samples):
    single = sampled(lambda t: float(np.float32(math.exp(t))))
    with_units, without = (asked(single, {0: FitQuestion(1, grains=g)})[0] for g in (True, False))
    assert with_units.eps > 1e6 * without.eps


# -- courses ---------------------------------------------------------------------------------


def course(said, *wanted):
    """Note what is told; ask for each of what is wanted; return what was told last."""
    told = None
    for each in wanted:
        told = yield each
        said.append(told)
    return told


class Doubled:
    """The questions of a line whose answers are twice the orders; notes who asks at a time."""

    groups: ClassVar[list] = []

    def __init__(self, questions):
        self.questions = questions

    def answered(self, alike):
        self.groups.append(sorted(self.questions))
        return [{j: 2 * question.order for j, question in one.questions.items()} for one in alike]


def test_questions_are_answered_until_samples_are_asked_for():
    said = []
    places = np.array([0.1])
    courses = {7: course(said, FitQuestion(1), FitQuestion(4), places, FitQuestion(5))}
    wanted, ended = at_once(driven(courses, {7: None}, Doubled))
    assert said == [2, 8]
    assert wanted[7] is places
    assert ended == {}
    wanted, ended = at_once(driven(courses, {7: Reply.SERVED}, Doubled))
    assert said == [2, 8, Reply.SERVED, 10]
    assert (wanted, ended) == ({}, {7: 10})


def test_courses_that_ask_at_a_time_are_answered_at_a_time_and_only_those_that_were_told_go_on():
    Doubled.groups.clear()
    courses = {
        1: course([], FitQuestion(1), FitQuestion(1)),
        2: course([], FitQuestion(1), np.array([0.1])),
        3: course([], FitQuestion(1)),
    }
    wanted, ended = at_once(driven(courses, {1: None, 2: None}, Doubled))
    assert Doubled.groups[:2] == [[1, 2], [1]]
    assert wanted.keys() == {2}
    assert ended.keys() == {1}
    assert next(courses[3]).order == 1  # it has not begun
