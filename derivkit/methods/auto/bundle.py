"""Many lines at once: their first ladders are judged in one go, for a fraction of the overhead.

The first ladders of most lines are the same up to their scale, and most are the last ones needed.
So each line's solver leaves its values here, asks for nothing in the next round, and finds the
verdict on all of them when it is resumed. A line that is not settled, or is not like the others,
goes its own way from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.auto.criteria import Goal, content
from derivkit.methods.auto.ladder import PHASES, two_sided, two_sided_rungs
from derivkit.methods.auto.lepski import SELECTION
from derivkit.methods.auto.moves import first_radius
from derivkit.methods.byproduct import Byproduct
from derivkit.methods.fit.window import Verdict, judge_scaled
from derivkit.methods.protocol import Estimate, Line

__all__ = ["Bundle"]

Floats = NDArray[np.float64]

PLACES = [np.append(0.0, two_sided(2.0**phase, 0.0)) for phase in range(PHASES)]
"""x0 and a two-sided ladder of each kind, in the order in which they are asked for."""

ASCENDING = np.argsort(PLACES[0])
UNITS = [tuple((places[ASCENDING] / places.max()).tolist()) for places in PLACES]
"""The same in ascending order and scaled to 1, by phase."""


class Bundle:
    """The first ladders of many lines, in groups that are the same but for their scale."""

    def __init__(self, lines: Sequence[Line], order: int, goal: Goal) -> None:
        origins = np.array([line.origin for line in lines])
        radii = np.array([line.scale for line in lines]) * first_radius(order)
        rungs, phases, exact = two_sided_rungs(radii, origins)
        room = np.array([min(-line.lower, line.upper) for line in lines])
        spare = np.array([np.inf if line.budget is None else line.budget for line in lines])
        self._alike = exact & (room >= radii) & (spare >= rungs.shape[1])
        self._ladders = np.column_stack([np.zeros(len(lines)), rungs])
        groups = [_Group(UNITS[n], self._ladders, origins, order, goal) for n in range(PHASES)]
        self._groups: list[_Group] = [groups[phase] for phase in phases.tolist()]

    def ladder(self, k: int) -> Floats | None:
        """Return x0 and the first ladder of line k; None if it is not like the others'."""
        return self._ladders[k] if self._alike[k] else None

    def leave(self, k: int, values: Floats) -> bool:
        """Take the values of line k, unless f is undefined somewhere."""
        return self._groups[k].leave(k, values)

    def estimate(self, k: int) -> Estimate | None:
        """Return the answer for line k; None if its first ladder does not settle it."""
        return self._groups[k].estimate(k)


class _Group:
    """Lines whose first ladders are the same but for their scale."""

    def __init__(
        self, unit: tuple[float, ...], ladders: Floats, origins: Floats, order: int, goal: Goal
    ) -> None:
        self._unit = unit
        self._ladders = ladders
        self._radii = ladders[:, 1]
        self._origins = origins
        self._order = order
        self._goal = goal
        self._values: dict[int, Floats] = {}
        self._columns: dict[int, slice] = {}
        self._verdict: Verdict | None = None
        self._content: NDArray[np.bool_] = np.empty(0, dtype=bool)
        self._second: Verdict | None = None

    def leave(self, k: int, values: Floats) -> bool:
        if not np.isfinite(values).all():
            return False
        self._values[k] = values
        return True

    def estimate(self, k: int) -> Estimate | None:
        v = self._judged()
        columns = self._columns[k]
        if not self._content[columns].all():
            return None
        radius, error = float(self._radii[k]), v.error[columns] * (1 + SELECTION)
        return Estimate(
            v.value[columns],
            error,
            step=radius,
            noise=v.sigma[columns],
            reach=radius,
            noise_error=v.noise_part[columns] * (1 + SELECTION),
            finite_bound=error,
            also=Byproduct(2, partial(self.second, k)) if self._order == 1 else {},
        )

    def second(self, k: int) -> tuple[Floats, Floats]:
        """Return the second derivative along line k, from the samples of the first."""
        if self._second is None:
            self._second = self._judge(2)
        v, columns = self._second, self._columns[k]
        return v.value[columns], v.error[columns] * (1 + SELECTION)

    def _judged(self) -> Verdict:
        if self._verdict is None:
            start = 0
            self._values = dict(sorted(self._values.items()))  # not as the workers finished
            for k, values in self._values.items():
                self._columns[k] = slice(start, start + values.shape[1])
                start += values.shape[1]
            self._verdict = self._judge(self._order)
            self._content = content(self._verdict, self._goal, self._order)
        return self._verdict

    def _judge(self, order: int) -> Verdict:
        ks = list(self._values)
        repeats = [values.shape[1] for values in self._values.values()]
        values = np.concatenate(list(self._values.values()), axis=1)[ASCENDING]
        radii, origins = (np.repeat(a[ks], repeats) for a in (self._radii, self._origins))
        # steps were rounded to what x0 + t can hold: values move back to the unit's along the chord
        steps = np.repeat(self._ladders[ks][:, ASCENDING].T, repeats, axis=1)
        chord = (values[-1] - values[0]) / (steps[-1] - steps[0])
        values = values - chord * (steps - np.multiply.outer(np.array(self._unit), radii))
        return judge_scaled(self._unit, radii, values, order, origins)
