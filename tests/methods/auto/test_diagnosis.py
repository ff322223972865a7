"""The default method's probes tell noise from what moves on finer scales, and come to an end."""

import math
import warnings

import numpy as np
import pytest

from derivkit import CalculusKit, Status, UnresolvedWarning
from tests.methods.auto.driving import follow, noisy


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


@pytest.mark.parametrize("width", [0.05, 1e-3, 1e-5])
def test_a_narrow_ramp_between_two_plateaus_is_no_tread(width):
    for at in (0.2, 0.5, 0.9):
        model = lambda theta, at=at: 2.0 + float(np.clip((theta[0] - 3.0) / width + at, 0.0, 1.0))
        result = CalculusKit(model, [3.0]).gradient_result()
        assert abs(result.value[0] - 1 / width) <= result.error[0] < 1e-3 / width


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


def test_a_kink_beside_x0_does_no_harm():
    estimate, _, _ = follow(lambda x: abs(x - 1.001), 1.0)
    assert abs(estimate.value[0] + 1) <= estimate.error[0] < 1e-9


@pytest.mark.parametrize("x0", [6.9e-7, 9.907e-7, 1.528e-6])
def test_what_is_smooth_between_the_roundings_of_an_intermediate_result_is_noise(x0):
    """The slope of -1 / x0 within a rounding of exp(x) is not that of the function."""
    estimate, _, _ = follow(lambda x: (math.exp(x) - 1) / x, x0)
    assert abs(estimate.value[0] - 0.5) <= estimate.error[0]
    assert estimate.error[0] < 0.05 or math.isinf(estimate.error[0])


@pytest.mark.parametrize("w", [1.0, 300.0])
def test_what_is_rounded_in_a_large_sum_is_noise_on_both_sides(w):
    """fl(c - h) is off by -e where fl(c + h) is off by e: on mirrored places all noise is odd."""
    rng, covered = np.random.default_rng(3), []
    for c in 10 ** rng.uniform(2, 5, 40):
        estimate, _, _ = follow(lambda x, c=c: math.sin(c + w * x) + 2, 0.0)
        covered.append(abs(estimate.value[0] - w * math.cos(c)) <= estimate.error[0])
    assert sum(covered) >= 36  # on mirrored places 20 to 27


def test_treads_of_a_rounded_sum_are_noise_though_f_is_smooth_on_each():
    for c in (2964.0, 13258.0, 69578.0):
        estimate, _, _ = follow(lambda x, c=c: math.exp((c + 0.7 * x) - c) * (1 + 0.1 * x), 0.0)
        assert abs(estimate.value[0] - 0.8) <= estimate.error[0] < 1e-6


@pytest.mark.parametrize("w", [-5.272e6, -4.383e6, -4.5e6, 4.943e6])
def test_a_structure_is_not_called_straight_because_f_is_huge_far_from_it(w):
    with np.errstate(over="ignore"):
        estimate, _, _ = follow(lambda x: float(np.exp(w * x)), 0.0)
    assert abs(estimate.value[0] - w) <= estimate.error[0] < 1e-9 * abs(w)


def test_the_slope_within_a_tread_is_not_taken_for_that_of_f():
    """Wherever x0 lies on its tread, and though a ladder within it may reach the next."""
    for x0 in np.random.default_rng(1).uniform(0.3, 2.0, 40).tolist():
        estimate, _, _ = follow(lambda x: math.sin(3e-8 * math.floor(x / 3e-8)) + 1e-3 * x, x0)
        assert abs(estimate.value[0] - math.cos(x0) - 1e-3) <= 10 * estimate.error[0]


@pytest.mark.parametrize("ratio", [300.0, 1e4])
@pytest.mark.parametrize("x0", [0.05, 1.0, 12.0])
def test_a_bend_is_seen_though_the_derivative_of_one_side_is_lost_beside_that_of_the_other(
    x0, ratio
):
    bent = lambda u: math.exp(u) / ratio + 6 * u + max(u, 0.0) ** 2 * (2 + 0.6 * u)
    estimate, calls, _ = follow(lambda x: bent(x - x0), x0, order=2)
    assert estimate.statuses() == (Status.KINK,)
    assert math.isinf(estimate.error[0])
    assert calls <= 28  # the half-way value ± 7 % after 31 to 40, where both sides had to be told


@pytest.mark.parametrize("seed", range(3))
def test_at_the_bottom_of_a_narrow_well_the_plateau_is_no_noise(seed):
    """Far from x0 the function is flat, and x0 itself lies deep below: that is no noise of 1."""
    random = np.random.default_rng(seed)
    held = []
    for _ in range(20):
        width, level = 10 ** random.uniform(-4.5, -2.5), 10 ** random.uniform(-5, -2.5)
        bottom, u = random.uniform(0.5, 8.0), random.uniform(-0.1, 0.1)

        def model(x, bottom=bottom, width=width, level=level):
            own = np.random.default_rng(list(x.tobytes())).standard_normal()
            return -np.exp(-0.5 * ((x[0] - bottom) / width) ** 2) + level * own

        x0 = bottom + u * width
        u = (x0 - bottom) / width
        with warnings.catch_warnings(action="ignore", category=UnresolvedWarning):
            result = CalculusKit(model, [x0]).gradient_result()
        held.append(abs(result.value[0] - u * np.exp(-0.5 * u * u) / width) <= result.error[0])
    assert np.mean(held) >= 0.9


def test_of_many_waves_whose_phase_is_rounded_not_one_is_lost():
    """A chirp at 10 to 1e4 Hz against its time: each output has a scale of its own."""
    f = np.geomspace(10.0, 1e4, 201)
    psi = 0.75 * (8 * math.pi * 1.2187707886145736 * 4.925490947641267e-6 * f) ** (-5 / 3)
    wave = lambda x: f ** (-7 / 6) * np.exp(1j * (2 * math.pi * f * x[0] + psi))
    result = CalculusKit(wave, [0.0]).jacobian_result()
    slope = 2j * math.pi * f * wave([0.0])
    assert np.max(np.abs(result.value[:, 0] / slope - 1)) < 2e-3  # 1.5e-2 and more
    assert result.success


def test_whole_days_that_hide_a_fast_wave_are_not_taken_for_its_noise():
    """Treads of a day, and a wave of 19 to 250 days that the first ladder, of years, steps over."""
    for x0 in np.random.default_rng(4).uniform(738000.0, 739000.0, 12).tolist():
        for s in (3.0, 6.0, 15.0, 40.0):
            f = lambda x, c=x0 - 0.4 * s, s=s: 2 + math.sin((math.floor(x) - c) / s)
            told, _, _ = follow(f, x0)
            off = abs(told.value[0] - math.cos(0.4) / s)
            assert off <= 2 * told.error[0] + s**-2  # the curve itself is known to a day


def test_a_probe_that_hardly_moves_by_chance_sends_no_search_into_the_depths():
    f = lambda x: 4.0 + math.sin(x)
    calls = [follow(noisy(f, 1e-6, seed), 1.0)[1] for seed in range(100)]
    assert max(calls) <= 16
    assert 14 in calls  # the second probe


@pytest.mark.filterwarnings("ignore::derivkit.UnresolvedWarning")
@pytest.mark.parametrize("x0", [0.0, 1.0])
@pytest.mark.parametrize("at_x0", [0.0, 0.5, 1.0])
def test_a_step_from_one_constant_to_another_is_a_jump_and_no_noise(x0, at_x0):
    result = CalculusKit(lambda x: np.heaviside(x[0] - x0, at_x0), [x0]).gradient_result()
    assert result.status[0] is Status.JUMP
    assert result.error[0] == math.inf


@pytest.mark.parametrize(("x0", "slope"), [(0.0, 1e8), (0.0, 1e40), (1.0, 1e4), (1.0, 1e12)])
def test_what_rises_between_two_constants_is_no_step(x0, slope):
    result = CalculusKit(lambda x: np.tanh(slope * (x[0] - x0)), [x0]).gradient_result()
    assert abs(result.value[0] - slope) <= result.error[0] < 0.01 * slope
