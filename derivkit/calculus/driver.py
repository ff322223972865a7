"""The one driver: a problem, tensors and a method become results.

`run` takes the stages of a `computation`, has the model called, and hands the answers back until
every tensor has its parts. Tensors differ only in the lines they ask for and in how the answers are
put together (`assembly.Tensor`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.assembly import Stage, StageResults, Tensor
from derivkit.calculus.autodiff import Counted, differentiate_whole
from derivkit.calculus.axis_knowledge import Log, recorded
from derivkit.calculus.computation import Computation, prepare
from derivkit.calculus.own_error import final_samples, gaps, one_an_output, stated_error
from derivkit.calculus.parameters import check_side, check_start
from derivkit.calculus.problem import Problem
from derivkit.engine.backends.choice import choose_backend
from derivkit.engine.evaluation import Evaluation
from derivkit.engine.failures import say_what_is_kept, summed
from derivkit.engine.memo import Memo
from derivkit.engine.model import Backend, Model, close
from derivkit.engine.progress import Show, Watch, check_progress, watching
from derivkit.engine.rounds import drive
from derivkit.engine.streaming import stream
from derivkit.errors import ModelError, TracingError
from derivkit.methods.protocol import BudgetSpentError, Estimate
from derivkit.methods.registry import resolve
from derivkit.results.evaluations import Evaluations
from derivkit.results.result import DerivativeResult
from derivkit.status import Status
from derivkit.validation import check_count, check_workers, is_positive, shown

__all__ = ["RUN_KEYWORDS", "check_run", "run", "run_together"]


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
    max_seconds: float | None = None,
    progress: bool | Show | None = None,
    side: Any = None,
    start: DerivativeResult | None = None,
    compare: Callable[..., Any] | None = None,
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
    n_workers, max_evaluations, progress, side
        As in `CalculusKit.gradient`.
    start : DerivativeResult, optional
        Of the same parameters at a point nearby: steps are looked for from those that it found.
    max_seconds : float, optional
        When they are over no further call is begun, and the best honest answer is returned.
    compare : callable, optional
        Another model of the same outputs, called at the final samples: what its derivatives differ
        by is the result's ``gap``, and part of the error.
    **options
        The method's.
    """
    until = time.monotonic() + _seconds(max_seconds)
    if side is not None:
        problem = problem.one_sided(side)
    if start is not None:
        problem = problem.begun_at(start)
    chosen = resolve(method, options)
    problem = problem.with_steps_of(chosen)
    budget = None if max_evaluations is None else check_count("max_evaluations", max_evaluations)
    other = None if compare is None else _another(problem, tensors, memo, compare)

    def along_lines(method: Any, nfev: int) -> list[DerivativeResult]:
        backend = choose_backend(problem.model, check_workers(n_workers), problem.execution)
        calls = _Calls(backend, memo, other, until, budget, nfev)
        return _along_lines(problem, tensors, method, calls, progress)

    if not hasattr(chosen, "value_and_derivatives"):  # a WholeMethod; isinstance takes 10 us
        return along_lines(chosen, 0)
    _must_suit_whole_methods(problem, other)
    if not any(tensor.order for tensor in tensors):
        return along_lines(chosen, 0)
    fallback, counted = getattr(chosen, "fallback", None), Counted(problem, budget)
    try:
        return differentiate_whole(counted, tensors, chosen)
    except TracingError:
        if fallback is None or counted.spent:
            raise
    return along_lines(resolve(fallback, {}), counted.calls)


def _along_lines(
    problem: Problem,
    tensors: Sequence[Tensor],
    method: Any,
    calls: _Calls,
    progress: bool | Show | None,
) -> list[DerivativeResult]:
    """Evaluate stage by stage what a method asks for along lines."""
    memo = calls.memo
    had = memo.reused()
    plan = prepare(problem, tensors, method, calls.share)
    try:
        with watching(progress, ", ".join(type(t).__name__.lower() for t in tensors)) as watch:
            while plan.stage is not None:
                plan.advance(_evaluated(plan, plan.stage, calls, watch))
    except KeyboardInterrupt as interrupt:
        say_what_is_kept(interrupt, len(memo), memo.where)
        raise interrupt.with_traceback(None) from None  # what the workers did is of no interest
    finally:
        memo.settle()
        close(calls.backend)
    reused = memo.reused() - had
    made = Evaluations(memo, problem.names, problem.x0, memo.seconds, reused, memo.where)
    return plan.results(calls.nfev, made)


def _must_suit_whole_methods(problem: Problem, other: _Other | None) -> None:
    """Raise a TypeError for what needs the samples of lines, which automatic ones do not have."""
    if other or problem.accuracy is not None:
        raise TypeError("`compare` and `accuracy` need a numerical method, such as 'auto'")
    if problem.coordinates:
        raise TypeError("`transform` needs a numerical method, such as 'auto'")


RUN_KEYWORDS = [
    name for name, p in signature(run_together).parameters.items() if p.kind == p.KEYWORD_ONLY
]
"""Keywords of a run, beside those of the problem and the method's options."""


def check_run(method: Any, keywords: Mapping[str, Any]) -> None:
    """Check a method, its options and the keywords of runs that come later, maybe in hours."""
    run = {name: keywords[name] for name in RUN_KEYWORDS if keywords.get(name) is not None}
    resolve(method, {name: each for name, each in keywords.items() if name not in RUN_KEYWORDS})
    checks: dict[str, Callable[[Any], Any]] = {
        "n_workers": check_workers,
        "max_evaluations": partial(check_count, "max_evaluations"),
        "max_seconds": _seconds,
        "progress": check_progress,
        "side": check_side,
        "start": check_start,
        "compare": _checked_model,
    }
    for name, value in run.items():
        checks[name](value)


def _checked_model(compare: Any) -> Callable[..., Any]:
    if not callable(compare):
        raise TypeError(f"`compare` must be a function like the model, got {shown(compare)}")
    return compare  # type: ignore[no-any-return]


def _seconds(max_seconds: Any) -> float:
    if max_seconds is None:
        return math.inf
    if not is_positive(max_seconds):
        raise ValueError(f"`max_seconds` must be a positive number, got {shown(max_seconds)}")
    return float(max_seconds)


@dataclass(frozen=True)
class _Other:
    """Another model of the same outputs, and its finished evaluations."""

    model: Model
    memo: Memo


def _another(problem: Problem, tensors: Sequence[Tensor], memo: Memo, compare: Any) -> _Other:
    function = _checked_model(compare)
    if any(hasattr(tensor, "pattern") for tensor in tensors):
        raise ValueError("`compare` must be None with `sparsity`: compare the whole Jacobian")
    model = replace(problem.model, function=problem.as_called(function))
    return _Other(model, memo.beside(model.function, function))


@dataclass
class _Calls:
    """Where the model of one computation is called, how often it may be, and how often it was.

    Attributes
    ----------
    backend : Backend
    memo : Memo
    other : _Other or None
        The model to compare with, which shares the budget.
    until : float
        When no further call is begun, in the time of `time.monotonic`.
    budget : int or None
    nfev : int
        Calls made so far.
    """

    backend: Backend
    memo: Memo
    other: _Other | None
    until: float
    budget: int | None
    nfev: int

    @property
    def left(self) -> int | None:
        """How many calls are left."""
        return None if self.budget is None else self.budget - self.nfev

    @property
    def share(self) -> int | None:
        """How many of those the model itself may have: another needs no more than it."""
        left = self.left
        return left if left is None or self.other is None else (left + 1) // 2


def _evaluated(plan: Computation, stage: Stage, calls: _Calls, watch: Watch | None) -> StageResults:
    """Follow all lines of a stage in common rounds."""
    problem, other = plan.problem, calls.other

    def evaluation_of(model: Model, memo: Memo) -> Evaluation:
        return Evaluation(
            model,
            stage.rays,
            calls.backend,
            memo,
            problem.names,
            plan.check_output,
            watch,
            problem.period,
            calls.until,
            lenient=stage.starts_may_be_undefined,
        )

    evaluation = evaluation_of(problem.model, calls.memo)
    own_error = other is not None or problem.accuracy is not None
    logs: list[Log] = [[] for _ in stage.solvers] if own_error else []
    solvers = stage.solvers
    if own_error:
        solvers = [recorded(solver, log) for solver, log in zip(solvers, logs, strict=True)]
    likely = stage.likely if problem.execution.speculate else None
    known = _known(stage, evaluation, _followed(solvers, evaluation, likely, calls))
    calls.nfev += evaluation.nfev
    plan.outputs, plan.aux = evaluation.tree, evaluation.aux
    plan.raised = summed((*plan.raised, *evaluation.raised))
    found = StageResults(known, evaluation.shape, evaluation.nfev_of, evaluation.undefined_of)
    if not own_error:
        return found
    orders = np.broadcast_to(np.array(stage.order), len(logs)).tolist()
    samples = [final_samples(*each) for each in zip(logs, known, orders, strict=True)]
    if problem.accuracy is not None:
        accuracy = one_an_output(problem.accuracy, evaluation.tree, evaluation.shape)
        found = replace(found, stated=[stated_error(each, accuracy) for each in samples])
    if other is None:
        return found
    beside = evaluation_of(other.model, other.memo)
    try:
        gap = gaps(beside, samples, evaluation.shape, plan.outputs, calls.left)
    except (ModelError, TypeError) as error:
        error.add_note("this is the model that was given to `compare`")
        raise
    calls.nfev += beside.nfev
    nfev_of = [a + b for a, b in zip(found.nfev_of, beside.nfev_of, strict=True)]
    return replace(found, gap=gap, nfev_of=nfev_of)


def _followed(solvers: list[Any], evaluation: Evaluation, likely: Any, calls: _Calls) -> list[Any]:
    """Drive all solvers to their estimates or None, in rounds where there is a budget."""
    budget = calls.share
    if budget is None and evaluation.workers:
        return stream(solvers, evaluation, likely, refusal=BudgetSpentError)
    left = None if budget is None else budget - evaluation.cost_of_x0
    estimates = drive(solvers, evaluation, budget=left, refusal=BudgetSpentError)
    if evaluation.left_out:
        calls.memo.incomplete()
    return estimates


def _known(stage: Stage, evaluation: Evaluation, estimates: list[Any]) -> list[Estimate]:
    """Return the estimates, with nothing known where a line saw nothing or begins undefined."""
    q = math.prod(evaluation.shape)
    known = [_nothing_known(q) if e is None or _has_seen_nothing(e, q) else e for e in estimates]
    starts = evaluation.undefined_starts
    for k in [k for k, ray in enumerate(stage.rays) if ray.key(0.0) in starts] if starts else ():
        known[k] = _nothing_known(q, Status.UNDEFINED)
    if evaluation.periods is not None:
        known = [_without_turned(each, evaluation.periods) for each in known]
    return known


def _without_turned(estimate: Estimate, periods: NDArray[np.float64]) -> Estimate:
    """Say that nothing is known of outputs whose noise is above an eighth of their period.

    Four standard deviations reach half a period, where an output goes by another turn; and steps
    that turn an output by more scatter it over its period, whose standard deviation is 0.29.
    """
    turned = np.asarray(estimate.noise) > periods / 8
    if not turned.any():
        return estimate
    claimed = {Status.CONVERGED, Status.NOISE_LIMITED}
    return replace(
        estimate,
        error=np.where(turned, np.inf, estimate.error),
        finite_bound=np.where(turned, np.inf, estimate.finite_bound),
        status=[
            Status.UNRESOLVED if lost and status in claimed else status
            for lost, status in zip(turned, estimate.statuses(), strict=True)
        ],
        also={
            order: (value, np.where(turned, np.inf, error))
            for order, (value, error) in estimate.also.items()
        },
    )


def _has_seen_nothing(estimate: Estimate, q: int) -> bool:
    """Whether a line's budget did not even tell it how many outputs there are."""
    return estimate.value.size != q and not np.any(np.isfinite(estimate.value))


def _nothing_known(q: int, status: Status = Status.BUDGET_SPENT) -> Estimate:
    return Estimate(np.full(q, np.nan), np.full(q, np.inf), status)
