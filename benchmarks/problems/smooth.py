"""A: smooth functions, well scaled, of one to ten parameters."""

import numpy as np

from benchmarks.problems.definition import problem

PI = float(np.pi)


@problem("A", [0.5], [1.3], [-2.0])
def sine(x, m):
    return m.sin(x[0])


@problem("A", [0.7], [1.0], [-3.0])
def exponential(x, m):
    return m.exp(x[0])


@problem("A", [0.9], [2.0], [15.0])
def logarithm(x, m):
    return m.log(x[0])


@problem("A", [1.0], [4.0])
def damped_oscillation(x, m):
    return m.exp(-0.3 * x[0]) * m.cos(2 * x[0] + 0.4)


@problem("A", [0.8], [-1.2])
def gaussian(x, m):
    return m.exp(-(x[0] ** 2) / 2)


@problem("A", [0.6], [2.5])
def runge(x, m):
    return 1 / (1 + 25 * x[0] ** 2 / 9)


@problem("A", [0.3], [-1.5])
def logistic(x, m):
    return 1 / (1 + m.exp(-2 * x[0]))


@problem("A", [1.5], [-0.4])
def quintic(x, m):
    return x[0] ** 5 - 3 * x[0] ** 3 + 2 * x[0] - 1


@problem("A", [0.4], [1.1])
def error_function(x, m):
    return m.erf(x[0])


@problem("A", [2.5], [7.2])
def log_gamma(x, m):
    return m.lgamma(x[0])


@problem("A", [1.2], [5.0])
def bessel(x, m):
    return m.j0(x[0])


@problem("A", [0.5])
def nested(x, m):
    return m.exp(m.sin(m.exp(x[0])))


@problem("A", [1.7], [0.6])
def power_law(x, m):
    return x[0] ** 2.37 + x[0] ** -0.5


@problem("A", [298.15], [450.0])
def arrhenius(x, m):
    return 1e3 * m.exp(-2500.0 / (8.314 * x[0]))


@problem("A", [5800.0, 0.55])
def planck(x, m):
    """Spectral radiance against temperature (K) and wavelength (µm), arbitrary units."""
    return x[1] ** -5 / m.expm1(14387.77 / (x[0] * x[1]))


@problem("A", [0.5, 2.0])
def sine_and_square(x, m):
    return m.sin(x[0]) + x[1] ** 2


@problem("A", [1.2, 0.7, -0.4])
def trilinear_wave(x, m):
    return m.sin(x[0] * x[1]) + x[2] * m.exp(x[0]) + x[1] * x[2]


@problem("A", [3.0, 2.0, 1.5])
def heron(x, m):
    """Area of the triangle of three sides."""
    s = (x[0] + x[1] + x[2]) / 2
    return m.sqrt(s * (s - x[0]) * (s - x[1]) * (s - x[2]))


@problem("A", [100.0, 105.0, 0.8, 0.25, 0.03])
def black_scholes(x, m):
    """Price of a call: spot, strike, time, volatility, rate."""
    spot, strike, t, sigma, rate = x
    d1 = (m.log(spot / strike) + (rate + sigma**2 / 2) * t) / (sigma * m.sqrt(t))
    d2 = d1 - sigma * m.sqrt(t)
    return spot * _normal(d1, m) - strike * m.exp(-rate * t) * _normal(d2, m)


def _normal(u, m):
    return (1 + m.erf(u / float(np.sqrt(2)))) / 2


@problem("A", [1.0, 0.6, 0.8, 1.2])
def double_pendulum_energy(x, m):
    a, b, u, v = x
    kinetic = u**2 + v**2 / 2 + u * v * m.cos(a - b)
    return kinetic - 9.81 * (2 * m.cos(a) + m.cos(b))


@problem("A", np.linspace(1.1, 1.9, 6))
def lennard_jones(x, m):
    """Energy of three atoms in the plane (x, y of each)."""
    atoms = [(x[0], x[1]), (x[2] + 1, x[3]), (x[4], x[5] + 1)]
    pairs = [(atoms[i], atoms[j]) for i in range(3) for j in range(i)]
    r2 = [(a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 for a, b in pairs]
    return sum(4 * (r**-6 - r**-3) for r in r2)


@problem("A", np.linspace(0.2, 2.0, 10))
def log_sum_exp(x, m):
    return m.log(sum(m.exp(v) for v in x))


@problem("A", [0.3, -0.2, 0.5, 0.8, -0.6, 0.1, 0.4])
def small_network(x, m):
    """Two tanh units and an output, on one input."""
    hidden = [m.tanh(x[0] * 1.3 + x[1]), m.tanh(x[2] * 1.3 + x[3])]
    return x[4] * hidden[0] + x[5] * hidden[1] + m.tanh(x[6])


@problem("A", [1.3, 0.9])
def van_der_waals(x, m):
    """Reduced pressure against reduced volume and temperature."""
    return 8 * x[1] / (3 * x[0] - 1) - 3 / x[0] ** 2


@problem("A", [2.0, 0.5, 1.0])
def planetary_orbit(x, m):
    """Radius on an ellipse: semi-major axis, eccentricity, anomaly."""
    return x[0] * (1 - x[1] ** 2) / (1 + x[1] * m.cos(x[2]))
