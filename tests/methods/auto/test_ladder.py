"""Rungs: shared by ladders, exact beside x0, and no lattice that hides what oscillates."""

import numpy as np
import pytest

from derivkit.methods.auto.ladder import (
    BETWEEN,
    LEFT,
    MANTISSAS,
    PAIRS,
    PHASES,
    both_sides,
    one_sided,
    rung_below,
    spread,
    step_below,
    to_side,
    two_sided,
    two_sided_rungs,
)
from derivkit.methods.weights import fornberg_weights

ORIGINS = [0.0, 1.0, -0.37, 1024.5, 2460723.3, -1.187e9, 3e-7]


@pytest.mark.parametrize("h", np.geomspace(1e-12, 1e12, 50).tolist())
def test_the_rung_below_is_the_greatest_that_is_not_above(h):
    e = rung_below(h)
    steps = [np.ldexp(MANTISSAS[k % PHASES], k) for k in (e, e + 1)]
    assert steps[0] <= h < steps[1]
    assert step_below(h, 0.0) == steps[0]
    assert rung_below(steps[0]) == e


def test_a_ladder_is_four_rungs_to_both_sides_each_twice_the_next():
    steps = np.abs(two_sided(0.7, 0.0)).reshape(PAIRS, 2)
    assert steps.shape == (4, 2)
    assert steps[0, 0] <= 0.7
    assert np.allclose(steps[:-1] / steps[1:], 2, rtol=0.1)
    assert (np.sign(two_sided(0.7, 0.0)) == [1, -1] * 4).all()


def test_ladders_at_other_heights_share_the_rungs_that_they_have_in_common():
    wide, narrow = (set(two_sided(radius, 0.7).tolist()) for radius in (0.3, 0.15))
    assert len(wide & narrow) == 6


def test_ladders_whose_phase_is_the_same_differ_by_their_scale_only():
    for radius in (0.07, 0.11, 0.23, 0.4):
        wider = two_sided(radius * 2.0**PHASES, 0.0)
        assert wider.tolist() == (2.0**PHASES * two_sided(radius, 0.0)).tolist()


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("relative", [0.3, 1e-4, 1e-9])
def test_every_place_is_one_that_x0_plus_t_holds_exactly(origin, relative):
    radius = relative * (abs(origin) or 1.0)
    ladders = [two_sided(radius, origin), spread(radius, origin, 7)]
    ladders += [one_sided(radius, origin, side) for side in (1.0, -1.0)]
    for t in ladders:
        assert np.array_equal((origin + t) - origin, t)
        assert np.max(np.abs(t)) <= radius * (1 + 1e-6)


def test_a_step_below_the_resolution_of_x0_is_one_unit_of_it_and_none_beyond_the_floats():
    assert step_below(1e-30, 1.0) == np.spacing(1.0)
    assert step_below(1e308, 1.7e308) == step_below(1e308, 0.0)


def test_no_oscillation_vanishes_on_all_rungs():
    """On rungs of one mantissa, sin(w t) is 0 at all places for w = 2 pi over the lowest."""
    for t in (two_sided(1.0, 0.0), one_sided(1.0, 0.0, 1.0)):
        lowest = np.min(np.abs(t))
        for turns in np.arange(0.5, 40.5, 0.5):
            seen = np.abs(np.sin(np.pi * turns * t / lowest))
            assert seen.max() > 0.05


def test_rungs_have_all_their_bits_so_that_arithmetic_beside_x0_rounds_them():
    for mantissa in (*MANTISSAS, *BETWEEN):
        bits = int(mantissa * 2.0**53)
        assert bits & -bits < 2**20
    t = two_sided(1e-3, 0.0)
    assert ((1.0 + t) - 1.0 != t).all()


@pytest.mark.parametrize("c", [0.0, 1.0, 1e5, 1e10])
def test_the_sides_are_no_mirror_images_even_in_a_large_sum_and_yet_nearly(c):
    right, left = two_sided(1 / 12, 0.0).reshape(PAIRS, 2).T
    assert np.allclose(-left, right, rtol=1e-3)
    assert (-left < right).all()
    assert ((c + right) - c != c - (c + left)).all()


def test_a_step_goes_to_the_left_a_little_shorter():
    assert to_side(0.5, 1.0, 0.0) == 0.5
    assert to_side(0.5, -1.0, 0.0) == -0.5 * LEFT
    assert both_sides([0.5, 0.25], 0.0).tolist() == [0.5, -0.5 * LEFT, 0.25, -0.25 * LEFT]


def test_ladders_of_many_lines_are_those_of_each():
    rng = np.random.default_rng(2)
    radii, origins = 10.0 ** rng.uniform(-6, 6, 60), 10.0 ** rng.uniform(-6, 6, 60)
    origins[::7] = 0.0
    rungs, phases, exact = two_sided_rungs(radii, origins)
    for k in np.flatnonzero(exact).tolist():
        assert rungs[k].tolist() == two_sided(radii[k], origins[k]).tolist()
        assert phases[k] == rung_below(radii[k]) % PHASES
    lowest = np.abs(rungs).min(axis=1)
    assert (lowest[exact] >= 2.0**22 * np.spacing(np.abs(origins[exact]))).all()
    assert (lowest[~exact] < 2.0**24 * np.spacing(np.abs(origins[~exact]))).all()
    assert 0 < np.count_nonzero(exact) < 60


def test_dense_places_at_the_ends_tell_high_derivatives_through_less_noise():
    order, pairs = 6, 7
    dense, rungs = spread(1.0, 0.0, pairs), two_sided(1.0, 0.0, pairs)
    assert dense.shape == rungs.shape == (2 * pairs,)
    right = np.sort(dense[dense > 0])
    assert (np.diff(right, 2) < 0).all()  # denser and denser towards the end
    norms = [np.linalg.norm(fornberg_weights(np.append(0.0, t), order)) for t in (dense, rungs)]
    assert norms[0] < 1e-2 * norms[1]


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_ladder_on_one_side_is_eight_steps_denser_near_x0(side):
    t = one_sided(16.5, 0.0, side)
    assert t.shape == (2 * PAIRS,)
    assert (np.sign(t) == side).all()
    parts = np.abs(t) / np.abs(t).max() * 16
    assert np.allclose(parts, [1, 2, 3, 4, 6, 8, 12, 16], rtol=0.08)
