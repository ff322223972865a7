"""Judging a window: all samples within a radius, fitted at every degree, each with its error.

For a fit of degree n the error is noise + truncation:

- noise: sigma |w|, with |w| the norm of the fit's weights and sigma from the coefficients above
  the fit, pooled with what rounding must leave at least; times Student's t for so few of them;
- truncation: what the next two coefficients would have changed; for the full interpolant, what the
  next two would change if the coefficients go on falling at their present rate.

Which window to believe is Lepski's rule: the widest ones have the smallest errors, but a window
that contradicts a narrower one has stepped over something, and so have all wider ones.

References
----------
Lepskii, O. V. (1991), On a problem of adaptive estimation in Gaussian white noise, Theory Probab.
Appl. 35, 454-466, doi:10.1137/1135065.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.contrasts import Basis, basis

__all__ = ["EPS", "Noise", "Verdict", "consistent", "judge", "judge_all", "judge_scaled", "least"]

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

FEWEST, NEXT = 6, 4.0
"""A window of fewer samples says nothing if the next one, not so many times as wide, has more: of
few contrasts some are small by chance, and a wrong narrow window overrules all wider ones."""

STUDENT = np.array(
    [31.8, 6.96, 4.54, 3.75, 3.36, 3.14, 3.00, 2.90, 2.82, 2.76, 2.72, 2.68, 2.65, 2.62, 2.60]
)
"""Student's t, two-sided 98 %, for 1, 2, 3, … degrees of freedom."""

FREEDOMS = np.arange(1.0, len(STUDENT) + 1)

SELECTION = 0.05
"""The least of several errors is an optimistic one: it is raised by this part a window compared.
Chosen, with `UNSEEN`, so that the coverage on functions drawn at random is 98 to 99 % in every
class (see the benchmarks)."""


@dataclass(frozen=True, slots=True)
class Noise:
    """What is known of the noise of f beforehand: its level (q,), worth so many contrasts."""

    level: Floats
    freedoms: float


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
    sides: int


def judge_all(
    t: Floats,
    values: Floats,
    order: int,
    origin: float,
    noise: Noise | None = None,
    eps: float = EPS,
) -> list[Verdict]:
    """Judge the windows of all radii, the narrowest first; places t ascending."""
    windows = _windows(np.abs(t), order)
    verdicts = [judge(t[w], values[w], order, origin, noise, eps) for w in windows]
    return [v for v in verdicts if np.isfinite(v.error).all()]


def _windows(distance: Floats, order: int) -> list[NDArray[np.bool_]]:
    """Return which samples each window holds, for windows that can say something."""
    radii = np.unique(distance)
    windows = [
        (distance <= radius) & ((distance >= radius / DEEPEST) | (distance == 0))
        for radius in radii
    ]
    counts = [int(np.count_nonzero(w)) for w in windows]
    enough = order + 3 if max(counts) >= order + 3 else order + 2  # one contrast at least
    chosen = []
    for k, count in enumerate(counts):
        followed = k + 1 < len(radii) and radii[k + 1] <= NEXT * radii[k]
        small = count < FEWEST and followed and counts[k + 1] >= FEWEST
        if count >= enough and not small:
            chosen.append(windows[k])
    return chosen


def judge(
    t: Floats,
    values: Floats,
    order: int,
    origin: float,
    noise: Noise | None = None,
    eps: float = EPS,
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
    eps: float = EPS,
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
    sigma, freedoms = _noise(g, b, floor, noise and Noise(noise.level / amplitude, noise.freedoms))
    noise_part = np.interp(freedoms, FREEDOMS, STUDENT) * b.norms * sigma
    truncation, rate = _truncation(g, sizes, b)
    truncation += UNSEEN * b.unseen * sigma
    error = noise_part + truncation
    best = np.argmin(error, axis=0)
    pick = best, np.arange(len(best))
    value = np.cumsum(b.slopes * g, axis=0)[b.degrees[best], pick[1]]
    size = np.maximum(np.abs(value), np.max(sizes[order : order + 3], axis=0))
    per = amplitude * radius**-order
    return Verdict(
        value=value * per + (middle if order == 0 else 0.0),
        error=error[pick] * per,
        noise_part=noise_part[pick] * per,
        truncation_part=truncation[pick] * per,
        sigma=sigma[pick] * amplitude,
        freedoms=freedoms[pick],
        floor=floor * amplitude,
        rate=rate,
        size=size * per,
        radius=radius,
        sides=int(unit[0] >= 0) - int(unit[-1] <= 0),
    )


def _noise(g: Floats, b: Basis, floor: Floats, noise: Noise | None) -> tuple[Floats, Floats]:
    """Return sigma (c, q) for each fit, and the degrees of freedom (c, q) behind it."""
    rest = np.cumsum((g * g)[::-1], axis=0)[::-1][b.starts]
    if noise is None:
        level = floor
        near = NEAR_ROUNDING * floor * floor
        worth = ROUNDING_FREEDOMS * near / (near + rest / b.freedoms + TINY)
    else:
        level, worth = np.maximum(noise.level, floor), np.full_like(rest, noise.freedoms)
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


def consistent(verdicts: list[Verdict]) -> list[Verdict]:
    """Return the windows, narrowest first, up to the first that contradicts a narrower one."""
    low, high = -np.inf, np.inf
    for k, v in enumerate(verdicts):
        value, error = v.value.item(), v.error.item()
        low, high = max(low, value - error), min(high, value + error)
        if low > high:
            return verdicts[:k]
    return verdicts


def least(verdicts: list[Verdict]) -> Verdict:
    """Return the verdict with the smallest error, the narrowest of equals."""
    return min(verdicts, key=lambda v: v.error.item())
