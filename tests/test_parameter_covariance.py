"""Covariances of parameters, and what errors of derivatives do to them."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import Bounds

from derivkit import CalculusKit, Covariance, covariance, propagate

X = np.linspace(0, 1, 12)
Y = 2 + 3 * X + 0.1 * np.cos(40 * X)


def line(b):
    return Y - b[0] - b[1] * X


def fitted():
    A = np.column_stack([np.ones_like(X), X])
    b = np.linalg.lstsq(A, Y, rcond=None)[0]
    return A, b, CalculusKit(line, b, names=["intercept", "slope"])


def test_a_straight_line_has_the_textbook_covariance():
    A, b, kit = fitted()
    r = line(b)
    found = covariance(kit.jacobian_result(), r)
    np.testing.assert_allclose(found.value, r @ r / 10 * np.linalg.inv(A.T @ A), rtol=1e-10)
    np.testing.assert_allclose(found.correlation[0, 0], 1)
    assert str(found).startswith("intercept: ± ")


def test_a_notebook_shows_standard_errors_and_what_is_propagated_as_tables():
    found = Covariance(np.diag([4.0, 9.0]), np.diag([0.04, 0.0]), ("a", "b"))
    assert re.findall(r">([^<>]+)</td>", found._repr_html_()) == ["a", "2", "0.01", "b", "3", "0"]
    sum_of_two = propagate(lambda x: x[0] + x[1], [1.0, 2.0], [9.0, 16.0])
    assert re.findall(r">([^<>]+)</td>", sum_of_two._repr_html_()) == ["3", "5"]


def test_a_session_shows_standard_errors_as_print_does():
    found = covariance(CalculusKit(lambda x: x[0] ** 2, [0.0]).hessian_result())
    assert repr(found) == str(found)
    assert repr(found).startswith("x[0]: ± 0.707107")


@pytest.mark.parametrize("sigma", [0.3, np.linspace(0.1, 0.5, 12)])
def test_known_deviations_weight_the_data(sigma):
    A, _, kit = fitted()
    weighted = A / np.broadcast_to(sigma, 12)[:, None]
    found = covariance(kit.jacobian_result(), sigma=sigma)
    np.testing.assert_allclose(found.value, np.linalg.inv(weighted.T @ weighted), rtol=1e-10)


def test_a_hessian_of_the_likelihood_gives_the_same_for_a_line():
    _, b, kit = fitted()
    likelihood = CalculusKit(lambda b: float(line(b) @ line(b)) / (2 * 0.3**2), b)
    np.testing.assert_allclose(
        covariance(likelihood.hessian_result()).value,
        covariance(kit.jacobian_result(), sigma=0.3).value,
        rtol=1e-7,
    )


@pytest.mark.parametrize("size", [1e-6, 1e-3])
def test_the_error_bounds_what_perturbed_derivatives_do(size):
    _, _, kit = fitted()
    result = kit.jacobian_result()
    rng = np.random.default_rng(0)
    bound = covariance(replace(result, error=np.full(result.value.shape, size)), sigma=0.3)
    for _ in range(20):
        off = result.value + size * rng.uniform(-1, 1, result.value.shape)
        change = covariance(replace(result, value=off), sigma=0.3).value - bound.value
        assert (np.abs(change) <= 1.1 * bound.error).all()


def test_the_error_bounds_what_a_perturbed_hessian_does():
    kit = CalculusKit(lambda b: float(np.cosh(b[0] + 0.5 * b[1]) + b[1] ** 2), [0.1, 0.2])
    result = kit.hessian_result()
    bound = covariance(replace(result, error=np.full((2, 2), 1e-4)))
    rng = np.random.default_rng(1)
    for _ in range(20):
        off = rng.uniform(-1e-4, 1e-4, (2, 2))
        change = covariance(replace(result, value=result.value + (off + off.T) / 2)).value
        assert (np.abs(change - bound.value) <= 1.1 * bound.error).all()


def test_an_unknown_derivative_makes_the_errors_unknown():
    _, _, kit = fitted()
    result = kit.jacobian_result()
    error = result.error.copy()
    error[0, 1] = np.inf
    assert np.isinf(covariance(replace(result, error=error), sigma=1.0).error).any()


def test_parameters_of_any_scale_have_a_covariance():
    s = np.array([1e-9, 1e5])
    kit = CalculusKit(lambda b: Y - b[0] / s[0] - b[1] / s[1] * X, 2 * s)
    A, _, _ = fitted()
    exact = np.linalg.inv(A.T @ A) * np.outer(s, s)
    np.testing.assert_allclose(covariance(kit.jacobian_result(), sigma=1.0).value, exact, rtol=1e-9)


BAD = {
    "neither residuals nor sigma": (covariance, TypeError, "`residuals` or `sigma`"),
    "both": (lambda r: covariance(r, line([2, 3]), sigma=1.0), TypeError, "`residuals` or"),
    "too few residuals": (lambda r: covariance(r, [1.0, 2.0]), ValueError, "`residuals`"),
    "nan among residuals": (lambda r: covariance(r, [np.nan] * 12), ValueError, "`residuals`"),
    "negative sigma": (lambda r: covariance(r, sigma=-1.0), ValueError, "`sigma`"),
    "dependent columns": (
        lambda r: covariance(replace(r, value=np.ones((12, 2))), sigma=1.0),
        ValueError,
        "independent columns",
    ),
    "a column of zeros": (
        lambda r: covariance(replace(r, value=np.zeros((12, 2))), sigma=1.0),
        ValueError,
        "determine every parameter",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    attempt, error, match = BAD[case]
    _, _, kit = fitted()
    with pytest.raises(error, match=match):
        attempt(kit.jacobian_result())


def test_a_hessian_that_is_not_positive_definite_is_refused():
    result = CalculusKit(lambda b: float(b[0] ** 2 - b[1] ** 2), [0.0, 0.0]).hessian_result()
    with pytest.raises(ValueError, match="positive definite"):
        covariance(result)
    with pytest.raises(TypeError, match="go with a Jacobian"):
        covariance(result, sigma=1.0)


def test_a_covariance_matrix_of_the_data_counts_whole():
    A, _, kit = fitted()
    C = 0.09 * (np.eye(12) + 0.4 * np.eye(12, k=1) + 0.4 * np.eye(12, k=-1))
    exact = np.linalg.inv(A.T @ np.linalg.solve(C, A))
    np.testing.assert_allclose(covariance(kit.jacobian_result(), cov=C).value, exact, rtol=1e-10)


def test_the_sandwich_holds_where_variances_differ():
    A, b, kit = fitted()
    r = line(b)
    bread = np.linalg.inv(A.T @ A)
    exact = bread @ (A.T * r**2) @ A @ bread
    found = covariance(kit.jacobian_result(), r, cov_type="sandwich")
    np.testing.assert_allclose(found.value, exact, rtol=1e-9)
    assert (found.error < 1e-9 * np.abs(exact).max()).all()
    with pytest.raises(ValueError, match="did you mean 'sandwich'"):
        covariance(kit.jacobian_result(), r, cov_type="sandwhich")


def test_wald_intervals_hold_the_estimate():
    _, b, kit = fitted()
    found = covariance(kit.jacobian_result(), sigma=0.3)
    interval = found.interval(b, level=0.95)
    np.testing.assert_allclose(interval.mean(axis=1), b)
    np.testing.assert_allclose(
        np.diff(interval).ravel(), 2 * 1.959964 * found.standard_errors, 1e-6
    )


def test_a_parameter_on_its_bound_is_held():
    A, _, kit = fitted()
    x0 = kit.jacobian_result().x0
    found = covariance(kit.jacobian_result(), sigma=0.3, bounds=[(x0[0], None), (None, None)])
    assert found.held == ("intercept",)
    np.testing.assert_allclose(found.value, [[0, 0], [0, 0.09 / (A[:, 1] @ A[:, 1])]], rtol=1e-10)
    with pytest.raises(ValueError, match="off its bounds"):
        covariance(kit.jacobian_result(), sigma=0.3, bounds=[(x, None) for x in x0])


def test_bounds_of_a_result_in_another_coordinate_are_those_of_the_parameter():
    def model(p):
        return np.array([p["a"] * i + p["b"] for i in (1, 2, 3)])

    kit = CalculusKit(model, {"a": 3.0, "b": 2.0}, transform={"a": "log"})
    result = kit.jacobian_result()
    read = type(result).from_json(result.to_json())
    for each in (result, read):
        for bounds in ({"a": (3.0, 9.0)}, Bounds([3.0, -np.inf], [9.0, np.inf])):
            assert covariance(each, sigma=0.1, bounds=bounds).held == ("ln(a)",)
        assert covariance(each, sigma=0.1, bounds={"a": (0.5, 9.0)}).held == ()
    with pytest.raises(ValueError, match="`x0` must lie inside `bounds`"):
        covariance(result, sigma=0.1, bounds={"a": (5.0, 9.0)})
