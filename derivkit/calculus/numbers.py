"""Derivatives of a function of one number, at one number or at many: a line for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.inputs import Problem
from derivkit.calculus.pieces import Answers, Stage, Stages, only_x0, stacked
from derivkit.engine.rays import NumberRay
from derivkit.methods.protocol import Line, Method

if TYPE_CHECKING:
    from derivkit.engine.model import Output

__all__ = ["AtNumbers", "OfNumber"]


@dataclass(frozen=True)
class OfNumber:
    """A function of one number as a model of one parameter."""

    function: Callable[[Any], Any]
    vectorized: bool = False

    def __call__(self, x: NDArray[Any]) -> Any:
        """Hand the only coordinate on: a number, or (n,) of them from (n, 1)."""
        return self.function(x[:, 0] if self.vectorized else x[0])


@dataclass(frozen=True)
class AtNumbers:
    """The derivative (*out, n) at each of n numbers; the first is the problem's x0."""

    starts: tuple[float, ...]
    scales: tuple[float, ...]
    order: int = 1

    def check_output(self, output: Output) -> None:
        """Accept every output."""

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow one line a number, and a first one on which x0 itself stands."""
        share = None if budget is None else budget // len(self.starts)
        low, high = float(problem.lower[0]), float(problem.upper[0])
        anchor, given = float(problem.x0[0]), bool(problem.scale_given[0])
        rays: list[Any] = [NumberRay(anchor, start, low, high) for start in (anchor, *self.starts)]
        solvers = [
            method.solve(Line(scale, low - x, high - x, x, given, share), self.order)
            for x, scale in zip(self.starts, self.scales, strict=True)
        ]
        answers = yield Stage(rays, [only_x0(), *solvers])
        pieces = stacked(
            Answers(
                answers.estimates[1:],
                answers.shape,
                answers.nfev_of[1:],
                answers.undefined_of[1:],
            )
        )
        names = tuple(f"x = {x!r}" for x in self.starts)
        extra = {"names": names, "x0": np.array(self.starts), "labels": None}
        return replace(pieces, extra=extra)

    def from_whole(self, whole: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take the only entry of each output's tensor (*out, 1, …, 1)."""
        return whole.reshape(*whole.shape[: whole.ndim - self.order], 1)
