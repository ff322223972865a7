"""Where the next samples go: inside the domain, as far as the error calls for, and no farther."""

import math

import numpy as np
import pytest

from derivkit.methods.auto import moves
from derivkit.methods.auto.criteria import BALANCE, loose
from derivkit.methods.auto.ladder import one_sided, two_sided
from derivkit.methods.auto.moves import (
    above,
    below,
    first_radius,
    ladder,
    likely_after,
    towards_walls,
)
from derivkit.methods.fit.samples import Samples
from derivkit.methods.fit.window import Finding
from derivkit.methods.protocol import Line


def column(t, f=math.exp):
    """Return one output, sampled at the places and at 0; undefined where f is nan."""
    samples = Samples()
    t = np.append(0.0, t)
    samples.add(t, np.array([[float(f(step))] for step in t]))
    return samples.column(0)


def finding(radius, *, error, noise_part=None, sigma=1e-16, floor=1e-16, size=1.0):
    noise_part = error if noise_part is None else noise_part
    parts = (noise_part, error - noise_part)
    return Finding(1.0, error, *parts, sigma, 5.0, floor, 0.1, 0.0, 0.1, size, radius, 0)


def reach(t):
    return float(np.max(np.abs(t), initial=0.0))


def walled(low, high):
    return lambda t: math.exp(t) if -low < t < high else math.nan


# -- ladders that fit ------------------------------------------------------------------------


def test_the_first_ladder_is_the_wider_the_higher_the_order_and_the_same_above_the_last():
    radii = [first_radius(order) for order in range(20)]
    assert radii == sorted(radii)
    assert radii[12] == radii[19] == 0.75


def test_a_ladder_has_two_sides_where_there_is_room_on_both():
    c = column(two_sided(0.1, 0.0))
    assert ladder(Line(), c, 0.5).tolist() == two_sided(0.5, 0.0).tolist()
    assert ladder(Line(lower=-0.5), c, 0.5).tolist() == two_sided(0.5, 0.0).tolist()


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_ladder_goes_to_the_wider_side_where_a_bound_or_a_wall_is_in_the_way(side):
    bound = Line(upper=0.1) if side < 0 else Line(lower=-0.1)
    expected = one_sided(1.0, 0.0, side).tolist()
    assert ladder(bound, column(two_sided(0.05, 0.0)), 0.5).tolist() == expected
    wall = walled(9.0, 0.2) if side < 0 else walled(0.2, 9.0)
    beside = column(two_sided(0.4, 0.0), wall)
    assert ladder(Line(), beside, 0.5).tolist() == expected


def test_a_ladder_between_two_walls_ends_before_the_farther_one():
    c = column(np.array([-0.3, 0.2]), walled(0.25, 0.15))
    t = ladder(Line(), c, 0.5)
    assert (t < 0).all()
    assert 0.1 < reach(t) < 0.3


def test_walls_are_approached_by_a_factor_sixteen_a_step():
    c = column(np.array([-0.1, 0.1, 0.2]), walled(9.0, 0.15))
    steps = towards_walls(Line(), c, with_open_side=False)
    assert steps.shape == (4,)
    assert np.allclose(0.2 / steps, 16.0 ** np.arange(1, 5), rtol=1.0)
    assert np.allclose(steps[:-1] / steps[1:], 16, rtol=0.1)


def test_beside_one_wall_the_open_side_gets_a_ladder_and_between_two_none_does():
    c = column(np.array([-0.1, 0.1, 0.2]), walled(9.0, 0.15))
    steps = towards_walls(Line(), c, with_open_side=True)
    assert steps[4:].tolist() == one_sided(0.2, 0.0, -1.0).tolist()
    both = column(np.array([-0.2, 0.2]), walled(0.15, 0.15))
    assert towards_walls(Line(), both, with_open_side=True).shape == (8,)


# -- down ------------------------------------------------------------------------------------


def down(excess, *, t=None, wished=math.inf):
    c = column(two_sided(0.5, 0.0) if t is None else t)
    v = finding(0.3, error=excess * 1e-12, noise_part=1e-12)
    return below(Line(), c, v, wished, v.sigma)


def test_nothing_lies_below_where_noise_rules_already():
    assert down(1 + BALANCE).size == 0
    assert down(2 * (1 + BALANCE)).size == 8


@pytest.mark.parametrize(("excess", "octaves"), [(2.0**5, 1), (2.0**18, 2), (2.0**45, 5)])
def test_nine_octaves_of_error_call_for_one_of_the_radius(excess, octaves):
    assert down(excess).tolist() == two_sided(0.3 * 2.0**-octaves, 0.0).tolist()


def test_one_round_goes_down_by_seven_octaves_at_the_most():
    expected = two_sided(0.3 * 2.0**-7, 0.0).tolist()
    assert down(1e40).tolist() == expected
    v = finding(0.3, error=1.0, noise_part=0.0)
    t = below(Line(), column(two_sided(0.5, 0.0)), v, math.inf, v.sigma)
    assert t.tolist() == expected


def test_noise_that_is_not_known_to_be_noise_is_taken_for_rounding():
    c, v = column(two_sided(0.5, 0.0)), finding(0.3, error=2e-12, noise_part=1e-12, sigma=1e-13)
    assert below(Line(), c, v, math.inf, v.sigma).size == 0
    assert below(Line(), c, v, math.inf, None).size == 8


def test_a_ladder_that_is_there_is_passed_over_unless_others_had_called_for_it():
    there = np.concatenate([two_sided(0.5, 0.0), two_sided(0.15, 0.0)])
    passed = down(2.0**5, t=there, wished=1e-3)
    assert reach(passed) < reach(two_sided(0.15, 0.0))
    assert passed.size == 8
    assert down(2.0**5, t=there, wished=1.0).tolist() == two_sided(0.15, 0.0).tolist()


# -- up --------------------------------------------------------------------------------------


SIZE = 1e3
"""Of the derivative: an error is large or small beside it."""


def up(relative_error, *, t=0.1, line=None, limit=math.inf, noisy=True, alone=True, **known):
    c = column(two_sided(t, 0.0), known.pop("f", math.exp))
    v = finding(float(c.t[-1]), error=relative_error * SIZE, size=SIZE)
    farthest = known.get("farthest", 1.0)
    order = known.get("order", 1)
    return above(line or Line(), c, v, order, farthest, limit=limit, noisy=noisy, alone=alone)


def test_noise_pushes_steps_up_by_two_pairs_half_way_and_at_the_end():
    t = up(1e-3, t=1e-3)
    top = reach(two_sided(1e-3, 0.0))
    assert t.shape == (4,)
    far, half_way = t[0], t[2]
    assert top * moves.FARTHEST_UP / 2 < far <= top * moves.FARTHEST_UP
    assert half_way / top == pytest.approx(far / half_way, rel=0.6)
    assert (t[[1, 3]] < 0).all()


def test_for_higher_derivatives_four_pairs_lie_near_the_ends_of_where_noise_pushes():
    t = np.abs(up(1e-3, order=2))
    assert t.shape == (8,)
    assert 0.95 * moves.WIDEST < t.max() <= moves.WIDEST
    assert np.median(t) > 0.7 * moves.WIDEST
    assert up(1e-3, order=2, noisy=False).shape == (4,)


def test_noise_does_not_push_steps_beyond_half_the_scale():
    assert reach(up(1e-3)) <= moves.WIDEST
    assert reach(up(1e-3, t=0.5)) <= reach(two_sided(0.5, 0.0))
    assert reach(up(1e-3, line=Line(scale=100.0))) > 1


def test_a_derivative_buried_in_noise_alone_may_go_a_little_past_the_scale():
    buried = {"relative_error": 0.11, "t": 0.2}
    assert reach(up(**buried)) > moves.WIDEST
    assert reach(up(**buried, alone=False)) <= moves.WIDEST
    assert reach(up(0.09, t=0.2)) <= moves.WIDEST


def test_rounding_calls_for_no_more_than_the_error_is_worth():
    far = reach(up(20 * loose(1), t=1e-3, noisy=False))
    near = reach(up(5 * loose(1), t=1e-3, noisy=False))
    assert 10e-3 / 2 < far <= 20e-3
    assert 2e-3 < near <= 5e-3
    assert reach(up(1.0, t=1e-3, noisy=False)) <= 64e-3


def test_a_scale_on_which_f_does_not_vary_is_passed_at_once():
    still = lambda t: 1.0 + 1e-9 * t
    line, kept = Line(scale=1e-6), {"t": 1e-7, "noisy": False, "f": still}
    t = up(1e-3, line=line, **kept)
    assert t.tolist() == two_sided(first_radius(1), 0.0).tolist()
    assert reach(up(1e-3, line=line, **kept | {"f": lambda t: 1.0 + 1e6 * t})) <= 0.5e-6
    wide = {"t": 0.01, "farthest": 10.0, "line": Line(scale=1e-3)}
    assert 0.1 < reach(up(1e-3, **kept | wide)) <= 0.64  # in pairs where the ladder is not far off


def test_steps_stay_below_where_f_is_another():
    t = up(1e-3, t=0.01, limit=0.1)
    assert 0 < reach(t) <= moves.BELOW_STRUCTURE * 0.1
    assert up(1e-3, t=0.01, limit=0.02).size == 0
    top = reach(two_sided(1e-4, 0.0))
    assert 8 * top < reach(up(1e-3, t=1e-4, limit=0.1)) <= 16 * top


def test_far_below_what_breaks_f_rounding_calls_for_a_whole_ladder_half_way_there():
    t = up(1e-2, t=1e-9, limit=0.1, noisy=False)
    assert t.shape == (8,)
    assert reach(t) == pytest.approx(math.sqrt(0.1 * 1e-9), rel=0.6)
    assert up(1e-2, t=1e-9, limit=0.1, noisy=True).shape == (4,)
    assert reach(up(200 * loose(1), t=1e-9, limit=0.1, noisy=False)) <= 200e-9


def test_wider_windows_that_say_less_are_a_limit_too():
    """The best window is far narrower than the samples: something lies between."""
    c = column(np.concatenate([two_sided(0.4, 0.0), two_sided(1e-3, 0.0)]))
    v = finding(float(two_sided(1e-3, 0.0)[0]), error=1e-3)
    t = above(Line(), c, v, 1, 1.0, limit=math.inf, noisy=True, alone=True)
    assert 0 < reach(t) < 0.1


# -- what is likely --------------------------------------------------------------------------


def test_the_places_that_are_likely_come_in_the_order_of_their_likelihood_and_inside_bounds():
    first = np.append(0.0, two_sided(1 / 12, 0.0))
    lowest = np.min(np.abs(first[first != 0]))
    ahead = likely_after(first, Line(), 1)
    assert np.abs(ahead[:4]).max() <= lowest / 2 * 1.01
    assert np.abs(ahead[4:8]).min() > reach(first)
    assert np.abs(ahead[4]) < np.abs(ahead[6]) <= moves.WIDEST
    bounded = likely_after(first, Line(lower=-0.1, upper=0.2), 1)
    assert bounded.min() >= -0.1
    assert bounded.max() <= 0.2
    assert bounded.tolist() == [t for t in ahead.tolist() if -0.1 <= t <= 0.2]


def test_after_a_ladder_for_a_second_derivative_the_pairs_that_noise_calls_for_are_likely():
    first = two_sided(1 / 8, 0.0)
    v = finding(reach(first), error=1e-3 * SIZE, size=SIZE)
    pairs = above(Line(), column(first), v, 2, 1.0, limit=math.inf, noisy=True, alone=True)
    assert set(pairs.tolist()) <= set(likely_after(np.append(0.0, first), Line(), 2).tolist())


def test_nothing_is_likely_after_a_ladder_on_one_side():
    assert likely_after(np.append(0.0, one_sided(0.1, 0.0, 1.0)), Line(lower=0.0), 1).size == 0
