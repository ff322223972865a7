"""A gradient check finds every fault above its error bar, and raises no false alarm.

``DERIVKIT_CLAIMS=500`` draws so many claims of each sort; the page of promises has those figures.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from derivkit import (
    CalculusKit,
    assert_gradient,
    assert_hessian,
    assert_jacobian,
    check_gradient,
    check_hessian,
    check_jacobian,
)
from derivkit.check.comparison import Verdict, compare, margin

X0 = np.array([0.5, 2.0])
CLAIMS = int(os.environ.get("DERIVKIT_CLAIMS", "0"))


def model(x):
    return np.sin(x[0]) * x[1] ** 2


def gradient(x):
    return np.array([np.cos(x[0]) * x[1] ** 2, 2 * np.sin(x[0]) * x[1]])


def hessian(x):
    cross = 2 * np.cos(x[0]) * x[1]
    return np.array([[-np.sin(x[0]) * x[1] ** 2, cross], [cross, 2 * np.sin(x[0])]])


def vector(x):
    return np.array([np.sin(x[0]) * x[1], x[0] * x[1], x[1] ** 3])


def jacobian(x):
    rows = [[np.cos(x[0]) * x[1], np.sin(x[0])], [x[1], x[0]], [0.0, 3 * x[1] ** 2]]
    return np.array(rows)


# -- models by the seed: right gradients, and wrong ones


def random_model(seed, p):
    """A smooth function of p parameters of sizes 1e-3 … 1e3, its gradient, and a point."""
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(p, p)) / np.sqrt(p), random.normal(size=p)
    size, u0 = 10.0 ** random.uniform(-3, 3, size=p), random.normal(size=p)
    f, g = [
        (
            lambda u: 0.5 * np.sum((a @ u) ** 2) + b @ u + 0.1 * np.sum(u**4),
            lambda u: a.T @ (a @ u) + b + 0.4 * u**3,
        ),
        (
            lambda u: np.exp(0.3 * np.sin(u) @ b),
            lambda u: np.exp(0.3 * np.sin(u) @ b) * 0.3 * np.cos(u) * b,
        ),
        (
            lambda u: np.log1p(np.sum((a @ u) ** 2)),
            lambda u: 2 * a.T @ (a @ u) / (1 + np.sum((a @ u) ** 2)),
        ),
        (lambda u: np.sum(np.tanh(a @ u)) + 10.0, lambda u: a.T @ np.cosh(a @ u) ** -2.0),
        (lambda u: np.sum(np.cos(u * b)) + u @ b, lambda u: b - b * np.sin(u * b)),
    ][seed % 5]
    return (lambda x: f(x / size)), (lambda x: g(x / size) / size), u0 * size


def with_noise(f, level, seed):
    """The same with relative noise that is a function of the point."""

    def noisy(x):
        bits = np.frombuffer(np.asarray(x, dtype=float).tobytes(), dtype=np.uint32)
        draw = np.random.default_rng([seed, *bits.tolist()]).normal()
        return f(x) * (1.0 + level * draw)

    return noisy


def with_fault(right, seed):
    """A sign, a factor 2, a swapped index or a relative error of 1e-6."""
    random = np.random.default_rng(10_000 + seed)
    wrong, p = right.copy(), right.size
    i, kind = random.integers(p), seed % 4
    if kind == 0:
        wrong[i] *= -1.0
    elif kind == 1:
        wrong[i] *= 2.0
    elif kind == 2 and p > 1:
        wrong[[i, i - 1]] = wrong[[i - 1, i]]
    else:
        wrong[i] *= 1.0 + 1e-6
    return wrong


LEVELS = [0.0, 1e-10, 1e-6, 1e-3]


@pytest.mark.parametrize("level", LEVELS)
def test_no_right_gradient_raises_a_false_alarm(level):
    for seed in range(CLAIMS or 40):
        f, g, x0 = random_model(seed, 1 + seed % 7)
        result = check_gradient(with_noise(f, level, seed), g, x0)
        assert not result.entries.where(Verdict.DISAGREES).any(), str(result)


def test_all_faults_are_found_on_smooth_models():
    for seed in range(CLAIMS or 200):
        f, g, x0 = random_model(seed, 1 + seed % 7)
        wrong = with_fault(g(x0), seed // 5)
        result = check_gradient(f, wrong, x0)
        faulty = wrong != g(x0)
        np.testing.assert_array_equal(result.entries.where(Verdict.DISAGREES), faulty)


@pytest.mark.parametrize("level", LEVELS[1:])
def test_every_fault_above_its_error_bar_is_found_on_noisy_models(level):
    above = 0
    seeds = range(CLAIMS or 40)
    for seed in seeds:
        f, g, x0 = random_model(seed, 1 + seed % 7)
        wrong = with_fault(g(x0), seed // 5)
        result = check_gradient(with_noise(f, level, seed), wrong, x0)
        large = np.abs(wrong - g(x0)) > result.entries.bar
        above += large.sum()
        assert np.all(result.entries.where(Verdict.DISAGREES)[large]), str(result)
    assert above >= len(seeds) / 2  # the noise does not hide them all


# -- verdicts and tables


def test_a_right_gradient_agrees_for_every_parameter():
    result = check_gradient(model, gradient, X0)
    assert result.success
    assert result.verdict.tolist() == [Verdict.AGREES] * 2
    assert result.message == "2 of 2 derivatives agree"


def test_the_table_has_the_worst_first_and_says_by_how_many_error_bars():
    result = check_gradient(model, gradient(X0) * [1.0, 2.0], X0, names=["mass", "width"])
    first = result.rows()[0]
    assert first["derivative"] == "width"
    assert first["verdict"] is Verdict.DISAGREES
    assert first["error bars apart"] > 1e6
    lines = str(result).splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("derivative  claimed"))
    assert lines[head + 1].startswith("width")
    assert "1 of 2 derivatives agree, 1 disagree: width" in " ".join(lines)


def test_a_derivative_lost_in_noise_cannot_be_told():
    def drowned(x):
        return with_noise(lambda u: 1e3 + u[0], 1e-3, 1)(x) + 1e-5 * x[1] + 100 * x[2] ** 2

    result = check_gradient(drowned, np.array([1.0, 1e-5, 400.0]), np.array([1.0, 1.0, 2.0]))
    assert result.verdict[1] is Verdict.UNKNOWN
    assert "cannot be told" in str(result)


def test_where_nothing_can_be_told_an_assertion_fails():
    with pytest.raises(AssertionError, match=r"0 of 1 derivatives agree, 1 cannot be\stold"):
        assert_gradient(lambda x: abs(x[0]), [1.0], [0.0])


def test_a_zero_derivative_agrees_with_zero():
    assert check_gradient(lambda x: np.cos(x[0]) + x[1], [0.0, 1.0], [0.0, 1.0]).success


def test_a_wide_bar_at_a_nearly_zero_point_is_no_agreement():
    def f(x):
        return x[0] ** 2 + 3 * x[1] ** 2 + x[0] * x[1]

    for y in (1e-3, 1e-6, 1e-9, 1e-12, 1e-15, 0.0):
        right = check_hessian(f, [[2.0, 1.0], [1.0, 6.0]], [1.0, y])
        wrong = check_hessian(f, [[2.0, 1.0], [1.0, -60.0]], [1.0, y])
        assert right.success
        assert wrong.verdict[1, 1] is not Verdict.AGREES, y
        slopes = check_gradient(f, [2.0 + y, -1.0 + 6 * y], [1.0, y])
        assert slopes.verdict[1] is not Verdict.AGREES, y


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_exact_derivative_of_an_odd_function_agrees(scale):
    def langevin(x):
        u = x[0] / scale
        return 1 / np.tanh(u) - 1 / u if abs(u) > 1e-2 else u / 3 - u**3 / 45 + u**5 * 2 / 945

    assert_gradient(langevin, [1 / 3 / scale], [0.0], scale=scale)
    assert not check_gradient(langevin, [(1 + 1e-8) / 3 / scale], [0.0], scale=scale).success


def test_what_is_constant_agrees_with_zero_beside_what_is_not():
    def f(x):
        return np.exp(x[0]) + 0.0 * x[1]

    slope = np.exp(0.3)
    assert check_hessian(f, [[slope, 0.0], [0.0, 0.0]], [0.3, 1.0]).success
    assert (check_gradient(f, [slope, 0.0], [0.3, 1.0]).verdict == Verdict.AGREES).all()


def test_a_claim_that_is_not_finite_disagrees():
    result = check_gradient(model, [np.nan, 2 * np.sin(0.5) * 2.0], X0)
    assert result.verdict.tolist() == [Verdict.DISAGREES, Verdict.AGREES]


@pytest.mark.parametrize(
    ("check", "function", "claim", "wrong"),
    [
        (assert_gradient, model, gradient, lambda x: -gradient(x)),
        (assert_jacobian, vector, jacobian, lambda x: jacobian(x)[[0, 0, 2]]),
        (assert_hessian, model, hessian, lambda x: hessian(x) * [[1, 1], [1, 2]]),
    ],
)
def test_assertions_pass_in_silence_and_fail_with_the_table(check, function, claim, wrong):
    assert check(function, claim, X0) is None
    with pytest.raises(AssertionError, match="disagrees"):
        check(function, wrong, X0)


def test_jacobian_and_hessian_name_the_wrong_entries():
    wrong = jacobian(X0)
    wrong[1, 0] *= 1 + 1e-6
    assert "1 disagree: f[1] x[0]" in check_jacobian(vector, wrong, X0).message
    wrong = hessian(X0)
    wrong[0, 1] *= -1
    assert "1 disagree: x[0], x[1]" in check_hessian(model, wrong, X0).message


# -- many parameters

MANY = 300
WEIGHTS = np.linspace(1.0, 3.0, MANY)
FAR = np.linspace(0.3, 1.2, MANY)


def long_model(x):
    return np.sum(np.sin(WEIGHTS * x)) + 0.5 * np.sum(x[1:] * x[:-1])


def long_gradient(x):
    slopes = WEIGHTS * np.cos(WEIGHTS * x)
    slopes[:-1] += 0.5 * x[1:]
    slopes[1:] += 0.5 * x[:-1]
    return slopes


def long_hessian(x):
    pairs = 0.5 * (np.eye(MANY, k=1) + np.eye(MANY, k=-1))
    return np.diag(-(WEIGHTS**2) * np.sin(WEIGHTS * x)) + pairs


def test_many_parameters_are_settled_along_a_few_directions():
    result = check_gradient(long_model, long_gradient, FAR)
    assert result.success
    assert set(result.verdict) == {Verdict.AGREES}
    assert result.nfev < MANY / 5


@pytest.mark.parametrize("seed", range(8))
def test_faults_among_many_parameters_are_tracked_down(seed):
    random = np.random.default_rng(seed)
    places = random.choice(MANY, 2, replace=False)
    wrong = long_gradient(FAR)
    wrong[places[0]] *= -1.0
    wrong[places[1]] *= 1.0 + 1e-6
    result = check_gradient(long_model, wrong, FAR, seed=seed)
    assert sorted(np.flatnonzero(result.entries.where(Verdict.DISAGREES))) == sorted(places)
    assert result.entries.where(Verdict.AGREES).sum() == MANY - 2
    assert result.nfev < 3 * MANY


def test_swapped_entries_do_not_cancel_along_the_directions():
    wrong = long_gradient(FAR)
    wrong[[10, 11]] = wrong[[11, 10]]
    assert not check_gradient(long_model, wrong, FAR).success


def test_large_hessians_are_checked_along_directions_and_against_their_transpose():
    assert check_hessian(long_model, long_hessian, FAR).success
    wrong = long_hessian(FAR)
    wrong[7, 7] *= 2
    assert not check_hessian(long_model, wrong, FAR).success
    wrong = long_hessian(FAR)
    wrong[3, 4] *= -1
    assert "x[3], x[4]" in check_hessian(long_model, wrong, FAR).message


# -- claims and input


def test_a_claim_may_be_a_method_or_a_result_but_not_the_same_method_again():
    assert check_gradient(model, "complex_step", X0).success
    assert check_gradient(model, CalculusKit(model, X0).gradient_result("cs"), X0).success
    assert check_gradient(model, gradient, X0, "complex_step").method == "complex_step"
    with pytest.raises(ValueError, match="both sides of the check use 'auto'"):
        check_gradient(model, "auto", X0)
    with pytest.raises(ValueError, match="both sides of the check use 'complex_step'"):
        check_gradient(model, CalculusKit(model, X0).gradient_result("cs"), X0, "cs")


def test_a_jax_gradient_is_checked_against_the_default_method():
    jnp = pytest.importorskip("jax.numpy", reason="jax is not installed")
    kit = CalculusKit(lambda x: jnp.sin(x[0]) * x[1] ** 2, X0)
    assert check_gradient(model, kit.gradient_result("jax"), X0).success


def test_labelled_points_and_claims_keep_their_names():
    claim = dict(zip(["a", "b"], gradient(X0), strict=True))
    result = check_gradient(model, claim, {"a": 0.5, "b": 2.0}, call="array")
    assert result.success
    assert {row["derivative"] for row in result.rows()} == {"a", "b"}


@pytest.mark.parametrize(
    ("check", "claim", "message"),
    [
        (check_gradient, [1.0, 2.0, 3.0], r"`gradient` must have shape \(2,\), got \(3,\)"),
        (check_hessian, [[1.0, 2.0]], r"`hessian` must have shape \(..., 2, 2\), got \(1, 2\)"),
    ],
)
def test_a_claim_of_the_wrong_shape_is_refused(check, claim, message):
    with pytest.raises(ValueError, match=message):
        check(model, claim, X0)


def test_the_same_seed_gives_the_same_check():
    first, second = (check_gradient(long_model, long_gradient, FAR, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.directions.claimed, second.directions.claimed)
    other = check_gradient(long_model, long_gradient, FAR, seed=4)
    assert not np.array_equal(first.directions.claimed, other.directions.claimed)


# -- the arithmetic


def test_margin_grows_slowly_with_the_number_of_comparisons():
    margins = [margin(n) for n in (1, 10, 100, 1000)]
    assert margins == sorted(margins)
    assert 1 < margins[0] < 2
    assert margins[-1] < 20


@pytest.mark.parametrize(
    ("claimed", "error", "verdict"),
    [
        (1.0, 1e-6, Verdict.AGREES),
        (1.0 + 1e-6, 1e-6, Verdict.AGREES),
        (1.0 + 1e-5, 1e-6, Verdict.DISAGREES),
        (-1.0, 1e-6, Verdict.DISAGREES),
        (1.0, 2.0, Verdict.UNKNOWN),
        (1.0, np.inf, Verdict.UNKNOWN),
        (np.inf, 1e-6, Verdict.DISAGREES),
    ],
)
def test_verdicts_follow_from_distance_and_error(claimed, error, verdict):
    found = compare(np.array([claimed]), np.array([1.0]), np.array([error]), comparisons=1)
    assert found.verdict.tolist() == [verdict]


# -- what is negligible is judged by the scale on which f was seen to vary


@pytest.mark.parametrize("method", [None, "finite"])
@pytest.mark.parametrize("y", [1e-6, 1e-9])
@pytest.mark.filterwarnings("ignore::derivkit.errors.UnresolvedWarning")
def test_a_parameter_near_zero_lets_no_wrong_second_derivative_pass(y, method):
    def f(x):
        return np.sin(x[0]) + 3 * x[1] ** 2

    claim = [[-np.sin(1.0), 0.0], [0.0, -60.0]]
    result = check_hessian(f, claim, [1.0, y], method)
    assert result.entries.verdict[1, 1] is not Verdict.AGREES


@pytest.mark.parametrize(
    "f",
    [np.sin, np.tanh, np.arctan, np.sinh, lambda x: x + x**3, lambda x: x * np.cos(x)],
    ids=["sin", "tanh", "arctan", "sinh", "cubic", "x cos"],
)
@pytest.mark.parametrize("method", [None, "finite", "adaptive"])
def test_an_exact_third_of_an_odd_function_is_not_rejected(f, method):
    assert check_gradient(lambda x: f(x[0]) / 3, [1 / 3], [0.0], method).success


def test_a_zero_is_agreed_to_where_a_parameter_does_nothing():
    def f(x):
        return np.exp(x[0]) * (1 + x[1] - x[1]) + x[2] ** 2

    assert check_gradient(f, lambda x: [np.exp(x[0]), 0.0, 2 * x[2]], [1.0, 2.0, 0.0]).success


def test_only_what_is_asked_for_and_varies_is_compared():
    claim = lambda x: [2 * x[0] * x[1], x[0] ** 2]
    asked = check_gradient(lambda x: x[0] ** 2 * x[1], claim, [1.0, 2.0], wrt=[1])
    assert asked.message == "1 of 1 derivatives agree"
    assert asked.names == ("x[1]",)
    fixed = [(None, None), (2.0, 2.0)]
    held = check_gradient(lambda x: x[0] ** 2 * x[1], claim, [1.0, 2.0], bounds=fixed)
    assert held.success
    assert held.names == ("x[0]",)


@pytest.mark.parametrize(
    "claim", [[2.0 + 5.0j, 4.0], np.array(["2020-01-01"] * 2, "datetime64[D]")]
)
def test_claims_that_are_no_real_numbers_are_refused(claim):
    with pytest.raises(TypeError, match="`gradient` must be real numbers, got"):
        check_gradient(lambda x: x @ x, claim, [1.0, 2.0])
