"""The default method: it finds the scale of f and the noise of f, and the steps that suit both.

It starts near x0 with a ladder of steps, each twice the last, and judges the samples degree by
degree. What then remains to be done is decided in `policy`, output by output.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.auto.bundle import BEGUN, Bundle
from derivkit.methods.auto.criteria import Goal, Vector
from derivkit.methods.auto.informed import InformedSeconds
from derivkit.methods.auto.moves import likely_after, where_noise_rules
from derivkit.methods.auto.output import Level
from derivkit.methods.auto.search import HIGHEST_ON_RUNGS, NOTHING_HEARD, Search
from derivkit.methods.auto.second import BriefSecond
from derivkit.methods.auto.shared_noise import SharedNoise
from derivkit.methods.protocol import BudgetSpentError, Line, Points, Solver, Values
from derivkit.validation import is_not_negative, shown

__all__ = ["Auto"]

Floats = NDArray[np.float64]

NOTHING: Points = np.empty(0)


@dataclass(frozen=True)
class Auto:
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

    def solve(self, line: Line, order: int) -> Solver:
        """Differentiate ``order`` times along the line."""
        search = self._search(line, order)
        try:
            wanted = search.first()
            values = yield wanted
        except BudgetSpentError:
            search.refuse()
            return search.estimate()
        return (yield from _followed(search, wanted, values))

    def solve_together(self, lines: Sequence[Line], order: int) -> list[Solver]:
        """Return a solver for each line; they share the work on their first ladders, and the noise.

        To be driven in common rounds: they ask for nothing while they wait for each other.
        """
        if self.noise is not None or order > HIGHEST_ON_RUNGS or len(lines) == 1:
            return [self.solve(line, order) for line in lines]
        bundle = Bundle(lines, order, Goal(self.rtol, self.atol))
        company = Counter(line.point for line in lines if len(lines) > 1)
        shared: dict[int, SharedNoise] = {}
        found: list[Solver] = []
        for k, line in enumerate(lines):
            if not bundle.takes(k):
                found.append(self.solve(line, order))
            elif line.point in shared:
                found.append(self._another(bundle, k, line, order, shared[line.point]))
            elif company[line.point] > 1:
                shared[line.point] = SharedNoise()
                found.append(self._first(bundle, k, line, order, shared[line.point]))
            else:
                found.append(self._alone(bundle, k, line, order))
        return found

    def likely(self, line: Line, order: int) -> Points:
        """Return where the search may go on after its first ladder, the likeliest first."""
        first = self._search(line, order).first()
        return np.concatenate([first[BEGUN:], likely_after(first, line)])

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
    ) -> list[Solver]:
        """Return solvers of second derivatives in few calls; see `protocol.OffersSeconds`."""
        return InformedSeconds(unit, noise, amplitude, leftover, levels, self).solvers(lines)

    def of_one_vector(
        self, length: Callable[[Floats], float], units: Floats, share: float
    ) -> OneVector:
        """Return a method for outputs that count together; see `protocol.OffersOneVector`."""
        return OneVector(self.rtol, self.atol, self.noise, vector=Vector(length, units, share))

    def _alone(self, bundle: Bundle, k: int, line: Line, order: int) -> Solver:
        """Follow the only line through its x0, beside those of other points."""
        ladder = bundle.ladder(k)
        try:
            values = yield ladder
        except BudgetSpentError:
            return (yield from self._refused(line, order))
        if bundle.leave(k, values):
            yield NOTHING
            estimate = bundle.estimate(k)
            if estimate is not None:
                return estimate
        return (yield from _followed(self._begun(line, order), ladder, values))

    def _first(self, bundle: Bundle, k: int, line: Line, order: int, shared: SharedNoise) -> Solver:
        """Follow the first line through its x0, which shows the others the noise."""
        ladder = bundle.ladder(k)
        try:
            values = yield ladder
        except BudgetSpentError:
            shared.awaited = False
            return (yield from self._refused(line, order))
        if bundle.leave(k, values):
            if bundle.calm(k):
                shared.awaited = False
                with suppress(BudgetSpentError):  # until the others have theirs, to be judged with
                    yield NOTHING
                    yield NOTHING
            estimate = bundle.estimate(k)
            if estimate is not None:
                shared.awaited = False
                return estimate
        return (yield from _followed(self._begun(line, order), ladder, values, shared))

    def _another(
        self, bundle: Bundle, k: int, line: Line, order: int, shared: SharedNoise
    ) -> Solver:
        """Follow a line of which it is known, from the first one, whether the model is noisy."""
        ladder = bundle.ladder(k)
        begun, rest = ladder[:BEGUN], ladder[BEGUN:]
        try:
            values = yield begun
        except BudgetSpentError:
            return (yield from self._refused(line, order))
        try:
            while shared.awaited:
                yield NOTHING
            noisy = shared.rules(values.shape[1])
            if noisy:
                rest = where_noise_rules(line, ladder[1:])
            more = yield rest
        except BudgetSpentError:
            search = self._begun(line, order)
            search.take(begun, values)
            search.refuse()
            return search.estimate()
        heard = shared.confirmed(np.abs(more[0] - values[0])) if noisy else NOTHING_HEARD
        values = np.concatenate([values, more])
        if not noisy and bundle.leave(k, values):
            yield NOTHING
            estimate = bundle.estimate(k)
            if estimate is not None:
                return estimate
        search = self._begun(line, order, heard)
        return (yield from _followed(search, np.concatenate([begun, rest]), values))

    def _refused(self, line: Line, order: int) -> Solver:
        """Follow a line for which there are no calls."""
        return self.solve(replace(line, budget=0), order)

    def _begun(self, line: Line, order: int, heard: Mapping[int, Level] = NOTHING_HEARD) -> Search:
        """Return a search whose first ladder has been asked for."""
        search = self._search(line, order, heard)
        search.first()
        return search

    def _search(self, line: Line, order: int, heard: Mapping[int, Level] = NOTHING_HEARD) -> Search:
        return Search(line, order, Goal(self.rtol, self.atol), self.noise, heard=heard)


@dataclass(frozen=True)
class OneVector(Auto):
    """The default method for outputs of which only the length of all of them matters."""

    vector: Vector = field(kw_only=True)

    def solve_together(self, lines: Sequence[Line], order: int) -> list[Solver]:
        """Return a solver for each line, which shares no work: lengths are told line by line."""
        return [self.solve(line, order) for line in lines]

    def _search(self, line: Line, order: int, heard: Mapping[int, Level] = NOTHING_HEARD) -> Search:
        return Search(line, order, Goal(self.rtol, self.atol), self.noise, self.vector, heard)


def _followed(
    search: Search, wanted: Points, values: Values, shared: SharedNoise | None = None
) -> Solver:
    """Go on from the values of the first ladder to the answer; ``shared`` hears what they show."""
    search.take(wanted, values)
    try:
        while True:
            wanted = search.next()
            if shared is not None:
                shared.learn(search, len(wanted))
            if not wanted.size:
                break
            search.take(wanted, (yield wanted))
    except BudgetSpentError:
        search.refuse()
    if shared is not None:
        shared.awaited = False
    return search.estimate()


def _check(name: str, value: float | None, *, optional: bool = True) -> None:
    """Raise unless the option is a finite number of at least 0, or None where that is allowed."""
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"`{name}` must be a number, got {shown(value)}")
    if not is_not_negative(value):
        raise ValueError(f"`{name}` must be finite and not negative, got {shown(value)}")
