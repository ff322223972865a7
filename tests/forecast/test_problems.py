"""Forecasts of the kinds that are made: walls, waveforms, noise, a million data."""

import math

import numpy as np
import pytest

from benchmarks.forecast_coverage import coverage
from derivkit import ForecastKit


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


def test_errors_hold_where_what_no_polynomial_follows_is_shared_below_the_noise():
    assert coverage("ringing", 1e-3, 12)["F"][0] >= 0.95


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
