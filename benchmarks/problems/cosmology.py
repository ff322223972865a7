"""E: distances of a flat wCDM universe by quadrature, and supernova and BAO-like likelihoods of
them.

The reference integrates in 50-digit Taylor arithmetic with sixty Gauss-Legendre nodes (the
integrands are analytic well beyond the interval: the rule is exact to more than 40 digits).
"""

from functools import cache

from mpmath import mp, mpf
from scipy.integrate import quad

from benchmarks.problems.definition import problem
from benchmarks.taylor import FLOATS

SPEED_OF_LIGHT = 299792.458  # km/s
NODES = 60


@cache
def gauss_legendre():
    """Return the nodes and weights on [-1, 1] to working precision: Newton on the recurrence."""
    rule = []
    for k in range(1, NODES + 1):
        t = mp.cos(mp.pi * (k - mpf("0.25")) / (NODES + mpf("0.5")))
        for _ in range(8):
            p, slope = _legendre(t)
            t -= p / slope
        rule.append((t, 2 / ((1 - t * t) * _legendre(t)[1] ** 2)))
    return rule


def _legendre(t):
    before, p = mpf(1), t
    for n in range(2, NODES + 1):
        before, p = p, ((2 * n - 1) * t * p - (n - 1) * before) / n
    return p, NODES * (t * p - before) / (t * t - 1)


def integral(g, high, m):
    """Return the integral of g(z) from 0 to `high`: adaptive in floats, exact in series."""
    if m is FLOATS:
        return quad(g, 0, high)[0]
    half = mpf(high) / 2
    return half * sum(w * g(half * (1 + t)) for t, w in gauss_legendre())


def expansion_rate(z, om, w, m):
    """Return H(z)/H0 of a flat universe with dark energy of equation of state w."""
    return m.sqrt(om * (1 + z) ** 3 + (1 - om) * (1 + z) ** (3 * (1 + w)))


def luminosity_distance(z, x, m):
    """Return the distance in Mpc: x = (H0, Om, w)."""
    comoving = integral(lambda u: 1 / expansion_rate(u, x[1], x[2], m), z, m)
    return (1 + z) * SPEED_OF_LIGHT / x[0] * comoving


FIDUCIAL = ([67.4, 0.315, -1.0], [73.0, 0.25, -0.9])
SUPERNOVAE = ((0.02, 34.8), (0.1, 38.4), (0.3, 41.0), (0.6, 42.8), (1.0, 44.2))
BARYONS = ((0.38, 1512.4, 25.0), (0.51, 1975.2, 30.0), (0.61, 2307.1, 37.0))


@problem("E", *FIDUCIAL, kind="cosmology")
def distance_at_half(x, m):
    return luminosity_distance(0.5, x, m)


@problem("E", *FIDUCIAL, kind="cosmology")
def distance_at_two(x, m):
    return luminosity_distance(2.0, x, m)


@problem("E", *FIDUCIAL, kind="cosmology")
def supernova_chi_square(x, m):
    def modulus(z):
        return 5 * m.log(luminosity_distance(z, x, m)) / 2.302585092994046 + 25

    return sum(((modulus(z) - mu) / 0.15) ** 2 for z, mu in SUPERNOVAE)


@problem("E", *FIDUCIAL, kind="cosmology")
def baryon_chi_square(x, m):
    distances = [(luminosity_distance(z, x, m) / (1 + z), d, s) for z, d, s in BARYONS]
    return sum(((model - d) / s) ** 2 for model, d, s in distances)


@problem("E", [0.315], kind="cosmology")
def growth_rate(x, m):
    return x[0] ** 0.55 * (1.7**3 / (x[0] * 1.7**3 + 1 - x[0])) ** 0.55


@problem("E", [67.4, 0.0224, 0.12], kind="cosmology")
def sound_horizon(x, m):
    """The usual fitting formula in h, omega_b, omega_c, against H0."""
    matter = x[1] + x[2]
    return 55.154 / (matter**0.25351 * x[1] ** 0.12807) * x[0] / 100


__all__ = ["expansion_rate", "luminosity_distance"]
