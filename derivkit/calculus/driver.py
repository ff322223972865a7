"""The one driver: a problem, directions, a method and an order become estimates.

Every tensor goes through `differentiate_along`; what differs between them is only which
directions they need and how the answers are put together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from derivkit.calculus.inputs import Problem
from derivkit.engine.evaluation import Backend, Evaluation, Memo
from derivkit.engine.rays import AxisRay, Ray
from derivkit.engine.rounds import drive
from derivkit.methods.protocol import BudgetSpentError, Estimate, Line, Method
from derivkit.status import Status

if TYPE_CHECKING:
    from derivkit.engine.model import Output

__all__ = ["Answers", "axis_lines", "differentiate_along"]


@dataclass(frozen=True, slots=True)
class Answers:
    """The estimates of one call, one a line, and what they cost.

    Attributes
    ----------
    estimates : list of Estimate
    shape : tuple of int
        The model's output shape.
    nfev : int
        Model calls made by this call, x0 included.
    nfev_of : list of int
        The same for each line, x0 apart.
    undefined_of : list of int
        How many of them were undefined.
    """

    estimates: list[Estimate]
    shape: tuple[int, ...]
    nfev: int
    nfev_of: list[int]
    undefined_of: list[int]


def axis_lines(problem: Problem, budget: int | None = None) -> tuple[list[Ray], list[Line]]:
    """Return the ray and the line of every parameter."""
    x0, lower, upper = problem.x0, problem.lower.tolist(), problem.upper.tolist()
    starts, scales = x0.tolist(), problem.scale.tolist()
    given = problem.scale_given.tolist()
    share = None if budget is None else max(0, budget - 1) // problem.p
    rays: list[Ray] = [
        AxisRay(x0, i, s, low, high)
        for i, (s, low, high) in enumerate(zip(starts, lower, upper, strict=True))
    ]
    lines = [
        Line(scale, low - s, high - s, s, g, share)
        for scale, low, high, s, g in zip(scales, lower, upper, starts, given, strict=True)
    ]
    return rays, lines


def differentiate_along(
    problem: Problem,
    rays: Sequence[Ray],
    lines: Sequence[Line],
    *,
    method: Method,
    order: int,
    backend: Backend,
    memo: Memo,
    budget: int | None = None,
    check_output: Callable[[Output], None] = lambda _: None,
) -> Answers:
    """Differentiate ``order`` times along every line, all lines' points in common rounds."""
    evaluation = Evaluation(problem.model, rays, backend, memo, problem.names, check_output)
    solvers = [_guarded(method.solve(line, order)) for line in lines]
    estimates = drive(solvers, evaluation, budget=budget, refusal=BudgetSpentError)
    q = int(np.prod(evaluation.shape))
    return Answers(
        [_nothing_known(q) if e is None else e for e in estimates],
        evaluation.shape,
        evaluation.nfev,
        evaluation.nfev_of,
        evaluation.undefined_of,
    )


def _guarded(solver: Any) -> Any:
    """Run a solver; None for one that does not handle a spent budget itself."""
    try:
        return (yield from solver)
    except BudgetSpentError:
        return None


def _nothing_known(q: int) -> Estimate:
    return Estimate(np.full(q, np.nan), np.full(q, np.inf), Status.BUDGET_SPENT)
