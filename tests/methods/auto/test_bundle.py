"""First ladders of many lines, judged in one go: who takes part, and what each is told."""

import math

import numpy as np
import pytest

from derivkit.methods.auto import bundle
from derivkit.methods.auto.auto import Auto
from derivkit.methods.auto.bundle import Bundle
from derivkit.methods.auto.criteria import Goal
from derivkit.methods.auto.ladder import two_sided
from derivkit.methods.auto.moves import first_radius
from derivkit.methods.protocol import Line

BEST = Goal(None, 0.0)


def bundled(f, lines, order=1, goal=BEST):
    """Return a bundle that has the values f(origin + t) of all lines that take part."""
    found = Bundle(lines, order, goal)
    for k, line in enumerate(lines):
        ladder = found.ladder(k)
        if ladder is not None:
            found.leave(k, np.array([np.ravel(f(line.origin + t)) for t in ladder]))
    return found


def alone(f, line, order, method):
    """Return the estimate of the method for one line by itself."""
    solver = method.solve(line, order)
    points = next(solver)
    while True:
        try:
            points = solver.send(np.array([np.ravel(f(line.origin + t)) for t in points]))
        except StopIteration as stop:
            return stop.value


LINES = [Line(abs(x0), origin=x0) for x0 in (1.0, 0.3, -2.7, 40.0, 1e-3)]


def test_a_ladder_is_x0_and_that_of_the_method_for_the_line_alone():
    found = Bundle(LINES, 1, BEST)
    for k, line in enumerate(LINES):
        radius = first_radius(1) * line.scale
        assert found.ladder(k).tolist() == [0.0, *two_sided(radius, line.origin).tolist()]
        assert found.ladder(k).tolist() == next(Auto().solve(line, 1)).tolist()


@pytest.mark.parametrize(
    "other",
    [
        {"lower": -0.01},
        {"upper": 0.01},
        {"budget": 7},
        {"origin": 1e9},  # steps beside it are so coarse that the ladder is no longer the others'
    ],
)
def test_a_line_that_is_not_like_the_others_goes_its_own_way(other):
    found = Bundle([Line(), Line(**other), Line(lower=-1.0, upper=1.0, budget=8)], 1, BEST)
    assert [found.takes(k) for k in range(3)] == [True, False, True]


@pytest.mark.parametrize("goal", [BEST, Goal(0.5, 1e300)])
@pytest.mark.parametrize("hole", [math.nan, math.inf])
@pytest.mark.parametrize("place", [0, 4, 8])
def test_a_line_with_a_hole_is_not_settled_and_the_others_are(place, hole, goal):
    found = bundled(math.exp, LINES, goal=goal)
    values = np.exp(LINES[1].origin + found.ladder(1))[:, None]
    values[place] = hole
    found.leave(1, values)
    assert found.estimate(1) is None
    assert found.estimate(0) is not None


@pytest.mark.parametrize("order", [1, 2])
def test_each_line_is_told_what_it_would_find_alone(order):
    """In noise: where rounding rules, the errors of two ways to the same differ by a part of it."""

    def f(x):
        wave = 1e-7 * np.sin(1e5 * np.array([x, x + 1.0]))
        return np.array([math.exp(0.1 * x), math.cos(0.1 * x + 1.0)]) + wave

    goal = Goal(0.2, 0.0)
    found = bundled(f, LINES, order, goal)
    told = 0
    for k, line in enumerate(LINES):
        together, single = found.estimate(k), alone(f, line, order, Auto(rtol=0.2))
        if together is None:
            continue
        told += 1
        assert np.all(np.abs(together.value - single.value) <= 1e-3 * single.error)
        for name in ("error", "noise_error", "noise"):
            one, other = getattr(together, name), getattr(single, name)
            assert np.allclose(one, other, rtol=1e-3, atol=0.0)
        assert together.step == pytest.approx(single.step)
    assert told >= 2


def test_a_line_that_its_first_ladder_does_not_settle_is_told_nothing():
    fast = lambda x: math.exp(x) if x < 20 else math.sin(30 * x)
    found = bundled(fast, LINES)
    assert found.estimate(3) is None
    assert found.estimate(0) is not None


def test_one_output_that_is_not_settled_keeps_its_line_open_but_not_the_others():
    f = lambda x: np.array([math.exp(x), math.sin(300 * x) if x < 0 else x])
    found = bundled(f, LINES)
    assert found.estimate(2) is None
    assert found.estimate(1) is not None


def test_the_goal_of_the_user_settles_a_line():
    f = lambda x: math.sin(12 * x)
    line = [Line(origin=1.0), Line(origin=0.7)]
    assert bundled(f, line).estimate(0) is None
    estimate = bundled(f, line, goal=Goal(1e-2, 0.0)).estimate(0)
    assert abs(estimate.value[0] - 12 * math.cos(12.0)) <= estimate.error[0] < 0.12


def test_the_answers_do_not_depend_on_the_order_in_which_the_values_came():
    f = lambda x: math.exp(0.1 * x)
    forth, back = Bundle(LINES, 1, BEST), Bundle(LINES, 1, BEST)
    for found, ks in ((forth, range(5)), (back, range(4, -1, -1))):
        for k in ks:
            found.leave(k, np.array([[f(LINES[k].origin + t)] for t in found.ladder(k)]))
    for k in range(5):
        one, other = forth.estimate(k), back.estimate(k)
        assert (one is None) == (other is None) == (k == 3)
        if k == 3:  # f varies faster there than its scale says
            continue
        assert (one.value, one.error, one.noise) == (other.value, other.error, other.noise)


@pytest.mark.parametrize("q", [1, 3])
def test_lines_are_judged_some_at_a_time_as_all_at_once(q, monkeypatch):
    f = lambda x: np.array([math.exp(0.1 * x), x, math.cos(0.3 * x)][:q])
    lines = [Line(origin=x) for x in np.linspace(0.5, 3.0, 12).tolist()]
    whole = bundled(f, lines)
    whole.estimate(0)
    monkeypatch.setattr(bundle, "TOGETHER", 2)
    parts = bundled(f, lines)
    for k in range(12):
        one, other = whole.estimate(k), parts.estimate(k)
        assert (one is None) == (other is None)
        if one is not None:
            assert np.allclose(one.value, other.value, rtol=1e-12, atol=0.0)
            assert np.allclose(one.error, other.error, rtol=1e-3, atol=0.0)


def test_the_second_derivative_comes_with_the_first_and_only_for_one_output():
    f = lambda x: math.exp(0.1 * x)
    found = bundled(f, LINES)
    value, error = found.estimate(0).also[2]
    assert abs(value[0] - 0.01 * math.exp(0.1)) <= error[0] < 1e-9
    assert value[0] == found.second(0)[0][0]
    assert not bundled(lambda x: [f(x), x], LINES).estimate(0).also
    assert not bundled(f, LINES, 2).estimate(0).also
