"""accuracy= and order=: exact on polynomials, converging as promised, edges included."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from derivkit import sampled
from derivkit.sampled.stencils import _BLOCK, window_weights

ACCURACIES = (2, 4, 6, 8)
GRIDS = {
    "even": lambda n: np.linspace(0, 1, n),
    "mapped": lambda n: np.linspace(0.5, 1.5, n) ** 2 / 2,
    "falling": lambda n: np.exp(-np.linspace(0, 1, n)),
    # Gaps alternate 1 : 2, so that nothing cancels between the sides of a sample.
    "zigzag": lambda n: np.cumsum(1 + np.arange(n) % 2) / (1.5 * n),
}


# Coarse enough for truncation to rule rounding, fine enough to be asymptotic.
SIZES = {2: (200, 400), 4: (100, 200), 6: (40, 80), 8: (20, 40)}


@pytest.mark.parametrize(
    ("order", "accuracy"),
    # In double precision there is no such size for order 3 and accuracy 8.
    [(k, p) for k in (1, 2, 3) for p in ACCURACIES if (k, p) != (3, 8)],
)
@pytest.mark.parametrize("grid", GRIDS)
def test_the_largest_error_falls_with_the_promised_power(grid, order, accuracy):
    def error(size):
        x = GRIDS[grid](size)
        d = sampled.gradient(np.exp(3 * x), x, accuracy=accuracy, order=order)
        return np.abs(d - 3**order * np.exp(3 * x)).max()

    coarse, fine = SIZES[accuracy]
    slope = np.log2(error(coarse) / error(fine))
    assert accuracy - 0.9 < slope < accuracy + 0.5


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    order=st.integers(1, 4),
    accuracy=st.sampled_from(ACCURACIES),
    gaps=st.lists(st.floats(0.2, 1.0), min_size=12, max_size=20),
    even=st.booleans(),
    start=st.floats(-2, 2),
)
def test_polynomials_below_order_plus_accuracy_are_exact(order, accuracy, gaps, even, start):
    x = start + (0.5 * np.arange(len(gaps)) if even else np.cumsum(gaps))
    centre = x.mean()
    power = order + accuracy - 1
    f = (x - centre) ** power
    exact = np.polynomial.Polynomial.fromroots([centre] * power).deriv(order)
    d = sampled.gradient(f, x, order=order, accuracy=accuracy)
    scale = np.abs(f).max() / np.abs(np.diff(x)).min() ** order
    np.testing.assert_allclose(d, exact(x), atol=1e-10 * scale)


def test_weights_agree_with_exact_arithmetic():
    rng = np.random.default_rng(4)
    nodes = np.sort(rng.uniform(-1, 1, (4, 9)), axis=1)
    weights = window_weights(nodes, nodes[:, 3], 2)
    with mpmath.workdps(40):
        for row, at, w in zip(nodes, nodes[:, 3], weights, strict=True):
            powers = mpmath.matrix(9, 9)
            for k in range(9):
                for j in range(9):
                    powers[k, j] = (mpmath.mpf(row[j]) - at) ** k
            exact = mpmath.lu_solve(powers, mpmath.matrix([0, 0, 2] + [0] * 6))
            np.testing.assert_allclose(w, np.array(exact.tolist(), float)[:, 0], rtol=1e-12)


def test_weights_scale_with_the_unit_down_to_the_smallest_floats():
    nodes = np.array([[0.0, 1.0, 3.0, 4.5]])
    plain = window_weights(nodes, nodes[:, 1], 1)
    tiny = window_weights(1e-200 * nodes, 1e-200 * nodes[:, 1], 1)
    np.testing.assert_allclose(tiny, plain * 1e200, rtol=1e-14)


def test_a_grid_longer_than_a_block_is_joined_without_a_seam():
    x = np.linspace(0, 1, 2 * _BLOCK + 5) ** 1.2
    d = sampled.gradient(np.sin(9 * x), x, accuracy=4)
    np.testing.assert_allclose(d[1:], 9 * np.cos(9 * x[1:]), atol=1e-7)


@pytest.mark.parametrize("axis", [0, 1, -1, (2, 0), None])
def test_every_axis_is_differentiated_by_itself(axis):
    x, y, z = np.linspace(0, 1, 9), np.linspace(0, 1, 10) ** 2, 0.3 * np.arange(11)
    a, b, c = np.meshgrid(x, y, z, indexing="ij")
    f = a**3 * b**2 * c
    exact = (3 * a**2 * b**2 * c, 2 * a**3 * b * c, a**3 * b**2)
    axes = (0, 1, 2) if axis is None else np.atleast_1d(axis)
    d = sampled.gradient(f, *[(x, y, 0.3)[i] for i in axes], axis=axis, accuracy=4)
    d = d if isinstance(d, tuple) else (d,)
    for i, one in zip(axes, d, strict=True):
        np.testing.assert_allclose(one, exact[i], atol=1e-12)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g", "c8", "c16"])
def test_the_precision_of_the_samples_is_kept(dtype):
    x = np.linspace(0, 1, 12)
    d = sampled.gradient((x**2).astype(dtype), x, accuracy=4)
    assert d.dtype == np.dtype(dtype)
    np.testing.assert_allclose(d, 2 * x, atol=100 * max(np.finfo(dtype).eps, 2e-16))


def test_integers_and_lists_become_floats():
    assert sampled.gradient([0, 1, 4, 9, 16, 25], accuracy=4).tolist() == pytest.approx(
        [0, 2, 4, 6, 8, 10]
    )


def test_complex_samples_are_two_real_ones():
    x = np.linspace(0, 1, 20)
    d = sampled.gradient(np.exp(1j * x), x, accuracy=6)
    np.testing.assert_allclose(d.real, sampled.gradient(np.cos(x), x, accuracy=6), atol=1e-13)
    np.testing.assert_allclose(d, 1j * np.exp(1j * x), atol=1e-8)


def test_accuracy_2_equals_numpy_with_edges_of_order_2():
    rng = np.random.default_rng(0)
    f, x = rng.normal(size=30), np.sort(rng.uniform(size=30))
    for grid in (x, 0.7):
        np.testing.assert_allclose(
            sampled.gradient(f, grid, accuracy=2), np.gradient(f, grid, edge_order=2), rtol=1e-9
        )


@pytest.mark.parametrize("accuracy", ACCURACIES)
def test_constants_have_derivative_zero_to_rounding(accuracy):
    for grid in (0.1, np.cumsum(np.random.default_rng(0).uniform(0.1, 0.3, 30))):
        d = sampled.gradient(np.full(30, 1e9), grid, accuracy=accuracy)
        np.testing.assert_allclose(d, 0, atol=1e-12 * 1e9 / 0.1)


def test_masked_samples_spread_as_nan_no_further_than_the_window():
    f = np.ma.masked_equal(np.arange(20), 10)
    d = sampled.gradient(f, accuracy=4)
    assert np.isnan(d[[8, 9, 11, 12]]).all()
    np.testing.assert_allclose(d[[*range(8), *range(13, 20)]], 1)


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "words"),
    [
        ((np.arange(9.0),), {"accuracy": 3}, ValueError, "`accuracy` must be one of"),
        ((np.arange(9.0),), {"accuracy": 4, "edge_order": 2}, ValueError, "`edge_order` must be"),
        ((np.arange(9.0),), {"order": 0}, ValueError, "`order` must be 1 or more, got 0"),
        ((np.arange(9.0),), {"order": 1.5}, TypeError, "`order` must be a whole number"),
        ((np.arange(4.0),), {"accuracy": 4}, ValueError, "at least 5 samples along axis 0"),
        ((np.arange(9.0), 0.0), {"accuracy": 4}, ValueError, "must be finite and not 0"),
        ((np.arange(9.0), np.ones(9)), {"accuracy": 4}, ValueError, "rise or fall strictly"),
        ((np.arange(9.0), np.ones(8)), {"accuracy": 4}, ValueError, r"shape \(9,\), got shape"),
        ((np.arange(9.0), 1.0, 2.0), {"accuracy": 4}, TypeError, "one for each of the 1 axes"),
        ((np.arange(9.0), "abc"), {"accuracy": 4}, TypeError, "must be real numbers"),
        ((np.array(["a"] * 9),), {"accuracy": 4}, TypeError, "real or complex numbers"),
        ((np.arange(9.0),), {"accuracy": 4, "axis": 1}, np.exceptions.AxisError, "axis 1"),
        ((np.ones((9, 9)),), {"accuracy": 4, "axis": (0, -2)}, ValueError, "each axis once"),
    ],
)
def test_bad_requests_say_what_was_expected(args, kwargs, error, words):
    with pytest.raises(error, match=words):
        sampled.gradient(*args, **kwargs)
