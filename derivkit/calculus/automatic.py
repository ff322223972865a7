"""Tensors by automatic differentiation: the one place where a method is given the function itself.

There are no lines and no rounds here: the method returns all derivatives of an order at once. The
error is what rounding does to them (`methods.autodiff.rounding`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.inputs import Problem
from derivkit.calculus.stacklevel import level_of_user
from derivkit.errors import ModelError, TracingError, UnresolvedWarning
from derivkit.methods.autodiff.protocol import Derivatives, WholeMethod
from derivkit.methods.autodiff.rounding import neighbours, rounding_error
from derivkit.methods.registry import name_of
from derivkit.result import DerivativeResult
from derivkit.status import Status

if TYPE_CHECKING:
    from derivkit.calculus.pieces import Tensor

__all__ = ["differentiate_whole"]


def differentiate_whole(
    problem: Problem, tensors: Sequence[Tensor], method: WholeMethod, budget: int | None
) -> list[DerivativeResult]:
    """Return a result for each tensor.

    Raises
    ------
    TracingError
        If the function runs, but cannot be followed.
    ModelError
        If the function raises on its own account, or is undefined at x0.
    """
    results = [_one(problem, tensor, method, budget) for tensor in tensors]
    for result in results:
        if not result.success:
            warnings.warn(result.message, UnresolvedWarning, stacklevel=level_of_user())
    return results


def _one(
    problem: Problem, tensor: Tensor, method: WholeMethod, budget: int | None
) -> DerivativeResult:
    counted = _Counted(problem)
    whole = _at(counted, method, problem.x0, tensor.order)
    _check_value(whole.value, problem, tensor)
    eps = float(np.finfo(whole.value.dtype).eps)
    nearby = list(_nearby(counted, whole.method, tensor, eps, budget))
    value = _own(tensor, whole.tensor)
    return _result(problem, tensor, value, rounding_error(value, nearby, eps), counted, whole)


class _Counted:
    """The user's function: counts its runs, and remembers which exceptions were its own."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.calls = 0
        self.failures: list[Exception] = []

    def __call__(self, x: Any) -> Any:
        model = self.problem.model
        self.calls += 1
        try:
            output = model.function(x[None, :])[0] if model.vectorized else model.function(x)
        except Exception as error:
            self.failures.append(error)
            raise
        if output is None or isinstance(output, (str, bytes, dict)):
            raise TypeError(
                "`function` must return a number or an array of numbers, got "
                f"{type(output).__name__}"
            )
        return output


def _at(counted: _Counted, method: WholeMethod, x: NDArray[Any], order: int) -> Derivatives:
    """Differentiate at x; what the function itself raises there becomes a ModelError."""
    try:
        return method.value_and_derivatives(counted, x.copy(), order)
    except TracingError:
        raise
    except Exception as error:
        if not any(error is own for own in counted.failures):
            raise
        what = f"{type(error).__name__}: {error}"
        raise ModelError(f"the model failed at x0 = {x}: {what}", x=x) from error


def _nearby(
    counted: _Counted, method: WholeMethod, tensor: Tensor, eps: float, budget: int | None
) -> Iterator[NDArray[np.float64]]:
    """Yield the tensor at points beside x0, up to where the function ends or the budget."""
    problem, each = counted.problem, counted.calls
    for x in neighbours(problem.x0, problem.scale, problem.lower, problem.upper, eps):
        if budget is not None and counted.calls + each > budget:
            return
        try:
            yield _own(tensor, _at(counted, method, x, tensor.order).tensor)
        except TracingError:  # it takes another branch there
            return
        except ModelError as error:
            if isinstance(error.__cause__, problem.model.undefined):
                return
            raise


def _check_value(value: NDArray[Any], problem: Problem, tensor: Tensor) -> None:
    tensor.check_output(value)
    if not np.isfinite(value).any():
        raise ModelError(
            f"the model must be defined at x0, but it returned {value} there; "
            "choose an x0 inside its domain",
            x=problem.x0,
        )


def _own(tensor: Tensor, whole: NDArray[Any]) -> NDArray[np.float64]:
    """Return the tensor's own entries of all derivatives (*out, p, …, p) of its order."""
    own: Callable[[NDArray[Any]], NDArray[Any]] | None = getattr(tensor, "from_whole", None)
    exact = _symmetric(whole.astype(float), tensor.order)
    return exact if own is None else own(exact)


def _parameter_axes(tensor: Tensor, p: int) -> int:
    """Return how many axes over parameters the tensor has, from what it makes of a scalar's."""
    own = getattr(tensor, "from_whole", None)
    return tensor.order if own is None else own(np.zeros((p,) * tensor.order)).ndim


def _symmetric(whole: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """Return the tensor with each entry taken from the one with ascending indices."""
    if order == 1:
        return whole
    indices = np.sort(np.indices(whole.shape[-order:]), axis=0)
    return np.asarray(whole[(..., *indices)])


def _result(
    problem: Problem,
    tensor: Tensor,
    value: NDArray[np.float64],
    error: NDArray[np.float64],
    counted: _Counted,
    whole: Derivatives,
) -> DerivativeResult:
    defined = np.isfinite(value)
    status = np.full(value.shape, Status.EXACT, dtype=object)
    status[~defined] = Status.UNDEFINED
    n_axes = _parameter_axes(tensor, problem.p)
    axes = value.shape[value.ndim - n_axes :]
    return DerivativeResult(
        value=np.where(defined, value, np.nan),
        error=np.where(defined, error, np.inf),
        status=status,
        names=problem.names,
        x0=problem.x0,
        method=name_of(whole.method),
        order=tensor.order,
        nfev=counted.calls,
        nfev_per_parameter=np.zeros(axes, dtype=int),
        step=np.full(value.shape, np.nan),
        noise=np.full(value.shape, np.nan),
        reach=np.zeros(axes),
        undefined=np.zeros(axes, dtype=int),
        parameter_axes=n_axes,
    )
