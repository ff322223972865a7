"""Sparse Jacobians and Hessians: columns that share no row are moved together.

Grouping is scipy's: `scipy.optimize._numdiff.group_columns` is the compiled greedy grouping of
Curtis, Powell and Reid that `least_squares(jac_sparsity=…)` rests on; a package of its own
(ColPack) would be one more thing to compile, for groupings that are no smaller on banded patterns.

References
----------
Curtis, A. R., Powell, M. J. D. and Reid, J. K. (1974), On the estimation of sparse Jacobian
matrices, doi:10.1093/imamat/13.1.117.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.assembly import (
    Stage,
    StageResults,
    Stages,
    TensorParts,
    stacked,
    wrong_output,
)
from derivkit.calculus.jacobian import must_be_array
from derivkit.calculus.lines import axis_lines, oblique_line
from derivkit.calculus.mixed_seconds import along_axes, second_derivatives
from derivkit.calculus.problem import Problem
from derivkit.methods.protocol import Estimate, Line, Method, Solver
from derivkit.results.sparse_result import SparseResult
from derivkit.status import Status
from derivkit.validation import check_unmasked, shown

if TYPE_CHECKING:
    from derivkit.engine.model import Output

__all__ = ["Pattern", "SparseHessian", "SparseJacobian", "check_sparsity", "grouped"]

PROBES = (2.0**-7, 2.0**-27)  # of the scale: a step that shows dependence, one that shows noise
ABOVE_NOISE = 10.0  # times what the small step changes: a change that is dependence


class Matrix(Protocol):
    """What has a shape: an array, or a sparse one."""

    @property
    def shape(self) -> Any: ...


Pattern: TypeAlias = int | str | Matrix
"""Which entries are not zero: a matrix that says so, a bandwidth, or "detect"."""


def check_sparsity(sparsity: Any, p: int, *, square: bool = False) -> Any:
    """Return a pattern as a scipy.sparse CSR array of bools, or "detect", or a bandwidth.

    Raises
    ------
    TypeError, ValueError
        If it is none of these or does not have p columns.
    """
    from scipy import sparse  # noqa: PLC0415 - only sparse tensors need it

    if isinstance(sparsity, str):
        if sparsity != "detect":
            raise ValueError(
                "`sparsity` must be a pattern, a bandwidth or 'detect', got " + shown(sparsity)
            )
        if square:
            raise ValueError("`sparsity` of a Hessian must be a pattern or a bandwidth")
        return sparsity
    if isinstance(sparsity, (int, np.integer)) and not isinstance(sparsity, bool):
        if sparsity < 0:
            raise ValueError(f"`sparsity` must be a bandwidth of at least 0, got {sparsity}")
        return _band(p, p, min(int(sparsity), p - 1))
    if not sparse.issparse(sparsity) and not isinstance(sparsity, np.ndarray):
        raise TypeError(
            "`sparsity` must be a scipy.sparse or numpy pattern, a bandwidth or 'detect', got "
            f"{type(sparsity).__name__}"
        )
    check_unmasked("sparsity", sparsity)
    given: Any = sparsity
    if given.ndim != 2:
        raise ValueError(f"`sparsity` must have two axes, got shape {given.shape}")
    pattern: Any = sparse.csr_array(given, dtype=bool)
    pattern.eliminate_zeros()
    if pattern.ndim != 2 or pattern.shape[1] != p or (square and pattern.shape[0] != p):
        wanted = f"({p}, {p})" if square else f"(m, {p})"
        raise ValueError(f"`sparsity` must have shape {wanted}, got {pattern.shape}")
    return pattern


def grouped(pattern: Any) -> NDArray[np.int64]:
    """Return a group for every column, so that no two columns of a group share a row."""
    from scipy.optimize._numdiff import group_columns  # noqa: PLC0415 - see the head

    natural = group_columns(pattern, order=np.arange(pattern.shape[1]))
    shuffled = group_columns(pattern, order=0)
    fewer = natural if natural.max() <= shuffled.max() else shuffled
    return np.asarray(fewer, dtype=np.int64)


def _band(m: int, p: int, width: int) -> Any:
    from scipy import sparse  # noqa: PLC0415

    offsets = range(-width, width + 1)
    return sparse.csr_array(
        sparse.diags([True] * len(offsets), offsets=list(offsets), shape=(m, p), dtype=bool)
    )


@dataclass(frozen=True, eq=False)
class SparseJacobian:
    """The entries (nnz,) of a Jacobian (m, p) whose pattern is known, or to be detected."""

    pattern: Any
    order: int = 1

    def check_output(self, output: Output) -> None:
        """Raise if the output is a number, or of another length than the pattern."""
        must_be_array(output)
        if np.ndim(output) != 1:
            raise wrong_output("a row of outputs for a sparse Jacobian", output)
        if (
            not isinstance(self.pattern, str)
            and len(np.atleast_1d(output)) != self.pattern.shape[0]
        ):
            raise ValueError(
                f"`sparsity` must have a row for each of the {np.size(output)} outputs, got "
                f"{self.pattern.shape[0]}"
            )

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Find the pattern if it is to be found; then follow one line a group of columns."""
        problem.all_must_vary("sparsity=")
        pattern = self.pattern
        if isinstance(pattern, str):
            pattern = yield from _detected(problem)
            budget = budget and max(0, budget - len(PROBES) * problem.p)
        groups = grouped(pattern)
        count = int(groups.max()) + 1
        share = None if budget is None else budget // count
        weights = _inward(problem)
        rays, solvers, units = [], [], []
        for columns in _members(groups, count):
            moves = weights[columns]
            # a column by itself is an axis, which is followed upwards
            unit = float(moves[0] if len(moves) == 1 else np.abs(moves).max())
            ray, line = oblique_line(
                problem, columns.tolist(), moves / unit, scale=abs(unit), share=share
            )
            rays.append(ray)
            solvers.append(method.solve(line, 1))
            units.append(unit)
        answers = yield Stage(rays, solvers)
        return _entries(pattern, groups, weights / np.array(units)[groups], answers)

    def build(self, **fields: Any) -> SparseResult:
        """Return the result that holds matrices."""
        return SparseResult.of(**fields)


@dataclass(frozen=True, eq=False)
class SparseHessian:
    """The entries of a scalar function's Hessian within a symmetric pattern (p, p).

    Every pair takes its own calls, since a call returns one number: a Hessian of many parameters
    is far cheaper as the sparse Jacobian of a gradient, where there is one.
    """

    pattern: Any
    order: int = 2

    def check_output(self, output: Output) -> None:
        """Raise a TypeError unless the output is one number."""
        if np.size(output) != 1:
            raise wrong_output("a scalar for a sparse Hessian", output)

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow all axes, and the pairs of the pattern."""
        from scipy import sparse  # noqa: PLC0415 - only sparse tensors need it

        problem.all_must_vary("sparsity=")
        p = problem.p
        i, j = sparse.triu(self.pattern + self.pattern.T, k=1).nonzero()
        pairs = np.column_stack([i, j]).astype(np.int64)
        pure, mixed = yield from second_derivatives(
            problem, method, budget, along_axes(range(p)), pairs
        )
        every = np.arange(p)
        rows, columns = np.concatenate([every, i, j]), np.concatenate([every, j, i])
        extra = {"rows": rows, "columns": columns, "shape": (p, p)}
        both = pure.joined(mixed).joined(mixed)  # each pair above the diagonal and below
        one_number = 0 if both.value.ndim > 1 else ...  # in an array of one, or bare
        return both.take(slice(None), outputs=one_number, **extra)

    def build(self, **fields: Any) -> SparseResult:
        """Return the result that holds matrices."""
        return SparseResult.of(**fields)


def _inward(problem: Problem) -> NDArray[np.float64]:
    """Return each parameter's scale, negative where there is more room below than above."""
    below, above = problem.x0 - problem.lower, problem.upper - problem.x0
    scale = 2.0 ** np.floor(np.log2(problem.scale))
    return np.where(above < np.minimum(below, problem.scale), -scale, scale)


def _members(groups: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    """Return the columns of each group, ascending."""
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.searchsorted(groups[order], np.arange(1, count)))


def _entries(
    pattern: Any, groups: NDArray[np.int64], weights: NDArray[np.float64], results: StageResults
) -> TensorParts:
    """Read each entry of the pattern off the line of its column's group."""
    coo = pattern.tocoo()
    line, moved = groups[coo.col], weights[coo.col]
    extra = {"rows": coo.row, "columns": coo.col, "shape": pattern.shape}
    read = stacked(results).take(line, outputs=coo.row, **extra).scaled(1.0 / moved)
    size = np.abs(moved)
    return replace(read, step=read.step * size, reach=read.reach * size)


def _detected(problem: Problem) -> Any:
    """Return which outputs change with which parameters, by more than the noise."""
    from scipy import sparse  # noqa: PLC0415

    rays, lines = axis_lines(problem)
    answers = yield Stage(rays, [_probe(line) for line in lines], order=0)
    large = np.array([e.value for e in answers.estimates]).T
    small = np.array([e.error for e in answers.estimates]).T
    large = np.where(np.isnan(large), np.inf, large)  # not seen within the budget: it may depend
    small = np.where(np.isinf(small), 0.0, small)
    noise = np.maximum(np.median(small, axis=1, keepdims=True), small)
    return sparse.csr_array(large > ABOVE_NOISE * noise)


def _probe(line: Line) -> Solver:
    """Return by how much a large step changes each output, and by how much a tiny one."""
    side = 1.0 if line.upper >= -line.lower else -1.0
    room = max(line.upper, -line.lower)
    t = side * np.minimum(np.array(PROBES) * line.scale, room * np.array([1.0, 0.5]))
    values = yield np.append(0.0, t)
    changes = np.abs(values[1:] - values[0])
    changes = np.where(np.isnan(changes), np.inf, changes)  # undefined: it does depend
    return Estimate(changes[0], np.where(np.isinf(changes[1]), 0.0, changes[1]), Status.EXACT)
