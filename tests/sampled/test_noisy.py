"""noisy_gradient: better than differences, its smoothness and errors taken from the samples."""

import numpy as np
import pytest
from scipy.signal import savgol_filter

from derivkit import sampled
from derivkit.sampled.savitzky_golay import polynomial_stencil

FUNCTIONS = {
    "sine": (np.sin, np.cos, lambda x: -np.sin(x)),
    "bump": (
        lambda x: 1 / (1 + x**2),
        lambda x: -2 * x / (1 + x**2) ** 2,
        lambda x: (6 * x**2 - 2) / (1 + x**2) ** 3,
    ),
    "line": (lambda x: 2 * x + 1, lambda x: 2 + 0 * x, lambda x: 0 * x),
}


def noisy(name, x, noise, seed=0, lines=20):
    rng = np.random.default_rng(seed)
    return FUNCTIONS[name][0](x)[:, None] + noise * rng.normal(size=(len(x), lines))


@pytest.mark.parametrize("noise", [1e-4, 1e-2, 0.1])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("method", "size"), [("spline", 150), ("spline", 800), ("savgol", 800)])
def test_errors_hold_and_are_useful(method, size, name, noise):
    x = np.linspace(-3, 3, size)
    lines = noisy(name, x, noise)
    # lines of the filter share a window, unless they are given alone
    parts = [lines] if method == "spline" else np.hsplit(lines, lines.shape[1])
    results = [sampled.noisy_gradient_result(part, x, axis=0, method=method) for part in parts]
    error = np.hstack([result.error for result in results])
    miss = np.abs(np.hstack([result.value for result in results]) - FUNCTIONS[name][1](x)[:, None])
    held, ratio = miss <= error, error / np.maximum(miss, 1e-300)
    assert np.mean(held) >= 0.95
    assert np.median(ratio) < 10


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("method", ["spline", "savgol"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_smoothing_gains_an_order_of_magnitude_over_differences(name, method, order):
    x = np.linspace(-3, 3, 600)
    y = noisy(name, x, 0.01)
    exact = FUNCTIONS[name][order](x)[:, None]

    def rms(d):
        return np.sqrt(np.mean((d - exact) ** 2))

    smooth = sampled.noisy_gradient(y, x, axis=0, order=order, method=method)
    assert rms(smooth) < 0.1 * rms(sampled.gradient(y, x, axis=0, order=order, accuracy=2))
    assert rms(smooth) < 0.15 * 10 ** (order - 1)


def test_uneven_samples_are_as_good():
    rng = np.random.default_rng(5)
    x = np.sort(rng.uniform(-3, 3, 300))
    y = noisy("sine", x, 0.01)
    result = sampled.noisy_gradient_result(y, x, axis=0)
    miss = np.abs(result.value - np.cos(x)[:, None])
    assert np.sqrt(np.mean(miss**2)) < 0.03
    assert np.mean(miss <= result.error) > 0.95


def test_the_smoothness_follows_the_noise():
    x = np.linspace(0, 6, 400)

    def freedom(noise):
        result = sampled.noisy_gradient_result(noisy("sine", x, noise), x, axis=0)
        return float(result.method.split()[2])

    assert freedom(0.3) < 0.7 * freedom(1e-4)


def test_each_line_has_its_own_smoothness():
    x = np.linspace(0, 6, 100)
    y = noisy("sine", x, np.array([1e-4, 0.3]), lines=2)
    both = sampled.noisy_gradient_result(y, x, axis=0)
    for i in range(2):
        alone = sampled.noisy_gradient_result(y[:, i], x)
        np.testing.assert_allclose(both.value[:, i], alone.value, atol=1e-8)
        np.testing.assert_allclose(both.error[:, i], alone.error, atol=1e-8)


def test_long_even_records_are_filtered_and_others_splined():
    rng = np.random.default_rng(0)
    assert "spline" in sampled.noisy_gradient_result(rng.normal(size=1000)).method
    assert "Savitzky-Golay" in sampled.noisy_gradient_result(rng.normal(size=1001)).method
    uneven = np.cumsum(rng.uniform(1, 2, 1001))
    assert "spline" in sampled.noisy_gradient_result(rng.normal(size=1001), uneven).method


@pytest.mark.parametrize(("window", "degree", "order"), [(7, 4, 1), (31, 4, 1), (21, 5, 2)])
def test_the_filter_is_that_of_scipy(window, degree, order):
    y = np.random.default_rng(1).normal(size=(80, 2))
    ours = polynomial_stencil(window, degree, order, 0.5).apply(y, 0)
    theirs = savgol_filter(y, window, degree, deriv=order, delta=0.5, axis=0, mode="interp")
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_long_windows_keep_their_conditioning():
    t = np.linspace(-1, 1, 1001)
    d = polynomial_stencil(1001, 6, 1, t[1] - t[0]).apply(t**6, 0)
    np.testing.assert_allclose(d, 6 * t**5, atol=1e-9)


@pytest.mark.parametrize("method", ["spline", "savgol"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_polynomials_pass_unharmed(method, order):
    x = np.linspace(1, 3, 60)
    p = np.polynomial.Polynomial([1, -2, 0.5])
    d = sampled.noisy_gradient(p(x), x, order=order, method=method)
    np.testing.assert_allclose(d, p.deriv(order)(x), atol=1e-6 * 10 ** (2 * order - 2))


@pytest.mark.parametrize("method", ["spline", "savgol"])
def test_units_scale_through(method):
    x = np.linspace(0, 6, 200)
    y = noisy("sine", x, 0.05)[:, 0]
    one = sampled.noisy_gradient_result(y, x, method=method)
    two = sampled.noisy_gradient_result(1e6 * y, 1e-3 * x, method=method)
    np.testing.assert_allclose(two.value, 1e9 * one.value, rtol=1e-5, atol=1e3)
    np.testing.assert_allclose(two.error, 1e9 * one.error, rtol=1e-5)


def test_falling_coordinates_turn_the_sign():
    x = np.linspace(0, 6, 200)
    y = noisy("sine", x, 0.05)[:, 0]
    for method in ("spline", "savgol"):
        rising = sampled.noisy_gradient_result(y, x, method=method)
        falling = sampled.noisy_gradient_result(y[::-1], x[::-1], method=method)
        np.testing.assert_allclose(falling.value[::-1], rising.value, atol=1e-6)
        np.testing.assert_allclose(falling.error[::-1], rising.error, atol=1e-6)


def test_a_large_offset_costs_no_more_than_its_rounding():
    x = np.linspace(0, 6, 200)
    y = noisy("sine", x, 0.05)[:, 0]
    moved = sampled.noisy_gradient(y + 2.0**30, x)
    np.testing.assert_allclose(moved, sampled.noisy_gradient(y, x), atol=1e-4)


def test_complex_samples_and_several_axes():
    rng = np.random.default_rng(3)
    x, y = np.linspace(0, 3, 40), np.linspace(0, 2, 50)
    f = np.exp(1j * (x[:, None] + 2 * y)) + 0.001 * rng.normal(size=(40, 50))
    by_x, by_y = sampled.noisy_gradient_result(f, x, y)
    np.testing.assert_allclose(by_x.value, 1j * f, atol=0.1)
    np.testing.assert_allclose(by_y.value, 2j * f, atol=0.1)
    assert by_x.error.dtype == np.float64


def test_single_precision_is_kept():
    result = sampled.noisy_gradient_result(np.random.default_rng(0).normal(size=30).astype("f4"))
    assert result.value.dtype == result.error.dtype == np.float32


def test_a_constant_has_no_slope():
    result = sampled.noisy_gradient_result(np.full(50, 3.0))
    np.testing.assert_allclose(result.value, 0, atol=1e-12)


@pytest.mark.parametrize(
    ("f", "kwargs", "words"),
    [
        (np.arange(7.0), {}, "at least 8 samples along axis 0"),
        (np.full(20, np.nan), {}, r"`f` must be finite, got nan at index \(0,\)"),
        (np.arange(20.0), {"method": "kalman"}, "`method` must be one of"),
        (np.arange(20.0), {"order": 0}, "`order` must be 1 or more"),
    ],
)
def test_bad_requests_say_what_was_expected(f, kwargs, words):
    with pytest.raises(ValueError, match=words):
        sampled.noisy_gradient(f, **kwargs)


def test_the_filter_wants_even_spacing():
    with pytest.raises(ValueError, match="evenly spaced for method='savgol'"):
        sampled.noisy_gradient(np.arange(20.0), np.arange(20.0) ** 2, method="savgol")


FEW = {  # f(x; a), its derivative, on [0, 1]; a is up to 1
    "sine": (lambda x, a: np.sin(7 * a * x + 1), lambda x, a: 7 * a * np.cos(7 * a * x + 1)),
    "step": (
        lambda x, a: np.tanh(6 * a * (x - 0.5)),
        lambda x, a: 6 * a / np.cosh(6 * a * (x - 0.5)) ** 2,
    ),
    "decay": (lambda x, a: np.exp(-3 * a * x), lambda x, a: -3 * a * np.exp(-3 * a * x)),
    "hump": (
        lambda x, a: np.exp(-((4 * a * (x - 0.4)) ** 2)),
        lambda x, a: -32 * a * a * (x - 0.4) * np.exp(-((4 * a * (x - 0.4)) ** 2)),
    ),
}


@pytest.mark.parametrize("method", ["spline", "savgol"])
@pytest.mark.parametrize("noise", [1e-3, 0.03, 0.2])
@pytest.mark.parametrize("size", [12, 16, 24])
def test_errors_hold_with_a_dozen_samples(method, size, noise):
    rng = np.random.default_rng([size, 4])
    x = np.linspace(0, 1, size)
    held = []
    for f, derivative in FEW.values():
        for a in rng.uniform(0.2, 1, 40):
            y = f(x, a) + noise * rng.standard_normal(size)
            result = sampled.noisy_gradient_result(y, x, method=method)
            held.append(np.abs(result.value - derivative(x, a)) <= result.error)
    assert np.mean(held) >= 0.95
