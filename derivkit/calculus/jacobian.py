"""The Jacobian of a vector-valued function: p lines, first order, all outputs of each at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from derivkit.calculus.assembly import Stages, stacked, wrong_output
from derivkit.calculus.builders import builder
from derivkit.calculus.lines import axes_followed
from derivkit.calculus.problem import Problem
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
        return stacked((yield axes_followed(problem, method, budget, 1)))


def must_be_array(output: Output) -> None:
    """Raise a TypeError if the output is a bare number."""
    if np.ndim(output) == 0:
        instead = "; use gradient for a scalar function"
        raise wrong_output("an array for a Jacobian", output, instead)


build_jacobian = builder(
    "build_jacobian",
    Jacobian,
    "Return the Jacobian (m, p) of a function at theta0",
    "lambda x: [x[0] ** 2, x[0] * x[1]]",
    "[[4.0, 0.0], [3.0, 2.0]]",
)
