"""Adaptive: windows, degrees, domains; driven by hand."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from derivkit.methods import Adaptive
from derivkit.methods.protocol import Line
from derivkit.status import Status
from derivkit.testing import follow


@pytest.mark.parametrize("order", range(1, 9))
@pytest.mark.parametrize(
    ("name", "function", "derivative"),
    [
        ("exp", np.exp, lambda _: 1.0),
        ("sin", lambda t: np.sin(0.7 + t), lambda k: math.sin(0.7 + k * math.pi / 2)),
        (
            "pole",
            lambda t: 1 / (1.5 + t),
            lambda k: (-1) ** k * math.factorial(k) / 1.5 ** (k + 1),
        ),
    ],
)
def test_orders_up_to_eight_within_the_error(order, name, function, derivative):
    answer = follow(Adaptive(n_points=14), function, order=order).answer
    true_error = abs(answer.value[0] - derivative(order))
    assert true_error <= answer.error[0]
    assert answer.error[0] < 10.0 ** (2 * order - 13) * math.factorial(order)


@pytest.mark.parametrize("n_points", [3, 4, 7, 10, 15])
def test_a_window_costs_n_points_or_one_less_for_odd_numbers(n_points):
    run = follow(Adaptive(n_points=n_points, spacing=0.1), np.exp)
    assert len(set(run.places.tolist())) - 1 == n_points - n_points % 2


@pytest.mark.parametrize(
    ("options", "origin", "width"),
    [
        ({"spacing": 0.3}, 5.0, 0.3),
        ({"spacing": "2%"}, 5.0, 0.1),
        ({"spacing": "2%"}, -5.0, 0.1),
        ({"spacing": "2%", "base_abs": 0.25}, 5.0, 0.25),
        ({"spacing": "2%", "base_abs": 0.25}, 0.0, 0.25),
    ],
)
def test_spacing_is_the_half_width_of_the_window(options, origin, width):
    run = follow(Adaptive(**options), np.exp, Line(origin=origin))
    outermost = width * math.cos(math.pi / 20)  # the largest of ten Chebyshev nodes
    assert np.abs(run.places).max() == pytest.approx(outermost, rel=1e-3)


def test_a_percentage_of_zero_is_refused():
    with pytest.raises(ValueError, match="base_abs"):
        follow(Adaptive(spacing="2%"), np.exp, Line(origin=0.0))


def test_places_add_to_x0_without_rounding():
    origin = 98765.4321
    run = follow(Adaptive(), np.exp, Line(scale=origin, origin=origin))
    assert [(origin + t) - origin for t in run.places.tolist()] == run.places.tolist()


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(st.just(0.0), st.floats(-10, -1e-9), st.floats(1e-9, 10)),
    st.floats(0, 3),
    st.floats(0, 3),
    st.floats(0, 3),
    st.floats(0, 3),
    st.one_of(st.just("auto"), st.just("5%"), st.floats(1e-6, 10)),
    st.integers(3, 16),
    st.booleans(),
)
def test_no_sample_is_ever_outside_domain_or_bounds(
    x0, low, high, below, above, spacing, n_points, hidden
):
    assume(min(low, below) + min(high, above) > 1e-6)
    domain = (x0 - low, x0 + high)
    assume(domain[0] < domain[1])
    line = Line(abs(x0) or 1.0, -below, above, x0)
    method = Adaptive(n_points=n_points, spacing=spacing, base_abs=0.1, domain=domain)

    def model(t):  # with a hidden wall, so that there are retreats
        return np.where(t > 0.05, np.nan, np.cos(30 * t)) if hidden else np.cos(30 * t)

    run = follow(method, model, line)
    x = x0 + run.places
    assert (x >= domain[0]).all()
    assert (x <= domain[1]).all()
    assert (run.places >= -below).all()
    assert (run.places <= above).all()


def test_a_domain_without_x0_is_refused():
    with pytest.raises(ValueError, match="`domain` must contain x0"):
        follow(Adaptive(domain=(0.0, 1.0)), np.exp, Line(origin=2.0))


@pytest.mark.parametrize("ridge", [0.0, 1e-12, 1e-10, 1e-6])
def test_what_the_ridge_takes_away_is_in_the_error(ridge):
    answer = follow(Adaptive(n_points=12, ridge=ridge), np.exp).answer
    assert abs(answer.value[0] - 1) <= answer.error[0] < max(1e-10, 1e4 * ridge)


def test_own_samples_as_offsets_or_as_values_of_x_are_the_same():
    offsets = np.array([-0.3, -0.2, -0.05, 0.1, 0.25, 0.4])
    line = Line(scale=2.0, origin=2.0)
    one = follow(Adaptive(grid=("offsets", offsets)), np.exp, line)
    other = follow(Adaptive(grid=("absolute", 2.0 + offsets)), np.exp, line)
    assert np.allclose(np.sort(one.places), np.sort(other.places), atol=1e-15)
    assert np.allclose(np.unique(one.places)[[0, 1, 2, 4, 5, 6]], offsets)
    assert abs(one.answer.value[0] - 1) <= one.answer.error[0] < 1e-2


def test_own_samples_outside_the_domain_are_left_out():
    method = Adaptive(grid=("offsets", [-2.0, -0.2, 0.1, 0.2, 0.3, 5.0]), domain=(-1.0, 1.0))
    assert follow(method, np.exp).places.tolist() == [0.0, 0.0, -0.2, 0.1, 0.2, 0.3]


def test_a_window_too_wide_for_the_function_is_narrowed():
    run = follow(Adaptive(), lambda t: np.sin(1 + 100 * t))
    exact = 100 * math.cos(1)
    assert len(run.requests) > 1
    assert abs(run.answer.value[0] - exact) <= run.answer.error[0] < 1e-4 * exact


def test_a_spacing_given_by_the_user_is_kept():
    assert len(follow(Adaptive(spacing=0.1), lambda t: np.sin(1 + 100 * t)).requests) == 1


def test_noise_lowers_the_degree_and_not_the_honesty():
    noise = np.random.default_rng(1)
    answer = follow(
        Adaptive(n_points=14), lambda t: np.exp(t) + 1e-5 * noise.standard_normal(t.size)
    ).answer
    assert answer.status is Status.NOISE_LIMITED
    assert abs(answer.value[0] - 1) <= answer.error[0] < 0.01


@pytest.mark.parametrize("wall", [0.5, 3e-2, 1e-3])
def test_beside_a_hidden_wall_the_root_comes_out_within_its_error(wall):
    answer = follow(Adaptive(), lambda t: np.sqrt(wall + t)).answer
    exact = 0.5 / math.sqrt(wall)
    assert abs(answer.value[0] - exact) <= answer.error[0] < 1e-2 * exact


BAD = [
    ({"n_points": 2}, "n_points"),
    ({"n_points": 10.5}, "n_points"),
    ({"spacing": "wide"}, "spacing"),
    ({"spacing": "-2%"}, "spacing"),
    ({"spacing": -1.0}, "spacing"),
    ({"spacing": None}, "spacing"),
    ({"base_abs": 0.0}, "base_abs"),
    ({"ridge": -1e-3}, "ridge"),
    ({"domain": (1.0, 0.0)}, "domain"),
    ({"domain": 3.0}, "domain"),
    ({"grid": [0.1, 0.2]}, "grid"),
    ({"grid": ("relative", [0.1, 0.2])}, "grid"),
    ({"grid": ("offsets", [0.1, math.nan])}, "grid"),
    ({"grid": ("offsets", [])}, "grid"),
]


@pytest.mark.parametrize(("options", "name"), BAD)
def test_a_bad_option_is_named_in_one_sentence(options, name):
    with pytest.raises(ValueError, match=f"`{name}` must be ") as caught:
        Adaptive(**options)
    assert "\n" not in str(caught.value)


def test_too_few_points_for_the_order_are_refused_before_any_call():
    with pytest.raises(ValueError, match="`n_points` must be more than the order"):
        next(Adaptive(n_points=4).solve(Line(), 4))
