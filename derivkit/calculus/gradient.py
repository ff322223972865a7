"""The gradient of a scalar function: p lines, first order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.driver import run
from derivkit.calculus.inputs import Problem, check_problem
from derivkit.calculus.lines import axis_lines
from derivkit.calculus.pieces import Answers, Stages, followed, stacked
from derivkit.engine.memo import Memo
from derivkit.methods.protocol import Method

if TYPE_CHECKING:
    from derivkit.engine.model import Output

__all__ = ["Gradient", "build_gradient"]


@dataclass(frozen=True)
class Gradient:
    """First derivatives (p,) of a scalar function.

    With ``with_second``, second ones too, where the method has them from the same samples.
    """

    order: int = 1
    with_second: bool = True

    def check_output(self, output: Output) -> None:
        """Raise a TypeError unless the output is one number."""
        if np.size(output) != 1:
            raise TypeError(
                f"`function` must return a scalar for a gradient, got an array of shape "
                f"{np.shape(output)}; use jacobian for a vector-valued function"
            )

    def from_whole(self, whole: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the gradient of an output that may be an array of one number."""
        return whole.reshape(whole.shape[-1])

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow one line a parameter."""
        share = None if budget is None else budget // problem.p
        rays, lines = axis_lines(problem, share)
        answers = yield followed(rays, lines, method, 1)
        pieces = stacked(Answers(answers.estimates, (), answers.nfev_of, answers.undefined_of))
        if self.with_second:
            pieces.extra.update(_second_derivatives(answers))
        return pieces


def _second_derivatives(answers: Answers) -> dict[str, Any]:
    """Return the Hessian's diagonal where every line gave it as a by-product."""
    found = [e.also[2] for e in answers.estimates if 2 in e.also]
    if len(found) < len(answers.estimates):
        return {}
    return {
        "hessian_diag": np.array([value[0] for value, _ in found]),
        "hessian_diag_error": np.array([error[0] for _, error in found]),
    }


def build_gradient(
    function: Callable[..., Any],
    theta0: Any,
    method: Any = None,
    n_workers: int | None = None,
    **options: Any,
) -> NDArray[np.float64]:
    """Return the gradient (p,) of a scalar function at theta0; see `CalculusKit.gradient`."""
    problem = check_problem(function, theta0)
    return run(
        problem, Memo(), Gradient(with_second=False), method, n_workers=n_workers, **options
    ).value
