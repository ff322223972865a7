"""Derivatives along given directions, Hessian-vector products, and single mixed entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.driver import run
from derivkit.calculus.hyper_hessian import FIELDS, tensor_among
from derivkit.calculus.inputs import (
    Problem,
    check_count,
    check_direction,
    check_indices,
    check_problem,
)
from derivkit.calculus.lines import oblique_line
from derivkit.calculus.pairs import along_axes, second_derivatives
from derivkit.calculus.pieces import Pieces, Stage, Stages, stacked
from derivkit.engine.memo import Memo
from derivkit.methods.protocol import Method

if TYPE_CHECKING:
    from derivkit.engine.model import Output

__all__ = [
    "Directional",
    "HessianVector",
    "Mixed",
    "build_directional",
    "build_hvp",
    "build_mixed",
]


@dataclass(frozen=True, eq=False)
class Directional:
    """The derivative of an order (*out) along a direction v (p,)."""

    v: NDArray[np.float64]
    order: int = 1

    def check_output(self, output: Output) -> None:
        """Accept every output."""

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow one line, in units of the parameter that moves furthest."""
        where = np.flatnonzero(self.v)
        unit = float(np.abs(self.v).max())
        ray, line = oblique_line(problem, where.tolist(), self.v[where] / unit, share=budget)
        pieces = stacked((yield Stage([ray], [method.solve(line, self.order)])))
        alone = _only_entry(pieces)
        factor = unit**self.order
        return replace(alone, value=alone.value * factor, error=alone.error * factor)

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

    def check_output(self, output: Output) -> None:
        """Accept every output."""

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow the axes, the line along v, and the planes of v with every axis."""
        p, where = problem.p, np.flatnonzero(self.v)
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
        product = mixed if column is None else _with_own(mixed, pure, column)
        return replace(product, value=product.value * unit, error=product.error * abs(unit))

    def from_whole(self, whole: NDArray[np.float64]) -> NDArray[np.float64]:
        """Multiply a Hessian (*out, p, p) by v."""
        return np.asarray(whole @ self.v)


@dataclass(frozen=True)
class Mixed:
    """One entry (*out) of a derivative tensor: with respect to these parameters in turn."""

    indices: tuple[int, ...]

    @property
    def order(self) -> int:
        """How often the model is differentiated."""
        return len(self.indices)

    def check_output(self, output: Output) -> None:
        """Accept every output."""

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow what the tensor of these parameters alone needs, and take the entry."""
        chosen = sorted(set(self.indices))
        pieces = yield from tensor_among(problem, method, budget, self.order, chosen)
        entry = tuple(chosen.index(i) for i in self.indices)
        taken = {name: getattr(pieces, name)[(..., *entry)] for name in FIELDS}
        return Pieces(**taken, extra={"parameter_axes": 0})

    def from_whole(self, whole: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take the entry of a tensor (*out, p, …, p)."""
        entry: tuple[Any, ...] = (..., *self.indices)
        return np.asarray(whole[entry])


def _only_entry(pieces: Pieces) -> Pieces:
    """Return pieces without their one parameter axis."""
    taken = {name: getattr(pieces, name)[..., 0] for name in FIELDS}
    return Pieces(**taken, extra={"parameter_axes": 0})


def _with_own(mixed: Pieces, pure: Pieces, column: int) -> Pieces:
    """Return a column of a Hessian from its off-diagonal entries and its own diagonal one."""
    whole = {
        name: np.insert(getattr(mixed, name), column, getattr(pure, name)[..., column], axis=-1)
        for name in FIELDS
    }
    return Pieces(**whole)


def build_directional(
    function: Callable[..., Any],
    theta0: Any,
    v: Any,
    method: Any = None,
    n_workers: int | None = None,
    *,
    order: int = 1,
    **options: Any,
) -> NDArray[np.float64]:
    """Return the derivative along v at theta0; see `CalculusKit.directional`."""
    problem = check_problem(function, theta0)
    tensor = Directional(check_direction("v", v, problem.p), check_count("order", order))
    return run(problem, Memo(), tensor, method, n_workers=n_workers, **options).value


def build_hvp(
    function: Callable[..., Any],
    theta0: Any,
    v: Any,
    method: Any = None,
    n_workers: int | None = None,
    **options: Any,
) -> NDArray[np.float64]:
    """Return the product of the Hessian at theta0 with v; see `CalculusKit.hvp`."""
    problem = check_problem(function, theta0)
    tensor = HessianVector(check_direction("v", v, problem.p))
    return run(problem, Memo(), tensor, method, n_workers=n_workers, **options).value


def build_mixed(
    function: Callable[..., Any],
    theta0: Any,
    *indices: int | str,
    method: Any = None,
    n_workers: int | None = None,
    **options: Any,
) -> NDArray[np.float64]:
    """Return one mixed derivative at theta0; see `CalculusKit.mixed`."""
    problem = check_problem(function, theta0)
    tensor = Mixed(check_indices(indices, problem.names))
    return run(problem, Memo(), tensor, method, n_workers=n_workers, **options).value
