"""The examples on real data: what they compute is compared with published or exact values."""

import re
import runpy
import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
from mpmath import mp

from derivkit import CalculusKit, DerivativeResult, Program, UnresolvedWarning

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_misra1a_reproduces_the_certified_residual_sum_of_squares():
    misra1a = example("misra1a")
    theta = np.array(list(misra1a["CERTIFIED"].values()))
    assert misra1a["rss"](theta) == pytest.approx(misra1a["CERTIFIED_RSS"], rel=1e-10)


def misra1a_gradient(misra1a, theta):
    """d log L / d (b1, b2) by hand, in 30 digits: in floats it is rougher than derivkit."""
    with mp.workdps(30):
        b1, b2 = map(mp.mpf, theta)
        terms = [
            (y - b1 * (1 - mp.exp(-b2 * x)), 1 - mp.exp(-b2 * x), b1 * x * mp.exp(-b2 * x))
            for y, x in misra1a["MEASURED"].tolist()
        ]
        variance = mp.mpf(misra1a["CERTIFIED_RESIDUAL_SD"]) ** 2
        return np.array([float(sum(t[0] * t[k] for t in terms) / variance) for k in (1, 2)])


def misra1a_rounding(misra1a, theta):
    """How far the rounding of the residuals, eps |y|, moves the gradient of what is computed."""
    b1, b2 = theta
    decay = np.exp(-b2 * misra1a["PRESSURE"])
    slopes = np.array([1.0 - decay, b1 * misra1a["PRESSURE"] * decay])
    eps = np.finfo(float).eps
    return eps * slopes @ misra1a["VOLUME"] / misra1a["CERTIFIED_RESIDUAL_SD"] ** 2


@pytest.mark.parametrize(
    "theta", [(238.94212918, 5.5015643181e-4), (250.0, 5e-4), (500.0, 1e-4)], ids=str
)
def test_the_gradient_of_misra1a_is_right_and_within_its_error(theta):
    misra1a = example("misra1a")
    result = CalculusKit(misra1a["log_likelihood"], theta).gradient_result()
    exact, rounding = misra1a_gradient(misra1a, theta), misra1a_rounding(misra1a, theta)
    assert np.all(np.abs(result.value - exact) <= result.error + rounding)
    assert np.all(result.error <= 1e-8 * np.abs(exact) + 1e4 * rounding)


def test_the_supernova_gradient_agrees_with_its_formula_for_the_offset():
    supernovae = example("supernovae")
    theta = np.array(list(supernovae["FIDUCIAL"].values()))
    result = CalculusKit(
        supernovae["log_likelihood"], supernovae["FIDUCIAL"], call="array"
    ).gradient_result()
    pulls = (supernovae["MAGNITUDE"] - supernovae["magnitudes"](theta)) / supernovae["SIGMA"] ** 2
    assert result.value[2] == pytest.approx(pulls.sum(), rel=1e-8)
    assert result.success


def test_the_supernova_distances_are_those_of_an_empty_and_of_a_full_universe():
    supernovae = example("supernovae")
    z = supernovae["REDSHIFT"]
    einstein_de_sitter = 2.0 * (1.0 + z) * (1.0 - 1.0 / np.sqrt(1.0 + z))
    np.testing.assert_allclose(
        supernovae["magnitudes"](np.array([1.0, -1.0, 0.0])),
        5.0 * np.log10(einstein_de_sitter),
        atol=1e-12,
    )
    de_sitter = (1.0 + z) * z
    np.testing.assert_allclose(
        supernovae["magnitudes"](np.array([0.0, -1.0, 0.0])), 5.0 * np.log10(de_sitter), atol=1e-12
    )


def test_the_epidemic_gradient_agrees_with_that_of_a_thousand_times_tighter_solver():
    epidemic = example("epidemic")
    theta = np.array(list(epidemic["NEAR_THE_BEST"].values()))
    rough = CalculusKit(epidemic["log_likelihood"], theta).gradient_result()

    def tight(t):
        return epidemic["log_likelihood"](t, 1e-12)

    h = 1e-3 * theta
    points = [theta + k * step for step in np.diag(h) for k in (-2, -1, 1, 2)]
    f = np.reshape([tight(x) for x in points], (2, 4))
    five_point = (f @ [1.0, -8.0, 8.0, -1.0]) / (12.0 * h)
    np.testing.assert_allclose(rough.value, five_point, rtol=2e-3, atol=0.2)


@pytest.mark.skipif(shutil.which("awk") is None, reason="needs awk")
def test_the_period_of_a_small_pendulum_has_the_textbook_derivatives():
    period = example("external_program")["period"]
    g, length = 9.81, 1.0
    gradient = CalculusKit(period, [g, length, 1e-5]).gradient()
    small = 2.0 * np.pi * np.sqrt(length / g)
    np.testing.assert_allclose(gradient[:2], [-small / (2 * g), small / (2 * length)], rtol=1e-7)


@pytest.mark.parametrize(
    ("problem", "near"), [("valley", 1e-6), ("misra1a", 1e-8), ("noisy bowl", 1e-3)]
)
def test_optimisers_end_nearer_with_our_gradient_than_with_their_own(problem, near):
    with warnings.catch_warnings():  # far from its optimum misra1a is constant to the bit
        warnings.simplefilter("ignore", UnresolvedWarning)
        found = example("optimiser")["distances"](problem)
    assert found["derivkit"][0] < near
    assert found["derivkit"][0] < 0.1 * found["own"][0]


C_PROGRAMS = [  # page, arguments, exact gradient there
    ("engineering", [9.81, 1.0], [-1 / 9.81**2, 1 / 9.81]),
    ("r-matlab-julia", [1.5, 0.3], np.exp(-0.3) * np.array([np.cos(1.5), -np.sin(1.5)])),
]


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize(("page", "theta", "exact"), C_PROGRAMS, ids=[c[0] for c in C_PROGRAMS])
def test_the_c_programs_of_the_tutorials_compile_and_are_differentiated(
    page, theta, exact, tmp_path
):
    text = (EXAMPLES.parent / "docs" / "tutorials" / f"{page}.md").read_text()
    (tmp_path / "model.c").write_text(re.search(r"```c\n(.*?)```", text, re.DOTALL)[1])
    command = ["cc", "-O2", "-o", "model", "model.c", "-lm"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=300)
    result = CalculusKit(Program(f"{tmp_path}/model {{theta}}"), theta).gradient_result()
    assert np.all(np.abs(result.value - exact) <= result.error)
    assert np.all(result.error < 1e-9)


def test_the_stored_run_of_camb_has_an_error_for_each_of_six_parameters():
    stored = EXAMPLES.parent / "notebooks" / "stored" / "camb_gradient.json"
    result = DerivativeResult.from_json(stored.read_text())
    assert result.names == ("H0", "ombh2", "omch2", "As", "ns", "tau")
    assert result.success
    assert np.all(result.error < 0.01 * np.abs(result.value))
    assert len(str(result).splitlines()) == 8


def test_the_stored_forecast_of_camb_gains_most_on_the_amplitude_from_a_prior_on_tau():
    stored = EXAMPLES.parent / "notebooks" / "stored" / "camb_fisher.txt"
    text = stored.read_text()
    assert text.count("not Gaussian: ") == 2  # both have been checked
    sigmas = re.findall(r"^As +\S+ +(\S+)", text, re.MULTILINE)
    alone, with_tau = map(float, sigmas)
    assert 4 < alone / with_tau < 5
