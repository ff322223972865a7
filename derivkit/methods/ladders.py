"""Where to put samples: ladders of steps that floating point represents without rounding.

All steps are doublings and halvings of one mantissa. So ladders at different heights share their
rungs, gradient and Hessian share their points, and x0 + h is exact. The mantissa is no round
number: steps in round units would meet the periods of models in round units, and see nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["one_sided", "step_below", "two_sided", "two_sided_rungs"]

Floats = NDArray[np.float64]

MANTISSA = round((math.sqrt(5) - 1) / 2 * 2**20) / 2**20
"""Of the golden section, the number worst approximated by fractions; in 20 bits."""

GRADED = np.array([1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0])
"""Steps of a one-sided ladder: denser near x0, where polynomials on one side are hardest to tell
apart; it holds the rungs of the two-sided one."""


def step_below(h: float, origin: float) -> float:
    """Return the greatest step of the grid that is not above h; a few ulp of origin at least."""
    _, exponent = math.frexp(h / MANTISSA)
    step = math.ldexp(MANTISSA, exponent - 1)
    grain = 4.0 * math.ulp(origin) if origin else 0.0
    if step >= grain * 2**21:  # all 20 bits lie above the last bit of origin
        return step
    return max(round(step / grain), 1) * grain


def two_sided(radius: float, origin: float, pairs: int = 4) -> Floats:
    """Return ± steps up to about the radius, each half the last, the widest first."""
    h = step_below(step_below(radius, 0.0) / 2 ** (pairs - 1), origin)
    rungs = h * 2.0 ** np.arange(pairs - 1, -1, -1)
    return np.column_stack([rungs, -rungs]).ravel()


def two_sided_rungs(radii: Floats, origins: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the two-sided ladders (n, 8) of n lines, and which of them are all doublings."""
    _, exponents = np.frexp(radii / MANTISSA)
    h = np.ldexp(MANTISSA, exponents - 4)
    exact = h >= 2.0**23 * np.spacing(np.abs(origins))
    return h[:, None] * np.array([8.0, -8.0, 4.0, -4.0, 2.0, -2.0, 1.0, -1.0]), exact


def one_sided(radius: float, origin: float, side: float) -> Floats:
    """Return eight steps up to about the radius, all on one side (+1 or -1)."""
    h = step_below(step_below(radius, 0.0) / GRADED[-1], origin)
    return side * GRADED * h
