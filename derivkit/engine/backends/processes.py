"""Pools of processes on this machine: loky's, kept from call to call, and forked ones."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from functools import partial
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

SOON = 0.2  # seconds in which a pool's thread ends by itself, unless it waits for a pipe
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
    """Loky's workers; Python does not wait for them for ever when it ends.

    At exit, Loky waits until each worker has ended by itself. A worker that is stopped, is still in
    a call nobody wants, or was killed while it held a lock would keep the program from ending.
    """

    def submit(self, fn: Callable[..., Any], *args: Any, **keywords: Any) -> Future[Any]:
        future: Future[Any] = super().submit(fn, *args, **keywords)
        thread = self._executor_manager_thread
        if thread not in _workers:
            _end_before_loky_waits()
        _workers[thread] = _processes(self)
        return future


_workers: weakref.WeakKeyDictionary[Any, list[Any]] = weakref.WeakKeyDictionary()
"""The workers of each of loky's threads. A thread outlives its pool, since it waits for them to
end."""

_unwanted: weakref.WeakSet[Future[Any]] = weakref.WeakSet()
"""Tasks that may still run, although a copy has already given their result."""

if hasattr(os, "register_at_fork"):  # a forked child has the lists, but not the workers
    os.register_at_fork(after_in_child=_workers.clear)


def _end_before_loky_waits() -> None:
    """Have workers ended when this process ends, before loky waits for them.

    Exit functions run in reverse order, and loky registers its own at a pool's first task.
    """
    threading._register_atexit(_end_idle)  # type: ignore[attr-defined]  # noqa: SLF001
    if parent_process() is not None:  # a child of multiprocessing waits for them even earlier
        Finalize(None, _end_all, exitpriority=1)


def _end_idle() -> None:
    """End the pools that no other thread is using."""
    _end_those([thread for thread in list(_workers) if not _wanted(thread)], MOST_SECONDS_TO_EXIT)


def _end_all() -> None:
    _end_those(list(_workers))


def _end_deserted() -> None:
    """End the replaced pools whose workers are in calls that nobody wants any more."""
    gone = [thread for thread in list(_workers) if thread.executor_reference() is None]
    _end_those([thread for thread in gone if _held_up(thread) and not _wanted(thread)])


def _end_those(threads: list[Any], patience: float = 0.0) -> None:
    for thread in threads:
        if (executor := thread.executor_reference()) is not None:
            executor.shutdown(wait=False)
    end = time.monotonic() + patience
    for thread in threads:
        _end_with_thread(thread, _workers[thread], end - time.monotonic())


def _tasks(thread: Any) -> list[Future[Any]]:
    """Return the tasks of a pool that have not ended; it has a thread once it was used."""
    return [item.future for item in list(thread.pending_work_items.values())] if thread else []


def _wanted(thread: Any) -> bool:
    return any(task not in _unwanted for task in _tasks(thread))


def _held_up(thread: Any) -> bool:
    """Whether workers of a pool are in calls that nobody wants."""
    return any(task in _unwanted for task in _tasks(thread))


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
        former = _kept.get(self._kind)
        if former is None or _held_up(former._executor_manager_thread):  # noqa: SLF001
            del former  # else this reference would keep the pool alive
            _kept.clear()  # its workers end, unless another thread is still using them
            _end_deserted()
            _kept[self._kind] = self._started(self._n)
        return self._pool(_kept[self._kind], self._n)

    def _renewed(self) -> Pool:
        _kept.pop(self._kind, None)
        return self.kept()

    def _alone(self) -> Pool:
        return self._pool(self._started(1), 1)

    def _started(self, n: int) -> LokyExecutor:
        return _Workers(
            n, timeout=IDLE, env=self._environment, initializer=born, initargs=(os.getpid(),)
        )

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
            let_go=_unwanted.add,
            processes=partial(_processes, executor),
        )


def _processes(executor: Any) -> list[Any]:
    return list((executor._processes or {}).values())  # noqa: SLF001


def _end(executor: Any, patience: float = 0.0) -> None:
    """End the workers and theirs; loky's own kill_workers fails on tasks not handed out.

    Parameters
    ----------
    executor : Executor
    patience : float
        Seconds in which idle workers may end by themselves.
    """
    thread, processes = executor._executor_manager_thread, _processes(executor)  # noqa: SLF001
    executor.shutdown(wait=False)
    _end_with_thread(thread, processes, patience)


def _end_with_thread(thread: Any, processes: list[Any], patience: float = 0.0) -> None:
    """End the workers of a pool that was shut down, and the thread that waits for them.

    A worker may have sent half a result. The thread that reads it, or one that sends a task, would
    wait for the rest for ever: so this process lets go of its ends of the pipes.
    """
    if thread is not None:
        _ended(thread, max(patience, 0.0))
    for process in processes:
        if process.exitcode is None:
            kill_process_tree(process)
    if thread is None or _ended(thread, SOON):
        return
    _taken_off(getattr(thread.result_queue, "_writer", None))
    _taken_off(getattr(thread.call_queue, "_reader", None))
    _ended(thread, MOST_SECONDS_TO_END)


def _ended(thread: threading.Thread, seconds: float) -> bool:
    if thread.is_alive():
        thread.join(seconds)
    return not thread.is_alive()


def _taken_off(end: Any) -> None:
    """Close a pipe in this process, but keep its descriptor valid.

    The pool's own thread closes the descriptor, perhaps right now. Closed twice, it could by then
    belong to a file that another thread has just opened.
    """
    if end is None or end.closed or os.name == "nt":
        return
    with Path(os.devnull).open("r+b", buffering=0) as nothing, suppress(OSError):
        os.dup2(nothing.fileno(), end.fileno(), inheritable=False)


class ThroughFork(ThroughPool):
    """A backend of forked processes: they share the model in memory, so nothing is pickled.

    They inherit what the model had set up before; what it sets up in them is lost when the kit's
    call ends.

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

        If one was killed while it held the lock of the results, the others wait for that lock, and
        this process would wait for them when it ends.
        """
        with interrupts_wait():
            _end(self._pool.executor, MOST_SECONDS_TO_END)

    def _packed(self, model: Model) -> Submit:
        if self._packages and self._pool.renew is not None:
            self.close()  # workers that were forked before cannot inherit this one
            self._pool = self._pool.renew()
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
