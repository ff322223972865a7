r"""Second derivatives in the planes of pairs of directions, from pure ones along their diagonals.

With a step h_a found along each direction a, the line along h_a a + h_b b gives

    h_a**2 H_aa + 2 h_a h_b H_ab + h_b**2 H_bb,

from which H_ab follows in coordinates in which the model varies alike in both. For the default
method such a line takes 4 calls (`methods.informed`), as the cross stencil would; but where the
cross stencil's truncation error is of second order in h, this one's is of fourth.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.axes import Axis, Log, recorded, what_is_known
from derivkit.calculus.inputs import Problem
from derivkit.calculus.lines import axis_lines, oblique_line
from derivkit.calculus.pieces import Answers, Pieces, Stage, only_x0, stacked
from derivkit.engine.rays import Ray
from derivkit.methods.brief import BriefSecond
from derivkit.methods.informed import InformedSecond
from derivkit.methods.protocol import Line, Method, Solver
from derivkit.methods.registry import name_of
from derivkit.status import Status

__all__ = ["Direction", "Pairs", "along_axes", "second_derivatives"]

Direction: TypeAlias = tuple[tuple[int, ...], tuple[float, ...]]
"""Parameters that move, and how far each for t = 1."""

Pairs: TypeAlias = NDArray[np.int64]
"""Pairs of directions, (n, 2)."""

CALLS_OF_A_PAIR = 4
FEW_PAIRS = 15  # so many may take 6 calls each, for two digits more


def along_axes(indices: Sequence[int]) -> list[Direction]:
    """Return the unit vectors of some parameters."""
    return [((i,), (1.0,)) for i in indices]


def second_derivatives(
    problem: Problem,
    method: Method,
    budget: int | None,
    directions: Sequence[Direction],
    pairs: Pairs,
) -> Generator[Stage, Answers, tuple[Pieces, Pieces]]:
    """Return the pure second derivatives (*out, n) and those of the pairs (*out, len(pairs)).

    Stages: the directions themselves (of many, first a few, from which the noise is known for the
    others); one diagonal of every pair; the other diagonal where the first could not be followed
    (a corner of the model's domain).
    """
    share = None if budget is None else _share(budget, len(directions), len(pairs))
    rays, lines = _lines_along(problem, directions, share)
    levels = _short_levels(method, len(pairs), share)
    answers, known = yield from _followed(method, rays, lines, len(pairs))
    pure = stacked(answers)
    planes = _Planes(problem, method, directions, lines, known, pairs, levels)
    every = np.arange(len(pairs))
    mixed = planes.put_together(pure, (yield planes.stage(every, 1.0)), every, 1.0)
    lost = np.flatnonzero(_lost(pure, mixed, pairs))
    if lost.size:
        again = planes.put_together(pure, (yield planes.stage(lost, -1.0)), lost, -1.0)
        mixed = _replaced(mixed, again, lost)
    return pure, mixed


def _followed(
    method: Method, rays: list[Ray], lines: list[Line], pairs: int
) -> Generator[Stage, Answers, tuple[Answers, list[Axis]]]:
    """Follow the directions themselves, and say what they taught."""
    n = len(lines)
    logs: list[Log] = [[] for _ in lines]
    brief = _is_default(method) and pairs > FEW_PAIRS
    first = [0, n // 2] if brief else list(range(n))
    answers = yield _stage(method, rays, lines, logs, first)
    known = {
        i: what_is_known(e, lines[i], logs[i])
        for i, e in zip(first, answers.estimates, strict=True)
    }
    if brief:
        noise = np.max([known[i].noise for i in first], axis=0)
        others = [i for i in range(n) if i not in first]
        more = yield _stage(BriefSecond(noise, method), rays, lines, logs, others)
        known |= {
            i: what_is_known(e, lines[i], logs[i])
            for i, e in zip(others, more.estimates, strict=True)
        }
        answers = _in_order([(first, answers), (others, more)], n)
    return answers, [known[i] for i in range(n)]


def _stage(
    method: Method, rays: list[Ray], lines: list[Line], logs: list[Log], which: list[int]
) -> Stage:
    solvers = [recorded(method.solve(lines[i], 2), logs[i]) for i in which]
    return Stage([rays[i] for i in which], solvers)


def _in_order(parts: list[tuple[list[int], Answers]], n: int) -> Answers:
    """Return the answers of several stages in the order of their lines."""
    place = {i: (answers, k) for which, answers in parts for k, i in enumerate(which)}
    rows = [place[i] for i in range(n)]
    return Answers(
        [answers.estimates[k] for answers, k in rows],
        parts[0][1].shape,
        [answers.nfev_of[k] for answers, k in rows],
        [answers.undefined_of[k] for answers, k in rows],
    )


@dataclass(frozen=True)
class _Planes:
    """The planes of some pairs of directions whose own lines have been followed."""

    problem: Problem
    method: Method
    directions: Sequence[Direction]
    lines: Sequence[Line]
    known: Sequence[Axis]
    pairs: Pairs
    short_levels: int  # steps of the informed method; 0 where it is not to be used

    def stage(self, which: NDArray[np.int64], sign: float) -> Stage:
        """Return the diagonals h_a a + sign h_b b of some of the pairs."""
        rays, solvers = [], []
        for a, b in self.pairs[which].tolist():
            ray, line, unit = self._diagonal(a, b, sign)
            rays.append(ray)
            solvers.append(self._solver(a, b, line, unit))
        return Stage(rays, solvers)

    def put_together(
        self, pure: Pieces, answers: Answers, which: NDArray[np.int64], sign: float
    ) -> Pieces:
        """Solve the formula at the head of the file for H_ab."""
        if not len(which):
            return _empty(pure)
        pieces = stacked(answers)
        a, b = self.pairs[which].T
        steps = np.array([axis.step for axis in self.known])
        units = np.array([self._moves(i, j, sign)[1] for i, j in self.pairs[which].tolist()])
        h_a, h_b = steps[a], sign * steps[b]
        with np.errstate(invalid="ignore"):  # inf of an unresolved entry stays unresolved
            value = pieces.value * units**2 - pure.value[..., a] * h_a**2
            value = (value - pure.value[..., b] * h_b**2) / (2 * h_a * h_b)
            error = pieces.error * units**2 + pure.error[..., a] * h_a**2
            error = (error + pure.error[..., b] * h_b**2) / np.abs(2 * h_a * h_b)
        return replace(pieces, value=value, error=error, status=_worst(pure, pieces, a, b))

    def _moves(self, a: int, b: int, sign: float) -> tuple[dict[int, float], float]:
        """Return how far each parameter moves with both directions' steps, and the most."""
        h_a, h_b = self.known[a].step, sign * self.known[b].step
        v = _sum(self.directions[a], h_a, self.directions[b], h_b)
        return v, max(map(abs, v.values()))

    def _diagonal(self, a: int, b: int, sign: float) -> tuple[Ray, Line, float]:
        """Return the ray, the line, and its t at which both directions moved by their steps."""
        v, unit = self._moves(a, b, sign)
        lengths = [self.lines[k].scale / abs(self.known[k].step) for k in (a, b)]
        weights = [w / unit for w in v.values()]
        ray, line = oblique_line(self.problem, list(v), weights, scale=unit * min(lengths))
        return ray, line, unit

    def _solver(self, a: int, b: int, line: Line, unit: float) -> Solver:
        one, other = self.known[a], self.known[b]
        if line.upper - line.lower == 0:
            return only_x0()
        levels = self.short_levels
        if not levels or one.closed or other.closed:
            return self.method.solve(line, 2)
        beyond = 2 * levels + 2
        return InformedSecond(
            unit,
            np.maximum(one.noise, other.noise),
            one.second + other.second,
            # (d/da + d/db)**n has 2**n terms, each as large as the larger pure one
            2.0**beyond * np.maximum(one.taylor[beyond], other.taylor[beyond]),
            levels,
            self.method,
        ).solve(line, 2)


def _short_levels(method: Method, pairs: int, share: int | None) -> int:
    """Return how many steps a pair gets; 0 where another method than the default was asked for."""
    if not _is_default(method):
        return 0
    return 3 if pairs <= FEW_PAIRS and share is None else 2


def _is_default(method: Method) -> bool:
    """Whether a method adapts to the model by itself, so that others may stand in for it."""
    return name_of(method) == "auto"


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


def _sum(one: Direction, h_one: float, other: Direction, h_other: float) -> dict[int, float]:
    """Return h_one one + h_other other, which are not parallel, without parameters that stay."""
    v: dict[int, float] = {}
    for (indices, weights), h in ((one, h_one), (other, h_other)):
        for i, weight in zip(indices, weights, strict=True):
            v[i] = v.get(i, 0.0) + h * weight
    return {i: w for i, w in v.items() if w}


def _worst(
    pure: Pieces, diagonal: Pieces, a: NDArray[np.int64], b: NDArray[np.int64]
) -> NDArray[np.object_]:
    """Return the status of the diagonal, or of the direction that could not be resolved."""
    status = diagonal.status.copy()
    for end in (a, b):
        status = np.where(np.isfinite(pure.error[..., end]), status, pure.status[..., end])
    return status


def _lost(pure: Pieces, mixed: Pieces, pairs: Pairs) -> NDArray[np.bool_]:
    """Return which pairs are unresolved, though their directions are and calls are left."""
    known = np.isfinite(pure.error)
    tried = mixed.status != Status.BUDGET_SPENT
    lost = ~np.isfinite(mixed.error) & known[..., pairs[:, 0]] & known[..., pairs[:, 1]] & tried
    return lost.reshape(-1, len(pairs)).any(axis=0) if len(pairs) else np.zeros(0, dtype=bool)


def _replaced(mixed: Pieces, again: Pieces, where: NDArray[np.int64]) -> Pieces:
    """Return the pieces with what a second try resolved, and the calls of both."""
    better = again.error < mixed.error[..., where]
    fields: dict[str, Any] = {}
    for name in ("value", "error", "status", "step", "noise"):
        field = np.array(getattr(mixed, name))
        field[..., where] = np.where(better, getattr(again, name), field[..., where])
        fields[name] = field
    for name in ("nfev", "undefined"):
        fields[name] = getattr(mixed, name).copy()
        fields[name][where] += getattr(again, name)
    return replace(mixed, **fields)


def _empty(pure: Pieces) -> Pieces:
    """Return the pieces of no pairs."""
    none = slice(0, 0)
    names = ("value", "error", "status", "step", "noise", "nfev", "undefined", "reach")
    return Pieces(**{name: getattr(pure, name)[..., none] for name in names})
