"""Smoke tests of the benchmarks' own parts: references, drawn problems, scores."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1]))  # benchmarks/ is not installed

mp = pytest.importorskip("mpmath")

from benchmarks import held_out  # noqa: E402
from benchmarks.problem import Problem, deviate, with_noise  # noqa: E402
from benchmarks.problems import hand_written  # noqa: E402
from benchmarks.running import Answer, run  # noqa: E402
from benchmarks.scoring import components, score  # noqa: E402
from benchmarks.taylor import FLOATS, SERIES, hessian, partials  # noqa: E402


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Keep the references of a test out of the repository."""
    monkeypatch.setattr(held_out, "CACHE", tmp_path)
    monkeypatch.setattr("benchmarks.problems.definition.CACHE", tmp_path)


ELEMENTARY = {
    "exp": 0.4, "log": 1.7, "sin": 0.8, "cos": 0.8, "tan": 0.5, "tanh": 0.3, "sqrt": 2.0,
    "sinh": 0.7, "cosh": 0.7, "expm1": 0.2, "log1p": 0.3, "arctan": 0.9, "arcsin": 0.4,
    "arccos": 0.4, "erf": 0.6, "lgamma": 2.3, "j0": 1.1,
}  # fmt: skip


@pytest.mark.parametrize(("name", "x"), ELEMENTARY.items())
def test_every_elementary_function_has_its_exact_derivatives(name, x):
    series = [float(v) for v in partials(lambda x, m: getattr(m, name)(x[0]), [x], 4)[0]]
    number = getattr(SERIES, name)
    with mp.workdps(60):
        expected = [float(mp.diff(number, mp.mpf(x), k)) for k in range(5)]
    np.testing.assert_allclose(series, expected, rtol=1e-13)
    assert getattr(FLOATS, name)(x) == pytest.approx(series[0], rel=1e-14)


def test_the_exact_hessian_of_a_product_has_mixed_entries():
    H = hessian(lambda x, m: x[0] ** 2 * x[1] + m.exp(x[1]), [3.0, 0.0])
    np.testing.assert_array_equal(H.astype(float), [[0, 6], [6, 1]])


def test_a_seed_always_draws_the_same_problems():
    first, again = (held_out.draw(3, 10) for _ in range(2))
    other = held_out.draw(4, 10)
    assert [p.klass for p in first] == list("AABBCCDDEE")
    assert all(np.array_equal(a.gradient, b.gradient) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a.x0, b.x0) for a, b in zip(first, other, strict=True))


@pytest.mark.filterwarnings("ignore")
def test_hand_written_functions_agree_with_their_references_at_x0():
    problems = hand_written()
    assert len(problems) >= 300
    assert len({p.name for p in problems}) == len(problems)
    for p in problems:
        slack = max(20 * p.noise, 1e-9)
        assert p.f(p.x0.copy()) == pytest.approx(p.value, rel=slack), p.name


def test_noise_is_a_function_of_the_bytes_of_x_with_variance_one():
    xs = np.linspace(1.0, 2.0, 2000)[:, None]
    for kind in ("normal", "uniform"):
        sample = [deviate(x, kind) for x in xs]
        assert np.std(sample) == pytest.approx(1, abs=0.1)
    noisy = with_noise(lambda x: x[0], 1e-3)
    assert noisy(xs[3]) == noisy(xs[3]) != xs[3, 0]


def _problem(exact):
    x0 = np.ones(1)
    return Problem("p", "A", lambda x: x[0] ** 2, x0, np.array([exact]), np.array([2.0]), 1.0)


@pytest.mark.parametrize(
    ("value", "error", "fails", "silent", "covered", "certified"),
    [
        (2.0, 0.0, False, False, True, True),
        (2.0 + 1e-6, 1e-7, False, False, False, False),
        (2.0 + 1e-6, 1e-5, False, False, True, True),
        (2.0, 1.0, False, False, True, False),  # a bar too wide to be of use
        (3.0, 1e-9, True, True, False, False),
        (3.0, 0.5, True, False, False, False),
        (3.0, np.inf, True, False, True, False),
        (np.nan, np.inf, True, False, True, False),
    ],
)
def test_scores_tell_right_wrong_silent_and_certified_apart(
    value, error, fails, silent, covered, certified
):
    problem = _problem(2.0)
    outcomes = run(lambda f, x0, bounds: Answer([value], [error]), [problem])
    (c,) = components([problem], outcomes)
    assert (c.failed, c.silent, c.covered, c.certified) == (fails, silent, covered, certified)


def test_a_crash_and_a_hang_are_failures_and_calls_are_counted(monkeypatch):
    monkeypatch.setattr("benchmarks.running.TIMEOUT", 0.05)

    def crashes(f, x0, bounds):
        f(x0)
        raise RuntimeError("no")

    def hangs(f, x0, bounds):
        while True:
            f(x0)

    for adapter, word in ((crashes, "no"), (hangs, "stopped")):
        outcomes = run(adapter, [_problem(2.0)])
        assert word in outcomes[0].crash
        assert outcomes[0].calls > 0
        assert score(components([_problem(2.0)], outcomes), claims=True).fails == 100
