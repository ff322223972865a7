"""A call of a kit without an evaluator: it runs until it needs a value that nobody has told.

Methods are deterministic: the same values give the same requests. So instead of keeping a call
suspended between two rounds, it is run again from its start on all values told so far, and stops
a round later. What there is to keep – in memory, or in a file for weeks – is points and values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from derivkit.engine.evaluation import Backend
from derivkit.engine.memo import RoutedMemo
from derivkit.engine.model import Failure, Model, Reply
from derivkit.engine.places import place_of
from derivkit.engine.rays import Key, Seconds

__all__ = ["Replay"]

Result = TypeVar("Result")

NOT_KNOWN: Mapping[Key, float] = MappingProxyType({})  # values that the user tells have no times


class _PointsNeededError(Exception):
    """A round asks for points that nobody has told; they are attached."""

    def __init__(self, points: dict[bytes, NDArray[Any]]) -> None:
        super().__init__(f"{len(points)} points are to be evaluated")
        self.points = points


class Replay(Generic[Result]):
    """One call, advanced from outside.

    Parameters
    ----------
    call : callable
        Takes an empty memo, through which all its evaluations must go, and returns the result.
    replies : dict of bytes to Reply
        What has been told so far, by `place_of` the point; looked at, and never changed.
    seconds : dict of bytes to float, optional
        What the calls took, likewise.

    Attributes
    ----------
    open : dict of bytes to ndarray (p,)
        The points that the round at which the call stands still needs.
    result : Result or None
        None until ``done``.
    done : bool
    """

    def __init__(
        self,
        call: Callable[[RoutedMemo], Result],
        replies: dict[bytes, Reply],
        seconds: Mapping[Key, float] = NOT_KNOWN,
    ) -> None:
        self._call = call
        self._replies = replies
        self._seconds = seconds
        self.open: dict[bytes, NDArray[Any]] = {}
        self.result: Result | None = None
        self.done = False

    def advance(self) -> None:
        """Run as far as the replies reach; whatever the call raises is raised here."""
        try:
            self.result = self._call(RoutedMemo(self._route, where=""))
            self.done = True
            self.open = {}
        except _PointsNeededError as needed:
            self.open = needed.points

    def _route(self, _: Backend) -> Backend:
        return self._told

    def _told(
        self,
        model: Model,  # noqa: ARG002 - a backend is given it
        points: Iterable[tuple[Key, NDArray[Any]]],
        seconds: Seconds,
    ) -> Iterator[tuple[Key, Reply]]:
        known: list[tuple[Key, Reply]] = []
        needed: dict[bytes, NDArray[Any]] = {}
        for key, x in points:
            place = place_of(x)
            reply = self._replies.get(place)
            if reply is None:
                needed[place] = x
            elif isinstance(reply, Failure) and not reply.undefined:
                yield key, reply  # ends the call, whatever else is needed
            else:
                known.append((key, reply))
                if place in self._seconds:
                    seconds[key] = self._seconds[place]
        if needed:
            raise _PointsNeededError(needed)
        yield from known
