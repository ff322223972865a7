"""What is said of one output: value, error, its parts, and the status."""

import math

import numpy as np
import pytest

from derivkit import Status
from tests.methods.auto.driving import follow, noisy


def test_the_part_of_the_error_that_is_noise_is_told():
    quiet, rough = (follow(f, 1.0)[0] for f in (np.exp, noisy(np.exp, 1e-6)))
    assert 0 < rough.noise_error[0] <= rough.error[0] == rough.finite_bound[0]
    assert rough.noise_error[0] > 1e3 * quiet.noise_error[0]


def test_beside_an_infinite_error_stands_a_bound_that_holds_both_slopes_of_a_kink():
    estimate, _, _ = follow(lambda x: 3 * max(x - 1, 0.0) + math.sin(x), 1.0)
    assert np.isinf(estimate.error[0])
    slopes = np.array([math.cos(1.0), 3 + math.cos(1.0)])
    assert (np.abs(slopes - estimate.value[0]) <= estimate.finite_bound[0]).all()
    assert estimate.finite_bound[0] < 10


@pytest.mark.parametrize("power", [4, 8, 12, 20, 21, 40])
def test_a_derivative_that_is_zero_at_a_flat_minimum_is_zero_within_next_to_nothing(power):
    estimate, _, _ = follow(lambda x: x**power, 0.0)
    assert abs(estimate.value[0]) <= estimate.error[0] < 1e-17
    assert estimate.statuses()[0] is not Status.UNRESOLVED


def test_what_rounding_allows_a_window_is_told_by_the_samples_that_it_holds():
    """f is -1 far to the left; on the right it is 1e16 close to x0, and then undefined."""
    for x0 in np.random.default_rng(1).uniform(2460000.0, 2461000.0, 12).tolist():
        with np.errstate(over="ignore"):
            f = lambda x, c=x0 - 3: -1.0 - float(np.exp((math.floor(x) - c) / 17))
            estimate, _, _ = follow(f, x0)
        exact = -math.exp(3 / 17) / 17
        assert abs(estimate.value[0] - exact) <= estimate.error[0]


@pytest.mark.parametrize("x0", [9.1e-31, 1e-14, 3e-9])
def test_a_tiny_x0_on_which_f_varies_is_a_scale_for_a_second_derivative_of_0(x0):
    estimate, _, _ = follow(lambda x: 7.0 * x, x0, order=2)
    assert estimate.statuses()[0] is not Status.LOST_IN_ROUNDING
    assert 0 < estimate.error[0] < 1e-9 * 7.0 / x0


def test_what_single_precision_does_to_a_derivative_of_0_is_not_lost_in_rounding():
    for x0 in (0.31, 2.3, 56.0):
        f = lambda x: float(np.float32(1.7) * np.float32(x))
        estimate, _, _ = follow(f, x0, order=2)
        assert abs(estimate.value[0]) <= estimate.error[0] < 1e-3 * 1.7 / x0


@pytest.mark.parametrize("scale", [None, 0.01, 1.0, 30.0])
def test_a_slope_that_grows_for_ever_is_no_claim(scale):
    f = lambda x: x * math.log(x) if x > 0 else 0.0
    told, _, _ = follow(f, 0.0, scale=scale, lower=0.0)
    assert math.isinf(told.error[0])
