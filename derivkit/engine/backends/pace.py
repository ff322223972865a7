"""How many points go into one task of a pool: one, or more where calls are short.

A cluster takes milliseconds to run a task. If workers spend less than half of their time in the
model while points are waiting, tasks get four times as many points; that is repeated as long as a
task stays short. The last points are shared out evenly.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

__all__ = ["Pace"]

T = TypeVar("T")

BUSY = 0.5  # fraction of the workers' time spent in the model below which tasks grow
GROWTH = 4
LONGEST = 0.1  # seconds that a grown task may take: it is repeated if its worker dies
OF_ONE = 0.01  # the same, for each worker where they are many: one scheduler serves them in turn
MOST = 256  # points of a task


class Pace:
    """Decides from the workers' speed how many points a task gets.

    Parameters
    ----------
    most : int
        Most points of a task; 1 where ending a call ends its worker, and with it all other points
        of the task.
    clock : callable
        Returns seconds.

    Attributes
    ----------
    points : int
        How many points a task gets.
    known : bool
        Whether enough tasks have come back to tell.
    """

    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.perf_counter) -> None:
        self._most = most
        self._clock = clock
        self.points = 1
        self.known = False
        self._since: float | None = None
        self._busy = 0.0
        self._tasks = 0

    def shared(self, jobs: Sequence[T], workers: int, tasks: int) -> Iterator[Sequence[T]]:
        """Yield the points of each task, where there was room for a number of tasks."""
        size = self.points
        if len(jobs) < tasks * size:  # no more are waiting
            size = max(1, min(size, math.ceil(len(jobs) / workers)))
        for start in range(0, len(jobs), size):
            yield jobs[start : start + size]

    def one_by_one(self) -> None:
        """Give each point a task of its own from now on: a point has ended its worker."""
        self._most = self.points = 1

    def heard(self, results: Sequence[Any], workers: int, *, waiting: bool) -> None:
        """Note a task's results; the last entry of each is the duration of its call in seconds.

        ``waiting`` tells whether the workers have had enough to do.
        """
        if self._since is None or not waiting:  # they were starting, or there was no more to do
            self._since, self._busy, self._tasks = self._clock(), 0.0, 0
            return
        spent = sum(each[-1] for each in results)
        self._busy += spent
        self._tasks += 1
        elapsed = self._clock() - self._since
        if self._tasks < workers:
            return
        self.known = True
        longest = max(LONGEST, workers * OF_ONE)
        if self._busy < BUSY * elapsed * workers and GROWTH * spent < longest:
            self.points = min(GROWTH * self.points, self._most)
        self._since, self._busy, self._tasks = self._clock(), 0.0, 0
