"""Judging a window: all samples within a radius, fitted at every degree, each with its error.

For a fit of degree n the error is noise + truncation:

- noise: sigma |w|, with |w| the norm of the fit's weights and sigma from the coefficients above
  the fit, pooled with what rounding must leave at least; times Student's t for so few of them;
- truncation: what the next two coefficients would have changed; for the full interpolant, what the
  next two would change if the coefficients go on falling at their present rate.

Which window to believe is known by `selection`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.contrasts import Basis, basis

__all__ = ["DEEPEST", "EPS", "Finding", "Noise", "Verdict", "findings", "judge", "judge_scaled"]

Floats = NDArray[np.float64]

EPS, TINY = float(np.finfo(float).eps), float(np.finfo(float).tiny)

ROUNDING = 0.3
"""Least noise of f in units of eps |f|: rounding to nearest is uniform over an ulp."""

ROUNDING_FREEDOMS = 2.0
"""How many contrasts the knowledge of rounding is worth, where the samples do not belie it."""

NEAR_ROUNDING = 10.0
"""Contrasts up to about the root of this times rounding do not belie it."""

DEEPEST = 200.0
"""A sample closer to x0 than this part of a window's radius is one more f(x0) to it: left out."""

UNSEEN = 0.5
"""So many standard deviations of noise may hide the next coefficient."""

STUDENT = np.array(
    [31.8, 6.96, 4.54, 3.75, 3.36, 3.14, 3.00, 2.90, 2.82, 2.76, 2.72, 2.68, 2.65, 2.62, 2.60]
)
"""Student's t, two-sided 98 %, for 1, 2, 3, … degrees of freedom."""

FREEDOMS = np.arange(1.0, len(STUDENT) + 1)


@dataclass(frozen=True, slots=True)
class Noise:
    """What is known of the noise of f beforehand: its level (q,), worth so many contrasts (q,)."""

    level: Floats
    freedoms: Floats


@dataclass(frozen=True, slots=True)
class Verdict:
    """The best fit of one window for each of q outputs; all arrays (q,).

    Attributes
    ----------
    value, error
        The derivative and its error, the sum of the next two.
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
    radius: float | Floats
    sides: int | NDArray[np.int64]


class Finding(NamedTuple):
    """A `Verdict` on a single output."""

    value: float
    error: float
    noise_part: float
    truncation_part: float
    sigma: float
    freedoms: float
    floor: float
    rate: float
    size: float
    radius: float
    sides: int


def findings(v: Verdict) -> list[Finding]:
    """Return a verdict on q outputs, radius and sides for each of them, as q findings."""
    columns = [getattr(v, name).tolist() for name in Finding._fields]
    return [Finding(*row) for row in zip(*columns, strict=True)]


def judge(
    t: Floats,
    values: Floats,
    order: int,
    origin: float,
    noise: Noise | None = None,
    eps: float | Floats = EPS,
) -> Verdict:
    """Fit one window (m,), (m, q) at every degree and return the fit with the smallest error."""
    radius = max(-float(t[0]), float(t[-1]))
    return judge_scaled(tuple((t / radius).tolist()), radius, values, order, origin, noise, eps)


def judge_scaled(
    unit: tuple[float, ...],
    radius: float | Floats,
    values: Floats,
    order: int,
    origin: float | Floats,
    noise: Noise | None = None,
    eps: float | Floats = EPS,
) -> Verdict:
    """Do the same for places ``radius * unit``; radius and origin may differ by column (q,)."""
    b = basis(unit, order)
    middle = values[len(unit) // 2]
    largest = np.max(np.abs(values), axis=0)
    amplitude = np.where(largest > 0, largest, 1.0)  # squares of large and small f stay in range
    g = b.rows @ ((values - middle) / amplitude)  # neighbours subtract without rounding
    sizes = np.abs(g) * b.leads
    rounding_of_x = EPS * 0.5 * np.abs(origin) / radius * sizes[1]
    floor = eps * ROUNDING * (largest > 0) + rounding_of_x
    known = noise and Noise(noise.level / amplitude, noise.freedoms)
    v = _best_fit(g, sizes, b, floor, known, order)
    per = amplitude * radius**-order
    return Verdict(
        value=v.value * per + (middle if order == 0 else 0.0),
        error=v.error * per,
        noise_part=v.noise_part * per,
        truncation_part=v.truncation_part * per,
        sigma=v.sigma * amplitude,
        freedoms=v.freedoms,
        floor=floor * amplitude,
        rate=v.rate,
        size=v.size * per,
        radius=radius,
        sides=int(unit[0] >= 0) - int(unit[-1] <= 0),
    )


def _best_fit(
    g: Floats, sizes: Floats, b: Basis, floor: Floats, noise: Noise | None, order: int
) -> Verdict:
    """Return the verdict from coefficients g (m, q), in units of amplitude and radius."""
    sigma, freedoms = _noise(g, b, floor, noise)
    noise_part = np.interp(freedoms, FREEDOMS, STUDENT) * b.norms * sigma
    truncation, rate = _truncation(g, sizes, b)
    truncation += UNSEEN * b.unseen * sigma
    error = noise_part + truncation
    best = np.argmin(error, axis=0)
    pick = best, np.arange(len(best))
    value = np.cumsum(b.slopes * g, axis=0)[b.degrees[best], pick[1]]
    return Verdict(
        value=value,
        error=error[pick],
        noise_part=noise_part[pick],
        truncation_part=truncation[pick],
        sigma=sigma[pick],
        freedoms=freedoms[pick],
        floor=floor,
        rate=rate,
        size=np.maximum(np.abs(value), np.max(sizes[order : order + 3], axis=0)),
        radius=1.0,
        sides=0,
    )


def _noise(g: Floats, b: Basis, floor: Floats, noise: Noise | None) -> tuple[Floats, Floats]:
    """Return sigma (c, q) for each fit, and the degrees of freedom (c, q) behind it."""
    rest = np.cumsum((g * g)[::-1], axis=0)[::-1][b.starts]
    if noise is None:
        level = floor
        near = NEAR_ROUNDING * floor * floor
        worth = ROUNDING_FREEDOMS * near / (near + rest / b.freedoms + TINY)
    else:
        level, worth = np.maximum(noise.level, floor), noise.freedoms + np.zeros_like(rest)
    freedoms = worth + b.freedoms
    return np.sqrt((worth * level * level + rest) / freedoms), freedoms


def _truncation(g: Floats, sizes: Floats, b: Basis) -> tuple[Floats, Floats]:
    """Return the truncation error (c, q) of each fit, and the rate of fall (q,)."""
    m = len(g)
    top, second = sizes[m - 1], sizes[m - 2]
    upper = top + second
    lower = sizes[max(m - 3, 0)] + sizes[max(m - 4, 0)]
    rate = np.sqrt(np.minimum(1.0, upper / np.maximum(lower, TINY)))
    next_one = np.maximum(second * rate, top) * rate
    next_two = np.maximum(top * rate, next_one) * rate
    steps = np.empty((m + 2, g.shape[1]))
    np.abs(b.slopes * g, out=steps[:m])
    steps[m] = np.maximum(
        b.next_two[0] * next_one, np.maximum(steps[m - 1], steps[m - 2]) * rate**4
    )
    steps[m + 1] = b.next_two[1] * next_two
    return steps[b.degrees + 1] + steps[b.degrees + 2], rate
