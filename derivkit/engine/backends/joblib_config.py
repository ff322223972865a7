"""Follows `joblib.parallel_config`: its backend and number of jobs become a backend of our own.

Dask and Ray are driven through their futures rather than through joblib, whose Dask backend waits
for ever for a task whose worker keeps dying, and whose Ray backend cannot give results as they
come. A backend not known here (Spark's, say) is called through joblib.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Generator, Iterable, Iterator
from multiprocessing import current_process, get_all_start_methods
from typing import Any

from joblib import Parallel, cpu_count, delayed
from joblib.parallel import (
    MultiprocessingBackend,
    SequentialBackend,
    get_active_backend,
)

from derivkit.engine.backends.clusters import RayExecutor, pool_of
from derivkit.engine.backends.pools import ThroughPool
from derivkit.engine.backends.processes import ThroughFork, local_pool
from derivkit.engine.backends.shipping import pack
from derivkit.engine.backends.threads import DaemonThreads, ThroughThreads
from derivkit.engine.backends.worker import heard, run_one
from derivkit.engine.model import Backend, Job, Model, Reply
from derivkit.engine.points import Key, Seconds
from derivkit.errors import level_of_user

__all__ = ["configured"]


def configured(
    kind: str | None, n_workers: int | None, timeout: float | None, *, hedge: bool = False
) -> Backend | None:
    """Return the backend for what was asked and what joblib is configured to; None for serial.

    Parameters
    ----------
    kind : {None, "processes", "threads", "fork"}
        None follows joblib's.
    n_workers : int or None
        None follows joblib's, else one a core where a kind is asked for, else serial.
    timeout : float or None
    hedge : bool
    """
    active, n_jobs = get_active_backend()
    if kind is None and (cluster := _cluster(active)) is not None:
        return ThroughPool(pool_of(cluster), timeout, hedge=hedge)
    asked = n_workers or n_jobs or (active.default_n_jobs if kind is None else -1)
    n = int(asked) if asked > 0 else max(1, cpu_count() + 1 + int(asked))
    if kind is None:
        kind = _kind_of(active, n)
    if n > 1 and kind in {"processes", "fork"} and current_process().daemon:
        warnings.warn(
            "worker processes cannot be started inside a daemonic process, such as a worker of "
            "multiprocessing.Pool or Dask; the calls are serial: leave out n_workers here",
            UserWarning,
            stacklevel=level_of_user(),
        )
        kind = "serial"
    match kind:
        case "serial":
            return None
        case "threads":
            return ThroughThreads(DaemonThreads(n), n, timeout, hedge=hedge)
        case "fork":
            return ThroughFork(n, timeout, hedge=hedge)
        case "processes":
            threads = getattr(active, "inner_max_num_threads", None)
            return ThroughPool(local_pool(n, threads), timeout, hedge=hedge)
    return _ThroughJoblib(
        n, timeout, as_they_come=getattr(active, "supports_return_generator", False)
    )


def _cluster(active: Any) -> Any:
    """Return an executor for joblib's Dask or Ray backend; None for any other."""
    if hasattr(active, "client"):
        return active.client.get_executor(pure=False)
    return RayExecutor() if type(active).__module__.startswith("ray.") else None


def _kind_of(active: Any, n: int) -> str:
    if n == 1 or isinstance(active, SequentialBackend):
        return "serial"
    if getattr(active, "supports_sharedmem", False):
        return "threads"
    if type(active) is MultiprocessingBackend and sys.platform == "linux":
        return "fork" if "fork" in get_all_start_methods() else "processes"
    known = {"LokyBackend", "MultiprocessingBackend"}
    return "processes" if type(active).__name__ in known else "joblib"


class _ThroughJoblib:
    """A backend that leaves the work to whatever joblib is configured to."""

    def __init__(self, n: int, timeout: float | None, *, as_they_come: bool) -> None:
        self._n = n
        self._timeout = timeout
        self._return_as = "generator_unordered" if as_they_come else "list"
        self._packages: dict[int, tuple[Model, str, tuple[Any, ...]]] = {}  # by model

    def __call__(
        self, model: Model, points: Iterable[Job], seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        """Yield (key, reply) for each point."""
        if id(model) not in self._packages:
            shipment = pack(model)
            parts = shipment.placed(lambda part: part)
            self._packages[id(model)] = model, shipment.token, parts
        _, token, parts = self._packages[id(model)]
        jobs = list(points)
        parallel = Parallel(n_jobs=self._n, batch_size=1, return_as=self._return_as)
        tasks = (
            delayed(_numbered)(
                i, token, x.tobytes(), x.dtype.char, self._timeout, os.getpid(), *parts
            )
            for i, (_, x) in enumerate(jobs)
        )
        outputs = parallel(tasks)
        try:
            for number, reply in outputs:
                key = jobs[number][0]
                seconds[key] = reply[-1]
                yield key, heard(reply)
        finally:
            if isinstance(outputs, Generator):
                _close(outputs)


def _close(outputs: Generator[Any, None, None]) -> None:
    """End the tasks that nobody wants any more, without joblib's advice on how to avoid that."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(?s).*You could benefit", category=UserWarning)
        outputs.close()


def _numbered(number: int, *task: Any) -> tuple[int, Any]:
    return number, run_one(*task)
