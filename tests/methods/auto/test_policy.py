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
    noisy, covered = [], []
    for seed in range(60):
        random, known = np.random.default_rng(seed), {}

        def model(theta, random=random, known=known):
            smooth = 3.0 * theta[0] + np.sin(theta[0])
            return known.setdefault(theta[0], smooth + 1e-2 * random.standard_normal())

        result = CalculusKit(model, [0.0]).gradient_result()
        noisy.append(result.status[0] is Status.NOISE_LIMITED)
        covered.append(abs(result.value[0] - 4) <= result.error[0] < 1)
    assert sum(noisy) >= 58
    assert sum(covered) >= 55


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


@pytest.mark.parametrize("w", [1000.0, 2795.0, 1e4, 1e7])
def test_a_peak_at_zero_on_whose_foot_all_steps_lie_is_found(w):
    """Even where f is 0 to the bit, or too small for a normal number, at all of them."""
    model = lambda theta: math.exp(-((w * theta[0]) ** 2)) * math.sin(w * theta[0])
    result = CalculusKit(model, [0.0]).gradient_result()
    assert abs(result.value[0] - w) <= result.error[0] < 1e-9 * w


def test_a_peak_whose_foot_is_as_high_as_the_probe_moves_f_is_no_noise():
    model = lambda theta: math.exp(-((505.0 * theta[0]) ** 2)) * math.sin(505.0 * theta[0])
    result = CalculusKit(model, [0.0]).gradient_result()
    assert abs(result.value[0] - 505.0) <= result.error[0] < 1e-6


def test_a_peak_whose_slope_is_straight_on_a_ladder_is_no_tread():
    model = lambda theta: math.exp(-((475.3 * theta[0]) ** 2)) * math.sin(475.3 * theta[0])
    result = CalculusKit(model, [0.0]).gradient_result()
    assert abs(result.value[0] - 475.3) <= 3 * result.error[0] < 1e-6


@pytest.mark.parametrize("x0", [0.1035, 0.2595, 1.338, 4.0])
@pytest.mark.parametrize("wavelength", [3e-6, 2e-5, 1e-4])
def test_a_ripple_that_a_ladder_on_it_steps_over_or_hardly_resolves_is_found(x0, wavelength):
    for phase in np.linspace(0.0, 6.2, 12):
        wave = lambda x, p=phase: 0.4 * wavelength * math.sin((x - x0) / wavelength + p)
        result = CalculusKit(
            lambda theta, w=wave: math.exp(theta[0]) + w(theta[0]), [x0]
        ).gradient_result()
        off = abs(result.value[0] - math.exp(x0) - 0.4 * math.cos(phase))
        assert off <= result.error[0] < 0.05, phase


BESIDE = [0.3, 0.03, 1e-3, 1e-5]


@pytest.mark.parametrize("offset", [0.0, 3.0, -21.6])
@pytest.mark.parametrize("x0", [0.0, 1.0, -7.3])
class TestFlatOnOneSide:
    """A threshold: f is the same to the bit on one side, as far as its scale."""

    @pytest.mark.parametrize("beside", BESIDE[1:-1])
    @pytest.mark.parametrize("rise", [lambda u: u, np.tanh, lambda u: u * u, lambda u: u**1.5])
    def test_beside_it_the_derivative_is_0(self, offset, x0, beside, rise):
        model = lambda theta: offset + float(rise(max(0.0, theta[0] - x0 - beside)))
        result = CalculusKit(model, [x0]).gradient_result()
        assert result.value[0] == 0.0
        assert result.error[0] < 1e-12

    @pytest.mark.parametrize("slope", [-4.0, 1.0])
    def test_at_it_there_is_a_kink(self, offset, x0, slope):
        model = lambda theta: offset + slope * math.tanh(max(0.0, theta[0] - x0))
        with pytest.warns(UnresolvedWarning):
            result = CalculusKit(model, [x0]).gradient_result()
        assert result.status[0] is Status.KINK

    @pytest.mark.parametrize("power", [1.5, 2, 3])
    def test_at_it_a_power_above_1_is_0_or_no_claim(self, offset, x0, power):
        model = lambda theta: offset + max(0.0, x0 - theta[0]) ** power
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnresolvedWarning)
            result = CalculusKit(model, [x0]).gradient_result()
        assert abs(result.value[0]) <= result.error[0]
        assert result.error[0] < 1e-9 or not result.success

    @pytest.mark.parametrize("beside", BESIDE)
    def test_a_step_may_be_one_of_many_treads(self, offset, x0, beside):
        model = lambda theta: offset + (2.0 if theta[0] > x0 + beside else 0.0)
        with pytest.warns(UnresolvedWarning):
            result = CalculusKit(model, [x0]).gradient_result()
        assert result.status[0] is Status.TREADS


def test_a_value_that_comes_again_does_not_tell_in_what_units_f_is_kept():
    result = CalculusKit(lambda theta: np.clip(theta[0], 0.0, 1.0), [0.99]).gradient_result()
    assert abs(result.value[0] - 1.0) <= result.error[0] < 1e-6


def test_treads_on_which_f_slopes_are_noise_also_where_both_sides_seem_smooth():
    def root(x):  # of y + sinh(y) = x, by bisection; the upper end makes all values slope a little
        low, high = -20.0, 20.0 + 1e-3 * x
        while high - low > 1e-6:
            middle = 0.5 * (low + high)
            low, high = (middle, high) if middle + math.sinh(middle) < x else (low, middle)
        return 0.5 * (low + high)

    fine = []
    for x0 in np.random.default_rng(4).uniform(0.4, 3.2, 60).tolist():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnresolvedWarning)
            result = CalculusKit(lambda theta: root(theta[0]), [x0]).gradient_result()
        exact = 1.0 / (1.0 + math.cosh(root(x0)))
        fine.append(abs(result.value[0] - exact) <= min(result.error[0], 0.01))
    assert sum(fine) >= 58


def test_treads_far_from_where_f_is_huge_are_no_arithmetic():
    for x0 in (738742.8, 60595.4, 2460264.7):  # whole days; f grows beyond all bounds farther out
        model = lambda theta, x0=x0: math.exp((math.floor(theta[0]) - math.floor(x0)) / 300.0)
        result = CalculusKit(model, [x0]).gradient_result()
        assert abs(result.value[0] - 1 / 300.0) <= result.error[0] < 1e-3
