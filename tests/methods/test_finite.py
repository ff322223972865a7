"""Finite: stencils, extrapolation, walls, noise, cost; driven by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from derivkit.methods import Finite
from derivkit.methods.protocol import Line
from derivkit.status import Status
from derivkit.testing import follow

EXTRAPOLATIONS = ["richardson", "ridders", "gauss-richardson", "gre"]


def distances(run):
    return np.unique(np.abs(run.places)).tolist()


@pytest.mark.parametrize("num_points", [3, 5, 7, 9, 11])
@pytest.mark.parametrize("order", [1, 2])
def test_a_stencil_is_exact_for_polynomials_it_can_hold(num_points, order):
    coefficients = np.arange(1.0, num_points + 1)
    run = follow(
        Finite(stepsize=0.25, num_points=num_points),
        lambda t: np.polynomial.polynomial.polyval(t, coefficients),
        order=order,
    )
    exact = math.factorial(order) * coefficients[order]
    assert run.answer.value[0] == pytest.approx(exact, rel=1e-10)
    assert abs(run.answer.value[0] - exact) <= run.answer.error[0] < 1e-8


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-5, 5), min_size=5, max_size=5),
    st.floats(1e-3, 10),
    st.sampled_from([None, *EXTRAPOLATIONS]),
)
def test_quartics_are_differentiated_within_the_error(coefficients, step, extrapolation):
    method = Finite(stepsize=step, extrapolation=extrapolation)
    run = follow(method, lambda t: np.polynomial.polynomial.polyval(t, coefficients))
    assert abs(run.answer.value[0] - coefficients[1]) <= run.answer.error[0]


@settings(max_examples=30, deadline=None)
@given(st.integers(-300, 300), st.sampled_from([None, *EXTRAPOLATIONS]))
def test_units_of_x_do_not_matter_when_the_step_is_automatic(exponent, extrapolation):
    unit = 2.0**exponent
    method = Finite(extrapolation=extrapolation)
    plain = follow(method, np.exp, Line()).answer
    scaled = follow(method, lambda t: np.exp(t / unit), Line(scale=unit)).answer
    assert scaled.value[0] * unit == pytest.approx(plain.value[0], rel=1e-13)
    assert scaled.error[0] * unit == pytest.approx(plain.error[0], rel=0.2)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("extrapolation", "tolerance"),
    [(None, 1e-3), ("richardson", 1e-6), ("ridders", 1e-6), ("gre", 1e-6)],
)
def test_orders_one_to_four_of_a_sine(order, extrapolation, tolerance):
    exact = math.sin(0.7 + order * math.pi / 2)
    run = follow(Finite(extrapolation=extrapolation), lambda t: np.sin(0.7 + t), order=order)
    true_error = abs(run.answer.value[0] - exact)
    assert true_error <= run.answer.error[0]
    assert true_error < tolerance


@pytest.mark.parametrize(
    ("method", "calls"),
    [
        (Finite(stepsize=0.01, num_points=3), 4),
        (Finite(stepsize=0.01, num_points=5), 6),
        (Finite(stepsize=0.01, num_points=7), 8),
        (Finite(stepsize=0.01, num_points=9), 10),
        (Finite(stepsize=0.01, extrapolation="richardson", levels=2), 6),
        (Finite(stepsize=0.01, extrapolation="ridders", levels=4), 10),
        (Finite(stepsize=0.01, extrapolation="gre", levels=4), 10),
        (Finite(stepsize=0.01, num_points=3, extrapolation="ridders", levels=4), 8),
        (Finite(stepsize=0.01, num_points=7, extrapolation="ridders", levels=3), 14),
        (Finite(extrapolation="ridders"), 8),
        (Finite(extrapolation="richardson"), 8),
    ],
)
def test_calls_beside_x0(method, calls):
    run = follow(method, np.exp)
    assert len(set(run.places.tolist())) - 1 == calls
    asked = np.concatenate(run.requests)
    assert np.unique(asked).size == asked.size  # nothing is asked for twice


def test_fixed_levels_take_one_round():
    assert len(follow(Finite(extrapolation="ridders", levels=5), np.exp).requests) == 1


def test_the_step_is_the_distance_of_neighbours_in_units_of_x():
    run = follow(Finite(stepsize=0.01, num_points=3), np.exp, Line(scale=7.0, origin=3.0))
    assert distances(run) == pytest.approx([0.0, 0.01, 0.02], rel=1e-9)


def test_places_add_to_x0_without_rounding():
    origin = 1234.56789
    run = follow(Finite(stepsize=0.01, extrapolation="ridders"), np.exp, Line(origin=origin))
    assert [(origin + t) - origin for t in run.places.tolist()] == run.places.tolist()


def test_an_automatic_step_is_relative_to_the_scale():
    one, other = (follow(Finite(), np.ones_like, Line(scale=s)) for s in (1.0, 1e-8))
    assert np.allclose(other.places, 1e-8 * one.places, rtol=1e-6, atol=0)


@pytest.mark.parametrize("extrapolation", [None, *EXTRAPOLATIONS])
@pytest.mark.parametrize("step", [0.5, 0.1, 1e-2, 1e-3, 1e-5])
def test_the_error_holds_for_large_and_small_fixed_steps(extrapolation, step):
    method = Finite(stepsize=step, extrapolation=extrapolation)
    for x in (0.3, 1.0, 2.5):
        run = follow(method, lambda t, x=x: np.exp(np.sin(x + t)), Line(origin=x))
        exact = math.cos(x) * math.exp(math.sin(x))
        assert abs(run.answer.value[0] - exact) <= run.answer.error[0]


def test_richardson_never_reports_an_error_of_zero():
    for levels in (2, 3, 4, 6):
        method = Finite(stepsize=0.1, extrapolation="richardson", levels=levels)
        assert follow(method, lambda t: np.sin(0.7 + t)).answer.error[0] > 0


def test_each_output_takes_the_level_that_suits_it():
    def model(t):
        return np.stack([np.sin(1 + t), np.sin(1 + 60 * t), 1e-9 * np.exp(t)], axis=1)

    answer = follow(Finite(extrapolation="ridders"), model).answer
    exact = [math.cos(1), 60 * math.cos(1), 1e-9]
    assert (np.abs(answer.value - exact) <= answer.error).all()
    assert (answer.error <= 1e-9 * np.abs(exact)).all()


@pytest.mark.parametrize("extrapolation", [None, "ridders", "richardson"])
def test_at_a_bound_the_stencil_is_shifted_and_keeps_its_order(extrapolation):
    run = follow(Finite(extrapolation=extrapolation), np.exp, Line(lower=0.0, upper=1.0))
    assert run.places.min() == 0.0
    assert run.answer.statuses()[0] is Status.ONE_SIDED
    assert abs(run.answer.value[0] - 1) <= run.answer.error[0] < 1e-8


def test_a_fixed_step_beside_a_bound_is_kept_by_shifting():
    method = Finite(stepsize=0.1, num_points=5)
    run = follow(method, np.exp, Line(lower=-0.15, upper=9.0))
    assert distances(run) == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4], rel=1e-9)
    assert run.places.min() == pytest.approx(-0.1)


def test_a_fixed_step_that_does_not_fit_at_all_is_made_smaller():
    run = follow(Finite(stepsize=10.0), np.exp, Line(lower=-0.01, upper=0.02))
    assert abs(run.answer.value[0] - 1) <= run.answer.error[0] < 1e-3


@settings(max_examples=200, deadline=None)
@given(
    st.floats(0, 2),
    st.floats(1e-6, 2),
    st.one_of(st.just("auto"), st.floats(1e-6, 5)),
    st.sampled_from([3, 5, 7]),
    st.sampled_from([None, *EXTRAPOLATIONS]),
    st.integers(1, 2),
)
def test_no_sample_is_outside_the_bounds(left, right, step, num_points, extrapolation, order):
    line = Line(scale=0.5 * (left + right), lower=-left, upper=right)
    run = follow(Finite(step, num_points, extrapolation), np.cos, line, order)
    assert (run.places >= -left).all()
    assert (run.places <= right).all()


@pytest.mark.parametrize("wall", [0.5, 3e-2, 1e-3, 1e-5])
@pytest.mark.parametrize("extrapolation", [None, "ridders", "richardson"])
def test_beside_a_hidden_wall_the_root_comes_out_within_its_error(wall, extrapolation):
    run = follow(Finite(extrapolation=extrapolation), lambda t: np.sqrt(wall + t))
    exact = 0.5 / math.sqrt(wall)
    assert abs(run.answer.value[0] - exact) <= run.answer.error[0] < 1e-2 * exact


def test_on_a_hidden_wall_samples_are_taken_on_the_defined_side():
    run = follow(Finite(extrapolation="ridders"), lambda t: np.where(t < 0, np.nan, np.exp(t)))
    assert run.answer.statuses()[0] is Status.ONE_SIDED
    assert abs(run.answer.value[0] - 1) <= run.answer.error[0] < 1e-8


def test_a_model_defined_at_x0_alone_is_undefined():
    answer = follow(Finite(), lambda t: np.where(t == 0, 1.0, np.nan)).answer
    assert answer.statuses() == (Status.UNDEFINED,)
    assert answer.error[0] == np.inf


def test_a_noisy_model_is_noise_limited():
    noise = np.random.default_rng(3)
    answer = follow(
        Finite(extrapolation="ridders"),
        lambda t: np.exp(t) * (1 + 1e-4 * noise.standard_normal(t.size)),
    ).answer
    assert answer.status is Status.NOISE_LIMITED
    assert abs(answer.value[0] - 1) <= answer.error[0] < 0.5
    assert 1e-5 < np.ravel(answer.noise)[0] < 1e-3


def test_a_kink_is_not_differentiated_with_a_small_error():
    for extrapolation in (None, *EXTRAPOLATIONS):
        answer = follow(Finite(extrapolation=extrapolation), np.abs).answer
        assert answer.error[0] > 0.3


def test_structure_finer_than_the_scale_is_found_by_more_levels():
    run = follow(Finite(extrapolation="ridders"), lambda t: np.sin(1 + 300 * t))
    exact = 300 * math.cos(1)
    assert abs(run.answer.value[0] - exact) <= run.answer.error[0] < 1e-6 * exact


def test_the_line_budget_limits_the_levels():
    run = follow(Finite(extrapolation="ridders"), lambda t: np.sin(1 + 300 * t), Line(budget=10))
    assert len(set(run.places.tolist())) - 1 <= 10


def test_a_budget_spent_on_the_way_gives_the_best_so_far():
    run = follow(Finite(extrapolation="ridders"), lambda t: np.sin(1 + 60 * t), grants=2)
    assert run.answer.statuses()[0] is Status.BUDGET_SPENT
    assert abs(run.answer.value[0] - 60 * math.cos(1)) <= run.answer.error[0]


BAD = [
    ({"stepsize": 0.0}, "stepsize"),
    ({"stepsize": -1e-2}, "stepsize"),
    ({"stepsize": math.nan}, "stepsize"),
    ({"stepsize": "small"}, "stepsize"),
    ({"stepsize": None}, "stepsize"),
    ({"num_points": 4}, "num_points"),
    ({"num_points": 1}, "num_points"),
    ({"num_points": 5.0}, "num_points"),
    ({"extrapolation": "romberg"}, "extrapolation"),
    ({"extrapolation": "ridders", "levels": 1}, "levels"),
    ({"extrapolation": "ridders", "levels": 2.5}, "levels"),
]


@pytest.mark.parametrize(("options", "name"), BAD)
def test_a_bad_option_is_named_in_one_sentence(options, name):
    with pytest.raises(ValueError, match=f"`{name}` must be .* got ") as caught:
        Finite(**options)
    assert "\n" not in str(caught.value)


def test_too_few_points_for_the_order_are_refused_before_any_call():
    with pytest.raises(ValueError, match="`num_points` must be more than the order"):
        next(Finite(num_points=3).solve(Line(), 3))
