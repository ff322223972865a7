"""Symmetric tensors of any order: the axes, then the directions that `directions` asks for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.assembly import (
    ERRORS,
    SUMS,
    Stage,
    Stages,
    Tensor,
    TensorParts,
    only_x0,
    stacked,
)
from derivkit.calculus.axis_knowledge import Log, recorded, steps_of
from derivkit.calculus.builders import values_of
from derivkit.calculus.directions import directions_of, entry_table
from derivkit.calculus.hessian import hessian_among
from derivkit.calculus.lines import axes_followed, axis_lines, oblique_line
from derivkit.calculus.problem import Problem
from derivkit.methods.protocol import Estimate, Method, Solver
from derivkit.methods.registry import MethodLike
from derivkit.status import Status
from derivkit.validation import check_count, shown

if TYPE_CHECKING:
    from derivkit.engine.model import Output

__all__ = ["HyperHessian", "build_hyper_hessian", "tensor_among"]

MOST_DIGITS = 9  # of the entries of a tensor: eight gigabytes


@dataclass(frozen=True)
class HyperHessian:
    """Derivatives of one order (*out, p, …, p), exactly symmetric; order 0 is f(x0)."""

    order: int = 3

    @classmethod
    def of(cls, problem: Problem, order: Any) -> HyperHessian:
        """Return the tensor of an order; raise a ValueError for one that fills the memory."""
        order = check_count("order", order, least=0)
        if min(order, 10**6) * math.log10(max(problem.p, 1.3)) > MOST_DIGITS:
            raise ValueError(
                f"`order` must leave a tensor of at most 10^{MOST_DIGITS} entries, got "
                f"{shown(order)} with {problem.p} parameters"
            )
        return cls(order)

    def check_output(self, output: Output) -> None:
        """Accept every output."""

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow what the order needs."""
        return tensor_among(problem, method, budget, self.order, problem.free)


def tensor_among(
    problem: Problem, method: Method, budget: int | None, order: int, indices: Sequence[int]
) -> Stages:
    """Return the derivatives (*out, n, …, n) of an order with respect to n of the parameters."""
    if order == 0:
        return (yield from _value(problem))
    if order == 1:
        return stacked((yield axes_followed(problem, method, budget, 1, indices)))
    if order == 2:
        return (yield from hessian_among(problem, method, budget, indices))
    return (yield from _tensor(problem, method, order, indices))


def _value(problem: Problem) -> Stages:
    """Evaluate the model at x0."""
    rays, _ = axis_lines(problem, indices=[0])
    return stacked((yield Stage(rays, [_at_x0()], order=0))).take(0, parameter_axes=0)


def _at_x0() -> Solver:
    values = yield np.zeros(1)
    value = values[0]
    return Estimate(value, np.where(np.isfinite(value), 0.0, np.inf), Status.EXACT, reach=0.0)


def _tensor(problem: Problem, method: Method, order: int, indices: Sequence[int]) -> Stages:
    """Follow the axes, then all other directions in coordinates scaled by the axes' steps."""
    rays, lines = axis_lines(problem, indices=indices)
    logs: list[Log] = [[] for _ in lines]
    solvers = [
        recorded(method.solve(line, order), log) for line, log in zip(lines, logs, strict=True)
    ]
    results = yield Stage(rays, solvers, order=order)
    steps = steps_of(results.estimates, lines, logs)
    closed = any(c for _, c in steps)
    lattice = _Lattice(problem, method, order, indices, [h for h, _ in steps], closed)
    names: list[_Name] = [((i,), 0) for i in range(len(lines))]
    units = list(lattice.steps)  # signed: axes are followed upwards, also where steps point down
    if len(indices) > 1:
        stage, oblique, lengths = lattice.stage()
        results = results.joined((yield stage))
        names, units = names + oblique, units + lengths
    # a pure derivative along each direction, in units of the steps
    with np.errstate(over="ignore"):
        powers = (np.array(units) / lattice.common) ** order
    pure = stacked(results).scaled(powers)
    return lattice.assemble(pure, {name: k for k, name in enumerate(names)})


_Name = tuple[tuple[int, ...], int]  # the parameters of a direction, and which of theirs it is


@dataclass(frozen=True)
class _Lattice:
    """All directions of a tensor, in coordinates scaled by the steps found on the axes."""

    problem: Problem
    method: Method
    order: int
    indices: Sequence[int]
    steps: list[float]
    inward: bool
    supports: list[tuple[int, ...]] = field(init=False)

    def __post_init__(self) -> None:
        p = len(self.indices)
        sizes = (combinations(range(p), r) for r in range(1, min(self.order, p) + 1))
        object.__setattr__(self, "supports", list(chain.from_iterable(sizes)))

    @property
    def common(self) -> float:
        """A power of two of the size of the steps, so that their powers stay in range."""
        return float(2.0 ** np.round(np.log2(np.abs(self.steps)).mean()))

    def stage(self) -> tuple[Stage, list[_Name], list[float]]:
        """Return the lines of all directions that are not axes, their names and their units."""
        rays, solvers, names, units = [], [], [], []
        for support in self.supports:
            if len(support) == 1:
                continue
            h = np.array([self.steps[i] for i in support])
            moved = [self.indices[i] for i in support]
            for m, w in enumerate(directions_of(self.order, len(support), self.inward)):
                moves = w * h
                unit = float(np.abs(moves).max())
                scale = unit * float(np.min(self.problem.scale[moved] / np.abs(h)))
                ray, line = oblique_line(self.problem, moved, moves / unit, scale=scale)
                open_line = line.upper > line.lower
                rays.append(ray)
                solvers.append(self.method.solve(line, self.order) if open_line else only_x0())
                names.append((support, m))
                units.append(unit)
        return Stage(rays, solvers, order=self.order), names, units

    @np.errstate(over="ignore", divide="ignore", invalid="ignore")  # no float: unresolved
    def assemble(self, pure: TensorParts, column: dict[_Name, int]) -> TensorParts:
        """Solve for every distinct entry, and write it to all its places."""
        entries = list(self._entries(column))
        told = pure.take([own for _, own, _, _ in entries])  # the line behind each entry
        sums: dict[str, Any] = {
            name: np.empty(told.value.shape) for name in SUMS if getattr(pure, name) is not None
        }
        number = np.empty((len(self.indices),) * self.order, dtype=int)
        for k, (index, _, sources, weights) in enumerate(entries):
            number[tuple(np.array(_orderings(index)).T)] = k
            for name, total in sums.items():
                each = np.abs(weights) if name in ERRORS else weights
                total[..., k] = getattr(pure, name)[..., sources] @ each
            parts = np.abs(weights) * pure.error[..., sources]
            worst = np.argmax(parts, axis=-1)[..., None]
            status = np.take_along_axis(pure.status[..., sources], worst, axis=-1)
            told.status[..., k] = status[..., 0]
        return replace(told, **sums).take(number, parameter_axes=self.order)

    def _entries(
        self, column: dict[_Name, int]
    ) -> Iterator[tuple[tuple[int, ...], int, list[int], NDArray[np.float64]]]:
        """Yield the distinct entries.

        Of each its ascending index, the column of the direction that is its own, and those of the
        directions it is a sum of, with their weights.
        """
        for support in self.supports:
            table = entry_table(self.order, len(support), self.inward)
            h = np.array([self.steps[i] for i in support]) / self.common
            columns = [column[tuple(support[i] for i in places), m] for places, m in table.sources]
            for m, (powers, weights) in enumerate(zip(table.entries, table.weights, strict=True)):
                used = np.flatnonzero(weights)
                index = tuple(i for i, n in zip(support, powers, strict=True) for _ in range(n))
                unit = np.prod(h ** np.array(powers))
                yield index, column[support, m], [columns[k] for k in used], weights[used] / unit


def _orderings(index: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the distinct orderings of an index: of n equal numbers there is one, not n!."""
    if not index:
        return [()]
    firsts = {index[k]: index[:k] + index[k + 1 :] for k in range(len(index))}
    return [(first, *rest) for first, left in firsts.items() for rest in _orderings(left)]


def build_hyper_hessian(
    function: Callable[..., Any],
    theta0: Any,
    method: MethodLike = None,
    n_workers: int | None = None,
    *,
    order: int = 3,
    **options: Any,
) -> NDArray[np.float64]:
    """Return the tensor of an order at theta0; the bare array of `CalculusKit.hyper_hessian`.

    Parameters
    ----------
    function, theta0, method, n_workers, **options
        As for `build_gradient`.
    order : int
        Of the derivatives.

    Returns
    -------
    ndarray (p,) * order

    Examples
    --------
    >>> from derivkit.calculus.hyper_hessian import build_hyper_hessian
    >>> build_hyper_hessian(lambda x: x[0] ** 3, [2.0]).round(6).tolist()
    [[[6.0]]]
    """

    def tensor(problem: Problem) -> Tensor:
        return HyperHessian.of(problem, order)

    return values_of(function, theta0, tensor, method, n_workers, options)
