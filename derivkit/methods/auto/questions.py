"""What outputs want to know of their samples, answered for all that ask in one go.

The search of an output yields a question and is sent the answer; the search of a line gathers the
questions of its outputs (`LineQuestions`). Those of a kind cost little more than one of them,
whatever lines they are about.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.auto.criteria import Goal, Sides, compare_sides, content
from derivkit.methods.auto.lepski import Selection, select
from derivkit.methods.fit.samples import Columns, Samples, columns_of
from derivkit.methods.fit.window import EPS, Noise, WindowFit

__all__ = ["QUIET", "FitQuestion", "LineQuestions", "Question", "Reply", "SidesQuestion", "driven"]

Floats = NDArray[np.float64]

EVERYWHERE = (0.0, -math.inf, math.inf)

QUIET = np.errstate(all="ignore")
"""Beyond the range of floats an error is inf or nan: no claim."""


class FitQuestion(NamedTuple):
    """What do all windows say of a derivative? Answered with a `Selection`, or None for nothing.

    Attributes
    ----------
    order
    noise
        Its level and how many coefficients that is worth, where the output is known to be noisy.
    grains
        As in `lepski.select`.
    within
        Samples nearer to x0 than the first of these are left out, and those not between the others.
    narrowest
        Windows must be wider than this.
    """

    order: int
    noise: tuple[float, float] | None = None
    grains: bool = True
    within: tuple[float, float, float] = EVERYWHERE
    narrowest: float = 0.0

    @property
    def kind(self) -> Hashable:
        """What questions have in common that are answered together."""
        return (self.order, self.noise is None, self.grains)

    @property
    def samples(self) -> Hashable:
        """What those of one line have in common that are about the same samples."""
        return self.within

    def answered(
        self, lines: list[Columns], goal: Goal, alike: list[FitQuestion]
    ) -> list[Selection | None]:
        """Return the answers to questions of this kind, about the columns of some lines."""

        def enough(v: WindowFit, columns: NDArray[np.intp]) -> NDArray[np.bool_]:
            return content(v, goal.of(columns), self.order)

        noise = _known([question.noise for question in alike])
        narrowest = np.array([question.narrowest for question in alike])
        return select(lines, self.order, noise, enough, narrowest, grains=self.grains)


class SidesQuestion(NamedTuple):
    """What do the two sides of x0 say, each by itself, within the radius? See `Sides`."""

    order: int
    radius: float
    eps: float = EPS
    noise: tuple[float, float] | None = None
    within: tuple[float, float, float] = EVERYWHERE

    @property
    def kind(self) -> Hashable:
        """What questions have in common that are answered together."""
        return (self.order, self.noise is None)

    @property
    def samples(self) -> Hashable:
        """What those of one line have in common that are about the same samples."""
        return self.within, self.radius

    def answered(
        self,
        lines: list[Columns],
        goal: Goal,  # noqa: ARG002 - of the other kind
        alike: list[SidesQuestion],
    ) -> list[Sides | None]:
        """Return the answers to questions of this kind, about the columns of some lines."""
        eps, noise = np.array([q.eps for q in alike]), _known([q.noise for q in alike])
        radius = [alike[columns[0]].radius for columns in columns_of(lines)]
        return compare_sides(lines, radius, self.order, eps, noise)


def _known(noise: list[tuple[float, float] | None]) -> Noise | None:
    known = np.array([each for each in noise if each is not None])
    return Noise(known[:, 0], known[:, 1]) if known.size else None


Question: TypeAlias = FitQuestion | SidesQuestion


class Reply(Enum):
    """What an output's search is told of the places it asked for."""

    SERVED = auto()  # their samples have come
    DEFERRED = auto()  # samples have come, but those that other outputs asked for
    CLOSED = auto()  # there will be no more


@dataclass(frozen=True, eq=False, slots=True)
class LineQuestions:
    """What outputs j of one line ask at a time; answered with a dict of their answers.

    Attributes
    ----------
    samples : Samples
    origin : float
        The line's.
    goal : Goal
    asked : mapping of int to Question
    """

    samples: Samples
    origin: float
    goal: Goal
    asked: Mapping[int, Question]

    @property
    def kind(self) -> Hashable:
        """What lines have in common whose questions are answered together."""
        return self.goal.rtol, self.goal.atol, self.goal.enough is None

    @QUIET
    def answered(self, alike: Sequence[LineQuestions]) -> list[dict[int, Any]]:
        """Return the answers of each line, the same bits for any number of lines."""
        kinds: dict[Hashable, list[tuple[int, list[int]]]] = {}
        for n, line in enumerate(alike):
            for js in _asking_alike(line):
                question = line.asked[js[0]]
                kinds.setdefault((type(question), question.kind), []).append((n, js))
        answers: list[dict[int, Any]] = [{} for _ in alike]
        for groups in kinds.values():
            questions: list[Any] = [alike[n].asked[j] for n, js in groups for j in js]
            columns = [
                alike[n].samples.columns(js, alike[n].origin, alike[n].asked[js[0]].within)
                for n, js in groups
            ]
            goal = Goal.joined([alike[n].goal.of(np.array(js)) for n, js in groups])
            found = iter(questions[0].answered(columns, goal, questions))
            for n, js in groups:
                answers[n].update(zip(js, islice(found, len(js)), strict=True))
        return answers


def _asking_alike(line: LineQuestions) -> Iterable[list[int]]:
    """Return the outputs that are asked alike about the same samples, and defined at the same."""
    alike: dict[Hashable, list[int]] = {}
    for j, question in line.asked.items():
        same = type(question), question.kind, question.samples, line.samples.pattern(j)
        alike.setdefault(same, []).append(j)
    return alike.values()


def driven(
    courses: Mapping[int, Generator[Question | Floats, Any, Any]],
    told: Mapping[int, Any],
    line: Callable[[dict[int, Question]], LineQuestions],
) -> Generator[LineQuestions, dict[int, Any], tuple[dict[int, Floats], dict[int, Any]]]:
    """Tell courses j what they wait for, and have their questions answered until there are none.

    ``line`` makes one of them. Returns the places where they want samples, and what those that
    ended have returned.
    """
    places: dict[int, Floats] = {}
    ended: dict[int, Any] = {}
    while told:
        asked = _heard(courses, told, places, ended)
        told = (yield line(asked)) if asked else {}
    return places, ended


@QUIET
def _heard(
    courses: Mapping[int, Generator[Question | Floats, Any, Any]],
    told: Mapping[int, Any],
    places: dict[int, Floats],
    ended: dict[int, Any],
) -> dict[int, Question]:
    """Tell courses what they wait for; return their questions, and note what else they say."""
    asked: dict[int, Question] = {}
    for j, message in told.items():
        try:
            said = courses[j].send(message)
        except StopIteration as stop:
            ended[j] = stop.value
            continue
        if isinstance(said, np.ndarray):
            places[j] = said
        else:
            asked[j] = said
    return asked
