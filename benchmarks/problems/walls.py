"""C: walls: functions undefined (nan, inf or an exception) beyond a point close to x0, and x0 on
its bound.
"""

import numpy as np

from benchmarks.problems.definition import problem

DISTANCES = (1e-1, 1e-2, 1e-4, 1e-6, 1e-8)
INF = float("inf")


def near(wall, side):
    """Return the points at relative distances of 1e-1 … 1e-8 from a wall."""
    return [[wall + side * abs(wall) * d] for d in DISTANCES]


@problem("C", *near(3.0, 1))
def log_near_wall(x, m):
    return m.log(x[0] - 3.0)


@problem("C", *near(-2.0, -1), inside=lambda x: x[0] < -2.0, outside="raise")
def sqrt_near_wall(x, m):
    return m.sqrt(-2.0 - x[0])


@problem("C", *near(1.0, 1), inside=lambda x: x[0] > 1.0, outside="inf")
def entropy_near_wall(x, m):
    return (x[0] - 1.0) * m.log(x[0] - 1.0) + m.sin(x[0])


@problem("C", [1e-1], [1e-4], [1e-8], inside=lambda x: x[0] > 0, outside="raise")
def log_near_zero(x, m):
    return m.log(x[0])


@problem("C", [1e-2], [1e-6])
def sqrt_near_zero(x, m):
    return m.sqrt(x[0]) + x[0]


@problem("C", [1.0 - 1e-1], [1.0 - 1e-3], [1.0 - 1e-6])
def arcsine_near_one(x, m):
    return m.arcsin(x[0])


@problem("C", [1e-3, 0.2], inside=lambda x: 0 < x[0] < 1 and 0 < x[1] < 1, outside="raise")
def beta_log_density(x, m):
    return 1.5 * m.log(x[0]) + 0.3 * m.log(1 - x[0]) + 2 * m.log(x[1]) + m.log(1 - x[1])


@problem("C", [0.999])
def logit_near_one(x, m):
    return m.log(x[0] / (1 - x[0]))


@problem("C", [2.0, 1.0, 2.9999])
def three_walls(x, m):
    return m.log(3.0 - x[2]) + m.sqrt(x[0]) * m.log(x[1])


@problem("C", [1e-5, 0.9])
def relativistic_factor(x, m):
    return x[0] / m.sqrt(1 - x[1] ** 2)


@problem("C", [0.99999])
def lorentz_factor(x, m):
    return 1 / m.sqrt(1 - x[0] ** 2)


# Smooth through the wall: only the model refuses.


@problem("C", *near(0.3, 1)[1:], inside=lambda x: x[0] > 0.3)
def refuses_below(x, m):
    return m.exp(-x[0]) * m.cos(3 * x[0])


@problem("C", *near(70.0, -1)[1:], inside=lambda x: x[0] < 70.0, outside="raise")
def refuses_above(x, m):
    return m.sin(x[0] / 20) + x[0] ** 2 / 1e4


@problem("C", [0.3, 0.7 - 1e-5], inside=lambda x: x[0] + x[1] < 1.0, outside="raise")
def simplex_corner(x, m):
    return m.exp(x[0]) * m.sin(2 * x[1]) + x[0] * x[1]


@problem("C", [4.0 + 1e-6], inside=lambda x: 4.0 <= x[0] <= 4.0 + 1e-5)
def slit(x, m):
    """Defined only on an interval of 1e-5."""
    return m.log(x[0]) + x[0] ** 2


# On a bound, or near one that is told.


@problem("C", [0.0], bounds=[(0.0, INF)], inside=lambda x: x[0] >= 0, outside="raise")
def on_zero_bound(x, m):
    return m.exp(-2 * x[0]) + m.sin(x[0])


@problem("C", [1.0], bounds=[(-INF, 1.0)], inside=lambda x: x[0] <= 1.0)
def on_upper_bound(x, m):
    return m.log(1 + x[0] ** 2) + m.cos(x[0])


@problem(
    "C",
    [0.0, 1.0],
    bounds=[(0.0, 1.0), (0.0, 1.0)],
    inside=lambda x: bool(np.all((x >= 0) & (x <= 1))),
    outside="raise",
)
def corner_of_box(x, m):
    return m.exp(x[0] * x[1]) + m.sin(3 * x[0]) * x[1] ** 2


@problem(
    "C",
    [0.0, 0.5, 2.0],
    bounds=[(0.0, 5.0), (-1.0, 1.0), (2.0, 3.0)],
    inside=lambda x: x[0] >= 0 and x[2] >= 2,
)
def edge_of_box(x, m):
    return (1 + x[0]) ** 0.5 * m.exp(x[1]) / x[2] + m.sin(x[2])


@problem("C", [1e-9], bounds=[(0.0, 1e-3)], inside=lambda x: 0 <= x[0] <= 1e-3, outside="raise")
def beside_told_bound(x, m):
    return m.exp(-500 * x[0]) + x[0]


@problem("C", [5.0], bounds=[(4.999, 5.001)], inside=lambda x: 4.999 <= x[0] <= 5.001)
def narrow_told_box(x, m):
    return m.sin(x[0]) * x[0]


@problem("C", [1e-4], bounds=[(0.0, None)], inside=lambda x: x[0] > 0, outside="raise")
def gamma_log_density(x, m):
    return 2.5 * m.log(x[0]) - 3 * x[0] - m.lgamma(x[0] + 1)


@problem("C", [1.0], inside=lambda x: x[0] >= 1.0)
def on_untold_wall(x, m):
    """The domain ends exactly at x0, and nobody says so."""
    return m.exp(x[0] / 2) + m.sin(x[0])


@problem("C", [0.5, 0.5 - 1e-4], inside=lambda x: x[0] > x[1], outside="raise")
def ordered_parameters(x, m):
    return m.log(x[0] - x[1]) + x[0] * x[1]


@problem("C", [0.25])
def branch_of_square_root(x, m):
    """A wall at 1/4 - 1e-3 inside a composite."""
    return m.exp(m.sqrt(x[0] - 0.249)) * m.cos(x[0])
