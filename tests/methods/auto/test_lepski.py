"""Lepski's choice between windows: the widest that does not contradict a narrower one."""

import math

import numpy as np
import pytest

from derivkit.methods.auto import lepski
from derivkit.methods.auto.ladder import two_sided
from derivkit.methods.auto.lepski import select
from derivkit.methods.fit.samples import Columns
from derivkit.methods.fit.window import EPS, Noise, judge, window


def places(widest, ladders=3):
    """Return the places of ladders below each other, ascending, and x0."""
    steps = [two_sided(widest * 2.0 ** (-4 * k), 0.0) for k in range(ladders)]
    return np.unique(np.concatenate([[0.0], *steps]))


def chosen(t, *columns, order=1, noise=None, narrowest=0.0, grains=True, eps=EPS, origin=0.0):
    """Return what is selected for each column of values at the places."""
    f = np.column_stack(columns)
    q = f.shape[1]
    known = None if noise is None else Noise(np.full(q, noise), np.full(q, 20.0))
    enough = lambda v, _: v.error < 1e-11
    bounds = np.broadcast_to(narrowest, q)
    lines = [Columns(t, f, origin)]
    return select(lines, order, known, enough, bounds, grains=grains, eps=eps)


def noisy(t, level, seed=0):
    return np.sin(t) + level * np.random.default_rng(seed).standard_normal(t.shape)


def test_in_noise_the_widest_window_is_best():
    t = places(0.3)
    (found,) = chosen(t, noisy(t, 1e-6))
    assert found.best.radius == pytest.approx(np.abs(t).max())
    assert abs(found.best.value - 1) <= found.best.error
    assert found.limit == math.inf
    assert found.compared >= 4


def test_of_consistent_windows_the_one_with_the_least_error_is_best():
    t = places(3.0, 4)
    (found,) = chosen(t, np.sin(t + 0.3))
    errors = [
        judge(t[w], np.sin(t + 0.3)[w, None], 1, 0.0).error[0]
        for w in (window(np.abs(t), radius) for radius in t[t > 0][4:])
    ]
    assert found.best.error <= min(errors)
    assert found.best.radius < 0.9 * np.abs(t).max()


def broken(t):
    """Return t within 0.02 of x0, and 2 t beyond: windows wider than 4 hold nothing else."""
    return np.where(np.abs(t) < 0.02, t, 2 * t) + noisy(t, 1e-9) - np.sin(t)


def test_a_window_that_contradicts_a_narrower_one_is_passed_over_with_all_wider_ones():
    t = places(16.0, 5)
    (found,) = chosen(t, broken(t))
    assert abs(found.best.value - 1) <= found.best.error < 1e-4
    assert found.best.radius < 0.02
    assert 0.02 < found.limit < 16
    wide = np.abs(t) >= 0.02
    assert chosen(t[wide | (t == 0)], broken(t)[wide | (t == 0)])[0].best.value == pytest.approx(2)


def test_the_near_window_is_the_narrowest_that_is_nearly_as_good():
    t = places(0.3)
    (found,) = chosen(t, noisy(t, 1e-6))
    assert found.near.radius <= found.best.radius
    assert found.near.error <= lepski.NEARLY * found.best.error
    (exact,) = chosen(t, np.sin(t))
    assert exact.near.radius <= exact.best.radius


def test_the_noise_is_told_by_the_windows_that_hear_it_with_the_most_coefficients():
    t = places(0.3)
    (found,) = chosen(t, noisy(t, 1e-6))
    level, worth = found.firmest
    assert 0.4 < level / 1e-6 < 2.5
    assert worth >= found.best.dof
    assert found.loudest >= level


def test_a_window_that_is_far_worse_is_not_asked_about_the_noise():
    """A wide window that holds an even wave contradicts nobody; what it leaves over is no noise."""
    t = places(1.3, 4)
    (found,) = chosen(t, np.sin(t) + np.where(np.abs(t) > 0.2, 0.5 * np.cos(40 * np.abs(t)), 0.0))
    assert found.limit == math.inf
    assert found.loudest < 1e-14


def test_whether_the_best_error_is_enough_is_told_output_by_output():
    t = places(0.3)
    rough, smooth = chosen(t, noisy(t, 1e-3), np.sin(t))
    assert not rough.content
    assert smooth.content


def test_few_samples_are_no_window_beside_one_that_has_more():
    t = places(0.3, 1)
    assert chosen(t, np.sin(t))[0].compared == 2  # of 7 and 9 samples; not of 3 and 5
    few = t[2:-2]
    assert chosen(few, np.sin(few))[0].compared == 1
    assert len(few) < lepski.FEWEST


def test_samples_that_cannot_tell_the_derivative_give_no_selection():
    t = np.array([-0.1, 0.0, 0.1])
    assert chosen(t, np.full(3, np.nan)) == [None]


def test_two_steps_that_are_nearly_mirror_images_are_one_window():
    t = places(0.3, 1)
    (pairs,) = chosen(t, np.sin(t))
    apart = np.where(t < 0, 0.9 * t, t)
    (singles,) = chosen(apart, np.sin(apart))
    assert singles.compared > pairs.compared


def test_windows_below_the_narrowest_do_not_count_unless_there_are_no_others():
    """By chance the innermost samples show little of the noise; that would overrule the rest."""
    t = places(16.0, 5)
    free, bound = chosen(t, broken(t), broken(t), narrowest=[0.0, 4.0])
    assert (free.best.value, bound.best.value) == pytest.approx((1, 2))
    assert bound.limit == math.inf
    assert bound.near.radius > 4
    assert chosen(t, broken(t), narrowest=100.0)[0].best == free.best


def test_windows_that_show_nothing_but_grains_are_left_out():
    """Within a tread f does not move: the inner windows claim a derivative of 0."""
    t = places(0.3, 4)
    f = np.sin(1e-3 * np.floor(t / 1e-3 + 0.5))
    with_grains, without = (chosen(t, f, grains=g)[0] for g in (False, True))
    assert without.best.value == pytest.approx(1, abs=0.05)
    assert with_grains.best.value == 0


def test_outputs_that_are_kept_to_fewer_bits_are_judged_again_in_their_units():
    t = places(0.3)
    single = np.exp(t).astype(np.float32).astype(float)
    double, coarse = chosen(t, np.exp(t), single)
    assert double.eps == EPS
    assert 2.0**-26 < coarse.eps < 2.0**-22
    assert coarse.best.floor > 1e6 * double.best.floor
    assert abs(coarse.best.value - 1) <= coarse.best.error
    assert chosen(t, single, grains=False)[0].eps == EPS


def test_the_units_of_one_output_do_not_change_what_others_are_told():
    t = places(0.3)
    single = np.exp(t).astype(np.float32).astype(float)
    rough = noisy(t, 1e-6)
    for known in (None, 1e-6):
        together = chosen(t, rough, single, np.sin(t), noise=known)
        alone = [chosen(t, f, noise=known)[0] for f in (rough, single, np.sin(t))]
        assert together == alone


def test_a_known_noise_is_the_noise_of_every_window():
    t = places(0.3)
    (found,) = chosen(t, np.sin(t), noise=1e-3)
    assert found.best.sigma > 5e-4
    assert found.best.error > 1e-4


def well(t, level):
    """Return the bottom of a well of depth 1 and width 1e-3, with noise."""
    own = np.random.default_rng(3).standard_normal(t.shape)
    return t**2 / (1e-6 + t**2) + level * own


def test_what_exceeds_the_noise_that_is_known_by_far_is_structure():
    t = np.unique(np.concatenate([places(0.3), places(6e-4)]))
    (unknown,) = chosen(t, well(t, 1e-3))
    assert unknown.limit == math.inf
    (known,) = chosen(t, well(t, 1e-3), noise=1e-3)
    assert known.limit < 0.1
    assert abs(known.best.value) <= known.best.error
