"""Lines through x0: a direction becomes a ray for the engine and a line for the method.

Along an axis t is in the units of that parameter. Along any other direction it is in those of
the parameter that moves furthest, so that a step means the same there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.inputs import Problem
from derivkit.engine.rays import AxisRay, ObliqueRay, Ray
from derivkit.methods.protocol import Line

__all__ = ["axis_lines", "oblique_line"]


def axis_lines(
    problem: Problem, share: int | None = None, indices: Sequence[int] | None = None
) -> tuple[list[Ray], list[Line]]:
    """Return the ray and the line of every parameter, or of some; ``share`` is a line's budget."""
    x0 = problem.x0
    table = zip(
        x0.tolist(),
        problem.scale.tolist(),
        problem.scale_given.tolist(),
        problem.lower.tolist(),
        problem.upper.tolist(),
        strict=True,
    )
    rows = list(table)
    chosen = range(problem.p) if indices is None else indices
    rays: list[Ray] = []
    lines: list[Line] = []
    for i in chosen:
        start, scale, given, low, high = rows[i]
        rays.append(AxisRay(x0, i, start, low, high))
        lines.append(Line(scale, low - start, high - start, start, given, share))
    return rays, lines


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
    with np.errstate(over="ignore"):  # a bound that is too far to be met
        first, last = (lower - problem.x0[where]) / v, (upper - problem.x0[where]) / v
    if scale is None:
        scale = float(np.min(problem.scale[where] / np.abs(v)))
    line = Line(
        scale,
        float(np.max(np.minimum(first, last))),
        float(np.min(np.maximum(first, last))),
        0.0,
        bool(problem.scale_given[where].all()),
        share,
    )
    return ObliqueRay(problem.x0, tuple(where), v, lower, upper), line
