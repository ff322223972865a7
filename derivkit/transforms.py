"""Functions of functions: `grad`, `value_and_grad`, `jacobian`, `hessian`; and `vjp`, `jvp`.

What the first four return takes a point and gives a derivative as nested as the point, so that it
goes straight into `scipy.optimize.minimize(jac=…, hess=…)`, `least_squares`, `root`, or a sampler.
"""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.driver import check_run, run_together
from derivkit.calculus.problem import check_problem, split_keywords
from derivkit.calculus.sparsity import Pattern, check_sparsity
from derivkit.calculus.user_function import check_arguments
from derivkit.calculus_kit import CalculusKit
from derivkit.engine.model import Failure, Shaped
from derivkit.engine.names import in_order
from derivkit.engine.progress import Show
from derivkit.engine.trees import Tree, flatten
from derivkit.errors import ModelError
from derivkit.methods.registry import MethodLike
from derivkit.results.labels import Labels
from derivkit.results.result import DerivativeResult
from derivkit.results.sparse_result import SparseResult
from derivkit.validation import (
    called_like,
    check_flag,
    check_known,
    check_sequence,
    is_count,
    real_numbers,
    shown,
    with_keywords_of,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["grad", "hessian", "jacobian", "jvp", "value_and_grad", "vjp"]

OF_THE_CALL = ("sparsity", "from_gradient")
OF_THE_PLACE = ("bounds", "scale", "transform")  # what no other point need fit

Vector: TypeAlias = float | Sequence[float] | NDArray[Any]


@dataclass(frozen=True, eq=False)
class _Outputs:
    """How a model's outputs are laid out, so that nan can be told in their place.

    Attributes
    ----------
    shape : tuple of int
    tree : Tree or None
    pattern : csr_array or None
        Where the derivative is sparse.
    """

    shape: tuple[int, ...] = ()
    tree: Tree | None = None
    pattern: Any = None

    @classmethod
    def of(cls, result: Any, order: int) -> _Outputs:
        """Return that of a derivative of an order."""
        if isinstance(result, SparseResult):
            return cls(pattern=result.value)
        shape = result.value.shape
        tree = None if result.labels is None else result.labels.outputs
        return cls(shape[: len(shape) - order], tree)


@dataclass(frozen=True, eq=False)
class _OfPoint:
    """A model whose derivatives are wanted at arguments that are given later.

    Attributes
    ----------
    function : callable
        The model.
    order : int
        1 or 2.
    compute : callable
        The method of `CalculusKit` that is called.
    argnums : int or tuple of int
        Which of the arguments hold parameters.
    at_undefined : {"nan", "raise"}
    kit, call : dict
        Keywords of the kit, and of the call.
    warm : bool
        Whether each point begins with the steps of the last one.
    """

    function: Callable[..., Any]
    order: int
    compute: Callable[..., Any]
    argnums: int | tuple[int, ...] = 0
    at_undefined: str = "nan"
    kit: dict[str, Any] = field(default_factory=dict)
    call: dict[str, Any] = field(default_factory=dict)
    warm: bool = False
    _seen: list[_Outputs] = field(default_factory=list)  # the last ones
    _last: list[DerivativeResult] = field(default_factory=list)  # the last one, where it is kept

    def _found(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Return the derivative, the value where it is known, and aux."""
        try:
            kit = self._at(args, kwargs)
        except ValueError:
            if self.at_undefined == "raise":
                raise
            return self._nowhere(args, kwargs)
        start = next((last for last in self._last if last.names == kit.labels.names), None)
        call = self.call if start is None else self.call | {"start": start}
        try:
            result = self.compute(kit, **call)
        except ModelError as error:
            if self.at_undefined == "raise" or not error.undefined:
                raise
            return self._nowhere_defined(kit.labels, error)
        self._seen[:] = [_Outputs.of(result, self.order)]
        if self.warm:
            self._last[:] = [result]
        return result.labelled(), kit, getattr(result, "aux", None)

    def _at(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> CalculusKit[Any]:
        """Return the kit of the arguments that vary; the others are handed on."""
        where = (self.argnums,) if isinstance(self.argnums, int) else self.argnums
        if not args or max(where) >= len(args) or min(where) < -len(args):
            raise TypeError(
                "what to differentiate by must be given by position, as the arguments that "
                f"`argnums` = {shown(self.argnums)} names, got {len(args)}"
            )
        x, function = self._varied(args)
        return CalculusKit(function, x, **self._settings(args, kwargs))

    def _settings(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the keywords of the kit, with the arguments that are handed on."""
        settings = dict(self.kit)
        settings["kwargs"] = {**(settings.get("kwargs") or {}), **kwargs}
        if self.argnums == 0:
            settings["args"] = (*args[1:], *settings.get("args", ()))
        return settings

    def _varied(self, args: tuple[Any, ...]) -> tuple[Any, Callable[..., Any]]:
        """Return the arguments that vary, and the function of them."""
        if self.argnums == 0:
            return args[0], self.function
        several = (self.argnums,) if isinstance(self.argnums, int) else self.argnums
        where = [i % len(args) for i in several]
        placed = _Placed(self.function, args, where, alone=isinstance(self.argnums, int))
        return placed.varied(), placed

    def _nowhere(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Return nan at a point that is nan or infinite, where samplers may end up."""
        x, function = self._varied(args)
        flat, tree = flatten(x, "x0", real_numbers)
        if np.isfinite(flat).all():
            raise  # noqa: PLE0704 - it was for another reason
        of_problem, _ = split_keywords(self._settings(args, kwargs))
        of_problem = {key: each for key, each in of_problem.items() if key not in OF_THE_PLACE}
        problem = check_problem(function, tree.build(np.ones(flat.size)), **of_problem)
        unknown = ModelError(f"`x0` must be finite, got {flat}", x=flat, undefined=True)
        if self.compute is CalculusKit.jacobian_result and not (self._seen or "bounds" in self.kit):
            reply = problem.model.reply(flat)  # how many outputs there are: most functions tell
            unknown.output = None if isinstance(reply, Failure) else reply
        return self._nowhere_defined(problem.labels, unknown)

    def _nowhere_defined(self, labels: Labels, error: ModelError) -> tuple[Any, Any, Any]:
        """Return nan in the derivative's shape, the value as it is, and its aux."""
        output, p = error.output, len(labels.names)
        values = output.values if isinstance(output, Shaped) else output
        value = np.nan if output is None else np.ravel(values)[0].item()
        aux = output.aux if isinstance(output, Shaped) else None
        if output is not None:
            shape = np.shape(output) if np.size(output) > 1 or self.order == 1 else ()
            tree = output.tree if isinstance(output, Shaped) else None
            self._seen[:] = [_Outputs(shape, tree)]
        elif not self._seen and self.compute is not CalculusKit.jacobian_result:
            self._seen[:] = [_Outputs()]  # gradients are of one output, and most Hessians
        pattern = self.call.get("sparsity")
        if pattern is not None and not isinstance(pattern, str):
            return check_sparsity(pattern, p, square=self.order == 2) * np.nan, value, aux
        if not self._seen:
            error.add_note("it has returned nowhere yet, so that nobody knows how many outputs")
            raise error
        seen = self._seen[0]
        if seen.pattern is not None:
            return seen.pattern * np.nan, value, aux
        tensor = np.full((*seen.shape, *[p] * self.order), np.nan)
        return replace(labels, outputs=seen.tree).given_to(tensor, self.order), value, aux


class Transform(_OfPoint):
    """A derivative of a model as a function of its arguments."""

    @overload
    def __call__(self, x: Mapping[Any, Any], *args: Any, **kwargs: Any) -> dict[Any, Any]: ...

    @overload
    def __call__(self, x: Vector, *args: Any, **kwargs: Any) -> NDArray[np.float64]: ...

    @overload
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the derivative at the arguments; (derivative, aux) with ``has_aux``."""
        found, _, aux = self._found(args, kwargs)
        return (found, aux) if self.kit.get("has_aux") else found


class ValueAndGradient(_OfPoint):
    """A model's value and gradient, whose points they share."""

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Return (value, gradient) at the arguments; ((value, aux), gradient) with ``has_aux``."""
        gradient, value, aux = self._found(args, kwargs)
        if isinstance(value, CalculusKit):
            value = value.hyper_hessian_result(order=0).value.ravel()[0].item()
        return ((value, aux) if self.kit.get("has_aux") else value), gradient


Kind = TypeVar("Kind", bound=_OfPoint)


class _Placed:
    """A function of several arguments, as one of those that vary.

    Those are the only argument, or a named tuple of them; their names are the function's own.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        where: Sequence[int],
        *,
        alone: bool,
    ) -> None:
        self.function, self.args, self.where, self.alone = function, args, where, alone

    def varied(self) -> Any:
        """Return what varies."""
        if self.alone:
            return self.args[self.where[0]]
        names = [_name_of(self.function, i) for i in self.where]
        return namedtuple("Arguments", names)(*(self.args[i] for i in self.where))  # noqa: PYI024

    def __call__(self, varied: Any, **kwargs: Any) -> Any:
        args = list(self.args)
        for i, each in zip(self.where, [varied] if self.alone else varied, strict=True):
            args[i] = each
        return self.function(*args, **kwargs)


def _name_of(function: Callable[..., Any], i: int) -> str:
    try:
        name = list(inspect.signature(function).parameters)[i]
    except (ValueError, TypeError, IndexError):  # a builtin; *args
        return f"arg{i}"
    return f"arg{i}" if name.startswith("_") else name


@with_keywords_of(check_problem, run_together)
def grad(
    function: Callable[..., Any],
    method: MethodLike = None,
    *,
    n_workers: int | None = None,
    max_evaluations: int | None = None,
    progress: bool | Show | None = None,
    argnums: int | Sequence[int] = 0,
    at_undefined: str = "nan",
    warm: bool = False,
    **keywords: Any,
) -> Transform:
    """Return the function x -> gradient, as nested as x, of a scalar function.

    Parameters
    ----------
    function : callable
        ``function(x, *args, **kwargs)`` returns a number.
    method : str or method value, optional
        As for `CalculusKit.gradient`.
    n_workers, max_evaluations, progress
        As for `CalculusKit.gradient`; the budget is that of each point.
    argnums : int or sequence of int
        Which of its arguments to differentiate with respect to; a tuple of gradients for several.
    at_undefined : {"nan", "raise"}
        What to do where the function itself is undefined at x: return nan, so that line searches
        and samplers go on – also at an x that is nan –, or raise the ModelError.
    warm : bool
        Begin at each point with the steps that suited the last one (``start`` of
        `CalculusKit.gradient_result`): fewer calls where f is noisy or its scale is not that of x,
        as an optimiser goes from point to point. The derivative at a point then depends, within its
        error, on the points before.
    **keywords
        Those of `CalculusKit` (``bounds``, ``scale``, ``has_aux``, …), ``side``, and the method's
        options. With ``has_aux=True`` it returns (gradient, aux).

    Raises
    ------
    TypeError, ValueError
        If the function is not callable, or a keyword or the method is unknown.

    Examples
    --------
    >>> import derivkit, scipy.optimize
    >>> f = scipy.optimize.rosen
    >>> found = scipy.optimize.minimize(f, [-1.2, 1.0], jac=derivkit.grad(f), method="BFGS")
    >>> bool(abs(found.x - 1).max() < 1e-5)
    True

    Several arguments:

    >>> a, b = derivkit.grad(lambda a, b: a**2 * b, argnums=(0, 1))(3.0, 2.0)
    >>> round(a, 6), round(b, 6)
    (12.0, 9.0)
    """
    keywords |= {"argnums": argnums, "at_undefined": at_undefined, "n_workers": n_workers}
    keywords |= {"max_evaluations": max_evaluations, "progress": progress, "warm": warm}
    return _transform(Transform, CalculusKit.gradient_result, 1, function, method, **keywords)


@called_like(grad)
def value_and_grad(
    function: Callable[..., Any], method: MethodLike = None, **keywords: Any
) -> ValueAndGradient:
    """Return the function x -> (value, gradient), for ``minimize(…, jac=True)``.

    The call at x is shared. Arguments as for `grad`; with ``has_aux=True`` it returns
    ((value, aux), gradient).

    Examples
    --------
    >>> import derivkit
    >>> value, gradient = derivkit.value_and_grad(lambda x: x[0] ** 2)([3.0])
    >>> value, gradient.round(6).tolist()
    (9.0, [6.0])
    """
    compute = CalculusKit.gradient_result
    return _transform(ValueAndGradient, compute, 1, function, method, **keywords)


@overload
def jacobian(
    function: Callable[..., Any], method: MethodLike = None, *, sparsity: Pattern, **keywords: Any
) -> Callable[..., csr_array]: ...


@overload
@called_like(grad)
def jacobian(
    function: Callable[..., Any], method: MethodLike = None, **keywords: Any
) -> Transform: ...


@with_keywords_of(grad)
def jacobian(
    function: Callable[..., Any],
    method: MethodLike = None,
    *,
    sparsity: Pattern | None = None,
    **keywords: Any,
) -> Any:
    """Return the function x -> Jacobian (m, p), for ``least_squares`` and ``root``.

    Arguments as for `grad`; ``sparsity`` as for `CalculusKit.jacobian`.

    Examples
    --------
    >>> import derivkit
    >>> derivkit.jacobian(lambda x: x**2)([3.0, 2.0]).round(6).tolist()
    [[6.0, 0.0], [0.0, 4.0]]
    """
    keywords["sparsity"] = sparsity
    return _transform(Transform, CalculusKit.jacobian_result, 1, function, method, **keywords)


@overload
def hessian(
    function: Callable[..., Any], method: MethodLike = None, *, sparsity: Pattern, **keywords: Any
) -> Callable[..., csr_array]: ...


@overload
@called_like(grad)
def hessian(
    function: Callable[..., Any], method: MethodLike = None, **keywords: Any
) -> Transform: ...


@with_keywords_of(grad)
def hessian(
    function: Callable[..., Any],
    method: MethodLike = None,
    *,
    sparsity: Pattern | None = None,
    **keywords: Any,
) -> Any:
    """Return the function x -> Hessian (p, p), for ``minimize(…, hess=…)``.

    Arguments as for `grad`; ``sparsity`` as for `CalculusKit.hessian`.

    Examples
    --------
    >>> import derivkit
    >>> derivkit.hessian(lambda x: x[0] ** 2 * x[1] ** 2)([3.0, 2.0]).round(6).tolist()
    [[8.0, 24.0], [24.0, 18.0]]
    """
    keywords["sparsity"] = sparsity
    return _transform(Transform, CalculusKit.hessian_result, 2, function, method, **keywords)


@with_keywords_of(check_problem, run_together)
def jvp(
    function: Callable[..., Any],
    x0: Any,
    v: Any,
    method: MethodLike = None,
    *,
    n_workers: int | None = None,
    max_evaluations: int | None = None,
    progress: bool | Show | None = None,
    **keywords: Any,
) -> tuple[Any, ...]:
    """Return (f(x0), J v): the derivative along v, one line however many parameters there are.

    With ``has_aux=True`` it returns (f(x0), J v, aux).

    Parameters
    ----------
    function, x0
        As for `CalculusKit`.
    v : as x0
        The direction.
    method, **keywords
        As for `grad`.

    Examples
    --------
    >>> import derivkit
    >>> value, along = derivkit.jvp(lambda x: x[0] * x[1], [3.0, 2.0], [1.0, 1.0])
    >>> float(value), round(float(along), 6)
    (6.0, 5.0)
    """
    keywords |= {"n_workers": n_workers, "max_evaluations": max_evaluations, "progress": progress}
    of_kit, of_call = split_keywords(keywords)
    kit = CalculusKit(function, x0, **of_kit)
    along = kit.directional(v, method, **of_call)
    return _with_aux(kit, along, of_kit)


@with_keywords_of(check_problem, run_together)
def vjp(
    function: Callable[..., Any],
    x0: Any,
    method: MethodLike = None,
    *,
    n_workers: int | None = None,
    max_evaluations: int | None = None,
    progress: bool | Show | None = None,
    **keywords: Any,
) -> tuple[Any, ...]:
    """Return f(x0) and the function u -> u J, as nested as x0; and aux with ``has_aux=True``.

    ``u`` has one number an output: flat, nested as the outputs are, or by their names, those that
    are not named being 0.

    Parameters
    ----------
    function, x0
        As for `CalculusKit`.
    method, **keywords
        As for `grad`. The Jacobian is computed once.

    Examples
    --------
    >>> import derivkit
    >>> value, pulled_back = derivkit.vjp(lambda x: x**2, [3.0, 2.0])
    >>> pulled_back([1.0, 10.0]).round(6).tolist()
    [6.0, 40.0]
    """
    keywords |= {"n_workers": n_workers, "max_evaluations": max_evaluations, "progress": progress}
    of_kit, of_call = split_keywords(keywords)
    kit = CalculusKit(function, x0, **of_kit)
    result = kit.hyper_hessian_result(method, order=1, **of_call)
    rows = result.value.reshape(-1, len(result.names))

    outputs = None if result.labels is None else result.labels.outputs

    def pulled_back(u: Any) -> Any:
        weights, own = flatten(u, "u", real_numbers)
        if outputs is not None and own.names() != outputs.names():
            named = in_order("u", u, outputs.names(), 0.0, what="outputs")
            weights = weights if named is u else np.array(named)
        if weights.shape != (len(rows),):
            raise ValueError(f"`u` must hold {len(rows)} numbers, got {weights.size}")
        return kit.labels.given_to(weights @ rows, 1)

    return _with_aux(kit, pulled_back, of_kit)


def _with_aux(kit: CalculusKit[Any], derivative: Any, of_kit: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return (f(x0), derivative), and with ``has_aux`` what the function returns beside."""
    value = kit.hyper_hessian(order=0)
    if not of_kit.get("has_aux"):
        return value, derivative
    return value, derivative, kit.hyper_hessian_result(order=0).aux


def _transform(
    kind: type[Kind],
    compute: Callable[..., Any],
    order: int,
    function: Callable[..., Any],
    method: MethodLike,
    /,
    *,
    argnums: int | Sequence[int] = 0,
    at_undefined: str = "nan",
    warm: bool = False,
    **keywords: Any,
) -> Kind:
    if not callable(function):
        raise TypeError(f"`function` must be callable, got {type(function).__name__}")
    at_undefined = check_known("at_undefined", at_undefined, ("nan", "raise"))
    single = is_count(argnums)
    several = (argnums,) if single else tuple(check_sequence("argnums", argnums, "whole numbers"))
    if not several or not all(map(is_count, several)):
        raise TypeError(f"`argnums` must be whole numbers, got {shown(argnums)}")
    if len(set(several)) < len(several):
        raise ValueError(f"`argnums` must be different arguments, got {shown(argnums)}")
    warm = check_flag("warm", warm)
    if warm and keywords.get("sparsity") is not None:
        raise ValueError("`warm` must be False with `sparsity`: columns that are moved together")
    kit, others = split_keywords(keywords)
    check_arguments(kit.get("args", ()), kit.get("kwargs"))
    options = {key: value for key, value in others.items() if key not in OF_THE_CALL}
    check_run(method, options)  # a wrong keyword is to be found here, not inside an optimiser
    where = int(several[0]) if single else several
    of_call = {"method": method, **others}
    return kind(function, order, compute, where, at_undefined, kit, of_call, warm)
