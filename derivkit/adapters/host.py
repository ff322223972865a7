"""A model's value and first derivatives as arrays, nan where it is undefined: for adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.coordinates import must_be_own
from derivkit.calculus.driver import check_run, run_together
from derivkit.calculus.parameters import check_bounds, put_inside
from derivkit.calculus.problem import check_problem, split_keywords
from derivkit.calculus_kit import CalculusKit
from derivkit.engine.names import in_order
from derivkit.engine.trees import Branch, Leaf, Tree, conformed, flatten
from derivkit.errors import ModelError
from derivkit.methods.registry import MethodLike
from derivkit.results.result import DerivativeResult
from derivkit.validation import (
    check_count,
    check_function,
    check_sequence,
    optional,
    real_numbers,
    with_keywords_of,
)

__all__ = ["Host", "Shapes", "imported", "shows_keywords"]

Shapes: TypeAlias = tuple[int, ...] | Mapping[Any, Any]
"""An output's shape, or those of a dict of outputs, nested or not."""

shows_keywords = with_keywords_of(check_problem, run_together)


def imported(name: str) -> Any:
    """Return a module; an ImportError names the package to install."""
    return optional(name, "this adapter")


class Host:
    """A model on plain arrays.

    Parameters
    ----------
    function : callable
        As for `CalculusKit`.
    method : str or method value, optional
    keywords : dict
        Those of `CalculusKit`, ``n_workers``, ``max_evaluations``, ``progress``, ``side``, and the
        method's options.
    shape : tuple of int, or mapping of them
        That of its output; of a dict, whose numbers are then one vector here.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        method: MethodLike,
        keywords: dict[str, Any],
        shape: Shapes = (),
    ) -> None:
        self.function, self.method = check_function("function", function), method
        self.tree = _tree_of(shape)
        self.shape = (self.tree.size,) if isinstance(self.tree, Branch) else self.tree.shape
        self.of_kit, self.of_call = split_keywords(keywords)
        must_be_own(self.of_kit.get("transform"), "the other package asks for derivatives by x")
        if self.of_kit.get("wrt") is not None:
            raise ValueError("`wrt` must be left out: the other package asks for all derivatives")
        check_run(method, self.of_call)

    def kit(self, x: Any, **settings: Any) -> CalculusKit[Any]:
        """Return the kit at a point."""
        return CalculusKit(self.function, x, **(self.of_kit | settings))

    def outside(self, x: Any) -> int:
        """Return the number of parameters if a point is not finite or out of bounds; else 0.

        Samplers and line searches try such points; nan makes them turn back.
        """
        flat, tree = flatten(x, "x0", real_numbers)
        if not np.isfinite(flat).all():
            return flat.size
        bounds = self.of_kit.get("bounds")
        if bounds is None:
            return 0
        names = self.of_kit.get("names") or tree.names()
        lower, upper = check_bounds(in_order("bounds", bounds, names, (None, None)), flat.size)
        on = put_inside(flat, lower, upper)
        return flat.size if ((on < lower) | (on > upper)).any() else 0

    def value(self, x: Any) -> NDArray[np.float64]:
        """Return f(x); nan where it is undefined."""
        if self.outside(x):
            return np.full(self.shape, np.nan)
        try:
            return self._shaped(self.kit(x).hyper_hessian_result(order=0))
        except ModelError as error:
            if not error.undefined:
                raise
            return np.full(self.shape, np.nan)

    def both(self, x: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return f(x) and its first derivatives (*shape, p), whose points are shared."""
        if p := self.outside(x):
            return np.full(self.shape, np.nan), np.full((*self.shape, p), np.nan)
        kit = self.kit(x)
        try:
            J = kit.hyper_hessian_result(self.method, order=1, **self.of_call)
            value = kit.hyper_hessian_result(order=0)
        except ModelError as error:
            if not error.undefined:
                raise
            p = len(kit.labels.names)
            return np.full(self.shape, np.nan), np.full((*self.shape, p), np.nan)
        return self._shaped(value), self._shaped(J, len(kit.labels.names))

    def in_structure(self, flat: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return a function whose output is nested as ``shape`` is, from one of the vector."""
        if not isinstance(self.tree, Branch):
            return flat
        return lambda x: _hung(self.tree, flat(x))

    def _shaped(self, result: DerivativeResult, *p: int) -> NDArray[np.float64]:
        """Return a result's numbers (*shape, *p) in the order of ``shape``."""
        if np.iscomplexobj(result.value):
            raise TypeError(
                "`function` must return real numbers, got complex ones: return real and imaginary "
                "part"
            )
        outputs = None if result.labels is None else result.labels.outputs
        given: Tree = Leaf(result.value.shape[: result.value.ndim - len(p)])
        given = given if outputs is None else outputs
        flat = np.asarray(result.value, dtype=float).reshape((-1, *p))
        if isinstance(self.tree, Leaf):
            ordered = flat if len(flat) == self.tree.size else None
        else:
            ordered = conformed(flat, given, self.tree)
        if ordered is None:
            raise ValueError(
                f"`shape` must be that of the model's output, {_shapes(given)}, got "
                f"{_shapes(self.tree)}"
            )
        return ordered.reshape((*self.shape, *p))


def _tree_of(shape: Any) -> Tree:
    if isinstance(shape, Mapping):
        return Branch("dict", tuple(shape), tuple(map(_tree_of, shape.values())))
    return Leaf(tuple(check_count("shape", n) for n in check_sequence("shape", shape)))


def _shapes(tree: Tree) -> Any:
    if isinstance(tree, Leaf):
        return tree.shape
    return dict(zip(tree.keys, map(_shapes, tree.children), strict=True))


def _hung(tree: Tree, flat: Any) -> Any:
    """Return a graph's vector taken apart, by nothing but slices and reshape."""
    if isinstance(tree, Leaf):
        return flat.reshape(tree.shape)
    parts, start = [], 0
    for child in tree.children:
        parts.append(_hung(child, flat[start : start + child.size]))
        start += child.size
    return tree.of(parts)
