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

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.evidence import (
    GOOD,
    STALLED,
    Goal,
    beyond_grains,
    content,
    contradicted_by,
    granular,
    kinked,
    loose,
    nearly_least,
    noise_rules,
    visible,
)
from derivkit.methods.ladders import step_below
from derivkit.methods.moves import ladder, pairs_above, towards_walls
from derivkit.methods.protocol import Line
from derivkit.methods.samples import Column
from derivkit.methods.windows import (
    EPS,
    SELECTION,
    Noise,
    Verdict,
    consistent,
    judge,
    judge_all,
    least,
)
from derivkit.status import Status

__all__ = ["FARTHEST_UP", "WIDEST", "Track"]

Floats = NDArray[np.float64]

NOTHING: Floats = np.empty(0)
EPS_SINGLE = float(np.finfo(np.float32).eps)

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

DOUBTFUL = 0.3
"""Coefficients that fall by less than this may be noise at the top: one probe is cheaper than a
ladder."""

SAME = 0.2
"""Noise is the same on all scales, to this factor; structure falls off faster."""

HELD = 0.7
"""A round that leaves more than this of the error has not helped."""

FIRM = 20.0
"""How many contrasts a noise level given by the user is worth."""

WORTH_A_LOOK = 1e-3
"""An error above this part of the size, at the end of a search, may have a kink as its reason."""

MOST_PROBES = 4
MOST_WALL_ROUNDS = 4


class Track:
    """What has been learnt about one output."""

    def __init__(self, line: Line, order: int, goal: Goal, noise: float | None) -> None:
        self.line = line
        self.order = order
        self.goal = goal
        self.noise = None if noise is None else Noise(np.array([noise]), FIRM)
        self.eps = EPS
        self.best: Verdict | None = None
        self.near: Verdict | None = None  # the narrowest window nearly as good as the best
        self.kinked = False
        self.done = False
        self._compared = 0
        self._doubt = 0.0  # how far wider windows contradict the best one with a good fit
        self._gap = 0.0  # between the slopes of a probe and of the ladder, let pass as noise
        self._probe = 0.0
        self._below = 0.0  # smallest rung when the probe was made
        self._probes = 0
        self._suspected = 0.0  # amplitude of a structure that a ladder has been asked for
        self._wall_rounds = 0
        self._failures = 0
        self._error = math.inf  # least one so far
        self._climbed = False
        self._moved = False  # by the last round: down, up or onto a structure

    # -- judging ----------------------------------------------------------------------------

    def look(self, c: Column) -> None:
        """Judge the samples anew."""
        self.best = self.near = None
        if not c.at_x0:
            return
        judged = self._judged(c)
        verdicts = consistent(judged)
        if verdicts:
            self._compared = len(verdicts)
            self.best = least(verdicts)
            nearly = 3 * self.best.error.item()
            self.near = next(v for v in verdicts if v.error.item() <= nearly)
            self._doubt = contradicted_by(self.best, judged[len(verdicts) :], c)

    def _judged(self, c: Column) -> list[Verdict]:
        """Return the verdicts of all windows; finds out by the way if f is in single precision."""
        verdicts = judge_all(c.t, c.f, self.order, self.line.origin, self.noise, self.eps)
        if verdicts and self.eps == EPS and visible(verdicts[-1]) and c.single_precision:
            self.eps = EPS_SINGLE
            return self._judged(c)
        return beyond_grains(verdicts, c)

    @property
    def relative_error(self) -> float:
        """The error beside the derivative's size; inf where nothing is known."""
        v = self.best
        if v is None or v.size.item() == 0:
            return math.inf
        return v.error.item() / v.size.item()

    def result(self) -> tuple[float, float, Status]:
        """Return value, error and status; call `look` before."""
        v = self.best
        if v is None:
            return math.nan, math.inf, Status.UNDEFINED
        error = v.error.item() * (1 + SELECTION * self._compared) + self._gap + self._doubt
        if self.kinked or self._unresolved(v):
            return v.value.item(), math.inf, Status.UNRESOLVED
        if self.noise is not None or self.eps > EPS:
            status = Status.NOISE_LIMITED
        else:
            status = Status.ONE_SIDED if v.sides else Status.CONVERGED
        return v.value.item(), error, status

    def _unresolved(self, v: Verdict) -> bool:
        """Whether what is left of the error is neither noise nor rounding, and large."""
        if self.noise is not None or v.error.item() < BURIED * v.size.item():
            return False
        return visible(v) or v.truncation_part.item() > 10 * v.noise_part.item()

    def other_order(self, c: Column, order: int) -> tuple[float, float]:
        """Return value and error of a derivative of another order, from the same samples."""
        verdicts = judge_all(c.t, c.f, order, self.line.origin, self.noise, self.eps)
        verdicts = consistent(verdicts)
        if self.kinked or not verdicts or not c.at_x0:
            return math.nan, math.inf
        v = least(verdicts)
        return v.value.item(), v.error.item() * (1 + SELECTION * len(verdicts))

    # -- deciding ---------------------------------------------------------------------------

    def wish(self, c: Column) -> Floats:
        """Return the places where samples are wanted; none when there is nothing to gain."""
        if not c.at_x0:
            return NOTHING
        wanted = self._outcome(c)
        return self._next_move(c) if wanted is None else wanted

    def finish(self, c: Column) -> None:
        """Note that the search is over; a kink may be why."""
        self.done = True
        if self.near is not None and self.noise is None and self.relative_error > WORTH_A_LOOK:
            self.kinked = visible(self.near) and self._kinked(c)

    def _outcome(self, c: Column) -> Floats | None:
        """Draw the conclusion from what the last round was for; it may call for samples itself."""
        probed, self._probe = self._probe, 0.0
        suspected, self._suspected = self._suspected, 0.0
        moved, self._moved = self._moved, False
        if moved and self.best is not None:
            self._failures += self.best.error.item() > HELD * self._error
        if suspected and self._all_the_same(c, suspected):
            self._take_for_noise(c, consistent(self._judged(c)))
        wanted = self._after_probe(c, probed) if probed else None
        self._moved = wanted is not None
        return wanted

    def _next_move(self, c: Column) -> Floats:
        """Return what the samples call for, by the table at the head of this file."""
        best, near = self.best, self.near
        if self.kinked or (best is not None and content(best, self.goal, self.order)[0]):
            return NOTHING
        if c.one_sided and self._wall_rounds < MOST_WALL_ROUNDS:
            self._wall_rounds += 1
            return towards_walls(self.line, c, with_open_side=self._wall_rounds == 1)
        if best is None or near is None or self._stuck(best):
            return NOTHING
        if self._unexplained(near) or (self._probes == 0 and self._unexplained(best)):
            return self._ask_probe(c, near)
        self._moved = True
        if noise_rules(near, known=self.noise is not None):
            self._climbed = True
            return self._up(c, best)
        return self._down(c, near)

    def _stuck(self, best: Verdict) -> bool:
        """Whether moving has stopped to help; where nothing is resolved yet, patience is longer."""
        self._error = min(best.error.item(), self._error)
        if self.noise is not None and self._climbed and self.relative_error < BURIED:
            return True  # in noise, further rungs gain less than they cost
        resolved = self.noise is not None or self.relative_error < 1
        return self._failures >= (2 if resolved else 6)

    def _unexplained(self, v: Verdict) -> bool:
        """Whether there is something above rounding that is not known to be noise."""
        if self.noise is not None or not visible(v) or self._probes >= MOST_PROBES:
            return False
        return v.rate.item() > (STALLED if self._probes else DOUBTFUL)

    # -- moving -----------------------------------------------------------------------------

    def _down(self, c: Column, v: Verdict) -> Floats:
        """Return the ladder on which truncation, falling as radius**9, meets rounding."""
        sigma = v.sigma.item()
        reachable = v.noise_part.item()
        if self.noise is None:
            reachable *= v.floor.item() / sigma if sigma > 0 else 0.0
        excess = v.error.item() / reachable if reachable > 0 else math.inf
        levels = math.ceil(math.log2(min(max(excess, 2.0), 2.0**FARTHEST_DOWN)) / 9)
        return ladder(self.line, c, float(v.radius) * 2.0**-levels)

    def _up(self, c: Column, v: Verdict) -> Floats:
        """Return two pairs above: as far as the error calls for, and not beyond the cap."""
        top = float(np.max(np.abs(c.t)))
        error, size = v.error.item(), v.size.item()
        own_noise = visible(v) or self.eps > EPS
        factor = (
            FARTHEST_UP
            if own_noise or size == 0
            else min(max(error / (loose(self.order) * size), 4.0), 64.0)
        )
        cap = WIDEST * self.line.scale
        if own_noise and error > BURIED * size > 0:
            cap *= FARTHEST_UP
        elif not own_noise and LOST * float(np.ptp(c.f)) < v.floor.item():
            cap = math.inf
        radius = min(factor * top, cap)
        if radius < 1.5 * top:
            return NOTHING
        return pairs_above(self.line, top, radius)

    # -- probing ----------------------------------------------------------------------------

    def _ask_probe(self, c: Column, v: Verdict) -> Floats:
        """Return one place so near x0 that structure hardly varies there, and noise just as ever.

        f changes there by (h / l) sigma if the structure has length l and amplitude sigma: less
        than sigma / 10 for l > 10 h, and still above rounding for l up to the ladder's own.
        """
        rungs = np.abs(c.t[np.abs(c.t) >= v.radius / 20])
        self._below = float(np.min(rungs[rungs > 0]))
        depth = min(max(80 * v.floor.item() / v.sigma.item(), 2.0**-30), 2.0**-6)
        side = 1.0 if c.holds(self._below) else -1.0
        if (made := self._probe_near(c, self._below * depth)) is not None:
            self._probes += 1
            wanted = self._after_probe(c, made)
            self._moved = wanted is not None
            return self._next_move(c) if wanted is None else wanted
        place = step_below(self._below * depth, self.line.origin)
        while c.holds(side * place):
            place = step_below(2.5 * place, self.line.origin)  # the next rung: 1.8 to 2.2 times
        self._probe = side * place
        self._probes += 1
        return np.array([self._probe])

    def _probe_near(self, c: Column, distance: float) -> float | None:
        """Return a place that another output has had probed, if it does for this one too."""
        if self._probes:
            return None
        near = c.t[(np.abs(c.t) > distance / 8) & (np.abs(c.t) < distance * 8)]
        return float(near[0]) if near.size else None

    def _after_probe(self, c: Column, probe: float) -> Floats | None:
        """Return where to look for structure; None if the probe says noise, or nothing."""
        if not c.holds(probe) or self.near is None:
            return None
        rise = c.value_at(probe) - c.value_at(0.0)
        verdicts = consistent(self._judged(c))
        sigma = max(v.sigma.item() for v in nearly_least(verdicts))
        if abs(rise) > 0.1 * sigma:
            self._take_for_noise(c, verdicts)
            return None
        if self.near.rate.item() <= STALLED:
            return self._down(c, self.near)
        if rise == 0:
            return self._closer(c, verdicts)
        slope = self._slope(c)
        gap = abs(rise / probe - slope.value.item())
        gap_error = 4 * slope.floor.item() / abs(probe)
        within = gap <= 2 * slope.error.item() + gap_error
        if within and slope.error.item() <= GOOD * slope.size.item():
            if self._probes > 1 and self.order == 1:
                self._gap = max(0.0, gap - gap_error)
            return self._closer(c, verdicts)
        self._suspected = sigma
        scale = sigma / gap if gap > 0 else math.inf
        return ladder(self.line, c, min(scale, self._below) / 4)

    def _all_the_same(self, c: Column, suspected: float) -> bool:
        """Whether the ladder on the suspected structure shows what the one above did: noise."""
        inside = np.abs(c.t) < self._below
        if np.count_nonzero(inside) < self.order + 3:
            return False
        if granular(c.t[inside], c.f[inside, 0]):
            return True
        v = judge(c.t[inside], c.f[inside], self.order, self.line.origin, None, self.eps)
        return v.rate.item() > STALLED and v.sigma.item() > SAME * suspected

    def _slope(self, c: Column) -> Verdict:
        """Return the first derivative, whatever the order that is sought."""
        if self.order == 1:
            return least(consistent(self._judged(c)))
        return least(consistent(judge_all(c.t, c.f, 1, self.line.origin, None, self.eps)))

    def _closer(self, c: Column, verdicts: list[Verdict]) -> Floats | None:
        """Look once just below the ladder; what is still there then is noise on this scale."""
        if self._probes < 2:
            return ladder(self.line, c, self._below)
        self._take_for_noise(c, verdicts)
        return None

    def _take_for_noise(self, c: Column, verdicts: list[Verdict]) -> None:
        """Note the level of the noise, from where it is best determined."""
        most = max(nearly_least(verdicts), key=lambda v: v.freedoms.item())
        self.kinked = self._kinked(c)
        self.noise = Noise(most.sigma, most.freedoms.item())
        self.look(c)

    def _kinked(self, c: Column) -> bool:
        radius = 0.0 if self.best is None else float(self.best.radius)
        return kinked(c, radius, self.line.origin, self.eps)
