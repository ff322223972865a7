"""Where to put samples: rungs that all ladders share and floating point represents exactly.

Rung e is about 0.6 * 2**e. Ladders at different heights share their rungs, gradient and Hessian
share their points, and x0 + h is exact. The rungs are *not* multiples of each other, nor round
numbers: on a lattice of places with spacing h, a fast oscillation looks like a slow one (its
frequency is known only up to multiples of 2 pi / h), and round steps meet round periods.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["PHASES", "one_sided", "rung_below", "step_below", "two_sided", "two_sided_rungs"]

Floats = NDArray[np.float64]

PAIRS = 4
"""Rungs of a two-sided ladder: eight samples, which with x0 fix a polynomial of degree eight."""

MANTISSAS = np.round(np.array([0.6180, 0.5895, 0.6391, 0.6034]) * 2**20) / 2**20
"""Of the rungs, by exponent modulo four, in 20 bits: the golden section and three values within
5 % of it, far from simple ratios with each other."""

BETWEEN = np.round(1.5 * np.array([0.5987, 0.6297, 0.5921, 0.6236]) * 2**20) / 2**20
"""The same for the rungs half-way to the next, which one-sided ladders need."""

PHASES = len(MANTISSAS)
"""Ladders whose exponents are equal modulo this are the same but for their scale."""


def rung_below(h: float) -> int:
    """Return the exponent of the greatest rung that is not above h."""
    _, e = math.frexp(h)
    while _rung(e) > h:
        e -= 1
    return e


def step_below(h: float, origin: float) -> float:
    """Return the greatest rung that is not above h; a few ulp of origin at least."""
    return _beside(_rung(rung_below(h)), origin)


def two_sided(radius: float, origin: float, pairs: int = PAIRS) -> Floats:
    """Return ± the rungs up to the radius, the widest first."""
    top = rung_below(radius)
    rungs = [_beside(_rung(e), origin) for e in range(top, top - pairs, -1)]
    return np.array([side * h for h in rungs for side in (1.0, -1.0)])


def two_sided_rungs(
    radii: Floats, origins: Floats
) -> tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]:
    """Return the ladders (n, 8) of n lines, the phases (n,), and which are exact beside origins."""
    _, e = np.frexp(radii)
    for _ in range(2):  # a rung is between 0.58 and 0.64 of its power of two
        e = np.where(np.ldexp(MANTISSAS[e % PHASES], e) > radii, e - 1, e)
    exponents = e[:, None] - np.arange(PAIRS)
    rungs = np.ldexp(MANTISSAS[exponents % PHASES], exponents)
    exact = rungs[:, -1] >= 2.0**23 * np.spacing(np.abs(origins))
    return np.repeat(rungs, 2, axis=1) * np.tile([1.0, -1.0], PAIRS), e % PHASES, exact


def one_sided(radius: float, origin: float, side: float) -> Floats:
    """Return eight steps up to the radius, all on one side (+1 or -1).

    They lie at about 1, 2, 3, 4, 6, 8, 12 and 16 parts: denser near x0, where polynomials on one
    side are hardest to tell apart.
    """
    top = rung_below(radius)
    rungs = [_rung(e) for e in range(top - 4, top + 1)]
    between = [math.ldexp(BETWEEN[e % PHASES], e) for e in range(top - 3, top)]
    return side * np.array([_beside(h, origin) for h in sorted([*rungs, *between])])


def _rung(e: int) -> float:
    return math.ldexp(MANTISSAS[e % PHASES], e)


def _beside(step: float, origin: float) -> float:
    """Return the step, rounded where its last bits would be lost beside origin."""
    grain = 4.0 * math.ulp(origin) if origin else 0.0
    if step >= grain * 2**21:  # all 20 bits lie above the last bit of origin
        return step
    return max(round(step / grain), 1) * grain
