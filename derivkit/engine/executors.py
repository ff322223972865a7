"""Calls through a pool of workers: anything with the `submit` of concurrent.futures.

Knows futures, not processes: which pools there are stands in pools.py. One point is one task. A
worker that dies takes its point back into the queue; a point that does so again in a process of
its own is reported.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    as_completed,
)
from dataclasses import dataclass, field
from itertools import count, islice
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.evaluation import Job
from derivkit.engine.model import Failure, Model, Reply
from derivkit.engine.rays import Key, Seconds
from derivkit.engine.replies import heard
from derivkit.engine.shipping import Shipment, pack
from derivkit.engine.worker import Part, run_one
from derivkit.errors import WorkerDiedError

__all__ = ["Pool", "Submit", "ThroughPool", "outcomes", "task"]

Submit: TypeAlias = Callable[[Executor, NDArray[Any]], "Future[Any]"]
Outcomes: TypeAlias = Generator[tuple[Key, Any], None, list[Job]]

AHEAD = 3  # tasks a worker that are handed out at a time: enough that none waits for the next
FAR_AHEAD = 16  # the same where handing out takes milliseconds: on a cluster
UNKNOWN_SIZE = 64  # workers assumed where a pool does not tell
MOST_NAMED = 4  # points listed in a message
LOOK_UP = 0.5  # seconds; a wait looks up that often, for systems where it cannot be interrupted


@dataclass(frozen=True, slots=True)
class Pool:
    """Workers, and what may be done with them.

    Attributes
    ----------
    executor : concurrent.futures.Executor
    size : int
        How many calls run at a time, to begin with.
    counted : callable or None
        Returns how many do so now, where workers come and go.
    ahead : int
        Tasks a worker that are handed out at a time.
    place : callable
        Puts a large part of the model where all workers get it.
    renew : callable or None
        Returns the pool that takes over when this one is broken; None for a user's executor.
    alone : callable or None
        Returns a fresh pool of one worker.
    kill : callable
        Ends the workers at once, with what they are doing.
    look : callable
        Called while nothing comes back: warns if nothing can.
    """

    executor: Executor
    size: int = UNKNOWN_SIZE
    ahead: int = AHEAD
    place: Callable[[NDArray[np.uint8]], Part] = field(default=lambda part: part)
    renew: Callable[[], Pool] | None = None
    alone: Callable[[], Pool] | None = None
    kill: Callable[[], None] = field(default=lambda: None)
    look: Callable[[], None] = field(default=lambda: None)
    counted: Callable[[], int] | None = None

    @property
    def now(self) -> int:
        """How many calls run at a time."""
        return self.size if self.counted is None else self.counted()


class ThroughPool:
    """A backend that sends the model to a pool of processes, once, and then the points.

    Parameters
    ----------
    pool : Pool
    timeout : float or None
        Seconds for a call.
    """

    def __init__(self, pool: Pool, timeout: float | None = None) -> None:
        self._pool = pool
        self._timeout = timeout
        self._submit: Submit | None = None
        self._left = False  # before its end, and so the workers were killed

    @property
    def workers(self) -> int:
        """How many calls run at a time."""
        return self._pool.now

    def __call__(
        self, model: Model, points: Iterable[Job], seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        """Yield (key, reply) for each point, as they come."""
        if self._submit is None:
            self._submit = self._packed(model)
        if self._left and self._pool.renew is not None:
            self._pool = self._pool.renew()
        self._left = True
        for key, told in self._told(self._submit, _Queue(points)):
            if isinstance(told, Failure):
                yield key, told
            elif isinstance(told, WorkerDiedError):
                yield key, _died(told, model)
            else:
                seconds[key] = told[-1]
                yield key, heard(told)
        self._left = False

    def _packed(self, model: Model) -> Submit:
        shipment = pack(model)
        return task(shipment, shipment.placed(self._pool.place), self._timeout)

    def _told(self, submit: Submit, points: _Queue) -> Iterator[tuple[Key, Any]]:
        """Yield what the workers tell, until every point is done."""
        while lost := (yield from outcomes(self._pool, submit, points)):
            if self._pool.renew is None or self._pool.alone is None:
                gone = Failure(_pool_is_gone(lost, self._pool.size), undefined=False)
                yield from ((key, gone) for key, _ in lost)
                continue  # with points to come it is the same, but each must have its reply
            suspects, rest = lost[: self._pool.size], lost[self._pool.size :]
            yield from _isolated(self._pool.alone, submit, suspects)
            self._pool = self._pool.renew()
            points.put_back(rest)


class _Queue(Iterator[Job]):
    """Points to come, of which some may have to be put back.

    Like them it may have more after it was exhausted, so it must not be wrapped in `chain`, which
    would not look again.
    """

    def __init__(self, points: Iterable[Job]) -> None:
        self._first: deque[Job] = deque()
        self._points = iter(points)

    def put_back(self, jobs: Iterable[Job]) -> None:
        """Have points come next."""
        self._first.extend(jobs)

    def __next__(self) -> Job:
        """Return the next point."""
        return self._first.popleft() if self._first else next(self._points)


def task(shipment: Shipment, parts: Sequence[Part], timeout: float | None) -> Submit:
    """Return what hands a point of that model to an executor."""
    token, parent = shipment.token, os.getpid()

    def submit(executor: Executor, x: NDArray[Any]) -> Future[Any]:
        return executor.submit(run_one, token, x.tobytes(), x.dtype.char, timeout, parent, *parts)

    return submit


def outcomes(pool: Pool, submit: Submit, points: Iterator[Job]) -> Outcomes:
    """Yield (key, result) of every task as it comes.

    ``points`` is looked at whenever there is room, also after it was exhausted.

    Returns
    -------
    list of Job
        Those that were lost when the pool broke, in the order in which they were handed out: those
        that ran come first.
    """
    out: dict[Future[Any], tuple[int, Job]] = {}
    back: SimpleQueue[Future[Any]] = SimpleQueue()
    lost: list[tuple[int, Job]] = []
    doubtful: deque[Job] = deque()
    numbers = count()
    try:
        while True:
            room = 0 if lost else pool.ahead * pool.now - len(out)
            for job in islice(points, room):
                future = _submitted(submit, pool.executor, job[1])
                out[future] = next(numbers), job
                future.add_done_callback(back.put)
            if not out and doubtful:
                yield from _once_more(pool, submit, doubtful.popleft())
                continue
            if not out:
                break
            future = _next(back, pool.look)
            number, job = out.pop(future)
            error = _infrastructure_error(future)
            if error is None:
                yield job[0], future.result()
            elif isinstance(error, BrokenExecutor):
                lost.append((number, job))
            else:
                doubtful.append(job)
    except BaseException:  # an interrupt, or nobody wants the rest
        pool.kill()  # before the rest is cancelled: loky stumbles over cancelled tasks
        for future in out:
            future.cancel()
        raise
    return [job for _, job in sorted(lost, key=lambda entry: entry[0])]


def _submitted(submit: Submit, executor: Executor, x: NDArray[Any]) -> Future[Any]:
    try:
        return submit(executor, x)
    except BrokenExecutor as error:
        future: Future[Any] = Future()
        future.set_exception(error)
        return future


def _next(back: SimpleQueue[Future[Any]], look: Callable[[], None]) -> Future[Any]:
    while True:
        try:
            return back.get(timeout=LOOK_UP)
        except Empty:
            look()


def _infrastructure_error(future: Future[Any]) -> BaseException | None:
    """Return what went wrong beside the model, whose own failures are results."""
    return CancelledError() if future.cancelled() else future.exception()


def _once_more(pool: Pool, submit: Submit, doubtful: Job) -> Iterator[tuple[Key, Any]]:
    """Try a task again that a cluster gave up: alone, so that it answers for itself."""
    key, x = doubtful
    back: SimpleQueue[Future[Any]] = SimpleQueue()
    future = _submitted(submit, pool.executor, x)
    future.add_done_callback(back.put)
    try:
        _next(back, pool.look)
    except BaseException:  # an interrupt
        future.cancel()
        raise
    error = _infrastructure_error(future)
    yield key, future.result() if error is None else _dead(error)


def _isolated(
    alone: Callable[[], Pool], submit: Submit, suspects: Sequence[Job]
) -> Iterator[tuple[Key, Any]]:
    """Try tasks again, one of which ended its worker: all at once, then one by one.

    The second time matters where the memory was too small for all of them.
    """
    for job in (yield from _each_alone(alone, submit, suspects)):
        if (yield from _each_alone(alone, submit, [job])):
            yield job[0], _dead()


def _each_alone(alone: Callable[[], Pool], submit: Submit, jobs: Sequence[Job]) -> Outcomes:
    """Yield results from a worker for each job; return the jobs whose worker died."""
    pools = [alone() for _ in jobs]
    died: list[Job] = []
    try:
        out = {
            _submitted(submit, pool.executor, job[1]): job
            for pool, job in zip(pools, jobs, strict=True)
        }
        for future in as_completed(out):
            if _infrastructure_error(future) is None:
                yield out[future][0], future.result()
            else:
                died.append(out[future])
    finally:
        for pool in pools:
            pool.kill()
    return died


def _died(error: WorkerDiedError, model: Model) -> Failure:
    return Failure(error, undefined=isinstance(error, model.undefined))


def _dead(error: BaseException | None = None) -> WorkerDiedError:
    why = f" ({type(error).__name__}: {error})" if error else ""
    return WorkerDiedError(f"the worker process died{why}, and died again when it was tried alone")


def _pool_is_gone(lost: Sequence[Job], size: int) -> WorkerDiedError:
    points = ", ".join(str(x) for _, x in lost[: min(size, MOST_NAMED)])
    return WorkerDiedError(
        f"a worker of the executor died, and with it the pool, at one of {points}; "
        "with n_workers= instead of executor= the point is found and the rest goes on"
    )
