"""The default method: right on sharp functions and in noise, and honest where it cannot be."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from derivkit import CalculusKit, Status, UnresolvedWarning
from derivkit.methods.auto.auto import Auto
from derivkit.methods.auto.questions import LineQuestions
from derivkit.methods.protocol import BudgetSpentError, Line
from tests.methods.auto.driving import follow, noisy

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


def test_together_is_as_one_by_one():
    def f(x):
        return math.exp(x[0]) * math.sin(50 * x[1]) / (1 + x[2] ** 2) + noisy(np.exp, 1e-8)(x[3])

    x0 = [0.3, 1.1, 20.0, 0.7]
    together = CalculusKit(f, x0).gradient_result()
    for i in range(4):
        alone, _, _ = follow(lambda t, i=i: f([*x0[:i], t, *x0[i + 1 :]]), x0[i])
        assert abs(alone.value[0] - together.value[i]) <= 0.01 * together.error[i] + 1e-15
        assert alone.statuses()[0] is together.status[i]


def lines_in_noise():
    """Return lines of all kinds, and what is on each: noise, a kink, a wave, a wall, a constant."""
    kinds = [
        noisy(np.exp, 1e-6),
        noisy(lambda x: np.array([np.sin(x), np.cos(9 * x)])[0], 1e-4),
        abs,
        lambda x: math.sin(40 * x),
        lambda x: math.sqrt(x) if x > 0 else math.nan,
        lambda _: 2.0,
        lambda x: float(np.float32(math.exp(x))),
    ]
    lines = [Line(scale=abs(x0) or 1.0, origin=x0) for x0 in (0.3, -1.7, 0.0, 1.3, 0.01, 5.0, 0.9)]
    return kinds, lines


def told(f, line, t):
    return np.array([[float(f(line.origin + step))] for step in t]).reshape(-1, 1)


@pytest.mark.parametrize("order", [1, 2])
def test_lines_answer_to_the_bit_alike_whoever_is_judged_with_them(order):
    """How many lines have their values at a time depends on which calls of a model end first."""
    kinds, lines = lines_in_noise()

    def run(in_turn):
        solvers = Auto().solve_together(lines, order)
        wanted, answers = {k: next(solver) for k, solver in enumerate(solvers)}, {}
        while wanted:
            ready = [k for k in sorted(wanted) if not callable(wanted[k]) or wanted[k]()]
            for k in in_turn(ready):
                places = [] if callable(wanted[k]) else wanted[k]
                try:
                    wanted[k] = solvers[k].send(told(kinds[k], lines[k], places))
                except StopIteration as stop:
                    answers[k] = stop.value
                    del wanted[k]
        return answers

    together, one_by_one = run(lambda ks: ks), run(lambda ks: ks[:1])
    by_halves = run(lambda ks: ks[: 1 + len(ks) // 2])
    for k, answer in together.items():
        for other in (one_by_one[k], by_halves[k]):
            for name in ("value", "error", "noise", "noise_error", "step", "finite_bound"):
                ours, theirs = (np.asarray(getattr(a, name)) for a in (answer, other))
                assert ours.tobytes() == theirs.tobytes(), name
            assert other.statuses() == answer.statuses()


def test_what_all_lines_ask_in_a_round_is_answered_in_one_go(monkeypatch):
    at_a_time = []

    def counted(self, alike):
        at_a_time.append(len(alike))
        return answered(self, alike)

    answered = LineQuestions.answered
    monkeypatch.setattr(LineQuestions, "answered", counted)
    x0 = np.linspace(1.0, 2.0, 40)
    rng = np.random.default_rng(0)
    result = CalculusKit(lambda x: np.sin(x).sum() + 1e-6 * rng.standard_normal(), x0)
    assert (result.gradient_result().status == Status.NOISE_LIMITED).all()
    assert max(at_a_time) >= 39  # the first one shows that there is noise
    assert len(at_a_time) < 40  # a few for each round; each line asks five to ten times


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


def test_a_box_within_the_first_ladder_is_found():
    x0 = 4.679
    estimate, _, _ = follow(lambda x: math.sin(x) if abs(x - x0) < 3e-3 else math.nan, x0)
    assert abs(estimate.value[0] - math.cos(x0)) <= estimate.error[0] < 1e-9


def test_a_scale_of_a_millionth_is_found_through_values_of_any_size():
    with np.errstate(over="ignore"):
        estimate, _, _ = follow(lambda x: float(np.exp(4e5 * x)), 0.0)
    assert abs(estimate.value[0] - 4e5) <= estimate.error[0] < 1e-6 * 4e5
