"""The search on one line: its samples, its outputs, its budget.

An output that the first ladder settles is done with; each of the others follows its own
`track.Track`, so that it gets the steps that suit it. All share the samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.evidence import Goal, content
from derivkit.methods.ladders import one_sided, two_sided
from derivkit.methods.moves import pairs_above
from derivkit.methods.protocol import Estimate, Line
from derivkit.methods.samples import Samples
from derivkit.methods.track import FARTHEST_UP, WIDEST, Track
from derivkit.methods.weights import fornberg_weights
from derivkit.methods.windows import SELECTION, Verdict, judge
from derivkit.status import Status

__all__ = ["Search", "first_radius", "likely_after"]

Floats = NDArray[np.float64]

FIRST_RADIUS = (1 / 12, 1 / 12, 1 / 8, 1 / 5, 1 / 4)
"""Half-width of the first ladder in units of the scale, by order; the last for all above. Rounding
costs radius**-order, truncation radius**(9 - order): the balance moves outwards with the order."""

MOST_ROUNDS = 16

MOST_SAMPLES = 60
"""A line that takes more has no answer, or one that is 0 however close one looks."""

MOST_HEARD = 4
"""Outputs whose wishes are heard at a time, those with the largest errors first; what they ask for
mostly does for the others."""


def first_radius(order: int) -> float:
    """Return the half-width of the first ladder in units of the scale."""
    return FIRST_RADIUS[min(order, len(FIRST_RADIUS) - 1)]


class Search:
    """Asks for samples until every output is settled, or the budget is spent."""

    def __init__(self, line: Line, order: int, goal: Goal, noise: float | None) -> None:
        self.line = line
        self.order = order
        self.goal = goal
        self.noise = noise
        self.samples = Samples()
        self._first: Verdict | None = None  # of the first ladder, for all outputs at once
        self._tracks: dict[int, Track] = {}  # of the outputs it did not settle
        self._waiting: list[int] = []  # outputs whose tracks have not been heard, the worst last
        self._heard: list[int] = []
        self._rounds = 0
        self._refused = False
        self._left = np.inf if line.budget is None else line.budget

    # -- asking -----------------------------------------------------------------------------

    def first(self) -> Floats:
        """Return the places of the first ladder, and x0."""
        radius = self.line.scale * first_radius(self.order)
        low, high = -self.line.lower, self.line.upper
        room = min(low, high)
        if radius / 16 <= room < radius:  # a little narrower is better than one-sided
            radius = room
        if room >= radius:
            ladder = two_sided(radius, self.line.origin, max(4, (self.order + 5) // 2))
        else:
            side = 1.0 if high >= low else -1.0
            ladder = one_sided(min(2 * radius, max(low, high)), self.line.origin, side)
        return np.concatenate([[0.0], self._afforded(self._fresh(ladder))])

    def take(self, t: Floats, values: Floats) -> None:
        """Add what came back, and judge it."""
        self.samples.add(t, values)
        self._rounds += 1
        if self._rounds == 1:
            self._open_tracks()
        for j in self._heard:
            self._tracks[j].look(self.samples.column(j))

    def _open_tracks(self) -> None:
        """Settle what the first ladder settles; open a track for each of the other outputs."""
        t, values = self.samples.t, self.samples.values
        q = values.shape[1]
        settled = np.zeros(q, dtype=bool)
        if len(t) > self.order + 1 and self.noise is None and np.isfinite(values[:, 0]).all():
            first = judge(t, values, self.order, self.line.origin)
            settled = content(first, self.goal, self.order)
            self._first = first
        for j in np.flatnonzero(~settled).tolist():
            self._tracks[j] = Track(self.line, self.order, self.goal, self.noise)
        self._waiting = self._best_first()

    def _best_first(self) -> list[int]:
        """Return the outputs with tracks, by what the first ladder left of their error."""
        if self._first is None:
            return list(self._tracks)
        size = np.where(self._first.size > 0, self._first.size, 1.0)
        left = np.nan_to_num(self._first.error / size, nan=np.inf)
        return sorted(self._tracks, key=lambda j: float(left[j]))

    def next(self) -> Floats:
        """Return the places to ask for; none when the search is over."""
        if not self._tracks or self._rounds >= MOST_ROUNDS or len(self.samples.t) > MOST_SAMPLES:
            return np.empty(0)
        wishes = {j: w for j in self._heard if (w := self._wish(j)).size}
        while self._waiting and len(wishes) < MOST_HEARD:
            j = self._waiting.pop()
            self._tracks[j].look(self.samples.column(j))
            if (wish := self._wish(j)).size:
                wishes[j] = wish
        self._heard = list(wishes)
        return self._afforded(self._fresh(np.concatenate([np.empty(0), *wishes.values()])))

    def _wish(self, j: int) -> Floats:
        """Return the new places that output j calls for; none when it is done."""
        track, column = self._tracks[j], self.samples.column(j)
        wish = self._fresh(track.wish(column))
        if not wish.size:
            track.finish(column)
        return wish

    def _fresh(self, t: Floats) -> Floats:
        """Return the places inside the bounds that have no sample yet, each once."""
        inside = t[(t >= self.line.lower) & (t <= self.line.upper)]
        return np.array(self.samples.new(inside))

    def _afforded(self, t: Floats) -> Floats:
        """Return as many of the places as the budget has left, the first ones."""
        if len(t) > self._left:
            self.refuse()
            t = t[: int(self._left)]
        self._left -= len(t)
        return t

    def refuse(self) -> None:
        """Note that not all samples that were wanted will come."""
        self._refused = True

    # -- answering --------------------------------------------------------------------------

    def estimate(self) -> Estimate:
        """Return the best answer the samples give."""
        if self._first is not None:
            v, q = self._first, len(self._first.value)
            value, error = v.value.copy(), v.error * (1 + SELECTION)
            step, noise = np.full(q, v.radius), v.sigma.copy()
        else:
            q = max(1, self.samples.values.shape[1])
            value, error, step, noise = (np.full(q, x) for x in (np.nan, np.inf, np.nan, np.nan))
        one_sided_first = self._first is not None and self._first.sides != 0
        status = [Status.ONE_SIDED if one_sided_first else Status.CONVERGED] * q
        for j, track in self._tracks.items():
            value[j], error[j], status[j] = self._result(j, track)
            if track.best is not None:
                step[j], noise[j] = track.best.radius, track.best.sigma[0]
        if not self._tracks and self._first is None:
            status = [Status.BUDGET_SPENT] * q
        also = Byproducts(self) if self.order == 1 else {}
        reach = self.samples.reach
        return Estimate(value, error, tuple(status), step, noise, reach, also)

    def _result(self, j: int, track: Track) -> tuple[float, float, Status]:
        column = self.samples.column(j)
        track.look(column)
        value, error, status = track.result()
        if not self._refused or (track.done and track.best is not None):
            return value, error, status
        if np.isnan(value) and len(column.t) > self.order:
            value = float(fornberg_weights(column.t, self.order) @ column.f[:, 0])
        return value, error, Status.BUDGET_SPENT

    def other_order(self, order: int) -> tuple[Floats, Floats]:
        """Return value and error of a derivative of another order from the samples there are."""
        q = self.samples.values.shape[1]
        value, error = np.full(q, np.nan), np.full(q, np.inf)
        if self._first is not None:
            v = judge(self.samples.t, self.samples.values, order, self.line.origin)
            value, error = v.value.copy(), v.error * (1 + SELECTION)
        for j, track in self._tracks.items():
            value[j], error[j] = track.other_order(self.samples.column(j), order)
        return value, error


def likely_after(first: Floats, line: Line) -> Floats:
    """Return places to which a search mostly goes on from its first ladder.

    On random functions of all kinds, nine in ten of the searches that go on in truncation take the
    next rung below, two in three the second; and of those in noise, nine in ten the pairs above.
    """
    steps = np.abs(first[first != 0])
    if not (first.min() < 0 < first.max()):
        return np.empty(0)  # bounds, or a wall: too many ways
    top = float(steps.max())
    below = two_sided(float(steps.min()) / 2, line.origin)
    above = pairs_above(line, top, min(FARTHEST_UP * top, WIDEST * line.scale))
    places = np.concatenate([below[:4], above[2:], above[:2], below[4:]])
    return places[(places >= line.lower) & (places <= line.upper)]


class Byproducts(Mapping[int, tuple[Floats, Floats]]):
    """The second derivative, from the samples of the first; worked out when it is asked for."""

    def __init__(self, search: Search) -> None:
        self._search = search

    def __getitem__(self, order: int) -> tuple[Floats, Floats]:
        if order != 2:
            raise KeyError(order)
        return self._search.other_order(order)

    def __contains__(self, order: object) -> bool:
        return order == 2

    def __iter__(self) -> Iterator[int]:
        return iter((2,))

    def __len__(self) -> int:
        return 1
