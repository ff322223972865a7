"""The Jacobian of a vector-valued function: p lines, first order, all outputs of each at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.driver import run
from derivkit.calculus.inputs import Problem, check_problem
from derivkit.calculus.lines import axis_lines
from derivkit.calculus.pieces import Stages, followed, stacked
from derivkit.engine.memo import Memo
from derivkit.methods.protocol import Method

if TYPE_CHECKING:
    from derivkit.engine.model import Output

__all__ = ["Jacobian", "build_jacobian", "must_be_array"]


@dataclass(frozen=True)
class Jacobian:
    """First derivatives (*out, p) of a function that returns an array of shape ``out``."""

    order: int = 1

    def check_output(self, output: Output) -> None:
        """Raise a TypeError if the output is a bare number."""
        must_be_array(output)

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow one line a parameter."""
        share = None if budget is None else budget // problem.p
        rays, lines = axis_lines(problem, share)
        return stacked((yield followed(rays, lines, method, 1)))


def must_be_array(output: Output) -> None:
    """Raise a TypeError if the output is a bare number."""
    if np.ndim(output) == 0:
        raise TypeError(
            "`function` must return an array for a Jacobian, got a scalar; "
            "use gradient for a scalar function"
        )


def build_jacobian(
    function: Callable[..., Any],
    theta0: Any,
    method: Any = None,
    n_workers: int | None = None,
    **options: Any,
) -> NDArray[np.float64]:
    """Return the Jacobian (m, p) of a function at theta0; see `CalculusKit.jacobian`."""
    problem = check_problem(function, theta0)
    return run(problem, Memo(), Jacobian(), method, n_workers=n_workers, **options).value
