"""Calls in threads of this process: for models that release the interpreter and are thread-safe.

The threads are daemons, so that an interrupt ends the program even while a call runs.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import closing
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.backends.pace import Pace
from derivkit.engine.backends.pools import Pool, Pooled, Submit, outcomes
from derivkit.engine.backends.serial import limited_reply
from derivkit.engine.model import Failure, Job, Model, Reply
from derivkit.engine.points import Key, Seconds
from derivkit.errors import WorkerDiedError
from derivkit.validation import has

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


class ThroughThreads(Pooled):
    """A backend that calls the model itself in an executor's threads.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Of threads.
    size : int
        How many.
    timeout : float or None
        Seconds for a call; one that takes longer is left running and given up.
    hedge : bool
        As for `outcomes`.
    """

    def __init__(
        self, executor: Executor, size: int, timeout: float | None = None, *, hedge: bool = False
    ) -> None:
        own = isinstance(executor, DaemonThreads)
        super().__init__(Pool(executor, size, renew=partial(_own_threads, size) if own else None))
        self._timeout = timeout
        self._hedge = hedge

    def _replies(
        self, model: Model, points: Iterable[Job], seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        model = replace(model, function=_OwnOutputs(model.function))

        def submit(executor: Executor, several: Sequence[Job]) -> Future[list[Any]]:
            points = [x for _, x in several]
            return executor.submit(_whatever_happens, model, points, self._timeout)

        with closing(self._results(submit, iter(points))) as results:
            for key, result in results:
                if isinstance(result, WorkerDiedError):  # it was cancelled twice
                    yield key, Failure(result, undefined=False)
                    continue
                reply, seconds[key] = result
                if isinstance(reply, BaseException):
                    raise reply
                yield key, reply

    def _results(
        self, submit: Submit, points: Iterator[Job]
    ) -> Generator[tuple[Key, Any], None, None]:
        if (yield from outcomes(self._pool, submit, points, Pace(1), hedge=self._hedge)):
            raise RuntimeError("`executor` cannot be used: the initializer of its threads failed")


def _own_threads(n: int) -> Pool:
    return Pool(DaemonThreads(n), n, renew=partial(_own_threads, n))


def _whatever_happens(
    model: Model, points: Sequence[NDArray[Any]], timeout: float | None
) -> list[tuple[Reply | BaseException, float]]:
    """Return replies, the last one an exception to be raised in the user's thread, if there is any.

    Raised here, it would end this thread and be lost.
    """
    replies: list[tuple[Reply | BaseException, float]] = []
    for x in points:
        try:
            replies.append(limited_reply(model, x, timeout))
        except BaseException as error:  # noqa: BLE001 - none of FAILURES, which are replies
            replies.append((error, math.nan))
            break
    return replies


class _OwnOutputs:
    """A function that must not return the same memory in two threads: they would overwrite it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._last: dict[int, list[NDArray[Any]]] = {}

    def __call__(self, x: NDArray[Any]) -> Any:
        y = self._function(x)
        memory = list(_written_to(y))
        if memory:
            me = threading.get_ident()
            others = [o for i, each in [*self._last.items()] if i != me for o in each]
            if any(np.may_share_memory(m, o) for m in memory for o in others):
                raise TypeError(
                    "`function` returns the same array in several threads, so that calls overwrite "
                    "each other's; return a fresh array, or use n_workers without threads"
                )
            self._last[me] = memory
        return y


def _written_to(y: Any) -> Iterator[NDArray[Any]]:
    """Yield the writable arrays of an output."""
    if isinstance(y, (list, tuple)):
        for each in y:
            yield from _written_to(each)
    elif isinstance(y, dict):
        yield from _written_to(list(y.values()))
    else:
        array = y.to_numpy() if has(y, "to_numpy") else y
        base = array
        while isinstance(base, np.ndarray) and not base.flags.writeable:
            base = base.base
        if isinstance(array, np.ndarray) and base is not None:
            yield array
