"""Forecasts of seven parameters, and what one costs; runs in both environments."""

import time

import numpy as np

VARIANCE = 1e-4


def wave_and_decay(t, x):
    """The model of the budgets that tests assert."""
    wave = np.sin((6 + t[2]) * x + t[3]) * t[4]
    return t[1] * np.exp(-t[0] * x) + wave + t[5] * x**2 + np.cos((9 + t[6]) * x)


def shapes(t, x):
    """A decay, a wave and a peak."""
    wave = t[2] * np.sin(2 * t[3] * x + t[4])
    return t[0] * np.exp(-2 * t[1] * x) + wave + t[5] / (1 + 4 * t[6] * x**2)


MODELS = {
    "wave and decay": (wave_and_decay, [1.0, 2.0, 0.5, 0.3, 0.7, 1.1, 0.9]),
    "three shapes": (shapes, [2.0, 0.7, 0.5, 3.0, 0.4, 1.5, 0.8]),
}
PARTS = {"Fisher": None, "doublet": 2, "triplet": 3}


def cost(name, part, m, *, dense=False):
    """Return the calls of one forecast, its seconds of the processor less theirs, and F.

    Variances are given as a matrix where the package knows no other covariance of many data.
    """
    from derivkit import ForecastKit

    model, theta = MODELS[name]
    x, calls, inside = np.linspace(0.0, 1.0, m), [0], [0.0]

    def counted(t):
        start = time.process_time()
        out = model(t, x)
        calls[0] += 1
        inside[0] += time.process_time() - start
        return out

    kit = ForecastKit(
        counted, np.array(theta), VARIANCE * np.eye(m) if dense else np.full(m, VARIANCE)
    )
    start, order = time.process_time(), PARTS[part]
    found = kit.fisher() if order is None else kit.dali(forecast_order=order)[1][0]
    seconds = time.process_time() - start - inside[0]
    return calls[0], seconds, np.asarray(found).tolist()


def exact_fisher(name, m):
    """Return F by the complex step."""
    model, theta = MODELS[name]
    x, points = np.linspace(0.0, 1.0, m), np.array(theta) + 1e-30j * np.eye(len(theta))
    J = np.stack([model(point, x).imag / 1e-30 for point in points], axis=1)
    return J.T @ J / VARIANCE
