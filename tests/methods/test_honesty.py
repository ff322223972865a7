"""Errors hold: over hundreds of functions and points drawn at random, clean and noisy.

Nothing here was looked at while the methods were made: functions, points and noise come from a
seed, and another seed is as good.
"""

import numpy as np
import pytest

from derivkit.methods import Adaptive, Finite, Fornberg, LocalPolynomial
from derivkit.methods.protocol import Line
from derivkit.testing import follow

PAIRS = 240
HALF_ULP = 2.0**-53

# Each: f(x), f'(x), for shape numbers a, b of order 1; x is in (0.1, 10), either sign where it may.
FAMILIES = [
    (lambda x, a, b: a * np.sin(b * x), lambda x, a, b: a * b * np.cos(b * x)),
    (lambda x, a, b: np.exp(-a * x) + b, lambda x, a, b: -a * np.exp(-a * x)),
    (lambda x, a, b: np.log(a + x**2) * b, lambda x, a, b: 2 * b * x / (a + x**2)),
    (lambda x, a, b: a / (b + x**2), lambda x, a, b: -2 * a * x / (b + x**2) ** 2),
    (lambda x, a, b: np.tanh(a * x) - b, lambda x, a, b: a / np.cosh(a * x) ** 2),
    (lambda x, a, b: a * x**3 - b * x, lambda x, a, b: 3 * a * x**2 - b),
    (lambda x, a, b: np.sqrt(a + b * x**2), lambda x, a, b: b * x / np.sqrt(a + b * x**2)),
    (
        lambda x, a, b: np.exp(np.cos(a * x)) * b,
        lambda x, a, b: -a * b * np.sin(a * x) * np.exp(np.cos(a * x)),
    ),
    (
        lambda x, a, b: x * np.arctan(a * x) / b,
        lambda x, a, b: (np.arctan(a * x) + a * x / (1 + (a * x) ** 2)) / b,
    ),
    (lambda x, a, b: (a + x**2) ** -b, lambda x, a, b: -2 * b * x * (a + x**2) ** (-b - 1)),
]


def pairs(seed):
    rng = np.random.default_rng(seed)
    for k in range(PAIRS):
        function, derivative = FAMILIES[k % len(FAMILIES)]
        a, b = rng.uniform(0.3, 2.0, 2)
        x = 10.0 ** rng.uniform(-1, 1) * rng.choice([-1, 1])
        yield lambda t, f=function, x=x, a=a, b=b: f(x + t, a, b), derivative(x, a, b), x


def claims(method, noise, seed):
    """Return whether each error holds, and how many times too large it is."""
    rng = np.random.default_rng([seed, 1])
    held, times = [], []
    for function, exact, x in pairs(seed):

        def noisy(t, f=function):
            return f(t) * (1 + noise * rng.standard_normal(t.shape))

        answer = follow(method, noisy, Line(scale=abs(x), origin=x)).answer
        true_error = abs(answer.value[0] - exact)
        held.append(true_error <= answer.error[0] + HALF_ULP * abs(exact))
        times.append(answer.error[0] / max(true_error, HALF_ULP * abs(exact)))
    return np.mean(held), np.median(times)


METHODS = [
    Finite(),
    Finite(num_points=3),
    *(
        Finite(extrapolation=e, levels=levels)
        for e in ("richardson", "ridders", "gauss-richardson")
        for levels in (None, 4)
    ),
    Adaptive(),
    Adaptive(n_points=12),
    Fornberg(),
    LocalPolynomial(),
]


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("noise", [0.0, 1e-6])
def test_nineteen_of_twenty_errors_hold(method, noise):
    share, _ = claims(method, noise, seed=20)
    assert share >= 0.95


@pytest.mark.parametrize("method", [Fornberg(), Finite(extrapolation="richardson", levels=2)])
@pytest.mark.parametrize("noise", [1e-14, 1e-12, 1e-10, 1e-8])
def test_noise_that_hardly_shows_beside_the_signal_is_in_the_error_of_few_samples(method, noise):
    share, _ = claims(method, noise, seed=22)
    assert share >= 0.93


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("noise", [0.0, 1e-6])
def test_errors_are_not_twenty_times_too_large(method, noise):
    _, times = claims(method, noise, seed=21)
    assert times < 20
