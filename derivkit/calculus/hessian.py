"""The Hessian: second derivatives along the p axes and in the planes of every two of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.driver import run
from derivkit.calculus.inputs import Problem, check_problem
from derivkit.calculus.lines import axis_lines
from derivkit.calculus.pairs import along_axes, second_derivatives
from derivkit.calculus.pieces import Pieces, Stages, followed, stacked
from derivkit.engine.memo import Memo
from derivkit.methods.protocol import Method

if TYPE_CHECKING:
    from derivkit.engine.model import Output

__all__ = ["Hessian", "HessianDiag", "build_hessian", "build_hessian_diag", "hessian_among"]


@dataclass(frozen=True)
class HessianDiag:
    """Second derivatives (*out, p) with respect to each parameter."""

    order: int = 2

    def check_output(self, output: Output) -> None:
        """Accept every output."""

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow one line a parameter."""
        share = None if budget is None else budget // problem.p
        rays, lines = axis_lines(problem, share)
        return stacked((yield followed(rays, lines, method, 2)))

    def from_whole(self, whole: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take the diagonal of a Hessian (*out, p, p)."""
        return np.diagonal(whole, axis1=-2, axis2=-1)


@dataclass(frozen=True)
class Hessian:
    """Second derivatives (*out, p, p), exactly symmetric."""

    order: int = 2

    def check_output(self, output: Output) -> None:
        """Accept every output."""

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow the axes, then all pairs of them."""
        return hessian_among(problem, method, budget, range(problem.p))


def hessian_among(
    problem: Problem, method: Method, budget: int | None, indices: Sequence[int]
) -> Stages:
    """Return the second derivatives (*out, n, n) with respect to n of the parameters."""
    pairs = np.column_stack(np.triu_indices(len(indices), 1))
    diagonal, mixed = yield from second_derivatives(
        problem, method, budget, along_axes(indices), pairs
    )
    return _symmetric(diagonal, mixed, pairs)


def _symmetric(diagonal: Pieces, mixed: Pieces, pairs: NDArray[np.int64]) -> Pieces:
    """Put p diagonal entries and those of the pairs into matrices."""
    names = [f.name for f in fields(Pieces) if f.name != "extra"]
    matrices = {
        name: _matrix(getattr(diagonal, name), getattr(mixed, name), pairs) for name in names
    }
    return Pieces(**matrices, extra={"parameter_axes": 2})


def _matrix(diagonal: NDArray[Any], mixed: NDArray[Any], pairs: NDArray[np.int64]) -> NDArray[Any]:
    p = diagonal.shape[-1]
    matrix = np.empty((*diagonal.shape, p), dtype=diagonal.dtype)
    i, j = pairs.T
    matrix[..., np.arange(p), np.arange(p)] = diagonal
    matrix[..., i, j] = matrix[..., j, i] = mixed
    return matrix


def build_hessian(
    function: Callable[..., Any],
    theta0: Any,
    method: Any = None,
    n_workers: int | None = None,
    **options: Any,
) -> NDArray[np.float64]:
    """Return the Hessian (p, p) of a function at theta0; see `CalculusKit.hessian`."""
    problem = check_problem(function, theta0)
    return run(problem, Memo(), Hessian(), method, n_workers=n_workers, **options).value


def build_hessian_diag(
    function: Callable[..., Any],
    theta0: Any,
    method: Any = None,
    n_workers: int | None = None,
    **options: Any,
) -> NDArray[np.float64]:
    """Return the Hessian's diagonal (p,) at theta0; see `CalculusKit.hessian_diag`."""
    problem = check_problem(function, theta0)
    return run(problem, Memo(), HessianDiag(), method, n_workers=n_workers, **options).value
