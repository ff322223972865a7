"""A derivative as a function of the arguments: a kit at each point, nan where there is none."""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.problem import check_problem, split_keywords
from derivkit.calculus.sparsity import check_sparsity
from derivkit.calculus_kit import CalculusKit
from derivkit.engine.model import Failure, Shaped
from derivkit.engine.trees import Tree, flatten
from derivkit.errors import ModelError
from derivkit.results.labels import Labels
from derivkit.results.result import DerivativeResult
from derivkit.results.sparse_result import SparseResult
from derivkit.validation import real_numbers, shown

__all__ = ["Kind", "Transform", "ValueAndGradient"]

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
