"""Where a stencil may stand: central where there is room, else shifted or smaller.

Knows lengths, not functions. Steps are rounded to the grid of floating point around x0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.protocol import Line

__all__ = [
    "FREE_SHRINKING",
    "Placement",
    "Room",
    "on_grid",
    "one_side_of",
    "place",
    "room_of",
    "room_within",
]

# A step that the method chose may be made this much smaller to keep the stencil central, because a
# central stencil converges faster than a shifted one.
FREE_SHRINKING = 16.0

GRID_BITS = 10  # steps are multiples of 2**10 grains, so that halving them ten times stays exact

NEGLIGIBLE = 1e-10  # part of the other side, or of the scale, below which there is no side

LEAST_MULTIPLE = 2.0**10  # a step that would change by more than a thousandth stays as it is

RETREAT = 1 / 16  # of the distance to an undefined neighbour: how far to go next


@dataclass(frozen=True, slots=True)
class Room:
    """How far t may go to the left and to the right of 0; both at least 0."""

    left: float
    right: float

    @property
    def short(self) -> float:
        """The smaller of the two."""
        return min(self.left, self.right)


@dataclass(frozen=True, slots=True)
class Placement:
    """A stencil: whole offsets in units of a step.

    Attributes
    ----------
    offsets : tuple of int
        The nodes; contains 0.
    wider : tuple of int
        The same and those that only serve the error.
    step : float
    exact : bool
        Whether x0 plus any node, and halves of it, is free of rounding.
    """

    offsets: tuple[int, ...]
    wider: tuple[int, ...]
    step: float
    exact: bool

    @property
    def central(self) -> bool:
        """Whether the nodes lie symmetrically around x0."""
        return sum(self.offsets) == 0


def room_of(line: Line) -> Room:
    """Return the room inside the bounds, without a side too narrow to hold any sample."""
    left, right = -line.lower, line.upper
    if left < NEGLIGIBLE * min(right, line.scale):
        left = 0.0
    elif right < NEGLIGIBLE * min(left, line.scale):
        right = 0.0
    return Room(left, right)


def place(
    step: float, points: int, order: int, extra: int, room: Room, line: Line, *, shrinking: float
) -> Placement:
    """Return a stencil that fits.

    Parameters
    ----------
    step : float
        Wished for; smaller only where there is no room.
    points : int
        Nodes of the central stencil. A shifted one for an even derivative has one more, for what
        it loses without symmetry.
    order : int
        Of the derivative.
    extra : int
        Further nodes on each side (on one side, if shifted) that serve the error.
    room : Room
    line : Line
        Its origin sets the grid of floating point.
    shrinking : float
        How many times smaller the step may be made for the stencil to be central.
    """
    half = points // 2
    shortest = (half + extra) * step
    if shortest <= shrinking * room.short:
        step = min(step, room.short / (half + extra))
        offsets, wider = (tuple(range(-n, n + 1)) for n in (half, half + extra))
    else:
        count = points + (order % 2 == 0)
        near, step = _shift(step, half, count - 1 + extra, room)
        offsets, wider = (tuple(range(-near, n - near)) for n in (count, count + extra))
        if room.right < room.left:
            offsets, wider = (tuple(-k for k in reversed(ks)) for ks in (offsets, wider))
    extent = abs(line.origin) + step * max(map(abs, wider))
    step, exact = on_grid(step, extent)
    exact = exact and math.fmod(line.origin, math.ulp(extent)) == 0.0
    return Placement(offsets, wider, step, exact)


def _shift(step: float, half: int, intervals: int, room: Room) -> tuple[int, float]:
    """Return how many nodes to put on the short side, and the step that then fits."""
    long = max(room.left, room.right)

    def fitting(near: int) -> float:
        most = room.short / near if near else math.inf
        return min(step, most, long / (intervals - near))

    near = max(range(half if room.short > 0 else 1), key=lambda k: (fitting(k), k))
    return near, fitting(near)


def on_grid(step: float, extent: float, bits: int = GRID_BITS) -> tuple[float, bool]:
    """Return the step rounded down to the grid of floating point, and whether that could be done.

    Parameters
    ----------
    step : float
    extent : float
        Largest coordinate to be met; its last digit is the grain of the grid.

    bits : int
        How often the step will be halved.

    Notes
    -----
    With a step of whole multiples of 2**bits grains, ``x0 + k step / 2**j`` is exact for j up to
    bits where x0 is a multiple of the grain (as it is unless a point passes the next power of 2),
    and the points' rounding does not enter the derivative. A step too small for that, which
    would change by more than a thousandth, stays as it is.
    """
    grain = math.ulp(extent) * 2.0**bits
    multiple = step / grain
    if multiple < LEAST_MULTIPLE:
        return step, False
    return (math.floor(multiple) * grain if multiple < 2.0**52 else step), True


def room_within(places: NDArray[np.float64], undefined: NDArray[np.bool_], room: Room) -> Room:
    """Return the room that is left after some places turned out to be undefined.

    It ends at the last defined place before the first undefined one. Where there is none between
    that and x0, the wall is nearer than all samples of its side, and a function varies over the
    distance to its wall: a small part of the distance seen is tried.
    """
    return Room(
        _defined_up_to(-places, undefined, room.left),
        _defined_up_to(places, undefined, room.right),
    )


def _defined_up_to(
    places: NDArray[np.float64], undefined: NDArray[np.bool_], limit: float
) -> float:
    """Return how far the positive side may be believed to be defined."""
    bad = places[undefined & (places > 0)]
    if bad.size == 0:
        return limit
    first = float(bad.min())
    good = places[(places > 0) & (places < first)]
    return float(good.max()) if good.size else RETREAT * first


def one_side_of(room: Room) -> Room:
    """Return the wider side alone."""
    return Room(room.left, 0.0) if room.left > room.right else Room(0.0, room.right)
