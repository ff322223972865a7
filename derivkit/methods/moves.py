"""Ladders that fit: between the bounds, and on the sides where f is defined."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.evidence import loose
from derivkit.methods.ladders import one_sided, step_below, two_sided
from derivkit.methods.protocol import Line
from derivkit.methods.samples import Column
from derivkit.methods.windows import Finding

__all__ = ["BURIED", "above", "below", "ladder", "likely_after", "towards_walls"]

Floats = NDArray[np.float64]

NOTHING: Floats = np.empty(0)

INSIDE = 0.999
"""A ladder ends before the place nearest to x0 at which f was undefined."""

WALL_STEPS = 16.0 ** -np.arange(1.0, 5.0)
"""Of the distance at which f is undefined: a round tells the wall to a factor 16."""


WIDEST = 0.5
"""How far noise may push the steps, in units of the line's scale: models leave their domain."""

FARTHEST_UP = 16.0
"""How far noise pushes the steps in one round."""

LOST = 1e-6
"""If rounding is more than this part of all that f varies, the line's scale is wrong: then, and
only then, steps may pass `WIDEST`."""

BURIED = 0.1
"""Noise above this part of the derivative's size may push the steps a little past it too."""

FARTHEST_DOWN = 63.0
"""Nine powers of two in the error are one in the radius; so seven at the most in one round."""


def ladder(line: Line, c: Column, radius: float) -> Floats:
    """Return a ladder of this radius, on both sides if there is room on both."""
    low = min(-line.lower, INSIDE * c.wall_below)
    high = min(line.upper, INSIDE * c.wall_above)
    if min(low, high) >= radius:
        return two_sided(radius, line.origin)
    side = 1.0 if high >= low else -1.0
    return one_sided(min(2 * radius, max(low, high)), line.origin, side)


def towards_walls(line: Line, c: Column, *, with_open_side: bool) -> Floats:
    """Return steps towards the walls, and a ladder on the open side if there is one."""
    walls = [(side, w) for side, w in ((-1.0, c.wall_below), (1.0, c.wall_above)) if w < np.inf]
    wishes = [
        side * np.array([step_below(step, line.origin) for step in wall * WALL_STEPS])
        for side, wall in walls
    ]
    if with_open_side and len(walls) == 1 and len(c.t) > 1:
        far = 2 * float(np.max(np.abs(c.t)))
        wishes.append(one_sided(far, line.origin, -walls[0][0]))
    return np.concatenate(wishes)


def below(line: Line, c: Column, v: Finding, *, known: bool) -> Floats:
    """Return the ladder on which truncation, falling as radius**9, meets noise if it is known.

    If it is not, the ladder on which truncation meets rounding.
    """
    reachable = v.noise_part
    if not known:
        reachable *= v.floor / v.sigma if v.sigma > 0 else 0.0
    excess = v.error / reachable if reachable > 0 else math.inf
    levels = math.ceil(math.log2(min(max(excess, 2.0), 2.0**FARTHEST_DOWN)) / 9)
    return ladder(line, c, v.radius * 2.0**-levels)


def above(line: Line, c: Column, v: Finding, order: int, *, noisy: bool, alone: bool) -> Floats:
    """Return two pairs above: as far as the error calls for, and not beyond the cap.

    ``noisy``: f has noise of its own. ``alone``: no other output minds if this one goes far.
    """
    top = float(np.max(np.abs(c.t)))
    factor = FARTHEST_UP
    if not noisy and v.size > 0:
        factor = min(max(v.error / (loose(order) * v.size), 4.0), 64.0)
    cap = WIDEST * line.scale
    if noisy and alone and v.error > BURIED * v.size > 0:
        cap *= FARTHEST_UP
    elif not noisy and LOST * float(np.ptp(c.f)) < v.floor:
        cap = math.inf
    radius = min(factor * top, cap)
    if radius < 1.5 * top:
        return NOTHING
    return _pairs(line, top, radius)


def _pairs(line: Line, top: float, radius: float) -> Floats:
    """Return two pairs above the widest sample at ``top``: at the radius, and half-way there."""
    high = step_below(radius, line.origin)
    low = step_below(1.1 * math.sqrt(top * high), line.origin)  # half-way, in octaves
    return np.array([high, -high, low, -low])


def likely_after(first: Floats, line: Line) -> Floats:
    """Return places to which a search mostly goes on from its first ladder.

    On random functions of all kinds, nine in ten of the searches that go on in truncation take the
    next rung below, two in three the second; and of those in noise, nine in ten the pairs above.
    """
    steps = np.abs(first[first != 0])
    if not (first.min() < 0 < first.max()):
        return np.empty(0)  # bounds, or a wall: too many ways
    top = float(steps.max())
    down = two_sided(float(steps.min()) / 2, line.origin)
    up = _pairs(line, top, min(FARTHEST_UP * top, WIDEST * line.scale))
    places = np.concatenate([down[:4], up[2:], up[:2], down[4:]])
    return places[(places >= line.lower) & (places <= line.upper)]
