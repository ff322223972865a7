"""Rounds: all open requests of all solvers go into one batch, until every solver has returned.

A solver that asks for nothing rests: it is resumed when all others have been sent the values of
the round, before the next batch is evaluated. One that yields a function waits for other solvers:
it is resumed once that returns True.

Knows generators, not methods: anything that yields points and returns an answer can be driven.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

__all__ = ["NOTHING", "Asker", "drive", "ended"]

Answer = TypeVar("Answer")

NOTHING = np.empty(0)

MOST_REFUSALS = 16  # a solver that still asks after this many refusals breaks the contract


class Asker(Protocol):
    """What a round needs of the evaluation."""

    def cost(self, line: int, points: Any) -> int:
        """Return how many new model calls the request would take."""
        ...

    def ask(self, requests: dict[int, Any]) -> dict[int, Any]:
        """Return the values for each line's points; without lines for which time has run out."""
        ...


def drive(
    solvers: Sequence[Generator[Any, Any, Answer]],
    asker: Asker,
    *,
    budget: int | None,
    refusal: Callable[[], BaseException],
) -> list[Answer | None]:
    """Run all solvers to their end, a batch a round, within ``budget`` model calls.

    A request that does not fit into what is left of the budget is refused by throwing
    ``refusal()`` into its solver, which then asks for less or returns. One that the asker leaves
    out, since the time is up, is refused everything. The answer of a solver that lets a refusal
    through is None.
    """
    answers: dict[int, Answer | None] = {}
    left = float("inf") if budget is None else budget
    requests = {
        line: r for line, s in enumerate(solvers) if (r := _next(s, line, answers)) is not None
    }
    while requests:
        waiting = {line for line, r in requests.items() if callable(r)}
        resting = [line for line, r in requests.items() if _may_go_on(r)]  # before the next batch
        asked = {line: NOTHING if line in waiting else requests[line] for line in resting}
        if not asked:
            asked = {line: r for line, r in requests.items() if line not in waiting}
            if budget is not None:
                granted, left = _granted(asked, solvers, asker, left, refusal, answers)
                requests |= granted
                asked = {line: r for line, r in granted.items() if not callable(r)}
            asked = asked or dict.fromkeys(waiting, NOTHING)  # nobody is left to wait for
        values = asker.ask(asked)
        for line in asked.keys() - values.keys():
            answers[line] = ended(solvers[line], refusal)
        for line in list(values):  # many where there are many outputs: none are held on to
            requests[line] = _send(solvers[line], line, values.pop(line), answers)
        requests = {line: r for line, r in requests.items() if line not in answers}
    return [answers[line] for line in range(len(solvers))]


def _may_go_on(request: Any) -> bool:
    """Whether a solver that made this request needs no values."""
    return bool(request()) if callable(request) else not len(request)


def _granted(
    requests: dict[int, Any],
    solvers: Sequence[Generator[Any, Any, Answer]],
    asker: Asker,
    left: float,
    refusal: Callable[[], BaseException],
    answers: dict[int, Answer | None],
) -> tuple[dict[int, Any], float]:
    """Return the requests that fit into the budget, and what is left of it after them."""
    granted: dict[int, Any] = {}
    for line, first in requests.items():
        points = first
        for _ in range(MOST_REFUSALS):
            cost = 0 if callable(points) else asker.cost(line, points)
            if cost <= left:
                granted[line] = points
                left -= cost
                break
            points = _throw(solvers[line], line, refusal(), answers)
            if points is None:
                break
        else:
            raise RuntimeError("a method keeps asking for points after its budget is spent")
    return granted, left


def ended(
    solver: Generator[Any, Any, Answer], refusal: Callable[[], BaseException]
) -> Answer | None:
    """Refuse a solver whatever it asks for until it returns its answer, or lets one through."""
    answers: dict[int, Answer | None] = {}
    for _ in range(MOST_REFUSALS):
        if _throw(solver, 0, refusal(), answers) is None:
            return answers[0]
    raise RuntimeError("a method keeps asking for points after its time is up")


def _next(solver: Generator[Any, Any, Answer], line: int, answers: dict[int, Answer | None]) -> Any:
    return _send(solver, line, None, answers)


def _send(
    solver: Generator[Any, Any, Answer], line: int, values: Any, answers: dict[int, Answer | None]
) -> Any:
    """Send values; return the next request, or None after noting the answer."""
    try:
        return solver.send(values)
    except StopIteration as stop:
        answers[line] = stop.value
        return None


def _throw(
    solver: Generator[Any, Any, Answer],
    line: int,
    refusal: BaseException,
    answers: dict[int, Answer | None],
) -> Any:
    try:
        return solver.throw(refusal)
    except StopIteration as stop:
        answers[line] = stop.value
    except BaseException as error:
        if error is not refusal:
            raise
        answers[line] = None
    return None
