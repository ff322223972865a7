"""Where a call runs: what the user asked of the kit or the call, else joblib's configuration."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.engine.backends import SerialWithin, VectorisedWithin, serial, vectorised
from derivkit.engine.deadline import alarm_possible
from derivkit.engine.evaluation import Backend
from derivkit.engine.model import Model

__all__ = ["Execution", "choose_backend"]

BY_NAME = ("processes", "threads", "fork")


def _check_executor(executor: Any) -> None:
    named = isinstance(executor, str)
    if named and executor not in BY_NAME:
        raise ValueError(f"`executor` must be one of {', '.join(BY_NAME)}, got {executor!r}")
    if isinstance(executor, type):
        raise TypeError(
            f"`executor` must be an executor, got the class {executor.__name__}: make one of it, "
            f"{executor.__name__}(…)"
        )
    if named or executor is None or callable(getattr(executor, "submit", None)):
        return
    hint = "; take its get_executor(pure=False)" if hasattr(executor, "get_executor") else ""
    raise TypeError(
        f"`executor` must have the submit of concurrent.futures, got "
        f"{type(executor).__name__}{hint}"
    )


def _check_timeout(timeout: Any) -> None:
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float, np.number)):
        raise TypeError(f"`timeout` must be a number of seconds or None, got {timeout!r}")
    if not 0 < timeout < math.inf:
        raise ValueError(f"`timeout` must be a positive number of seconds, got {timeout!r}")


@dataclass(frozen=True, slots=True)
class Execution:
    """What a user asked about where and how the model is called; checked.

    Attributes
    ----------
    executor : concurrent.futures.Executor, str or None
        An executor, or "processes", "threads" or "fork".
    timeout : float or None
        Seconds for one call of the model.
    speculate : bool
        Whether workers without work may call the model where it may turn out not to be needed.

    Raises
    ------
    TypeError, ValueError
        If one of them is something else.
    """

    executor: Any = None
    timeout: float | None = None
    speculate: bool = False

    def __post_init__(self) -> None:
        _check_executor(self.executor)
        _check_timeout(self.timeout)
        if not isinstance(self.speculate, bool):
            raise TypeError(f"`speculate` must be True or False, got {self.speculate!r}")


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
        What the kit was told.
    """
    executor, timeout = execution.executor, execution.timeout
    if model.vectorized:
        return _here(timeout, vectorised, VectorisedWithin)
    if executor is not None and not isinstance(executor, str):
        return _through(executor, timeout)
    if executor is not None or n_workers not in {None, 1} or _joblib_may_be_configured(n_workers):
        from derivkit.engine.joblib_config import configured  # noqa: PLC0415 - joblib loads slowly

        if (backend := configured(executor, n_workers, timeout)) is not None:
            return backend
    return _here(timeout, serial, SerialWithin)


def _joblib_may_be_configured(n_workers: int | None) -> bool:
    return n_workers is None and "joblib" in sys.modules


def _here(timeout: float | None, free: Backend, limited: Callable[[float], Backend]) -> Backend:
    """Return the backend for calls in this thread."""
    if timeout is None:
        return free
    if not alarm_possible():
        raise ValueError(
            "`timeout` can end a call in this process only in the main thread and on Unix; "
            "use executor='processes'"
        )
    return limited(timeout)


def _through(executor: Any, timeout: float | None) -> Backend:
    from derivkit.engine.clusters import pool_of, runs_threads, size_of  # noqa: PLC0415
    from derivkit.engine.executors import ThroughPool  # noqa: PLC0415
    from derivkit.engine.threads import ThroughThreads  # noqa: PLC0415

    if runs_threads(executor):
        return ThroughThreads(executor, size_of(executor), timeout)
    return ThroughPool(pool_of(executor), timeout)
