"""Forecasts of the kinds that are made: supernovae, walls, waveforms, noise, a million data."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from benchmarks.forecast_coverage import coverage
from derivkit import ForecastKit, Verdict

Z = np.array([0.025, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.7])
N = np.array([300, 64, 124, 171, 179, 155, 130, 107, 94, 80])
NODES, WEIGHTS = np.polynomial.legendre.leggauss(60)


def moduli(theta):
    """Distance moduli of a flat universe: Om, w0, wa, and an offset."""
    om, w0, wa, offset = theta
    z = 0.5 * Z[:, None] * (NODES + 1)
    dark = (1 + z) ** (3 * (1 + w0 + wa)) * np.exp(-3 * wa * z / (1 + z))
    square = om * (1 + z) ** 3 + (1 - om) * dark
    return offset + 5 * np.log10((1 + Z) * 0.5 * Z * (square**-0.5 @ WEIGHTS))


def exact_moduli():
    """Derivatives at (0.28, -1, 0), by quadrature of their closed forms."""
    om = 0.28
    changes = [
        lambda z: (1 + z) ** 3 - 1,
        lambda z: (1 - om) * 3 * math.log(1 + z),
        lambda z: (1 - om) * 3 * (math.log(1 + z) - z / (1 + z)),
    ]

    def square(z):
        return om * (1 + z) ** 3 + 1 - om

    tight = {"epsabs": 1e-14, "epsrel": 1e-13}
    rows = []
    for z in Z:
        distance = quad(lambda t: square(t) ** -0.5, 0, z, **tight)[0]
        parts = [
            quad(lambda t, c=c: -0.5 * c(t) * square(t) ** -1.5, 0, z, **tight)[0] for c in changes
        ]
        rows.append([*(5 / math.log(10) * np.array(parts) / distance), 1.0])
    return np.array(rows)


def test_supernovae_have_the_sigmas_of_closed_forms_and_are_not_gaussian_without_a_prior():
    variances = 0.15**2 / N + (0.02 * Z / 1.7) ** 2
    kit = ForecastKit(moduli, [0.28, -1.0, 0.0, 43.0], variances, names=["Om", "w0", "wa", "M"])
    A = exact_moduli() / np.sqrt(variances)[:, None]
    C = np.linalg.inv(A.T @ A)
    check = kit.check_gaussian()
    result = check.fisher
    assert np.allclose(result.sigma, np.sqrt(np.diag(C)), rtol=1e-7)
    assert check.verdict is Verdict.NOT_GAUSSIAN
    assert "wa" in check.message
    merit = result.figure_of_merit("w0", "wa")
    assert math.isclose(merit.value, 1 / math.sqrt(np.linalg.det(C[1:3, 1:3])), rel_tol=1e-7)
    assert merit.error < 1e-6 * merit.value
    pivot = result.pivot("w0", "wa")
    assert math.isclose(pivot.a, 1 + C[1, 2] / C[2, 2], rel_tol=1e-6)
    assert math.isclose(pivot.sigma, math.sqrt(C[1, 1] - C[1, 2] ** 2 / C[2, 2]), rel_tol=1e-7)
    with_prior = result.with_prior({"Om": 0.01})
    exact = np.sqrt(np.diag(np.linalg.inv(A.T @ A + np.diag([1e4, 0, 0, 0]))))
    assert np.allclose(with_prior.sigma, exact, rtol=1e-7)
    assert kit.check_gaussian(with_prior).verdict is Verdict.TRUSTWORTHY


def test_a_wall_beside_the_fiducial_point_is_kept_clear_of():
    k, a, b = np.linspace(0.01, 1, 50), 1e-3, 2.0

    def model(theta):
        if theta[0] <= 0:
            raise ValueError("outside")
        return np.log(theta[0] + 0 * k) + theta[1] * np.sqrt(theta[0]) * k

    J = np.stack([1 / a + b * k / (2 * math.sqrt(a)), math.sqrt(a) * k], 1) / 0.1
    kit = ForecastKit(model, [a, b], 0.01, bounds=[(0, None), (None, None)])
    assert np.allclose(kit.fisher_result().sigma, np.sqrt(np.diag(np.linalg.inv(J.T @ J))), 1e-7)


def test_a_waveform_has_the_sigmas_of_its_closed_form():
    f = np.geomspace(20.0, 2e3, 100)

    def wave(theta):
        amplitude, mass, time, phase = theta
        psi = 2 * math.pi * f * time - phase + 30 * (math.exp(mass) * f / 20) ** (-5 / 3)
        return math.exp(amplitude) * f ** (-7 / 6) * np.exp(1j * psi)

    theta = [0.0, 0.2, 0.0, 0.0]
    h = wave(theta)
    chirp = -5 / 3 * 30 * (math.exp(0.2) * f / 20) ** (-5 / 3)
    J = np.stack([h, 1j * chirp * h, 2j * math.pi * f * h, -1j * h], 1)
    variances = np.abs(h) ** 2 / 25 * (1 + (f / 200) ** 2)
    F = (J.conj().T @ (J / variances[:, None])).real
    scale = np.sqrt(np.diag(F))
    C = np.linalg.inv(F / np.outer(scale, scale)) / np.outer(scale, scale)
    exact = np.sqrt(np.diag(C))
    names = ["A", "M", "t", "phi"]
    result = ForecastKit(wave, theta, variances, names=names).fisher_result()
    assert (np.abs(result.sigma - exact) <= result.sigma_error + 1e-13 * exact).all()
    assert (result.sigma_error < 1e-2 * exact).all()
    scaled = ForecastKit(wave, theta, variances, names=names, scale={"t": 1e-3}).fisher_result()
    assert np.allclose(scaled.sigma, exact, rtol=1e-10, atol=0)


@pytest.mark.parametrize("kind", ["independent", "one factor", "neighbours"])
def test_errors_hold_however_the_noise_of_the_data_goes_together(kind):
    found = coverage("growth", 1e-4, 16, kind)
    assert found["F"][0] >= 0.9
    assert found["sigma"][0] >= 0.9
    assert max(ratio for _, ratio in found.values()) < 15


@pytest.mark.parametrize("kind", ["variances", "precision"])
def test_a_hundred_thousand_data_take_no_square_of_memory(kind):
    from scipy import sparse

    from derivkit import Precision

    m = 100_000
    x = np.linspace(0, 1, m)
    weights = 1 / (1 + x) ** 2
    cov = 1 / weights if kind == "variances" else Precision(sparse.diags([weights], [0]))
    kit = ForecastKit(lambda t: t[0] * np.exp(-t[1] * x), [2.0, 1.0], cov)
    J = np.stack([np.exp(-x), -2 * x * np.exp(-x)], 1)
    exact = np.sqrt(np.diag(np.linalg.inv(J.T @ (weights[:, None] * J))))
    assert np.allclose(kit.fisher_result().sigma, exact, rtol=1e-9)
