"""One output: its samples, what has been learnt from them, and the answer."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.auto.criteria import (
    DOUBTFUL,
    ENOUGH_VALUES,
    FIRM,
    PER_ORDER,
    STALLED,
    VANISHING,
    VISIBLE,
    unexplained,
    visible,
)
from derivkit.methods.auto.ladder import PAIRS, to_side
from derivkit.methods.auto.lepski import FEWEST, SELECTION, Selection
from derivkit.methods.auto.moves import (
    INSENSITIVE,
    below,
    first_radius,
)
from derivkit.methods.auto.questions import FitQuestion, Question, Reply
from derivkit.methods.auto.treads import OF_A_STEP, error_of_walk, step_beside, walk
from derivkit.methods.fit.samples import Column, Samples
from derivkit.methods.fit.window import EPS, Finding, window
from derivkit.methods.protocol import Line
from derivkit.status import Status

__all__ = ["FEW", "Course", "Deferred", "Floats", "Level", "Output", "Over"]

Floats = NDArray[np.float64]

Course: TypeAlias = Generator[Question | Floats, Any, Any]
"""Yields questions, and places at which it wants samples."""

Level: TypeAlias = tuple[float, float]
"""A level of noise, and how many coefficients that is worth."""

MIN_PROGRESS = 0.7
"""A round counts as failed unless it cuts the error below this fraction."""

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

CHANCE = 1e-3
"""How often noise that is known from another line may be taken for structure: that costs a few
calls, and structure that is taken for noise costs the answer."""


class Over(Exception):  # noqa: N818 - no error: the end of a search
    """There will be no more samples, or none are wanted."""


class Deferred(Exception):  # noqa: N818
    """Samples have come that other outputs asked for."""


class Output:
    """What has been learnt about one output, j."""

    def __init__(
        self,
        line: Line,
        order: int,
        noise: float | None,
        samples: Samples,
        j: int,
        heard: Level | None = None,
    ) -> None:
        self.line = line
        self.order = order
        self.noise = heard if noise is None else (noise, FIRM)
        self._presumed = noise is None and heard is not None  # from another line
        self._narrowed = False  # where that left more than the noise
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
        self._shift = 0.0  # what half of that tread changes the derivative by
        self._branch = (-math.inf, math.inf)  # where f is the polynomial that x0 lies on
        self._probes = 0
        self._explained: Finding | None = None  # what was last looked into
        self._slope = 0.0  # of f, near x0
        self._wall_rounds = 0
        self._failures = 0
        self._least = np.full(2, np.inf)  # error so far, and beside the derivative's size
        self._size = 0.0  # of the derivative, across the first ladder
        self._climbed = False

    # -- asking for samples --------------------------------------------------------------------

    def _ask(self, places: Floats) -> Course:
        """Ask for samples and judge anew; at once where they are there already."""
        there = places.size and not self._samples.new(places)
        reply = Reply.SERVED if there else (yield places)
        if reply is Reply.CLOSED:
            raise Over
        if reply is Reply.DEFERRED:
            raise Deferred
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

    def _below(self, seen: Selection, *, known: bool) -> Floats:
        level = self.noise[0] if known and self.noise else None
        return below(self.line, self.column, seen.near, self._lowest_wish, level)

    def _sampled_at(self, distance: float, side: float) -> Generator[Any, Any, float]:
        """Have f sampled at a distance, on this side or else the other; return which, 0 if none."""
        for way in (side, -side):
            place = self._one(distance, way)
            if np.any(self.column.t * way > 0) and self.column.wall(way) > distance:
                yield from self._ask(place)
            if self.column.holds(place[0]):
                return way
        return 0.0

    def takes_all(self) -> bool:
        """Make use of what others called for, now that there is no better; whether there is any."""
        more = self.broken is None and self._samples.inside(self._lowest_wish) > 0
        self._lowest_wish = 0.0
        return more

    # -- judging them --------------------------------------------------------------------------

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

    def _has_window(self, low: float, high: float) -> bool:
        """Whether there are enough samples between these distances for a window."""
        steps = np.abs(self.column.t)
        return int(np.count_nonzero((steps > low) & (steps <= high))) >= FEWEST

    def _fit_within(self, radius: float) -> Generator[Any, Any, Finding | None]:
        """Return the best fit of the samples within this radius; None if there is none."""
        within = yield FitQuestion(1, None, False, (self._inner, -radius, radius))
        return None if within is None else within.best

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

    def _take_for_noise(self) -> Course:
        """Note the level of the noise, from where it is best determined."""
        if self.seen is not None:
            self.noise = self.seen.firmest
            least = OF_A_STEP * self._step(self.seen.best, self.order)
            if self.noise[0] < least:
                self.noise = least, FIRM
            yield from self.look()

    def _step(self, v: Finding, order: int) -> float:
        """Return how high the step beside x0 is; 0 where x0 does not lie on a tread."""
        return step_beside(self.column, self._slope_by(v, order), v.floor)

    def _slope_by(self, v: Finding, order: int) -> float:
        return v.value if order == 1 else self._slope

    @property
    def on_tread(self) -> bool:
        """Whether f has an answer, and yet stands still at x0."""
        seen = self.seen
        return bool(seen and self._step(seen.best, self.order) and self.result()[2].resolved)

    def heed_tread(self) -> Course:
        """Know the noise of treads, whatever was seen, and that x0 lies anywhere on its tread."""
        best = self.best
        if best and (not self.noise or self.noise[0] < OF_A_STEP * self._step(best, self.order)):
            yield from self._take_for_noise()
        bend, best = (yield self._question(self.order + 1, grains=False)), self.best
        if bend is not None and best and (step := self._step(best, self.order)):
            width = step / abs(self._slope_by(best, self.order))
            self._shift = 0.5 * width * abs(bend.best.value)

    def _is_louder(self, v: Finding) -> bool:
        """Whether a fit leaves more than the noise that is known from another line.

        Its misfit rests on two coefficients. The ratio of the squares of two estimates of one
        level, from 2 and n coefficients, exceeds x with probability (1 + 2 x / n)**(-n / 2).
        """
        if not self._presumed or self.noise is None or not unexplained(v, DOUBTFUL):
            return False
        level, dof = self.noise
        return v.misfit > math.sqrt(dof / 2 * (CHANCE ** (-2 / dof) - 1)) * level

    # -- how f moves ---------------------------------------------------------------------------

    @property
    def _farthest(self) -> float:
        """How far f is followed where it does not vary, or no more than rounding does."""
        known = self.line.scale_given or self.line.origin == 0.0
        return self.line.scale if known else max(self.line.scale, 1.0)

    def _lowest(self, v: Finding) -> float:
        """Return the lowest rung of a window."""
        steps = np.abs(self.column.t)
        return float(np.min(steps[steps >= v.radius / 20], initial=v.radius))

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

    def _chord(self, t: float) -> float:
        """Return the slope of the chord from x0 to the sample at t."""
        c = self.column
        return (c.value_at(t) - c.value_at(0.0)) / t

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

    # -- the answer ----------------------------------------------------------------------------

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
        if self._is_louder(v):
            return Status.UNRESOLVED
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
        error = seen.best.error * (1 + SELECTION * seen.compared)
        return error + self._walked(seen.best, self.order) + self._shift

    def _walked(self, v: Finding, order: int) -> float:
        """Return what treads do to a derivative whose steps come at random."""
        if self.noise is None and self._eps == EPS:
            return 0.0
        slope, level = self._slope_by(v, order), v.sigma if self.noise is None else self.noise[0]
        step = step_beside(self.column, slope, v.floor * EPS / self._eps)  # also in units
        if not step:
            return 0.0
        return error_of_walk(walk(self.column, step, slope, v.radius, level), v.radius, order)

    @property
    def noise_error(self) -> float:
        """The part of the error that is noise."""
        if self.seen is None:
            return math.nan
        own = self.seen.best.noise_part * (1 + SELECTION * self.seen.compared)
        return own + self._walked(self.seen.best, self.order)

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
        error = seen.best.error * (1 + SELECTION * seen.compared)
        return seen.best.value, error + self._walked(seen.best, order)
