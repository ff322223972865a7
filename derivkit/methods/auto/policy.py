"""One output on its way to a derivative: what its samples say, and what they call for next.

f near x0 is taken for a polynomial, plus noise of one level, plus a grain (treads in x, or units in
f), with perhaps different polynomials on the two sides. Each step asks which of these is at work:

===============================  ==============================================================
f does not move at all           out, to where it moves; if it never does, its derivative is 0
undefined on one side            samples on the other, and a search for the wall
nothing falls with the degree    each side by itself? else a probe at the resolution of x: noise,
                                 treads, or structure that was stepped over – a ladder on its scale
noise or rounding rules          up: some pairs above, no farther than the error calls for
truncation rules                 down: a ladder below, where the coefficients fall faster
===============================  ==============================================================

Noise is believed only where it is shown at the resolution of x. What is neither noise nor explained
by a fit, and large, is unresolved, with the reason as its status.
"""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np

from derivkit.methods.auto.criteria import (
    DOUBTFUL,
    MAGNIFIED,
    noise_rules,
    visible,
)
from derivkit.methods.auto.diagnosis import Diagnosis
from derivkit.methods.auto.ladder import both_sides, half_way, step_below
from derivkit.methods.auto.lepski import Selection
from derivkit.methods.auto.moves import (
    BURIED,
    above,
    first_radius,
    ladder,
    resolution,
    towards_walls,
)
from derivkit.methods.auto.output import (
    Course,
    Deferred,
    Floats,
    Over,
)
from derivkit.methods.fit.samples import Column
from derivkit.methods.fit.window import EPS
from derivkit.status import Status

__all__ = ["OutputSearch"]

PATIENCE, PATIENCE_IF_POOR = 2, 6
"""Failed rounds after which a search ends; more where nothing is resolved yet."""

CLIMBED = 1.5
"""Steps beyond this multiple of the first ladder's have been pushed up by noise."""

MOST_WALL_ROUNDS = 4


class OutputSearch(Diagnosis):
    """The search for the derivative of one output."""

    # -- the story -----------------------------------------------------------------------------

    def course(self) -> Course:
        """Yield questions and places, and be sent answers and what became of the places."""
        try:
            yield from self.look()
            while not self.settled:
                before = self._probes, self._explained, self._wall_rounds, self._failures
                windows, learnt = (self._lowest_wish, self._inner), self._learnt
                try:
                    yield from self._next_step()
                except Deferred:  # no conclusions from what was not done
                    self._probes, self._explained, self._wall_rounds, self._failures = before
                    self._lowest_wish, self._inner = windows
                    yield from self.look()
                if self._learnt == learnt:
                    break
        except Over:
            pass
        with suppress(Over, Deferred):
            yield from self._mistrust_straight()
        self.done = True
        yield from self._compare_sides()

    @property
    def settled(self) -> bool:
        """Whether nothing is to be gained by further samples."""
        c, seen = self.column, self.seen
        if not c.at_x0 or self.broken is not None:
            return True
        flat = not (self._alone_or_all_flat or c.moves_within(math.inf))  # as many outputs are
        return flat or (seen is not None and seen.content)

    @property
    def _learnt(self) -> tuple[object, ...]:
        """What a step must change, or the next one would be the same."""
        steps = self._probes, self._wall_rounds, self.noise, self._lowest_wish, self._inner
        return (len(self._samples.t), *steps, self._branch)

    def _next_step(self) -> Course:
        c, seen = self.column, self.seen
        if len(c.t) > 1 and self._alone_or_all_flat and not c.moves_within(math.inf):
            yield from self._leave_flat()
        elif c.one_sided and self._wall_rounds < MOST_WALL_ROUNDS:
            self._wall_rounds += 1
            first = self._wall_rounds == 1
            yield from self._ask(towards_walls(self.line, c, with_open_side=first))
        elif seen is None or self._stuck():
            raise Over
        elif self._is_louder(seen.near):
            if self._narrowed:
                self.noise, self._presumed = None, False
                yield from self.look()
            else:
                self._narrowed = True
                yield from self._move(self._below(seen, known=True))
        elif self._unexplained(seen.near) or (not self._probes and self._unexplained(seen.best)):
            if seen.near.misfit <= MAGNIFIED * seen.near.floor:
                yield from self._take_for_noise()
            else:
                yield from self._explain(seen)
        elif noise_rules(seen.near, known=self.noise is not None):
            yield from self._move(self._above(c, seen))
            self._climbed = True
        else:
            yield from self._move(self._below(seen, known=self.noise is not None))

    def _stuck(self) -> bool:
        """Whether moving has stopped to help; where nothing is resolved yet, patience is longer."""
        self._least = np.minimum(self._least, self._errors)
        if self.noise is not None and self._has_climbed():
            return True  # in noise, further rungs gain less than they cost
        resolved = self.noise is not None or self.relative_error < 1
        return self._failures >= (PATIENCE if resolved else PATIENCE_IF_POOR)

    def _has_climbed(self) -> bool:
        """Whether noise has pushed the steps up, for this output or others, as far as it may."""
        if self._alone:
            return self._climbed and self.relative_error < BURIED
        return self._climbed or self._samples.reach > CLIMBED * self._first_reach

    # -- f does not move -----------------------------------------------------------------------

    @property
    def _alone_or_all_flat(self) -> bool:
        return self._alone or self._samples.flat

    def _leave_flat(self) -> Course:
        """Go out to where f moves, at most to its scale; if it does not move there, it is constant.

        abs(x0) is evidence of a scale only where f varies on it: else the scale is 1. A peak on
        whose foot all other places lie shows at the resolution of x.
        """
        far = step_below(self._farthest, self.line.origin)
        low = float(np.min(np.abs(self.column.t[self.column.t != 0]), initial=far))
        fine = resolution(self.line, low)
        self.constant = True
        yield from self._ask(np.append(both_sides([far], self.line.origin), fine))
        if not self.column.moves_within(math.inf):
            raise Over
        self.constant = False
        if self.column.moves_within(0.99 * low):
            yield from self._move(ladder(self.line, self.column, half_way(fine, low)))
            return
        yield from self._keep_to_flat_side()
        radius = self._samples.inside(0.99 * far)
        while radius < far and not self.column.moves_within(0.99 * far):
            radius = min(max(4.0 * radius, self._farthest * first_radius(self.order)), far)
            yield from self._ask(ladder(self.line, self.column, radius))

    # -- moves ---------------------------------------------------------------------------------

    def _above(self, c: Column, seen: Selection) -> Floats:
        noisy = visible(seen.best) or seen.eps > EPS
        return above(
            self.line,
            c,
            seen.best,
            self.order,
            self._farthest,
            limit=seen.limit,
            noisy=noisy,
            alone=self._alone,
        )

    # -- at the end ----------------------------------------------------------------------------

    def _mistrust_straight(self) -> Course:
        """At the end of a search that was narrowed: f may be straight on a tread."""
        seen = self.seen
        if seen is not None and self._probes:
            radius = seen.best.radius
            beyond = (1.01 * radius, *self._branch)
            wide = yield self._question(1, grains=False)._replace(within=beyond)
            if wide is not None:
                yield from self._straight_in_treads(radius, wide.loudest, wide.best.value)

    def _compare_sides(self) -> Course:
        """At the end of a search: a kink or a jump may be why the error is large."""
        seen = self.seen
        if seen is None or self.broken is not None or self.constant:
            return
        if seen.best.misfit > 30 * seen.best.floor and (self.noise or seen.best.rate > DOUBTFUL):
            narrow, wide = (yield self._sides(0.0)), (yield self._sides(seen.best.radius))
            both = [told for told in (narrow, wide) if told is not None and told.contradict]
            found = [told for told in both if not told.is_step]  # which was looked into
            if len(found) > (0 if self._alone else 1):  # of hundreds, noise breaks one by chance
                self.broken = Status.JUMP if found[-1].jumps else Status.KINK
