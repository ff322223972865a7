"""Tensors by automatic differentiation: the one place where a method is given the function itself.

There are no lines and no rounds here: the method returns all derivatives of an order at once. The
error is what rounding does to them (`methods.autodiff.rounding`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.problem import Problem
from derivkit.engine.model import FAILURES
from derivkit.engine.trees import Branch, Tree, flatten
from derivkit.errors import ModelError, TracingError, UnresolvedWarning, level_of_user
from derivkit.methods.autodiff.protocol import Derivatives, WholeMethod
from derivkit.methods.autodiff.rounding import neighbours, rounding_error
from derivkit.methods.protocol import BudgetSpentError
from derivkit.methods.registry import name_of
from derivkit.results.result import DerivativeResult
from derivkit.status import Status
from derivkit.validation import text_of

if TYPE_CHECKING:
    from derivkit.calculus.assembly import Tensor

__all__ = ["Counted", "differentiate_whole"]


class Counted:
    """The user's function: counts its runs, traced ones too, and remembers what it raised.

    Parameters
    ----------
    problem : Problem
    budget : int or None
        The most runs; beyond, a call is refused.
    """

    def __init__(self, problem: Problem, budget: int | None) -> None:
        self.problem = problem
        self.budget = budget
        self.calls = 0
        self.failures: list[BaseException] = []
        self.shape: tuple[int, ...] = ()
        self.outputs: Tree | None = None  # the structure of an output that is more than an array

    @property
    def spent(self) -> bool:
        """Whether no run is left."""
        return self.calls == self.budget

    def __call__(self, x: Any) -> Any:
        """Call the function, and keep the shape of what it returns."""
        if self.spent:
            raise BudgetSpentError
        model = self.problem.model
        self.calls += 1
        try:
            output = model.function(x[None, :])[0] if model.vectorized else model.function(x)
        except FAILURES as error:
            self.failures.append(error)
            raise
        if isinstance(output, Mapping) or (
            isinstance(output, (list, tuple)) and not model.vectorized
        ):
            output, self.outputs = _joined(output)
        if output is None or isinstance(output, (str, bytes)):
            raise TypeError(
                "`function` must return a number or an array of numbers, got "
                f"{type(output).__name__}"
            )
        self.shape = tuple(getattr(output, "shape", ()))
        return output


def _joined(output: Any) -> tuple[Any, Tree | None]:
    """Return nested outputs of a framework's numbers as one flat array of it, and their structure.

    Lists of mere numbers are left as they are.
    """
    leaves: list[Any] = []

    def shape_of(_: str, leaf: Any) -> NDArray[Any]:
        leaves.append(leaf)
        return np.zeros(_shape(leaf))

    _, tree = flatten(output, "output", shape_of)
    if not isinstance(tree, Branch):
        return output, None
    home = next(
        (type(leaf).__module__.split(".")[0] for leaf in leaves if hasattr(leaf, "shape")), ""
    )
    if home == "torch":
        import torch  # noqa: PLC0415 - an output is torch's

        return torch.cat([torch.as_tensor(leaf).reshape(-1) for leaf in leaves]), tree
    name = {"jax": "jax.numpy", "jaxlib": "jax.numpy", "autograd": "autograd.numpy"}
    xp = import_module(name.get(home, "numpy"))
    return xp.concatenate([xp.ravel(xp.array(leaf)) for leaf in leaves]), tree


def _shape(leaf: Any) -> tuple[int, ...]:
    """Return the shape of an array, or of a list of numbers, which numpy must not convert here."""
    if isinstance(leaf, (list, tuple)):
        return (len(leaf), *(_shape(leaf[0]) if leaf else ()))
    return tuple(getattr(leaf, "shape", ()))


def differentiate_whole(
    counted: Counted, tensors: Sequence[Tensor], method: WholeMethod
) -> list[DerivativeResult]:
    """Return a result for each tensor; that of order 0 comes with another's derivatives.

    Raises
    ------
    TracingError
        If the function runs, but cannot be followed.
    ModelError
        If the function raises on its own account, or is undefined at x0.
    """
    lowest = min(tensor.order for tensor in tensors if tensor.order)
    wholes: dict[int, Derivatives | None] = {}
    for order in sorted({tensor.order or lowest for tensor in tensors}):
        try:
            wholes[order] = _at(counted, method, counted.problem.x0, order)
        except BudgetSpentError:
            wholes[order] = None
    results = [_one(counted, tensor, method, wholes[tensor.order or lowest]) for tensor in tensors]
    labels = replace(counted.problem.labels, outputs=counted.outputs)
    results = [replace(result, nfev=counted.calls, labels=labels) for result in results]
    for result in results:
        if not result.success:
            warnings.warn(result.message, UnresolvedWarning, stacklevel=level_of_user())
    return results


def _one(
    counted: Counted, tensor: Tensor, method: WholeMethod, whole: Derivatives | None
) -> DerivativeResult:
    problem = counted.problem
    if whole is None:
        value = np.full(counted.shape + (problem.p,) * tensor.order, np.nan)
        value = _own(tensor, value)
        return _result(problem, tensor, value, value, name_of(method), Status.BUDGET_SPENT)
    _check_value(whole.value, problem, tensor)
    if tensor.order == 0:
        value = whole.value.astype(float)
        return _result(problem, tensor, value, np.zeros(value.shape), name_of(whole.method))
    eps = float(np.finfo(whole.value.dtype).eps)
    nearby = list(_nearby(counted, whole.method, tensor, eps))
    value = _own(tensor, whole.tensor)
    error = rounding_error(value, nearby, eps)
    return _result(problem, tensor, value, error, name_of(whole.method))


def _at(counted: Counted, method: WholeMethod, x: NDArray[Any], order: int) -> Derivatives:
    """Differentiate at x; what the function itself raises there becomes a ModelError."""
    try:
        return method.value_and_derivatives(counted, x.copy(), order)
    except TracingError:
        raise
    except FAILURES as error:
        if not any(error is own for own in counted.failures):
            raise
        what = f"{type(error).__name__}: {text_of(error)}"
        raise ModelError(f"the model failed at x0 = {x}: {what}", x=x) from error


def _nearby(
    counted: Counted, method: WholeMethod, tensor: Tensor, eps: float
) -> Iterator[NDArray[np.float64]]:
    """Yield the tensor at points beside x0, up to where the function ends or the budget."""
    problem = counted.problem
    for x in neighbours(problem.x0, problem.scale, problem.lower, problem.upper, eps):
        try:
            yield _own(tensor, _at(counted, method, x, tensor.order).tensor)
        except (TracingError, BudgetSpentError):  # it takes another branch there
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
    if order < 2:
        return whole
    indices = np.sort(np.indices(whole.shape[-order:]), axis=0)
    return np.asarray(whole[(..., *indices)])


def _result(
    problem: Problem,
    tensor: Tensor,
    value: NDArray[np.float64],
    error: NDArray[np.float64],
    method: str,
    unknown: Status = Status.UNDEFINED,
) -> DerivativeResult:
    n_axes = _parameter_axes(tensor, problem.p)
    shown = list(range(problem.p)) if problem.shown is None else list(problem.shown)
    value, error = value.copy(), error.copy()
    fixed = [i for i in shown if i not in set(problem.free)]
    for axis in range(-n_axes, 0):
        for array in (value, error):
            np.moveaxis(array, axis, 0)[fixed] = np.nan
        value, error = (np.take(array, shown, axis) for array in (value, error))
    defined = np.isfinite(value)
    status = np.full(value.shape, Status.EXACT, dtype=object)
    status[~defined] = unknown
    for axis in range(-n_axes, 0):
        np.moveaxis(status, axis, 0)[[shown.index(i) for i in fixed]] = Status.FIXED
    axes = value.shape[value.ndim - n_axes :]
    return DerivativeResult(
        value=np.where(defined, value, np.nan),
        error=np.where(defined, error, np.inf),
        status=status,
        names=problem.labels.names,
        x0=problem.x0[shown],
        labels=problem.labels,
        method=method,
        order=tensor.order,
        nfev=0,
        nfev_per_parameter=np.zeros(axes, dtype=int),
        step=np.full(value.shape, np.nan),
        noise=np.full(value.shape, np.nan),
        reach=np.zeros(axes),
        undefined=np.zeros(axes, dtype=int),
        parameter_axes=n_axes,
    )
