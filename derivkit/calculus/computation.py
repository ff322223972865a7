"""Tensors of one problem being computed: stages of lines, then their parts, then results.

Nothing here calls a model: the driver, or a plan, hands in the answers to each stage.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from derivkit.calculus.assembly import (
    Stage,
    StageResults,
    Stages,
    Tensor,
    TensorParts,
    with_complex,
)
from derivkit.calculus.own_error import one_an_output, with_own_error
from derivkit.calculus.problem import Problem
from derivkit.engine.evaluation import layout
from derivkit.engine.failures import Raised
from derivkit.engine.trees import Tree
from derivkit.errors import UnresolvedWarning, level_of_user
from derivkit.methods.registry import name_of
from derivkit.results.evaluations import Evaluations
from derivkit.results.result import DerivativeResult
from derivkit.status import Status

__all__ = ["Computation", "prepare"]


@dataclass
class Computation:
    """Tensors of one problem being computed: the stages still to come, the parts already there.

    Attributes
    ----------
    problem : Problem
    tensors : sequence of Tensor
    method : str
        Its name.
    stage : Stage or None
        What is to be evaluated next, for all tensors together; None when all are done.
    outputs : Tree or None
        The structure of the model's output; None for a bare number or array.
    aux : object
        What the model returned beside its output at x0.
    raised : tuple of Raised
        What it raised where it was undefined.
    """

    problem: Problem
    tensors: Sequence[Tensor]
    method: str
    stage: Stage | None
    _running: dict[int, Stages]
    _sizes: dict[int, int]
    _parts: dict[int, TensorParts]
    outputs: Tree | None = None
    aux: Any = None
    raised: tuple[Raised, ...] = ()

    def check_output(self, output: Any) -> None:
        """Raise if the model's output is not of the kind the tensors, or its accuracy, are for."""
        for tensor in self.tensors:
            tensor.check_output(output)
        if self.problem.accuracy is not None:
            one_an_output(self.problem.accuracy, *layout(output))

    def advance(self, answers: StageResults | None = None) -> None:
        """Hand each tensor its share of the answers, and gather the next stage."""
        stages = {}
        start = 0
        for k, running in list(self._running.items()):
            share = answers
            if answers is not None and len(self._sizes) > 1:
                share = answers.of(range(start, start + self._sizes[k]))
                start += self._sizes[k]
            try:
                stages[k] = next(running) if share is None else running.send(share)
            except StopIteration as stop:
                self._parts[k] = stop.value
                del self._running[k]
        self._sizes = {k: len(stage.rays) for k, stage in stages.items()}
        self.stage = _joined(list(stages.values())) if stages else None

    def results(self, nfev: int, evaluations: Evaluations) -> list[DerivativeResult]:
        """Return one result a tensor, and warn if an entry could not be resolved."""
        found = [
            _result(self, tensor, self._parts[k], nfev, evaluations)
            for k, tensor in enumerate(self.tensors)
        ]
        for result in found:
            if not result.success:
                warnings.warn(result.message, UnresolvedWarning, stacklevel=level_of_user())
        return found


def prepare(
    problem: Problem, tensors: Sequence[Tensor], method: Any, budget: int | None = None
) -> Computation:
    """Return the computation at its first stage; ``budget``: most model calls, x0 included."""
    share = None if budget is None else budget - 1
    running = {k: t.stages(problem, method, share) for k, t in enumerate(tensors)}
    plan = Computation(problem, tensors, name_of(method), None, running, {}, {})
    plan.advance()
    return plan


def _joined(stages: list[Stage]) -> Stage:
    if len(stages) == 1:
        return stages[0]
    likely = [partial(stage.likely, k) for stage in stages for k in range(len(stage.rays))]
    return Stage(
        [ray for stage in stages for ray in stage.rays],
        [solver for stage in stages for solver in stage.solvers],
        lambda k: likely[k](),
        order=[n for s in stages for n in np.broadcast_to(s.order, len(s.rays)).tolist()],
    )


def _result(
    plan: Computation, tensor: Tensor, parts: TensorParts, nfev: int, evaluations: Evaluations
) -> DerivativeResult:
    problem = plan.problem
    if plan.outputs is not None and plan.outputs.is_complex:
        parts = with_complex(parts, plan.outputs)
    shown = list(range(problem.p)) if problem.shown is None else list(problem.shown)
    if len(problem.free) < len(shown) and parts.nfev.ndim:
        parts = parts.spread([shown.index(i) for i in problem.free], len(shown))
    parts = _within_floats(with_own_error(parts))
    about: dict[str, Any] = {
        "names": problem.labels.names,
        "x0": problem.x0 if problem.shown is None else problem.x0[shown],
        "labels": replace(problem.labels, outputs=plan.outputs),
        "aux": plan.aux,
        "raised": plan.raised,
    }
    if parts.gap is not None:
        about["gap"] = np.abs(parts.gap)
    build: Callable[..., DerivativeResult] = getattr(tensor, "build", DerivativeResult)
    return build(
        value=parts.value + 0.0,  # no -0
        error=parts.error,
        status=parts.status,
        method=plan.method,
        order=tensor.order,
        nfev=nfev,
        nfev_per_parameter=parts.nfev,
        step=parts.step,
        noise=parts.noise,
        noise_error=parts.noise_error,
        finite_bound=parts.finite_bound,
        reach=parts.reach,
        undefined=parts.undefined,
        evaluations=evaluations,
        **(about | parts.extra),
    )


def _within_floats(parts: TensorParts) -> TensorParts:
    """Say that a derivative beyond the range of floats is not known."""
    lost = ~np.isfinite(parts.value) | np.isnan(parts.error)
    if not lost.any():
        return parts
    claimed = (parts.status == Status.CONVERGED) | (parts.status == Status.NOISE_LIMITED)
    status = parts.status.copy()
    status[lost & claimed] = Status.UNRESOLVED
    error = np.where(lost, np.inf, parts.error)
    bound = np.where(lost, np.inf, parts.finite_bound)
    return replace(parts, error=error, finite_bound=bound, status=status)
