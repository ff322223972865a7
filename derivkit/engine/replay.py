"""A call of a kit without an evaluator: it runs until it needs a value that is not known yet.

Methods are deterministic: the same values give the same requests. So a call is not kept suspended
between two rounds: it runs again from its start on all values told so far, and stops where it needs
more. Only points and values need to be kept, in memory or for weeks in a file. A line that lacks
values does not hold up the other lines of its stage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Generic, NoReturn, TypeVar

from numpy.typing import NDArray

from derivkit.engine.memo import ForwardingMemo
from derivkit.engine.model import Backend, Job, Model, Reply
from derivkit.engine.points import AT_X0, Key, Seconds, place_of

__all__ = ["Replay"]

Result = TypeVar("Result")

NOT_KNOWN: Mapping[Key, float] = MappingProxyType({})  # values that the user tells have no times


class _PointsNeededError(Exception):
    """A call needs points whose values are not known yet."""


class Replay(Generic[Result]):
    """One call, advanced from outside.

    Parameters
    ----------
    call : callable
        Takes an empty memo, through which all its evaluations must go, and returns the result.
    replies : dict of bytes to Reply
        The values told so far, by `place_of` the point; never changed here.
    seconds : dict of bytes to float, optional
        What the calls took, likewise.
    workers : int
        How many points a round should have, if the call speculates.

    Attributes
    ----------
    open : dict of bytes to ndarray (p,)
        The points that the lines of the stage at which the call stands still need.
    result : Result or None
        None until ``done``.
    done : bool
    """

    def __init__(
        self,
        call: Callable[[ForwardingMemo], Result],
        replies: dict[bytes, Reply],
        seconds: Mapping[Key, float] = NOT_KNOWN,
        workers: int = 0,
    ) -> None:
        self._call = call
        self._replies = replies
        self._seconds = seconds
        self.workers = workers
        self.open: dict[bytes, NDArray[Any]] = {}
        self.result: Result | None = None
        self.done = False

    def advance(self) -> None:
        """Run as far as the replies reach; whatever the call raises is raised here."""
        before, self.open = self.open, {}
        try:
            self.result = self._call(ForwardingMemo(self._route, where="", incomplete=self._stop))
            self.done = True
        except _PointsNeededError:
            pass
        except BaseException:
            self.open = before  # what was told is taken back
            raise

    def _route(self, _: Backend) -> Backend:
        return self

    def _stop(self) -> NoReturn:
        raise _PointsNeededError(f"{len(self.open)} points are to be evaluated")

    def __call__(
        self,
        model: Model,  # noqa: ARG002 - a backend is given it
        points: Iterable[Job],
        seconds: Seconds,
    ) -> Iterator[tuple[Key, Reply]]:
        """Yield the values told, note missing points; stop there without x0, or in a stream."""
        nothing_goes_on = bool(self.workers)
        for key, x in points:
            place = place_of(x)
            reply = self._replies.get(place)
            if reply is None:
                self.open[place] = x
                nothing_goes_on |= key == AT_X0
                continue
            if place in self._seconds:
                seconds[key] = self._seconds[place]
            yield key, reply
        if self.open and nothing_goes_on:
            self._stop()
