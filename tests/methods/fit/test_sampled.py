"""From samples to an estimate: grains, two faces, what noise would have to explain, statuses."""

import math
from dataclasses import replace

import numpy as np
import pytest

from derivkit.methods.fit.sampled import (
    Fit,
    FitQuestion,
    Sampled,
    conclude,
    grains,
    granular,
    sampled,
    two_faced,
    unexplained,
)
from derivkit.methods.protocol import Line
from derivkit.status import Status

UNIT = tuple(np.linspace(-1, 1, 11).tolist())
PLACES = np.array(UNIT)


def test_samples_are_asked_for_with_x0_first_and_once():
    course = sampled(np.array([-0.2, 0.0, 0.1]))
    assert next(course).tolist() == [0.0, -0.2, 0.1]
    with pytest.raises(StopIteration) as stop:
        course.send(np.array([[1.0, np.nan], [np.nan, 2.0], [3.0, 3.0]]))
    got = stop.value.value
    assert got.defined.tolist() == [True, False]
    assert got.undefined_places.tolist() == [False, True, False]
    assert got.reach == 0.2
    assert not got.constant
    assert not got.one_sided


@pytest.mark.parametrize(
    ("function", "grain"),
    [
        (np.exp, 0.0),
        (lambda t: np.round(np.exp(t / 3), 1), 0.1),
        (lambda t: np.round(4 * t) / 4, 0.25),
        (lambda t: np.full_like(t, 3.0), 0.0),
        (lambda t: t * t, 0.0),  # the same on both sides, but not twice on one
        (lambda t: np.maximum(t, 0.0), 0.2),
    ],
)
def test_a_value_that_repeats_on_one_side_shows_the_grain(function, grain):
    assert grains(PLACES, function(PLACES)[:, None])[0] == pytest.approx(grain)


def test_outputs_each_have_their_own_grain():
    values = np.stack([np.exp(PLACES), np.round(np.exp(PLACES), 1)], axis=1)
    assert grains(PLACES, values).tolist() == [0.0, pytest.approx(0.1)]


def faces(radius, values, order, value=0.0, error=np.inf):
    """Return which outputs have two faces; the whole window says nothing unless told."""
    q = values.shape[1]
    claim = np.full(q, value), np.full(q, error)
    return two_faced(
        UNIT, np.full(q, radius), values, order, np.zeros(q), *claim, np.full(q, 1e-16)
    )


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("ratio", [-1.0, 0.0, 0.9, 2.0, 100.0])
def test_a_bend_has_two_faces_whatever_the_ratio_of_its_sides(order, ratio):
    t = 0.1 * PLACES
    bent = np.where(t < 0, 1.0, ratio) * t**order + np.sin(t)
    assert faces(0.1, bent[:, None], order).all()


@pytest.mark.parametrize("level", [0.0, 1e-9, 1e-3])
def test_smooth_and_noisy_functions_have_one_face(level):
    noise = level * np.random.default_rng(3).standard_normal((11, 500))
    values = np.exp(PLACES)[:, None] + noise
    assert faces(1.0, values, 1).mean() <= 0.01


def test_a_value_that_neither_side_shares_has_two_faces():
    t = 0.1 * PLACES
    smooth_slope = np.where(t < 0, 0.0, t * t) + np.sin(t)  # f' = 1 on both sides, f'' jumps
    assert faces(0.1, smooth_slope[:, None], 1, value=1.02, error=1e-6).all()
    assert not faces(0.1, smooth_slope[:, None], 1, value=1.0, error=1e-6).any()


def test_values_that_no_polynomial_explains_are_told():
    rng = np.random.default_rng(1)
    noise, rounding = rng.standard_normal((11, 200)), np.full(200, 1e-16)
    assert unexplained(UNIT, noise, 1, rounding).mean() > 0.9
    assert unexplained(UNIT, np.exp(PLACES)[:, None] + 0.1 * noise, 1, rounding).mean() < 0.05
    assert not unexplained(UNIT, 1e-16 * noise, 1, rounding).any()
    assert not unexplained(UNIT, np.sin(3 * PLACES)[:, None], 1, rounding[:1]).any()


def two_sided(outputs):
    t = np.array([0.0, -0.1, 0.2])
    return Sampled(t, np.ones((3, outputs)), np.ones(outputs, dtype=bool))


def fit(**changed):
    parts = {"value": 1.0, "truncation": 1e-9, "carried": 1e-9, "sigma": 1e-16, "floor": 1e-16}
    parts |= changed
    unresolved = np.array([parts.pop("unresolved", False)])
    return Fit.of(**{k: np.array([v]) for k, v in parts.items()}, unresolved=unresolved)


@pytest.mark.parametrize(
    ("found", "options", "status"),
    [
        (fit(), {}, Status.CONVERGED),
        (fit(), {"one_sided": True}, Status.ONE_SIDED),
        (fit(), {"spent": True}, Status.BUDGET_SPENT),
        (fit(sigma=1e-9), {}, Status.NOISE_LIMITED),
        (fit(sigma=1e-9, truncation=1e-6), {}, Status.CONVERGED),
        (fit(unresolved=True), {}, Status.UNRESOLVED),
        (fit(value=math.nan), {}, Status.UNRESOLVED),
    ],
)
def test_a_status_follows_from_the_parts_of_the_error(found, options, status):
    answer = conclude(two_sided(1), found, **options)
    assert answer.statuses() == (status,)
    assert answer.finite_bound[0] == found.truncation[0] + found.carried[0]
    assert answer.noise_error[0] == found.carried[0]
    assert (answer.error[0] == np.inf) == (status is Status.UNRESOLVED)


def test_an_output_undefined_at_x0_is_nan_and_inf_and_the_others_stand():
    both = Fit(*(np.repeat(part, 2) for part in fit()))
    samples = replace(two_sided(2), defined=np.array([True, False]))
    answer = conclude(samples, both)
    assert answer.statuses() == (Status.CONVERGED, Status.UNDEFINED)
    assert np.isnan(answer.value).tolist() == [False, True]
    assert answer.error.tolist() == [2e-9, np.inf]


def question(k, outputs=2):
    line = Line(scale=2.0 ** (k % 3), origin=0.5 * k)
    t = 2.0 ** (k % 3) * np.array([0.0, -4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0]) / 16
    values = np.exp(np.sin(t[:, None] * np.arange(1.0, outputs + 1)) + 0.1 * k)
    return FitQuestion(Sampled(t, values, np.ones(outputs, dtype=bool)), 1, line)


def test_questions_of_a_kind_are_answered_together_to_the_bit_as_alone():
    alike = [question(k) for k in range(12)]
    assert len({one.kind for one in alike}) == 1
    for one, shared in zip(alike, alike[0].answered(alike), strict=True):
        [alone] = one.answered([one])
        assert [part.tobytes() for part in alone] == [part.tobytes() for part in shared]


def test_questions_that_differ_in_shape_are_of_different_kinds():
    one = question(0)
    assert one.kind != one._replace(order=2).kind
    assert one.kind != one._replace(degree=5).kind
    assert one.kind != question(0, outputs=3).kind


def test_the_rounding_of_places_is_in_the_error():
    line = Line(scale=1e3, origin=1e3 + 1 / 3)
    t = np.concatenate([[0.0], 1e-9 * PLACES[PLACES != 0]])
    values = np.exp((line.origin + t) / 1e3)[:, None]  # at the places that floating point makes
    asked = FitQuestion(Sampled(t, values, np.ones(1, dtype=bool)), 1, line, degree=10)
    assert asked.origin == line.origin
    [found] = asked.answered([asked])
    assert abs(found.value[0] - math.exp(line.origin / 1e3) / 1e3) <= found.bar[0]
    assert found.bar[0] > 1e-8


def test_values_that_repeat_on_one_side_move_in_grains_but_mirrored_ones_do_not():
    t = np.array([-0.2, -0.1, 0.0, 0.1, 0.2])
    f = np.column_stack([t * t, np.round(t, 0), np.abs(t), np.exp(t)])
    assert granular(t, f).tolist() == [False, True, False, False]
    assert granular(t[2:], f[2:]).tolist() == [False, True, False, False]
    assert granular(-t[:3][::-1], f[:3][::-1]).tolist() == [False, True, False, False]
