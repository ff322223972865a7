"""Pools of processes on this machine: loky's, which is kept from call to call, and forked ones."""

from __future__ import annotations

import os
import weakref
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_all_start_methods, get_context
from typing import Any
from uuid import uuid4

from joblib import cpu_count
from joblib.externals.loky import ProcessPoolExecutor as LokyExecutor
from joblib.externals.loky.backend.utils import kill_process_tree

from derivkit.engine.executors import Pool, Submit, ThroughPool, task
from derivkit.engine.model import Model
from derivkit.engine.shipping import SharedFile, Shipment
from derivkit.engine.worker import born, inherit

__all__ = ["ThroughFork", "local_pool", "worker_environment"]

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
        return LokyExecutor(
            n, timeout=IDLE, env=self._environment, initializer=born, initargs=(os.getpid(),)
        )

    def _pool(self, executor: LokyExecutor, n: int) -> Pool:
        def kill() -> None:
            if _kept.get(self._kind) is executor:
                del _kept[self._kind]
            _end(executor)

        return Pool(
            executor, n, place=self._place, renew=self._renewed, alone=self._alone, kill=kill
        )


def _end(executor: LokyExecutor) -> None:
    """End the workers and theirs; loky's own kill_workers fails on tasks not yet handed out."""
    for process in list((executor._processes or {}).values()):  # noqa: SLF001
        kill_process_tree(process)
    executor.shutdown(wait=True)


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

    def __init__(self, n: int, timeout: float | None = None) -> None:
        if "fork" not in get_all_start_methods():
            raise ValueError(
                "`executor` must not be 'fork' on this system, which cannot fork; "
                "use 'processes' or 'threads'"
            )
        super().__init__(_forked(n), timeout)

    def _packed(self, model: Model) -> Submit:
        token = uuid4().hex
        inherit(token, model)
        weakref.finalize(self, inherit, token, None)
        return task(Shipment(token, ()), (), self._timeout)


def _forked(n: int) -> Pool:
    executor = ProcessPoolExecutor(
        n, get_context("fork"), initializer=born, initargs=(os.getpid(),)
    )

    def kill() -> None:
        for process in list((executor._processes or {}).values()):  # noqa: SLF001 - until 3.14
            process.kill()
        executor.shutdown(wait=True, cancel_futures=True)

    return Pool(executor, n, renew=partial(_forked, n), alone=partial(_forked, 1), kill=kill)
