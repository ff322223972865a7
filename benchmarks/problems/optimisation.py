"""A: functions of the optimisation test collections (Moré, Garbow and Hillstrom 1981, and later
ones).

Points are the published starting points, or near them where a component vanishes there.
"""

import numpy as np

from benchmarks.problems.definition import problem

PI = float(np.pi)


@problem("A", [-1.2, 1.0], [0.6, 0.5])
def rosenbrock(x, m):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


@problem("A", np.linspace(-1.2, 1.4, 10))
def extended_rosenbrock(x, m):
    return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(len(x) - 1))


@problem("A", [3.0, -1.0, 0.5, 1.0])
def powell_singular(x, m):
    a, b, c, d = x
    return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4


@problem("A", [-3.0, -1.0, -3.0, -1.0])
def wood(x, m):
    a, b, c, d = x
    first = 100 * (b - a**2) ** 2 + (1 - a) ** 2 + 90 * (d - c**2) ** 2 + (1 - c) ** 2
    return first + 10.1 * ((b - 1) ** 2 + (d - 1) ** 2) + 19.8 * (b - 1) * (d - 1)


@problem("A", [1.0, 0.8], [2.0, 0.3])
def beale(x, m):
    targets = (1.5, 2.25, 2.625)
    return sum((y - x[0] * (1 - x[1] ** k)) ** 2 for k, y in enumerate(targets, start=1))


@problem("A", [0.5, -2.0])
def freudenstein_roth(x, m):
    a, b = x
    f1 = -13 + a + ((5 - b) * b - 2) * b
    f2 = -29 + a + ((b + 1) * b - 14) * b
    return f1**2 + f2**2


@problem("A", [0.3, 0.4])
def jennrich_sampson(x, m):
    return sum((2 + 2 * i - m.exp(i * x[0]) - m.exp(i * x[1])) ** 2 for i in range(1, 11))


@problem("A", [-1.0, 0.3, 0.2])
def helical_valley(x, m):
    theta = m.arctan(x[1] / x[0]) / (2 * PI) + 0.5
    radius = m.sqrt(x[0] ** 2 + x[1] ** 2)
    return 100 * ((x[2] - 10 * theta) ** 2 + (radius - 1) ** 2) + x[2] ** 2


BARD = (0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39)


@problem("A", [1.0, 1.0, 1.0], [0.1, 1.2, 2.3])
def bard(x, m):
    return sum(
        (y - (x[0] + u / ((16 - u) * x[1] + min(u, 16 - u) * x[2]))) ** 2
        for u, y in enumerate(BARD, start=1)
    )


KOWALIK_Y = (
    (0.1957, 4.0), (0.1947, 2.0), (0.1735, 1.0), (0.1600, 0.5), (0.0844, 0.25), (0.0627, 0.167),
    (0.0456, 0.125), (0.0342, 0.1), (0.0323, 0.0833), (0.0235, 0.0714), (0.0246, 0.0625),
)  # fmt: skip


@problem("A", [0.25, 0.39, 0.415, 0.39])
def kowalik_osborne(x, m):
    return sum((y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])) ** 2 for y, u in KOWALIK_Y)


@problem("A", [0.5, 10.5, 20.0])
def box_three_dimensional(x, m):
    times = [0.1 * i for i in range(1, 11)]
    return sum(
        (m.exp(-t * x[0]) - m.exp(-t * x[1]) - x[2] * float(np.exp(-t) - np.exp(-10 * t))) ** 2
        for t in times
    )


@problem("A", [1.0, 2.0, 1.1, 0.9, 1.2, 0.8])
def biggs_exp6(x, m):
    times = [0.1 * i for i in range(1, 14)]
    target = [float(np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)) for t in times]
    return sum(
        (x[2] * m.exp(-t * x[0]) - x[3] * m.exp(-t * x[1]) + x[5] * m.exp(-t * x[4]) - y) ** 2
        for t, y in zip(times, target, strict=True)
    )


@problem("A", np.full(5, 0.2), np.linspace(0.1, 1.2, 10))
def trigonometric(x, m):
    n, cosines = len(x), sum(m.cos(v) for v in x)
    return sum((n - cosines + (i + 1) * (1 - m.cos(x[i])) - m.sin(x[i])) ** 2 for i in range(n))


@problem("A", np.linspace(-1.0, -0.4, 6))
def broyden_tridiagonal(x, m):
    n, padded = len(x), [0.0, *x, 0.0]
    return sum(
        ((3 - 2 * padded[i]) * padded[i] - padded[i - 1] - 2 * padded[i + 1] + 1) ** 2
        for i in range(1, n + 1)
    )


@problem("A", np.linspace(0.2, 0.9, 5))
def variably_dimensioned(x, m):
    s = sum((i + 1) * (v - 1) for i, v in enumerate(x))
    return sum((v - 1) ** 2 for v in x) + s**2 + s**4


@problem("A", [0.5, 1.0, 1.5, 2.0])
def penalty_one(x, m):
    return 1e-5 * sum((v - 1) ** 2 for v in x) + (sum(v**2 for v in x) - 0.25) ** 2


@problem("A", [-1.5, 2.5])
def himmelblau(x, m):
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


@problem("A", [-0.5, 0.25])
def goldstein_price(x, m):
    a, b = x
    first = 1 + (a + b + 1) ** 2 * (19 - 14 * a + 3 * a**2 - 14 * b + 6 * a * b + 3 * b**2)
    inner = 18 - 32 * a + 12 * a**2 + 48 * b - 36 * a * b + 27 * b**2
    return first * (30 + (2 * a - 3 * b) ** 2 * inner)


@problem("A", [2.5, 7.5])
def branin(x, m):
    a, b = x
    valley = b - 5.1 / (4 * PI**2) * a**2 + 5 / PI * a - 6
    return valley**2 + 10 * (1 - 1 / (8 * PI)) * m.cos(a) + 10


@problem("A", [0.7, -1.1])
def mccormick(x, m):
    return m.sin(x[0] + x[1]) + (x[0] - x[1]) ** 2 - 1.5 * x[0] + 2.5 * x[1] + 1


@problem("A", [1.0, -2.0, 3.0])
def styblinski_tang(x, m):
    return sum(v**4 - 16 * v**2 + 5 * v for v in x) / 2


@problem("A", [0.4, -0.9, 1.6])
def ackley(x, m):
    n = len(x)
    radius = m.sqrt(sum(v**2 for v in x) / n)
    return -20 * m.exp(-0.2 * radius) - m.exp(sum(m.cos(2 * PI * v) for v in x) / n)


@problem("A", [2.0, 3.0, -1.5])
def griewank(x, m):
    product = 1.0
    for i, v in enumerate(x):
        product = product * m.cos(v / float(np.sqrt(i + 1)))
    return sum(v**2 for v in x) / 4000 - product + 1


@problem("A", [0.3, 0.7, -1.2])
def levy(x, m):
    w = [1 + (v - 1) / 4 for v in x]
    middle = sum((v - 1) ** 2 * (1 + 10 * m.sin(PI * v + 1) ** 2) for v in w[:-1])
    return m.sin(PI * w[0]) ** 2 + middle + (w[-1] - 1) ** 2 * (1 + m.sin(2 * PI * w[-1]) ** 2)


@problem("A", [1.2, 0.4])
def six_hump_camel(x, m):
    a, b = x
    return (4 - 2.1 * a**2 + a**4 / 3) * a**2 + a * b + 4 * (b**2 - 1) * b**2


@problem("A", [0.6, 0.4, 0.9])
def gulf(x, m):
    levels = [0.1 * i for i in range(1, 10)]
    points = [25 + float((-50 * np.log(v)) ** (2 / 3)) for v in levels]
    return sum(
        (m.exp(-((y - 20 * x[1]) ** (2 * x[2])) / (50 * x[0])) - v) ** 2
        for v, y in zip(levels, points, strict=True)
    )
