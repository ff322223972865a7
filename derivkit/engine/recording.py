"""The way of a call past a checkpoint.

Points that the file holds are answered from it, the others go on to a backend, and their replies
are written before they are passed back.
"""

from __future__ import annotations

import time
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

REFRESH = 1.0  # seconds after which it is looked up what other processes have written meanwhile


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
        rest = _Unknown(self._file, iter(points), max(1, self.workers))
        yield from rest.found()
        while rest.next:
            before = self._file.state(model)
            try:
                yield from self._called(model, rest, seconds)
            finally:
                self._file.follow(model, before)
            yield from rest.found()

    def _called(
        self, model: Model, points: _Unknown, seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        replies = self._backend(model, points, seconds)
        look_again = time.monotonic() + REFRESH
        try:
            for key, reply in replies:
                self._file.keep(points.asked.pop(key), reply)
                yield key, reply
                if time.monotonic() > look_again:
                    self._file.refresh()
                    look_again = time.monotonic() + REFRESH
                yield from points.found()
        finally:
            if isinstance(replies, Generator):
                replies.close()


class _Unknown(Iterator[Job]):
    """Those of some points that a file does not hold; what it knows of the others is set aside.

    Parameters
    ----------
    file : Checkpoint
    points : iterator of Job
        May have more after it was exhausted.
    ahead : int
        How many unknown points are enough to keep all workers busy.

    Attributes
    ----------
    asked : dict of Key to bytes
        The points that were handed out or are next, as the file names them.
    next : deque of Job
        Unknown points that have been found and come next.
    """

    def __init__(self, file: Checkpoint, points: Iterator[Job], ahead: int) -> None:
        self._file = file
        self._points = points
        self._ahead = ahead
        self._known: deque[tuple[Key, Output]] = deque()
        self.next: deque[Job] = deque()
        self.asked: dict[Key, bytes] = {}

    def found(self) -> Iterator[tuple[Key, Output]]:
        """Yield what the file knew, until there is work for all workers or no point is left.

        Each may lead to new points, of which the file may know more.
        """
        while True:
            while len(self.next) < self._ahead and (job := self._look()) is not None:
                self.next.append(job)
            if not self._known:
                return
            yield self._known.popleft()

    def __next__(self) -> Job:
        """Return the next point that is to be evaluated."""
        job = self.next.popleft() if self.next else self._look()
        if job is None:
            raise StopIteration
        return job

    def _look(self) -> Job | None:
        """Return the next point of which nothing is known; None if there is none at the moment."""
        for key, x in self._points:
            place = place_of(x)
            output = self._file.find(place)
            if output is None:
                self.asked[key] = place
                return key, x
            self._known.append((key, output))
        return None
