"""What the outputs of a line want to know of their samples, answered for all that ask in one go.

A search yields a question about its own output and is sent the answer. Questions of a kind, about
outputs that are defined at the same places, cost little more than one of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Hashable, Mapping
from enum import Enum, auto
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.auto.criteria import Goal, Sides, compare_sides, content
from derivkit.methods.auto.lepski import Selection, select
from derivkit.methods.fit.samples import Samples
from derivkit.methods.fit.window import EPS, Noise, WindowFit

__all__ = ["FitQuestion", "Question", "Reply", "SidesQuestion", "answers", "driven"]

Floats = NDArray[np.float64]

EVERYWHERE = (0.0, -math.inf, math.inf)


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
        return (self.order, self.noise is None, self.grains, self.within)

    def answered(
        self, t: Floats, f: Floats, origin: float, goal: Goal, alike: list[FitQuestion]
    ) -> list[Selection | None]:
        """Return the answers to questions of this kind, about the columns of f (m, q)."""

        def enough(v: WindowFit, columns: NDArray[np.intp]) -> NDArray[np.bool_]:
            return content(v, goal.of(columns), self.order)

        noise = _known([question.noise for question in alike])
        narrowest = np.array([question.narrowest for question in alike])
        return select(t, f, self.order, origin, noise, enough, narrowest, grains=self.grains)


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
        return (self.order, self.radius, self.noise is None, self.within)

    def answered(
        self, t: Floats, f: Floats, origin: float, goal: Goal, alike: list[SidesQuestion]
    ) -> list[Sides | None]:
        """Return the answers to questions of this kind, about the columns of f (m, q)."""
        del goal
        eps, noise = np.array([q.eps for q in alike]), _known([q.noise for q in alike])
        return compare_sides(t, f, self.radius, origin, self.order, eps, noise)


def _known(noise: list[tuple[float, float] | None]) -> Noise | None:
    known = np.array([each for each in noise if each is not None])
    return Noise(known[:, 0], known[:, 1]) if known.size else None


Question: TypeAlias = FitQuestion | SidesQuestion


class Reply(Enum):
    """What an output's search is told of the places it asked for."""

    SERVED = auto()  # their samples have come
    DEFERRED = auto()  # samples have come, but those that other outputs asked for
    CLOSED = auto()  # there will be no more


def answers(
    samples: Samples, origin: float, goal: Goal, asked: Mapping[int, Question]
) -> dict[int, Any]:
    """Return the answers to questions about outputs j."""
    alike: dict[Hashable, list[int]] = {}
    for j, question in asked.items():
        alike.setdefault((type(question), question.kind, samples.pattern(j)), []).append(j)
    said: dict[int, Any] = {}
    for group in alike.values():
        t, f = samples.columns(group)
        inner, low, high = asked[group[0]].within
        kept = (t > low) & (t < high) & ((np.abs(t) >= inner) | (t == 0))
        t, f = t[kept], f[kept]
        questions: list[Any] = [asked[j] for j in group]
        found = questions[0].answered(t, f, origin, goal.of(np.array(group)), questions)
        said.update(zip(group, found, strict=True))
    return said


def driven(
    courses: Mapping[int, Generator[Question | Floats, Any, Any]],
    told: Mapping[int, Any],
    answered: Callable[[dict[int, Question]], dict[int, Any]],
) -> tuple[dict[int, Floats], dict[int, Any]]:
    """Tell courses j what they wait for, and answer their questions until they ask for samples.

    Returns the places where they want them, and what those that ended have returned.
    """
    places: dict[int, Floats] = {}
    ended: dict[int, Any] = {}
    while told:
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
        told = answered(asked)
    return places, ended
