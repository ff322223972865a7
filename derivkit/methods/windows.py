"""Judging a window: all samples within a radius, fitted at every degree, each with its error.

For a fit of degree n the error is noise + truncation:

- noise: sigma |w|, with |w| the norm of the fit's weights and sigma from the coefficients above
  the fit, pooled with what rounding must leave at least; times Student's t for so few of them;
- truncation: what the next two coefficients would have changed; for the full interpolant, what the
  next two would change if the coefficients go on falling at their present rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.contrasts import Basis, basis

__all__ = ["Noise", "Verdict", "judge", "judge_all"]

Floats = NDArray[np.float64]

EPS = float(np.finfo(float).eps)

ROUNDING = 0.3
"""Least noise of f in units of eps |f|: rounding to nearest is uniform over an ulp, 0.29 ulp rms."""

ROUNDING_FREEDOMS = 2.0
"""How many contrasts the knowledge of rounding is worth: it is a lower limit, not a measurement."""

DEEPEST = 200.0
"""Samples closer to x0 than this part of a window's radius are one more f(x0) to it: left out."""

NEAR_ROUNDING = 10.0
"""Contrasts up to about the root of this times rounding are taken to be rounding."""

# Student's t, two-sided 98 %, for 1, 2, 3, … degrees of freedom
STUDENT = np.array(
    [31.8, 6.96, 4.54, 3.75, 3.36, 3.14, 3.00, 2.90, 2.82, 2.76, 2.72, 2.68, 2.65, 2.62]
    + [2.60, 2.58, 2.57, 2.55, 2.54, 2.53]
)


@dataclass(frozen=True, slots=True)
class Noise:
    """What is known of the noise of f beforehand: a level (q,), worth so many contrasts."""

    level: Floats
    freedoms: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The best fit of one window for each of q outputs; all arrays (q,).

    Attributes
    ----------
    value, error
        The derivative and its error.
    noise_part, truncation_part
        The two parts of the error.
    sigma
        Noise of f.
    freedoms
        How many contrasts sigma rests on.
    floor
        The noise that rounding leaves in f.
    rate
        By how much the coefficients fall from degree to degree; 1 if they do not.
    size
        What the derivative amounts to across the window: an error is small or large beside it.
    radius
        Half-width of the window.
    sides
        0 if there are samples on both sides of x0, else the side they are on.
    """

    value: Floats
    error: Floats
    noise_part: Floats
    truncation_part: Floats
    sigma: Floats
    freedoms: Floats
    floor: Floats
    rate: Floats
    size: Floats
    radius: float
    sides: int


def judge_all(
    t: Floats, values: Floats, order: int, origin: float, noise: Noise | None
) -> Iterator[Verdict]:
    """Judge the windows of all radii, the widest first."""
    distance = np.abs(t)
    for radius in np.unique(distance)[::-1]:
        inside = (distance <= radius) & ((distance >= radius / DEEPEST) | (distance == 0))
        if np.count_nonzero(inside) >= order + 2:
            yield judge(t[inside], values[inside], order, origin, noise)


def judge(t: Floats, values: Floats, order: int, origin: float, noise: Noise | None) -> Verdict:
    """Fit one window (m,), (m, q) at every degree and return the fit with the smallest error."""
    radius = float(max(-t[0], t[-1]))
    b = basis(tuple((t / radius).tolist()), order)
    g = b.rows @ (values - values[len(t) // 2])  # neighbours subtract without rounding
    sizes = np.abs(g) * b.leads
    floor = EPS * (
        ROUNDING * np.max(np.abs(values), axis=0) + 0.5 * abs(origin) / radius * sizes[1]
    )
    sigma, freedoms = _noise(g, b, floor, noise)
    student = np.interp(freedoms, np.arange(1, len(STUDENT) + 1), STUDENT)
    noise_part = student * b.norms * sigma
    truncation, rate = _truncation(g, sizes, b)
    error = noise_part + truncation
    best = np.argmin(error, axis=0)
    pick = best, np.arange(len(best))
    value = np.cumsum(b.slopes * g, axis=0)[b.degrees][pick]
    per = radius**-order
    return Verdict(
        value=value * per,
        error=error[pick] * per,
        noise_part=noise_part[pick] * per,
        truncation_part=truncation[pick] * per,
        sigma=sigma[pick],
        freedoms=freedoms[pick] if freedoms.shape[1] > 1 or len(best) == 1 else freedoms[best, 0],
        floor=floor,
        rate=rate,
        size=np.maximum(np.abs(value), np.max(sizes[order : order + 3], axis=0)) * per,
        radius=radius,
        sides=int(t[0] >= 0) - int(t[-1] <= 0),
    )


def _noise(g: Floats, b: Basis, floor: Floats, noise: Noise | None) -> tuple[Floats, Floats]:
    """Return sigma (c, q) for each fit, and the degrees of freedom (c, 1) behind it."""
    rest = np.cumsum((g * g)[::-1], axis=0)[::-1][b.starts]
    if noise is None:
        level, near = floor, NEAR_ROUNDING * floor * floor
        seen = rest / b.freedoms
        with np.errstate(invalid="ignore"):
            worth = ROUNDING_FREEDOMS * np.nan_to_num(near / (near + seen), nan=1.0)
    else:
        level, worth = np.maximum(noise.level, floor), noise.freedoms
    freedoms = worth + b.freedoms
    return np.sqrt((worth * level * level + rest) / freedoms), freedoms


def _truncation(g: Floats, sizes: Floats, b: Basis) -> tuple[Floats, Floats]:
    """Return the truncation error (c, q) of each fit, and the rate of fall (q,)."""
    m = len(g)
    top, second = sizes[m - 1], sizes[m - 2]
    upper = top + second
    lower = sizes[max(m - 3, 0)] + sizes[max(m - 4, 0)]
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.sqrt(np.minimum(1.0, np.nan_to_num(upper / lower, nan=0.0, posinf=1.0)))
    next_one = np.maximum(second * rate, top) * rate
    next_two = np.maximum(top * rate, next_one) * rate
    steps = np.empty((m + 2, g.shape[1]))
    np.abs(b.slopes * g, out=steps[:m])
    steps[m] = b.next_two[0] * next_one
    steps[m + 1] = b.next_two[1] * next_two
    return steps[b.degrees + 1] + steps[b.degrees + 2], rate
