"""Symmetric tensors of any order: the axes, then the directions that `directions` asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations, permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.axes import Log, recorded, steps_of
from derivkit.calculus.directions import directions_of, table_of
from derivkit.calculus.driver import run
from derivkit.calculus.hessian import hessian_among
from derivkit.calculus.inputs import Problem, check_count, check_problem
from derivkit.calculus.lines import axis_lines, oblique_line
from derivkit.calculus.pieces import Pieces, Stage, Stages, only_x0, stacked
from derivkit.engine.memo import Memo
from derivkit.methods.protocol import Estimate, Method, Solver
from derivkit.status import Status

if TYPE_CHECKING:
    from derivkit.engine.model import Output

__all__ = ["HyperHessian", "build_hyper_hessian", "tensor_among"]

FIELDS = ("value", "error", "status", "step", "noise", "nfev", "undefined", "reach")


@dataclass(frozen=True)
class HyperHessian:
    """Derivatives of one order (*out, p, …, p), exactly symmetric; order 0 is f(x0)."""

    order: int = 3

    def check_output(self, output: Output) -> None:
        """Accept every output."""

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow what the order needs."""
        return tensor_among(problem, method, budget, self.order, range(problem.p))


def tensor_among(
    problem: Problem, method: Method, budget: int | None, order: int, indices: Sequence[int]
) -> Stages:
    """Return the derivatives (*out, n, …, n) of an order with respect to n of the parameters."""
    if order == 0:
        return _value(problem)
    if order == 1:
        return _first(problem, method, budget, indices)
    if order == 2:
        return hessian_among(problem, method, budget, indices)
    return _tensor(problem, method, order, indices)


def _first(problem: Problem, method: Method, budget: int | None, indices: Sequence[int]) -> Stages:
    rays, lines = axis_lines(problem, None if budget is None else budget // len(indices), indices)
    return stacked((yield Stage(rays, [method.solve(line, 1) for line in lines])))


def _value(problem: Problem) -> Stages:
    """Evaluate the model at x0."""
    rays, _ = axis_lines(problem, indices=[0])
    pieces = stacked((yield Stage(rays, [_at_x0()])))
    rows = {name: getattr(pieces, name)[..., 0] for name in FIELDS}
    return Pieces(**rows, extra={"parameter_axes": 0})


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
    answers = yield Stage(rays, solvers)
    steps = steps_of(answers.estimates, lines, logs)
    closed = any(c for _, c in steps)
    lattice = _Lattice(problem, method, order, indices, [h for h, _ in steps], closed)
    known: dict[_Name, _Known] = {
        ((i,), 0): _Known(estimate, calls, lost, abs(lattice.steps[i]) ** order)
        for i, (estimate, calls, lost) in enumerate(
            zip(answers.estimates, answers.nfev_of, answers.undefined_of, strict=True)
        )
    }
    if len(indices) > 1:
        stage, names, units = lattice.stage()
        more = yield stage
        for name, unit, estimate, calls, lost in zip(
            names, units, more.estimates, more.nfev_of, more.undefined_of, strict=True
        ):
            known[name] = _Known(estimate, calls, lost, unit**order)
    return lattice.assemble(known, answers.shape)


@dataclass(frozen=True, slots=True)
class _Known:
    """A pure derivative along one direction; ``unit`` turns it into units of the steps."""

    estimate: Estimate
    calls: int
    undefined: int
    unit: float


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
        return Stage(rays, solvers), names, units

    def assemble(self, known: dict[_Name, _Known], shape: tuple[int, ...]) -> Pieces:
        """Solve for every entry and write it to all its places."""
        p, k = len(self.indices), self.order
        q = int(np.prod(shape))
        arrays: dict[str, NDArray[Any]] = {
            name: np.empty((q, *(p,) * k), dtype=object if name == "status" else float)
            for name in FIELDS[:5]
        }
        arrays |= {name: np.zeros((p,) * k, dtype=int) for name in ("nfev", "undefined")}
        arrays["reach"] = np.zeros((p,) * k)
        for index, entry in self._entries(known):
            places = tuple(np.array(sorted(set(permutations(index)))).T)
            for name in FIELDS:
                arrays[name][(..., *places)] = (
                    np.asarray(entry[name])[:, None] if name in FIELDS[:5] else entry[name]
                )
        for name in FIELDS[:5]:
            arrays[name] = arrays[name].reshape(*shape, *(p,) * k)
        return Pieces(**arrays, extra={"parameter_axes": k})

    def _entries(
        self, known: dict[_Name, _Known]
    ) -> Iterator[tuple[tuple[int, ...], dict[str, Any]]]:
        """Yield the ascending index of every distinct entry, and what is known of it."""
        for support in self.supports:
            table = table_of(self.order, len(support), self.inward)
            h = np.array([self.steps[i] for i in support])
            for m, (powers, weights) in enumerate(zip(table.entries, table.weights, strict=True)):
                used = np.flatnonzero(weights)
                sources = [
                    known[tuple(support[i] for i in table.sources[s][0]), table.sources[s][1]]
                    for s in used
                ]
                unit = float(np.prod(h ** np.array(powers)))
                own = known[support, m]
                index = tuple(i for i, n in zip(support, powers, strict=True) for _ in range(n))
                yield index, _combined(sources, weights[used] / unit, own)


def _combined(sources: list[_Known], weights: NDArray[np.float64], own: _Known) -> dict[str, Any]:
    """Return a weighted sum of pure derivatives, with the sum of their errors."""
    units = weights * np.array([s.unit for s in sources])
    values = np.array([s.estimate.value for s in sources])
    parts = np.abs(units)[:, None] * np.array([s.estimate.error for s in sources])
    worst = np.argmax(parts, axis=0)
    q = values.shape[1]
    return {
        "value": units @ values,
        "error": parts.sum(axis=0),
        "status": [sources[s].estimate.statuses()[k] for k, s in enumerate(worst.tolist())],
        "step": np.broadcast_to(own.estimate.step, q),
        "noise": np.broadcast_to(own.estimate.noise, q),
        "nfev": own.calls,
        "undefined": own.undefined,
        "reach": own.estimate.reach,
    }


def build_hyper_hessian(
    function: Callable[..., Any],
    theta0: Any,
    method: Any = None,
    n_workers: int | None = None,
    *,
    order: int = 3,
    **options: Any,
) -> NDArray[np.float64]:
    """Return the tensor of an order at theta0; see `CalculusKit.hyper_hessian`."""
    problem = check_problem(function, theta0)
    tensor = HyperHessian(check_count("order", order, least=0))
    return run(problem, Memo(), tensor, method, n_workers=n_workers, **options).value
