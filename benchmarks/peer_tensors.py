"""Adapters of the peers for Hessians and Jacobians; runs in the peers' environment."""

import numpy as np

from benchmarks.peers import sides
from benchmarks.running import Answer


def numdifftools_hessian(f, x0, bounds):
    import numdifftools as nd

    result = nd.Hessian(f, full_output=True)(x0)
    return Answer(result.estimate, _like(result.error_estimate, result.estimate))


def numdifftools_jacobian(f, x0, bounds):
    import numdifftools as nd

    result = nd.Jacobian(f, full_output=True)(x0)
    return Answer(result.estimate, _like(result.error_estimate, result.estimate))


def _like(error, value):
    """Return the error if it has the value's size, else None: no claim."""
    return error if np.size(error) == np.size(value) else None


def scipy_hessian(f, x0, bounds):
    from scipy.differentiate import hessian

    result = hessian(_over_last_axes(f), x0)
    return Answer(result.ddf, result.error)


def scipy_jacobian(f, x0, bounds):
    from scipy.differentiate import jacobian

    result = jacobian(_over_last_axes(f), x0)
    return Answer(result.df, result.error)


def _over_last_axes(f):
    """Return f for x of shape (p, …): outputs first, then those axes."""

    def vectorised(x):
        columns = np.array([f(column) for column in x.reshape(len(x), -1).T])
        return np.moveaxis(columns, 0, -1).reshape(*columns.shape[1:], *x.shape[1:])

    return vectorised


def scipy_three_point(f, x0, bounds):
    from scipy.optimize._numdiff import approx_derivative

    return Answer(approx_derivative(f, x0, method="3-point", bounds=sides(x0, bounds)))


def statsmodels_hessian(f, x0, bounds):
    from statsmodels.tools.numdiff import approx_hess3

    return Answer(approx_hess3(x0, f))


def statsmodels_jacobian(f, x0, bounds):
    from statsmodels.tools.numdiff import approx_fprime

    return Answer(approx_fprime(x0, f, centered=True))


def optimagic_hessian(f, x0, bounds):
    import optimagic as om

    return Answer(om.second_derivative(f, x0, bounds=_om_bounds(x0, bounds)).derivative)


def optimagic_jacobian(f, x0, bounds):
    import optimagic as om

    return Answer(om.first_derivative(f, x0, bounds=_om_bounds(x0, bounds)).derivative)


def _om_bounds(x0, bounds):
    import optimagic as om

    if bounds is None:
        return None
    lower, upper = sides(x0, bounds)
    return om.Bounds(lower=lower, upper=upper)


def jacobi_jacobian(f, x0, bounds):
    from jacobi import jacobi

    return Answer(*jacobi(f, x0))


def published_hessian(f, x0, bounds):
    from derivkit import CalculusKit

    return Answer(CalculusKit(f, x0).hessian())


def published_jacobian(f, x0, bounds):
    from derivkit import CalculusKit

    return Answer(CalculusKit(f, x0).jacobian())


ADAPTERS = {
    "hessian": {
        "numdifftools": numdifftools_hessian,
        "scipy.differentiate": scipy_hessian,
        "statsmodels": statsmodels_hessian,
        "optimagic": optimagic_hessian,
        "derivkit-1.4": published_hessian,
    },
    "jacobian": {
        "numdifftools": numdifftools_jacobian,
        "jacobi": jacobi_jacobian,
        "scipy.differentiate": scipy_jacobian,
        "scipy 3-point": scipy_three_point,
        "statsmodels": statsmodels_jacobian,
        "optimagic": optimagic_jacobian,
        "derivkit-1.4": published_jacobian,
    },
}
