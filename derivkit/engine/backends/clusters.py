"""Users' executors – Dask, Ray, any other – and how large data reach their workers.

Dask and Ray are imported only where they are used.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.backends.dask_tasks import DaskTasks
from derivkit.engine.backends.pools import FAR_AHEAD, UNKNOWN_SIZE, Pool
from derivkit.engine.backends.shipping import LARGE, SharedFile
from derivkit.validation import optional

__all__ = ["RayExecutor", "pool_of", "runs_threads", "size_of"]

PATIENCE = 10.0  # seconds without workers before a warning: they may be restarting

SHOWN = 128  # tasks submitted at least: an adaptive cluster grows with their number
RECOUNT = 1.0  # seconds after which workers are counted again


def pool_of(executor: Any, n_workers: int | None = None) -> Pool:
    """Return a user's executor with the best way to place large data for its workers.

    ``n_workers`` is its size, where the user gave it.
    """
    client = getattr(executor, "_client", None)
    if client is not None and hasattr(client, "scatter"):
        tasks = DaskTasks(client, getattr(executor, "_kwargs", {}))
        census = _Census(client, n_workers)
        return Pool(
            tasks,
            census.count(),
            FAR_AHEAD,
            SHOWN,
            _scattered_by(client),
            look=census.look,
            counted=census.count,
        )
    size = n_workers or size_of(executor)
    if isinstance(executor, RayExecutor):
        counted = None if n_workers else partial(size_of, executor)
        return Pool(executor, size, FAR_AHEAD, SHOWN, counted=counted)
    if isinstance(executor, ProcessPoolExecutor) or "loky" in type(executor).__module__:
        return Pool(executor, size, place=SharedFile().place)
    return Pool(executor, size)


def runs_threads(executor: Any) -> bool:
    """Return whether an executor's tasks run in threads of this process."""
    return isinstance(executor, ThreadPoolExecutor)


def size_of(executor: Any) -> int:
    """Return how many tasks an executor runs at a time, or a guess."""
    size = getattr(executor, "_max_workers", None)
    return size if isinstance(size, int) and size > 0 else UNKNOWN_SIZE


def _scattered_by(client: Any) -> Callable[[NDArray[np.uint8]], Any]:
    """Return a function that sends data to all workers of a Dask client, and returns the future."""

    def place(part: NDArray[np.uint8]) -> Any:
        client.wait_for_workers(1)
        return client.scatter(part, broadcast=True, hash=False)

    return place


class _Census:
    """Counts the threads of a Dask cluster, whose workers may join or leave at any time."""

    def __init__(self, client: Any, given: int | None = None) -> None:
        self._client = client
        self._given = given
        self._count = 0
        self._threads: dict[str, int] = {}
        self._until = -math.inf
        self._alone_since: float | None = None
        self._warned = False

    def count(self) -> int:
        """Return how many there are, at least 1; asks the scheduler only now and then."""
        if self._given:
            return self._given
        if time.monotonic() > self._until:
            self._recount()
        return max(1, self._count)

    def look(self) -> None:
        """Warn once if there are no workers: the user would not know what the call waits for."""
        if self._recount() > 1 and any(each.startswith("inproc") for each in self._threads):
            self._warn(
                "the Dask workers are threads of this process, in which one at a time calls the "
                "model; start the cluster with processes=True, or use executor='threads'"
            )
        if self._warned or self._count:
            self._alone_since = None
            return
        now = time.monotonic()
        self._alone_since = now if self._alone_since is None else self._alone_since
        if now - self._alone_since >= PATIENCE:
            self._warn(
                "the Dask cluster has no workers left; the call goes on when new ones join, and "
                "keeps what has finished if you interrupt it"
            )

    def _warn(self, text: str) -> None:
        if not self._warned:
            warnings.warn(text, RuntimeWarning, stacklevel=3)
        self._warned = True

    def _recount(self) -> int:
        self._threads = self._client.nthreads()
        self._count = sum(self._threads.values())
        self._until = time.monotonic() + RECOUNT
        return self._count


class RayExecutor(Executor):
    """A `concurrent.futures` executor whose tasks run on a Ray cluster.

    Parameters
    ----------
    max_retries : int
        How often Ray repeats a task whose worker died.
    **options
        Options of a Ray task, such as ``num_cpus=2`` or ``resources={...}``.

    Raises
    ------
    ImportError
        If Ray is not installed.

    Examples
    --------
    >>> kit = CalculusKit(model, x0, executor=RayExecutor())  # doctest: +SKIP
    >>> kit.gradient(n_workers=16).shape  # doctest: +SKIP
    (2,)
    """

    def __init__(self, *, max_retries: int = 3, **options: Any) -> None:
        ray = optional("ray", "RayExecutor")
        if not ray.is_initialized():
            ray.init()
        self._ray = ray
        self._options = {"max_retries": max_retries, **options}
        self._remote: dict[Any, Any] = {}
        self._put: dict[int, tuple[Any, Any]] = {}
        self._counted = (-math.inf, 1)  # when, and how many

    @property
    def _max_workers(self) -> int:
        """How many tasks run at a time; a cluster grows, so it is asked again now and then."""
        when, size = self._counted
        if time.monotonic() - when > RECOUNT:
            cores = self._ray.cluster_resources().get("CPU", 1)
            size = max(1, int(cores / (self._options.get("num_cpus") or 1)))
            self._counted = time.monotonic(), size
        return size

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run ``fn(*args, **kwargs)`` on the cluster; large arrays are sent once."""
        if fn not in self._remote:
            self._remote[fn] = self._ray.remote(fn).options(**self._options)
        future: Future[Any] = self._remote[fn].remote(*map(self._sent, args), **kwargs).future()
        return future

    def _sent(self, argument: Any) -> Any:
        if not isinstance(argument, np.ndarray) or argument.nbytes < LARGE:
            return argument
        if id(argument) not in self._put:  # the array is kept, so that its id stays its own
            self._put[id(argument)] = argument, self._ray.put(argument)
        return self._put[id(argument)][1]
