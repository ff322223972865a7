"""Where to put samples: ladders of steps that floating point represents without rounding.

All steps are doublings and halvings of one mantissa. So ladders at different heights share their
rungs, gradient and Hessian share their points, and x0 + h is exact. The mantissa is no round
number: steps in round units would meet the periods of models in round units, and see nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["one_sided", "step_below", "two_sided"]

Floats = NDArray[np.float64]

MANTISSA = round(0.6180339887 * 2**20) / 2**20  # of the golden section, in 20 bits

RUNGS = np.array([1.0, 2.0, 4.0, 8.0])
"""Steps of a two-sided ladder: each level down re-uses three of them."""

GRADED = np.array([1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0])
"""Steps of a one-sided ladder: denser near x0, where polynomials on one side are hardest to tell
apart; holds the rungs of the two-sided one."""


def step_below(h: float, origin: float) -> float:
    """Return the greatest step of the grid that is not above h and not lost beside origin."""
    _, exponent = math.frexp(h / MANTISSA)
    grain = 4.0 * math.ulp(origin) if origin else 0.0
    step = math.ldexp(MANTISSA, exponent - 1)
    return max(round(step / grain), 1) * grain if step < grain * 2**21 else step


def two_sided(radius: float, origin: float) -> Floats:
    """Return ±1, ±2, ±4, ±8 eighths of about the radius."""
    h = step_below(radius, origin) / RUNGS[-1]
    if origin:
        h = step_below(h * (1 + 1e-9), origin)
    rungs = RUNGS * h
    return np.concatenate([rungs, -rungs])


def one_sided(radius: float, origin: float, side: float) -> Floats:
    """Return eight steps up to about the radius, all on one side (+1 or -1)."""
    h = step_below(radius, origin) / GRADED[-1]
    if origin:
        h = step_below(h * (1 + 1e-9), origin)
    return side * GRADED * h
