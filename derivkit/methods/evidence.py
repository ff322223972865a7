"""What verdicts are evidence of: noise, structure, a kink, an error that is small enough.

Pure questions about windows and samples; what to do about the answers is `track`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.samples import Column
from derivkit.methods.windows import DEEPEST, Verdict, judge, least

__all__ = [
    "Goal",
    "beyond_grains",
    "content",
    "contradicted_by",
    "kinked",
    "loose",
    "nearly_least",
    "noise_rules",
    "visible",
]

Floats = NDArray[np.float64]

TIGHT = 1e-12
"""A truncation error above this part of a first derivative's size is worth more calls: going down
is safe, and a ladder lower gains up to nine powers of two."""

LOOSE = 1e-9
"""The same for noise: going up is not safe, and each call gains a factor two at best."""

PER_ORDER = 30.0
"""Each further order loses so much to rounding: about twice the scale over the first radius."""

BALANCE = 3.0
"""Truncation of no more than so many times the noise is not worth a ladder below, which doubles the
noise."""

VISIBLE = 30.0
"""Noise this many times above rounding is the model's own, or structure."""

STALLED = 0.7
"""Coefficients that fall by less than this from degree to degree do not tell the scale."""

RIPPLE = 1e-4
"""A ripple on f below this part of f is taken for the model's arithmetic, not for the model."""

GOOD = 1e-2
"""A fit with an error below this part of the derivative's size says something."""

CONTRADICTION = 3.0
"""The two sides of x0 contradict each other if they differ by so many times their errors."""


@dataclass(frozen=True, slots=True)
class Goal:
    """When the user is content: error <= max(atol, rtol |value|). None: as good as pays."""

    rtol: float | None
    atol: float


def loose(order: int) -> float:
    """Return the noise error, beside the derivative's size, that is worth no further calls."""
    return LOOSE * PER_ORDER ** (order - 1)


def content(v: Verdict, goal: Goal, order: int) -> NDArray[np.bool_]:
    """Return for each output whether its error is small enough, or worth no further calls."""
    settled = (v.truncation_part <= BALANCE * v.noise_part) & (v.sigma <= VISIBLE * v.floor)
    good = np.where(settled, LOOSE, TIGHT) * PER_ORDER ** (order - 1) * v.size
    constant = v.size == 0  # to the last digit, across the window: as good as it gets
    wanted = goal.atol if goal.rtol is None else np.maximum(goal.atol, goal.rtol * np.abs(v.value))
    return np.asarray((v.error <= np.maximum(good, wanted)) | constant)


def visible(v: Verdict) -> bool:
    """Whether there is something above rounding that the fit does not explain."""
    return v.sigma.item() > VISIBLE * v.floor.item()


def noise_rules(v: Verdict, *, known: bool) -> bool:
    """Whether wider steps would help, rather than narrower ones; ``known``: it is noise."""
    rules = v.noise_part.item() >= v.truncation_part.item()
    if visible(v) and not known:
        return rules and v.rate.item() > STALLED
    return rules


def nearly_least(verdicts: list[Verdict], factor: float = 10.0) -> list[Verdict]:
    """Return the verdicts whose error is within a factor of the least."""
    most = factor * least(verdicts).error.item()
    return [v for v in verdicts if v.error.item() <= most]


def contradicted_by(best: Verdict, wider: list[Verdict], c: Column) -> float:
    """Return how far the best of the windows that contradict a narrower one lies from it.

    Only if it is a good fit, to a ripple so low that it is the model's arithmetic: jumps of an
    integrator that changes its steps, or of an iteration that stops. Between the jumps f is smooth,
    but its slope there is not the model's.
    """
    ripple = RIPPLE * float(np.max(np.abs(c.f)))
    fair = [v for v in wider if v.sigma.item() < ripple and v.error.item() < GOOD * v.size.item()]
    if not fair:
        return 0.0
    return abs(least(fair).value.item() - best.value.item())


def granular(t: Floats, f: Floats) -> bool:
    """Whether f repeats a value on one side of x0 without being constant: it moves in grains.

    So does what is left when large numbers cancel, and what has been printed and read again.
    """
    if np.all(f == f[0]):
        return False
    return any(len(np.unique(f[side])) < np.count_nonzero(side) for side in (t > 0, t < 0))


def beyond_grains(verdicts: list[Verdict], c: Column) -> list[Verdict]:
    """Return the windows without the narrowest ones if those show nothing but grains."""
    for k, v in enumerate(verdicts):
        inside = np.abs(c.t) <= v.radius
        if not granular(c.t[inside], c.f[inside, 0]):
            return verdicts[k:]
    return verdicts


def kinked(c: Column, radius: float, origin: float, eps: float) -> bool:
    """Whether f has a kink or a jump at x0: its two sides contradict each other."""
    inside = (np.abs(c.t) <= radius) & (np.abs(c.t) >= radius / DEEPEST)
    sides = [inside & (c.t < 0), inside & (c.t > 0)]
    if min(np.count_nonzero(side) for side in sides) < 4:
        return False
    for order in (0, 1):  # a jump, a kink
        left, right = (judge(c.t[s], c.f[s], order, origin, None, eps) for s in sides)
        gap = abs(left.value.item() - right.value.item())
        if gap > CONTRADICTION * (left.error.item() + right.error.item()):
            return True
    return False
