"""The families of everyday models: their exact derivatives, and how an answer is scored."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1]))  # benchmarks/ is not installed

mp = pytest.importorskip("mpmath")

from benchmarks import kinds  # noqa: E402
from benchmarks.families import FAMILIES, Draw, Output, drawn  # noqa: E402
from benchmarks.running import Outcome  # noqa: E402
from benchmarks.taylor import SERIES  # noqa: E402


def measured(output, x0, order, direction=0):
    """Return the derivative by mpmath's own differences in 120 digits."""
    with mp.workdps(120):
        h = mp.mpf(10) ** -50 if order < 6 else mp.mpf(10) ** -30
        x = mp.mpf(x0) + direction * h  # one-sided nodes that stay on their side
        return float(mp.diff(lambda x: output.function(x, SERIES), x, order, h=h / 1000))


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_knows_its_exact_derivatives(name):
    for i in range(6):
        draw = drawn(name, 3, i)
        for output in draw.outputs[:4]:
            if output.truth == "none":
                sides = [(d, e) for d, e in zip((-1, 1), output.exact, strict=True)]
                sides = [(d, e) for d, e in sides if np.isfinite(e)]
            else:
                sides = [(0, output.exact)]
            for direction, exact in sides:
                found = measured(output, draw.x0, draw.order, direction)
                assert found == pytest.approx(exact, rel=1e-12, abs=1e-20 * output.unit), (name, i)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_seed_always_draws_the_same_model_and_x0_lies_in_its_domain(name):
    for i in range(3):
        first, again, other = drawn(name, 5, i), drawn(name, 5, i), drawn(name, 6, i)
        x = np.array([first.x0])
        values = np.ravel(first.f(x.copy()))
        assert first.x0 == again.x0
        assert values.tolist() == np.ravel(again.f(x.copy())).tolist()
        assert len(values) == len(first.outputs)
        assert np.isfinite(values).all()
        assert other.outputs[0].exact != first.outputs[0].exact or first.outputs[0].exact == 0


def test_every_truth_is_drawn_and_no_family_is_alike_in_size():
    truths = {o.truth for name in FAMILIES for i in range(6) for o in drawn(name, 1, i).outputs}
    assert truths == {"exact", "none", "hidden"}
    assert len(FAMILIES) >= 30


def entry(truth, exact, value, bar, crash=None):
    output = Output(truth, exact, float(np.max(np.abs(exact))), 1e-3, None)
    outcome = Outcome("o", [value], [bar], 5, 0.0, 0.0, ["converged"], crash)
    return kinds.Entry(Draw("f", None, 1.0, [output]), output, value, bar, outcome)


@pytest.mark.parametrize(
    ("truth", "exact", "value", "bar", "fails", "silent", "covered", "certified"),
    [
        ("exact", 2.0, 2.0001, 1e-3, False, False, True, True),
        ("exact", 2.0, 2.0001, 1e-5, False, False, False, False),
        ("exact", 2.0, 2.0, 1.0, False, False, True, False),  # a bar too wide to be of use
        ("exact", 2.0, 3.0, 1e-3, True, True, False, False),
        ("exact", 2.0, 3.0, np.inf, True, False, True, False),
        ("none", (1.0, 2.0), 1.5, np.inf, False, False, True, True),
        ("none", (1.0, 2.0), 1.5, 0.6, True, False, True, False),
        ("none", (1.0, 2.0), 1.5, 1e-3, True, True, False, False),
        ("hidden", 2.0, 0.0, np.inf, False, False, True, True),
        ("hidden", 2.0, 0.0, 1e-12, True, True, False, False),
        ("hidden", 2.0, 0.0, 3.0, True, False, True, False),  # claims nothing as if it were much
        ("hidden", 2.0, 1.5, 0.6, False, False, True, True),
    ],
)
def test_an_answer_is_scored_by_what_is_true(
    truth, exact, value, bar, fails, silent, covered, certified
):
    e = entry(truth, exact, value, bar)
    assert (e.failed, e.silent, e.covered, e.certified) == (fails, silent, covered, certified)


def test_a_crash_is_a_failure_of_every_kind():
    for truth, exact in (("exact", 1.0), ("none", (0.0, 1.0)), ("hidden", 1.0)):
        crashed = entry(truth, exact, np.nan, np.inf, crash="ModelError")
        assert crashed.failed
        assert not crashed.silent


def test_the_runner_prints_a_line_a_family_and_the_mean(capsys):
    kinds.main(["--n", "1", "--only", "smooth,kink,high_order", "--method", "finite:num_points=9"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[2:]] == ["smooth", "kink", "high_order", "mean"]
