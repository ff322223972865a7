"""Ladders that fit: between the bounds, and on the sides where f is defined."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.ladders import one_sided, step_below, two_sided
from derivkit.methods.protocol import Line
from derivkit.methods.samples import Column

__all__ = ["ladder", "pairs_above", "towards_walls"]

Floats = NDArray[np.float64]

INSIDE = 0.999
"""A ladder ends before the place nearest to x0 at which f was undefined."""

WALL_STEPS = 16.0 ** -np.arange(1.0, 5.0)
"""Of the distance at which f is undefined: a round tells the wall to a factor 16."""


def ladder(line: Line, c: Column, radius: float) -> Floats:
    """Return a ladder of this radius, on both sides if there is room on both."""
    low = min(-line.lower, INSIDE * c.wall_below)
    high = min(line.upper, INSIDE * c.wall_above)
    if min(low, high) >= radius:
        return two_sided(radius, line.origin)
    side = 1.0 if high >= low else -1.0
    return one_sided(min(2 * radius, max(low, high)), line.origin, side)


def pairs_above(line: Line, top: float, radius: float) -> Floats:
    """Return two pairs above the widest sample at ``top``: at the radius, and half-way there."""
    high = step_below(radius, line.origin)
    low = step_below(1.1 * math.sqrt(top * high), line.origin)  # half-way, in octaves
    return np.array([high, -high, low, -low])


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
