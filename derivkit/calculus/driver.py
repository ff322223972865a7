"""The one driver: a problem, tensors and a method become results.

`prepare` needs no model: it turns tensors into stages of lines. `run` evaluates the stages and
hands the answers back until every tensor has its pieces. What differs between tensors is only
which lines they ask for and how the answers are put together (`pieces.Tensor`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from derivkit.calculus.automatic import differentiate_whole
from derivkit.calculus.inputs import Problem, check_count, check_workers
from derivkit.calculus.pieces import Answers, Pieces, Stage, Stages, Tensor
from derivkit.calculus.stacklevel import level_of_user
from derivkit.engine.choice import choose_backend
from derivkit.engine.evaluation import Backend, Evaluation
from derivkit.engine.failures import say_what_is_kept
from derivkit.engine.memo import Memo
from derivkit.engine.progress import Show, Watch, watching
from derivkit.engine.rounds import drive
from derivkit.engine.streaming import stream
from derivkit.errors import TracingError, UnresolvedWarning
from derivkit.evaluations import Evaluations
from derivkit.methods.protocol import BudgetSpentError, Estimate
from derivkit.methods.registry import name_of, resolve
from derivkit.result import DerivativeResult
from derivkit.status import Status

__all__ = ["Plan", "prepare", "run", "run_together"]


@dataclass
class Plan:
    """Tensors of one problem on their way: the stages still to come, the pieces already there.

    Attributes
    ----------
    problem : Problem
    tensors : sequence of Tensor
    method : str
        Its name.
    stage : Stage or None
        What is to be evaluated next, for all tensors together; None when all are done.
    """

    problem: Problem
    tensors: Sequence[Tensor]
    method: str
    stage: Stage | None
    _running: dict[int, Stages]
    _sizes: dict[int, int]
    _pieces: dict[int, Pieces]

    def check_output(self, output: Any) -> None:
        """Raise if the model's output is not of the kind the tensors are for."""
        for tensor in self.tensors:
            tensor.check_output(output)

    def advance(self, answers: Answers | None = None) -> None:
        """Hand each tensor its share of the answers, and gather the next stage."""
        stages = {}
        start = 0
        for k, running in list(self._running.items()):
            share = None
            if answers is not None:
                share = _between(answers, start, start + self._sizes[k])
                start += self._sizes[k]
            try:
                stages[k] = next(running) if share is None else running.send(share)
            except StopIteration as stop:
                self._pieces[k] = stop.value
                del self._running[k]
        self._sizes = {k: len(stage.rays) for k, stage in stages.items()}
        self.stage = _joined(list(stages.values())) if stages else None

    def results(self, nfev: int) -> list[DerivativeResult]:
        """Return one result a tensor, and warn if an entry could not be resolved."""
        found = [
            _result(self, tensor, self._pieces[k], nfev) for k, tensor in enumerate(self.tensors)
        ]
        for result in found:
            if not result.success:
                warnings.warn(result.message, UnresolvedWarning, stacklevel=level_of_user())
        return found


def prepare(
    problem: Problem, tensors: Sequence[Tensor], method: Any, budget: int | None = None
) -> Plan:
    """Return a plan at its first stage; ``budget`` is the most model calls, x0 included."""
    share = None if budget is None else budget - 1
    running = {k: t.stages(problem, method, share) for k, t in enumerate(tensors)}
    plan = Plan(problem, tensors, name_of(method), None, running, {}, {})
    plan.advance()
    return plan


def run(
    problem: Problem, memo: Memo, tensor: Tensor, method: Any = None, **keywords: Any
) -> DerivativeResult:
    """Return the result for one tensor; keywords as for `run_together`."""
    return run_together(problem, memo, (tensor,), method, **keywords)[0]


def run_together(
    problem: Problem,
    memo: Memo,
    tensors: Sequence[Tensor],
    method: Any = None,
    *,
    n_workers: int | None = None,
    max_evaluations: int | None = None,
    progress: bool | Show | None = None,
    **options: Any,
) -> list[DerivativeResult]:
    """Return a result for each tensor; all their points go into common rounds.

    Parameters
    ----------
    problem : Problem
    memo : Memo
        The kit's finished evaluations.
    tensors : sequence of Tensor
    method : str, method value or None
    n_workers, max_evaluations, progress
        As in `CalculusKit.gradient`.
    **options
        The method's.
    """
    chosen = resolve(method, options)
    budget = None if max_evaluations is None else check_count("max_evaluations", max_evaluations)
    whole = hasattr(chosen, "value_and_derivatives")  # a WholeMethod; isinstance takes 10 us
    if whole and all(tensor.order for tensor in tensors):
        fallback = getattr(chosen, "fallback", None)
        try:
            return differentiate_whole(problem, tensors, chosen, budget)
        except TracingError:
            if fallback is None:
                raise
        chosen = resolve(fallback, {})
    backend = choose_backend(problem.model, check_workers(n_workers), problem.execution)
    plan = prepare(problem, tensors, chosen, budget)
    nfev = 0
    try:
        with watching(progress, ", ".join(type(t).__name__.lower() for t in tensors)) as watch:
            while plan.stage is not None:
                left = None if budget is None else budget - nfev
                answers, calls = _evaluated(plan, plan.stage, backend, memo, left, watch)
                nfev += calls
                plan.advance(answers)
    except KeyboardInterrupt as interrupt:
        say_what_is_kept(interrupt, len(memo), memo.where)
        raise
    evaluations = Evaluations(memo, problem.names, problem.x0, memo.seconds)
    return [replace(result, evaluations=evaluations) for result in plan.results(nfev)]


def _evaluated(
    plan: Plan,
    stage: Stage,
    backend: Backend,
    memo: Memo,
    budget: int | None,
    watch: Watch | None,
) -> tuple[Answers, int]:
    """Follow all lines of a stage in common rounds; also return the model calls made."""
    problem = plan.problem
    evaluation = Evaluation(
        problem.model, stage.rays, backend, memo, problem.names, plan.check_output, watch
    )
    solvers = [_guarded(solver) for solver in stage.solvers]
    if budget is None and evaluation.workers:
        likely = stage.likely if problem.execution.speculate else None
        estimates = stream(solvers, evaluation, likely)
    else:
        left = None if budget is None else budget - evaluation.cost_of_x0
        estimates = drive(solvers, evaluation, budget=left, refusal=BudgetSpentError)
    shape = evaluation.shape
    q = int(np.prod(shape))
    known = [_nothing_known(q) if _has_seen_nothing(e, q) else e for e in estimates]
    return Answers(known, shape, evaluation.nfev_of, evaluation.undefined_of), evaluation.nfev


def _guarded(solver: Any) -> Any:
    """Run a solver; None for one that does not handle a spent budget itself."""
    try:
        return (yield from solver)
    except BudgetSpentError:
        return None


def _has_seen_nothing(estimate: Estimate | None, q: int) -> bool:
    """Whether a line's budget did not even tell it how many outputs there are."""
    return estimate is None or (
        estimate.value.size != q and not np.any(np.isfinite(estimate.value))
    )


def _nothing_known(q: int) -> Estimate:
    return Estimate(np.full(q, np.nan), np.full(q, np.inf), Status.BUDGET_SPENT)


def _between(answers: Answers, start: int, stop: int) -> Answers:
    return Answers(
        answers.estimates[start:stop],
        answers.shape,
        answers.nfev_of[start:stop],
        answers.undefined_of[start:stop],
    )


def _joined(stages: list[Stage]) -> Stage:
    if len(stages) == 1:
        return stages[0]
    likely = [partial(stage.likely, k) for stage in stages for k in range(len(stage.rays))]
    return Stage(
        [ray for stage in stages for ray in stage.rays],
        [solver for stage in stages for solver in stage.solvers],
        lambda k: likely[k](),
    )


def _result(plan: Plan, tensor: Tensor, pieces: Pieces, nfev: int) -> DerivativeResult:
    problem = plan.problem
    about = {"names": problem.names, "x0": problem.x0, "labels": problem.labels}
    build: Callable[..., DerivativeResult] = getattr(tensor, "build", DerivativeResult)
    return build(
        value=pieces.value + 0.0,  # no -0
        error=pieces.error,
        status=pieces.status,
        method=plan.method,
        order=tensor.order,
        nfev=nfev,
        nfev_per_parameter=pieces.nfev,
        step=pieces.step,
        noise=pieces.noise,
        reach=pieces.reach,
        undefined=pieces.undefined,
        **(about | pieces.extra),
    )
