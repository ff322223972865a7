"""Treads: places between which f does not move, as of rounded inputs, tables, and counts.

Equal treads keep f within half a step of a smooth function. That is noise which is new at every
place, as the errors of fits have it, and its level is known: some samples lie by chance as on a
smooth function, and would promise less. And x0 lies anywhere on its tread.

Steps that come at random, as where events of a fixed sample are counted, add up to a random walk.
Its variance grows with the distance, and the outermost samples, which tell the derivative, are the
worst: what a fit leaves is less than half of what moves them.

References
----------
Glasserman, P. (2003), Monte Carlo Methods in Financial Engineering, section 7.1: the variance of
finite differences with common random numbers, doi:10.1007/978-0-387-21617-1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.fit.orthogonal import polynomials
from derivkit.methods.fit.samples import Column
from derivkit.methods.weights import per_power

__all__ = ["OF_A_STEP", "error_of_walk", "step_beside", "tread", "walk"]

Floats = NDArray[np.float64]

OF_A_STEP = 12.0**-0.5
"""The standard deviation of what lies anywhere between two steps."""

ARITHMETIC = 1e3
"""Treads on which f should move by less than this multiple of rounding are its arithmetic's."""

SIDE_BY_SIDE = 1.02
"""Distances within this factor are those of one step to both sides."""

MOST_STEPS, PART = 64.0, 0.125
"""Samples tell treads as far as this many steps, and within this part of a window: as far as a
parabola follows f to less than a step."""

DEVIATIONS = 2.33
"""Of 98 % of normal errors."""


def tread(c: Column) -> float:
    """Return how far f is what it is at x0, on both sides together."""
    moved = c.t[c.f != c.value_at(0.0)]
    left = np.max(moved[moved < 0], initial=-np.inf)
    right = np.min(moved[moved > 0], initial=np.inf)
    return float(np.ptp(c.t[(c.t > left) & (c.t < right)]))


def step_beside(c: Column, slope: float, floor: float) -> float:
    """Return how high the step beside x0 is, at the most; 0.0 where x0 does not lie on a tread.

    It does where f stands still and its slope would move it, by far more than the ``floor`` that
    rounding leaves.
    """
    rises, distance = np.abs(c.f - c.value_at(0.0)), np.abs(c.t)
    moved = rises > 0
    if np.count_nonzero(moved) in {0, len(rises) - 1}:  # where only x0 is like x0, as in most cases
        return 0.0
    if not abs(slope) * tread(c) > ARITHMETIC * floor:
        return 0.0
    return float(rises[moved & (distance <= SIDE_BY_SIDE * distance[moved].min())].min())


def walk(c: Column, step: float, slope: float, radius: float, noise: float) -> float:
    """Return the variance that f gathers on treads with the distance; 0.0 where they are equal.

    Parameters
    ----------
    c : Column
    step : float
        Beside x0.
    slope, radius : float
        Of the best fit.
    noise : float
        That is found in f.
    """
    reach = PART * radius
    if slope:
        reach = min(reach, MOST_STEPS * step / abs(slope))
    near = (np.abs(c.t) <= reach) & (c.f != c.value_at(0.0))
    t, rises = c.t[near], c.f[near] - c.value_at(0.0)
    if max(noise, _left(t, rises)) <= 0.5 * step:
        return 0.0
    walked = np.square(rises - slope * t) / np.abs(t)
    return max(step * abs(slope), float(walked.mean()) if t.size else 0.0)


def error_of_walk(variance: float, radius: float, order: int) -> float:
    """Return what a walk does to a derivative that is told by samples at ± a radius.

    A derivative of order 1 is their difference, one of order 2 their sum, beside x0.
    """
    deviation = math.factorial(order) * math.sqrt(variance / (2.0 * radius))
    return float(per_power(DEVIATIONS * deviation, radius, order - 1))


def _left(t: Floats, rises: Floats) -> float:
    """Return what a parabola leaves of f; 0.0 where there are too few samples to tell."""
    if t.size < 4:
        return 0.0
    places, values = np.append(t, 0.0), np.append(rises, 0.0)
    unit = places / np.abs(places).max()
    g = polynomials(tuple(unit.tolist()), 1).rows @ values
    return float(np.sqrt(np.mean(g[3:] ** 2)))
