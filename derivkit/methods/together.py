"""Lines that are alike are judged in one go: courses that put questions beside asking for samples.

A course is a solver that may also yield a `Question`, and is sent the answer. Run alone, it gets
each at once. Run together, courses leave their questions, ask for nothing, and when the first is
resumed all questions of a kind are answered in one product, to the same bits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Hashable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np

from derivkit.methods.protocol import BudgetSpentError, Estimate, Line, Points, Solver

__all__ = [
    "NOTHING",
    "Course",
    "CourseMethod",
    "Pool",
    "Question",
    "alone",
    "at_once",
    "solved",
    "together",
]

Course: TypeAlias = Generator[Any, Any, Estimate]
"""Yields `Points` and questions."""

T = TypeVar("T")

NOTHING: Points = np.empty(0)


class Question(Protocol):
    """Something that is worked out for many lines at a time."""

    @property
    def kind(self) -> Hashable:
        """Return what questions have in common that are answered together."""
        ...

    def answered(self, alike: Sequence[Any]) -> Sequence[Any]:
        """Return the answers to questions of this kind, the same bits for any number of them."""
        ...


def alone(course: Course) -> Solver:
    """Run a course by itself."""
    return solved(course, None, 0)


def at_once(asking: Generator[Any, Any, T]) -> T:
    """Return what a generator returns whose questions are answered as it asks them."""
    try:
        question = next(asking)
        while True:
            question = asking.send(question.answered([question])[0])
    except StopIteration as stop:
        returned: T = stop.value
        return returned


def together(courses: Sequence[Course]) -> list[Solver]:
    """Run courses in common rounds."""
    if len(courses) == 1:
        return [alone(courses[0])]
    pool = Pool()
    return [solved(course, pool, k) for k, course in enumerate(courses)]


class CourseMethod(ABC):
    """A method that is written as a course, and so can be run alone or for many lines together."""

    @abstractmethod
    def course(self, line: Line, order: int) -> Course:
        """Differentiate ``order`` times with respect to t, at t = 0."""

    def solve(self, line: Line, order: int) -> Solver:
        """Differentiate ``order`` times with respect to t, at t = 0."""
        return alone(self.course(line, order))

    def solve_together(self, lines: Sequence[Line], order: int) -> list[Solver]:
        """Return a solver for each line; what is alike is judged in one go."""
        return together([self.course(line, order) for line in lines])


class Pool:
    """Questions that wait for an answer, and answers that wait to be fetched, by course k."""

    def __init__(self) -> None:
        self._open: dict[int, Question] = {}
        self._answers: dict[int, Any] = {}

    def leave(self, k: int, question: Question) -> None:
        """Take the question of a course."""
        self._open[k] = question

    def answer(self, k: int) -> Any:
        """Return its answer; of all that wait, those of a kind are answered in one go."""
        if k in self._open:
            alike: dict[Hashable, list[int]] = {}
            for n in sorted(self._open):
                alike.setdefault(self._open[n].kind, []).append(n)
            for group in alike.values():
                questions = [self._open[n] for n in group]
                self._answers.update(zip(group, questions[0].answered(questions), strict=True))
            self._open.clear()
        return self._answers.pop(k)


def solved(course: Course, pool: Pool | None, k: int) -> Solver:
    """Drive course k of a pool: hand on what it asks for, and see to its questions."""
    try:
        said = next(course)
        while True:
            if isinstance(said, np.ndarray):
                try:
                    values = yield said
                except BudgetSpentError as spent:
                    pool = None  # what it still asks is answered at once: nothing is granted
                    said = course.throw(spent)
                else:
                    said = course.send(values)
            elif pool is None:
                said = course.send(said.answered([said])[0])
            else:
                company = pool
                company.leave(k, said)
                try:
                    yield NOTHING
                except BudgetSpentError:  # it is told so again where it asks for more
                    pool = None
                said = course.send(company.answer(k))
    except StopIteration as stop:
        answer: Estimate = stop.value
        return answer
