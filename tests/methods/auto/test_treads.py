"""Treads: the noise of equal ones is known, that of random ones adds up, and x0 lies anywhere."""

import math

import numpy as np
import pytest

from derivkit import CalculusKit
from derivkit.methods.auto.treads import OF_A_STEP, error_of_walk, step_beside, tread, walk
from derivkit.methods.fit.samples import Samples
from derivkit.status import Status

FLOOR = 1e-16


def sampled(f, t):
    """Return f at places t and at 0 as one output's samples."""
    samples, t = Samples(), np.append(0.0, t)
    samples.add(t, np.array([[f(each)] for each in t]))
    return samples.column(0)


def rungs(low, high):
    t = np.geomspace(low, high, 12)
    return np.append(t, -1.01 * t)


def counted(rate, seed):
    """Return how many of events that come at random lie between 0 and t."""
    rng = np.random.default_rng(seed)
    events = np.sort(rng.uniform(-100.0, 100.0, rng.poisson(200.0 * rate)))
    start = np.searchsorted(events, 0.0)
    return lambda t: float(np.searchsorted(events, t) - start)


def test_a_step_is_what_f_rises_by_beside_the_tread_of_x0():
    column = sampled(lambda t: 3.0 * math.floor(t + 0.4), rungs(0.01, 50.0))
    assert 0.3 < tread(column) <= 1.0
    assert step_beside(column, 3.0, FLOOR) == 3.0


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda t: 3.0 * t, 3.0),  # it moves everywhere
        (lambda t: 1.0, 0.0),  # nowhere
        (lambda t: 1.0 + t**8, 0.0),  # where it is flat it has no slope
        (lambda t: 1.0 + 1e-3 * t, 1e-3),  # on treads of its own arithmetic
    ],
)
def test_elsewhere_there_is_no_step(f, slope):
    assert step_beside(sampled(f, rungs(1e-16, 1.0)), slope, FLOOR) == 0.0


@pytest.mark.parametrize("phase", np.linspace(0.05, 0.95, 7))
@pytest.mark.parametrize("bend", [0.0, 1e-3])
def test_equal_treads_do_not_walk(phase, bend):
    def f(t):
        u = math.floor(t + phase)
        return 2.0 * u + bend * u * u

    column = sampled(f, rungs(0.1, 60.0))
    assert walk(column, 2.0, 2.0, 1e3, OF_A_STEP * 2.0) == 0.0


def test_random_treads_walk_by_the_square_of_a_step_each():
    variances = []
    for seed in range(60):
        column = sampled(counted(2.0, seed), rungs(0.1, 20.0))
        step = step_beside(column, 2.0, FLOOR)
        variances.append(walk(column, step, 2.0, 1e3, 0.0))
    assert np.mean(np.array(variances) > 0) > 0.8
    assert 0.5 * 2.0 < np.median(variances) < 2.0 * 2.0


def test_noise_above_half_a_step_is_none_of_equal_treads():
    column = sampled(lambda t: math.floor(t + 0.4), rungs(0.1, 3.0))
    assert walk(column, 1.0, 1.0, 1.0, 0.3) == 0.0
    assert walk(column, 1.0, 1.0, 1.0, 0.6) >= 1.0


@pytest.mark.parametrize("order", [1, 2])
def test_the_error_of_a_walk_covers_what_it_does_to_differences(order):
    rng = np.random.default_rng(0)
    left, right = rng.normal(0.0, math.sqrt(3.0 * 5.0), (2, 4000))  # variance 3 a unit, 5 away
    found = (right + left) / 25.0 if order == 2 else (right - left) / 10.0
    assert 0.97 < np.mean(np.abs(found) <= error_of_walk(3.0, 5.0, order)) < 0.99


def gradients_of(draw, n):
    """Return status, and error beside the bar, for the models draw(rng) -> (f, x0, exact)."""
    for seed in range(n):
        f, x0, exact = draw(np.random.default_rng(seed))
        result = CalculusKit(lambda x, f=f: f(x[0]), [x0]).gradient_result()
        if np.isfinite(result.error[0]):
            yield result.status[0], abs(result.value[0] - exact) / result.error[0]


def selection(rng):
    """Draw the share of a fixed sample that lies below a cut."""
    n, x0 = int(10 ** rng.uniform(3, 5)), float(rng.uniform(-1.5, 1.5))
    events = np.sort(rng.normal(size=n))
    density = math.exp(-(x0**2) / 2) / math.sqrt(2 * math.pi)
    return (lambda x: np.searchsorted(events, x) / n), x0, density


@pytest.mark.filterwarnings("ignore::derivkit.UnresolvedWarning")
def test_bars_hold_on_counts_over_a_fixed_sample():
    found = list(gradients_of(selection, 80))
    assert len(found) > 50
    assert np.mean([off <= 1.0 for _, off in found]) >= 0.85
    assert {status for status, _ in found} == {Status.NOISE_LIMITED}


def table(rng):
    """Draw a smooth function of whole days, or of the nearest entry of a table."""
    width, x0 = 10 ** rng.uniform(-3, -1), rng.uniform(1.0, 5.0)
    kept = math.floor if rng.random() < 0.5 else round
    a, b = rng.uniform(0.5, 2.0, 2)
    f = lambda x: math.sin(a * x) + b * math.exp(-0.3 * x)
    exact = a * math.cos(a * x0) - 0.3 * b * math.exp(-0.3 * x0)
    return (lambda x: f(kept(x / width) * width)), x0, exact


@pytest.mark.filterwarnings("ignore::derivkit.UnresolvedWarning")
def test_samples_that_lie_on_a_smooth_function_by_chance_promise_no_more():
    off = np.array([off for _, off in gradients_of(table, 150)])
    assert len(off) > 100
    assert np.mean(off <= 1.0) >= 0.96
    assert off.max() < 3.0


def test_a_smooth_function_that_stands_still_at_x0_keeps_its_digits():
    result = CalculusKit(lambda x: 1.0 + (x[0] - 1.0) ** 8, [1.0]).gradient_result()
    assert abs(result.value[0]) <= result.error[0] < 1e-9
