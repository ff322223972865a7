"""The search on one line: its samples, its outputs, its budget.

An output that the first ladder settles is done with; each of the others follows its own
`policy.OutputSearch`, so that it gets the steps that suit it. All share the samples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.auto.criteria import WORTH_A_LOOK, Goal, Vector, content
from derivkit.methods.auto.ladder import one_sided, spread, two_sided
from derivkit.methods.auto.lepski import SELECTION
from derivkit.methods.auto.moves import half_width
from derivkit.methods.auto.output import FEW, Course, Level
from derivkit.methods.auto.policy import OutputSearch
from derivkit.methods.auto.questions import QUIET, LineQuestions, Question, Reply, driven
from derivkit.methods.byproduct import Byproduct
from derivkit.methods.fit.samples import Samples
from derivkit.methods.fit.window import WindowFit, judge
from derivkit.methods.protocol import Estimate, Line
from derivkit.methods.together import at_once
from derivkit.methods.weights import fornberg_weights
from derivkit.status import Status

__all__ = ["Search"]

Floats = NDArray[np.float64]

T = TypeVar("T")

Asking: TypeAlias = Generator[LineQuestions, Any, T]
"""Yields what outputs want to know, is sent the answers, and returns something."""

HIGHEST_ON_RUNGS = 4
"""Derivatives of higher orders need samples that lie denser than rungs."""

MOST_ROUNDS = 16
"""A search that takes more rounds of samples has no answer."""

MOST_SAMPLES = 60
"""A line that takes more samples has no answer, or a derivative of 0 at every distance."""

MOST_HEARD = 4
"""At most this many different wishes of outputs for samples are granted in a round."""

MOST_PROBED = 2
"""At most this many different probes are granted in a round."""

NOTHING_HEARD: Mapping[int, Level] = MappingProxyType({})

NEGLIGIBLE = 0.01
"""Outputs that are fewer than this part of all, and whose errors are small already, get no calls of
their own: each call works out all outputs."""

NEARLY_AS_MANY = 0.5
"""Beside the most wanted wish, those are granted that at least this part of as many outputs share:
what most outputs ask for mostly does for the others."""


class Search:
    """Asks for samples until every output is settled, or the budget is spent."""

    def __init__(
        self,
        line: Line,
        order: int,
        goal: Goal,
        noise: float | None,
        vector: Vector | None = None,
        heard: Mapping[int, Level] = NOTHING_HEARD,
    ) -> None:
        self.line = line
        self.order = order
        self.goal = goal
        self.noise = noise
        self._vector = vector
        self._heard = heard  # noise of outputs, from another line
        self.samples = Samples()
        self._first: WindowFit | None = None  # of the first ladder, for all outputs at once
        self._tracks: dict[int, OutputSearch] = {}  # of the outputs it did not settle
        self._courses: dict[int, Course] = {}
        self._told: dict[int, Reply | None] = {}  # outputs that are not done, the worst first
        self._rounds = 0
        self._refused = False
        self._left = np.inf if line.budget is None else line.budget

    # -- asking -----------------------------------------------------------------------------

    @QUIET
    def first(self) -> Floats:
        """Return the places of the first ladder, and x0."""
        radius = half_width(self.line, self.order)
        low, high = -self.line.lower, self.line.upper
        room = min(low, high)
        if radius / 16 <= room < radius:  # a little narrower is better than one-sided
            radius = room
        if room >= radius and self.order > HIGHEST_ON_RUNGS:
            ladder = spread(radius, self.line.origin, (self.order + 8) // 2)
        elif room >= radius:
            ladder = two_sided(radius, self.line.origin)
        else:
            side = 1.0 if high >= low else -1.0
            ladder = one_sided(min(2 * radius, max(low, high)), self.line.origin, side)
        return np.concatenate([[0.0], self._afforded(self._fresh(ladder))])

    @QUIET
    def take(self, t: Floats, values: Floats) -> None:
        """Add what came back."""
        self.samples.add(t, values)
        self._rounds += 1
        if self._rounds == 1:
            self._open_tracks()

    def _open_tracks(self) -> None:
        """Settle what the first ladder settles; open a track for each of the other outputs."""
        t, values = self.samples.t, self.samples.values
        q = values.shape[1]
        settled = np.zeros(q, dtype=bool)
        if len(t) > self.order + 1 and self.noise is None and np.isfinite(values[:, 0]).all():
            first = judge(t, values, self.order, self.line.origin)
            if self._vector is not None:
                slope = judge(t, values, 1, self.line.origin).value
                enough = self._vector.enough(first, slope, self.order)
                self.goal = replace(self.goal, enough=enough)
            settled = content(first, self.goal, self.order)
            flat = (values == values[0]).all(axis=0)
            settled |= flat & (q > FEW) & ~flat.all()  # of many, some do not depend on x
            self._first = first
        for j in self._worst_first(np.flatnonzero(~settled).tolist()):
            what = self.line, self.order, self.noise, self.samples, j, self._heard.get(j)
            self._tracks[j] = OutputSearch(*what)
            self._courses[j] = self._tracks[j].course()
            self._told[j] = None

    def _worst_first(self, outputs: list[int]) -> list[int]:
        """Return the outputs by what the first ladder left of their error."""
        if self._first is None:
            return outputs[::-1]
        size = np.where(self._first.size > 0, self._first.size, 1.0)
        left = np.nan_to_num(self._first.error / size, nan=np.inf)
        return sorted(outputs, key=lambda j: float(left[j]))[::-1]

    def next(self) -> Asking[Floats]:
        """Return the places to ask for; none when the search is over."""
        if not self._told or self._rounds >= MOST_ROUNDS or len(self.samples.t) > MOST_SAMPLES:
            return np.empty(0)
        wishes = yield from self._wishes()
        if self._negligible(wishes):
            yield from self._driven(self._courses, dict.fromkeys(wishes, Reply.CLOSED))
            wishes = {}
        granted = np.concatenate([np.empty(0), *_most_wanted(list(wishes.values()))])
        places = set(granted.tolist())
        self._told = {
            j: Reply.SERVED if places.issuperset(wish.tolist()) else Reply.DEFERRED
            for j, wish in wishes.items()
        }
        return self._afforded(self._fresh(granted))

    def _wishes(self) -> Asking[dict[int, Floats]]:
        """Return the new places that outputs call for; those that call for none are done."""
        places, _ = yield from self._driven(self._courses, self._told)
        found = {j: self._fresh(place) for j, place in places.items()}
        done = {j: Reply.CLOSED for j, wish in found.items() if not wish.size}
        yield from self._driven(self._courses, done)
        return {j: wish for j, wish in found.items() if wish.size}

    def _negligible(self, wishes: dict[int, Floats]) -> bool:
        """Whether the outputs that wish for more are too few, and too good already, for a call."""
        few = len(wishes) <= NEGLIGIBLE * self.samples.values.shape[1]
        return few and all(self._tracks[j].relative_error < WORTH_A_LOOK for j in wishes)

    def _driven(
        self, courses: Mapping[int, Course], told: Mapping[int, Any]
    ) -> Asking[tuple[dict[int, Floats], dict[int, Any]]]:
        return driven(courses, told, self._questions)

    def _questions(self, asked: dict[int, Question]) -> LineQuestions:
        return LineQuestions(self.samples, self.line.origin, self.goal, asked)

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

    def noise_levels(self) -> dict[int, Level]:
        """Return the noise of those outputs that have shown any."""
        return {j: track.noise for j, track in self._tracks.items() if track.noise is not None}

    # -- answering --------------------------------------------------------------------------

    def estimate(self) -> Asking[Estimate]:
        """Return the best answer the samples give."""
        yield from self._judge_last()
        return self._answer()

    @QUIET
    def _answer(self) -> Estimate:
        if self._first is not None:
            v, q = self._first, len(self._first.value)
            value, error = v.value, v.error * (1 + SELECTION)  # v is not used again
            step, noise = np.full(q, v.radius), v.sigma
            noise_error, bound = v.noise_part * (1 + SELECTION), error.copy()
        else:
            q = max(1, self.samples.values.shape[1])
            value, error, step, noise = (np.full(q, x) for x in (np.nan, np.inf, np.nan, np.nan))
            noise_error, bound = np.full(q, np.nan), np.full(q, np.nan)
        one_sided_first = self._first is not None and self._first.sides != 0
        status = np.full(q, Status.ONE_SIDED if one_sided_first else Status.CONVERGED)
        for j, track in self._tracks.items():
            value[j], error[j], status[j] = self._result(j, track)
            if track.best is not None:
                step[j], noise[j] = track.best.radius, track.best.sigma
                noise_error[j], bound[j] = track.noise_error, track.finite_bound
        if not self._tracks and self._first is None:
            status = np.full(q, Status.BUDGET_SPENT)
        # it holds on to the samples, which are many where there are many outputs
        single = self.order == 1 and q == 1
        also = Byproduct(2, lambda: at_once(self.other_order(2))) if single else {}
        reach = self.samples.reach
        return Estimate(value, error, status, step, noise, reach, noise_error, bound, also)

    def _judge_last(self) -> Asking[None]:
        """Judge by all samples what was heard before the last of them came, or never."""
        late = [j for j, t in self._tracks.items() if t.looked_at < len(self.samples.t)]
        yield from self._look(late)
        with np.errstate(all="ignore"):
            open_ = [j for j, track in self._tracks.items() if not track.result()[2].resolved]
        yield from self._look([j for j in open_ if self._tracks[j].takes_all()])
        with np.errstate(all="ignore"):
            on_tread = [j for j, track in self._tracks.items() if track.on_tread]
        courses = {j: self._tracks[j].heed_tread() for j in on_tread}
        yield from self._driven(courses, dict.fromkeys(on_tread))

    def _look(self, outputs: list[int]) -> Asking[Any]:
        return self._driven({j: self._tracks[j].look() for j in outputs}, dict.fromkeys(outputs))

    def _result(self, j: int, track: OutputSearch) -> tuple[float, float, Status]:
        value, error, status = track.result()
        if not self._refused or (track.done and track.best is not None):
            return value, error, status
        column = self.samples.column(j)
        if np.isnan(value) and len(column.t) > self.order:
            value = float(fornberg_weights(column.t, self.order) @ column.f)
        return value, error, Status.BUDGET_SPENT

    def other_order(self, order: int) -> Asking[tuple[Floats, Floats]]:
        """Return value and error of a derivative of another order from the samples there are."""
        q = self.samples.values.shape[1]
        value, error = np.full(q, np.nan), np.full(q, np.inf)
        if self._first is not None:
            v = judge(self.samples.t, self.samples.values, order, self.line.origin)
            with np.errstate(over="ignore"):
                value, error = v.value.copy(), v.error * (1 + SELECTION)
        questions = {j: track.other_order(order) for j, track in self._tracks.items()}
        _, found = yield from self._driven(questions, dict.fromkeys(questions))
        for j, (own_value, own_error) in found.items():
            value[j], error[j] = own_value, own_error
        return value, error


def _most_wanted(wishes: list[Floats]) -> list[Floats]:
    """Return the wishes to grant: all if they are few, else those that most outputs share.

    Probes come first where most want one: what they tell makes many other wishes pointless.
    """
    if len(wishes) <= MOST_HEARD:
        return wishes
    probes = [wish for wish in wishes if wish.size == 1]
    probing = 2 * len(probes) >= len(wishes)
    counts = Counter(tuple(wish.tolist()) for wish in (probes if probing else wishes))
    ranked = counts.most_common(MOST_PROBED if probing else MOST_HEARD)
    enough = NEARLY_AS_MANY * ranked[0][1]
    return [np.array(wish) for wish, count in ranked if count >= enough]
