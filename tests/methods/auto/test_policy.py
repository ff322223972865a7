"""The default method's probes tell noise from what moves on finer scales, and come to an end."""

import math
import warnings

import numpy as np
import pytest

from derivkit import CalculusKit, Status, UnresolvedWarning


def test_a_second_probe_beside_the_first_is_found():
    def model(theta):  # fast, and noisy at 1e-6: the search probes twice at one depth
        seed = np.frombuffer(theta.tobytes(), dtype=np.uint32)
        noise = 1e-6 * np.random.default_rng(seed).standard_normal()
        return np.sin(30.0 * theta[0]) * (1.0 + noise)

    x = 0.972738177482267
    result = CalculusKit(model, [x]).gradient_result()
    assert abs(result.value[0] - 30.0 * np.cos(30.0 * x)) <= result.error[0] < 0.1


def test_noise_at_zero_is_taken_for_noise_also_on_a_slope():
    # half of all noisy samples lie in order with f(0) and a steep slope: no singularity
    levels = []
    for seed in range(30):
        random, known = np.random.default_rng(seed), {}

        def model(theta, random=random, known=known):
            smooth = 3.0 * theta[0] + np.sin(theta[0])
            return known.setdefault(theta[0], smooth + 1e-2 * random.standard_normal())

        result = CalculusKit(model, [0.0]).gradient_result()
        levels.append(result.status[0] is Status.NOISE_LIMITED and abs(result.value[0] - 4) < 0.2)
    assert sum(levels) >= 29


@pytest.mark.parametrize(
    "model",
    [
        lambda t: t * math.log(abs(t)) if t else 0.0,
        lambda t: math.copysign(abs(t) ** 0.1, t),
        lambda t: 1.0 / math.log(abs(t) / 10.0) if t else 0.0,
    ],
    ids=["x log x", "a tenth power", "1 / log"],
)
def test_a_singularity_at_zero_has_no_derivative_and_is_no_noise(model):
    with pytest.warns(UnresolvedWarning, match="structure finer"):
        result = CalculusKit(lambda theta: model(theta[0]), [0.0]).gradient_result()
    assert result.status[0] is Status.UNRESOLVED


def test_a_wave_whose_periods_are_all_stepped_over_is_found_by_its_slope_at_x0():
    for k, x0 in enumerate(np.random.default_rng(9).uniform(1.15e9, 1.25e9, 24).tolist()):
        period = (0.07, 2.0, 900.0)[k % 3]
        model = lambda theta, c=x0 - 3.3 * period, s=period: math.sin((theta[0] - c) / s) + 0.5
        result = CalculusKit(model, [x0]).gradient_result()
        off = abs(result.value[0] - math.cos(3.3) / period)
        assert off <= result.error[0] < 0.01 / period, (x0, period)


@pytest.mark.parametrize("distance", [5e-14, 3e-9])
@pytest.mark.parametrize("bounds", [None, [(0.0, None)]])
def test_a_pole_beside_zero_is_calm_on_a_finer_scale_and_no_noise(distance, bounds):
    model = lambda theta: 1.0 / (theta[0] + distance) if theta[0] > -distance else math.nan
    result = CalculusKit(model, [0.0], bounds=bounds).gradient_result()
    exact = -1.0 / distance**2
    assert abs(result.value[0] - exact) <= result.error[0] < 1e-3 * abs(exact)


def test_a_slope_of_nothing_within_a_tread_is_no_claim():
    """x0 lies in the middle of its tread, so that all ladders below the first lie within it."""
    with pytest.warns(UnresolvedWarning, match="treads"):
        result = CalculusKit(lambda theta: math.sin(round(theta[0], 2)), [-3.11]).gradient_result()
    assert result.status[0] is Status.TREADS


def test_a_front_in_whole_days_is_not_taken_for_noise_though_its_ends_are_flat():
    for x0 in np.random.default_rng(3).uniform(2460000.0, 2461000.0, 12).tolist():
        model = lambda theta, c=x0 - 8.0: math.tanh((math.floor(theta[0]) - c) / 40.0)
        with warnings.catch_warnings(action="ignore", category=UnresolvedWarning):
            result = CalculusKit(model, [x0]).gradient_result()
        exact = math.cosh(0.2) ** -2 / 40.0
        assert abs(result.value[0] - exact) <= 2 * result.error[0] + 40.0**-2
