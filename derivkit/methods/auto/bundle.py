"""Many lines at once: their first ladders are judged in one go, for a fraction of the overhead.

The first ladders of most lines are the same up to their scale, and most are the last ones needed.
So each line's solver leaves its values here, asks for nothing, and finds the verdict on all of
them when it is resumed. A line that is not settled, or is not like the others,
goes its own way from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.auto.criteria import MAGNIFIED, Goal, content
from derivkit.methods.auto.ladder import PHASES, two_sided, two_sided_rungs
from derivkit.methods.auto.lepski import SELECTION
from derivkit.methods.auto.moves import half_width
from derivkit.methods.auto.output import FEW
from derivkit.methods.byproduct import Byproduct
from derivkit.methods.fit.orthogonal import Basis, basis, side_by_side
from derivkit.methods.fit.window import EPS, WindowFit, judge_by
from derivkit.methods.protocol import Estimate, Line

__all__ = ["BEGUN", "TOGETHER", "Bundle"]

Floats = NDArray[np.float64]

PLACES = [np.append(0.0, two_sided(2.0**phase, 0.0)) for phase in range(PHASES)]
"""x0 and a two-sided ladder of each kind, in the order in which they are asked for."""

ASCENDING = np.argsort(PLACES[0])
UNITS = [tuple((places[ASCENDING] / places.max()).tolist()) for places in PLACES]
"""The same in ascending order and scaled to 1, by phase."""

COLUMNS = np.array(UNITS).T

HIGHEST = [basis(unit, 1).rows[-2:, np.argsort(ASCENDING)] for unit in UNITS]
"""What turns values, as they were asked for, into their two highest coefficients, by phase."""

BEGUN = 3
"""x0 and the widest pair: what a line needs in noise, too."""

TOGETHER = 1024
"""About this many columns are judged at a time, and values are gathered for no more."""


class Bundle:
    """The first ladders of many lines, most of which are the same but for their scale."""

    def __init__(self, lines: Sequence[Line], order: int, goal: Goal) -> None:
        origins = np.array([line.origin for line in lines])
        radii = np.array([half_width(line, order) for line in lines])
        rungs, phases, exact = two_sided_rungs(radii, origins)
        room = np.array([min(-line.lower, line.upper) for line in lines])
        spare = np.array([np.inf if line.budget is None else line.budget for line in lines])
        self._alike: list[bool] = (exact & (room >= radii) & (spare >= rungs.shape[1])).tolist()
        self._ladders = np.zeros((len(lines), 1 + rungs.shape[1]))
        self._ladders[:, 1:] = rungs
        self._origins = origins
        self._phases: list[int] = phases.tolist()
        self._order = order
        self._goal = goal
        self._values: dict[int, Floats] = {}
        self._judged: dict[int, Floats | None] = {}
        self._seconds: dict[int, Floats | None] = {}

    def takes(self, k: int) -> bool:
        """Whether line k is like the others."""
        return self._alike[k]

    def ladder(self, k: int) -> Floats:
        """Return x0 and the first ladder of line k."""
        row: Floats = self._ladders[k]
        return row

    def leave(self, k: int, values: Floats) -> None:
        """Take the values of line k."""
        self._values[k] = values

    def calm(self, k: int) -> bool:
        """Whether the values of line k leave no more than the model's arithmetic may."""
        values = self._values[k]
        left = np.abs(HIGHEST[self._phases[k]] @ values).max(axis=0)
        calm = left <= MAGNIFIED * EPS * np.abs(values).max(axis=0)
        return bool(calm.all())

    def taken_back(self, k: int) -> Floats:
        """Return the values of a line that goes its own way, and keep them no longer."""
        return self._values.pop(k)

    def estimate(self, k: int) -> Estimate | None:
        """Return the answer for line k; None if its first ladder does not settle it.

        It does not where f is undefined at a place: no comparison with nan holds.
        """
        if k not in self._judged:
            new = self._judge(sorted(self._values.keys() - self._judged), self._order)
            self._judged |= new
            for n, found in new.items():
                if found is not None and found.shape[1] > 1:  # no byproduct will ask for them
                    del self._values[n]
        judged = self._judged[k]
        if judged is None:
            return None
        value, error, sigma, noise_part = judged
        radius = float(self._ladders[k, 1])
        return Estimate(
            value,
            error,
            step=radius,
            noise=sigma,
            reach=radius,
            noise_error=noise_part,
            finite_bound=error,
            also=self._also(k) if value.size == 1 else {},
        )

    def _also(self, k: int) -> Mapping[int, tuple[Floats, Floats]]:
        """Return what else is known of one output; it holds on to the values of all lines."""
        return Byproduct(2, partial(self.second, k)) if self._order == 1 else {}

    def second(self, k: int) -> tuple[Floats, Floats]:
        """Return the second derivative along line k, from the samples of the first."""
        if not self._seconds:
            settled = [n for n, found in self._judged.items() if found is not None]
            self._seconds = self._judge(sorted(settled), 2)
        found = self._seconds[k]
        assert found is not None  # noqa: S101 - other orders are judged whatever comes out
        return found[0], found[1]

    def _judge(self, ks: list[int], order: int) -> dict[int, Floats | None]:
        """Return what the ladders of lines say; None where the first order leaves an output open.

        Some columns are worked out at a time: the many arrays that this takes stay in the cache.
        """
        ks = sorted(ks, key=self._phases.__getitem__)  # not as the workers finished
        q = self._values[ks[0]].shape[1]
        lines = max(1, TOGETHER // max(q, 1))
        judged: dict[int, Floats | None] = {}
        for first in range(0, len(ks), lines):
            judged |= self._judge_some(ks[first : first + lines], q, order)
        return judged

    def _judge_some(self, ks: list[int], q: int, order: int) -> dict[int, Floats | None]:
        """Return value, error, noise of f and the error's noise part (4, q) of each line."""
        found = np.empty((4, len(ks), q))
        settled = np.full(len(ks), fill_value=True)
        some_flat = np.zeros_like(settled)
        for start in range(0, q, TOGETHER):
            block = slice(start, start + TOGETHER)
            v = self._verdict(ks, block, order)
            columns = np.array((v.value, v.error, v.sigma, v.noise_part))
            found[..., block] = columns.reshape(4, len(ks), -1)
            if order == self._order:
                enough = content(v, self._goal, order).reshape(len(ks), -1)
                if q > FEW and not enough.all():
                    flat = np.array([self._flat(k, block) for k in ks])
                    some_flat |= (flat & ~enough).any(axis=1)
                    enough |= flat
                settled &= enough.all(axis=1)
                if not settled.any():
                    break
        for n in (settled & some_flat).nonzero()[0].tolist():
            settled[n] = not self._flat(ks[n], slice(None)).all()
        found[1::2] *= 1 + SELECTION
        each = zip(ks, found.swapaxes(0, 1), settled.tolist(), strict=True)
        return {k: said if ok else None for k, said, ok in each}

    def _flat(self, k: int, block: slice) -> NDArray[np.bool_]:
        """Return which outputs of line k do not move at all: of many, some do not depend on x."""
        values = self._values[k][:, block]
        return np.asarray((values[1:] == values[0]).all(axis=0))

    @np.errstate(invalid="ignore", over="ignore")  # where f is undefined
    def _verdict(self, ks: list[int], block: slice, order: int) -> WindowFit:
        """Return the verdict on a block of the outputs of some lines, side by side."""
        values = [self._values[k] for k in ks]
        q = values[0].shape[1]
        if q > TOGETHER:
            values = [each[:, block] for each in values]
        f = np.concatenate(values, axis=1)[ASCENDING]
        phases = [self._phases[k] for k in ks]
        b = _bases(order, tuple([q * phases.count(n) for n in range(PHASES)]))
        # steps were rounded to what x0 + t can hold: values move back to the unit's along the chord
        ladders, origins = self._ladders[ks], self._origins[ks]
        radii, steps = ladders[:, 1], ladders[:, ASCENDING].T
        span, moved = steps[-1] - steps[0], steps - COLUMNS[:, phases] * radii
        if 1 < q <= TOGETHER and len(ks) > 1:
            radii, origins, span = (a.repeat(q) for a in (radii, origins, span))
            moved = moved.repeat(q, axis=1)
        f -= (f[-1] - f[0]) / span * moved
        return judge_by(b, radii, f, order, origins)


@lru_cache(maxsize=2)  # of each order, for call after call on as many parameters
def _bases(order: int, counts: tuple[int, ...]) -> Basis:
    """Return what fits need on the ladders of counts[phase] columns, side by side."""
    return side_by_side([basis(unit, order) for unit in UNITS], counts)
