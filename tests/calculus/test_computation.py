"""A computation: stages of lines are handed out, answers handed in, without a model."""

import numpy as np

from derivkit.calculus.assembly import StageResults
from derivkit.calculus.computation import prepare
from derivkit.calculus.gradient import Gradient
from derivkit.calculus.problem import check_problem
from derivkit.methods.finite import Finite
from derivkit.methods.protocol import Estimate


def f(x):
    return x[0] ** 2 * x[1]


def test_a_plan_needs_no_model_until_its_stages_are_answered():
    def never(_):
        raise AssertionError("called")

    plan = prepare(check_problem(never, [1.0, 2.0]), [Gradient()], Finite())
    assert [ray.key(0.0) for ray in plan.stage.rays] == [plan.stage.rays[0].key(0.0)] * 2
    estimates = [Estimate(np.array([k + 0.5]), np.array([0.1])) for k in range(2)]
    plan.advance(StageResults(estimates, (), [3, 4], [0, 0]))
    assert plan.stage is None
    assert plan._parts[0].value.tolist() == [0.5, 1.5]
    assert plan._parts[0].nfev.tolist() == [3, 4]


def test_each_tensor_is_handed_the_lines_that_it_asked_for():
    plan = prepare(check_problem(f, [1.0, 2.0]), [Gradient(), Gradient()], Finite())
    assert len(plan.stage.rays) == 4
    estimates = [Estimate(np.array([float(k)]), np.array([0.1])) for k in range(4)]
    plan.advance(StageResults(estimates, (), [0] * 4, [0] * 4))
    assert [plan._parts[k].value.tolist() for k in (0, 1)] == [[0.0, 1.0], [2.0, 3.0]]
