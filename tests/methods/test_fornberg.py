"""Fornberg's method: his weights on any grid."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from derivkit.methods import Fornberg
from derivkit.methods.protocol import Line
from derivkit.methods.weights import fornberg_weights
from derivkit.status import Status
from derivkit.testing import follow

nodes_of_any_kind = st.lists(st.integers(-40, 40), min_size=4, max_size=9, unique=True).map(
    lambda ks: np.array(ks) / 16
)


@pytest.mark.parametrize("order", range(1, 9))
def test_orders_up_to_eight_within_the_error(order):
    answer = follow(Fornberg(), lambda t: np.sin(0.7 + t), order=order).answer
    exact = math.sin(0.7 + order * math.pi / 2)
    assert abs(answer.value[0] - exact) <= answer.error[0] < 1.0


GRIDS = [
    [-0.2, -0.1, 0.0, 0.1, 0.2],
    (-0.11, 0.03, 0.07, 0.2, -0.05),
    np.array([0.0, 0.1, 0.2, 0.3, 0.4]),
    np.array([0.05, 0.1, 0.2, 0.3, 0.35, 0.4]),
    range(1, 5),
]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_any_list_or_array_of_offsets_is_honoured(grid):
    run = follow(Fornberg(grid), lambda t: np.exp(t / 3))
    assert set(run.places.tolist()) == {0.0, *map(float, grid)}
    expected = fornberg_weights(list(grid), 1) @ np.exp(np.array(grid) / 3)
    assert run.answer.value[0] == pytest.approx(expected, rel=1e-12)
    assert abs(run.answer.value[0] - 1 / 3) <= run.answer.error[0]


@settings(max_examples=100, deadline=None)
@given(nodes_of_any_kind, st.lists(st.floats(-3, 3), min_size=4, max_size=4))
@example(np.array([-32, 33, 0, 13, 1]) / 16, [0.5, 1.0, 0.0, 0.0])  # exact but for rounding
@example(np.array([-43, -42, -19, 26, 30]) / 16, [0.0, -2.5, 0.0, 0.0])
def test_cubics_are_exact_on_any_grid_of_four(nodes, coefficients):
    def cubic(t):
        return np.polynomial.polynomial.polyval(t, coefficients)

    run = follow(Fornberg(nodes), cubic)
    terms = np.abs(fornberg_weights(nodes, 1)) @ np.abs(cubic(nodes))
    of_the_sum = len(nodes) * np.finfo(float).eps * terms
    assert abs(run.answer.value[0] - coefficients[1]) <= run.answer.error[0] + of_the_sum + 1e-300


@pytest.mark.parametrize("seed", range(3))
def test_rounding_is_part_of_the_error_where_nothing_else_is(seed):
    rng = np.random.default_rng(seed)
    missed = 0
    for _ in range(200):
        nodes = rng.choice(np.arange(-48, 49), rng.integers(4, 9), replace=False) / 16
        slope = np.round(2 * rng.uniform(-3, 3)) / 2
        run = follow(Fornberg(nodes), lambda t, slope=slope: 0.5 + slope * t)
        missed += abs(run.answer.value[0] - slope) > run.answer.error[0]
    assert missed <= 2


APART = [-0.1, -0.05, 0.02, 0.05, 0.1, 0.2]


def test_x0_apart_from_the_grid_narrows_the_error():
    apart = follow(Fornberg(APART), np.exp).answer
    off = abs(apart.value[0] - 1)
    assert off <= apart.error[0] < 300 * off  # without that sample 2,000 times


def test_a_narrowed_error_still_covers_noise():
    rng = np.random.default_rng(5)
    covered = 0
    for k in range(200):
        run = follow(
            Fornberg(APART), lambda t, k=k: np.exp(k / 200 + t) + 1e-6 * rng.normal(size=t.shape)
        )
        covered += abs(run.answer.value[0] - np.exp(k / 200)) <= run.answer.error[0]
    assert covered >= 190


def test_the_default_grids_error_is_within_twenty_times_of_the_true_one():
    ratios = []
    for x0 in np.linspace(0.3, 2.0, 40):
        run = follow(Fornberg(), lambda t, x0=x0: np.exp(x0 + t), Line(scale=x0)).answer
        off = abs(run.value[0] - np.exp(x0))
        assert off <= run.error[0]
        ratios.append(run.error[0] / max(off, 1e-16))
    assert np.median(ratios) <= 20


def test_the_default_grid_costs_eight_calls():
    assert len(set(follow(Fornberg(), np.exp).places.tolist())) - 1 == 8


def test_the_default_grid_is_one_sided_at_a_bound():
    run = follow(Fornberg(), np.exp, Line(upper=0.0))
    assert run.places.max() == 0.0
    assert run.answer.statuses()[0] is Status.ONE_SIDED
    assert abs(run.answer.value[0] - 1) <= run.answer.error[0] < 1e-6


def test_offsets_outside_the_bounds_are_left_out():
    run = follow(Fornberg([-0.3, -0.1, 0.1, 0.2, 0.3]), np.exp, Line(lower=-0.2, upper=0.25))
    assert sorted(set(run.places.tolist())) == [-0.1, 0.0, 0.1, 0.2]


def test_a_grid_with_too_few_offsets_inside_the_bounds_is_refused():
    with pytest.raises(ValueError, match="`grid` must have more than 2 offsets"):
        follow(Fornberg([-0.3, 0.1, 0.2]), np.exp, Line(lower=-0.2), order=2)


def test_undefined_offsets_are_left_out():
    run = follow(Fornberg([-0.3, -0.1, 0.1, 0.2, 0.3]), lambda t: np.where(t > 0.25, np.nan, t))
    assert run.answer.value[0] == pytest.approx(1)


@pytest.mark.parametrize("grid", [[0.1, 0.1], [], [math.inf, 1.0], "offsets", [[0.1, 0.2]]])
def test_a_bad_grid_is_named_in_one_sentence(grid):
    with pytest.raises(ValueError, match="`grid` must be "):
        Fornberg(grid)
