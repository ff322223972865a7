"""Every derivative that can be asked for by name: the tensor that it needs of a problem.

The kit, plans, many points at once and the command line all take their derivatives from here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from derivkit.calculus.assembly import Tensor
from derivkit.calculus.directional import Directional, HessianVector, Mixed
from derivkit.calculus.driver import run_together
from derivkit.calculus.gradient import Gradient
from derivkit.calculus.hessian import Hessian, HessianDiag, HessianFromGradient
from derivkit.calculus.hyper_hessian import HyperHessian
from derivkit.calculus.jacobian import Jacobian
from derivkit.calculus.problem import Problem
from derivkit.calculus.sparsity import SparseHessian, SparseJacobian, check_sparsity
from derivkit.engine.backends.choice import Execution
from derivkit.engine.memo import Memo
from derivkit.validation import check_flag, check_known

__all__ = [
    "OPERATORS",
    "requested",
]


def gradient(_: Problem) -> Tensor:
    """Return the tensor (p,) of a scalar function."""
    return Gradient()


def jacobian(problem: Problem, sparsity: Any = None) -> Tensor:
    """Return the tensor (*out, p), or only what a pattern holds."""
    if sparsity is None:
        return Jacobian()
    return SparseJacobian(check_sparsity(sparsity, problem.p))


def hessian(problem: Problem, sparsity: Any = None, from_gradient: bool = False) -> Tensor:
    """Return the tensor (*out, p, p), or only what a pattern holds."""
    from_gradient = check_flag("from_gradient", from_gradient)
    if from_gradient and sparsity is not None:
        raise ValueError(
            "`sparsity` must be None with from_gradient=True; use jacobian(sparsity=…)"
        )
    if from_gradient:
        return HessianFromGradient(problem.names)
    if sparsity is None:
        return Hessian()
    return SparseHessian(check_sparsity(sparsity, problem.p, square=True))


def hessian_diag(_: Problem) -> Tensor:
    """Return the tensor (*out, p)."""
    return HessianDiag()


def hyper_hessian(problem: Problem, order: int = 3) -> Tensor:
    """Return the tensor (*out, p, …, p)."""
    return HyperHessian.of(problem, order)


def directional(problem: Problem, v: Any, order: int = 1) -> Tensor:
    """Return the tensor (*out) along v."""
    return Directional.of(problem, v, order)


def hvp(problem: Problem, v: Any) -> Tensor:
    """Return the tensor (*out, p) of H v."""
    return HessianVector.of(problem, v)


def mixed(problem: Problem, indices: Sequence[int | str] = ()) -> Tensor:
    """Return the tensor (*out) with respect to these parameters in turn."""
    return Mixed.of(problem, indices)


def value_gradient_hessian(_: Problem) -> tuple[Tensor, ...]:
    """Return the three tensors, whose points are shared."""
    return HyperHessian(0), Gradient(), Hessian()


OPERATORS: dict[str, Callable[..., Tensor | tuple[Tensor, ...]]] = {
    operator.__name__: operator
    for operator in (
        gradient,
        jacobian,
        hessian,
        hessian_diag,
        hyper_hessian,
        directional,
        hvp,
        mixed,
        value_gradient_hessian,
    )
}
"""By name: takes a problem and what else the derivative needs, returns what `run_together` takes.

A tuple where one call gives several results.
"""


def requested(
    problem: Problem, what: str, arguments: Mapping[str, Any], *, speculate: bool = False
) -> Callable[[Memo], Any]:
    """Return a function of a memo that computes what was asked for by name.

    Values come from the memo's route alone: no pool is started, whatever the problem's `executor`.

    Parameters
    ----------
    problem : Problem
    what : str
        A name in `OPERATORS`, for the values labelled as x0 is; with ``_result`` behind it for
        the whole result.
    arguments : mapping
        Those of the method of `CalculusKit` that bears the name.
    speculate : bool
        Whether the route may be asked for what may be needed later.

    Raises
    ------
    ValueError
        If there is no such derivative, or an argument has a bad value.
    """
    known = [each for name in OPERATORS for each in (name, f"{name}_result")]
    name = check_known("what", what, known).removesuffix("_result")
    if arguments.get("compare") is not None:
        raise TypeError(f"`compare` belongs to a kit's {name}_result, where both models are called")
    takes = inspect.signature(OPERATORS[name]).parameters
    own = {key: value for key, value in arguments.items() if key in takes}
    call = {key: value for key, value in arguments.items() if key not in takes}
    call |= {"n_workers": 1, "progress": None}
    tensors = OPERATORS[name](problem, **own)
    here = replace(problem, execution=Execution(speculate=speculate, eager=True))

    def compute(memo: Memo) -> Any:
        several = tensors if isinstance(tensors, tuple) else (tensors,)
        results = run_together(here, memo, several, **call)
        answers = results if what != name else [result.labelled() for result in results]
        return tuple(answers) if isinstance(tensors, tuple) else answers[0]

    return compute
