"""Calls in threads of this process: for models that release the interpreter and are thread-safe.

The threads are daemons, so that an interrupt ends the program even while a call runs.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.backends import limited_reply
from derivkit.engine.evaluation import Job
from derivkit.engine.executors import Pool, Submit, outcomes
from derivkit.engine.model import Failure, Model, Reply
from derivkit.engine.rays import Key, Seconds
from derivkit.errors import WorkerDiedError

__all__ = ["DaemonThreads", "ThroughThreads"]


class DaemonThreads(Executor):
    """An executor of n threads that do not keep the interpreter alive."""

    def __init__(self, n: int) -> None:
        self._tasks: SimpleQueue[Any] = SimpleQueue()
        self._n = n
        for _ in range(n):
            threading.Thread(target=_work, args=(self._tasks,), daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Schedule ``fn(*args, **kwargs)``."""
        future: Future[Any] = Future()
        self._tasks.put((future, fn, args, kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Let the threads end after what has been submitted."""
        for _ in range(self._n):
            self._tasks.put(None)

    def __del__(self) -> None:
        self.shutdown()


def _work(tasks: SimpleQueue[Any]) -> None:
    while (item := tasks.get()) is not None:
        future, fn, args, kwargs = item
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - belongs to whoever asked
                future.set_exception(error)
        del item, future, fn, args, kwargs


class ThroughThreads:
    """A backend that calls the model itself in an executor's threads.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Of threads.
    size : int
        How many.
    timeout : float or None
        Seconds for a call; one that takes longer is left running and given up.
    """

    def __init__(self, executor: Executor, size: int, timeout: float | None = None) -> None:
        own = isinstance(executor, DaemonThreads)
        self._pool = Pool(executor, size, renew=partial(_own_threads, size) if own else None)
        self._timeout = timeout
        self._left = False  # before its end, and so threads may still be calling

    @property
    def workers(self) -> int:
        """How many calls run at a time."""
        return self._pool.size

    def __call__(
        self, model: Model, points: Iterable[Job], seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        """Yield (key, reply) for each point, as they come."""
        model = replace(model, function=_OwnOutputs(model.function))
        if self._left and self._pool.renew is not None:
            self._pool = self._pool.renew()
        self._left = True

        def submit(executor: Executor, x: NDArray[Any]) -> Future[tuple[Reply, float]]:
            return executor.submit(_whatever_happens, model, x, self._timeout)

        for key, told in self._told(submit, iter(points)):
            if isinstance(told, WorkerDiedError):  # somebody cancelled it, and again
                yield key, Failure(told, undefined=False)
            else:
                reply, seconds[key] = told
                yield key, reply
        self._left = False

    def _told(self, submit: Submit, points: Iterator[Job]) -> Iterator[tuple[Key, Any]]:
        if (yield from outcomes(self._pool, submit, points)):
            raise RuntimeError("`executor` cannot be used: the initializer of its threads failed")


def _own_threads(n: int) -> Pool:
    return Pool(DaemonThreads(n), n, renew=partial(_own_threads, n))


def _whatever_happens(model: Model, x: NDArray[Any], timeout: float | None) -> tuple[Reply, float]:
    """Return a reply also where the model raises what is let through in the user's own thread."""
    try:
        return limited_reply(model, x, timeout)
    except BaseException as error:  # noqa: BLE001 - it must not end a thread, and be lost with it
        return Failure(error, undefined=False), math.nan


class _OwnOutputs:
    """A function whose threads must not return one another's memory: one would overwrite it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._last: dict[int, NDArray[Any]] = {}

    def __call__(self, x: NDArray[Any]) -> Any:
        y = self._function(x)
        if isinstance(y, np.ndarray):
            me = threading.get_ident()
            if any(np.may_share_memory(y, o) for i, o in [*self._last.items()] if i != me):
                raise TypeError(
                    "`function` returns the same array in several threads, so that calls overwrite "
                    "each other's; return a fresh array, or use n_workers without threads"
                )
            self._last[me] = y
        return y
