"""Derivatives at many points at once: each as alone, those that are undefined out of the way."""

import numpy as np
import pytest

from derivkit.calculus.driver import run
from derivkit.calculus.problem import check_problem
from derivkit.calculus.scalar import AtPoints, OfNumber, around_a_defined_point
from derivkit.engine.memo import Memo
from derivkit.errors import ModelError


def test_a_function_of_a_number_is_handed_the_number_and_its_arguments():
    assert OfNumber(lambda x, a, b=0: (x, a, b))(np.array([3.0]), 1, b=2) == (3.0, 1, 2)
    rows = OfNumber(lambda x: x**2, vectorized=True)(np.array([[1.0], [3.0]]))
    assert rows.tolist() == [1.0, 9.0]


@pytest.mark.parametrize("order", [1, 2])
def test_many_points_give_what_each_gives_alone(order):
    points = np.array([[0.5, 1.0], [2.0, 3.0], [-1.0, 0.1]])
    scales = np.abs(points)

    def f(x):
        return np.sin(x[0]) * np.exp(x[1])

    problem = check_problem(f, points[0])
    together = run(problem, Memo(), AtPoints(points, scales, order), "finite")
    exact = {
        1: [
            np.cos(points[:, 0]) * np.exp(points[:, 1]),
            np.sin(points[:, 0]) * np.exp(points[:, 1]),
        ],
        2: [
            -np.sin(points[:, 0]) * np.exp(points[:, 1]),
            np.sin(points[:, 0]) * np.exp(points[:, 1]),
        ],
    }[order]
    off = np.abs(together.value.reshape(3, 2) - np.transpose(exact))
    assert (off <= together.error.reshape(3, 2)).all()
    for k in range(3):
        alone = run(
            problem.moved_to(points[k]),
            Memo(),
            AtPoints(points[k : k + 1], scales[k : k + 1], order),
            "finite",
        )
        assert alone.value.tobytes() == together.value[2 * k : 2 * k + 2].tobytes()


def test_numbered_points_are_named_and_must_be_scalar():
    points = np.array([[1.0], [2.0]])
    problem = check_problem(lambda x: x[0] ** 2, [1.0], names=["a"])
    result = run(problem, Memo(), AtPoints(points, points, numbers=[4, 7]))
    assert result.names == ("a at points[4]", "a at points[7]")
    vector = check_problem(lambda x: np.array([x[0], 1.0]), [1.0])
    with pytest.raises(TypeError, match="must return a scalar"):
        run(vector, Memo(), AtPoints(points, points, numbers=[0, 1]))


def undefined_at(*bad):
    def compute(order):
        if order[0] in bad:
            raise ModelError("not here", undefined=True)
        return f"from {order[0]}"

    return compute


def test_the_first_point_at_which_the_model_is_defined_goes_first():
    assert around_a_defined_point(3, undefined_at()) == ([0, 1, 2], "from 0")
    assert around_a_defined_point(3, undefined_at(0, 1)) == ([2, 0, 1], "from 2")


def test_where_no_point_is_defined_the_first_failure_is_raised():
    with pytest.raises(ModelError, match="not here"):
        around_a_defined_point(2, undefined_at(0, 1))
    with pytest.raises(ValueError, match="no points"):
        around_a_defined_point(0, undefined_at())


def test_a_bug_is_raised_at_once():
    def buggy(order):
        raise ModelError(f"a bug at {order[0]}", undefined=False)

    with pytest.raises(ModelError, match="a bug at 0"):
        around_a_defined_point(3, buggy)
