"""One output on its way to a derivative: what its samples say, and what they call for next.

===============================  ==============================================================
truncation rules                 down: a ladder below, where the coefficients fall faster
nothing falls with the degree    probe: one sample far below – noise, or structure stepped over?
structure                        a ladder on its scale
noise rules                      up: two pairs above, no farther than the error calls for
undefined on one side            samples on the other, and a search for the wall
===============================  ==============================================================
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.evidence import (
    FIRM,
    GOOD,
    STALLED,
    VANISHING,
    WORTH_A_LOOK,
    as_noisy,
    noise_rules,
    visible,
)
from derivkit.methods.judging import Kink, Look, Question, Told
from derivkit.methods.ladders import step_below
from derivkit.methods.moves import BURIED, above, below, ladder, towards_walls
from derivkit.methods.protocol import Line
from derivkit.methods.samples import Column, Samples
from derivkit.methods.selection import SELECTION, Belief
from derivkit.methods.windows import EPS, Finding
from derivkit.status import Status

__all__ = ["Course", "Track"]

Floats = NDArray[np.float64]

Asking: TypeAlias = Generator[Question, Any, Floats | None]
"""Part of a course: questions, and at its end the places that are wanted."""

Course: TypeAlias = Generator[Question | Floats, Any, None]
NOTHING: Floats = np.empty(0)

DOUBTFUL = 0.3
"""Coefficients that fall by less than this may be noise at the top: one probe is cheaper than a
ladder."""

HELD = 0.7
"""A round that leaves more than this of the error has not helped."""

BESIDE = 8.0
"""A probe says what one at so many times its distance would say, or so many times nearer."""

NEAR, DEEP = 2.0**-6, 2.0**-30  # where probes lie, in units of the lowest rung
MANY, ENOUGH_PROBES, AFAR = 100, 3, 2.0**8
"""Of a thousand noisy outputs one probe hardly moves fifty, three hardly move one. A further one
lies so much farther out that no window holds both."""

FEW = 4
"""So many outputs at the most may go their own ways; of more, some are always buried in noise, and
all go where most want to."""

CLIMBED = 1.5  # steps beyond so many times the first ladder's have been pushed up by noise
MOST_PROBES = 4
MOST_WALL_ROUNDS = 4


class Track:
    """What has been learnt about one output, j."""

    def __init__(
        self, line: Line, order: int, noise: float | None, samples: Samples, j: int
    ) -> None:
        self.line = line
        self.order = order
        self.noise = None if noise is None else (noise, FIRM)  # level, worth in contrasts
        self.eps = EPS
        self.seen: Belief | None = None
        self.looked_at = 0  # samples, when `seen` was seen
        self.kinked = False
        self.done = False
        self._samples = samples
        self._j = j
        self._alone = samples.values.shape[1] <= FEW
        self._first_reach = samples.reach
        self._gap = 0.0  # between the slopes of a probe and of the ladder, let pass as noise
        self._probe = 0.0
        self._below = 0.0  # smallest rung when the probe was made
        self._probes = 0
        self._suspected = 0.0  # amplitude of a structure that a ladder has been asked for
        self._wall_rounds = 0
        self._failures = 0
        self._error = math.inf  # least one so far
        self._size = 0.0  # of the derivative, across the first ladder
        self._climbed = False
        self._moved = False  # by the last round: down, up or onto a structure

    def course(self) -> Course:
        """Yield questions, and places, of which it is told what became."""
        told = Told.GRANTED
        while told is not Told.NOTHING:
            yield from self.look()
            before = self._probes, self._wall_rounds, self._climbed
            wanted = yield from self._wish()
            told = yield wanted
            if told is Told.OTHERS:  # no conclusions from what was not done
                self._probes, self._wall_rounds, self._climbed = before
                self._probe, self._suspected, self._moved = 0.0, 0.0, False
        yield from self._finish()

    # -- judging ----------------------------------------------------------------------------

    def look(self) -> Generator[Question, Any, None]:
        """Judge the samples anew."""
        self.looked_at = len(self._samples.t)
        self.seen = None
        if not self._column.at_x0:
            return
        self.seen = yield Look(self.order, self.noise, self.eps)
        if self.seen is not None:
            self.eps = self.seen.eps
            self._size = self._size or self.seen.best.size

    @property
    def _column(self) -> Column:
        return self._samples.column(self._j)

    @property
    def best(self) -> Finding | None:
        """The window to believe."""
        return None if self.seen is None else self.seen.best

    @property
    def relative_error(self) -> float:
        """The error beside the derivative's size; inf where nothing is known."""
        v = self.best
        return v.error / v.size if v is not None and v.size else math.inf

    def result(self) -> tuple[float, float, Status]:
        """Return value, error and status; call `look` before."""
        if self.seen is None:
            return math.nan, math.inf, Status.UNDEFINED
        v, seen = self.seen.best, self.seen
        error = v.error * (1 + SELECTION * seen.compared) + self._gap + seen.doubt
        if self.kinked or self._unresolved(v):
            return v.value, math.inf, Status.UNRESOLVED
        if self.noise is not None or self.eps > EPS:
            status = Status.NOISE_LIMITED
        else:
            status = Status.ONE_SIDED if v.sides else Status.CONVERGED
        return v.value, error, status

    def _unresolved(self, v: Finding) -> bool:
        """Whether what is left of the error is neither noise nor rounding, and large."""
        if self.noise is not None or v.error < max(BURIED * v.size, VANISHING * self._size):
            return False
        return visible(v) or v.truncation_part > 10 * v.noise_part

    def other_order(self, order: int) -> Generator[Question, Any, tuple[float, float]]:
        """Return value and error of a derivative of another order, from the same samples."""
        if self.kinked or not self._column.at_x0:
            return math.nan, math.inf
        seen = yield Look(order, self.noise, self.eps, grains=False)
        if seen is None:
            return math.nan, math.inf
        return seen.best.value, seen.best.error * (1 + SELECTION * seen.compared)

    # -- deciding ---------------------------------------------------------------------------

    def _wish(self) -> Generator[Question, Any, Floats]:
        """Return the places where samples are wanted; none when there is nothing to gain."""
        c = self._column
        if not c.at_x0:
            return NOTHING
        wanted = yield from self._outcome(c)
        return wanted if wanted is not None else (yield from self._next_move(c))

    def _finish(self) -> Generator[Question, Any, None]:
        """Note that the search is over; a kink may be why."""
        self.done = True
        seen = self.seen
        if seen is not None and self.noise is None and self.relative_error > WORTH_A_LOOK:
            self.kinked = visible(seen.near) and (yield Kink(seen.best.radius, self.eps))

    def _outcome(self, c: Column) -> Asking:
        """Draw the conclusion from what the last round was for; it may call for samples itself."""
        probed, self._probe = self._probe, 0.0
        suspected, self._suspected = self._suspected, 0.0
        moved, self._moved = self._moved, False
        if moved and self.best is not None:
            self._failures += self.best.error > HELD * self._error
        if suspected and self.seen is not None and self._still_there(c, suspected):
            yield from self._take_for_noise(self.seen)
        wanted = (yield from self._after_probe(c, probed)) if probed else None
        self._moved = wanted is not None
        return wanted

    def _next_move(self, c: Column) -> Generator[Question, Any, Floats]:
        """Return what the samples call for, by the table at the head of this file."""
        if self.kinked or (self.seen is not None and self.seen.content):
            return NOTHING
        if c.one_sided and self._wall_rounds < MOST_WALL_ROUNDS:
            self._wall_rounds += 1
            return towards_walls(self.line, c, with_open_side=self._wall_rounds == 1)
        if self.seen is None or self._stuck(self.seen.best):
            return NOTHING
        best, near = self.seen.best, self.seen.near
        if self._unexplained(near) or (self._probes == 0 and self._unexplained(best)):
            return (yield from self._ask_probe(c, near))
        self._moved = True
        if noise_rules(near, known=self.noise is not None):
            self._climbed = True
            noisy = visible(best) or self.eps > EPS
            return above(self.line, c, best, self.order, noisy=noisy, alone=self._alone)
        return below(self.line, c, near, known=self.noise is not None)

    def _stuck(self, best: Finding) -> bool:
        """Whether moving has stopped to help; where nothing is resolved yet, patience is longer."""
        self._error = min(best.error, self._error)
        if self.noise is not None and self._has_climbed():
            return True  # in noise, further rungs gain less than they cost
        resolved = self.noise is not None or self.relative_error < 1
        return self._failures >= (2 if resolved else 6)

    def _has_climbed(self) -> bool:
        """Whether noise has pushed the steps up, for this output or others, as far as it may."""
        if self._alone:
            return self._climbed and self.relative_error < BURIED
        return self._climbed or self._samples.reach > CLIMBED * self._first_reach

    def _unexplained(self, v: Finding) -> bool:
        """Whether there is something above rounding that is not known to be noise."""
        if self.noise is not None or not visible(v) or self._probes >= MOST_PROBES:
            return False
        return v.rate > (STALLED if self._probes else DOUBTFUL)

    # -- probing ----------------------------------------------------------------------------

    def _ask_probe(self, c: Column, v: Finding) -> Generator[Question, Any, Floats]:
        """Return one place so near x0 that structure hardly varies there, and noise just as ever.

        f changes there by (h / l) sigma if the structure has length l and amplitude sigma: less
        than sigma / 10 for l > 10 h, and still above rounding for l up to the ladder's own.
        """
        rungs = np.abs(c.t[np.abs(c.t) >= v.radius / 20])
        self._below = float(np.min(rungs[rungs > 0]))
        depth = min(max(80 * v.floor / v.sigma, DEEP), NEAR)
        side = 1.0 if c.holds(self._below) else -1.0
        distance = self._below * depth
        self._probes += 1
        if self._probes == 1 and (made := self._probed(c, distance)).size:
            near = made[np.abs(made) > distance / BESIDE]
            if near.size or self._louder(c, made):
                probe = (near if near.size else made)[-1]
                wanted = yield from self._after_probe(c, float(probe))
                self._moved = wanted is not None
                return (yield from self._next_move(c)) if wanted is None else wanted
        return self._asked(c, side * distance)

    def _asked(self, c: Column, place: float) -> Floats:
        """Ask for a probe at the place, or beyond it where there is one."""
        side, distance = math.copysign(1.0, place), step_below(abs(place), self.line.origin)
        while c.holds(side * distance):
            distance = step_below(2.5 * distance, self.line.origin)  # the next: 1.8 to 2.2 times
        self._probe = side * distance
        return np.array([self._probe])

    def _probed(self, c: Column, distance: float) -> Floats:
        """Return the places that have been probed, here or for other outputs, so near x0."""
        return np.asarray(c.t[(np.abs(c.t) < distance * BESIDE) & (c.t != 0)])

    def _louder(self, c: Column, probes: Floats) -> bool:
        """Whether f differs as much between probes and x0 as anywhere: noise."""
        if self.seen is None:
            return False
        rises = [abs(c.value_at(t) - c.value_at(0.0)) for t in probes.tolist()]
        return max(rises) > 0.1 * self.seen.loudest

    def _after_probe(self, c: Column, probe: float) -> Asking:
        """Return where to look for structure; None if the probe says noise, or nothing."""
        seen = self.seen
        if seen is None or not c.holds(probe):
            return None
        if seen.near.radius < BESIDE * abs(probe):  # the probes alone resolve f
            return self._structure(c, float(np.ptp(c.f)) / 2, abs(seen.near.value))
        made = self._probed(c, abs(probe))
        if self._louder(c, made):
            return (yield from self._take_for_noise(seen))
        return (yield from self._after_calm(c, seen, probe, made))

    def _after_calm(self, c: Column, seen: Belief, probe: float, made: Floats) -> Asking:
        """Return where to look for structure, f being much the same at all probes and at x0."""
        if seen.near.rate <= STALLED:
            return below(self.line, c, seen.near, known=False)
        rise = c.value_at(probe) - c.value_at(0.0)
        if rise == 0:
            return (yield from self._closer(c, seen))
        slope = yield from self._slope()
        gap = abs(rise / probe - slope.value)
        gap_error = 4 * slope.floor / abs(probe)
        within = gap <= 2 * slope.error + gap_error
        if within and slope.error <= GOOD * slope.size:
            if self._probes > 1 and self.order == 1:
                self._gap = max(0.0, gap - gap_error)
            return (yield from self._closer(c, seen))
        farther = probe * AFAR
        many = self._samples.values.shape[1] >= MANY
        if many and len(made) < ENOUGH_PROBES and abs(farther) < NEAR * self._below:
            return self._asked(c, farther)
        return self._structure(c, seen.loudest, gap)

    def _structure(self, c: Column, amplitude: float, slope: float) -> Floats:
        """Return a ladder on the scale of a structure of this amplitude and slope."""
        self._suspected = amplitude
        scale = amplitude / slope if slope > 0 else math.inf
        return ladder(self.line, c, min(scale, self._below) / 4)

    def _still_there(self, c: Column, suspected: float) -> bool:
        """Whether the ladder on the suspected structure shows what the one above did: noise."""
        inside = np.abs(c.t) < self._below
        if np.count_nonzero(inside) < self.order + 3:
            return False
        t, f = c.t[inside], c.f[inside, None]
        return as_noisy(t, f, self.order, self.line.origin, self.eps, suspected)

    def _slope(self) -> Generator[Question, Any, Finding]:
        """Return the first derivative, whatever the order that is sought."""
        if self.order == 1 and self.seen is not None:
            return self.seen.best
        seen: Belief = yield Look(1, None, self.eps, grains=False)
        return seen.best

    def _closer(self, c: Column, seen: Belief) -> Asking:
        """Look once just below the ladder; what is still there then is noise on this scale."""
        if self._probes < 2:
            return ladder(self.line, c, self._below)
        return (yield from self._take_for_noise(seen))

    def _take_for_noise(self, seen: Belief) -> Asking:
        """Note the level of the noise, from where it is best determined; wants nothing."""
        self.kinked = yield Kink(seen.best.radius, self.eps)
        self.noise = seen.firmest
        yield from self.look()
        return None
