"""The gradient of a scalar function: p lines, first order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.assembly import Stages, stacked, wrong_output
from derivkit.calculus.builders import builder
from derivkit.calculus.lines import axes_followed
from derivkit.calculus.problem import Problem
from derivkit.engine.model import is_nested
from derivkit.methods.protocol import Method

if TYPE_CHECKING:
    from derivkit.engine.model import Output

__all__ = ["Gradient", "build_gradient"]


@dataclass(frozen=True)
class Gradient:
    """First derivatives (p,) of a scalar function, and second ones where the samples give them."""

    order: int = 1

    def check_output(self, output: Output) -> None:
        """Raise a TypeError unless the output is one number."""
        if np.size(output) != 1 or is_nested(output):
            instead = "; use jacobian for a vector-valued function"
            raise wrong_output("a scalar for a gradient", output, instead)

    def from_whole(self, whole: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the gradient of an output that may be an array of one number."""
        return whole.reshape(whole.shape[-1])

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow one line a parameter."""
        results = yield axes_followed(problem, method, budget, 1)
        if math.prod(results.shape) == 1:  # an array of one number is a number
            results = replace(results, shape=())
        parts = stacked(results)
        parts.extra.update(_second_derivatives([e.also for e in results.estimates]))
        return parts


def _second_derivatives(found: Sequence[Mapping[int, Any]]) -> dict[str, Any]:
    """Return the Hessian's diagonal where every line has it, to be worked out if it is wanted."""
    if not all(2 in each for each in found):
        return {}

    @cache
    def values_and_errors() -> NDArray[np.float64]:
        return np.array([[value[0], error[0]] for value, error in (each[2] for each in found)])

    return {
        "hessian_diag": lambda: values_and_errors()[:, 0],
        "hessian_diag_error": lambda: values_and_errors()[:, 1],
    }


build_gradient = builder(
    "build_gradient",
    Gradient,
    "Return the gradient (p,) of a scalar function at theta0",
    "lambda x: x[0] ** 2 * x[1]",
    "[12.0, 4.0]",
)
