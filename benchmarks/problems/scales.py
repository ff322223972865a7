"""B: badly scaled parameters: 1e-8 … 1e8, x0 = 0, amplitudes of 2e-9, models in SI units."""

import numpy as np

from benchmarks.problems.definition import problem
from benchmarks.problems.likelihoods import COVARIATE

SCALES = (1e-12, 1e-8, 1e-5, 1e-2, 1e2, 1e5, 1e8, 1e12)


def exponential_of_scale(s):
    """Return exp(x / s), asked at x = s."""

    def body(x, m):
        return m.exp(x[0] / s)

    body.__name__, body.__module__ = f"exp_of_scale_{s:.0e}", __name__
    return body


for _s in SCALES:
    problem("B", [_s])(exponential_of_scale(_s))


@problem("B", [0.0])
def sine_at_zero(x, m):
    return m.sin(x[0])


@problem("B", [0.0])
def narrow_at_zero(x, m):
    return m.exp(1e4 * x[0])


@problem("B", [0.0])
def very_narrow_at_zero(x, m):
    return m.tanh(x[0] * 1e7) + 0.5


@problem("B", [0.0])
def wide_at_zero(x, m):
    return m.exp(x[0] / 3e5)


@problem("B", [0.0, 1e6])
def zero_beside_million(x, m):
    return m.exp(x[0]) * m.log(x[1]) + x[0] * x[1] / 1e6


@problem("B", [1e-9, 1e5])
def tiny_and_huge(x, m):
    return m.sin(x[0] * 1e9) * m.exp(x[1] / 1e5)


@problem("B", [2.1e-9, 0.965])
def primordial_power(x, m):
    """Amplitude and tilt of a power spectrum at k = 0.2, pivot 0.05."""
    return x[0] * 4.0 ** (x[1] - 1)


@problem("B", [2.1e-9, 0.965, 0.054])
def band_powers(x, m):
    """Chi-square of four band powers in an amplitude of 2e-9, a tilt and an optical depth."""
    k = (0.002, 0.02, 0.1, 0.3)
    data = (2.3e-9, 2.0e-9, 1.9e-9, 1.7e-9)
    model = [x[0] * (v / 0.05) ** (x[1] - 1) * m.exp(-2 * x[2]) for v in k]
    return sum(((d - p) / 1e-10) ** 2 for d, p in zip(data, model, strict=True))


@problem("B", [2.1e-9])
def log_of_amplitude(x, m):
    return m.log(1e10 * x[0])


@problem("B", [1e6, 1e-6])
def brown_badly_scaled(x, m):
    a, b = x
    return (a - 1.1e6) ** 2 + (b - 2.3e-6) ** 2 + (a * b - 2.5) ** 2


@problem("B", [1e-4, 2.0], [3e-5, 1.0])
def powell_badly_scaled(x, m):
    return (1e4 * x[0] * x[1] - 1) ** 2 + (m.exp(-x[0]) + m.exp(-x[1]) - 1.0001) ** 2


MEYER = (
    34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820,
    3307, 2872,
)  # fmt: skip


@problem("B", [0.02, 4000.0, 250.0])
def meyer(x, m):
    """Resistance of a thermistor (Meyer 1970)."""
    return sum(
        (x[0] * m.exp(x[1] / (50 + 5 * i + x[2])) - y) ** 2 for i, y in enumerate(MEYER, start=0)
    )


@problem("B", [6.674e-11, 5.972e24, 6.371e6])
def escape_velocity(x, m):
    return m.sqrt(2 * x[0] * x[1] / x[2])


@problem("B", [9.109e-31, 2.998e8])
def rest_energy(x, m):
    return x[0] * x[1] ** 2


@problem("B", [1.602e-19, 8.854e-12, 5.3e-11])
def coulomb_energy(x, m):
    return x[0] ** 2 / (12.566370614359172 * x[1] * x[2])


@problem("B", [1e-14, 0.6])
def diode(x, m):
    """Current: saturation current (A), voltage (V)."""
    return x[0] * m.expm1(x[1] / 0.02585)


@problem("B", [1e-3, 1e3, 1e-6])
def resonance(x, m):
    """Impedance of an RLC circuit: L (H), omega (1/s), C (F)."""
    reactance = x[1] * x[0] - 1 / (x[1] * x[2])
    return m.sqrt(50.0**2 + reactance**2)


@problem("B", [3.2e-7, 4.1e4])
def michaelis_menten(x, m):
    """Rate: concentration (mol/l), maximal rate; constant 5e-7."""
    return x[1] * x[0] / (5e-7 + x[0])


@problem("B", [50.0], [700.0])
def exponential_far_out(x, m):
    return m.exp(x[0])


@problem("B", [1e-3], [1e8])
def reciprocal(x, m):
    return 1 / x[0]


@problem("B", [1e-8], [1e8])
def square_root(x, m):
    return m.sqrt(x[0])


@problem("B", [2e-8, 3e7])
def scaled_regression(b, m):
    return sum((1.5 + 0.7 * u - b[0] * 5e7 - b[1] * 3e-8 * u) ** 2 for u in COVARIATE)


@problem("B", [0.0, 0.0, 0.0])
def poisson_at_zero(b, m):
    """A regression begun at zero, one covariate in the thousands."""
    rows = [(u, 1000.0 * v) for u, v in zip(COVARIATE, COVARIATE[::-1], strict=True)]
    eta = [b[0] + b[1] * u + b[2] * v for u, v in rows]
    return sum(m.exp(e) - k % 4 * e for k, e in enumerate(eta))


@problem("B", [2460310.5])
def light_curve_phase(x, m):
    """Flux of a star of period 3.52 days against the Julian date."""
    return 1 + 0.01 * m.cos(2 * float(np.pi) * (x[0] - 2460300.0) / 3.52)


@problem("B", [1.7e9])
def growth_in_seconds(x, m):
    return m.exp((x[0] - 1.6e9) / 3e8)
