"""Pools of processes on this machine: loky's, which is kept from call to call, and forked ones."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from functools import cache, partial
from multiprocessing import get_all_start_methods, get_context, parent_process
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any
from uuid import uuid4

from joblib import cpu_count
from joblib.externals.loky import ProcessPoolExecutor as LokyExecutor
from joblib.externals.loky.backend.utils import kill_process_tree

from derivkit.engine.backends.deadline import interrupts_wait
from derivkit.engine.backends.pools import Pool, Submit, ThroughPool, task
from derivkit.engine.backends.shipping import SharedFile, Shipment
from derivkit.engine.backends.worker import born, inherit
from derivkit.engine.model import Model

__all__ = ["ThroughFork", "local_pool", "worker_environment"]

SOON = 0.2  # seconds in which the thread of a pool ends by itself, unless it waits for a pipe
MOST_SECONDS_TO_END = 1.0  # waited for the thread of a pool that was killed
MOST_SECONDS_TO_EXIT = 5.0  # in which idle workers may end by themselves when Python ends
IDLE = 300  # seconds after which idle workers end; joblib's
THREADS_OF = (  # what the libraries of linear algebra read when they are loaded; joblib's list
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class _Workers(LokyExecutor):  # type: ignore[misc]
    """Loky's workers, for which Python does not wait for ever at its end.

    Loky waits there until each has ended by itself. One that is stopped, or that was killed with
    a lock the others need, would never let the program end.
    """

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._tasks: weakref.WeakSet[Future[Any]] = weakref.WeakSet()

    def submit(self, fn: Callable[..., Any], *args: Any, **keywords: Any) -> Future[Any]:
        future: Future[Any] = super().submit(fn, *args, **keywords)
        self._tasks.add(future)
        _begun.add(self)
        _end_before_loky_waits()
        return future

    @property
    def idle(self) -> bool:
        """Whether every task has ended; another thread may still wait for one."""
        return all(task.done() for task in list(self._tasks))


_begun: weakref.WeakSet[_Workers] = weakref.WeakSet()


@cache
def _end_before_loky_waits() -> None:
    """Have idle workers ended when Python ends, before loky waits for them.

    What was asked for last comes first, and loky asks when its first task is submitted.
    """
    threading._register_atexit(_end_idle, os.getpid())  # type: ignore[attr-defined]  # noqa: SLF001


def _end_idle(parent: int) -> None:
    if os.getpid() == parent:  # a forked child has the list, but not the workers
        for executor in list(_begun):
            if executor.idle:
                _end(executor, MOST_SECONDS_TO_EXIT)


_kept: dict[tuple[Any, ...], LokyExecutor] = {}  # at most one: the last used


def local_pool(n: int, threads: int | None = None) -> Pool:
    """Return n loky processes: those of the last call, if it used as many.

    Parameters
    ----------
    n : int
    threads : int, optional
        Threads for linear algebra in each; the processor's cores shared out, unless the
        environment says otherwise.
    """
    return _LokyPools(n, worker_environment(n, threads)).kept()


def worker_environment(n: int, threads: int | None = None) -> dict[str, str]:
    """Return the variables that keep n workers from using more threads than there are cores."""
    fair = str(threads or max(1, cpu_count() // n))
    return {v: fair if threads else os.environ.get(v, fair) for v in THREADS_OF}


class _LokyPools:
    """Makes pools of one kind; they share the file in which the model's large parts are."""

    def __init__(self, n: int, environment: dict[str, str]) -> None:
        self._n = n
        self._environment = environment
        self._kind = (os.getpid(), n, *environment.values())
        self._place = SharedFile().place

    def kept(self) -> Pool:
        if self._kind not in _kept:
            _kept.clear()  # its workers end, unless another thread is still using them
            _kept[self._kind] = self._started(self._n)
        return self._pool(_kept[self._kind], self._n)

    def _renewed(self) -> Pool:
        _kept.pop(self._kind, None)
        return self.kept()

    def _alone(self) -> Pool:
        return self._pool(self._started(1), 1)

    def _started(self, n: int) -> LokyExecutor:
        executor = _Workers(
            n, timeout=IDLE, env=self._environment, initializer=born, initargs=(os.getpid(),)
        )
        if parent_process() is not None:  # a child of multiprocessing waits for idle workers
            Finalize(None, _end, (executor,), exitpriority=1)
        return executor

    def _pool(self, executor: LokyExecutor, n: int) -> Pool:
        def kill() -> None:
            if _kept.get(self._kind) is executor:
                del _kept[self._kind]
            _end(executor)

        return Pool(
            executor,
            n,
            place=self._place,
            renew=self._renewed,
            alone=self._alone,
            kill=kill,
            processes=partial(_processes, executor),
        )


def _processes(executor: Any) -> list[Any]:
    return list((executor._processes or {}).values())  # noqa: SLF001


def _end(executor: Any, patience: float = 0.0) -> None:
    """End the workers and theirs; loky's own kill_workers fails on tasks not handed out.

    A worker may have sent half a result, and the thread that reads it, or one that sends a task,
    would wait for the rest for ever: the pipes' ends in this process are taken off their pipes.

    Parameters
    ----------
    executor : Executor
    patience : float
        Seconds in which idle workers may end by themselves.
    """
    thread = executor._executor_manager_thread  # noqa: SLF001
    queues = (executor._result_queue, "_writer"), (executor._call_queue, "_reader")  # noqa: SLF001
    processes = _processes(executor)
    executor.shutdown(wait=False)
    if patience and (thread is None or _ended(thread, patience)):
        return
    for process in processes:
        kill_process_tree(process)
    if thread is None or _ended(thread, SOON):
        return
    for queue, side in queues:
        _taken_off(getattr(queue, side, None))
    _ended(thread, MOST_SECONDS_TO_END)


def _ended(thread: threading.Thread, seconds: float) -> bool:
    if thread.is_alive():
        thread.join(seconds)
    return not thread.is_alive()


def _taken_off(end: Any) -> None:
    """Make this process let go of a pipe, under a descriptor that stays valid.

    The pool's own thread closes it, perhaps at this moment: closed twice, it could be a file that
    another thread has just opened.
    """
    if end is None or end.closed or os.name == "nt":
        return
    with Path(os.devnull).open("r+b", buffering=0) as nothing, suppress(OSError):
        os.dup2(nothing.fileno(), end.fileno(), inheritable=False)


class ThroughFork(ThroughPool):
    """A backend of forked processes: they share the model in memory, so nothing is pickled.

    What the model sets up in a call is lost at the end of a call of the kit; what it had set up
    before is there.

    Parameters
    ----------
    n : int
        How many processes.
    timeout : float or None
        Seconds for a call.
    """

    def __init__(self, n: int, timeout: float | None = None, *, hedge: bool = False) -> None:
        if "fork" not in get_all_start_methods():
            raise ValueError(
                "`executor` must not be 'fork' on this system, which cannot fork; "
                "use 'processes' or 'threads'"
            )
        super().__init__(_forked(n), timeout, hedge=hedge)

    def close(self) -> None:
        """End the workers.

        One that was killed while it held the lock of the results has left the others waiting for
        it; this process would wait for them when it ends.
        """
        with interrupts_wait():
            _end(self._pool.executor, MOST_SECONDS_TO_END)

    def _packed(self, model: Model) -> Submit:
        token = uuid4().hex
        inherit(token, model)
        weakref.finalize(self, inherit, token, None)
        return task(Shipment(token, ()), (), self._timeout)


def _forked(n: int) -> Pool:
    executor = ProcessPoolExecutor(
        n, get_context("fork"), initializer=born, initargs=(os.getpid(),)
    )
    pool = Pool(
        executor,
        n,
        renew=partial(_forked, n),
        alone=partial(_forked, 1),
        kill=partial(_end, executor),
        processes=partial(_processes, executor),
    )
    if parent_process() is not None:
        # A child of multiprocessing closes the queues (priority 10) and then waits for all
        # workers: those that had not been told to end by then would never hear of it.
        Finalize(pool, executor.shutdown, exitpriority=11)
    return pool
