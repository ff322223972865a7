"""Derivatives at many points at once, a line for each parameter of each: numbers, or vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.assembly import Stage, Stages, followed, only_x0, stacked
from derivkit.calculus.gradient import Gradient
from derivkit.calculus.problem import Problem
from derivkit.engine.blocks import RayTable
from derivkit.errors import ModelError
from derivkit.methods.protocol import Line, Method

if TYPE_CHECKING:
    from derivkit.engine.model import Output

__all__ = ["AtPoints", "OfNumber", "around_a_defined_point"]


Result = TypeVar("Result")


@dataclass(frozen=True)
class OfNumber:
    """A function of one number as a model of one parameter."""

    function: Callable[[Any], Any]
    vectorized: bool = False

    def __call__(self, x: NDArray[Any], *args: Any, **kwargs: Any) -> Any:
        """Call the function with the only coordinate: a number, or (n,) of them from (n, 1)."""
        return self.function(x[:, 0] if self.vectorized else x[0], *args, **kwargs)


@dataclass(frozen=True, eq=False)
class AtPoints:
    """Pure derivatives (*out, n p) along the axes of n points, the first of them the problem's x0.

    Attributes
    ----------
    points, scales : ndarray (n, p)
    order : int
    numbers : sequence of n int, optional
        What to call the points, of a function that must be scalar.
    """

    points: NDArray[np.float64]
    scales: NDArray[np.float64]
    order: int = 1
    numbers: Sequence[int] | None = None

    def check_output(self, output: Output) -> None:
        """Raise a TypeError unless the output is one number, of points that are numbered."""
        if self.numbers is not None:
            Gradient().check_output(output)

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow one line a parameter of each point, and a first one on which x0 itself stands."""
        n, p = self.points.shape
        share = None if budget is None else budget // (n * p)
        which = np.append(0, np.arange(n * p))
        origin, moving = np.divmod(which, p)
        start = self.points.ravel()[which]
        lower, upper = problem.lower[moving], problem.upper[moving]
        rays = RayTable(
            self.points if p > 1 else self.points[0],
            moving[:, None],
            start[:, None],
            np.ones((len(which), 1)),
            lower[:, None],
            upper[:, None],
            origin if p > 1 else None,
        )
        fields = (self.scales.ravel()[which], lower - start, upper - start, start)
        given = problem.scale_given[moving].tolist()
        rows = zip(*(a.tolist() for a in fields), given, strict=True)
        lines = [
            Line(scale, low, high, x, known, share, point=k // p)
            for k, (scale, low, high, x, known) in enumerate(islice(rows, 1, None))
        ]
        if problem.steps is not None:
            own = [problem.steps[i] for i in moving.tolist()[1:]]
            lines = [replace(line, step=h) for line, h in zip(lines, own, strict=True)]
        stage = followed(rays, lines, method, self.order)
        solvers = [only_x0(), *stage.solvers]
        results = yield Stage(
            rays,
            solvers,
            lambda k: stage.likely(max(k - 1, 0)),
            starts_may_be_undefined=True,
            order=self.order,
        )
        parts = stacked(results.of(range(1, len(rays))))
        extra = {"names": self._names(problem), "x0": self.points.ravel()}
        return replace(parts, extra=extra)

    def _names(self, problem: Problem) -> tuple[str, ...]:
        if self.numbers is None:
            return tuple(f"x = {x!r}" for x in self.points.ravel().tolist())
        return tuple(f"{name} at points[{i}]" for i in self.numbers for name in problem.names)

    def from_whole(self, whole: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take the only entry of each output's tensor (*out, 1, …, 1)."""
        return whole.reshape(*whole.shape[: whole.ndim - self.order], 1)


def around_a_defined_point(
    n: int, compute: Callable[[list[int]], Result]
) -> tuple[list[int], Result]:
    """Compute at n points in an order that begins where the model is defined.

    The output at the first point says how many outputs there are. Where the model is undefined
    there, the next point takes its place.
    """
    first: ModelError | None = None
    for k in range(n):
        order = [k, *range(k), *range(k + 1, n)]
        try:
            return order, compute(order)
        except ModelError as error:
            if not error.undefined:
                raise
            first = first or error
    raise first or ValueError("there are no points")
