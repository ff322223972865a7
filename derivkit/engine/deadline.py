"""A limit on the time of one call. Standard library only: worker processes load this.

In a main thread an alarm interrupts the call. Elsewhere a call cannot be interrupted, so it is
left running in a thread of its own and given up.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any, TypeVar

__all__ = ["alarm_possible", "call_within"]

Result = TypeVar("Result")


def alarm_possible() -> bool:
    """Return whether a call in this thread can be interrupted: a main thread on Unix."""
    return hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread()


def call_within(seconds: float | None, call: Callable[..., Result], *args: Any) -> Result:
    """Return ``call(*args)``.

    Raises
    ------
    TimeoutError
        If it takes longer than ``seconds``; None for no limit.
    """
    if seconds is None:
        return call(*args)
    if alarm_possible():
        with _alarm(seconds):
            return call(*args)
    return _given_up_after(seconds, call, args)


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(*_: Any) -> None:
        raise _too_long(seconds)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _given_up_after(seconds: float, call: Callable[..., Result], args: tuple[Any, ...]) -> Result:
    outcome: Future[Result] = Future()
    threading.Thread(target=_report, args=(outcome, call, args), daemon=True).start()
    wait([outcome], seconds)
    if not outcome.done():
        raise _too_long(seconds)
    return outcome.result()


def _report(outcome: Future[Result], call: Callable[..., Result], args: tuple[Any, ...]) -> None:
    try:
        outcome.set_result(call(*args))
    except BaseException as error:  # noqa: BLE001 - belongs to whoever asked
        outcome.set_exception(error)


def _too_long(seconds: float) -> TimeoutError:
    return TimeoutError(f"the call took longer than timeout = {seconds:g} s")
