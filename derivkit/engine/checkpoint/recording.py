"""The way of a call past a checkpoint.

Points that the file holds are answered from it, the others go on to a backend, and their replies
are written before they are passed back.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from os import PathLike
from typing import Any

from derivkit.engine.checkpoint.checkpoint import Checkpoint, open_checkpoint
from derivkit.engine.checkpoint.rows import Near
from derivkit.engine.memo import ForwardingMemo
from derivkit.engine.model import Backend, Job, Model, Output, Reply, Shaped, workers_of
from derivkit.engine.points import AT_X0, Key, Seconds, place_of

__all__ = ["CheckpointBackend", "open_memo"]

AT_ONCE = 8  # points looked up in one go where calls wait for each other: cheaper than one by one
REFRESH = 1.0  # seconds after which it is looked up what other processes have written meanwhile


class CheckpointBackend:
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
        # a task of several points keeps those that have finished until its last has
        getattr(backend, "one_by_one", lambda: None)()

    @property
    def workers(self) -> int:
        """How many calls run at a time."""
        return workers_of(self._backend)

    def __call__(
        self, model: Model, points: Iterable[Job], seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        """Yield (key, reply) for each point."""
        self._file.refresh()
        rest = _Unknown(self._file, iter(points), self.workers, has_aux=model.has_aux)
        try:
            while True:
                while known := rest.found():
                    yield from known
                if not rest.next:
                    return
                before = self._file.state(model)
                try:
                    yield from self._called(model, rest, seconds)
                finally:
                    self._file.follow(model, before)
        finally:
            self._file.flush(now=True)

    def _called(
        self, model: Model, points: _Unknown, seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        replies = self._backend(model, points, seconds)
        look_again = time.monotonic() + REFRESH
        try:
            for key, reply in replies:
                place, near = points.asked.pop(key)
                self._file.keep(place, reply, near)
                yield key, reply
                if time.monotonic() > look_again:
                    self._file.refresh()
                    points.look_again()
                    look_again = time.monotonic() + REFRESH
                while known := points.found():
                    yield from known
        finally:
            if isinstance(replies, Generator):
                replies.close()


def open_memo(
    path: str | PathLike[str],
    function: Callable[..., Any],
    *,
    version: str | None = None,
    mismatch: str = "refuse",
    names: Sequence[str] = (),
) -> tuple[ForwardingMemo, Checkpoint]:
    """Return a memo that reads and writes a checkpoint; arguments as for `open_checkpoint`."""
    checkpoint = open_checkpoint(path, function, version=version, mismatch=mismatch, names=names)
    return _memo_of(checkpoint), checkpoint


def _memo_of(checkpoint: Checkpoint) -> ForwardingMemo:
    memo = ForwardingMemo(partial(CheckpointBackend, checkpoint), checkpoint.path, checkpoint.flush)
    memo.reused = partial(getattr, checkpoint, "reused")  # a kit is pickled with it
    memo.another = partial(_memo_of_another, checkpoint)
    return memo


def _memo_of_another(checkpoint: Checkpoint, function: Callable[..., Any]) -> ForwardingMemo:
    return _memo_of(checkpoint.beside(function))


class _Unknown(Iterator[Job]):
    """Those of some points that a file does not hold; what it knows of the others is set aside.

    Parameters
    ----------
    file : Checkpoint
    points : iterator of Job
        May have more after it was exhausted.
    workers : int
        How many calls run at a time; 0 where each waits for the one before.
    has_aux : bool
        Whether something stands beside outputs: where the file does not have that of x0, the model
        is called there once more.

    Attributes
    ----------
    asked : dict of Key to (bytes, Near)
        The points that were handed out or are next: how the file names them, and stores them.
    next : deque of Job
        Unknown points that have been found and come next.
    """

    def __init__(
        self, file: Checkpoint, points: Iterator[Job], workers: int, *, has_aux: bool = False
    ) -> None:
        self._has_aux = has_aux
        self._file = file
        self._points = points
        self._least, self._most = workers or 1, workers or AT_ONCE
        self._known: list[tuple[Key, Output | Shaped]] = []
        self.next: deque[Job] = deque()
        self.asked: dict[Key, tuple[bytes, Near | None]] = {}

    def found(self) -> list[tuple[Key, Output | Shaped]]:
        """Return what the file knew, until there is work for all workers or no point is left.

        Each may lead to new points, of which the file may know more.
        """
        if len(self.next) < self._least:
            self._look(self._most)
        known, self._known = self._known, []
        return known

    def __next__(self) -> Job:
        """Return the next point that is to be evaluated."""
        if not self.next:
            self._look(1)
        if not self.next:
            raise StopIteration
        return self.next.popleft()

    def look_again(self) -> None:
        """Look up what comes next once more: the file may have it by now."""
        jobs, self.next = self.next, deque()
        for job in jobs:
            self._look_up(job)

    def _look(self, enough: int) -> None:
        """Find points of which nothing is known until there are enough, or none at the moment."""
        while len(self.next) < enough and (job := next(self._points, None)):
            self._look_up(job)

    def _look_up(self, job: Job) -> None:
        key, x = job
        place = place_of(x)
        output = self._file.find(place)
        lost = self._has_aux and key == AT_X0 and getattr(output, "aux", None) is None
        if output is None or lost:
            self.asked[key] = place, self._file.store.near(place)
            self.next.append(job)
        else:
            self._known.append((key, output))
