"""spline_gradient: exact tables, between their places, with errors that hold."""

import numpy as np
import pytest

from derivkit import sampled


def test_a_logarithmic_table_is_differentiated_between_its_places():
    x = np.geomspace(1e-3, 1e3, 200)
    at = np.geomspace(2e-3, 9e2, 57)
    d = sampled.spline_gradient(np.log(x), x, at=at)
    np.testing.assert_allclose(d, 1 / at, rtol=1e-4)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("noise", [0, 1e-5])
def test_errors_hold_and_are_useful(order, noise):
    rng = np.random.default_rng(0)
    held, ratio = [], []
    for _ in range(20):
        x = np.sort(rng.uniform(0, 1, 60)) + 0.3 * np.arange(60)
        f = np.sin(x) + noise * rng.normal(size=60)
        at = rng.uniform(x[0], x[-1], 200)
        result = sampled.spline_gradient_result(f, x, at=at, order=order)
        miss = np.abs(result.value - np.sin(at + order * np.pi / 2))
        held.append(miss <= result.error)
        ratio.append(result.error / np.maximum(miss, 1e-300))
    assert np.mean(held) >= 0.95
    assert np.median(ratio) < 20


@pytest.mark.parametrize("order", [1, 2])
def test_the_error_falls_with_the_fifth_power_less_the_order_above_one(order):
    def error(size):
        x = np.linspace(0.5, 1.5, size) ** 2
        d = sampled.spline_gradient(np.exp(x), x, order=order)
        return np.abs(d - np.exp(x)).max()

    assert np.log2(error(20) / error(40)) > 6 - order - 0.6


def test_polynomials_of_degree_5_are_exact_in_any_direction():
    x = np.cumsum(np.random.default_rng(1).uniform(0.5, 1.5, 20))[::-1]
    p = np.polynomial.Polynomial([1, 2, -1, 0.1, -0.01, 1e-3])
    np.testing.assert_allclose(sampled.spline_gradient(p(x), x), p.deriv()(x), rtol=1e-8, atol=1e-8)


def test_axes_dtypes_and_complex_tables():
    x = np.linspace(0, 3, 40)
    f = np.exp(1j * x)[:, None] * np.array([1, 2])
    result = sampled.spline_gradient_result(f.astype("c8"), x, at=[1.0, 2.0, 2.5], axis=0)
    assert result.value.shape == result.error.shape == (3, 2)
    assert (result.value.dtype, result.error.dtype) == (np.complex64, np.float32)
    np.testing.assert_allclose(
        result.value[:, 1], 2j * np.exp(1j * np.array([1, 2, 2.5])), atol=1e-4
    )


def test_short_tables_lower_the_degree_and_leave_the_error_unknown():
    result = sampled.spline_gradient_result([0.0, 1.0, 4.0], [0.0, 1.0, 2.0])
    np.testing.assert_allclose(result.value, [0, 2, 4], atol=1e-14)
    assert np.isinf(result.error).all()
    assert result.method == "interpolating spline of degree 2"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sampled.spline_gradient([1.0, 2.0, 3.0], at=[2.5]), "`at` must lie in the table"),
        (lambda: sampled.spline_gradient([1.0, 2.0, 3.0], at=[np.nan]), "`at` must lie in"),
        (lambda: sampled.spline_gradient([1.0, 2.0], order=2), "more than 2 samples"),
        (lambda: sampled.spline_gradient([1.0, np.inf, 3.0]), "must be finite"),
        (lambda: sampled.spline_gradient([1.0, 2.0, 3.0], [0, 0, 1]), "rise or fall strictly"),
    ],
)
def test_bad_requests_say_what_was_expected(call, words):
    with pytest.raises(ValueError, match=words):
        call()
