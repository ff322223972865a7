"""A: negative log-likelihoods of small made-up data sets: the everyday use of a gradient."""

from itertools import pairwise

import numpy as np

from benchmarks.problems.definition import problem

COVARIATE = [float(round(np.sin(3.7 * i) * 2, 3)) for i in range(20)]
OTHER = [float(round(np.cos(2.3 * i * i), 3)) for i in range(20)]
OUTCOME = [int(np.sin(12.9 * i) + 0.4 * v > 0) for i, v in enumerate(COVARIATE)]
COUNTS = [int(2 + 2 * np.cos(7.1 * i) + v) if v > -1.5 else 0 for i, v in enumerate(COVARIATE)]
RETURNS = [float(round(0.8 * np.sin(5.3 * i) * np.cos(1.1 * i * i), 3)) for i in range(25)]
TIMES = [0.5, 1.1, 1.7, 0.2, 2.9, 4.1, 3.3, 0.9, 1.4, 2.2]
LOG_2PI = float(np.log(2 * np.pi))


@problem("A", [0.3, 0.8, -0.5], [-1.0, 2.0, 1.5])
def logit(b, m):
    def log_one_plus(u):
        return m.log(1 + m.exp(u))

    eta = [b[0] + b[1] * u + b[2] * v for u, v in zip(COVARIATE, OTHER, strict=True)]
    return sum(log_one_plus(e) - y * e for e, y in zip(eta, OUTCOME, strict=True))


@problem("A", [0.5, 0.3, -0.2])
def probit(b, m):
    eta = [b[0] + b[1] * u + b[2] * v for u, v in zip(COVARIATE, OTHER, strict=True)]
    sides = [e if y else -e for e, y in zip(eta, OUTCOME, strict=True)]
    return -sum(m.log((1 + m.erf(s / float(np.sqrt(2)))) / 2) for s in sides)


@problem("A", [0.6, 0.4], [1.5, -0.3])
def poisson_regression(b, m):
    eta = [b[0] + b[1] * u for u in COVARIATE]
    return sum(m.exp(e) - y * e for e, y in zip(eta, COUNTS, strict=True))


@problem("A", [0.6, 0.4, 1.7])
def negative_binomial(b, m):
    total, r = 0.0, b[2]
    for u, y in zip(COVARIATE, COUNTS, strict=True):
        mean = m.exp(b[0] + b[1] * u)
        total = total + m.lgamma(r) - m.lgamma(y + r)
        total = total + (r + y) * m.log(r + mean) - r * m.log(r) - y * m.log(mean)
    return total


@problem("A", [0.3, -0.8, 0.9, 0.5, 1.2])
def gaussian_mixture(t, m):
    """Two components: logit of the weight, means, standard deviations."""
    weight = 1 / (1 + m.exp(-t[0]))

    def density(v, mean, sd):
        return m.exp(-(((v - mean) / sd) ** 2) / 2) / sd

    return -sum(
        m.log(weight * density(v, t[1], t[3]) + (1 - weight) * density(v, t[2], t[4]))
        for v in COVARIATE
    )


@problem("A", [0.05, 0.15, 0.7, 0.02])
def garch(t, m):
    """Gaussian GARCH(1, 1): omega, alpha, beta, mean."""
    variance, total = 0.25, 0.0
    for r in RETURNS:
        residual = r - t[3]
        total = total + m.log(variance)
        total = total + residual**2 / variance
        variance = t[0] + t[1] * residual**2 + t[2] * variance
    return total / 2


@problem("A", [0.6, 0.1, 0.5])
def autoregression(t, m):
    total = 0.0
    for before, now in pairwise(RETURNS):
        total = total + ((now - t[1] - t[0] * before) / t[2]) ** 2 / 2 + m.log(t[2])
    return total


@problem("A", [1.4, 2.1])
def weibull_survival(t, m):
    k, scale = t
    hazards = [(u / scale) ** k for u in TIMES]
    return sum(hazards) - sum(m.log(k / scale) + (k - 1) * m.log(u / scale) for u in TIMES)


@problem("A", [0.2, 0.9, 4.5])
def student_t(t, m):
    location, scale, nu = t
    constant = m.lgamma((nu + 1) / 2) - m.lgamma(nu / 2) - m.log(nu) / 2 - m.log(scale)
    terms = [m.log(1 + ((v - location) / scale) ** 2 / nu) for v in COVARIATE]
    return sum(terms) * ((nu + 1) / 2) - len(COVARIATE) * constant


@problem("A", [1.1, 0.6, 0.2])
def gaussian_process(t, m):
    """Two observations: amplitude, length, noise; the 2 × 2 covariance inverted by hand."""
    a = t[0] ** 2 + t[2] ** 2
    b = t[0] ** 2 * m.exp(-(0.7**2) / (2 * t[1] ** 2))
    determinant = a**2 - b**2
    quadratic = (a * (0.8**2 + 0.3**2) - 2 * b * 0.8 * (-0.3)) / determinant
    return (quadratic + m.log(determinant)) / 2 + LOG_2PI


@problem("A", [-1.5, 0.4, 0.3, 0.8, -0.6, 0.25, 0.5, 1.2])
def multinomial_choice(b, m):
    """Three alternatives, eight coefficients."""
    total = 0.0
    for i, (u, v) in enumerate(zip(COVARIATE, OTHER, strict=True)):
        utility = [0.0 * b[0], b[0] + b[1] * u + b[2] * v, b[3] + b[4] * u + b[5] * v]
        utility[2] = utility[2] + b[6] * u * v + b[7] * u**2
        total = total + m.log(sum(m.exp(e) for e in utility)) - utility[i % 3]
    return total
