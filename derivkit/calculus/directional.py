"""Derivatives along given directions, Hessian-vector products, and single mixed entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.assembly import (
    Stage,
    Stages,
    Tensor,
    TensorParts,
    stacked,
    sum_of,
)
from derivkit.calculus.builders import values_of
from derivkit.calculus.hyper_hessian import tensor_among
from derivkit.calculus.lines import axis_lines, oblique_line
from derivkit.calculus.mixed_seconds import along_axes, second_derivatives
from derivkit.calculus.problem import Problem
from derivkit.engine.names import in_order
from derivkit.engine.trees import numbers_by_name
from derivkit.methods.protocol import Method
from derivkit.methods.registry import MethodLike
from derivkit.validation import check_count, check_direction, check_indices, real_numbers, shown

if TYPE_CHECKING:
    from derivkit.engine.model import Output

__all__ = [
    "Directional",
    "HessianVector",
    "Mixed",
    "build_directional",
    "build_hvp",
    "build_mixed",
    "check_order",
]

HIGHEST = 60  # order along one direction: beyond, factorials leave the range of floats


@dataclass(frozen=True, eq=False)
class Directional:
    """The derivative of an order (*out) along a direction v (p,)."""

    v: NDArray[np.float64]
    order: int = 1

    @classmethod
    def of(cls, problem: Problem, v: Any, order: Any) -> Directional:
        """Return the derivative along v, given flat, by name, or as nested as x0."""
        return cls(_direction(problem, v), check_order(order))

    def check_output(self, output: Output) -> None:
        """Accept every output."""

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow one line, in units of the parameter that moves furthest."""
        where = np.flatnonzero(self.v)
        held = [problem.given_names[i] for i in where if problem.lower[i] == problem.upper[i]]
        if held:
            raise ValueError(f"`v` must be 0 along what bounds hold fixed, got {', '.join(held)}")
        if _leads_out(problem, self.v):
            axes = yield from tensor_among(problem, method, budget, self.order, where.tolist())
            return _times(axes, self.v[where], self.order)
        if where.size == 1:  # an axis, which is followed upwards whatever the sign of v
            unit = float(self.v[where[0]])
            (ray,), (line,) = axis_lines(problem, budget, where.tolist())
        else:
            unit = float(np.abs(self.v).max())
            weights = self.v[where] / unit
            ray, line = oblique_line(problem, where.tolist(), weights, share=budget)
        parts = stacked((yield Stage([ray], [method.solve(line, self.order)], order=self.order)))
        return parts.take(0, parameter_axes=0).scaled(unit**self.order)

    def from_whole(self, whole: NDArray[np.float64]) -> NDArray[np.float64]:
        """Contract a tensor (*out, p, …, p) with v."""
        for _ in range(self.order):
            whole = whole @ self.v
        return whole


@dataclass(frozen=True, eq=False)
class HessianVector:
    """The product H v (*out, p) of the Hessian with a direction v."""

    v: NDArray[np.float64]
    order: int = 2

    @classmethod
    def of(cls, problem: Problem, v: Any) -> HessianVector:
        """Return the product with v, given flat, by name, or as nested as x0."""
        return cls(_direction(problem, v))

    def check_output(self, output: Output) -> None:
        """Accept every output."""

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow the axes, the line along v, and the planes of v with every axis."""
        problem.all_must_vary("hvp")
        p, where = problem.p, np.flatnonzero(self.v)
        if _leads_out(problem, self.v):
            whole = yield from tensor_among(problem, method, budget, 2, range(p))
            return _times(whole.take(where), self.v[where])
        if where.size == 1:  # v is an axis: the product is a column of the Hessian
            column = int(where[0])
            ends = [(i, column) for i in range(p) if i != column]
            unit, directions = float(self.v[column]), along_axes(range(p))
        else:
            column, ends = None, [(i, p) for i in range(p)]
            unit = float(np.abs(self.v).max())
            along = (tuple(where.tolist()), tuple((self.v[where] / unit).tolist()))
            directions = [*along_axes(range(p)), along]
        pairs = np.array(ends, dtype=int).reshape(-1, 2)
        pure, mixed = yield from second_derivatives(problem, method, budget, directions, pairs)
        product = mixed if column is None else mixed.insert(column, pure.take(column))
        return product.scaled(unit)

    def from_whole(self, whole: NDArray[np.float64]) -> NDArray[np.float64]:
        """Multiply a Hessian (*out, p, p) by v."""
        return np.asarray(whole @ self.v)


@dataclass(frozen=True)
class Mixed:
    """One entry (*out) of a derivative tensor: with respect to these parameters in turn."""

    indices: tuple[int, ...]

    @classmethod
    def of(cls, problem: Problem, parameters: Sequence[Any]) -> Mixed:
        """Return the entry of parameters that are given by index or by name."""
        return cls(check_indices(parameters, problem.given_names))

    @property
    def order(self) -> int:
        """How often the model is differentiated."""
        return len(self.indices)

    def check_output(self, output: Output) -> None:
        """Accept every output."""

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow what the tensor of these parameters alone needs, and take the entry."""
        chosen = sorted(set(self.indices))
        parts = yield from tensor_among(problem, method, budget, self.order, chosen)
        return parts.take(tuple(chosen.index(i) for i in self.indices), parameter_axes=0)

    def from_whole(self, whole: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take the entry of a tensor (*out, p, …, p)."""
        entry: tuple[Any, ...] = (..., *self.indices)
        return np.asarray(whole[entry])


def _leads_out(problem: Problem, v: NDArray[np.float64]) -> bool:
    """Whether v leads out of the bounds both ways, as it may at a corner of them."""
    low, high = problem.x0 <= problem.lower, problem.x0 >= problem.upper
    forwards = (v > 0) & high | (v < 0) & low
    backwards = (v > 0) & low | (v < 0) & high
    return bool(forwards.any() and backwards.any())


def _times(parts: TensorParts, v: NDArray[np.float64], times: int = 1) -> TensorParts:
    """Return a tensor's parts multiplied by v along so many of its last axes.

    Step and status are those of the term with the largest error.
    """
    for _ in range(times):
        axes = parts.nfev.ndim - 1
        terms = [parts.take(k, parameter_axes=axes).scaled(w) for k, w in enumerate(v.tolist())]
        worst = terms[0]
        for each in terms[1:]:
            worst = worst.where(each.error > worst.error, each)
        total, status = sum_of(terms), worst.status
        parts = replace(total, status=status, step=worst.step, noise=worst.noise)
    return parts


def check_order(order: Any) -> int:
    """Return the order of a derivative along one direction."""
    if check_count("order", order) > HIGHEST:
        raise ValueError(f"`order` must be at most {HIGHEST}, got {shown(order)}")
    return int(order)


def _direction(problem: Problem, v: Any) -> NDArray[np.float64]:
    if problem.labels.parameters is None:
        given = in_order("v", v, problem.given_names, 0.0)
    else:
        given = numbers_by_name("v", v, problem.given_names, real_numbers)
    return check_direction("v", given, problem.p)


def build_directional(
    function: Callable[..., Any],
    theta0: Any,
    v: Any,
    method: MethodLike = None,
    n_workers: int | None = None,
    *,
    order: int = 1,
    **options: Any,
) -> NDArray[np.float64]:
    """Return the derivative along v at theta0; see `CalculusKit.directional`."""

    def tensor(problem: Problem) -> Tensor:
        return Directional.of(problem, v, order)

    return values_of(function, theta0, tensor, method, n_workers, options)


def build_hvp(
    function: Callable[..., Any],
    theta0: Any,
    v: Any,
    method: MethodLike = None,
    n_workers: int | None = None,
    **options: Any,
) -> NDArray[np.float64]:
    """Return the product of the Hessian at theta0 with v; see `CalculusKit.hvp`."""

    def tensor(problem: Problem) -> Tensor:
        return HessianVector.of(problem, v)

    return values_of(function, theta0, tensor, method, n_workers, options)


def build_mixed(
    function: Callable[..., Any],
    theta0: Any,
    *indices: int | str,
    method: MethodLike = None,
    n_workers: int | None = None,
    **options: Any,
) -> NDArray[np.float64]:
    """Return one mixed derivative at theta0; see `CalculusKit.mixed`."""

    def tensor(problem: Problem) -> Tensor:
        return Mixed.of(problem, indices)

    return values_of(function, theta0, tensor, method, n_workers, options)
