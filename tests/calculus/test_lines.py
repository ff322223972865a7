"""Lines through x0: the ray the engine follows and the line the method knows are the same one."""

import numpy as np
import pytest

from derivkit.calculus.lines import axis_lines, oblique_line, oblique_lines
from derivkit.calculus.problem import check_problem

PROBLEM = check_problem(
    lambda x: 0.0, [1.0, -2.0, 4.0], bounds=[(0, 3), (None, 0), (None, None)], scale=[1, 0.5, 2]
)


def test_an_axis_is_measured_in_its_parameters_units():
    rays, lines = axis_lines(PROBLEM, share=7)
    assert [line.scale for line in lines] == [1.0, 0.5, 2.0]
    assert [(line.lower, line.upper) for line in lines] == [
        (-1.0, 2.0),
        (-np.inf, 2.0),
        (-np.inf, np.inf),
    ]
    assert [line.origin for line in lines] == [1.0, -2.0, 4.0]
    assert all(line.scale_given and line.budget == 7 for line in lines)
    assert [ray.place(0.25).tolist() for ray in rays] == [
        [1.25, -2, 4],
        [1, -1.75, 4],
        [1, -2, 4.25],
    ]


def test_some_parameters_alone_keep_the_order_in_which_they_are_asked_for():
    rays, lines = axis_lines(PROBLEM, indices=[2, 0])
    assert [line.origin for line in lines] == [4.0, 1.0]
    assert rays[0].place(1.0).tolist() == [1.0, -2.0, 5.0]


def test_fixed_parameters_get_no_line():
    problem = check_problem(lambda x: 0.0, [1.0, 2.0], bounds=[(1, 1), (None, None)])
    _, lines = axis_lines(problem)
    assert [line.origin for line in lines] == [2.0]


@pytest.mark.parametrize("weights", [[1.0, 1.0], [1.0, -0.5], [-0.25, 1.0]])
def test_an_oblique_line_ends_exactly_where_the_first_bound_is_met(weights):
    ray, line = oblique_line(PROBLEM, [0, 1], weights)
    for t, outside in ((line.lower, line.lower - 1e-6), (line.upper, line.upper + 1e-6)):
        if np.isfinite(t):
            x, beyond = (PROBLEM.x0[:2] + s * np.array(weights) for s in (t, outside))
            assert (x >= PROBLEM.lower[:2] - 1e-12).all()
            assert (x <= PROBLEM.upper[:2] + 1e-12).all()
            assert (beyond < PROBLEM.lower[:2]).any() or (beyond > PROBLEM.upper[:2]).any()
    assert line.scale == min(1.0 / abs(weights[0]), 0.5 / abs(weights[1]))
    expected = [1.0 + 0.1 * weights[0], -2.0 + 0.1 * weights[1], 4.0]
    np.testing.assert_allclose(ray.place(0.1), expected, rtol=1e-15)


def test_many_oblique_lines_at_once_are_those_alone():
    indices = np.array([[0, 1], [1, 2], [0, 2]])
    weights = np.array([[1.0, -0.5], [0.25, 1.0], [-1.0, 1.0]])
    rays, lines = oblique_lines(PROBLEM, indices, weights, np.array([0.5, 1.0, 2.0]))
    for k, scale in enumerate((0.5, 1.0, 2.0)):
        ray, line = oblique_line(PROBLEM, indices[k].tolist(), weights[k], scale=scale)
        assert line == lines[k]
        assert ray.place(0.125).tobytes() == rays[k].place(0.125).tobytes()
        assert ray.key(0.125) == rays[k].key(0.125)
