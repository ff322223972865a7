"""The gradient of a scalar function: p lines, first order."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.driver import Answers, axis_lines, differentiate_along
from derivkit.calculus.inputs import Problem, check_count, check_problem
from derivkit.engine.choice import choose_backend
from derivkit.errors import UnresolvedWarning
from derivkit.methods.registry import name_of, resolve
from derivkit.result import DerivativeResult

if TYPE_CHECKING:
    from derivkit.engine.evaluation import Memo
    from derivkit.engine.model import Output

__all__ = ["build_gradient", "gradient_result"]


def build_gradient(
    function: Callable[..., Any],
    theta0: Any,
    method: Any = None,
    n_workers: int | None = None,
    **options: Any,
) -> NDArray[np.float64]:
    """Return the gradient (p,) of a scalar function at theta0; see `CalculusKit.gradient`."""
    problem = check_problem(function, theta0)
    return gradient_result(problem, {}, method, n_workers=n_workers, **options).value


def gradient_result(
    problem: Problem,
    memo: Memo,
    method: Any = None,
    *,
    n_workers: int | None = None,
    max_evaluations: int | None = None,
    **options: Any,
) -> DerivativeResult:
    """Return the gradient with errors; the one function behind all faces of the gradient."""
    chosen = resolve(method, options)
    budget = None if max_evaluations is None else check_count("max_evaluations", max_evaluations)
    rays, lines = axis_lines(problem, budget)
    answers = differentiate_along(
        problem,
        rays,
        lines,
        method=chosen,
        order=1,
        backend=choose_backend(problem.model, n_workers),
        memo=memo,
        budget=budget,
        check_output=_must_be_scalar,
    )
    return warn_unresolved(_assemble(problem, answers, name_of(chosen), 1))


def _must_be_scalar(output: Output) -> None:
    if np.size(output) != 1:
        raise TypeError(
            f"`function` must return a scalar for a gradient, got an array of shape "
            f"{np.shape(output)}; use jacobian for a vector-valued function"
        )


def _assemble(problem: Problem, answers: Answers, method: str, order: int) -> DerivativeResult:
    estimates = answers.estimates
    diag = [e.also.get(2) for e in estimates]
    whole = all(d is not None for d in diag)
    status = np.empty(len(estimates), dtype=object)
    status[:] = [e.statuses()[0] for e in estimates]
    return DerivativeResult(
        value=np.array([e.value[0] for e in estimates]),
        error=np.array([e.error[0] for e in estimates]),
        status=status,
        names=problem.names,
        x0=problem.x0,
        method=method,
        order=order,
        nfev=answers.nfev,
        nfev_per_parameter=np.array(answers.nfev_of),
        step=np.array([np.ravel(e.step)[0] for e in estimates]),
        noise=np.array([np.ravel(e.noise)[0] for e in estimates]),
        reach=np.array([e.reach for e in estimates]),
        undefined=np.array(answers.undefined_of),
        hessian_diag=np.array([d[0][0] for d in diag if d]) if whole else None,
        hessian_diag_error=np.array([d[1][0] for d in diag if d]) if whole else None,
    )


def warn_unresolved(result: DerivativeResult) -> DerivativeResult:
    """Warn once if an entry's error is inf, and hand the result on."""
    if not result.success:
        warnings.warn(result.message, UnresolvedWarning, stacklevel=4)
    return result
