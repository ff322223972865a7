"""Every derivative that can be asked for by name: the tensor that it needs of a problem.

The kit, plans, many points at once and the command line all take their derivatives from here.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
from derivkit.engine.names import in_order
from derivkit.engine.trees import flatten
from derivkit.validation import (
    check_count,
    check_direction,
    check_flag,
    check_indices,
    check_known,
    real_numbers,
    shown,
)

__all__ = [
    "OPERATORS",
    "check_order",
    "requested",
]

MOST_DIGITS = 9  # of the entries of a tensor: eight gigabytes
HIGHEST = 60  # order along one direction: beyond, factorials leave the range of floats


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
    order = check_count("order", order, least=0)
    if min(order, 10**6) * math.log10(max(problem.p, 1.3)) > MOST_DIGITS:
        raise ValueError(
            f"`order` must leave a tensor of at most 10^{MOST_DIGITS} entries, got "
            f"{shown(order)} with {problem.p} parameters"
        )
    return HyperHessian(order)


def directional(problem: Problem, v: Any, order: int = 1) -> Tensor:
    """Return the tensor (*out) along v."""
    return Directional(_direction(problem, v), check_order(order))


def check_order(order: Any) -> int:
    """Return the order of a derivative along one direction."""
    if check_count("order", order) > HIGHEST:
        raise ValueError(f"`order` must be at most {HIGHEST}, got {shown(order)}")
    return int(order)


def hvp(problem: Problem, v: Any) -> Tensor:
    """Return the tensor (*out, p) of H v."""
    return HessianVector(_direction(problem, v))


def _direction(problem: Problem, v: Any) -> NDArray[np.float64]:
    """Return a direction (p,), given flat, by name, or as nested as x0."""
    given = in_order("v", v, problem.given_names, 0.0)
    if given is v and problem.labels.parameters is not None:
        given, _ = flatten(v, "v", real_numbers)
    return check_direction("v", given, problem.p)


def mixed(problem: Problem, indices: Sequence[int | str] = ()) -> Tensor:
    """Return the tensor (*out) with respect to these parameters in turn."""
    return Mixed(check_indices(indices, problem.given_names))


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
    here = replace(problem, execution=Execution(speculate=speculate))

    def compute(memo: Memo) -> Any:
        several = tensors if isinstance(tensors, tuple) else (tensors,)
        results = run_together(here, memo, several, **call)
        answers = results if what != name else [result.labelled() for result in results]
        return tuple(answers) if isinstance(tensors, tuple) else answers[0]

    return compute
