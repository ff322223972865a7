"""The first line through x0 shows the others the model's noise; each confirms it by a probe."""

import itertools
import math

import numpy as np
import pytest

from derivkit import Auto, CalculusKit, Plan, gradients
from derivkit.methods.auto.ladder import two_sided
from derivkit.methods.auto.moves import WIDEST
from derivkit.methods.auto.shared_noise import AWAITED
from derivkit.methods.protocol import Line
from derivkit.status import Status
from tests.methods.auto.driving import follow

X0 = [1.0, 0.7, 2.0, -1.3, 0.4]
LOCAL = 7
"""Calls of a line in noise: a pair, a probe, and two pairs farther out."""


def wave(x):
    return 3.0 + np.sin(np.dot([0.7, 1.1, 0.4, 0.9, 1.3], x))


def slopes(x):
    weights = np.array([0.7, 1.1, 0.4, 0.9, 1.3])
    return weights * np.cos(np.dot(weights, x))


def shaken(f, level, seed=0, of=slice(None)):
    """Return f with noise that is the same at the same point: of some of the coordinates."""

    def model(x):
        rng = np.random.default_rng([seed, *np.asarray(x)[of].view(np.uint32).tolist()])
        return f(x) + level * rng.standard_normal()

    return model


@pytest.mark.parametrize("level", [1e-8, 1e-6, 1e-4])
def test_lines_after_the_first_take_seven_calls_in_noise(level):
    result = CalculusKit(shaken(wave, level), X0).gradient_result()
    assert result.nfev_per_parameter[0] >= 12
    assert np.median(result.nfev_per_parameter[1:]) == LOCAL
    assert set(result.status) == {Status.NOISE_LIMITED}


def test_answers_are_as_good_as_those_of_each_parameter_alone():
    exact = slopes(np.array(X0))
    errors, covered = {}, {}
    for many in (True, False):
        found = []
        for seed in range(40):
            f = shaken(wave, 1e-5, seed)
            kit = CalculusKit(f, X0)
            names = [None] if many else [[i] for i in range(len(X0))]
            results = [kit.gradient_result() if n is None else one(f, n[0]) for n in names]
            value, error = (
                np.concatenate([getattr(r, name) for r in results]) for name in ("value", "error")
            )
            found.append((np.abs(value - exact), error))
        off, bars = map(np.array, zip(*found, strict=True))
        errors[many], covered[many] = np.median(off), np.mean(off <= bars)
    assert errors[True] <= 1.2 * errors[False]
    assert covered[True] >= 0.97


def one(f, i):
    """Return the gradient with respect to one parameter alone."""

    def along(t):
        x = np.array(X0)
        x[i] = t[0]
        return f(x)

    return CalculusKit(along, [X0[i]]).gradient_result()


def test_a_line_on_which_the_model_is_calm_keeps_its_digits():
    f = shaken(wave, 1e-5, of=slice(0, 1))  # the noise is the first parameter's
    result = CalculusKit(f, X0).gradient_result()
    off = np.abs(result.value - slopes(np.array(X0)))
    assert result.status[0] == Status.NOISE_LIMITED
    assert np.all(off[1:] <= result.error[1:])
    assert np.all(result.error[1:] < 1e-10)
    assert set(result.status[1:]) == {Status.CONVERGED}


def test_a_calm_first_line_tells_the_others_nothing():
    f = shaken(wave, 1e-5, of=slice(1, None))
    result = CalculusKit(f, X0).gradient_result()
    assert result.error[0] < 1e-10
    assert np.all(np.abs(result.value - slopes(np.array(X0))) <= result.error)


def test_structure_beyond_the_noise_is_followed_closer_in():
    for seed, fast in itertools.product(range(4), (8.0, 30.0)):
        f = shaken(lambda x, k=fast: np.sin(x[0]) + np.sin(k * x[1]), 1e-6, seed)
        result = CalculusKit(f, [1.0, 1.0]).gradient_result()
        off = abs(result.value[1] - fast * math.cos(fast))
        assert off <= result.error[1] < 1e-2 * fast
        assert result.nfev_per_parameter[1] <= 24


@pytest.mark.filterwarnings("ignore::derivkit.UnresolvedWarning")
def test_what_noise_does_not_explain_closer_in_either_is_looked_into():
    for seed in range(8):
        f = shaken(lambda x: np.sin(x[0]) + abs(x[1] - 1.0), 1e-6, seed)
        result = CalculusKit(f, [1.0, 1.0]).gradient_result()
        assert result.status[1] == Status.KINK
        assert result.error[1] == math.inf


def test_the_widest_pair_may_be_taken_while_the_first_line_is_awaited():
    first, second = Auto().solve_together([Line(), Line(scale=2.0)], 1)
    ladders = [[0.0, *two_sided(scale / 12, 0.0).tolist()] for scale in (1.0, 2.0)]
    assert next(first).tolist() == ladders[0]
    is_known = next(second)
    assert is_known.meanwhile.tolist() == ladders[1][:3]
    assert not is_known()
    has_company = first.send(np.exp(ladders[0])[:, None])
    assert is_known()
    assert second.send(np.empty((0, 1))).tolist() == ladders[1]
    assert not has_company()
    assert second.send(np.exp(ladders[1])[:, None]).size == 0
    assert has_company()
    for solver in (first, second):
        with pytest.raises(StopIteration) as stop:
            solver.send(np.empty((0, 1)))
        assert abs(stop.value.value.value[0] - 1.0) <= stop.value.value.error[0] < 1e-10


def test_structure_that_takes_many_probes_is_not_awaited():
    stepped = lambda t: math.floor(t * 1e6) * 1e-6
    first, second = Auto().solve_together([Line(), Line()], 1)
    wanted, is_known = next(first), next(second)
    rounds = 0
    while not is_known():
        wanted = first.send(np.array([[math.exp(stepped(t))] for t in wanted]).reshape(-1, 1))
        rounds += len(wanted) > 0  # it also rests, to be judged
    assert rounds <= AWAITED + 1
    assert wanted.size  # the first line is still busy


def test_steps_in_noise_stay_within_bounds_and_half_the_scale():
    seen = []

    def model(x):
        seen.append(np.array(x))
        return shaken(wave, 1e-5)(x)

    bounds = [(None, None), (0.6, 0.8), (None, None), (-1.31, None), (0.2, 2.0)]
    result = CalculusKit(model, X0, bounds=bounds).gradient_result()
    seen = np.array(seen)
    for i, (low, high) in enumerate(bounds):
        assert low is None or seen[:, i].min() >= low
        assert high is None or seen[:, i].max() <= high
    assert np.all(np.abs(seen - X0).max(axis=0) <= WIDEST * np.abs(X0))
    assert np.all(np.abs(result.value - slopes(np.array(X0))) <= result.error)


def test_of_many_outputs_noise_is_heard_where_most_are_noisy():
    rates = np.linspace(0.2, 1.5, 12)

    def model(x):
        rng = np.random.default_rng(np.asarray(x).view(np.uint32).tolist())
        return np.cos(rates * x[0] + x[1]) + 1e-6 * rng.standard_normal(12)

    result = CalculusKit(model, [1.0, 0.5]).jacobian_result()
    assert result.nfev_per_parameter[1] == LOCAL
    exact = -np.sin(rates + 0.5)
    assert np.mean(np.abs(result.value[:, 1] - exact) <= result.error[:, 1]) >= 11 / 12


def test_each_point_of_many_has_a_first_line_of_its_own():
    points = [X0, [0.5, 1.0, 1.0, 2.0, 3.0], [2.0, -1.0, 0.3, 0.2, 1.0]]
    f = shaken(wave, 1e-6)
    found = gradients(f, points)
    for row, x in zip(found, points, strict=True):
        np.testing.assert_allclose(row, CalculusKit(f, x).gradient(), rtol=1e-9)


@pytest.mark.filterwarnings("ignore::derivkit.UnresolvedWarning")
@pytest.mark.parametrize("budget", [1, 5, 9, 12, 14, 21, 30])
def test_a_budget_that_ends_while_lines_wait_is_kept_and_answered(budget):
    result = CalculusKit(shaken(wave, 1e-5), X0).gradient_result(max_evaluations=budget)
    assert result.nfev <= budget
    assert np.all(np.abs(result.value - slopes(np.array(X0)))[np.isfinite(result.error)] < 0.1)


def test_bits_depend_neither_on_workers_nor_on_who_answers_first():
    f = shaken(wave, 1e-6)
    kit = CalculusKit(f, X0)
    serial = kit.gradient_result()
    for workers in (2, 5):
        pooled = CalculusKit(f, X0, executor="threads").gradient_result(n_workers=workers)
        assert pooled.value.tobytes() == serial.value.tobytes()
        assert pooled.error.tobytes() == serial.error.tobytes()
        assert pooled.nfev == serial.nfev


def test_a_first_line_without_company_is_followed_alike_by_any_number_of_workers():
    f = lambda x: math.exp(1e3 * x[1])  # the other line is too near its bound for a common ladder
    x0, bounds = [1.0, 1e-3], [(None, None), (0.0009999, None)]
    serial = CalculusKit(f, x0, bounds=bounds).gradient_result()
    pooled = CalculusKit(f, x0, bounds=bounds, executor="threads").gradient_result(n_workers=3)
    assert serial.status[0] is pooled.status[0] is Status.CONSTANT
    assert pooled.value.tobytes() == serial.value.tobytes()
    assert pooled.nfev == serial.nfev


def test_a_start_nearby_costs_no_more_calls_in_noise():
    x1, calls = np.array(X0) * 1.001, []
    for seed in range(7):
        f = shaken(wave, 1e-6, seed)
        again = CalculusKit(f, x1).gradient_result(start=CalculusKit(f, X0).gradient_result())
        assert np.all(np.abs(again.value - slopes(x1)) <= 2 * again.error)
        calls.append(again.nfev_per_parameter)
    assert np.median(np.array(calls)[:, 1:]) == LOCAL
    assert np.median(np.array(calls)[:, 0]) <= 13


def test_a_line_by_itself_asks_for_its_whole_ladder():
    _, calls, rounds = follow(math.exp, 1.0)
    assert (calls, rounds) == (8, 1)


def test_a_plan_whose_rounds_are_dear_asks_for_whole_ladders_and_answers_as_the_kit():
    f = shaken(wave, 1e-6)
    plan = Plan("gradient_result", X0)
    assert len(plan.points()) == 8 * len(X0) + 1
    rounds = 0
    while not plan.done:
        plan.tell([f(x) for x in plan.points()])
        rounds += 1
    kit = CalculusKit(f, X0).gradient_result()
    assert plan.result().value.tobytes() == kit.value.tobytes()
    assert plan.result().error.tobytes() == kit.error.tobytes()
    assert rounds <= 4
