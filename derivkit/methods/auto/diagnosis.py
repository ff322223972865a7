"""What a fit leaves unexplained: two sides, noise, treads, or structure that was stepped over.

Noise is believed only where it is shown at the resolution of x, and is the same on all scales. What
is calm there is structure: the scale on which it begins to move is looked for, in octaves.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any

import numpy as np

from derivkit.methods.auto.criteria import (
    CONTRADICTION,
    MAGNIFIED,
    STALLED,
    VISIBLE,
    Sides,
)
from derivkit.methods.auto.ladder import PAIRS, both_sides, half_way, step_below
from derivkit.methods.auto.lepski import Selection
from derivkit.methods.auto.moves import deepest, ladder, resolution
from derivkit.methods.auto.output import Course, Output, Over
from derivkit.methods.auto.questions import SidesQuestion
from derivkit.methods.auto.treads import tread
from derivkit.methods.fit.window import EPS, Finding
from derivkit.status import Status

__all__ = ["Diagnosis"]

LOUD = 0.1
"""f moves at the resolution of x by this part of the noise suspected, or there is none: of normal
noise one sample in eighteen moves less."""

PROBES_OF_MANY = 3
"""Of a thousand noisy outputs one probe hardly moves fifty, three hardly move one."""

FINER = 3
"""So many finer steps tell noise from a singularity at x0 = 0: noise goes one way through all of
them, and the probe, once in 24."""

STRAIGHT, ALIKE = 16.0, 0.25
"""f is straight at the resolution of x if chords to places in this proportion differ by no more
than this part: noise rises as much at both, so that its chords fall in that proportion."""

NEAR, DEEP = 2.0**-6, 2.0**-30
"""Where a second probe lies, in units of the lowest rung."""

TREADS_ACROSS, SAME = 16.0, 0.2
"""Treads are noise on a ladder of this many of them, if it shows this part of what wider ones do;
structure falls off faster."""

BRACKET = 64.0
"""The scale on which f begins to move is known well enough within this factor."""

TREAD = 8.0
"""The same where f is constant within it: sixteen treads are not to pass over its structure."""

RIPPLE, ARITHMETIC, OF_ONE = 1e-4, 2.0**-26, 2.0**-20
"""What moves f by less than the first part of it, within the second part of x0, is the model's
arithmetic: an intermediate result that is rounded, and then magnified. If that is of size 1, as
1 + x, it is so within 2**-46. If it is large, as c + x, f moves as much from one of its treads to
the next as its slope says; so do ripples, but not by less than the second part of f."""

OUT_OF_PROPORTION = 100.0
"""What moves f at the resolution of x by this multiple of what a ladder leaves is no noise either,
for noise is the same on all scales: f lies between."""


class Diagnosis(Output):
    """An output whose samples can be questioned."""

    def _explain(self, seen: Selection) -> Course:
        """Find out what the fit leaves: two sides, noise, treads, or structure stepped over."""
        flat = seen if self.order == 1 else (yield self._question(1, grains=False))
        self._slope = 0.0 if flat is None else flat.near.value
        told = yield self._sides(seen.near.radius)
        if told is not None and told.contradict and (yield from self._compare_deeper(told)):
            return
        if told is not None and told.is_step and (yield from self._steps_at_x0(seen)):
            return
        if seen.near == self._explained:  # what was looked into has not been resolved
            self._lowest_wish = self._wish_before
            raise Over
        self._probes, self._explained = self._probes + 1, seen.near
        self._wish_before = self._lowest_wish
        low = self._lowest(seen.near)
        fine = resolution(self.line, low)
        fine = float(np.min(np.abs(self._probed(fine)), initial=fine))
        t = self.column.t
        side = 1.0 if t[-1] > 0 else -1.0
        other = -side if t[0] < 0 < t[-1] else side
        probes = fine * np.array([other, side, 2.5 * other][: 1 if self._alone else PROBES_OF_MANY])
        if not self._probed(fine).size:
            yield from self._ask(probes)
        still = max(LOUD * max(seen.near.sigma, seen.near.misfit), 10 * seen.near.floor)
        heard = VISIBLE * seen.near.floor < self._most_moved(fine) <= still
        if heard and self._alone and other != side:  # noise may be calm once, by chance
            yield from self._ask(self._one(fine, side))
        moved = self._most_moved(fine)
        if moved > OUT_OF_PROPORTION * seen.loudest:
            yield from self._move(ladder(self.line, self.column, half_way(fine, low)))
            return
        calm = fine if moved <= still else (yield from self._finer(fine, other, still))
        if calm:
            one_side = told is not None and any(told.smooth) and not told.contradict
            if not (one_side and (yield from self._compare_deeper(told))):
                yield from self._follow_down(seen, low, calm, side)

    def _finer(self, fine: float, side: float, still: float) -> Generator[Any, Any, float]:
        """Take for noise what moves f at the resolution of x.

        Return a finer step at which f hardly moves, where there are any: at x0 = 0. Noise goes one
        way through n of them once in n!, while f does so beside a singularity.
        """
        sides = np.unique(np.sign(self._probed(fine)))

        def singular() -> bool:
            return self.line.origin == 0.0 and all(map(self._one_way, sides))

        calm = False
        for n in range(FINER):
            doubt = self._alone and self.line.origin == 0.0 and (calm or not n)
            if not (doubt or singular()):
                break
            fine = step_below(fine * 2.0**-40, 0.0)
            side = yield from self._sampled_at(fine, side)
            if not side:
                break
            if self._moved(fine) > still:
                calm = False
            elif calm or singular():
                return fine
            else:
                calm = True  # noise may be calm once, by chance
        if not singular():
            yield from self._take_for_noise()
        return 0.0

    def _follow_down(self, seen: Selection, low: float, fine: float, side: float) -> Course:
        """Find the scale on which f begins to move, which is calm at the resolution of x."""
        sigma = seen.loudest
        if (yield from self._goes_on(seen, low, fine, side)):
            return
        still = max([seen.near.floor, *map(self._rise, self._probed(fine).tolist())])
        depth = min(max(80 * still / max(sigma, seen.near.sigma), DEEP), NEAR)
        mid = step_below(max(low * depth, 2.0 * fine), self.line.origin)
        if not self._holds(mid):
            side = yield from self._sampled_at(mid, side)
            if not side:
                return
        rise, moves = self._chord_at(mid), self._moved(mid) > LOUD * sigma
        if moves or rise == 0.0:
            between = (fine, mid) if moves else (mid, low)
            yield from self._bracket(*between, sigma, side)
            return
        if self.seen is None:
            return
        if self.seen.near.rate <= STALLED:
            yield from self._move(self._below(self.seen, known=False))
            return
        slope = (yield self._question(1, grains=False)) if self.order > 1 else self.seen
        if slope is None:
            return
        gap = abs(rise - slope.best.value)
        if gap <= 2 * slope.best.error + 4 * slope.best.floor / mid:
            yield from self._move(ladder(self.line, self.column, low))
        else:
            yield from self._approach(fine, mid, gap, low, sigma)

    # -- structure -----------------------------------------------------------------------------

    def _goes_on(
        self, seen: Selection, low: float, fine: float, side: float
    ) -> Generator[Any, Any, bool]:
        """Resolve a wave whose periods were all stepped over, which is straight beside x0.

        Return whether it is one: the fit explains nothing of f, and no wall is why.
        """
        c = self.column
        loud = seen.loudest > LOUD * float(np.ptp(c.f))
        beyond = [self._chord(t) - self._slope for t in self._probed(fine).tolist()]
        gap = max(beyond, key=abs, default=0.0)
        heard = abs(gap) * fine > MAGNIFIED * seen.near.floor
        if not (loud and heard and c.wall_below == c.wall_above):
            return False
        wider = step_below(STRAIGHT * fine, self.line.origin)
        side = yield from self._sampled_at(wider, side)
        if not side or abs(self._chord_at(wider) - self._slope - gap) > ALIKE * abs(gap):
            return False
        is_one = wider < seen.loudest / abs(gap) < low
        if is_one:
            yield from self._approach(wider, wider, abs(gap), low, seen.loudest)
        return is_one

    def _approach(self, calm: float, mid: float, gap: float, low: float, sigma: float) -> Course:
        """Resolve what makes chords at ``mid`` steeper than the fit, by this gap."""
        radius = min(sigma / gap, low) / 4
        left, per_radius = (yield from self._resolve(radius, sigma)), 0.0
        while left > per_radius * radius and radius > mid and self._turns(mid, radius, gap):
            per_radius = left / radius  # what can be resolved falls faster than its radius
            radius = min(left / gap, radius) / 4  # a singularity has no scale but its distance
            left = yield from self._resolve(radius, sigma)
        if self.seen is None or self.noise is not None or self.seen.best.radius <= low:
            return
        if 0.0 < left < SAME * sigma:  # the wider fits, which know nothing of it, seem better
            self._branch = (-low, low)
            yield from self.look()
        elif not left:
            yield from self._bracket(calm, radius, sigma, 1.0)

    def _turns(self, mid: float, radius: float, gap: float) -> bool:
        """Whether chords to x0 change between a ladder and a place within it, as no kink's do."""
        c, near = self.column, self._at(mid)
        out = c.t[math.copysign(1.0, near) * c.t >= radius / 20]
        if not out.size:  # a wall lies between
            return True
        end = float(out[np.argmin(np.abs(out))])
        return abs(self._chord(end) - self._chord(near)) > LOUD * gap

    def _resolve(
        self, radius: float, sigma: float, calm: float = math.inf
    ) -> Generator[Any, Any, float]:
        """Ask for a ladder on a structure; return what it leaves unexplained, in one direction.

        If it leaves as much as wider ones, and in no direction, and so does one half-way, in
        octaves, to where f is ``calm``, it is noise, which is the same on all scales; a wave that
        was calm by chance at a place beside it is resolved by then. If f is straight, it moves in
        treads.
        """
        left = math.inf if self.seen is None else self.seen.near.misfit
        yield from self._move(ladder(self.line, self.column, radius))
        if self.seen is None:
            return 0.0
        within = yield from self._fit_within(radius)
        if within is not None and within.rate > STALLED:
            if self._monotone(radius):
                if within.misfit > MAGNIFIED * within.floor:
                    return max(within.sigma, within.misfit)
            elif calm < math.inf and within.misfit >= SAME * left:
                deeper = half_way(calm, radius)
                if deeper < radius / BRACKET:
                    yield from self._resolve(deeper, sigma, radius)
                else:
                    yield from self._noise_after_all(within)
                return 0.0
        yield from self._straight_in_treads(radius, sigma, self._slope)
        return 0.0

    def _bracket(self, calm: float, moves: float, sigma: float, side: float) -> Course:
        """Halve the octaves between a distance at which f is calm and one at which it moves."""
        surely = calm  # a wave may be calm by chance at a place in between
        while moves > (TREAD if self._flat_at(calm) else BRACKET) * calm:
            middle = step_below(half_way(calm, moves), self.line.origin)
            if not calm < middle < moves:
                break
            side = yield from self._sampled_at(middle, -side)  # in turn
            if not side:
                break
            if self._moved(middle) > LOUD * sigma:
                moves = middle
            else:
                calm = middle
        c = self.column
        seen = self.seen
        width = tread(c)  # x0 may lie beside the end of one
        flat = width >= calm and seen is not None and sigma * BRACKET**-2 > 8 * seen.near.floor
        largest = float(np.max(np.abs(c.f[np.abs(c.t) <= moves])))
        x0 = abs(self.line.origin)
        beside_x0 = x0 > 0 and moves < ARITHMETIC * max(x0, OF_ONE) and sigma < RIPPLE * largest
        by_slope = sigma / BRACKET < moves * abs(self._slope) < BRACKET * sigma
        arithmetic = beside_x0 or (by_slope and sigma < ARITHMETIC * largest)
        if flat:
            yield from self._keep_to_flat_side()
        if flat or arithmetic:
            moves = max(moves, width)
            self._inner = max(self._inner, 1.01 * moves)  # also of shorter steps, to the left
            yield from self._noise_above(moves, sigma, arithmetic=arithmetic, wide=True)
        else:
            yield from self._resolve(moves / 2, sigma, surely)

    # -- treads and noise ----------------------------------------------------------------------

    def _straight_in_treads(self, radius: float, sigma: float, wide: float) -> Course:
        """Take for noise what treads do on which f is straight, with less slope than in wide fits.

        The slopes and the noise tell how wide the treads are. A wave as high and as steep would
        bend there, and a narrow peak would rise beyond the noise a few treads away.
        """
        seen = self.seen
        if seen is None:
            return
        c, radius = self.column, min(radius, seen.best.radius)  # the ladder may end beyond
        near = np.abs(c.t) <= radius
        t, f = c.t[near], c.f[near]
        if len(t) < 4:
            return
        rises = f - c.value_at(0.0)
        chord = (rises[-1] - rises[0]) / (t[-1] - t[0])
        bend = float(np.max(np.abs(rises - chord * t)))
        gap = abs(chord - wide)
        wave = sigma * (radius * gap / sigma) ** 3 / 16
        if abs(chord) > 0.5 * abs(wide) or not bend <= 64 * EPS * float(np.max(np.abs(f))) < wave:
            return
        distance = max(step_below(BRACKET * sigma / gap, self.line.origin), 2 * radius)
        if not (yield from self._sampled_at(distance, 1.0)):
            return
        c, end = self.column, self._at(distance)
        if abs(c.value_at(end) - c.value_at(0.0) - wide * end) < 0.5 * gap * abs(end):
            self._inner = 1.01 * radius
            yield from self.look()
            yield from self._take_for_noise()

    def _noise_above(
        self, grain: float, sigma: float, *, arithmetic: bool = False, wide: bool = False
    ) -> Course:
        """Take treads of this width for noise, if it is as large just above them as far above.

        ``wide``: they are no wider than that, so that a window above them shows them as noise.

        What ``arithmetic`` rounds may be smooth on a tread, which is then wider than it seemed.
        """
        radius, within = TREADS_ACROSS * grain, None
        low = 0.0 if self.seen is None else self._lowest(self.seen.best)
        while radius < low / 4 or (low and wide and not self._has_window(grain, 4 * radius)):
            yield from self._move(ladder(self.line, self.column, radius))
            within = yield from self._fit_within(radius)
            if within is None or within.misfit >= SAME * sigma:
                break
            if not arithmetic:
                return
            self._inner = 1.01 * radius
            yield from self.look()
            radius *= TREADS_ACROSS
        yield from self._noise_after_all(within)

    def _noise_after_all(self, within: Finding | None) -> Course:
        """Take for noise what was looked into, with the fit of the last ladder.

        Ladders that were to tell it from structure are no windows, but they tell its level too.
        """
        at_first = self._explained
        if within and at_first and within.misfit >= SAME * at_first.misfit:  # as loud on all scales
            self._lowest_wish = self._wish_before
            yield from self.look()
        yield from self._take_for_noise()
        if self.noise is not None and within is not None:
            level, worth = self.noise
            parts = worth, within.dof
            square = zip(parts, (level, within.sigma), strict=True)
            level = math.hypot(*(math.sqrt(part / sum(parts)) * each for part, each in square))
            self.noise = level, sum(parts)
            yield from self.look()

    # -- two sides -----------------------------------------------------------------------------

    def _keep_to_flat_side(self) -> Course:
        """End the search if one side of f is flat as far as its scale: that is no noise.

        f is flat at x0 as below a threshold, if it rises beyond it; if it jumps there, it may move
        in treads. If x0 cannot be told from the threshold, f has a kink, or falls to it.
        """
        c = self.column
        rises = np.abs(c.f - c.value_at(0.0))
        moved = c.t[rises > 0]
        flat = rises == 0
        if not moved.size or moved[0] < 0.0 < moved[-1]:
            return
        side, end = -float(np.sign(moved[0])), float(np.min(np.abs(moved)))
        least = VISIBLE * EPS * float(np.max(np.abs(c.f)))
        shown = moved[rises[~flat] > least]
        if np.count_nonzero(c.t[flat] * side > 0) < PAIRS or not shown.size:
            return
        far = step_below(self._farthest, self.line.origin)
        if (yield from self._sampled_at(far, side)) != side:
            return
        if self.column.value_at(self._one(far, side)[0]) != c.value_at(0.0):
            return
        before = float(np.max(np.abs(c.t[flat & (np.abs(c.t) < end) & (c.t * side <= 0)])))
        if abs(self._chord(-side * end)) * before > least:  # a kink at x0 would have shown there
            if np.unique(c.f[~flat]).size > 1:
                self.constant = True
                self._branch = (-math.inf, end) if side < 0 else (-end, math.inf)
                yield from self.look()
            else:
                self.broken = Status.TREADS
        else:
            near, outer = (abs(self._chord(each(shown, key=abs))) for each in (min, max))
            self.broken = Status.KINK if near > 0.5 * outer else Status.UNRESOLVED
        raise Over

    def _steps_at_x0(self, seen: Selection) -> Generator[Any, Any, bool]:
        """Look whether f steps from one constant to another at x0, and on no tread among many."""
        far = step_below(self._farthest, self.line.origin)
        yield from self._ask(both_sides([far], self.line.origin))
        c, depth = self.column, deepest(self.line, self._lowest(seen.near))
        if any(np.ptp(c.f[c.t * side > 0]) > 0 for side in (-1.0, 1.0)):
            return False
        yield from self._ask(ladder(self.line, c, depth))
        near = yield self._sides(depth / 3)
        if near is None or not near.is_step:
            return False
        self.broken = Status.JUMP
        return True

    def _sides(self, radius: float) -> SidesQuestion:
        within = (self._inner, *self._branch)
        return SidesQuestion(self.order, radius, self._eps, self.noise, within)

    def _compare_deeper(self, told: Sides) -> Generator[Any, Any, bool]:
        """Look where f breaks, a side of which is smooth by itself, with a ladder close to x0."""
        depth = told.depth
        if not depth > 0 or self.seen is None:
            return False
        places = ladder(self.line, self.column, depth)
        low = self._lowest(self.seen.near)
        if depth < low / 4 and self._samples.new(places):
            yield from self._ask(places)
            if not self.column.moves_within(1.01 * depth):
                yield from self._keep_to_flat_side()
                yield from self._bracket(
                    depth, low, abs(told.values[0] - told.values[1]) * low, 1.0
                )
                return True
            near = yield self._sides(depth / 3)
        elif told.contradict:
            near = told
        else:
            return False
        if near is not None and near.contradict:
            self.broken = Status.JUMP if near.jumps else Status.KINK
            return True
        inner = yield self._question(told.order)._replace(within=(0.0, -depth, depth))
        if inner is None or self._unexplained(inner.best):
            return False
        apart = [
            abs(value - inner.best.value) / (error + inner.best.error) if smooth else math.inf
            for smooth, value, error in zip(told.smooth, told.values, told.errors, strict=True)
        ]
        if min(apart) < CONTRADICTION:
            t = self._samples.t
            if apart[0] < apart[1]:
                self._branch = (-math.inf, float(np.min(t[t > depth], initial=math.inf)))
            else:
                self._branch = (float(np.max(t[t < -depth], initial=-math.inf)), math.inf)
            yield from self.look()
        return True
