"""The informed and the brief second derivative, driven by hand."""

from dataclasses import dataclass

import numpy as np
import pytest

from derivkit.methods.auto.informed import InformedSeconds
from derivkit.methods.auto.second import BriefSecond
from derivkit.methods.protocol import Estimate, Line

LADDER = 0.1 * np.array([1.0, -1.0, 0.5, -0.5, 0.25, -0.25, 0.125, -0.125])


@dataclass(frozen=True)
class Fallback:
    """Asks for a ladder and returns a value that can be told from all others."""

    def solve(self, line, order):
        values = yield np.append(0.0, LADDER)
        q = values.shape[1]
        return Estimate(np.full(q, 99.0), np.full(q, 0.5))


def played(solver, f):
    """The estimate, and how many places beside 0 were asked for."""
    asked = set()
    points = next(solver)
    while True:
        asked |= set(points.tolist()) - {0.0}
        try:
            points = solver.send(np.array([np.atleast_1d(f(t)) for t in points]))
        except StopIteration as stop:
            return stop.value, len(asked)


def informed(levels=2, leftover=1 / 720, noise=1e-16, q=1):
    return InformedSeconds(
        np.ones(1),
        np.full((1, q), noise),
        np.ones((1, q)),
        np.full((1, q), leftover),
        levels,
        Fallback(),
    )


def alone(method, *line):
    (solver,) = method.solvers(line or [Line()])
    return solver


@pytest.mark.parametrize(("levels", "calls", "tolerance"), [(2, 4, 1e-9), (3, 6, 1e-10)])
def test_four_or_six_calls_give_the_second_derivative(levels, calls, tolerance):
    leftover = 1 / np.prod(np.arange(1.0, 2 * levels + 3))
    method = informed(levels, leftover)
    estimate, asked = played(alone(method), np.exp)
    assert asked == calls
    assert abs(estimate.value[0] - 1) <= estimate.error[0] < tolerance


def test_a_bound_of_many_terms_is_not_taken_for_the_truncation_of_three_steps():
    """f = g(x) + g(y) has two of the 256 terms that the bound counts."""
    method = informed(3, 2.0**8 / 40320, noise=1e-10)
    estimate, _ = played(alone(method), lambda t: np.exp(t) + np.exp(-t))
    assert abs(estimate.value[0] - 2) <= estimate.error[0] < 2e-7


@pytest.mark.parametrize(
    ("shape", "exact", "eighth"),
    [
        (np.exp, 1.0, 1 / 40320),
        (lambda t: np.cos(1.5 * t + 0.3), -2.25 * np.cos(0.3), 1.5**8 / 40320),
        (lambda t: 1 / (1 + t), 2.0, 1.0),
    ],
    ids=["exp", "cos", "pole"],
)
def test_where_a_bound_is_attained_the_truncation_is_seen(shape, exact, eighth):
    """f = g(x + y) has all of them."""
    estimate, _ = played(alone(informed(3, eighth)), shape)
    assert abs(estimate.value[0] - exact) <= estimate.error[0] < 1e-7


@pytest.mark.parametrize("noise", [1e-12, 1e-9, 1e-6])
def test_steps_grow_with_the_noise_and_errors_hold(noise):
    rng = np.random.default_rng(3)
    inside, steps = [], []
    for _ in range(50):
        estimate, _ = played(
            alone(informed(noise=noise)), lambda t: np.exp(t) + noise * rng.normal()
        )
        inside.append(abs(estimate.value[0] - 1) <= estimate.error[0])
        steps.append(float(np.max(estimate.step)))
    assert np.mean(inside) >= 0.95
    assert len(set(steps)) == 1
    assert steps[0] > informed(noise=noise / 100).best_steps()[0, 0]


def test_steps_are_exact_in_floating_point():
    method = informed()
    points = next(alone(method))
    for x0 in (0.7, 1e3, -5.0):
        np.testing.assert_array_equal((x0 + points) - x0 == points, True)


def test_samples_that_contradict_the_bound_hand_over():
    estimate, _ = played(alone(informed(leftover=1e-9)), lambda t: np.sin(40 * t + 1))
    assert estimate.value[0] == 99.0


@pytest.mark.parametrize(
    ("line", "f"),
    [(Line(upper=0.0), np.exp), (Line(), lambda t: np.exp(t) if t >= 0 else np.nan)],
    ids=["bound", "wall"],
)
def test_without_room_on_both_sides_the_other_method_takes_over(line, f):
    estimate, _ = played(alone(informed(), line), f)
    assert estimate.value[0] == 99.0


def test_outputs_that_need_different_steps_get_them():
    method = InformedSeconds(
        np.ones(1),
        np.array([[1e-16, 1e-6]]),
        np.ones((1, 2)),
        np.array([[1 / 720, 1e-12]]),
        2,
        Fallback(),
    )
    rng = np.random.default_rng(0)
    estimate, asked = played(
        alone(method), lambda t: np.array([np.exp(t), t * t / 2 + 1e-6 * rng.normal()])
    )
    assert asked == 8
    assert estimate.step[0] < estimate.step[1] / 10
    assert (np.abs(estimate.value - 1) <= estimate.error).all()
    assert estimate.error[1] < 1e-3


def test_lines_judged_together_answer_to_the_bit_as_each_alone():
    n, rng = 7, np.random.default_rng(1)
    noise, leftover = 10.0 ** rng.uniform(-16, -9, (2, n, 2))
    method = InformedSeconds(
        rng.uniform(0.5, 2.0, n), noise, np.ones((n, 2)), leftover, 2, Fallback()
    )

    def f(t):
        return np.array([np.exp(t), np.cos(3 * t)])

    lines = [Line(upper=0.01 if k == 3 else np.inf) for k in range(n)]
    solvers = method.solvers(lines)
    answers, points = {}, {k: next(solver) for k, solver in enumerate(solvers)}
    while points:
        for k, t in list(points.items()):
            try:
                points[k] = solvers[k].send(np.array([f(x) for x in t]).reshape(len(t), 2))
            except StopIteration as stop:
                answers[k] = stop.value
                del points[k]
    for k in range(n):
        expected, _ = played(alone(method.of([k]), lines[k]), f)
        for name in ("value", "error", "step"):
            assert np.array_equal(
                getattr(answers[k], name), getattr(expected, name), equal_nan=True
            )


def test_the_brief_method_asks_for_the_outer_pairs_only():
    estimate, asked = played(BriefSecond(np.array([1e-16]), Fallback()).solve(Line(), 2), np.exp)
    assert asked == 6
    assert abs(estimate.value[0] - 1) <= estimate.error[0] < 1e-8


@pytest.mark.parametrize(
    ("noise", "f"),
    [(1e-16, lambda t: np.sin(40 * t + 1)), (1e-6, np.exp), (1e-16, lambda t: np.log(t + 0.06))],
    ids=["varies fast", "noise", "wall"],
)
def test_the_brief_method_goes_on_as_the_other_where_that_is_not_enough(noise, f):
    with np.errstate(invalid="ignore"):
        estimate, asked = played(BriefSecond(np.array([noise]), Fallback()).solve(Line(), 2), f)
    assert estimate.value[0] == 99.0
    assert asked == 8
