"""gradient_result: its errors hold, are not far too large, and are inf where nothing is known."""

import numpy as np
import pytest

from derivkit import sampled

FUNCTIONS = {
    "sine": (np.sin, np.cos),
    "exponential": (np.exp, np.exp),
    "bump": (lambda x: 1 / (1 + x**2), lambda x: -2 * x / (1 + x**2) ** 2),
    "narrow peak": (lambda x: np.exp(-4 * x**2), lambda x: -8 * x * np.exp(-4 * x**2)),
    "chirp": (lambda x: np.sin(x**2), lambda x: 2 * x * np.cos(x**2)),
    "cubic": (lambda x: x**3 - x, lambda x: 3 * x**2 - 1),
    "logarithm": (lambda x: np.log(x + 3.1), lambda x: 1 / (x + 3.1)),
}


def grid(kind, size, rng):
    t = np.linspace(-1, 1, size)
    return {"even": 3 * t, "uneven": 3 * np.sign(t) * np.abs(t) ** 1.5}.get(
        kind, np.sort(rng.uniform(-3, 3, size))
    )


@pytest.mark.parametrize("noise", [0, 1e-6, 1e-2])
@pytest.mark.parametrize("accuracy", [None, 2, 4, 8])
@pytest.mark.parametrize("kind", ["even", "uneven", "random"])
def test_errors_hold_and_are_useful(kind, accuracy, noise):
    rng = np.random.default_rng(1)
    held, ratio = [], []
    for f, derivative in FUNCTIONS.values():
        for _ in range(4):
            x = grid(kind, 200, rng)
            y = f(x) + noise * rng.normal(size=200)
            result = sampled.gradient_result(y, x, accuracy=accuracy)
            miss = np.abs(result.value - derivative(x))
            held.append(miss <= result.error)
            ratio.append(result.error / np.maximum(miss, 1e-300))
    assert np.mean(held) >= 0.97
    assert np.median(ratio) < (15 if kind == "random" else 8)


def test_single_precision_is_judged_as_such():
    x = np.linspace(-3, 3, 2000)
    result = sampled.gradient_result(np.sin(x).astype("f4"), x, accuracy=8)
    miss = np.abs(result.value - np.cos(x))
    assert result.error.dtype == np.float32
    assert np.mean(miss <= result.error) >= 0.97
    assert result.error.max() < 1e-3


@pytest.mark.parametrize("kwargs", [{}, {"edge_order": 2}, {"accuracy": 6}, {"order": 2}])
def test_the_value_is_that_of_gradient(kwargs):
    f = np.random.default_rng(0).normal(size=(12, 14))
    results = sampled.gradient_result(f, 0.5, 2.0, **kwargs)
    for result, value in zip(results, sampled.gradient(f, 0.5, 2.0, **kwargs), strict=True):
        np.testing.assert_array_equal(result.value, value)
        assert result.error.shape == f.shape


def test_too_few_samples_leave_the_error_unknown():
    result = sampled.gradient_result(np.arange(4.0))
    assert np.isinf(result.error).all()
    assert np.isfinite(sampled.gradient_result(np.arange(5.0)).error).all()
    assert np.isinf(sampled.gradient_result(np.arange(2.0)).error).all()


def test_nan_makes_the_error_inf_nearby_and_nowhere_else():
    f = np.sin(np.linspace(0, 3, 60))
    f[30] = np.nan
    error = sampled.gradient_result(f, 3 / 59, accuracy=2).error
    assert np.isinf(error[[28, 29, 31, 32]]).all()
    assert np.isfinite(error[:28]).all()
    assert np.isfinite(error[33:]).all()


def test_a_kink_shows_in_the_error():
    x = np.linspace(-1, 1, 101)
    result = sampled.gradient_result(np.abs(x - 0.005), x, accuracy=4)
    miss = np.abs(result.value - np.sign(x - 0.005))
    assert (miss <= 2 * result.error + 1e-13).all()
    assert np.mean(miss <= result.error + 1e-13) > 0.98
    assert result.error[[20, 80]].max() < 1e-10


def test_lines_of_an_array_are_judged_one_by_one():
    rng = np.random.default_rng(2)
    f = np.sin(np.linspace(0, 3, 50)) + np.array([[0.0], [0.1]]) * rng.normal(size=(2, 50))
    both = sampled.gradient_result(f, 3 / 49, axis=1)
    for i in range(2):
        np.testing.assert_allclose(
            both.error[i], sampled.gradient_result(f[i], 3 / 49).error, rtol=1e-10
        )
    assert both.error[1].min() > both.error[0].max()


def test_coordinates_must_be_in_order_to_be_judged():
    with pytest.raises(ValueError, match="rise or fall strictly"):
        sampled.gradient_result(np.arange(6.0), [0.0, 2.0, 1.0, 3.0, 4.0, 5.0])
