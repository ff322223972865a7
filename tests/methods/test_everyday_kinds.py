"""What everyday models do to the methods that sample: treads, bends, walls at x0, aliases."""

import math

import numpy as np
import pytest

from derivkit.methods import Adaptive, Finite, Fornberg, LocalPolynomial
from derivkit.methods.protocol import Line
from derivkit.status import Status
from derivkit.testing import follow

WIDENING = [Finite(), Finite(extrapolation="ridders"), Adaptive()]
LOOKING_CLOSER = WIDENING[1:]
ALL = [*WIDENING, Fornberg(), LocalPolynomial()]


def claimed(answer):
    return answer.statuses()[0].resolved and math.isfinite(answer.error[0])


@pytest.mark.parametrize("method", LOOKING_CLOSER, ids=str)
@pytest.mark.parametrize("origin", [0.3, 0.52, 0.61])
def test_a_tread_wider_than_the_first_samples_is_left(method, origin):
    x0 = 3.0 + origin

    def in_whole_tenths(t):
        return np.sin(np.round((x0 + t) * 2.5) / 2.5)

    answer = follow(method, in_whole_tenths, Line(scale=x0, origin=x0)).answer
    assert answer.value[0] != 0 or not claimed(answer)
    if claimed(answer):
        assert abs(answer.value[0] - math.cos(x0)) <= answer.error[0]


@pytest.mark.parametrize("method", WIDENING, ids=str)
def test_a_constant_is_0_after_one_wider_look(method):
    run = follow(method, lambda t: np.full_like(t, 2.5))
    assert run.answer.value[0] == 0
    assert run.answer.error[0] < 1e-12
    assert len(run.requests) == 2


@pytest.mark.parametrize("method", WIDENING, ids=str)
def test_a_wall_in_the_wider_look_costs_nothing(method):
    answer = follow(method, lambda t: np.where(np.abs(t) > 0.2, np.nan, 2.5)).answer
    assert answer.value[0] == 0
    assert claimed(answer)


@pytest.mark.parametrize(
    "method", [*ALL, Finite(num_points=7, extrapolation="richardson")], ids=str
)
@pytest.mark.parametrize("digits", [4, 6])
def test_printed_digits_are_noise(method, digits):
    def printed(t):
        return np.array([float(f"%.{digits}g" % v) for v in np.exp(t / 3)])

    answer = follow(method, printed, Line(scale=3.0)).answer
    assert abs(answer.value[0] - 1 / 3) <= answer.error[0] < 0.4


@pytest.mark.parametrize("method", LOOKING_CLOSER, ids=str)
@pytest.mark.parametrize("ratio", [-1.0, 0.0, 0.5, 2.0, 50.0])
@pytest.mark.parametrize("order", [1, 2])
def test_a_bend_at_x0_is_unresolved_whatever_the_ratio_of_its_sides(method, ratio, order):
    def bent(t):
        return np.cos(1 + t) + np.where(t < 0, 1.0, ratio) * t**order

    answer = follow(method, bent, order=order).answer
    assert not claimed(answer)
    assert answer.finite_bound[0] > 0


@pytest.mark.parametrize("method", LOOKING_CLOSER, ids=str)
def test_a_bend_of_the_second_derivative_does_not_spoil_the_first_in_silence(method):
    answer = follow(method, lambda t: np.sin(1 + t) + np.maximum(t, 0.0) ** 2).answer
    assert not claimed(answer) or abs(answer.value[0] - math.cos(1)) <= answer.error[0]


def test_windows_that_never_come_to_agree_are_unresolved():
    def entropy(t):  # an infinite slope at the bound: each narrower window finds a larger one
        return np.where(t > 0, t * np.log(np.maximum(t, 1e-300)), 0.0)

    answer = follow(Adaptive(), entropy, Line(lower=0.0)).answer
    assert answer.statuses() == (Status.UNRESOLVED,)


@pytest.mark.parametrize("method", LOOKING_CLOSER, ids=str)
def test_a_wave_far_finer_than_the_samples_is_not_claimed(method):
    origin = 1.187e9
    places = [origin + k * 7.3e6 for k in range(12)]
    claims = [
        follow(method, lambda t, x=x: np.sin(0.5 + t), Line(scale=x, origin=x)).answer
        for x in places
    ]
    silent = [a for a in claims if claimed(a) and abs(a.value[0] - math.cos(0.5)) > a.error[0]]
    assert len(silent) <= 2


def test_a_kink_in_one_output_leaves_the_others_alone():
    def outputs(t):
        return np.stack([np.exp(t), np.exp(t) + np.abs(t), np.sin(t)], axis=1)

    answer = follow(Adaptive(), outputs).answer
    resolved = [status.resolved for status in answer.statuses()]
    assert resolved == [True, False, True]
    assert np.allclose(answer.value[[0, 2]], 1, atol=1e-6)
