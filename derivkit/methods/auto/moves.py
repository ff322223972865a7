"""Ladders that fit: between the bounds, and on the sides where f is defined."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.auto.criteria import BALANCE, loose
from derivkit.methods.auto.ladder import (
    PAIRS,
    both_sides,
    half_way,
    one_sided,
    spread,
    step_below,
    to_side,
    two_sided,
)
from derivkit.methods.fit.samples import Column
from derivkit.methods.fit.window import Finding
from derivkit.methods.protocol import Line

__all__ = [
    "BURIED",
    "above",
    "below",
    "deepest",
    "first_radius",
    "half_width",
    "ladder",
    "likely_after",
    "resolution",
    "towards_walls",
    "where_noise_rules",
]

Floats = NDArray[np.float64]

NOTHING: Floats = np.empty(0)

INSIDE = 0.999
"""A ladder ends before the place nearest to x0 at which f was undefined."""

WALL_STEPS = 16.0 ** -np.arange(1.0, 5.0)
"""Where a wall is looked for, in units of the distance at which f is undefined: one round tells the
wall to a factor 16."""


WIDEST = 0.5
"""Noise pushes the steps up to this part of the line's scale: beyond, models leave their domain."""

FARTHEST_UP = 16.0
"""The largest factor by which noise pushes the steps up in one round."""

INSENSITIVE = 1e-3
"""A scale on which f varies by less than this part of itself is no scale: then, and only then,
steps may pass `WIDEST` of abs(x0), up to 1."""

WIDE_PAIRS = 4
"""In noise, pairs of samples above a ladder, near its ends, for derivatives that gain the square of
the steps, or more: no further round follows."""

BELOW_STRUCTURE = 0.3
"""Steps stay below this part of those at which a window contradicts narrower ones."""

FAR_OFF = 64.0
"""Steps this many times the widest so far are asked for as a whole ladder: the samples so far tell
nothing beside it."""

BURIED = 0.1
"""Noise that makes an error above this part of the derivative's size may push the steps past
`WIDEST`, where the output is alone."""

FARTHEST_DOWN = 63.0
"""One round gains up to this many powers of two in the error: nine of them take one halving of the
radius, so seven halvings at most."""


RESOLUTION = 16.0
"""A probe at the resolution of x lies this many units in the last place of x0 away: nearer, x0 + t
could round to what x0 rounds to inside the model."""

DEEP_LADDER, BESIDE_0 = 16.0, 2.0**-120
"""How far the deepest ladder reaches, in units of that; and how much nearer to x0 = 0, where x has
no resolution: a step is told there from what rises within 1e-50 of the scale."""

FIRST_RADIUS = (1 / 12, 1 / 12, 1 / 8, 1 / 5, 1 / 4, 0.3, 0.37, 0.44, 0.5, 0.56, 0.62, 0.68, 0.75)
"""Half-width of the first ladder in units of the scale, by order; the last for all above. Rounding
costs radius**-order, truncation radius**(9 - order): the balance moves outwards with the order."""


def first_radius(order: int) -> float:
    """Return the half-width of the first ladder in units of the scale."""
    return FIRST_RADIUS[min(order, len(FIRST_RADIUS) - 1)]


def half_width(line: Line, order: int) -> float:
    """Return that of the first ladder: as at a point nearby, else by the scale."""
    return line.scale * first_radius(order) if line.begin is None else line.begin


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
        np.array([to_side(step_below(step, 0.0), side, line.origin) for step in wall * WALL_STEPS])
        for side, wall in walls
    ]
    if with_open_side and len(walls) == 1 and len(c.t) > 1:
        far = 2 * float(np.max(np.abs(c.t)))
        wishes.append(one_sided(far, line.origin, -walls[0][0]))
    return np.concatenate(wishes)


def below(line: Line, c: Column, v: Finding, wished: float, noise: float | None) -> Floats:
    """Return the ladder on which truncation, falling as radius**9, meets noise if it is known.

    If it is not, the ladder on which truncation meets rounding. Samples nearer than ``wished`` were
    called for by other outputs, and this one has not made use of them.
    """
    level = v.floor if noise is None else min(noise, v.sigma)
    reachable = v.noise_part * level / v.sigma if v.sigma > 0 else 0.0
    excess = v.error / reachable if reachable > 0 else math.inf
    if excess <= 1 + BALANCE:
        return NOTHING
    levels = max(1, round(math.log2(min(max(excess, 2.0), 2.0**FARTHEST_DOWN)) / 9))

    def fresh(steps: Floats) -> bool:
        return float(np.min(np.abs(steps))) < wished or not all(map(c.holds, steps.tolist()))

    deeper = (ladder(line, c, v.radius * 2.0**-n) for n in range(levels, levels + PAIRS + 1))
    return next((steps for steps in deeper if fresh(steps)), NOTHING)


def above(
    line: Line,
    c: Column,
    v: Finding,
    order: int,
    farthest: float,
    *,
    limit: float,
    noisy: bool,
    alone: bool,
) -> Floats:
    """Return pairs or a ladder above: as far as the error calls for, and not beyond the cap.

    ``limit``: where f is seen to be another. Far below it, where rounding rules, a whole ladder on
    the way costs less than pairs that grow by `FARTHEST_UP` a round.

    A scale that must be wrong, since rounding hides how f varies on it, is left at once.

    ``noisy``: f has noise of its own. ``alone``: no other output minds if this one goes far.
    """
    steps = np.abs(c.t)
    top = float(np.max(steps))
    if v.radius < top / FARTHEST_UP:  # wider windows say less: something lies between
        limit = min(limit, float(np.min(steps[steps > 8.0 * v.radius])))
    worth = loose(order) * v.size
    wanted = v.error / worth if worth > 0 else 0.0
    if limit < math.inf:
        middle = half_way(v.radius, limit)  # f may break before it
        if not noisy and min(wanted, middle / v.radius) > FAR_OFF:
            return ladder(line, c, min(wanted * v.radius, middle))
        radius = min(FARTHEST_UP * v.radius, BELOW_STRUCTURE * limit)
        return _pairs(line, v.radius, radius) if radius > 1.5 * v.radius else NOTHING
    factor = FARTHEST_UP
    if not noisy and v.size > 0:
        factor = min(max(wanted, 4.0), 64.0)
    cap = WIDEST * line.scale
    if noisy and alone and v.error > BURIED * v.size > 0:
        cap *= FARTHEST_UP
    elif not noisy and float(np.ptp(c.f)) < INSENSITIVE * float(np.max(np.abs(c.f))):
        cap = farthest * first_radius(order)
        if cap > FAR_OFF * top:
            return ladder(line, c, cap)
        cap = WIDEST * farthest
    radius = min(factor * top, cap)
    if radius < 1.5 * top:
        return NOTHING
    return _pairs_in_noise(line, top, radius, order) if noisy else _pairs(line, top, radius)


def _pairs(line: Line, top: float, radius: float) -> Floats:
    """Return two pairs above the widest sample at ``top``: at the radius, and half-way there."""
    high = step_below(radius, line.origin)
    low = step_below(1.1 * half_way(top, high), line.origin)
    return both_sides([high, low], line.origin)


def _pairs_in_noise(line: Line, top: float, radius: float, order: int) -> Floats:
    """Return the pairs that tell most of a derivative of this order."""
    return spread(radius, line.origin, WIDE_PAIRS) if order > 1 else _pairs(line, top, radius)


def resolution(line: Line, low: float) -> float:
    """Return the distance of a probe at the resolution of x; ``low`` is that of other samples."""
    ulp = RESOLUTION * math.ulp(line.origin) if line.origin else 0.0
    return step_below(max(ulp, low * 2.0**-40), line.origin)


def deepest(line: Line, low: float) -> float:
    """Return the radius of a ladder so near x0 that a step from one constant to another is one."""
    return DEEP_LADDER * resolution(line, low) * (1.0 if line.origin else BESIDE_0)


def where_noise_rules(line: Line, steps: Floats, order: int) -> Floats:
    """Return a probe, and pairs as far out as noise pushes the steps.

    They replace all but the first two of ``steps``, a ladder without x0, the widest first. Where
    that is known to suit noise, or leaves no room, it is the ladder's next two pairs that do.
    """
    top = float(steps[0])
    room = min(-line.lower, line.upper, WIDEST * line.scale, FARTHEST_UP * top)
    pairs = steps[2:6]
    if line.begin is None and room >= 1.5 * top:
        pairs = _pairs_in_noise(line, top, room, order)
    return np.append(resolution(line, top), pairs)


def likely_after(first: Floats, line: Line, order: int) -> Floats:
    """Return places to which a search mostly goes on from its first ladder.

    On random functions of all kinds, nine in ten of the searches that go on in truncation take the
    next rung below, two in three the second; and of those in noise, nine in ten the pairs above.
    """
    steps = np.abs(first[first != 0])
    if not (first.min() < 0 < first.max()):
        return np.empty(0)  # bounds, or a wall: too many ways
    top = float(steps.max())
    down = two_sided(float(steps.min()) / 2, line.origin)
    up = _pairs_in_noise(line, top, min(FARTHEST_UP * top, WIDEST * line.scale), order)
    places = np.concatenate([down[:4], up[2:], up[:2], down[4:]])
    return places[(places >= line.lower) & (places <= line.upper)]
