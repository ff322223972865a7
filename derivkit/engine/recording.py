"""The way of a call past a checkpoint.

Points that the file holds are answered from it, the others go on to a backend, and their replies
are written before they are passed back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING

from derivkit.engine.evaluation import Backend, Job
from derivkit.engine.model import Model, Output, Reply
from derivkit.engine.places import place_of
from derivkit.engine.rays import Key, Seconds

if TYPE_CHECKING:
    from derivkit.engine.checkpoint import Checkpoint

__all__ = ["Recorded"]


class Recorded:
    """A backend between a checkpoint and another backend.

    Parameters
    ----------
    file : Checkpoint
    backend : Backend
        Gets the points that the file does not hold.
    """

    def __init__(self, file: Checkpoint, backend: Backend) -> None:
        self._file = file
        self._backend = backend

    @property
    def workers(self) -> int:
        """How many calls run at a time."""
        return int(getattr(self._backend, "workers", 0))

    def __call__(
        self, model: Model, points: Iterable[Job], seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        """Yield (key, reply) for each point."""
        self._file.refresh()
        rest = _Unknown(self._file, iter(points))
        while (first := next(rest, None)) is not None or rest.known:
            yield from rest.found()
            if first is not None:
                before = self._file.state(model)
                try:
                    rest.put_back(first)
                    yield from self._called(model, rest, seconds)
                finally:
                    self._file.follow(model, before)

    def _called(
        self, model: Model, points: _Unknown, seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        replies = self._backend(model, points, seconds)
        try:
            for key, reply in replies:
                self._file.keep(points.asked.pop(key), reply)
                yield key, reply
                yield from points.found()
        finally:
            if isinstance(replies, Generator):
                replies.close()


class _Unknown(Iterator[Job]):
    """Those of some points that a file does not hold; what it knows of the others is set aside.

    Attributes
    ----------
    asked : dict of Key to bytes
        The points that were handed out, as the file names them.
    known : deque of (Key, Output)
    """

    def __init__(self, file: Checkpoint, points: Iterator[Job]) -> None:
        self._file = file
        self._points = points
        self._first: deque[Job] = deque()
        self.asked: dict[Key, bytes] = {}
        self.known: deque[tuple[Key, Output]] = deque()

    def put_back(self, job: Job) -> None:
        """Have a point come next."""
        self._first.append(job)

    def found(self) -> Iterator[tuple[Key, Output]]:
        """Yield what the file knew."""
        while self.known:
            yield self.known.popleft()

    def __next__(self) -> Job:
        """Return the next point that is to be evaluated."""
        if self._first:
            return self._first.popleft()
        for key, x in self._points:
            place = place_of(x)
            output = self._file.find(place)
            if output is None:
                self.asked[key] = place
                return key, x
            self.known.append((key, output))
        raise StopIteration
