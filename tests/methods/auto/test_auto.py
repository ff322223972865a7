"""The default method: right on sharp functions and in noise, and honest where it cannot be."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from derivkit import CalculusKit, Status, UnresolvedWarning
from derivkit.methods.auto.auto import Auto
from derivkit.methods.auto.ladder import both_sides, step_below, two_sided, two_sided_rungs
from derivkit.methods.protocol import BudgetSpentError, Line


def follow(f, x0, *, order=1, method=None, scale=None, **known):
    """Drive the method by hand; return its estimate, the calls beside x0, and the rounds."""
    line = Line(scale or abs(x0) or 1.0, origin=x0, scale_given=scale is not None, **known)
    solver = (method or Auto()).solve(line, order)
    asked, rounds = [], 0
    try:
        points = next(solver)
        while True:
            asked += points.tolist()
            rounds += 1
            values = np.array([np.ravel(f(x0 + t)) for t in points])
            points = solver.send(values)
    except StopIteration as stop:
        return stop.value, len(set(asked) - {0.0}), rounds


def noisy(f, level, seed=0):
    """Return f with a relative noise that is the same at the same point."""

    def model(x):
        rng = np.random.default_rng([seed, *np.array([x]).view(np.uint32).tolist()])
        return f(x) * (1 + level * rng.standard_normal())

    return model


SMOOTH = [  # f, x0, exact f'
    (np.exp, 1.0, math.e),
    (np.sin, 0.7, math.cos(0.7)),
    (np.log, 2.5, 0.4),
    (lambda x: x**-3, 1.7, -3 * 1.7**-4),
    (np.arctan, 0.4, 1 / 1.16),
    (lambda x: np.exp(-x * x), 0.9, -1.8 * math.exp(-0.81)),
]


@pytest.mark.parametrize(("f", "x0", "exact"), SMOOTH)
def test_smooth_functions_take_few_calls_and_two_rounds_at_most(f, x0, exact):
    estimate, calls, rounds = follow(f, x0)
    assert abs(estimate.value[0] / exact - 1) < 3e-13
    assert calls <= 12
    assert rounds <= 2
    assert estimate.statuses() == (Status.CONVERGED,)


def test_the_well_scaled_ones_take_eight_calls_in_one_round():
    assert [follow(f, x0)[1:] for f, x0, _ in SMOOTH].count((8, 1)) >= 4


@pytest.mark.parametrize("exponent", range(-12, 13, 3))
@pytest.mark.parametrize("order", [1, 2])
def test_the_scale_of_the_parameter_does_not_matter(exponent, order):
    s = 10.0**exponent
    estimate, _, _ = follow(lambda x: np.exp(x / s), s, order=order)
    assert abs(estimate.value[0] * s**order / math.e - 1) < 1e-11


SHARP = [  # functions that vary much faster than abs(x0) suggests
    (lambda x: np.sin(1000 * x), 1.0, 1000 * math.cos(1000.0)),
    (lambda x: np.sin(1e6 * x), 1.0, 1e6 * math.cos(1e6)),
    (np.sin, 100.0, math.cos(100.0)),
    (lambda x: np.sin(2 * np.pi * (x - 2024)), 2024.3, 2 * math.pi * math.cos(0.6 * math.pi)),
    (lambda x: np.exp(-(((x - 1) / 1e-4) ** 2)), 1.00005, -1e4 * math.exp(-0.25)),
    (np.exp, 50.0, math.exp(50.0)),
    (lambda x: 1 / x, 1e-3, -1e6),
    (lambda x: x * x + 1e-6 * np.sin(1e4 * x), 1.0, 2 + 1e-2 * math.cos(1e4)),
]


@pytest.mark.parametrize(("f", "x0", "exact"), SHARP)
def test_no_scale_is_stepped_over(f, x0, exact):
    estimate, calls, _ = follow(f, x0)
    error = abs(estimate.value[0] - exact)
    assert error <= 1e-7 * abs(exact)
    assert error <= estimate.error[0]
    assert calls <= 40


def test_x0_that_says_nothing_about_the_scale():
    for x0, s in ((0.0, 1e-3), (0.0, 1e6), (1e-12, 1.0), (1e-9, 1e-3)):
        estimate, _, _ = follow(lambda x, s=s: np.exp(x / s), x0)
        assert abs(estimate.value[0] * s / math.exp(x0 / s) - 1) < 1e-5
        assert abs(estimate.value[0] * s / math.exp(x0 / s) - 1) <= estimate.error[0] * s


@pytest.mark.parametrize(("level", "digits"), [(1e-10, 7.0), (1e-6, 3.5), (1e-3, 1.0)])
def test_noise_is_found_and_averaged(level, digits):
    errors, covered, calls = [], [], []
    for seed in range(80):
        estimate, n, _ = follow(noisy(np.exp, level, seed), 1.0)
        errors.append(abs(estimate.value[0] / math.e - 1))
        covered.append(abs(estimate.value[0] - math.e) <= estimate.error[0])
        calls.append(n)
    assert -math.log10(np.median(errors)) > digits
    assert sum(covered) >= 75  # 97 % of 80, less two deviations
    assert np.median(calls) <= 17


def test_the_level_of_the_noise_is_reported():
    found = [follow(noisy(np.exp, 1e-6, seed), 1.0)[0].noise[0] for seed in range(20)]
    assert 0.5 < np.median(found) / (1e-6 * math.e) < 2


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


def test_a_known_noise_is_believed():
    f = noisy(np.exp, 1e-6)
    told, calls, _ = follow(f, 1.0, method=Auto(noise=1e-6 * math.e))
    assert abs(told.value[0] - math.e) <= told.error[0] < 1e-3
    assert calls <= 16


def test_single_precision_is_recognised():
    estimate, calls, _ = follow(lambda x: np.float32(np.exp(np.float32(x))), 1.3)
    assert abs(estimate.value[0] - math.exp(1.3)) <= estimate.error[0] < 1e-3
    assert estimate.statuses() == (Status.NOISE_LIMITED,)
    assert calls <= 12


BROKEN = [
    (lambda x: abs(x - 1), 1.0),
    (lambda x: abs(x - 1) + x * x, 1.0),
    (lambda x: 3 * max(x - 1, 0.0) + np.sin(x), 1.0),
    (lambda x: np.sign(x - 1) + x, 1.0),
    (lambda x: (x >= 1) + x * x, 1.0),
    (np.cbrt, 0.0),
]


@pytest.mark.parametrize(("f", "x0"), BROKEN)
def test_a_kink_or_a_jump_is_no_number(f, x0):
    with pytest.warns(UnresolvedWarning, match=r"x\[0\]"):
        result = CalculusKit(lambda x: float(f(x[0])), [x0]).gradient_result()
    assert np.isinf(result.error[0])
    assert not result.status[0].resolved
    assert not result.success


def test_a_kink_beside_x0_does_no_harm():
    estimate, _, _ = follow(lambda x: abs(x - 1.001), 1.0)
    assert abs(estimate.value[0] + 1) <= estimate.error[0] < 1e-9


def domain(f, inside):
    return lambda x: f(x) if inside(x) else math.nan


WALLS = [  # f, x0, exact, bounds of t
    (domain(np.sqrt, lambda x: x >= 0), 1e-8, 0.5e4, {}),
    (lambda x: math.sqrt(x - 1) if x >= 1 else math.nan, 1 + 1e-6, None, {}),
    (domain(np.exp, lambda x: x <= 1 + 1e-4), 1.0, math.e, {}),
    (domain(np.exp, lambda x: x >= 1), 1.0, math.e, {}),
    (np.exp, 1.0, math.e, {"lower": 0.0}),
    (np.exp, 1.0, math.e, {"upper": 0.0}),
    (np.log, 1e-3, 1e3, {"lower": -1e-3}),
]


@pytest.mark.parametrize(("f", "x0", "exact", "bounds"), WALLS)
def test_walls_and_bounds_are_met_inside_the_domain(f, x0, exact, bounds):
    def guarded(x):
        t = x - x0
        assert bounds.get("lower", -math.inf) <= t <= bounds.get("upper", math.inf)
        return f(x)

    exact = 0.5 / math.sqrt(x0 - 1) if exact is None else exact
    estimate, _, _ = follow(guarded, x0, **bounds)
    error = abs(estimate.value[0] - exact)
    assert error <= 1e-8 * abs(exact)
    assert error <= estimate.error[0]


def test_the_first_steps_are_modest_and_the_reach_is_told():
    estimate, _, _ = follow(np.exp, 1.0)
    assert 0.01 < estimate.reach < 0.1


@pytest.mark.parametrize("budget", range(14))
def test_a_budget_is_never_exceeded_and_its_answer_is_honest(budget):
    for f, exact in ((np.exp, math.e), (lambda x: np.sin(30 * x), 30 * math.cos(30.0))):
        estimate, calls, _ = follow(f, 1.0, budget=budget)
        assert calls <= budget
        error = abs(estimate.value[0] - exact)
        assert error <= estimate.error[0] or math.isnan(error)


def test_more_budget_gives_smaller_errors():
    errors = [follow(np.exp, 1.0, budget=n)[0].error[0] for n in (3, 4, 6, 8)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-11


def test_a_budget_that_is_spent_in_the_middle_still_gives_an_answer():
    solver = Auto().solve(Line(1.0, origin=1.0), 1)
    points = next(solver)
    solver.send(np.sin(100 * (1 + points))[:, None])
    with pytest.raises(StopIteration) as stop:
        solver.throw(BudgetSpentError())
    assert stop.value.value.statuses() == (Status.BUDGET_SPENT,)


def test_a_loose_goal_stops_early():
    f = lambda x: np.sin(20 * x)
    tight, many, _ = follow(f, 1.0)
    loose, few, _ = follow(f, 1.0, method=Auto(rtol=1e-2))
    assert few < many
    assert loose.error[0] <= 1e-2 * abs(loose.value[0])
    assert abs(loose.value[0] - tight.value[0]) <= loose.error[0]


def test_each_output_gets_its_own_steps():
    def f(x):
        return np.array([np.exp(x), np.sin(1000 * x), 3.0, noisy(np.exp, 1e-6)(x), math.nan])

    estimate, _, _ = follow(f, 1.0)
    exact = np.array([math.e, 1000 * math.cos(1000.0), 0.0, math.e])
    assert (np.abs(estimate.value[:4] - exact) <= estimate.error[:4]).all()
    assert estimate.error[0] < 1e-11
    assert estimate.error[1] < 1e-4
    assert estimate.statuses()[4] is Status.UNDEFINED
    assert np.isinf(estimate.error[4])


def test_the_second_derivative_comes_for_no_further_call():
    estimate, _, _ = follow(np.exp, 1.0)
    value, error = estimate.also[2]
    assert abs(value[0] - math.e) <= error[0] < 1e-8
    result = CalculusKit(lambda x: math.exp(x[0]) * x[1] ** 3, [1.0, 2.0]).gradient_result()
    exact = np.array([8 * math.e, 12 * math.e])
    assert (np.abs(result.hessian_diag - exact) <= result.hessian_diag_error).all()
    assert result.nfev == 17


@pytest.mark.parametrize("order", [2, 3, 4, 5, 6])
def test_higher_orders(order):
    estimate, _, _ = follow(np.exp, 1.0, order=order)
    assert abs(estimate.value[0] - math.e) <= estimate.error[0]
    assert estimate.error[0] < 10.0 ** (2 * order - 13)


@pytest.mark.parametrize(("degree", "order"), [(1, 2), (2, 3), (3, 4)])
def test_a_derivative_that_is_zero_does_not_drive_the_steps_away(degree, order):
    counts = []
    for x0 in np.linspace(0.71, 2.9, 12):
        estimate, calls, _ = follow(lambda x: x**degree, x0, order=order)
        assert abs(estimate.value[0]) <= estimate.error[0] < 1e-7
        assert estimate.reach <= 0.5 * x0
        counts.append(calls)
    assert np.mean(counts) <= 13


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-10, 10), min_size=2, max_size=6),
    st.floats(-5, 5).filter(lambda x: x == 0 or abs(x) > 1e-3),
)
def test_polynomials_are_covered_by_their_error(coefficients, x0):
    p = np.polynomial.Polynomial(coefficients)
    estimate, _, _ = follow(p, x0)
    exact = p.deriv()(x0)
    # the last bits of the exact sum; and values near 5e-324 underflow to 0 at every sample
    slack = 1e-15 * np.abs(coefficients).sum() * max(1, abs(x0)) ** 5 + 1e-300
    assert abs(estimate.value[0] - exact) <= estimate.error[0] + slack


@settings(max_examples=30, deadline=None)
@given(st.floats(-300, 300), st.sampled_from([-1.0, 1.0]))
def test_the_amplitude_of_f_does_not_matter(exponent, sign):
    a = sign * 10.0 ** (exponent / 2)
    estimate, _, _ = follow(lambda x: a * np.sin(x), 0.7)
    assert abs(estimate.value[0] / (a * math.cos(0.7)) - 1) < 1e-12


def test_constants_cost_a_ladder_a_pair_at_the_scale_and_a_probe_and_zero_is_exact():
    constant, calls, _ = follow(lambda _: 3.0, 2.0)
    assert (constant.value[0], calls) == (0.0, 11)
    assert constant.statuses()[0] is Status.CONSTANT
    assert 1.0 < constant.reach <= 2.0
    assert 0 < constant.error[0] < 1e-13
    nothing, calls, _ = follow(lambda _: 0.0, 2.0)
    assert (nothing.value[0], nothing.error[0], calls) == (0.0, 0.0, 11)
    assert nothing.statuses()[0] is Status.CONSTANT


def test_together_is_as_one_by_one():
    def f(x):
        return math.exp(x[0]) * math.sin(50 * x[1]) / (1 + x[2] ** 2) + noisy(np.exp, 1e-8)(x[3])

    x0 = [0.3, 1.1, 20.0, 0.7]
    together = CalculusKit(f, x0).gradient_result()
    for i in range(4):
        alone, _, _ = follow(lambda t, i=i: f([*x0[:i], t, *x0[i + 1 :]]), x0[i])
        assert abs(alone.value[0] - together.value[i]) <= 0.01 * together.error[i] + 1e-15
        assert alone.statuses()[0] is together.status[i]


@pytest.mark.parametrize("power", [4, 8, 12, 20, 21, 40])
def test_a_derivative_that_is_zero_at_a_flat_minimum_is_zero_within_next_to_nothing(power):
    estimate, _, _ = follow(lambda x: x**power, 0.0)
    assert abs(estimate.value[0]) <= estimate.error[0] < 1e-17
    assert estimate.statuses()[0] is not Status.UNRESOLVED


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"rtol": -1.0}, ValueError),
        ({"rtol": "small"}, TypeError),
        ({"atol": math.nan}, ValueError),
        ({"atol": None}, TypeError),
        ({"noise": True}, TypeError),
    ],
)
def test_bad_options_are_named(options, error):
    with pytest.raises(error, match=f"`{next(iter(options))}` must be"):
        Auto(**options)


@pytest.mark.parametrize("gap", [1e-8, 1e-7, 1e-5])
def test_a_singular_wall_beside_x0_is_approached_until_the_error_is_small(gap):
    x0 = 18.24

    def model(x):
        return math.sqrt(x - (x0 - gap)) if x > x0 - gap else math.nan

    estimate, calls, _ = follow(model, x0)
    exact = 0.5 / math.sqrt(x0 - (x0 - gap))
    assert abs(estimate.value[0] - exact) <= estimate.error[0] < 1e-4 * exact
    assert calls <= 60


def test_a_box_within_the_first_ladder_is_found():
    x0 = 4.679
    estimate, _, _ = follow(lambda x: math.sin(x) if abs(x - x0) < 3e-3 else math.nan, x0)
    assert abs(estimate.value[0] - math.cos(x0)) <= estimate.error[0] < 1e-9


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("x0", [-2e-15, 1.8e-14, 5e-12, 8e-9])
def test_an_x0_that_is_nearly_zero_is_no_scale_where_f_does_not_vary_on_it(x0, order):
    estimate, calls, _ = follow(lambda x: math.exp(0.8 * x), x0, order=order)
    exact = 0.8**order * math.exp(0.8 * x0)
    assert abs(estimate.value[0] - exact) <= estimate.error[0] < 1e-7
    assert calls <= 30


def test_a_scale_of_a_millionth_is_found_through_values_of_any_size():
    with np.errstate(over="ignore"):
        estimate, _, _ = follow(lambda x: float(np.exp(4e5 * x)), 0.0)
    assert abs(estimate.value[0] - 4e5) <= estimate.error[0] < 1e-6 * 4e5


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


@pytest.mark.parametrize("x0", [0.37, 1024.5, 738025.06, 2460723.3, 1.187e9])
def test_no_place_is_sampled_twice_a_unit_of_x0_apart(x0):
    """A step that is rounded already leads to the same place on the left as one that is not."""
    for radius in (0.9 * x0, x0 * 2.0**-7, x0 * 2.0**-20):
        ladder = two_sided(radius, x0)
        rounded = [step_below(h, x0) for h in ladder[ladder > 0] * (1 + 1e-9)]
        assert both_sides(rounded, x0).tolist() == ladder.tolist()
    radii = x0 * np.array([0.9, 0.9 * 2.0**-7, *np.geomspace(1e-3, 1.0, 50)])
    bundled, _, _ = two_sided_rungs(radii, np.full(len(radii), x0))
    for ladder, radius in zip(bundled, radii.tolist(), strict=True):
        assert ladder.tolist() == two_sided(radius, x0).tolist()


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


def test_what_rounding_allows_a_window_is_told_by_the_samples_that_it_holds():
    """f is -1 far to the left; on the right it is 1e16 close to x0, and then undefined."""
    for x0 in np.random.default_rng(1).uniform(2460000.0, 2461000.0, 12).tolist():
        with np.errstate(over="ignore"):
            f = lambda x, c=x0 - 3: -1.0 - float(np.exp((math.floor(x) - c) / 17))
            estimate, _, _ = follow(f, x0)
        exact = -math.exp(3 / 17) / 17
        assert abs(estimate.value[0] - exact) <= estimate.error[0]


@pytest.mark.parametrize("wall", [1e-12, 1e-10, 1e-9])
def test_a_scale_is_bracketed_on_the_open_side_where_the_other_ends_at_a_wall(wall):
    with np.errstate(all="ignore"):
        estimate, _, _ = follow(lambda x: float(np.log(np.float64(x + wall))), 0.0)
    assert abs(estimate.value[0] * wall - 1) <= estimate.error[0] * wall < 1e-9


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


@pytest.mark.parametrize("beside", [3e-5, 3e-4, 3e-3])
def test_below_what_breaks_f_steps_do_not_grow_by_sixteen_a_round(beside):
    for x0 in (0.3, 1.7, 40.0):
        kink = x0 * (1 + beside)
        f = lambda x, k=kink, x0=x0: math.sin(x / x0) + 2 * max(x - k, 0.0) / x0
        estimate, calls, _ = follow(f, x0)
        assert abs(estimate.value[0] * x0 - math.cos(1)) <= estimate.error[0] * x0 < 1e-7
        assert calls <= 33  # 36 and more when they did


@pytest.mark.parametrize("x0", [1.0, 3.0, 67.4])
def test_a_search_beside_a_wall_goes_on_from_samples_that_are_there(x0):
    resolved = 0
    for distance in np.geomspace(1e-8, 1e-6, 12):
        wall = x0 - distance
        told, _, _ = follow(lambda x, wall=wall: np.log(x - wall) if x > wall else np.nan, x0)
        off = abs(told.value[0] * (x0 - wall) - 1.0)
        assert off <= told.error[0] * (x0 - wall)
        resolved += np.isfinite(told.error[0])
    assert resolved >= 11


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


@pytest.mark.parametrize("distance", [3e-9, 1.55e-8, 8e-8])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_wall_nearer_than_any_step_is_left_on_the_open_side(distance, side):
    """Also where the samples of a ladder are there already, and where the wall is in the way."""
    for x0 in (-2.0, 3.0, 67.4):
        wall = x0 - side * distance * abs(x0)
        for f, slope in ((math.log, 1.0), (math.sqrt, 0.5)):
            g = lambda x, f=f, w=wall: f(side * (x - w)) if side * (x - w) > 0 else math.nan
            told, _, _ = follow(g, x0)
            gap = side * (x0 - wall)
            exact = side * slope * (gap**-0.5 if f is math.sqrt else 1 / gap)
            assert abs(told.value[0] - exact) <= told.error[0] < 1e-4 * abs(exact)


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


@pytest.mark.parametrize("scale", [None, 0.01, 1.0, 30.0])
def test_a_slope_that_grows_for_ever_is_no_claim(scale):
    f = lambda x: x * math.log(x) if x > 0 else 0.0
    told, _, _ = follow(f, 0.0, scale=scale, lower=0.0)
    assert math.isinf(told.error[0])
