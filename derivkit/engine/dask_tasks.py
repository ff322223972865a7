"""A Dask client's tasks as futures of concurrent.futures that end, whatever becomes of the task.

Dask's own executor fetches a finished result in a coroutine that nobody listens to: where the
worker dies in between and the task is given up, the future never ends. Here the result is fetched
where an exception can be handed on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Any

__all__ = ["DaskTasks"]


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

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run ``fn(*args, **kwargs)`` on the cluster."""
        told: Future[Any] = Future()
        task = self._client.submit(fn, *args, **kwargs, **self._options)
        self._held[told] = task
        told.add_done_callback(self._let_go)
        task.add_done_callback(lambda finished: _hand_on(finished, told))
        return told

    def _let_go(self, told: Future[Any]) -> None:
        task = self._held.pop(told)
        if told.cancelled():
            task.cancel()


def _hand_on(task: Any, told: Future[Any]) -> None:
    """Tell a task's result or exception; runs in Dask's thread for callbacks."""
    if not told.set_running_or_notify_cancel():
        return
    try:
        result = task.result()
    except BaseException as error:  # noqa: BLE001 - handed on, whatever it is
        told.set_exception(error)
    else:
        told.set_result(result)
