"""What a tensor is made of on its way to a result: stages of lines, answers, and pieces."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.rays import Ray
from derivkit.methods.protocol import Estimate, Line, Method, Points, Solver, likely, solvers
from derivkit.status import Status

if TYPE_CHECKING:
    from derivkit.calculus.inputs import Problem
    from derivkit.engine.model import Output

__all__ = ["Answers", "Pieces", "Stage", "Stages", "Tensor", "followed", "only_x0", "stacked"]


def _nothing_likely(_: int) -> Points:
    return np.empty(0)


@dataclass(frozen=True, slots=True)
class Stage:
    """Lines that can be followed at the same time: a ray and a running solver for each.

    Attributes
    ----------
    rays : list of Ray
    solvers : list of Solver
    likely : callable
        Takes the number of a line, returns places it may ask for after its first request.
    """

    rays: list[Ray]
    solvers: list[Solver]
    likely: Callable[[int], Points] = _nothing_likely


@dataclass(frozen=True, slots=True)
class Answers:
    """The estimates of one stage and what they cost.

    Attributes
    ----------
    estimates : list of Estimate
        One a line.
    shape : tuple of int
        The model's output shape.
    nfev_of : list of int
        Model calls of each line, x0 apart.
    undefined_of : list of int
        How many of them were undefined.
    """

    estimates: list[Estimate]
    shape: tuple[int, ...]
    nfev_of: list[int]
    undefined_of: list[int]


@dataclass(frozen=True, slots=True)
class Pieces:
    """A tensor's arrays, put together; ``P`` stands for its parameter axes.

    Attributes
    ----------
    value, error, status, step, noise : ndarray (*out, *P)
    nfev, undefined, reach : ndarray P
        Calls of the line that belongs to each entry, undefined ones, and the largest t.
    extra : dict
        Further fields of the result.
    """

    value: NDArray[np.float64]
    error: NDArray[np.float64]
    status: NDArray[Any]
    step: NDArray[np.float64]
    noise: NDArray[np.float64]
    nfev: NDArray[np.int64]
    undefined: NDArray[np.int64]
    reach: NDArray[np.float64]
    extra: dict[str, Any] = field(default_factory=dict)


Stages: TypeAlias = Generator[Stage, Answers, Pieces]
"""A tensor at work: yields stages, is sent their answers, returns its pieces."""


class Tensor(Protocol):
    """What a tensor needs of the model, and how it is put together. A frozen value."""

    @property
    def order(self) -> int:
        """How often the model is differentiated."""
        ...

    def check_output(self, output: Output) -> None:
        """Raise a TypeError if the model's output is not of the kind this tensor is for."""
        ...

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Yield the lines needed, stage by stage; return the assembled pieces.

        ``budget`` is how many model calls, x0 apart, may be expected; the driver enforces it.
        """
        ...


def followed(rays: list[Ray], lines: Sequence[Line], method: Method, order: int) -> Stage:
    """Return the stage that has a method follow lines."""
    return Stage(rays, solvers(method, lines, order), lambda k: likely(method, lines[k], order))


def stacked(answers: Answers) -> Pieces:
    """Put one estimate a line side by side: arrays (*out, lines)."""
    estimates, shape = answers.estimates, answers.shape
    n = len(estimates)
    whole = (*shape, n)
    return Pieces(
        value=np.array([e.value for e in estimates]).T.reshape(whole),
        error=np.array([e.error for e in estimates]).T.reshape(whole),
        status=_statuses(estimates).T.reshape(whole),
        step=_spread([e.step for e in estimates], whole),
        noise=_spread([e.noise for e in estimates], whole),
        nfev=np.array(answers.nfev_of),
        undefined=np.array(answers.undefined_of),
        reach=np.array([e.reach for e in estimates]),
    )


def _statuses(estimates: Sequence[Estimate]) -> NDArray[Any]:
    table = np.empty((len(estimates), len(estimates[0].value)), dtype=object)
    for row, estimate in enumerate(estimates):
        status = estimate.status
        table[row] = status if isinstance(status, Status) else list(status)
    return table


def _spread(entries: Sequence[Any], whole: tuple[int, ...]) -> NDArray[np.float64]:
    """Return numbers, or arrays of q numbers, one a line, as an array (*out, lines)."""
    q = int(np.prod(whole[:-1]))
    if all(isinstance(entry, float) for entry in entries):
        one = np.array(entries)
        return one.reshape(whole) if q == 1 else np.broadcast_to(one, whole)
    rows = [e if np.shape(e) == (q,) else np.broadcast_to(e, q) for e in entries]
    return np.array(rows, float).T.reshape(whole)


def only_x0() -> Solver:
    """Ask for x0 and know no derivative: for a line on which bounds leave no second point."""
    values = yield np.zeros(1)
    q = values.shape[1]
    return Estimate(np.full(q, np.nan), np.full(q, np.inf), Status.UNDEFINED)
