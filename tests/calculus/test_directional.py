"""Directional derivatives, Hessian-vector products and single mixed entries."""

import numpy as np
import pytest

from derivkit import CalculusKit, UnresolvedWarning
from derivkit.calculus.directional import build_directional, build_hvp, build_mixed

X0 = np.array([0.5, 0.7, 1.1])


def f(x):
    return float(np.exp(x[0] * x[1]) * np.sin(x[2]) + x[0] ** 2 * x[2])


def exact_hessian():
    x, y, z = X0
    e, s, c = np.exp(x * y), np.sin(z), np.cos(z)
    H = np.array(
        [
            [y * y * e * s + 2 * z, (1 + x * y) * e * s, y * e * c + 2 * x],
            [0, x * x * e * s, x * e * c],
            [0, 0, -e * s],
        ]
    )
    return H + np.triu(H, 1).T


def exact_gradient():
    x, y, z = X0
    e, s = np.exp(x * y), np.sin(z)
    return np.array([y * e * s + 2 * x * z, x * e * s, e * np.cos(z) + x * x])


@pytest.mark.parametrize("v", [[1.0, 0.0, 0.0], [1.0, -2.0, 0.5], [1e-6, 2e-6, 0.0], [0, 0, -1e3]])
def test_a_directional_derivative_is_the_gradient_times_v(v):
    result = CalculusKit(f, X0).directional_result(v)
    exact = exact_gradient() @ v
    assert abs(result.value - exact) <= 2 * result.error
    assert result.error <= 1e-10 * abs(exact)


def test_a_directional_derivative_takes_one_line_however_many_parameters():
    p = 200
    result = CalculusKit(lambda x: float(np.sin(x).sum()), np.ones(p)).directional_result(
        np.ones(p)
    )
    assert result.nfev <= 13
    np.testing.assert_allclose(result.value, p * np.cos(1), rtol=1e-11)


def test_second_directional_derivatives_are_the_quadratic_form():
    v = np.array([1.0, -2.0, 0.5])
    result = CalculusKit(f, X0).directional_result(v, order=2)
    np.testing.assert_allclose(result.value, v @ exact_hessian() @ v, rtol=1e-8)


def test_a_direction_may_be_labelled():
    kit = CalculusKit(f, {"a": 0.5, "b": 0.7, "c": 1.1}, call="array")
    value = kit.directional({"a": 1.0, "b": 0.0, "c": 0.0})
    np.testing.assert_allclose(value, exact_gradient()[0], rtol=1e-10)


@pytest.mark.parametrize(
    "v", [[1.0, -2.0, 0.5], [0.0, -3.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
)
def test_a_hessian_vector_product_is_the_hessian_times_v(v):
    result = CalculusKit(f, X0).hvp_result(v)
    exact = exact_hessian() @ v
    np.testing.assert_allclose(result.value, exact, atol=1e-8)
    assert (np.abs(result.value - exact) <= result.error).all()


@pytest.mark.parametrize("method", ["auto", "adaptive", "finite"])
@pytest.mark.parametrize("v", [[1.0, 1.0, 0.0], [-1.0, -2.0, 0.5]])
def test_a_direction_that_leads_out_of_a_corner_both_ways_has_its_derivatives(method, v):
    bounds = [(X0[0], None), (None, X0[1]), (None, None)]

    def inside(x):
        assert x[0] >= X0[0]
        assert x[1] <= X0[1]
        return f(x)

    kit = CalculusKit(inside, X0, bounds=bounds)
    exact = {1: exact_gradient() @ v, 2: exact_hessian() @ v @ v}
    for order in (1, 2):
        result = kit.directional_result(v, method, order=order)
        assert abs(result.value - exact[order]) <= result.error < 1e-3
        assert result.rows()[0]["parameter"] == "the direction"
    product = kit.hvp_result(v, method)
    assert (np.abs(product.value - exact_hessian() @ v) <= product.error).all()
    assert (product.error < 1e-3).all()


@pytest.mark.parametrize("settings", [{}, {"executor": "threads"}], ids=str)
def test_one_parameter_may_be_followed_downwards(settings):
    kit = CalculusKit(f, X0, **settings)
    result = kit.directional_result([0.0, -2.0, 0.0], n_workers=2 if settings else None)
    assert abs(result.value + 2 * exact_gradient()[1]) <= result.error


def test_a_direction_of_one_parameter_keeps_to_its_budget_on_a_bound():
    for bounds in ([(0.5, None)], [(None, 0.5)]):
        kit = CalculusKit(lambda x: np.exp(x[0]), [0.5], bounds=bounds)
        with pytest.warns(UnresolvedWarning):
            result = kit.directional_result([-1.0], "adaptive", max_evaluations=5)
        assert result.nfev <= 5


@pytest.mark.parametrize("digits", [4, 8])
def test_a_hessian_vector_product_holds_in_noise(digits):
    def printed(x):
        return round(float(f(x)), digits)

    for v in ([1.0, 1.0, 1.0], [1.0, 2.0, -3.0], [1.0, 0.0, 1.0]):
        result = CalculusKit(printed, X0).hvp_result(v)
        off = np.abs(result.value - exact_hessian() @ v)
        assert (off <= result.error).all(), v
        assert (off <= 10.0 ** (1 - digits / 2)).all(), v


def test_a_hessian_vector_product_takes_fewer_calls_than_the_hessian():
    p = 12
    rng = np.random.default_rng(0)
    A, x0, v = rng.normal(size=(p, p)) / p, np.ones(p), rng.normal(size=p)

    def wave(x):
        return float(np.sin(A @ x).sum())

    product, whole = CalculusKit(wave, x0).hvp_result(v), CalculusKit(wave, x0).hessian_result()
    assert product.nfev < 0.75 * whole.nfev
    np.testing.assert_allclose(product.value, whole.value @ v, atol=1e-7)


@pytest.mark.parametrize(
    ("indices", "exact"),
    [
        ((1,), exact_gradient()[1]),
        ((0, 2), exact_hessian()[0, 2]),
        ((2, 0), exact_hessian()[0, 2]),
        ((1, 1), exact_hessian()[1, 1]),
        ((0, 1, 2), np.exp(0.35) * 1.35 * np.cos(1.1)),
        ((0, 0, 2), 0.49 * np.exp(0.35) * np.cos(1.1) + 2),
    ],
)
def test_a_mixed_entry_is_that_of_the_tensor(indices, exact):
    result = CalculusKit(f, X0).mixed_result(*indices)
    np.testing.assert_allclose(result.value, exact, rtol=1e-6)
    assert abs(result.value - exact) <= result.error


def test_a_mixed_entry_takes_the_lines_of_its_parameters_only():
    p = 30
    kit = CalculusKit(lambda x: float(np.sin(x[3] * x[7]) + x.sum()), np.ones(p))
    result = kit.mixed_result(3, 7)
    assert result.nfev <= 50
    np.testing.assert_allclose(result.value, np.cos(1) - np.sin(1), rtol=1e-8)


def test_mixed_entries_may_be_named():
    kit = CalculusKit(f, {"a": 0.5, "b": 0.7, "c": 1.1}, call="array")
    np.testing.assert_allclose(kit.mixed("a", "c"), exact_hessian()[0, 2], rtol=1e-8)


def test_vector_functions_have_an_entry_an_output():
    kit = CalculusKit(lambda x: np.array([x[0] * x[1], x[1] ** 2]), [1.0, 2.0])
    np.testing.assert_allclose(kit.mixed(0, 1), [1, 0], atol=1e-8)
    np.testing.assert_allclose(kit.directional([1.0, 1.0]), [3, 4], rtol=1e-10)
    np.testing.assert_allclose(kit.hvp([0.0, 1.0]), [[1, 0], [0, 2]], atol=1e-8)


def test_the_functional_forms_give_the_same():
    v, kit = [1.0, 2.0, 3.0], CalculusKit(f, X0)
    assert build_directional(f, X0, v) == kit.directional(v)
    np.testing.assert_array_equal(build_hvp(f, X0, v), kit.hvp(v))
    assert build_mixed(f, X0, 0, 1) == kit.mixed(0, 1)
