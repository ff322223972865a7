"""Where to put samples: rungs that all ladders share, rounded to what floating point can hold.

Rung e is about 0.6 * 2**e. Ladders at different heights share their rungs, gradient and Hessian
share their points, and x0 + h is exact. The rungs are *not* multiples of each other, nor round
numbers: on a lattice of places with spacing h, a fast oscillation looks like a slow one (its
frequency is known only up to multiples of 2 pi / h), and round steps meet round periods.

The two sides are *not* mirror images: what is rounded by e in c + h is rounded by -e in c - h. Such
noise is odd, as the first derivative is, and the even part of the samples would know nothing of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "PAIRS",
    "PHASES",
    "both_sides",
    "half_way",
    "one_sided",
    "rung_below",
    "spread",
    "step_below",
    "to_side",
    "two_sided",
    "two_sided_rungs",
]

Floats = NDArray[np.float64]

PAIRS = 4
"""Rungs of a two-sided ladder: eight samples, which with x0 fix a polynomial of degree eight."""

MANTISSAS = np.array([0.6180339887498949, 0.5895437121, 0.6391082653, 0.6034173592])
"""Of the rungs, by exponent modulo four: the golden section and three values within 5 % of it, far
from simple ratios with each other. All their bits are used: steps of few bits would meet only whole
periods of a model whose x0 is large, and hide that 1 + x is rounded where x0 is small."""

BETWEEN = 1.5 * np.array([0.5987213456, 0.6297183624, 0.5921347851, 0.6236018273])
"""The same for the rungs half-way to the next, which one-sided ladders need."""

LEFT = 1 - 2.0**-11
"""Steps to the left in units of those to the right: symmetric for all that truncation knows, and
further apart than c + h is rounded, up to a c of 1e10 scales."""

DOWNWARDS = np.arange(PAIRS)

PHASES = len(MANTISSAS)
"""Ladders whose exponents are equal modulo this are the same but for their scale."""


def rung_below(h: float) -> int:
    """Return the exponent of the greatest rung that is not above h."""
    _, e = math.frexp(h)
    while _rung(e) > h:
        e -= 1
    return e


def half_way(near: float, far: float) -> float:
    """Return the distance half-way between two, in octaves."""
    return math.sqrt(near) * math.sqrt(far)  # the product of two may be too small, or too large


def step_below(h: float, origin: float) -> float:
    """Return the greatest rung that is not above h, so that origin plus or minus it is exact."""
    return _beside(_rung(rung_below(h)), origin)


def two_sided(radius: float, origin: float, pairs: int = PAIRS) -> Floats:
    """Return ± the rungs up to the radius, the widest first."""
    top = rung_below(radius)
    return both_sides([_rung(e) for e in range(top, top - pairs, -1)], origin)


def both_sides(steps: Iterable[float], origin: float) -> Floats:
    """Return the steps to the right, and such as are nearly their mirror images."""
    return np.array([to_side(h, side, origin) for h in steps for side in (1.0, -1.0)])


def to_side(step: float, side: float, origin: float) -> float:
    """Return the place this step to the right, or nearly its mirror image to the left.

    A step that has been rounded already leads to the same place as the step it was rounded from:
    else the place would be sampled twice, a unit of x0 apart.
    """
    right = _beside(step, origin)
    return right if side > 0 else -_beside(LEFT * right, origin)


@np.errstate(all="ignore")
def two_sided_rungs(
    radii: Floats, origins: Floats
) -> tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]:
    """Return the ladders (n, 8) of n lines, the phases (n,), and which are exact beside origins."""
    _, e = np.frexp(radii)
    e -= np.ldexp(MANTISSAS[e % PHASES], e) > radii  # a rung is 0.58 to 0.64 of its power of two
    exponents = e[:, None] - DOWNWARDS
    rungs = np.ldexp(MANTISSAS[exponents % PHASES], exponents)
    sizes = np.abs(origins)
    exact = LEFT * rungs[:, -1] >= 2.0**23 * np.spacing(sizes)
    ladders = np.empty((len(radii), 2 * PAIRS))
    ladders[:, ::2] = right = _all_beside(rungs, sizes[:, None])
    np.negative(_all_beside(LEFT * right, sizes[:, None]), out=ladders[:, 1::2])
    return ladders, e % PHASES, exact


def spread(radius: float, origin: float, pairs: int) -> Floats:
    """Return ± steps up to the radius, as dense towards the ends as Chebyshev's nodes.

    High derivatives are told by the outermost samples; the inner rungs of a ladder tell nothing.
    """
    angles = np.pi * np.arange(pairs, 0, -1) / (2 * pairs + 1)
    return both_sides((radius * np.sin(angles)).tolist(), origin)


def one_sided(radius: float, origin: float, side: float) -> Floats:
    """Return eight steps up to the radius, all on one side (+1 or -1).

    They lie at about 1, 2, 3, 4, 6, 8, 12 and 16 parts: denser near x0, where polynomials on one
    side are hardest to tell apart.
    """
    top = rung_below(radius)
    rungs = [_rung(e) for e in range(top - 4, top + 1)]
    between = [math.ldexp(BETWEEN[e % PHASES], e) for e in range(top - 3, top)]
    return np.array([to_side(h, side, origin) for h in sorted([*rungs, *between])])


def _rung(e: int) -> float:
    return math.ldexp(MANTISSAS[e % PHASES], e)


def _all_beside(steps: Floats, sizes: Floats) -> Floats:
    ends = sizes + steps
    grain = np.spacing(ends)
    rounded = np.rint(steps / grain) * grain
    return np.asarray(np.where(np.isinf(ends), steps, rounded))  # beyond the floats: no place


def _beside(step: float, origin: float) -> float:
    """Return the step, rounded to what origin + step can hold; at least one such unit."""
    if not origin or math.isinf(abs(origin) + step):
        return step
    grain = math.ulp(abs(origin) + step)
    return max(round(step / grain), 1) * grain
