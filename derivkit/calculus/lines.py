"""Lines through x0: a direction becomes a ray for the engine and a line for the method.

Along an axis t is in the units of that parameter. Along any other direction it is in those of
the parameter that moves furthest, so that a step means the same there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.assembly import Stage, followed
from derivkit.calculus.problem import Problem
from derivkit.engine.blocks import RayTable
from derivkit.engine.points import ObliqueRay, Ray
from derivkit.methods.protocol import Line, Method

__all__ = ["axes_followed", "axis_lines", "oblique_line", "oblique_lines"]


def axis_lines(
    problem: Problem, share: int | None = None, indices: Sequence[int] | None = None
) -> tuple[RayTable, list[Line]]:
    """Return the ray and the line of every parameter, or of some; ``share`` is a line's budget."""
    moving = np.array(problem.free if indices is None else indices, dtype=np.int64)[:, None]
    start, scale, lower, upper = (
        a.take(moving) for a in (problem.x0, problem.scale, problem.lower, problem.upper)
    )
    rows = zip(
        *(a.ravel().tolist() for a in (scale, lower - start, upper - start, start)),
        problem.scale_given[moving[:, 0]].tolist(),
        *(
            [None] * len(moving) if own is None else [own[i] for i in moving[:, 0].tolist()]
            for own in (problem.steps, problem.begins)
        ),
        strict=True,
    )
    rays = RayTable(problem.x0, moving, start, np.ones(start.shape), lower, upper)
    return rays, [
        Line(scale, low, high, x, given, share, step, begin, eager=problem.execution.eager)
        for scale, low, high, x, given, step, begin in rows
    ]


def axes_followed(
    problem: Problem,
    method: Method,
    budget: int | None,
    order: int,
    indices: Sequence[int] | None = None,
) -> Stage:
    """Return the stage that has a method follow all axes, or some, each with its share."""
    moving = problem.free if indices is None else indices
    share = None if budget is None else budget // max(1, len(moving))
    return followed(*axis_lines(problem, share, moving), method, order)


def oblique_line(
    problem: Problem,
    indices: Sequence[int],
    weights: Sequence[float] | NDArray[Any],
    *,
    scale: float | None = None,
    share: int | None = None,
) -> tuple[Ray, Line]:
    """Return the ray and the line x0 + t v, where v has the given weights at the indices.

    ``scale`` is the length in t over which the model is expected to vary; by default that of the
    parameter which reaches its own scale first.
    """
    where = list(indices)
    v = np.asarray(weights, dtype=float)
    lower, upper = problem.lower[where], problem.upper[where]
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        # a bound that is too far to be met; a direction of 0, along which there is none
        first, last = (lower - problem.x0[where]) / v, (upper - problem.x0[where]) / v
    first, last = np.where(v == 0, -np.inf, first), np.where(v == 0, np.inf, last)
    if scale is None:
        scale = float(np.min(problem.scale[where] / np.abs(v)))
    line = Line(
        scale,
        float(np.max(np.minimum(first, last))),
        float(np.min(np.maximum(first, last))),
        0.0,
        bool(problem.scale_given[where].all()),
        share,
        _first(problem.steps, where, v),
        _first(problem.begins, where, v),
    )
    return ObliqueRay(problem.x0, tuple(where), v, lower, upper), line


def oblique_lines(
    problem: Problem,
    indices: NDArray[np.int64],
    weights: NDArray[np.float64],
    scales: NDArray[np.float64],
) -> tuple[RayTable, list[Line]]:
    """Return `oblique_line` for each row of indices and weights (n, k), all of them at once."""
    x0, lower, upper = (a[indices] for a in (problem.x0, problem.lower, problem.upper))
    with np.errstate(over="ignore"):  # a bound that is too far to be met
        first, last = (lower - x0) / weights, (upper - x0) / weights
    steps, begins = (
        [None] * len(indices)
        if own is None
        else [_first(own, *row) for row in zip(indices.tolist(), weights, strict=True)]
        for own in (problem.steps, problem.begins)
    )
    rows = zip(
        scales.tolist(),
        np.max(np.minimum(first, last), axis=1).tolist(),
        np.min(np.maximum(first, last), axis=1).tolist(),
        np.all(problem.scale_given[indices], axis=1).tolist(),
        steps,
        begins,
        strict=True,
    )
    lines = [
        Line(scale, low, high, 0.0, given, None, step, begin)
        for scale, low, high, given, step, begin in rows
    ]
    return RayTable(problem.x0, indices, x0, weights, lower, upper), lines


def _first(
    own: Sequence[float | None] | None, where: Sequence[int], v: NDArray[np.float64]
) -> float | None:
    """Return the t at which the first parameter has moved by its own length; None without any."""
    lengths = [] if own is None else [own[i] for i in where]
    ts = (h / abs(w) for h, w in zip(lengths, v, strict=False) if h is not None and w != 0)
    return min(ts, default=None)
