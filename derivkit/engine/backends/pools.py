"""Calls through a pool of workers: anything with the `submit` of concurrent.futures.

Knows futures, not processes: pools are made in processes.py and clusters.py. A task is one point,
or several where calls are short (pace.py). If a worker dies, the points of its task go back into
the queue; a point whose worker dies again, alone in a process, is reported. Not `joblib.Parallel`:
it needs all tasks before it starts, and ends the call when a worker dies; here replies lead to new
points.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, as_completed
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from itertools import count, islice
from operator import itemgetter
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.backends.deadline import interrupts_wait, too_long
from derivkit.engine.backends.pace import Pace
from derivkit.engine.backends.shipping import Shipment, pack
from derivkit.engine.backends.worker import ENDED_ITSELF, Part, heard, run_several
from derivkit.engine.model import Failure, Job, Model, Reply
from derivkit.engine.points import Key, Seconds
from derivkit.errors import WorkerDiedError
from derivkit.validation import text_of

__all__ = ["Pool", "Pooled", "Submit", "ThroughPool", "outcomes", "task"]

Submit: TypeAlias = Callable[[Executor, Sequence[Job]], "Future[Any]"]
"""Submits points to an executor as one task; its result is a list of replies, one a point."""

Outcomes: TypeAlias = Generator[tuple[Key, Any], None, list[Job]]

AHEAD = 3  # tasks submitted per worker: enough that none is idle
FAR_AHEAD = 16  # the same on a cluster, where submitting a task takes milliseconds
UNKNOWN_SIZE = 64  # workers assumed where an executor does not say
MOST_NAMED = 4  # points listed in a message
LOOK_UP = 0.5  # seconds; a wait wakes up that often: on some systems it cannot be interrupted


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Pool:
    """Workers, and how they are fed, replaced and ended.

    Attributes
    ----------
    executor : concurrent.futures.Executor
    size : int
        How many calls run at a time, at first.
    ahead : int
        Tasks to submit per worker.
    shown : int
        Tasks to submit at least: what an adaptive cluster sees of the work to come.
    place : callable
        Puts a large part of the model where all workers can get it.
    renew : callable or None
        Returns the pool that takes over when this one is broken; None for a user's executor.
    alone : callable or None
        Returns a fresh pool of one worker.
    kill : callable
        Ends the workers at once, with what they are doing.
    let_go : callable
        Takes a task that may still run, whose result nobody wants any more.
    look : callable
        Called while nothing comes back: warns if nothing can.
    processes : callable
        Returns the workers, where they are our own: they have an ``exitcode``.
    counted : callable or None
        Returns the size now, where workers come and go; None where it stays the same.
    """

    executor: Executor
    size: int = UNKNOWN_SIZE
    ahead: int = AHEAD
    shown: int = 0
    place: Callable[[NDArray[np.uint8]], Part] = field(default=lambda part: part)
    renew: Callable[[], Pool] | None = None
    alone: Callable[[], Pool] | None = None
    kill: Callable[[], None] = field(default=lambda: None)
    let_go: Callable[[Future[Any]], None] = field(default=lambda _: None)
    look: Callable[[], None] = field(default=lambda: None)
    processes: Callable[[], list[Any]] = field(default=list)
    counted: Callable[[], int] | None = None

    @property
    def now(self) -> int:
        """How many calls run at a time."""
        return self.size if self.counted is None else self.counted()


class Pooled:
    """A backend of workers that call the model at several points at a time.

    After a call that was cut short, workers may be dead or still calling the model: the next call
    gets new ones, if the pool is our own.

    Parameters
    ----------
    pool : Pool
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._left = False

    @property
    def workers(self) -> int:
        """How many calls run at a time."""
        return self._pool.now

    def __call__(
        self, model: Model, points: Iterable[Job], seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        """Yield (key, reply) for each point, as they come."""
        if self._left and self._pool.renew is not None:
            self._pool = self._pool.renew()
        self._left = True
        yield from self._replies(model, points, seconds)
        self._left = False

    def _replies(
        self, model: Model, points: Iterable[Job], seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        raise NotImplementedError


class ThroughPool(Pooled):
    """A backend that sends each model to a pool of processes, once, and then the points.

    Parameters
    ----------
    pool : Pool
    timeout : float or None
        Seconds for a call.
    hedge : bool
        As for `outcomes`.
    """

    def __init__(self, pool: Pool, timeout: float | None = None, *, hedge: bool = False) -> None:
        super().__init__(pool)
        self._timeout = timeout
        self._hedge = hedge
        self._pace = Pace() if timeout is None else Pace(1)
        self._packages: dict[int, tuple[Model, Submit]] = {}  # a model's, and one to compare with

    def one_by_one(self) -> None:
        """Give each point a task of its own: a finished call comes back at once."""
        self._pace.one_by_one()

    def _replies(
        self, model: Model, points: Iterable[Job], seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        if id(model) not in self._packages:
            self._packages[id(model)] = model, self._packed(model)
        _, submit = self._packages[id(model)]
        with closing(self._results(submit, _Queue(points))) as results:
            for key, result in results:
                if isinstance(result, Failure):
                    yield key, result
                elif isinstance(result, (WorkerDiedError, TimeoutError)):
                    yield key, Failure(result, undefined=isinstance(result, model.undefined))
                else:
                    seconds[key] = result[-1]
                    yield key, heard(result)

    def _packed(self, model: Model) -> Submit:
        shipment = pack(model)
        return task(shipment, shipment.placed(self._pool.place), self._timeout)

    def _results(self, submit: Submit, points: _Queue) -> Generator[tuple[Key, Any], None, None]:
        """Yield the workers' results, until every point has one."""
        while lost := (
            yield from outcomes(self._pool, submit, points, self._pace, hedge=self._hedge)
        ):
            renew, alone = self._pool.renew, self._pool.alone
            if renew is None or alone is None:
                gone = Failure(_pool_is_gone(lost, self._pool.size), undefined=False)
                yield from ((key, gone) for key, _ in lost)
                continue  # points to come fail in the same way, but each must get a reply
            if self._pace.points > 1:  # tasks of one point, to find the one whose worker dies
                self._pace.one_by_one()
                self._pool = renew()
                points.put_back(lost)
                continue
            suspects, rest = lost[: self._pool.size], lost[self._pool.size :]
            yield from _isolated(alone, submit, suspects, self._timeout)
            self._pool = renew()
            points.put_back(rest)


class _Queue(Iterator[Job]):
    """Points in a queue, into which some may be put back.

    Like the points it is given, it may have more after it was exhausted; `itertools.chain` would
    not look again.
    """

    def __init__(self, points: Iterable[Job]) -> None:
        self._first: deque[Job] = deque()
        self._points = iter(points)

    def put_back(self, jobs: Iterable[Job]) -> None:
        """Put points at the front."""
        self._first.extend(jobs)

    def __next__(self) -> Job:
        """Return the next point."""
        return self._first.popleft() if self._first else next(self._points)


def task(shipment: Shipment, parts: Sequence[Part], timeout: float | None) -> Submit:
    """Return a function that submits points of that model to an executor."""
    token, parent, tasks, own = shipment.token, os.getpid(), count(), uuid4().hex

    def submit(executor: Executor, several: Sequence[Job]) -> Future[Any]:
        points = [(x.tobytes(), x.dtype.char) for _, x in several]
        name = f"{own}-{next(tasks)}"
        return executor.submit(run_several, name, token, points, timeout, parent, *parts)

    return submit


def outcomes(
    pool: Pool, submit: Submit, points: Iterator[Job], pace: Pace, *, hedge: bool = False
) -> Outcomes:
    """Yield (key, result) of every point as its task comes back.

    ``points`` is looked at whenever there is room, also after it was exhausted. With ``hedge``
    workers that would be idle get copies of the tasks that have been out longest.

    Returns
    -------
    list of Job
        Those that were lost when the pool broke, in the order in which they were handed out: those
        that ran come first.
    """
    tasks = _Tasks(pool, submit, pace, hedge=hedge)
    try:
        while tasks.handed_out(points):
            yield from tasks.ended()
    except BaseException:  # an interrupt, or nobody wants the rest
        with interrupts_wait():
            pool.kill()  # before the rest is cancelled: loky stumbles over cancelled tasks
            tasks.cancel()
        raise
    return tasks.lost()


class _Tasks:
    """The tasks of a pool that are running, and those that were lost."""

    def __init__(self, pool: Pool, submit: Submit, pace: Pace, *, hedge: bool) -> None:
        self._pool, self._submit, self._pace, self._hedge = pool, submit, pace, hedge
        self._out: dict[Future[Any], tuple[int, Sequence[Job]]] = {}
        self._back: SimpleQueue[Future[Any]] = SimpleQueue()
        self._numbers = count()
        self._twice: set[int] = set()  # tasks of which a copy is out, too
        self._lost: list[tuple[int, Sequence[Job]]] = []
        self._doubtful: deque[Job] = deque()  # what a cluster gave up
        self._last_try = False  # one of those is out alone: if it fails, it is to blame

    def handed_out(self, points: Iterator[Job]) -> bool:
        """Submit as many tasks as there is room for; return whether any is running."""
        pool, pace = self._pool, self._pace
        ahead = pool.ahead if pace.known else min(pool.ahead, AHEAD)
        room = 0 if self._lost else max(ahead * pool.now, pool.shown) - len(self._out)
        room = max(room, 0)
        jobs = list(islice(points, room * pace.points))
        self._last_try = not self._out and not jobs and bool(self._doubtful)
        if self._last_try:
            jobs = [self._doubtful.popleft()]
        for several in pace.shared(jobs, pool.now, room):
            self._hand_out(next(self._numbers), several)
        if self._hedge and not jobs and not self._lost:
            for number, several in self._oldest(pool.now - len(self._out)):
                self._twice.add(number)
                self._hand_out(number, several)
        return bool(self._out)

    def _oldest(self, n: int) -> list[tuple[int, Sequence[Job]]]:
        """Return the n oldest tasks without a copy."""
        alone = [task for task in self._out.values() if task[0] not in self._twice]
        return sorted(alone, key=itemgetter(0))[: max(n, 0)]

    def _hand_out(self, number: int, several: Sequence[Job]) -> None:
        future = _submitted(self._submit, self._pool, several)
        self._out[future] = number, several
        future.add_done_callback(self._back.put)

    def ended(self) -> Iterator[tuple[Key, Any]]:
        """Wait for a task, and yield the results of its points."""
        future = _next(self._back, self._pool.look)
        if future not in self._out:
            return  # a copy that is no longer wanted
        number, several = self._out.pop(future)
        error = _infrastructure_error(future)
        if number in self._twice:
            self._twice.remove(number)
            if error is not None:
                return  # the other one is still out
            self._forget(number)
        if error is None:
            results = future.result()
            now = self._pool.now
            self._pace.heard(results, now, waiting=len(self._out) >= now)
            yield from zip((key for key, _ in several), results, strict=True)
        elif self._last_try:
            yield several[0][0], _dead(error)
        elif isinstance(error, BrokenExecutor):
            self._lost.append((number, several))
        else:
            self._doubtful.extend(several)

    def _forget(self, number: int) -> None:
        """Let go of the copy of a task that has ended."""
        for future in [f for f, (other, _) in self._out.items() if other == number]:
            del self._out[future]
            if not future.cancel():
                self._pool.let_go(future)

    def cancel(self) -> None:
        """Give up all running tasks."""
        for future in self._out:
            future.cancel()

    def lost(self) -> list[Job]:
        """Return the points that were lost with the pool, in the order of their submission."""
        return [job for _, several in sorted(self._lost, key=itemgetter(0)) for job in several]


def _submitted(submit: Submit, pool: Pool, several: Sequence[Job]) -> Future[Any]:
    try:
        with nullcontext() if pool.renew is None else interrupts_wait():  # ours may start workers
            return submit(pool.executor, several)
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
    """Return the error of a pool or a worker; a model's own failures are results."""
    return CancelledError() if future.cancelled() else future.exception()


def _isolated(
    alone: Callable[[], Pool], submit: Submit, suspects: Sequence[Job], timeout: float | None
) -> Iterator[tuple[Key, Any]]:
    """Try tasks again of which one ended its worker: first all at once, then one by one.

    One by one helps where the memory was too small for all of them.
    """
    for job in (yield from _each_alone(alone, submit, suspects, timeout)):
        if (yield from _each_alone(alone, submit, [job], timeout)):
            yield job[0], _dead()


def _each_alone(
    alone: Callable[[], Pool], submit: Submit, jobs: Sequence[Job], timeout: float | None
) -> Outcomes:
    """Yield results from a worker for each job; return the jobs whose worker died.

    A worker ends itself if its call ignores the alarm: that call took too long.
    """
    pools = [alone() for _ in jobs]
    died: list[Job] = []
    try:
        start = time.monotonic()
        out = {
            _submitted(submit, pool, [job]): (job, pool.processes())
            for pool, job in zip(pools, jobs, strict=True)
        }
        for future in as_completed(out):
            job, processes = out[future]
            late = timeout is not None and time.monotonic() - start > timeout
            if _infrastructure_error(future) is None:
                yield job[0], future.result()[0]
            elif late and ENDED_ITSELF in map(_exit_code, processes):
                yield job[0], too_long(timeout or 0.0)
            else:
                died.append(job)
    finally:
        with interrupts_wait():
            for pool in pools:
                pool.kill()
    return died


def _exit_code(process: Any) -> int | None:
    """Return the exit code of a process that ends: None at first, while another thread asks too."""
    end = time.monotonic() + LOOK_UP
    while process.exitcode is None and time.monotonic() < end:
        time.sleep(LOOK_UP / 1000)
    code: int | None = process.exitcode
    return code


def _dead(error: BaseException | None = None) -> WorkerDiedError:
    why = f" ({type(error).__name__}: {text_of(error)})" if error else ""
    return WorkerDiedError(f"the worker process died{why}, and died again when it was tried alone")


def _pool_is_gone(lost: Sequence[Job], size: int) -> WorkerDiedError:
    points = ", ".join(str(x) for _, x in lost[: min(size, MOST_NAMED)])
    return WorkerDiedError(
        f"a worker of the executor died, and with it the pool, at one of {points}; "
        "with n_workers= instead of executor= the point is found and the rest goes on"
    )
