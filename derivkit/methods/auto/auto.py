"""The default method: it finds the scale of f and the noise of f, and the steps that suit both.

It starts near x0 with a ladder of steps, each twice the last, and judges the samples degree by
degree. What then remains to be done is decided in `policy`, output by output.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.auto.bundle import BEGUN, TOGETHER, Bundle
from derivkit.methods.auto.criteria import Goal, Vector
from derivkit.methods.auto.crossed import crossed
from derivkit.methods.auto.informed import InformedSeconds
from derivkit.methods.auto.moves import likely_after, where_noise_rules
from derivkit.methods.auto.output import Level
from derivkit.methods.auto.search import HIGHEST_ON_RUNGS, NOTHING_HEARD, Search
from derivkit.methods.auto.second import BriefSecond
from derivkit.methods.auto.shared_noise import SharedNoise
from derivkit.methods.protocol import (
    BudgetSpentError,
    Line,
    Points,
    Solver,
    Values,
    Wait,
    Waiting,
)
from derivkit.methods.together import NOTHING, Course, CourseMethod, Pool, solved
from derivkit.validation import is_not_negative, shown

__all__ = ["Auto"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Auto(CourseMethod):
    """Steps from the samples themselves: right on sharp functions and in noise, without tuning.

    Parameters
    ----------
    rtol : float, optional
        Stop as soon as the error is at most ``rtol * abs(value)``. None: go on as long as calls
        pay, to about 1e-12 where rounding allows it.
    atol : float
        Stop as soon as the error is at most ``atol``, in units of the derivative.
    noise : float, optional
        Absolute noise of the model's output (one standard deviation), where it is known. None:
        it is estimated from the samples.

    Notes
    -----
    Eight samples a parameter on smooth functions; in noise 13 for the first parameter and seven for
    each other; more where the scale has to be found first. On functions drawn at random the error
    covers the truth in 98 to 99 % of cases in every class of problem; see the benchmarks.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import Auto, CalculusKit
    >>> kit = CalculusKit(lambda x: np.exp(x[0]), [0.0])
    >>> result = kit.gradient_result(Auto(rtol=1e-4))
    >>> bool(abs(result.value[0] - 1.0) <= result.error[0] < 1e-4)
    True
    """

    rtol: float | None = None
    atol: float = 0.0
    noise: float | None = None

    def __post_init__(self) -> None:
        _check("rtol", self.rtol)
        _check("atol", self.atol, optional=False)
        _check("noise", self.noise)

    def course(self, line: Line, order: int) -> Course:
        """Differentiate ``order`` times along the line."""
        search = self.search(line, order)
        try:
            wanted = search.first()
            search.take(wanted, (yield wanted))
        except BudgetSpentError:
            search.refuse()
            return (yield from search.estimate())
        return (yield from _followed(search))

    def solve_together(self, lines: Sequence[Line], order: int) -> list[Solver]:
        """Return a solver for each line; their samples are judged in one go, to be driven together.

        Their first ladders are moved to common places for that. The first line through an x0 shows
        the others whether the model is noisy.
        """
        if self.noise is not None or order > HIGHEST_ON_RUNGS or len(lines) == 1:
            return super().solve_together(lines, order)
        return _Lines(self, lines, order).solvers()

    def likely(self, line: Line, order: int) -> Points:
        """Return where the search may go on after its first ladder, the likeliest first."""
        first = self.search(line, order).first()
        return np.concatenate([first[BEGUN:], likely_after(first, line, order)])

    def brief_second(self, noise: Floats) -> BriefSecond:
        """Return a method for second derivatives that takes the noise (q,) as known."""
        return BriefSecond(noise, self)

    def informed_seconds(
        self,
        lines: Sequence[Line],
        unit: Floats,
        noise: Floats,
        amplitude: Floats,
        leftover: Floats,
        levels: int,
        *,
        of_planes: bool = False,
    ) -> list[Solver]:
        """Return solvers of second derivatives in few calls; see `protocol.OffersSeconds`."""
        known = InformedSeconds(unit, noise, amplitude, leftover, levels, self)
        return crossed(known, lines) if of_planes else known.solvers(lines)

    def of_one_vector(
        self, length: Callable[[Floats], float], units: Floats, share: float
    ) -> OneVector:
        """Return a method for outputs that count together; see `protocol.OffersOneVector`."""
        return OneVector(self.rtol, self.atol, self.noise, vector=Vector(length, units, share))

    def search(self, line: Line, order: int, heard: Mapping[int, Level] = NOTHING_HEARD) -> Search:
        """Return a search along a line; ``heard`` is what another one has shown of the noise."""
        return Search(line, order, Goal(self.rtol, self.atol), self.noise, heard=heard)


@dataclass(frozen=True)
class OneVector(Auto):
    """The default method for outputs of which only the length of all of them matters."""

    vector: Vector = field(kw_only=True)

    def solve_together(self, lines: Sequence[Line], order: int) -> list[Solver]:
        """Return a solver for each line; first ladders share no work: lengths are told by line."""
        return CourseMethod.solve_together(self, lines, order)

    def search(self, line: Line, order: int, heard: Mapping[int, Level] = NOTHING_HEARD) -> Search:
        """Return a search whose outputs count together."""
        return Search(line, order, Goal(self.rtol, self.atol), self.noise, self.vector, heard)


class _Lines:
    """Lines that are followed together: what each does before its own samples decide."""

    def __init__(self, method: Auto, lines: Sequence[Line], order: int) -> None:
        self._method, self._lines, self._order = method, lines, order
        self._bundle = Bundle(lines, order, Goal(method.rtol, method.atol))
        self._pool = Pool()

    def solvers(self) -> list[Solver]:
        """Return a solver for each line."""
        taken = [k for k in range(len(self._lines)) if self._bundle.takes(k)]
        company = Counter(self._lines[k].point for k in taken)
        shared: dict[int, SharedNoise] = {}
        found: list[Any] = []
        for k, line in enumerate(self._lines):
            if not self._bundle.takes(k):
                found.append(self._unlike(k))
            elif line.point in shared:
                found.append(self._another(k, shared[line.point]))
            elif company[line.point] > 1:
                shared[line.point] = SharedNoise()
                found.append(self._first(k, shared[line.point]))
            else:
                found.append(self._alone(k))
        return found

    def _unlike(self, k: int) -> Solver:
        """Follow a line whose first ladder is not like the others'."""
        return solved(self._method.course(self._lines[k], self._order), self._pool, k)

    def _alone(self, k: int) -> Solver:
        """Follow the only line through its x0, beside those of other points."""
        try:
            values = yield self._bundle.ladder(k)
        except BudgetSpentError:
            return (yield from self._refused(k))
        self._bundle.leave(k, values)
        del values  # many where there are many outputs: no line holds on to the others'
        return (yield from self._left(k))

    def _first(self, k: int, shared: SharedNoise) -> Waiting:
        """Follow the first line through its x0, which shows the others the noise."""
        ladder = self._bundle.ladder(k)
        try:
            values = yield ladder
        except BudgetSpentError:
            shared.awaited = False
            return (yield from self._refused(k))
        self._bundle.leave(k, values)
        del values
        if self._bundle.calm(k):
            shared.awaited = False
            with suppress(BudgetSpentError):
                yield Wait(shared.has_company)  # to be judged with it
        estimate = self._bundle.estimate(k)
        shared.awaited &= estimate is None
        return estimate or (
            yield from self._followed(k, ladder, self._bundle.taken_back(k), shared=shared)
        )

    def _another(self, k: int, shared: SharedNoise) -> Waiting:
        """Follow a line of which the first one tells beforehand whether the model is noisy."""
        wanted, line = self._bundle.ladder(k), self._lines[k]
        begun = wanted[:BEGUN]
        try:
            if line.eager:
                yield wanted
            if shared.awaited:
                yield Wait(shared.is_known, meanwhile=begun)
            if shared.noisy:
                farther = where_noise_rules(line, wanted[1:], self._order)
                wanted = np.concatenate([begun, farther])
            values = yield wanted
        except BudgetSpentError:
            return (yield from self._refused(k))
        finally:
            shared.alone = False
        if shared.noisy:
            heard = shared.confirmed(np.abs(values[BEGUN] - values[0]))
            return (yield from self._followed(k, wanted, values, heard))
        self._bundle.leave(k, values)
        del values
        return (yield from self._left(k))

    def _left(self, k: int) -> Solver:
        """Have a whole ladder that was left judged with the others', and go on where it must."""
        yield NOTHING
        estimate, ladder = self._bundle.estimate(k), self._bundle.ladder(k)
        return estimate or (yield from self._followed(k, ladder, self._bundle.taken_back(k)))

    def _refused(self, k: int) -> Solver:
        """Follow a line for which there are no calls."""
        return self._method.solve(replace(self._lines[k], budget=0), self._order)

    def _followed(
        self,
        k: int,
        wanted: Points,
        values: Values,
        heard: Mapping[int, Level] = NOTHING_HEARD,
        *,
        shared: SharedNoise | None = None,
    ) -> Solver:
        """Go on by its own samples."""
        search = self._method.search(self._lines[k], self._order, heard)
        search.first()
        search.take(wanted, values)
        many = values.shape[1] > TOGETHER  # company gains nothing, and all would wait with samples
        return solved(_followed(search, shared), None if many else self._pool, k)


def _followed(search: Search, shared: SharedNoise | None = None) -> Course:
    """Go on from the first ladder to the answer; ``shared`` hears what the samples show."""
    try:
        while True:
            wanted = yield from search.next()
            if shared is not None:
                shared.learn(search, len(wanted))
            if not wanted.size:
                break
            search.take(wanted, (yield wanted))
    except BudgetSpentError:
        search.refuse()
    if shared is not None:
        shared.awaited = False
    return (yield from search.estimate())


def _check(name: str, value: float | None, *, optional: bool = True) -> None:
    """Raise unless the option is a finite number of at least 0, or None where that is allowed."""
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"`{name}` must be a number, got {shown(value)}")
    if not is_not_negative(value):
        raise ValueError(f"`{name}` must be finite and not negative, got {shown(value)}")
