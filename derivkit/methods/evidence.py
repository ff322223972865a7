"""What verdicts are evidence of: noise, structure, a kink, an error that is small enough.

Pure questions about windows and samples; what to do about the answers is `track`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.windows import DEEPEST, Finding, Verdict, judge

__all__ = ["Goal", "content", "granular", "kinked", "loose", "noise_rules", "visible"]

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

SAME = 0.2
"""Noise is the same on all scales, to this factor; structure falls off faster."""

GOOD = 1e-2
"""A fit with an error below this part of the derivative's size says something."""

FIRM = 20.0
"""How many contrasts a noise level given by the user is worth."""

VANISHING = 1e-12
"""An error below this part of the derivative's size across the first ladder says that it is 0."""

WORTH_A_LOOK = 1e-3
"""An error above this part of the size, at the end of a search, may have a kink as its reason."""

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


def visible(v: Finding) -> bool:
    """Whether there is something above rounding that the fit does not explain."""
    return v.sigma > VISIBLE * v.floor


def noise_rules(v: Finding, *, known: bool) -> bool:
    """Whether wider steps would help, rather than narrower ones; ``known``: it is noise."""
    if known:  # what tells the truncation is mostly noise, too
        return v.truncation_part <= BALANCE * v.noise_part
    rules = v.noise_part >= v.truncation_part
    return rules and (v.rate > STALLED or not visible(v))


def granular(t: Floats, f: Floats) -> NDArray[np.bool_]:
    """Return which outputs f (m, q) repeat a value on one side of x0 without being constant.

    Such an output moves in grains. So does what is left when large numbers cancel, and what has
    been printed and read again.
    """
    repeats = np.zeros(f.shape[1], dtype=bool)
    for side in (t > 0, t < 0):
        ordered = np.sort(f[side], axis=0)
        repeats |= (ordered[1:] == ordered[:-1]).any(axis=0)
    return np.asarray(repeats & (f != f[0]).any(axis=0))


def as_noisy(t: Floats, f: Floats, order: int, origin: float, eps: float, sigma: float) -> bool:
    """Whether samples f (m, 1) of a narrow window show what a wide one did, sigma: noise."""
    if granular(t, f)[0]:
        return True
    v = judge(t, f, order, origin, None, eps)
    return bool(v.rate[0] > STALLED and v.sigma[0] > SAME * sigma)


def kinked(t: Floats, f: Floats, radius: float, origin: float, eps: float) -> NDArray[np.bool_]:
    """Return which outputs f (m, q) have a kink or a jump at x0: their sides contradict each other.

    Judged by samples no farther than ``radius``.
    """
    found = np.zeros(f.shape[1], dtype=bool)
    inside = (np.abs(t) <= radius) & (np.abs(t) >= radius / DEEPEST)
    sides = [inside & (t < 0), inside & (t > 0)]
    if min(np.count_nonzero(side) for side in sides) < 4:
        return found
    for order in (0, 1):  # a jump, a kink
        left, right = (judge(t[s], f[s], order, origin, None, eps) for s in sides)
        gap = np.abs(left.value - right.value)
        found |= gap > CONTRADICTION * (left.error + right.error)
    return found
