"""Where a call runs: as the user asked of the kit or the call, else as joblib is configured."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from derivkit.engine.backends.deadline import alarm_possible
from derivkit.engine.backends.serial import serial, serial_within, vectorised, vectorised_within
from derivkit.engine.model import Backend, Model
from derivkit.validation import check_flag, has, is_text, shown

__all__ = ["Execution", "choose_backend"]

MOST_SECONDS = 1e8  # three years: every system can set an alarm for then
BY_NAME = ("processes", "threads", "fork")


def _check_executor(executor: Any) -> None:
    named = isinstance(executor, str)
    if named and not is_text(executor, *BY_NAME):
        raise ValueError(f"`executor` must be one of {', '.join(BY_NAME)}, got {shown(executor)}")
    if isinstance(executor, type):
        raise TypeError(
            f"`executor` must be an executor, got the class {executor.__name__}: make one of it, "
            f"{executor.__name__}(…)"
        )
    if named or executor is None or (has(executor, "submit") and callable(executor.submit)):
        return
    hint = "; take its get_executor(pure=False)" if has(executor, "get_executor") else ""
    raise TypeError(
        f"`executor` must have the submit of concurrent.futures, got "
        f"{type(executor).__name__}{hint}"
    )


def _check_timeout(timeout: Any) -> None:
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float, np.integer, np.floating)):
        raise TypeError(f"`timeout` must be a number of seconds or None, got {shown(timeout)}")
    if not 0 < timeout <= MOST_SECONDS:
        raise ValueError(
            f"`timeout` must be a positive number of seconds, got {shown(timeout)}"
            + ("; leave it out for no limit" if timeout > MOST_SECONDS else "")
        )


@dataclass(frozen=True, slots=True)
class Execution:
    """Where and how a user wants the model to be called; checked.

    Attributes
    ----------
    executor : concurrent.futures.Executor, str or None
        An executor, or "processes", "threads" or "fork".
    timeout : float or None
        Seconds for one call of the model.
    speculate : bool
        Whether idle workers may call the model at points that may turn out not to be needed.
    hedge : bool
        Whether idle workers may repeat calls that are still running elsewhere.
    eager : bool
        Whether rounds cost more than calls, as where each waits a day in a queue.

    Raises
    ------
    TypeError, ValueError
        If one of them is something else.
    """

    executor: Any = None
    timeout: float | None = None
    speculate: bool = False
    hedge: bool = False
    eager: bool = False

    def __post_init__(self) -> None:
        _check_executor(self.executor)
        _check_timeout(self.timeout)
        for name in ("speculate", "hedge"):
            object.__setattr__(self, name, check_flag(name, getattr(self, name)))


WHEREVER = Execution()


def choose_backend(
    model: Model, n_workers: int | None = None, execution: Execution = WHEREVER
) -> Backend:
    """Return how the model is to be called; serial unless something else was asked for.

    Parameters
    ----------
    model : Model
    n_workers : int or None
        Calls at a time; -1 for one a core; None follows joblib's configuration, else 1.
    execution : Execution
        The kit's own settings.
    """
    executor, timeout = execution.executor, execution.timeout
    if model.vectorized:
        return _here(timeout, vectorised, vectorised_within)
    if executor is not None and not isinstance(executor, str):
        return _through(executor, n_workers, execution)
    if executor is not None or n_workers not in {None, 1} or _joblib_may_be_configured(n_workers):
        from derivkit.engine.backends.joblib_config import configured  # noqa: PLC0415 - joblib loads slowly

        if (backend := configured(executor, n_workers, timeout, hedge=execution.hedge)) is not None:
            return backend
    return _here(timeout, serial, serial_within)


def _joblib_may_be_configured(n_workers: int | None) -> bool:
    return n_workers is None and "joblib" in sys.modules


def _here(timeout: float | None, free: Backend, limited: Callable[..., Any]) -> Backend:
    """Return the backend for calls in this thread."""
    if timeout is None:
        return free
    if not alarm_possible():
        raise ValueError(
            "`timeout` can end a call in this process only in the main thread and on Unix; "
            "use executor='processes'"
        )
    return partial(limited, timeout)


def _through(executor: Any, n_workers: int | None, execution: Execution) -> Backend:
    from derivkit.engine.backends.clusters import pool_of, runs_threads, size_of  # noqa: PLC0415
    from derivkit.engine.backends.pools import ThroughPool  # noqa: PLC0415
    from derivkit.engine.backends.threads import ThroughThreads  # noqa: PLC0415

    timeout, hedge = execution.timeout, execution.hedge
    named = None if n_workers == -1 else n_workers
    if runs_threads(executor):
        return ThroughThreads(executor, named or size_of(executor), timeout, hedge=hedge)
    return ThroughPool(pool_of(executor, named), timeout, hedge=hedge)
