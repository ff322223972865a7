r"""Second derivatives in the planes of pairs of directions, from pure ones along their diagonals.

With a step h_a found along each direction a, the line along h_a a + h_b b gives

    h_a**2 H_aa + 2 h_a h_b H_ab + h_b**2 H_bb,

from which H_ab follows in coordinates in which the model varies alike in both. For the default
method such a line takes 4 calls (`methods.auto.informed`), as the cross stencil would; but where
the cross stencil's truncation error is of second order in h, this one's is of fourth. In noise it
follows h_a a - h_b b as well (`methods.auto.crossed`): the two differ by 4 h_a h_b H_ab.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.assembly import Stage, StageResults, TensorParts, only_x0, stacked, sum_of
from derivkit.calculus.axis_knowledge import Axis, Log, recorded, what_is_known
from derivkit.calculus.lines import axis_lines, oblique_line, oblique_lines
from derivkit.calculus.problem import Problem
from derivkit.engine.points import Ray
from derivkit.methods.protocol import Line, Method, OffersSeconds, Solver
from derivkit.status import Status

__all__ = ["Direction", "Pairs", "along_axes", "second_derivatives"]

Direction: TypeAlias = tuple[tuple[int, ...], tuple[float, ...]]
"""Parameters that move, and how far each for t = 1."""

Pairs: TypeAlias = NDArray[np.int64]
"""Pairs of directions, (n, 2)."""

CALLS_OF_A_PAIR = 4
FEW_PAIRS = 28  # up to this number, of eight parameters, a pair may take 6 calls, for a digit more


def along_axes(indices: Sequence[int]) -> list[Direction]:
    """Return the unit vectors of some parameters."""
    return [((i,), (1.0,)) for i in indices]


def second_derivatives(
    problem: Problem,
    method: Method,
    budget: int | None,
    directions: Sequence[Direction],
    pairs: Pairs,
) -> Generator[Stage, StageResults, tuple[TensorParts, TensorParts]]:
    """Return the pure second derivatives (*out, n) and those of the pairs (*out, len(pairs)).

    Stages: the directions themselves (of many, first a few, from which the noise is known for the
    others); one diagonal of every pair, both where the model is noisy; the other diagonal where the
    first could not be followed (a corner of the model's domain).
    """
    share = None if budget is None else _share(budget, len(directions), len(pairs))
    rays, lines = _lines_along(problem, directions, share)
    levels = 3 if len(pairs) <= FEW_PAIRS and share is None else 2
    answers, known = yield from _followed(method, rays, lines, len(pairs))
    pure = stacked(answers)
    planes = _Planes(problem, method, directions, lines, known, pairs, levels)
    if not len(pairs):
        return pure, pure.take(slice(0, 0))
    mixed = yield from planes.mixed(pure, both=planes.noisy & (share is None))
    return pure, mixed


def _followed(
    method: Method, rays: list[Ray], lines: list[Line], pairs: int
) -> Generator[Stage, StageResults, tuple[StageResults, list[Axis]]]:
    """Follow the directions themselves, and say what they taught."""
    n = len(lines)
    logs: list[Log] = [[] for _ in lines]
    brief = isinstance(method, OffersSeconds) and pairs > FEW_PAIRS
    first = [0, n // 2] if brief else list(range(n))
    answers = yield _stage(method, rays, lines, logs, first)
    known = {
        i: what_is_known(e, lines[i], logs[i])
        for i, e in zip(first, answers.estimates, strict=True)
    }
    if brief and isinstance(method, OffersSeconds):
        noise = np.max([known[i].noise for i in first], axis=0)
        others = [i for i in range(n) if i not in first]
        more = yield _stage(method.brief_second(noise), rays, lines, logs, others)
        known |= {
            i: what_is_known(e, lines[i], logs[i])
            for i, e in zip(others, more.estimates, strict=True)
        }
        answers = answers.joined(more).of(np.argsort([*first, *others]))
    return answers, [known[i] for i in range(n)]


def _stage(
    method: Method, rays: list[Ray], lines: list[Line], logs: list[Log], which: list[int]
) -> Stage:
    solvers = [recorded(method.solve(lines[i], 2), logs[i]) for i in which]
    return Stage([rays[i] for i in which], solvers, order=2)


@dataclass(frozen=True)
class _Planes:
    """The planes of some pairs of directions whose own lines have been followed."""

    problem: Problem
    method: Method
    directions: Sequence[Direction]
    lines: Sequence[Line]
    known: Sequence[Axis]
    pairs: Pairs
    levels: int  # steps of a line of which enough is known beforehand

    @property
    def noisy(self) -> NDArray[np.bool_]:
        """Of which pairs the model has noise of its own, and both diagonals can be followed."""
        offered = isinstance(self.method, OffersSeconds)
        usable = [offered and axis.noisy.all() and not axis.closed for axis in self.known]
        return np.asarray(np.array(usable, dtype=bool)[self.pairs].all(axis=1))

    def mixed(
        self, pure: TensorParts, both: NDArray[np.bool_]
    ) -> Generator[Stage, StageResults, TensorParts]:
        """Follow ``both`` diagonals of some pairs, one of the others; the other where that fails.

        In noise two diagonals tell several times what one does, without it not even twice as much.
        """
        found = []
        if both.any():
            found.append((yield from self.crossed(np.flatnonzero(both))))
        if not both.all():
            found.append((yield from self.followed(pure, np.flatnonzero(~both), 1.0)))
        mixed = found[0] if len(found) == 1 else found[0].joined(found[1])
        mixed = mixed.take(np.argsort(~both, kind="stable").argsort())
        for sign, again in ((1.0, both), (-1.0, np.ones_like(both))):
            lost = np.flatnonzero(_lost(pure, mixed, self.pairs) & again)
            if lost.size:
                before, new = mixed.take(lost), (yield from self.followed(pure, lost, sign))
                place = np.arange(len(self.pairs))
                place[lost] = len(place) + np.arange(lost.size)
                better = before.where(new.error < before.error, new)
                mixed = mixed.joined(better).take(place)
        return mixed

    def followed(
        self, pure: TensorParts, which: NDArray[np.int64], sign: float
    ) -> Generator[Stage, StageResults, TensorParts]:
        """Follow the diagonals h_a a + sign h_b b of some pairs; solve for H_ab, see the head."""
        a, b = self.pairs[which].T
        rays, lines, units = self._diagonals(a, b, sign)
        diagonal = stacked((yield Stage(rays, self._solvers(a, b, lines, units), order=2)))
        steps = np.array([axis.step for axis in self.known])
        h_a, h_b = steps[a], sign * steps[b]
        with np.errstate(all="ignore"):  # inf of an unresolved entry stays unresolved
            weighted = [(diagonal, units**2), (pure.take(a), -(h_a**2)), (pure.take(b), -(h_b**2))]
            mixed = sum_of([parts.scaled(w / (2 * h_a * h_b)) for parts, w in weighted])
        return replace(mixed, status=_worst(pure, diagonal, a, b))

    def crossed(self, which: NDArray[np.int64]) -> Generator[Stage, StageResults, TensorParts]:
        """Follow both diagonals of some pairs: what they differ by is 4 h_a h_b H_ab."""
        a, b = self.pairs[which].T
        rays, lines, units = self._diagonals(a, b, 1.0)
        more_rays, more_lines, _ = self._diagonals(a, b, -1.0)
        seconds = cast("OffersSeconds", self.method).informed_seconds
        both, sizes = [*lines, *more_lines], self._sizes(a, b)
        solvers = seconds(both, units, *sizes, self.levels, of_planes=True)
        results, n = (yield Stage([*rays, *more_rays], solvers, order=2)), len(which)
        one, other = stacked(results.of(range(n))), stacked(results.of(range(n, 2 * n)))
        steps = np.array([axis.step for axis in self.known])
        with np.errstate(all="ignore"):  # inf of an unresolved entry stays unresolved
            weight = units**2 / (4 * steps[a] * steps[b])
            mixed = sum_of([one.scaled(weight), other.scaled(-weight)])
        nfev, undefined = one.nfev + other.nfev, one.undefined + other.undefined
        return replace(mixed, nfev=nfev, undefined=undefined)

    def _sizes(
        self, a: NDArray[np.int64], b: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return noise, second derivatives, and the first coefficients left out, at most."""
        beyond = 2 * self.levels + 2
        noise = np.array([axis.noise for axis in self.known])
        second = np.array([axis.second for axis in self.known])
        taylor = np.array([axis.taylor[beyond] for axis in self.known])
        # (d/da + d/db)**n has 2**n terms, each as large as the larger pure one
        largest = 2.0**beyond * np.maximum(taylor[a], taylor[b])
        return np.maximum(noise[a], noise[b]), second[a] + second[b], largest

    def _diagonals(
        self, a: NDArray[np.int64], b: NDArray[np.int64], sign: float
    ) -> tuple[Sequence[Ray], list[Line], NDArray[np.float64]]:
        """Return rays, lines, and the t at which both directions of a line moved by their steps."""
        steps = np.array([axis.step for axis in self.known])
        scales = np.array([line.scale for line in self.lines]) / np.abs(steps)
        lengths = np.minimum(scales[a], scales[b])
        if all(weights == (1.0,) for _, weights in self.directions):
            axes = np.array([indices[0] for indices, _ in self.directions])
            moves = np.column_stack([steps[a], sign * steps[b]])
            units = np.max(np.abs(moves), axis=1)
            weights = moves / units[:, None]
            index = np.column_stack([axes[a], axes[b]])
            return *oblique_lines(self.problem, index, weights, units * lengths), units
        rays, lines, lasts = [], [], []
        for i, j, length in zip(a.tolist(), b.tolist(), lengths.tolist(), strict=True):
            v = _sum(self.directions[i], steps[i], self.directions[j], sign * steps[j])
            # the same for both signs, also where a and b move a parameter both: they are compared
            unit = max(_furthest(self.directions[k]) * abs(steps[k]) for k in (i, j))
            weights = [w / unit for w in v.values()]
            ray, line = oblique_line(self.problem, list(v), weights, scale=unit * length)
            rays.append(ray)
            lines.append(line)
            lasts.append(unit)
        return rays, lines, np.array(lasts)

    def _solvers(
        self,
        a: NDArray[np.int64],
        b: NDArray[np.int64],
        lines: Sequence[Line],
        units: NDArray[np.float64],
    ) -> list[Solver]:
        """Return the solvers of lines in the planes of a and b; most know enough beforehand."""
        solvers = [
            self.method.solve(line, 2) if line.upper > line.lower else only_x0() for line in lines
        ]
        closed = np.array([axis.closed for axis in self.known])
        room = np.array([line.upper > line.lower for line in lines])
        informed = np.flatnonzero(room & ~closed[a] & ~closed[b])
        if not isinstance(self.method, OffersSeconds) or not informed.size:
            return solvers
        a, b = a[informed], b[informed]
        which = informed.tolist()
        together = self.method.informed_seconds(
            [lines[k] for k in which],
            units[informed],
            *self._sizes(a, b),
            self.levels,
        )
        for k, solver in zip(which, together, strict=True):
            solvers[k] = solver
        return solvers


def _share(budget: int, directions: int, pairs: int) -> int:
    """Return a direction's part of a budget that must also do for the pairs."""
    return max(budget - CALLS_OF_A_PAIR * pairs, budget // 3) // directions


def _lines_along(
    problem: Problem, directions: Sequence[Direction], share: int | None
) -> tuple[list[Ray], list[Line]]:
    """Return rays and lines along axes, in their own units, and along other directions."""
    axes = [indices[0] for indices, weights in directions if weights == (1.0,)]
    rays, lines = axis_lines(problem, share, axes)
    axis = iter(zip(rays, lines, strict=True))
    both = [
        next(axis) if weights == (1.0,) else oblique_line(problem, indices, weights, share=share)
        for indices, weights in directions
    ]
    return [ray for ray, _ in both], [line for _, line in both]


def _furthest(direction: Direction) -> float:
    """Return how far the parameter moves for t = 1 that moves furthest."""
    return max(map(abs, direction[1]))


def _sum(one: Direction, h_one: float, other: Direction, h_other: float) -> dict[int, float]:
    """Return h_one one + h_other other, which are not parallel."""
    v: dict[int, float] = {}
    for (indices, weights), h in ((one, h_one), (other, h_other)):
        for i, weight in zip(indices, weights, strict=True):
            v[i] = v.get(i, 0.0) + h * weight
    return v


def _worst(
    pure: TensorParts, diagonal: TensorParts, a: NDArray[np.int64], b: NDArray[np.int64]
) -> NDArray[np.object_]:
    """Return the status of the diagonal, or of the direction that could not be resolved."""
    status = diagonal.status.copy()
    for end in (a, b):
        status = np.where(np.isfinite(pure.error[..., end]), status, pure.status[..., end])
    return status


def _lost(pure: TensorParts, mixed: TensorParts, pairs: Pairs) -> NDArray[np.bool_]:
    """Return which pairs are unresolved, though their directions are and calls are left."""
    known = np.isfinite(pure.error)
    tried = mixed.status != Status.BUDGET_SPENT
    lost = ~np.isfinite(mixed.error) & known[..., pairs[:, 0]] & known[..., pairs[:, 1]] & tried
    return lost.reshape(-1, len(pairs)).any(axis=0) if len(pairs) else np.zeros(0, dtype=bool)
