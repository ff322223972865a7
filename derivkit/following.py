"""A method driven by hand, without engine or model: for tests, and to see what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.protocol import BudgetSpentError, Estimate, Line

__all__ = ["Function", "Run", "follow"]

Function: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
"""Takes places t (m,), returns outputs (m,) or (m, q)."""

MOST_REQUESTS = 200  # of one line; a method that asks more often does not end


@dataclass
class Run:
    """A method's dealings with one function on one line.

    Attributes
    ----------
    requests : list of ndarray
        The places asked for, request by request.
    estimate : Estimate or None
        None where it raised `BudgetSpentError`.
    """

    requests: list[NDArray[Any]] = field(default_factory=list)
    estimate: Estimate | None = None

    @property
    def places(self) -> NDArray[Any]:
        """All places asked for, and x0."""
        return np.concatenate([[0.0], *self.requests])

    @property
    def answer(self) -> Estimate:
        """The estimate, which there must be."""
        assert self.estimate is not None, "the method must return an Estimate"  # noqa: S101
        return self.estimate


def follow(
    method: Any, function: Function, line: Line | None = None, order: int = 1, *, grants: int = 999
) -> Run:
    """Drive a method by hand.

    Parameters
    ----------
    method : method value
    function : callable
        Takes places t (m,), returns outputs (m,) or (m, q); nan where undefined.
    line : Line, optional
    order : int
    grants : int
        How many requests are answered; the others are refused by `BudgetSpentError`.

    Examples
    --------
    >>> from derivkit.methods import Finite
    >>> run = follow(Finite(stepsize=0.5, num_points=3), lambda t: t**2 + t)
    >>> run.places.tolist(), run.answer.value.tolist()
    ([0.0, 0.0, -0.5, 0.5, -1.0, 1.0], [1.0])
    """
    run, solver = Run(), method.solve(line or Line(), order)
    try:
        points = next(solver)
        for _ in range(MOST_REQUESTS):
            if len(run.requests) < grants:
                run.requests.append(points)
                points = solver.send(_values(function, points))
            else:
                points = solver.throw(BudgetSpentError())
    except StopIteration as stop:
        run.estimate = stop.value
    except BudgetSpentError:
        run.estimate = None
    else:
        raise AssertionError(f"{method!r} still asks after {MOST_REQUESTS} requests")
    return run


def _values(function: Function, points: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(all="ignore"):
        values = np.asarray(function(points))
    values = values[:, None] if values.ndim == 1 else values
    return np.where(np.isfinite(values), values, np.nan)
