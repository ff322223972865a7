"""D: smooth but difficult: oscillation, poles, peaks, cancellation, zero derivatives, constants,
lines.
"""

import numpy as np

from benchmarks.problems.definition import problem

TWO_PI = float(2 * np.pi)


@problem("D", [1.0])
def sine_hundred(x, m):
    return m.sin(100 * x[0])


@problem("D", [1.0], [2.0])
def sine_thousand(x, m):
    return m.sin(1000 * x[0])


@problem("D", [100.0])
def sine_far_out(x, m):
    return m.sin(x[0])


@problem("D", [2024.3])
def yearly_cycle(x, m):
    return m.sin(TWO_PI * x[0])


@problem("D", [2.0])
def chirp(x, m):
    return m.sin(20 * x[0] ** 2)


@problem("D", [1.0])
def ripple_on_slope(x, m):
    return x[0] + 1e-3 * m.sin(200 * x[0])


@problem("D", [1.5])
def beats(x, m):
    return m.sin(50 * x[0]) + m.sin(53 * x[0])


@problem("D", [3.0])
def oscillation_of_reciprocal(x, m):
    return m.sin(300 / x[0])


@problem("D", [1.001], [1.1])
def simple_pole(x, m):
    return 1 / (x[0] - 1.0)


@problem("D", [2.02])
def double_pole(x, m):
    return 1 / (x[0] - 2.0) ** 2 + x[0]


@problem("D", [1.55])
def tangent_near_pole(x, m):
    return m.tan(x[0])


@problem("D", [0.5], [0.502])
def lorentzian(x, m):
    return 1 / (1 + ((x[0] - 0.501) / 1e-3) ** 2)


@problem("D", [91.0])
def breit_wigner(x, m):
    s = x[0] ** 2
    return s / ((s - 91.19**2) ** 2 + (2.495 * 91.19) ** 2) * 1e3


@problem("D", [1.0])
def narrow_gaussian(x, m):
    return m.exp(-(((x[0] - 1.002) / 0.004) ** 2) / 2)


@problem("D", [5000.0])
def spectral_line(x, m):
    """A line of width 0.5 on a continuum, at a wavelength of 5000."""
    return 1e-3 * x[0] - 0.8 * m.exp(-(((x[0] - 5000.3) / 0.5) ** 2))


@problem("D", [0.7])
def steep_step(x, m):
    return m.tanh((x[0] - 0.701) * 500)


@problem("D", [10.0])
def fermi_edge(x, m):
    return 1 / (1 + m.exp((x[0] - 10.01) / 0.025))


@problem("D", [1e-4])
def cancelling_cosine(x, m):
    return (1 - m.cos(x[0])) / x[0]


@problem("D", [1e-3])
def cancelling_exponential(x, m):
    return (m.exp(x[0]) - 1 - x[0]) / x[0]


@problem("D", [0.7], [3.0])
def large_offset(x, m):
    return 1e6 + m.sin(x[0])


@problem("D", [1.05])
def expanded_polynomial(x, m):
    """(x - 1)**5 multiplied out."""
    t = x[0]
    return t**5 - 5 * t**4 + 10 * t**3 - 10 * t**2 + 5 * t - 1


@problem("D", [1.0])
def zero_at_cosine(x, m):
    return 2 + m.cos(x[0] - 1.0)


@problem("D", [3.0])
def zero_at_minimum(x, m):
    return (x[0] - 3.0) ** 2 + 5


@problem("D", [1.0, 1.0])
def zero_at_rosenbrock_minimum(x, m):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2 + 1


@problem("D", [0.5])
def zero_at_inflection(x, m):
    return 1 + (x[0] - 0.5) ** 3


@problem("D", [0.0])
def zero_at_zero(x, m):
    return m.exp(-(x[0] ** 2)) + 1


@problem("D", [2.5], [0.0])
def constant(x, m):
    return 3.7 + 0 * x[0]


@problem("D", [1.3, 4.0])
def one_parameter_unused(x, m):
    return m.exp(x[0]) + 0 * x[1]


@problem("D", [0.3], [1e6], [0.0])
def line(x, m):
    return 2.5 * x[0] - 1.25


@problem("D", [2.0], [-0.3])
def parabola(x, m):
    return 3 * x[0] ** 2 - x[0] + 7


@problem("D", [1.2, -0.8, 0.4])
def rastrigin(x, m):
    return 30 + sum(v**2 - 10 * m.cos(TWO_PI * v) for v in x)


@problem("D", [0.705, 0.2])
def narrow_ridge(x, m):
    return m.exp(-(((x[0] - 3.5 * x[1]) / 0.01) ** 2)) + x[0]


@problem("D", [1.0, 0.01])
def stiff_exponentials(x, m):
    return m.exp(-1000 * x[1]) * m.sin(x[0]) + m.exp(-x[0])


@problem("D", [3.1, 2.2])
def two_scales(x, m):
    return m.sin(x[0]) * m.cos(40 * x[1]) + x[1] ** 2


@problem("D", [1.0])
def gravitational_wave(x, m):
    """A damped fast oscillation, 150 radians per unit."""
    return m.exp(-((x[0] - 0.9) ** 2) * 20) * m.cos(150 * x[0])


@problem("D", [1e3])
def bessel_far_out(x, m):
    return m.j0(x[0])


@problem("D", [20.0])
def saturated_tanh(x, m):
    """Nearly flat: the derivative is 1e-8 of the value."""
    return 1 + m.tanh(x[0] / 2 - 0.5)


@problem("D", [30.0])
def long_wavelength(x, m):
    return m.sin(x[0] / 2e4) + 2
