"""Vector-valued models for Jacobians, in the five classes; body(x, m) returns a list."""

import numpy as np
from scipy.integrate import solve_ivp

from benchmarks.problems.definition import Declared
from benchmarks.problems.likelihoods import COVARIATE
from benchmarks.problems.nist_strd import DATA

VECTORS: list[Declared] = []


def vector(klass, x0, *, kind="vector", **settings):
    """Declare the decorated body(x, m) -> list as a vector-valued problem."""

    def declare(body):
        name, point = f"{klass}-{body.__name__}", tuple(map(float, x0))
        VECTORS.append(Declared(name, klass, kind, body, point, **settings))
        return body

    return declare


def residuals(name, predicted):
    """Return the body of a NIST regression's predictions at its observations."""

    def body(b, m):
        return [predicted(b, x, m) for x in DATA[name]["x"]]

    body.__name__ = name.lower()
    return body


def rat43(b, x, m):
    return b[0] / (1 + m.exp(b[1] - b[2] * x)) ** (1 / b[3])


def thurber(b, x, m):
    above = b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3
    return above / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3)


for _name, _predicted in (
    ("Misra1a", lambda b, x, m: b[0] * (1 - m.exp(-b[1] * x))),
    ("BoxBOD", lambda b, x, m: b[0] * (1 - m.exp(-b[1] * x))),
    ("Chwirut2", lambda b, x, m: m.exp(-b[0] * x) / (b[1] + b[2] * x)),
    ("MGH09", lambda b, x, m: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3])),
    ("Rat43", rat43),
    ("Thurber", thurber),
):
    vector("A", DATA[_name]["certified"], kind="regression")(residuals(_name, _predicted))


@vector("A", [0.5, 2.0])
def sine_and_product(x, m):
    return [m.sin(x[0]) + x[1], x[0] * x[1]]


@vector("A", [1.5, 0.7, 2.1])
def spherical_coordinates(x, m):
    r, theta, phi = x
    ring = r * m.sin(theta)
    return [ring * m.cos(phi), ring * m.sin(phi), r * m.cos(theta)]


@vector("A", [0.3, 0.8])
def logistic_curve(x, m):
    return [1 / (1 + m.exp(-(x[0] + x[1] * u))) for u in COVARIATE]


@vector("B", [2.1e-9, 0.965, 67.0])
def power_spectrum(x, m):
    return [x[0] * (k / 0.05) ** (x[1] - 1) * m.exp(-k * 67.0 / x[2]) for k in (0.01, 0.1, 0.3)]


@vector("B", [1e-9, 1e5])
def far_apart(x, m):
    return [m.exp(x[0] * 1e9), m.sin(x[1] / 1e5), x[0] * x[1]]


@vector("B", [0.0, 1e6])
def zero_and_million(x, m):
    return [m.sin(x[0]) + x[1] / 1e6, m.exp(x[0]) * m.log(x[1])]


@vector("C", [1e-6, 0.4])
def near_wall(x, m):
    return [m.log(x[0]) + x[1], m.sqrt(x[0]) * m.exp(x[1]), x[1] ** 2]


@vector("C", [0.0, 1.0], bounds=[(0.0, None), (None, None)], inside=lambda x: x[0] >= 0)
def on_bound(x, m):
    return [m.exp(-x[0]) * x[1], m.sin(x[0] + x[1])]


@vector("C", [0.3 + 1e-5], inside=lambda x: x[0] > 0.3, outside="raise")
def beside_refusal(x, m):
    return [m.exp(x[0]), m.cos(5 * x[0]), x[0] ** 3]


@vector("D", [1.0, 0.02])
def spectral_lines(x, m):
    """A line of position and width x, on five pixels."""
    return [m.exp(-(((u - x[0]) / x[1]) ** 2) / 2) for u in (0.97, 0.99, 1.005, 1.02, 1.04)]


@vector("D", [1.0, 2.0])
def different_scales(x, m):
    """Outputs that vary on scales a hundred times apart."""
    return [m.sin(x[0] * x[1]), m.sin(100 * x[0]) + x[1], x[0] + 0 * x[1], m.exp(x[1] / 50)]


@vector("D", [2024.3, 1.2])
def yearly_cycles(x, m):
    turn = float(2 * np.pi)
    return [x[1] * m.sin(turn * x[0]), x[1] * m.cos(turn * x[0])]


def hashed(level):
    """Return the settings of a noisy vector: the noise is drawn for the point and scales all
    outputs.
    """
    return {"noise": level, "kind": f"noise {level:.0e}"}


@vector("E", [1.2, 0.8], **hashed(1e-6))
def noisy_decay(x, m):
    return [x[0] * m.exp(-x[1] * t) for t in (0.5, 1.0, 2.0)]


@vector("E", [3.0, 0.5], **hashed(1e-6))
def noisy_powers(x, m):
    return [x[0] ** (k * x[1]) for k in (1, 2, 3)]


TIMES = (0.5, 1.0, 2.0)


def _logistic_run(x):
    run = solve_ivp(
        lambda _, y: x[0] * y * (1 - y / x[1]), (0, 2.0), [0.5], t_eval=TIMES, rtol=1e-6, atol=1e-9
    )
    return run.y[0]


@vector("E", [0.8, 5.0], kind="ode 1e-06", model=_logistic_run, noise=1e-6)
def logistic_growth(x, m):
    return [x[1] / (1 + (x[1] / 0.5 - 1) * m.exp(-t * x[0])) for t in TIMES]
