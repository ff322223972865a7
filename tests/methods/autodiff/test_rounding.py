"""The error of an exact derivative: its rounding, seen at points right beside x0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from derivkit import CalculusKit
from derivkit.methods.autodiff.rounding import MOVES, neighbours, rounding_error

EPS = float(np.finfo(float).eps)
OPEN = np.full(2, np.inf)
sizes = st.floats(1e-290, 1e300) | st.just(0.0)


@given(x0=st.tuples(sizes, sizes), sign=st.sampled_from([-1.0, 1.0]))
def test_neighbours_lie_at_exactly_equal_distances(x0, sign):
    start = sign * np.array(x0)
    points = np.array([start, *neighbours(start, np.ones(2), -OPEN, OPEN, EPS)])
    steps = np.diff(points, axis=0)
    np.testing.assert_array_equal(steps, np.broadcast_to(steps[0], steps.shape))
    assert np.all(steps != 0)
    assert np.all(np.abs(steps) <= 1e-10 * np.where(start == 0, 1.0, np.abs(start)))


@pytest.mark.parametrize("wall", ["lower", "upper"])
def test_neighbours_stay_inside_the_bounds(wall):
    x0 = np.array([1.0, -2.0])
    lower, upper = (x0, OPEN) if wall == "lower" else (-OPEN, x0)
    points = neighbours(x0, np.ones(2), lower, upper, EPS)
    assert len(points) == MOVES
    assert all(np.all((lower <= x) & (x <= upper)) for x in points)
    assert all(np.all(x != x0) for x in points)


def test_a_straight_derivative_has_no_rounding_beyond_its_last_digits():
    values = [np.array([1.0 + 1e-6 * k]) for k in range(5)]
    assert rounding_error(values[0], values[1:], EPS)[0] <= 10 * EPS


@pytest.mark.parametrize("sigma", [1e-12, 1e-6, 1.0])
def test_scatter_is_covered_as_often_as_claimed(sigma):
    draws = sigma * np.random.default_rng(1).normal(size=(5, 20_000))
    error = rounding_error(draws[0], draws[1:], EPS)
    assert np.mean(np.abs(draws[0]) <= error) >= 0.97
    assert np.median(error) < 10 * sigma


def test_points_next_to_zero_are_moved_too():
    x0 = np.array([5e-324, 2e-310])
    assert all(np.all(x != x0) for x in neighbours(x0, x0, -OPEN, OPEN, EPS))


def test_without_neighbours_the_last_digits_are_left():
    assert rounding_error(np.array([2.0]), [], EPS)[0] == 8 * EPS


# through the kit, with the libraries


def test_runs_of_the_function_are_counted_and_a_budget_leaves_neighbours_out(library):
    calls = []

    def model(x):
        calls.append(1)
        return x[0] ** 2 * x[1]

    kit = CalculusKit(model, [3.0, 2.0])
    result = kit.gradient_result(library.name)
    assert result.nfev == len(calls)
    once = result.nfev // (1 + MOVES)
    assert kit.gradient_result(library.name, max_evaluations=once).nfev == once


def test_directional_derivatives_products_and_entries_follow_from_the_whole(library):
    kit = CalculusKit(lambda x: library.sin(x[0]) * x[1] ** 2, [0.5, 2.0])
    s, c = np.sin(0.5), np.cos(0.5)
    hessian = np.array([[-4 * s, 4 * c], [4 * c, 2 * s]])
    v = np.array([2.0, -1.0])
    found = [
        (kit.directional(v, library.name), v @ [4 * c, 4 * s]),
        (kit.directional(v, library.name, order=2), v @ hessian @ v),
        (kit.hvp(v, library.name), hessian @ v),
        (kit.hessian_diag(library.name), np.diag(hessian)),
        (kit.mixed(0, 1, method=library.name), hessian[0, 1]),
    ]
    for value, exact in found:
        np.testing.assert_allclose(value, exact, rtol=1e-14)


def test_tensors_are_exactly_symmetric(library):
    kit = CalculusKit(lambda x: library.exp(x[0] * x[1]) * library.sin(x[1]), [0.5, 2.0])
    hessian, third = kit.hessian(library.name), kit.hyper_hessian(library.name)
    np.testing.assert_array_equal(hessian, hessian.T)
    for axes in [(0, 2, 1), (1, 0, 2), (2, 1, 0)]:
        np.testing.assert_array_equal(third, third.transpose(axes))
