"""What a search asks for next: out where f does not move, at walls, and in rounding."""

import math

import numpy as np
import pytest

from derivkit import Status
from derivkit.methods.auto.ladder import both_sides, step_below, two_sided, two_sided_rungs
from tests.methods.auto.driving import follow


def test_constants_cost_a_ladder_a_pair_at_the_scale_and_a_probe_and_zero_is_exact():
    constant, calls, _ = follow(lambda _: 3.0, 2.0)
    assert (constant.value[0], calls) == (0.0, 11)
    assert constant.statuses()[0] is Status.CONSTANT
    assert 1.0 < constant.reach <= 2.0
    assert 0 < constant.error[0] < 1e-13
    nothing, calls, _ = follow(lambda _: 0.0, 2.0)
    assert (nothing.value[0], nothing.error[0], calls) == (0.0, 0.0, 11)
    assert nothing.statuses()[0] is Status.CONSTANT


@pytest.mark.parametrize("gap", [1e-8, 1e-7, 1e-5])
def test_a_singular_wall_beside_x0_is_approached_until_the_error_is_small(gap):
    x0 = 18.24

    def model(x):
        return math.sqrt(x - (x0 - gap)) if x > x0 - gap else math.nan

    estimate, calls, _ = follow(model, x0)
    exact = 0.5 / math.sqrt(x0 - (x0 - gap))
    assert abs(estimate.value[0] - exact) <= estimate.error[0] < 1e-4 * exact
    assert calls <= 60


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("x0", [-2e-15, 1.8e-14, 5e-12, 8e-9])
def test_an_x0_that_is_nearly_zero_is_no_scale_where_f_does_not_vary_on_it(x0, order):
    estimate, calls, _ = follow(lambda x: math.exp(0.8 * x), x0, order=order)
    exact = 0.8**order * math.exp(0.8 * x0)
    assert abs(estimate.value[0] - exact) <= estimate.error[0] < 1e-7
    assert calls <= 30


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


@pytest.mark.parametrize("wall", [1e-12, 1e-10, 1e-9])
def test_a_scale_is_bracketed_on_the_open_side_where_the_other_ends_at_a_wall(wall):
    with np.errstate(all="ignore"):
        estimate, _, _ = follow(lambda x: float(np.log(np.float64(x + wall))), 0.0)
    assert abs(estimate.value[0] * wall - 1) <= estimate.error[0] * wall < 1e-9


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
