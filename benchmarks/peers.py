"""Adapters for the other packages: each as its documentation says, with its defaults.

This module runs in the peers' environment (see environment.py), where `derivkit` is the published
DerivKit 1.4. Bounds are passed on where a package takes them; numbers of calls are counted outside.
"""

import numpy as np

from benchmarks.running import Answer


def numdifftools(f, x0, bounds):
    import numdifftools as nd

    result = nd.Gradient(f, full_output=True)(x0)
    return Answer(result.estimate, np.ravel(result.error_estimate))


def jacobi(f, x0, bounds):
    from jacobi import jacobi as jac

    value, error = jac(f, x0)
    return Answer(value, error)


def scipy_differentiate(f, x0, bounds):
    from scipy.differentiate import jacobian

    result = jacobian(_over_last_axes(f), x0)
    return Answer(result.df, result.error)


def _over_last_axes(f):
    """Return f for x of shape (p, …), as scipy.differentiate calls it."""

    def vectorised(x):
        flat = x.reshape(len(x), -1)
        return np.array([f(column) for column in flat.T]).reshape(x.shape[1:])

    return vectorised


def scipy_three_point(f, x0, bounds):
    from scipy.optimize._numdiff import approx_derivative

    return Answer(approx_derivative(f, x0, method="3-point", bounds=sides(x0, bounds)))


def statsmodels(f, x0, bounds):
    from statsmodels.tools.numdiff import approx_fprime

    return Answer(approx_fprime(x0, f, centered=True))


def optimagic(f, x0, bounds):
    import optimagic as om

    lower, upper = sides(x0, bounds)
    bounded = None if bounds is None else om.Bounds(lower=lower, upper=upper)
    return Answer(om.first_derivative(f, x0, bounds=bounded).derivative)


def derivkit_published(f, x0, bounds):
    """DerivKit 1.4: the default method, component by component so that it tells its error."""
    from derivkit import DerivativeKit

    pairs = [
        DerivativeKit(_along(f, x0, i), float(x0[i])).differentiate(order=1, return_error=True)
        for i in range(len(x0))
    ]
    return Answer(
        [float(np.squeeze(v)) for v, _ in pairs], [float(np.squeeze(e)) for _, e in pairs]
    )


def _along(f, x0, i):
    def one(t):
        x = x0.copy()
        x[i] = t
        return f(x)

    return one


def five_point(f, x0, bounds):
    """Central differences of fourth order with h = 1e-4 |x|: the ten lines to beat."""
    value = np.empty(len(x0))
    for i, x in enumerate(x0):
        h = 1e-4 * abs(x) if x != 0 else 1e-4
        one = _along(f, x0, i)
        value[i] = (8 * (one(x + h) - one(x - h)) - one(x + 2 * h) + one(x - 2 * h)) / (12 * h)
    return Answer(value)


def sides(x0, bounds):
    """Return (lower, upper) arrays of scipy-like bounds."""
    if bounds is None:
        return -np.inf, np.inf
    lower = [-np.inf if low is None else low for low, _ in bounds]
    upper = [np.inf if high is None else high for _, high in bounds]
    return np.array(lower), np.array(upper)


ADAPTERS = {
    "numdifftools": numdifftools,
    "jacobi": jacobi,
    "scipy.differentiate": scipy_differentiate,
    "scipy 3-point": scipy_three_point,
    "statsmodels": statsmodels,
    "optimagic": optimagic,
    "derivkit-1.4": derivkit_published,
    "five-point": five_point,
}
