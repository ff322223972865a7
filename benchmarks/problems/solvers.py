"""E: models that are numerical themselves: ODE solvers, quadrature, root finders, tables,
iterations.
"""

import numpy as np
from mpmath import mp, mpf
from scipy.integrate import quad, solve_ivp, trapezoid
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq

from benchmarks.problems.definition import problem
from benchmarks.taylor import FLOATS, Series

STEP = 1e-30  # of the complex step that differentiates the tight solutions


def solved(slope, start, time, rtol):
    """Return model(x): the first component at `time` of y' = slope(y, x), y(0) = start(x)."""

    def model(x):
        y0 = np.asarray(start(x))
        run = solve_ivp(lambda _, y: slope(y, x), (0, time), y0, rtol=rtol, atol=rtol * 1e-3)
        return run.y[0, -1]

    return model


def tight(slope, start, time):
    """Return the reference: the same ODE to 1e-12, differentiated by complex steps; no second
    derivative.
    """

    def solution(x):
        y0 = np.asarray(start(x), dtype=complex)
        options = {"method": "DOP853", "rtol": 3e-14, "atol": 1e-16}
        return solve_ivp(lambda _, y: slope(y, x), (0, time), y0, **options).y[0, -1]

    def reference(x0):
        steps = STEP * np.eye(len(x0))
        gradient = [solution(x0 + 1j * h).imag / STEP for h in steps]
        return solution(x0 + 0j).real, gradient, np.full(len(x0), np.nan)

    return reference


def logistic_slope(y, x):
    return [x[0] * y[0] * (1 - y[0] / x[1])]


for _rtol in (1e-6, 1e-8):

    @problem(
        "E",
        [0.8, 5.0],
        [1.5, 2.0],
        kind=f"ode {_rtol:.0e}",
        model=solved(logistic_slope, lambda x: [0.5], 2.0, _rtol),
        noise=_rtol,
    )
    def logistic_growth(x, m, _rtol=_rtol):
        return x[1] / (1 + (x[1] / 0.5 - 1) * m.exp(-2.0 * x[0]))

    @problem(
        "E",
        [0.7, 2.0],
        kind=f"ode {_rtol:.0e}",
        model=solved(lambda y, x: [-x[0] * y[0]], lambda x: [x[1]], 1.5, _rtol),
        noise=_rtol,
    )
    def decay(x, m):
        return x[1] * m.exp(-1.5 * x[0])

    @problem(
        "E",
        [2.0, 0.1],
        kind=f"ode {_rtol:.0e}",
        model=solved(
            lambda y, x: [y[1], -x[1] * y[1] - x[0] ** 2 * y[0]], lambda x: [1.0, 0.0], 3.0, _rtol
        ),
        noise=_rtol,
    )
    def oscillator(x, m):
        w = m.sqrt(x[0] ** 2 - x[1] ** 2 / 4)
        return m.exp(-1.5 * x[1]) * (m.cos(3 * w) + x[1] / (2 * w) * m.sin(3 * w))


def lotka_volterra(y, x):
    return [x[0] * y[0] - x[1] * y[0] * y[1], -x[2] * y[1] + x[3] * y[0] * y[1]]


def van_der_pol(y, x):
    return [y[1], x[0] * (1 - y[0] ** 2) * y[1] - y[0]]


def robertson_like(y, x):
    return [-x[0] * y[0] + x[1] * y[1] * y[2], x[0] * y[0] - x[1] * y[1] * y[2], x[0] * y[0] / 2]


ODES = (
    ("lotka_volterra", lotka_volterra, lambda x: [1.0, 0.5], 4.0, [1.1, 0.4, 0.4, 0.1]),
    ("van_der_pol", van_der_pol, lambda x: [x[1], 0.0], 3.0, [1.0, 2.0]),
    ("reactions", robertson_like, lambda x: [1.0, 0.0, 0.0], 2.0, [0.5, 1.3]),
)
for _name, _slope, _start, _time, _x0 in ODES:
    for _rtol in (1e-6, 1e-8):

        def _body(x, m):
            raise NotImplementedError("known by its tight solution only")

        _body.__name__ = _name
        problem(
            "E",
            _x0,
            kind=f"ode {_rtol:.0e}",
            model=solved(_slope, _start, _time, _rtol),
            noise=_rtol,
            reference=tight(_slope, _start, _time),
        )(_body)


# Quadrature whose limit or parameter is differentiated.


@problem(
    "E",
    [0.7, 1.9],
    kind="quadrature",
    model=lambda x: quad(lambda t: np.exp(-x[0] * t**2), 0, x[1], epsrel=1e-7)[0],
    noise=1e-9,
)
def gaussian_integral(x, m):
    root = m.sqrt(x[0])
    return float(np.sqrt(np.pi)) / 2 * m.erf(root * x[1]) / root


@problem(
    "E",
    [2.0],
    kind="quadrature",
    model=lambda x: trapezoid(np.exp(-x[0] * np.linspace(0, 1, 2001)), dx=5e-4),
    noise=1e-7,
)
def trapezoid_integral(x, m):
    """The trapezoidal sum itself is the model; it is smooth in x."""
    q = m.exp(-x[0] * 5e-4)
    ends = (1 + m.exp(-x[0])) / 2
    return 5e-4 * ((1 - m.exp(-x[0])) / (1 - q) - 1 + ends)


# Root finders: the reference is one Newton step a doubling of the order, in exact arithmetic.


def root_of(equation, guess):
    """Return body(x, m): the root y of equation(y, x, m) = 0 with its derivatives."""

    def body(x, m):
        numbers = [v.c[0] if isinstance(v, Series) else mpf(v) for v in x]
        y = mp.findroot(lambda t: equation(t, numbers, m), guess)
        like = next((v for v in x if isinstance(v, Series)), None)
        if like is None:
            return y
        slope = mp.diff(lambda t: equation(t, numbers, m), y)
        y = like.constant(y)
        for _ in like.c:
            y = y - equation(y, x, m) / slope
        return y

    return body


def found(equation, low, high, xtol):
    return lambda x: brentq(lambda t: equation(t, x, FLOATS), low, high, xtol=xtol, rtol=1e-12)


def kepler(y, x, m):
    return y - x[0] * m.sin(y) - x[1]


def transcendental(y, x, m):
    return y * m.exp(x[0] * y) - x[1]


for _name, _equation, _guess, _x0 in (
    ("kepler", kepler, 1.2, [0.3, 1.0]),
    ("lambert", transcendental, 0.8, [0.9, 2.0]),
):
    for _xtol in (1e-7, 1e-12):
        _body = root_of(_equation, _guess)
        _body.__name__, _body.__module__ = f"{_name}_{_xtol:.0e}", __name__
        problem("E", _x0, kind="root finder", model=found(_equation, 0, 3, _xtol), noise=_xtol)(
            _body
        )


# Tables: the interpolant is the model and the truth.

NODES = np.linspace(0.0, 4.0, 81)
SPLINE = CubicSpline(NODES, np.exp(-NODES / 2) * np.sin(2 * NODES))
FINE_NODES = np.linspace(-1.0, 1.0, 4001)
FINE = CubicSpline(FINE_NODES, np.cos(3 * FINE_NODES) * FINE_NODES)


def tabulated(spline):
    """Return the reference of a cubic spline."""
    return lambda x0: (spline(x0[0]), [spline(x0[0], 1)], [spline(x0[0], 2)])


def table_of_eighty(x, m):
    raise NotImplementedError("known by its table only")


def table_of_thousands(x, m):
    raise NotImplementedError("known by its table only")


problem(
    "E", [1.33], [2.71], kind="table", model=lambda x: SPLINE(x[0]), reference=tabulated(SPLINE)
)(table_of_eighty)
problem("E", [0.4321], kind="table", model=lambda x: FINE(x[0]), reference=tabulated(FINE))(
    table_of_thousands
)


# An iteration stopped at a tolerance.


def _fixed_point(x):
    y = 1.0
    for _ in range(1000):
        before, y = y, np.cos(x[0] * y)
        if abs(y - before) < 1e-9:
            break
    return y


_body = root_of(lambda y, x, m: y - m.cos(x[0] * y), 0.7)
_body.__name__, _body.__module__ = "stopped_iteration", __name__
problem("E", [0.8], kind="iteration", model=_fixed_point, noise=1e-9)(_body)
