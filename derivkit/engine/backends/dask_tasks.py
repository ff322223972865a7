"""A Dask client's tasks as futures of concurrent.futures that always end.

Dask's own executor fetches a finished result in a coroutine whose exceptions are lost: if the
worker dies before the fetch and Dask gives up the task, its future never ends. Here a thread
fetches results and hands exceptions on. It fetches all that have finished together, since one round
trip to the cluster takes as long as several tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from threading import Lock, Thread
from typing import Any, TypeAlias

__all__ = ["DaskTasks"]

Ended: TypeAlias = tuple[Any, "Future[Any]"]
"""A Dask future that has ended, and the future that gets its result."""


class DaskTasks(Executor):
    """Submits to a Dask client.

    Parameters
    ----------
    client : distributed.Client
    options : mapping
        Keywords of ``client.submit``, as those of ``client.get_executor``.
    """

    def __init__(self, client: Any, options: Mapping[str, Any]) -> None:
        self._client = client
        self._options = dict(options)
        self._held: dict[Future[Any], Any] = {}  # Dask forgets tasks that nobody holds
        self._ended: list[Ended] = []
        self._fetching = False
        self._lock = Lock()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run ``fn(*args, **kwargs)`` on the cluster."""
        ours: Future[Any] = Future()
        task = self._client.submit(fn, *args, **kwargs, **self._options)
        self._held[ours] = task
        ours.add_done_callback(self._let_go)
        task.add_done_callback(lambda ended: self._take((ended, ours)))
        return ours

    def _let_go(self, ours: Future[Any]) -> None:
        task = self._held.pop(ours)
        if ours.cancelled():
            task.cancel()

    def _take(self, ended: Ended) -> None:
        """Note that a task has ended; runs in Dask's one thread for callbacks, so must not wait."""
        with self._lock:
            self._ended.append(ended)
            if self._fetching:
                return
            self._fetching = True
        Thread(target=self._fetch, daemon=True).start()

    def _fetch(self) -> None:
        """Fetch what has ended, and what ends meanwhile; runs in a thread of its own."""
        while True:
            with self._lock:
                ended, self._ended = self._ended, []
                self._fetching = bool(ended)
            if not ended:
                return
            wanted = [each for each in ended if each[1].set_running_or_notify_cancel()]
            try:
                results = self._client.gather([task for task, _ in wanted])
            except BaseException:  # noqa: BLE001 - of one of them; each gets its own below
                for each in wanted:
                    _hand_on(*each)
            else:
                for (_, ours), result in zip(wanted, results, strict=True):
                    ours.set_result(result)


def _hand_on(task: Any, ours: Future[Any]) -> None:
    """Hand on one task's result or exception."""
    try:
        result = task.result()
    except BaseException as error:  # noqa: BLE001 - handed on, whatever it is
        ours.set_exception(error)
    else:
        ours.set_result(result)
