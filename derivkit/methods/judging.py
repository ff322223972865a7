"""What the tracks of a line want to know of their samples, answered for all that ask in one go.

A track yields a question about its own output and is sent the answer. Questions of a kind, about
outputs that are defined at the same places, cost little more than one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping
from enum import Enum, auto
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.evidence import Goal, content, kinked
from derivkit.methods.samples import Samples
from derivkit.methods.selection import Belief, believed
from derivkit.methods.windows import EPS, Noise

__all__ = ["Kink", "Look", "Question", "Told", "answers", "driven"]

Floats = NDArray[np.float64]


class Look(NamedTuple):
    """What do all windows say of a derivative? Answered with a `Belief`, or None for nothing.

    Attributes
    ----------
    order
    noise
        Its level and how many contrasts that is worth, where the output is known to be noisy.
    eps
        Precision of the output.
    grains
        As in `selection.believed`.
    """

    order: int
    noise: tuple[float, float] | None = None
    eps: float = EPS
    grains: bool = True

    @property
    def kind(self) -> Hashable:
        """What questions have in common that are answered together."""
        return (self.order, self.noise is None, self.eps, self.grains)

    def answered(
        self, t: Floats, f: Floats, origin: float, goal: Goal, alike: list[Look]
    ) -> list[Belief | None]:
        """Return the answers to questions of this kind, about the columns of f (m, q)."""
        known = np.array([look.noise for look in alike if look.noise is not None])
        noise = Noise(known[:, 0], known[:, 1]) if known.size else None
        enough: Callable[..., Any] = lambda v: content(v, goal, self.order)  # noqa: E731
        return believed(t, f, self.order, origin, noise, self.eps, enough, grains=self.grains)


class Kink(NamedTuple):
    """Is there a kink or a jump at x0, by the samples within the radius? Answered with a bool."""

    radius: float
    eps: float

    @property
    def kind(self) -> Hashable:
        """What questions have in common that are answered together."""
        return self

    def answered(
        self, t: Floats, f: Floats, origin: float, goal: Goal, alike: list[Kink]
    ) -> list[bool]:
        """Return the answers to questions of this kind, about the columns of f (m, q)."""
        del goal, alike
        found: list[bool] = kinked(t, f, self.radius, origin, self.eps).tolist()
        return found


Question: TypeAlias = Look | Kink


class Told(Enum):
    """What a track is told of the places it wished for."""

    GRANTED = auto()  # their samples have come
    OTHERS = auto()  # samples have come, but those that other outputs wished for
    NOTHING = auto()  # there will be no more


def answers(
    samples: Samples, origin: float, goal: Goal, asked: Mapping[int, Question]
) -> dict[int, Any]:
    """Return the answers to questions about outputs j."""
    alike: dict[Hashable, list[int]] = {}
    for j, question in asked.items():
        alike.setdefault((question.kind, samples.pattern(j)), []).append(j)
    said: dict[int, Any] = {}
    for group in alike.values():
        t, f = samples.columns(group)
        questions: list[Any] = [asked[j] for j in group]
        found = questions[0].answered(t, f, origin, goal, questions)
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
