"""One output on its way to a derivative: what its samples say, and what they call for next.

f near x0 is taken for a polynomial, plus noise of one level, plus a grain (treads in x, or units in
f), with perhaps different polynomials on the two sides. Each step asks which of these is at work:

===============================  ==============================================================
f does not move at all           out, to where it moves; if it never does, its derivative is 0
undefined on one side            samples on the other, and a search for the wall
nothing falls with the degree    each side by itself? else a probe at the resolution of x: noise,
                                 treads, or structure that was stepped over – a ladder on its scale
noise or rounding rules          up: two pairs above, no farther than the error calls for
truncation rules                 down: a ladder below, where the coefficients fall faster
===============================  ==============================================================

Noise is believed only where it is shown at the resolution of x. What is neither noise nor explained
by a fit, and large, is unresolved, with the reason as its status.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.auto.criteria import (
    CONTRADICTION,
    DOUBTFUL,
    ENOUGH_VALUES,
    FIRM,
    MAGNIFIED,
    PER_ORDER,
    STALLED,
    VANISHING,
    VISIBLE,
    Sides,
    noise_rules,
    unexplained,
    visible,
)
from derivkit.methods.auto.ladder import PAIRS, both_sides, half_way, step_below, to_side
from derivkit.methods.auto.lepski import FEWEST, SELECTION, Selection
from derivkit.methods.auto.moves import (
    BURIED,
    INSENSITIVE,
    above,
    below,
    first_radius,
    ladder,
    towards_walls,
)
from derivkit.methods.auto.questions import FitQuestion, Question, Reply, SidesQuestion
from derivkit.methods.fit.samples import Column, Samples
from derivkit.methods.fit.window import EPS, Finding, window
from derivkit.methods.protocol import Line
from derivkit.status import Status

__all__ = ["Course", "OutputSearch"]

Floats = NDArray[np.float64]

Course: TypeAlias = Generator[Question | Floats, Any, Any]
"""Yields questions, and places at which it wants samples."""

MIN_PROGRESS = 0.7
"""A round counts as failed unless it cuts the error below this fraction."""

PATIENCE, PATIENCE_IF_POOR = 2, 6
"""Failed rounds after which a search ends; more where nothing is resolved yet."""

LOUD = 0.1
"""f moves at the resolution of x by this part of the noise suspected, or there is none: of normal
noise one sample in eighteen moves less."""

RESOLUTION = 16.0
"""A probe at the resolution of x lies this many units in the last place of x0 away: nearer, x0 + t
could round to what x0 rounds to inside the model."""

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

CLIMBED = 1.5
"""Steps beyond this multiple of the first ladder's have been pushed up by noise."""

FEW = 4
"""So many outputs at the most may go their own ways; of more, some are always buried in noise, and
all go where most want to."""

FAIR = 0.03
"""An error above this part of the derivative's size must be noise or rounding to be claimed."""

FAIR_IF_STALLED = 0.01
"""The same where the coefficients do not fall: x log x at 0 has errors of 2 to 4 % at any step."""

ALLOWED = 1e3
"""An error below this multiple of rounding, on the first ladder, is a claim even if it exceeds the
value: that the derivative is as good as 0."""

MOST_PROBES = 4
MOST_WALL_ROUNDS = 4


class _Over(Exception):  # noqa: N818 - no error: the end of a search
    """There will be no more samples, or none are wanted."""


class _Deferred(Exception):  # noqa: N818
    """Samples have come that other outputs asked for."""


class OutputSearch:
    """What has been learnt about one output, j."""

    def __init__(
        self, line: Line, order: int, noise: float | None, samples: Samples, j: int
    ) -> None:
        self.line = line
        self.order = order
        self.noise = None if noise is None else (noise, FIRM)  # level, worth in coefficients
        self.seen: Selection | None = None
        self.looked_at = 0  # samples, when `seen` was seen
        self.broken: Status | None = None  # why there is no derivative
        self.constant = False
        self.done = False
        self._samples = samples
        self._j = j
        self._alone = samples.values.shape[1] <= FEW
        self._first_reach = samples.reach
        steps = np.abs(samples.t)
        self._lowest_wish = float(np.min(steps[steps > 0], initial=math.inf))  # of its ladders
        self._wish_before = 0.0  # the same before something unexplained was looked into
        self._inner = 0.0  # samples nearer than this lie on x0's own tread
        self._branch = (-math.inf, math.inf)  # where f is the polynomial that x0 lies on
        self._probes = 0
        self._explained: Finding | None = None  # what was last looked into
        self._slope = 0.0  # of f, near x0
        self._wall_rounds = 0
        self._failures = 0
        self._least = np.full(2, np.inf)  # error so far, and beside the derivative's size
        self._size = 0.0  # of the derivative, across the first ladder
        self._climbed = False

    # -- the story --------------------------------------------------------------------------

    def course(self) -> Course:
        """Yield questions and places, and be sent answers and what became of the places."""
        try:
            yield from self.look()
            while not self.settled:
                before = self._probes, self._explained, self._wall_rounds, self._failures
                windows, learnt = (self._lowest_wish, self._inner), self._learnt
                try:
                    yield from self._next_step()
                except _Deferred:  # no conclusions from what was not done
                    self._probes, self._explained, self._wall_rounds, self._failures = before
                    self._lowest_wish, self._inner = windows
                    yield from self.look()
                if self._learnt == learnt:
                    break
        except _Over:
            pass
        with suppress(_Over, _Deferred):
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
            raise _Over
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

    def _ask(self, places: Floats) -> Course:
        """Ask for samples and judge anew; at once where they are there already."""
        there = places.size and not self._samples.new(places)
        reply = Reply.SERVED if there else (yield places)
        if reply is Reply.CLOSED:
            raise _Over
        if reply is Reply.DEFERRED:
            raise _Deferred
        if len(places) >= PAIRS:
            self._lowest_wish = min(self._lowest_wish, float(np.min(np.abs(places))))
        yield from self.look()

    def _move(self, places: Floats) -> Course:
        """Ask for samples that are to make the error smaller."""
        before = np.minimum(self._least, self._errors)
        yield from self._ask(places)
        if self.seen is not None:  # an error that was too small to be true is no measure
            failed = bool((self._errors > MIN_PROGRESS * before).all())
            self._failures = self._failures + 1 if failed else 0

    # -- judging ----------------------------------------------------------------------------

    def look(self) -> Course:
        """Judge the samples anew."""
        self.looked_at = len(self._samples.t)
        self.seen = None
        if self.column.at_x0:
            self.seen = yield self._question(self.order)
        if self.seen is not None:
            self._size = self._size or self.seen.best.size

    def _question(self, order: int, *, grains: bool = True) -> FitQuestion:
        within = (self._inner, *self._branch)
        return FitQuestion(order, self.noise, grains, within, self._lowest_wish)

    @property
    def column(self) -> Column:
        """The samples on x0's branch."""
        return self._samples.column(self._j, self._branch)

    @property
    def best(self) -> Finding | None:
        """The window to believe."""
        return None if self.seen is None else self.seen.best

    @property
    def _eps(self) -> float:
        """The precision of f."""
        return EPS if self.seen is None else self.seen.eps

    @property
    def _errors(self) -> Floats:
        """The error, and the relative one."""
        v = self.best
        return np.array([math.inf if v is None else v.error, self.relative_error])

    @property
    def relative_error(self) -> float:
        """The error beside the derivative's size; inf where nothing is known."""
        v = self.best
        return v.error / v.size if v is not None and v.size else math.inf

    def _unexplained(self, v: Finding) -> bool:
        """Whether there is something above rounding that is not known to be noise."""
        if self.noise is not None or self._probes >= MOST_PROBES:
            return False
        return unexplained(v, STALLED if self._probes else DOUBTFUL)

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

    def takes_all(self) -> bool:
        """Make use of what others called for, now that there is no better; whether there is any."""
        more = self.broken is None and self._samples.inside(self._lowest_wish) > 0
        self._lowest_wish = 0.0
        return more

    # -- f does not move --------------------------------------------------------------------

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
        fine = self._resolution(low)
        self.constant = True
        yield from self._ask(np.append(both_sides([far], self.line.origin), fine))
        if not self.column.moves_within(math.inf):
            raise _Over
        self.constant = False
        if self.column.moves_within(0.99 * low):
            yield from self._move(ladder(self.line, self.column, half_way(fine, low)))
            return
        yield from self._keep_to_flat_side()
        radius = self._samples.inside(0.99 * far)
        while radius < far and not self.column.moves_within(0.99 * far):
            radius = min(max(4.0 * radius, self._farthest * first_radius(self.order)), far)
            yield from self._ask(ladder(self.line, self.column, radius))

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
        raise _Over

    @property
    def _farthest(self) -> float:
        """How far f is followed where it does not vary, or no more than rounding does."""
        known = self.line.scale_given or self.line.origin == 0.0
        return self.line.scale if known else max(self.line.scale, 1.0)

    def _below(self, seen: Selection, *, known: bool) -> Floats:
        return below(self.line, self.column, seen.near, self._lowest_wish, known=known)

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

    # -- the fit does not explain f ---------------------------------------------------------

    def _explain(self, seen: Selection) -> Course:
        """Find out what the fit leaves: two sides, noise, treads, or structure stepped over."""
        flat = seen if self.order == 1 else (yield self._question(1, grains=False))
        self._slope = 0.0 if flat is None else flat.near.value
        told = yield self._sides(seen.near.radius)
        if told is not None and told.contradict and (yield from self._compare_deeper(told)):
            return
        if seen.near == self._explained:  # what was looked into has not been resolved
            self._lowest_wish = self._wish_before
            raise _Over
        self._probes, self._explained = self._probes + 1, seen.near
        self._wish_before = self._lowest_wish
        low = self._lowest(seen.near)
        fine = self._resolution(low)
        fine = float(np.min(np.abs(self._probed(fine)), initial=fine))
        t = self.column.t
        side = 1.0 if t[-1] > 0 else -1.0
        other = -side if t[0] < 0 < t[-1] else side
        probes = fine * np.array([other, side, 2.5 * other][: 1 if self._alone else PROBES_OF_MANY])
        if not self._probed(fine).size:
            yield from self._ask(probes)
        moved = self._most_moved(fine)
        still = max(LOUD * max(seen.near.sigma, seen.near.misfit), 10 * seen.near.floor)
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

    def _lowest(self, v: Finding) -> float:
        """Return the lowest rung of a window."""
        steps = np.abs(self.column.t)
        return float(np.min(steps[steps >= v.radius / 20], initial=v.radius))

    def _resolution(self, low: float) -> float:
        """Return the distance of a probe at the resolution of x."""
        ulp = RESOLUTION * math.ulp(self.line.origin) if self.line.origin else 0.0
        return step_below(max(ulp, low * 2.0**-40), self.line.origin)

    def _probed(self, distance: float) -> Floats:
        """Return the places sampled so near x0, here or for other outputs."""
        t = self.column.t
        return np.asarray(t[(np.abs(t) < 8.0 * distance) & (t != 0)])

    def _most_moved(self, distance: float) -> float:
        """Return by how much f moves within this distance of x0."""
        return max((self._rise(t) for t in self._probed(distance).tolist()), default=0.0)

    def _one_way(self, side: float, within: float = math.inf) -> bool:
        """Whether f goes one way from x0 through all samples on this side: no noise."""
        c = self.column
        steps = np.diff(c.f[(c.t * side >= 0) & (np.abs(c.t) <= within)])
        return len(steps) >= ENOUGH_VALUES and abs(np.sign(steps).sum()) == len(steps)

    def _monotone(self, within: float) -> bool:
        """Whether it does so on either side."""
        return self._one_way(-1.0, within) or self._one_way(1.0, within)

    def _rise(self, t: float) -> float:
        """Return by how much f differs at t from x0, beyond what its slope explains."""
        c = self.column
        return abs(c.value_at(t) - c.value_at(0.0)) - abs(self._slope * t)

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

    def _chord(self, t: float) -> float:
        """Return the slope of the chord from x0 to the sample at t."""
        c = self.column
        return (c.value_at(t) - c.value_at(0.0)) / t

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

    def _straight_in_treads(self, radius: float, sigma: float, wide: float) -> Course:
        """Take for noise what treads do on which f is straight, with another slope than wide fits.

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
        if gap <= 0.5 * abs(wide) or not bend <= 64 * EPS * float(np.max(np.abs(f))) < wave:
            return
        distance = max(step_below(BRACKET * sigma / gap, self.line.origin), 2 * radius)
        if not (yield from self._sampled_at(distance, 1.0)):
            return
        c, end = self.column, self._at(distance)
        if abs(c.value_at(end) - c.value_at(0.0) - wide * end) < 0.5 * gap * abs(end):
            self._inner = 1.01 * radius
            yield from self.look()
            yield from self._take_for_noise()

    def _mistrust_straight(self) -> Course:
        """At the end of a search that was narrowed: f may be straight on a tread."""
        seen = self.seen
        if seen is not None and self._probes:
            radius = seen.best.radius
            beyond = (1.01 * radius, *self._branch)
            wide = yield self._question(1, grains=False)._replace(within=beyond)
            if wide is not None:
                yield from self._straight_in_treads(radius, wide.loudest, wide.best.value)

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

    def _has_window(self, low: float, high: float) -> bool:
        """Whether there are enough samples between these distances for a window."""
        steps = np.abs(self.column.t)
        return int(np.count_nonzero((steps > low) & (steps <= high))) >= FEWEST

    def _fit_within(self, radius: float) -> Generator[Any, Any, Finding | None]:
        """Return the best fit of the samples within this radius; None if there is none."""
        within = yield FitQuestion(1, None, False, (self._inner, -radius, radius))
        return None if within is None else within.best

    def _sampled_at(self, distance: float, side: float) -> Generator[Any, Any, float]:
        """Have f sampled at a distance, on this side or else the other; return which, 0 if none."""
        for way in (side, -side):
            place = self._one(distance, way)
            if np.any(self.column.t * way > 0) and self.column.wall(way) > distance:
                yield from self._ask(place)
            if self.column.holds(place[0]):
                return way
        return 0.0

    def _one(self, distance: float, side: float) -> Floats:
        return np.array([to_side(distance, side, self.line.origin)])

    def _at(self, distance: float) -> float:
        """Return the place that was sampled at this distance, on the right where both sides are."""
        place = self._one(distance, 1.0)[0]
        return float(place if self.column.holds(place) else self._one(distance, -1.0)[0])

    def _holds(self, distance: float) -> bool:
        return self.column.holds(self._at(distance))

    def _moved(self, distance: float) -> float:
        """Return by how much f moves at this distance, on the side where that is known."""
        return self._rise(self._at(distance))

    def _chord_at(self, distance: float) -> float:
        """Return the slope of the chord to the sample at this distance."""
        return self._chord(self._at(distance))

    def _flat_at(self, distance: float) -> bool:
        """Whether f is at this distance what it is at x0."""
        return self._holds(distance) and self._chord_at(distance) == 0.0

    def _tread(self) -> float:
        """Return how far f is what it is at x0, on both sides together."""
        c = self.column
        moved = c.t[c.f != c.value_at(0.0)]
        left = np.max(moved[moved < 0], initial=-np.inf)
        right = np.min(moved[moved > 0], initial=np.inf)
        return float(np.ptp(c.t[(c.t > left) & (c.t < right)]))

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
        tread = self._tread()  # x0 may lie beside the end of one
        flat = tread >= calm and seen is not None and sigma * BRACKET**-2 > 8 * seen.near.floor
        largest = float(np.max(np.abs(c.f[np.abs(c.t) <= moves])))
        x0 = abs(self.line.origin)
        beside_x0 = x0 > 0 and moves < ARITHMETIC * max(x0, OF_ONE) and sigma < RIPPLE * largest
        by_slope = sigma / BRACKET < moves * abs(self._slope) < BRACKET * sigma
        arithmetic = beside_x0 or (by_slope and sigma < ARITHMETIC * largest)
        if flat:
            yield from self._keep_to_flat_side()
        if flat or arithmetic:
            moves = max(moves, tread)
            self._inner = max(self._inner, 1.01 * moves)  # also of shorter steps, to the left
            yield from self._noise_above(moves, sigma, arithmetic=arithmetic, wide=True)
        else:
            yield from self._resolve(moves / 2, sigma, surely)

    def _take_for_noise(self) -> Course:
        """Note the level of the noise, from where it is best determined."""
        if self.seen is not None:
            self.noise = self.seen.firmest
            yield from self.look()

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

    # -- two sides --------------------------------------------------------------------------

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

    def _compare_sides(self) -> Course:
        """At the end of a search: a kink or a jump may be why the error is large."""
        seen = self.seen
        if seen is None or self.broken is not None or self.constant:
            return
        if seen.best.misfit > 30 * seen.best.floor and (self.noise or seen.best.rate > DOUBTFUL):
            narrow, wide = (yield self._sides(0.0)), (yield self._sides(seen.best.radius))
            found = [told for told in (narrow, wide) if told is not None and told.contradict]
            if len(found) > (0 if self._alone else 1):  # of hundreds, noise breaks one by chance
                self.broken = Status.JUMP if found[-1].jumps else Status.KINK

    # -- the answer -------------------------------------------------------------------------

    def result(self) -> tuple[float, float, Status]:
        """Return value, error and status; call `look` before."""
        if self.seen is None:
            return math.nan, math.inf, Status.UNDEFINED
        v = self.seen.best
        reason = self.broken or self._why_unresolved(v)
        if reason is not None:
            return v.value, math.inf, reason
        return v.value, self._error_of(self.seen), self._resolved_status(v)

    def _resolved_status(self, v: Finding) -> Status:
        if self.constant:
            return Status.CONSTANT
        if self.noise is not None or self._eps > EPS:
            return Status.NOISE_LIMITED
        return Status.ONE_SIDED if v.sides else Status.CONVERGED

    def _why_unresolved(self, v: Finding) -> Status | None:
        """Return why an error that is neither noise nor what rounding allows is no claim."""
        flat = v.size == 0 and float(np.ptp(self.column.f)) > VISIBLE * v.floor  # moves outside
        fair = (FAIR_IF_STALLED if unexplained(v, STALLED) else FAIR) * abs(v.value)
        small = v.error <= max(fair, VANISHING * max(self._size, v.size))
        enough = small or (self.seen is not None and self.seen.content)
        if self.constant or (enough and not flat):
            return None
        if v.radius <= self._inner or flat:
            return Status.TREADS
        if self.noise is not None or v.error <= self._rounding_on_the_scale(v):
            return None
        if v.truncation_part > 10 * v.noise_part or visible(v) or self._probes:
            return Status.UNRESOLVED
        return Status.LOST_IN_ROUNDING

    def _rounding_on_the_scale(self, v: Finding) -> float:
        """Return what rounding at most does to the derivative where steps suit the scale."""
        c = self.column
        largest = np.max(np.abs(c.f[window(np.abs(c.t), v.radius)]))
        near = c.f[np.abs(c.t) <= self.line.scale]
        varies = np.ptp(near) >= INSENSITIVE * np.max(np.abs(near))
        scale = np.float64(self.line.scale if varies else self._farthest)
        reach = first_radius(self.order) * scale
        with np.errstate(all="ignore"):  # scales of 1e-300 and 1e300 are allowed
            rounding = self._eps * largest / reach**self.order
        return float(ALLOWED * PER_ORDER ** (self.order - 1) * rounding)

    def _error_of(self, seen: Selection) -> float:
        return seen.best.error * (1 + SELECTION * seen.compared)

    @property
    def noise_error(self) -> float:
        """The part of the error that is noise."""
        if self.seen is None:
            return math.nan
        return self.seen.best.noise_part * (1 + SELECTION * self.seen.compared)

    @property
    def finite_bound(self) -> float:
        """The error; where that is inf, also how far the chords to x0 lie apart."""
        if self.seen is None:
            return math.nan
        error, (_, _, status) = self._error_of(self.seen), self.result()
        c = self._samples.column(self._j)
        if status.resolved or self.order > 1:
            return error
        away = c.t != 0
        chords = (c.f[away] - c.value_at(0.0)) / c.t[away]
        return error + float(np.max(np.abs(chords - self.seen.best.value), initial=0.0))

    def other_order(self, order: int) -> Generator[Question, Any, tuple[float, float]]:
        """Return value and error of a derivative of another order, from the same samples."""
        if self.broken is not None or not self.column.at_x0:
            return math.nan, math.inf
        seen = yield self._question(order, grains=False)
        if seen is None:
            return math.nan, math.inf
        return seen.best.value, seen.best.error * (1 + SELECTION * seen.compared)
