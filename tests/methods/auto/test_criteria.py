"""What fits and samples are evidence of: each rule on the values that it decides about."""

import dataclasses
import math

import numpy as np
import pytest

from derivkit.methods.auto import criteria
from derivkit.methods.auto.criteria import (
    Goal,
    compare_sides,
    content,
    loose,
    noise_rules,
    precisions,
    unexplained,
    visible,
)
from derivkit.methods.auto.ladder import two_sided
from derivkit.methods.fit.samples import Columns
from derivkit.methods.fit.window import EPS, Finding, Noise, WindowFit, judge

BEST = Goal(None, 0.0)
FLOOR = 1e-16


def finding(**known):
    """Return a verdict on one output that is as good as rounding allows, but for what is given."""
    plain = {
        "value": 1.0,
        "error": 1e-13,
        "noise_part": 1e-13,
        "truncation_part": 0.0,
        "sigma": FLOOR,
        "dof": 5.0,
        "floor": FLOOR,
        "rate": 0.01,
        "misfit": FLOOR,
        "fall": 0.01,
        "size": 1.0,
        "radius": 0.1,
        "sides": 0,
    }
    return Finding(**plain | known)


def verdict(**known):
    """Return the same as a verdict (1,)."""
    t = np.append(0.0, two_sided(0.1, 0.0))
    t.sort()
    plain = judge(t, np.exp(t)[:, None], 1, 0.0)
    each = {name: np.array([x]) for name, x in finding(**known)._asdict().items()}
    return dataclasses.replace(plain, **each)


def samples(f, radius=0.1, x0=0.0):
    """Return places in ascending order, and f (m, 1) there."""
    t = np.sort(np.append(0.0, two_sided(radius, x0)))
    return t, np.array([[float(f(x0 + step))] for step in t])


# -- content ---------------------------------------------------------------------------------


def test_an_error_at_the_level_of_rounding_is_worth_no_further_calls():
    assert content(verdict(), BEST, 1)[0]
    assert not content(verdict(error=1e-6), BEST, 1)[0]


@pytest.mark.parametrize(("goal", "enough"), [(Goal(1e-3, 0.0), 1e-3), (Goal(None, 1e-5), 1e-5)])
def test_the_error_that_the_user_asked_for_is_enough(goal, enough):
    assert content(verdict(error=0.9 * enough, misfit=1.0, rate=1.0), goal, 1)[0]
    assert not content(verdict(error=1.1 * enough, misfit=1.0, rate=1.0), goal, 1)[0]


def test_of_two_goals_the_looser_one_is_enough():
    assert content(verdict(error=1e-4), Goal(1e-6, 1e-3), 1)[0]
    assert content(verdict(error=1e-4), Goal(1e-3, 1e-6), 1)[0]
    assert not content(verdict(error=1e-4), Goal(1e-6, 1e-5), 1)[0]


def test_noise_that_is_settled_is_worth_fewer_calls_than_truncation():
    """Going down is safe and gains nine powers of two; going up is not, and gains one."""
    by_truncation = {"error": 1e-10, "noise_part": 1e-12, "truncation_part": 1e-10}
    by_noise = {"error": 1e-10, "noise_part": 1e-10, "truncation_part": 1e-12}
    assert not content(verdict(**by_truncation), BEST, 1)[0]
    assert content(verdict(**by_noise), BEST, 1)[0]


@pytest.mark.parametrize(
    ("limit", "parts"),
    [
        (criteria.TIGHT, {"noise_part": 0.0, "truncation_part": 1.0}),
        (criteria.LOOSE, {"noise_part": 1.0, "truncation_part": 0.0}),
    ],
)
@pytest.mark.parametrize("size", [1e-5, 1.0, 1e5])
def test_an_error_is_small_beside_the_size_of_the_derivative(limit, parts, size):
    for part, enough in ((0.9, True), (1.1, False)):
        error = part * limit * size
        parts = {name: error * bool(share) for name, share in parts.items()}
        assert content(verdict(error=error, size=size, **parts), BEST, 1)[0] == enough


def test_arithmetic_that_magnifies_rounding_is_not_chased_but_noise_of_a_model_is():
    small = {"error": 1e-9 / 2, "noise_part": 1e-9 / 2}
    assert content(verdict(**small, sigma=900 * FLOOR, rate=0.1), BEST, 1)[0]
    assert not content(verdict(**small, sigma=1100 * FLOOR, rate=0.1), BEST, 1)[0]


@pytest.mark.parametrize("order", [2, 3])
def test_each_further_order_may_lose_a_factor_thirty_to_rounding(order):
    assert loose(order) == pytest.approx(30 * loose(order - 1))
    error = 0.9 * loose(order)
    assert content(verdict(error=error, noise_part=error), BEST, order)[0]
    assert not content(verdict(error=error, noise_part=error), BEST, order - 1)[0]


def test_no_order_is_content_with_an_error_above_a_thousandth():
    assert not content(verdict(error=2e-3, noise_part=2e-3), BEST, 9)[0]
    assert content(verdict(error=9e-4, noise_part=9e-4), BEST, 9)[0]


def test_what_parity_hides_from_the_error_keeps_an_output_open():
    """The second derivative of x abs(x) at 0 is an even part, which is 0: the error is, too."""
    assert not content(verdict(misfit=1e-6, rate=0.31), BEST, 2)[0]
    assert content(verdict(misfit=1e-6, rate=0.29), BEST, 2)[0]  # it falls
    assert content(verdict(misfit=20 * FLOOR, rate=0.9), BEST, 2)[0]  # it is rounding


def test_an_output_that_does_not_move_is_never_content():
    t, f = samples(lambda _: 0.0)
    assert not content(judge(t, f, 1, 0.0), Goal(None, -1.0), 1)[0]


# -- noise or structure ----------------------------------------------------------------------


def test_what_stands_thirty_times_above_rounding_is_visible():
    assert not visible(finding(sigma=29 * FLOOR))
    assert visible(finding(sigma=31 * FLOOR))


def test_coefficients_that_stand_above_rounding_and_hardly_fall_are_unexplained():
    high = {"misfit": 1e-6, "rate": 0.5}
    assert unexplained(finding(**high), 0.3)
    assert not unexplained(finding(**high), 0.7)
    assert not unexplained(finding(misfit=10 * FLOOR, rate=0.9), 0.3)


def test_coefficients_that_fell_far_and_are_level_at_the_end_are_unexplained_where_noise_rules():
    level = {"misfit": 1e-6, "rate": 0.1, "fall": 0.9}
    assert unexplained(finding(**level, noise_part=1e-6, truncation_part=1e-7), 0.3)
    assert not unexplained(finding(**level, noise_part=1e-7, truncation_part=1e-6), 0.3)
    assert not unexplained(finding(**level | {"fall": 0.3}, noise_part=1.0), 0.3)


def test_wider_steps_help_where_what_is_left_is_rounding_or_known_to_be_noise():
    by_noise = {"noise_part": 1e-3, "truncation_part": 2e-3}
    by_truncation = {"noise_part": 1e-3, "truncation_part": 4e-3}
    for known, sigma in ((True, 1.0), (False, FLOOR)):
        assert noise_rules(finding(**by_noise, sigma=sigma), known=known)
        assert not noise_rules(finding(**by_truncation, sigma=sigma), known=known)
    assert not noise_rules(finding(**by_noise, sigma=1.0), known=False)  # structure


# -- units ----------------------------------------------------------------------------------


VALUES = np.exp(np.linspace(0.1, 1.9, 9))


def precision(f):
    """Return the unit of the values of one output."""
    return precisions(f[:, None])[0]


def test_the_units_of_many_outputs_are_those_of_each():
    printed, coarse = np.round(1e3 * VALUES, 2), VALUES.astype(np.float32).astype(float)
    zeros, few = np.zeros(len(VALUES)), np.round(VALUES, 1)
    f = np.column_stack([VALUES, printed, coarse, zeros, few, -printed, 1e-30 * coarse])
    assert precisions(f).tolist() == [precision(column) for column in f.T]


def test_the_unit_in_which_values_are_kept_is_told_by_their_bits():
    assert precision(VALUES) == EPS
    single = precision(VALUES.astype(np.float32).astype(float))
    assert 2.0**-26 < single < 2.0**-22


@pytest.mark.parametrize("decimals", [2, 5, 9, 12])
def test_the_unit_of_printed_numbers_is_their_last_decimal(decimals):
    printed = np.round(VALUES, decimals)
    assert precision(printed) == pytest.approx(10.0**-decimals / printed.max())
    thousands = np.round(1e6 * VALUES, decimals - 6)
    assert precision(thousands) == pytest.approx(10.0 ** (6 - decimals) / thousands.max())


def test_numbers_printed_with_all_their_digits_are_as_good_as_binary_ones():
    assert precision(np.round(VALUES, 15)) == EPS


def test_few_values_or_values_without_digits_tell_no_unit():
    assert precision(np.round(VALUES[: criteria.ENOUGH_VALUES - 1], 2)) == EPS
    assert precision(np.round(VALUES[: criteria.ENOUGH_VALUES], 2)) > EPS
    assert precision(2.0 ** np.arange(-4.0, 5.0)) == EPS
    assert precision(np.append(np.zeros(20), 1.0)) == EPS


def test_values_that_lost_a_few_bits_are_as_good_as_others():
    """Sums of what is of one size lose some: that is rounding, not a unit."""
    assert precision((VALUES + 64.0) - 64.0) == EPS
    assert precision((VALUES + 2.0**20) - 2.0**20) > EPS


# -- two sides -------------------------------------------------------------------------------


def told(f, order=1, *, radius=0.0, noise=None, eps=EPS, reach=0.1):
    t, values = samples(f, reach)
    known = None if noise is None else Noise(np.array([noise]), np.array([5.0]))
    (found,) = compare_sides([Columns(t, values, 0.0)], [radius], order, np.array([eps]), known)
    return found


def many_samples(f, order=1):
    """Return what both sides say on the samples of three ladders."""
    t = np.unique(np.concatenate([[0.0], *(two_sided(0.1 * 2.0**-k, 0.0) for k in range(5))]))
    values = np.array([[float(f(step))] for step in t])
    return compare_sides([Columns(t, values, 0.0)], [0.0], order, np.array([EPS]), None)[0]


def test_a_kink_is_two_smooth_sides_whose_slopes_contradict_each_other():
    found = many_samples(lambda x: abs(x) + math.exp(x))
    assert found.smooth == (True, True)
    assert found.order == 1
    assert np.allclose(found.values, [0.0, 2.0], atol=1e-6)
    assert found.contradict
    assert not found.jumps


def test_a_jump_is_two_smooth_sides_of_which_one_does_not_lead_to_x0():
    found = many_samples(lambda x: (x > 0) + math.exp(x))
    assert found.contradict
    assert found.jumps


def test_the_lowest_derivative_that_differs_is_told():
    bent = many_samples(lambda x: abs(x) + math.exp(x), 2)
    assert bent.order == 1
    curved = many_samples(lambda x: x * abs(x) + math.exp(x), 2)
    assert curved.order == 2
    assert np.allclose(curved.values, [-1.0, 3.0], atol=1e-3)
    assert curved.contradict


@pytest.mark.parametrize("f", [math.exp, lambda x: math.sin(300 * x)])
def test_a_function_without_a_break_has_no_sides(f):
    found = many_samples(f)
    assert not found.contradict
    assert not found.jumps


def test_noise_makes_no_side_smooth():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = many_samples(lambda x, r=rng: math.exp(x) + 1e-3 * r.standard_normal())
        assert not found.contradict


def test_sides_with_too_few_samples_say_nothing():
    t = np.array([-0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4])
    line = Columns(t, np.exp(t)[:, None], 0.0)
    assert compare_sides([line], [0.0], 1, np.array([EPS]), None) == [None]
    assert told(math.exp) is not None
    assert told(math.exp, 3) is None  # of order + 2 samples at least


def test_the_narrowest_window_from_the_radius_outwards_is_compared():
    """Beyond the kink at 0.1 f is another, which a window of its radius does not know of."""
    f = lambda x: abs(x) + math.exp(x) + 7.0 * max(x - 0.1, 0.0)
    t = np.unique(np.concatenate([[0.0], *(two_sided(0.8 * 2.0**-k, 0.0) for k in range(8))]))
    values = np.array([[f(step)] for step in t])
    near, far = (
        compare_sides([Columns(t, values, 0.0)], [radius], 1, np.array([EPS]), None)[0]
        for radius in (0.0, 0.5)
    )
    assert near.smooth == (True, True)
    assert far.smooth == (True, False)


def test_the_depth_is_where_rounding_leaves_three_digits_of_the_difference():
    one, tenfold = (many_samples(lambda x, a=a: a * abs(x) + math.cos(x)) for a in (1.0, 10.0))
    assert 1e-12 < one.depth < 1e-9
    assert one.depth / tenfold.depth == pytest.approx(10, rel=0.5)
    noisy = told(lambda x: abs(x) + math.cos(x), noise=1e-9)
    assert noisy.depth > 1e5 * one.depth


LEFT_OVER = finding(misfit=1.0, sigma=1.0)
"""A fit through both sides that leaves far more than rounding."""


def concluded(*fits, joint=LEFT_OVER, noise=None):
    columns = lambda v: WindowFit(*(np.array([each]) for each in v))
    several = criteria._Fits.of([[columns(v) for v in two] for two in fits])
    level = None if noise is None else np.array([noise])
    return next(iter(criteria._concluded(several, columns(joint), level)))


def sides(left, right, error=0.01, **known):
    return tuple(finding(value=v, error=error, size=1.0, **known) for v in (left, right))


def test_sides_contradict_each_other_by_three_times_the_errors_of_both():
    same = sides(0.0, 0.0)
    assert concluded(same, sides(1.0, 1.061)).contradict
    assert not concluded(same, sides(1.0, 1.059)).contradict
    assert concluded(sides(1.0, 1.061), same).contradict  # a jump
    assert concluded(sides(1.0, 1.061), same).jumps


def test_a_side_is_smooth_if_its_fit_leaves_thirty_times_less_and_has_an_error_below_a_tenth():
    same = sides(0.0, 0.0)
    assert concluded(same, sides(0, 1, sigma=1 / 31)).smooth == (True, True)
    assert concluded(same, sides(0, 1, sigma=1 / 29)).smooth == (False, False)
    assert concluded(same, sides(0, 1, error=0.09)).smooth == (True, True)
    assert concluded(same, sides(0, 9, error=0.11)).smooth == (False, False)
    explained = finding(misfit=29 * FLOOR, sigma=29 * FLOOR)
    assert concluded(same, sides(0, 1, sigma=0.0), joint=explained).smooth == (False, False)


def test_beside_a_large_derivative_a_small_one_need_not_be_known_well():
    large, small = sides(10.0, 0.1, error=0.2)
    assert concluded(sides(0.0, 0.0), (large, small)).smooth == (False, False)
    assert concluded(sides(0.0, 0.0), (large, small)).contradict
    vague = sides(10.0, 0.1, error=0.6)
    assert not concluded(sides(0.0, 0.0), vague).contradict


def test_the_depth_follows_the_noise_where_that_is_known():
    fits = sides(0.0, 0.0), sides(0.0, 1.0)
    assert concluded(*fits, noise=1e-9).depth == pytest.approx(1e-4)
    assert concluded(*fits).depth == pytest.approx(1e5 * FLOOR)
    bent = sides(0.0, 0.0), sides(0.0, 0.0), sides(0.0, 1.0)
    assert concluded(*bent, noise=1e-10).depth == pytest.approx(1e-2)
    vague = sides(0.0, 0.0), sides(0.0, 0.0, error=1.0)
    assert concluded(*vague).depth == 0.0
