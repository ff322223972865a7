"""Functions of functions inside real optimisers."""

import numpy as np
import pytest
from scipy import optimize, sparse

import derivkit
from derivkit import value_and_grad


def rosenbrock(x):
    return optimize.rosen(x)


def test_a_gradient_is_a_function_of_the_point():
    g = derivkit.grad(rosenbrock)
    for x in ([0.5, 2.0], np.array([-1.2, 1.0])):
        np.testing.assert_allclose(g(x), optimize.rosen_der(np.asarray(x)), rtol=1e-10)


def test_further_arguments_are_handed_on():
    g = derivkit.grad(lambda x, a, b: float(a * x[0] ** 2 + b * x[1]))
    np.testing.assert_allclose(g([1.0, 2.0], 3.0, 5.0), [6.0, 5.0], rtol=1e-12)


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "SLSQP", "CG"])
def test_minimize_with_our_gradient_ends_nearer_than_with_its_own_differences(method):
    x0 = [-1.2, 1.0, 0.5, -0.7]
    options = {"SLSQP": {"ftol": 1e-15}, "L-BFGS-B": {"gtol": 1e-9, "ftol": 0.0}}.get(
        method, {"gtol": 1e-9}
    )
    own = optimize.minimize(rosenbrock, x0, method=method, options=options)
    ours = optimize.minimize(
        rosenbrock, x0, jac=derivkit.grad(rosenbrock), method=method, options=options
    )
    assert abs(ours.x - 1).max() < 1e-7
    assert abs(ours.x - 1).max() <= abs(own.x - 1).max()


def test_value_and_gradient_share_the_point():
    calls = []

    def counted(x):
        calls.append(x.tobytes())
        return rosenbrock(x)

    value, gradient = value_and_grad(counted)([0.5, 2.0])
    assert len(calls) == len(set(calls))
    assert value == rosenbrock(np.array([0.5, 2.0]))
    found = optimize.minimize(value_and_grad(rosenbrock), [-1.2, 1.0], jac=True, method="BFGS")
    assert abs(found.x - 1).max() < 1e-5
    assert gradient.shape == (2,)


@pytest.mark.parametrize("method", ["Newton-CG", "trust-exact", "trust-constr"])
def test_minimize_with_our_hessian(method):
    found = optimize.minimize(
        rosenbrock,
        [-1.2, 1.0],
        jac=derivkit.grad(rosenbrock),
        hess=derivkit.hessian(rosenbrock),
        method=method,
    )
    assert abs(found.x - 1).max() < 1e-4


def test_least_squares_with_our_jacobian():
    x = np.linspace(0, 5, 30)
    y = 3 * np.exp(-0.7 * x) + 0.5

    def residuals(b):
        return b[0] * np.exp(-b[1] * x) + b[2] - y

    found = optimize.least_squares(residuals, [1.0, 1.0, 1.0], jac=derivkit.jacobian(residuals))
    np.testing.assert_allclose(found.x, [3, 0.7, 0.5], rtol=1e-9)


def test_root_with_our_jacobian():
    def system(x):
        return np.array([x[0] + 0.5 * (x[0] - x[1]) ** 3 - 1.0, 0.5 * (x[1] - x[0]) ** 3 + x[1]])

    found = optimize.root(system, [0.0, 0.0], jac=derivkit.jacobian(system))
    np.testing.assert_allclose(system(found.x), 0, atol=1e-12)


def test_a_sparse_jacobian_goes_into_least_squares():
    def residuals(x):  # Broyden's tridiagonal problem
        r = (3 - 2 * x) * x + 1
        r[1:] -= x[:-1]
        r[:-1] -= 2 * x[1:]
        return r

    J = derivkit.jacobian(residuals, sparsity=1)
    assert sparse.issparse(J(np.full(20, -1.0)))
    found = optimize.least_squares(residuals, np.full(20, -1.0), jac=J)
    np.testing.assert_allclose(residuals(found.x), 0, atol=1e-6)


def test_bounds_are_kept_within_the_derivative_too():
    def f(x):
        assert (x >= 0).all()
        return float(np.sum(x**1.5 - x))

    bounds = [(0, None)] * 2
    found = optimize.minimize(
        f, [1.0, 2.0], jac=derivkit.grad(f, bounds=bounds), bounds=bounds, method="L-BFGS-B"
    )
    np.testing.assert_allclose(found.x, 4 / 9, rtol=1e-4)


def test_keywords_reach_the_kit_the_call_and_the_method():
    g = derivkit.grad(rosenbrock, "finite", stepsize=1e-3, scale=[1.0, 2.0], n_workers=1)
    np.testing.assert_allclose(g([0.5, 2.0]), optimize.rosen_der(np.array([0.5, 2.0])), rtol=1e-6)
