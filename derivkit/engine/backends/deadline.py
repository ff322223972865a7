"""Time limits of calls, and blocks that Ctrl-C must not interrupt. Standard library only.

`call_within` limits the time of a call: in a main thread an alarm interrupts it; elsewhere a call
cannot be interrupted, so it runs in a thread of its own, which is abandoned. `interrupts_wait`
holds Ctrl-C back while worker processes start or end.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

__all__ = ["alarm_possible", "call_within", "interrupts_wait", "too_long"]

Result = TypeVar("Result")

SOON = 1e-6  # seconds until an alarm that should have rung meanwhile; 0 would cancel it


def alarm_possible() -> bool:
    """Return whether a call in this thread can be interrupted: a main thread on Unix."""
    return hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread()


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Let Ctrl-C take effect at the end of the block: half-started workers cannot be ended."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda *which: came.append(which))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            before(*came[0])


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
        return _before_the_alarm(seconds, call, args)
    return _given_up_after(seconds, call, args)


def _before_the_alarm(seconds: float, call: Callable[..., Result], args: tuple[Any, ...]) -> Result:
    """Return ``call(*args)``, interrupted by an alarm; an alarm of the user's own rings as well."""
    before = signal.getsignal(signal.SIGALRM) or signal.SIG_DFL
    now = time.monotonic
    end, theirs, interval, over = now() + seconds, math.inf, 0.0, False

    def ring(number: int, frame: FrameType | None) -> None:
        nonlocal theirs
        if over:
            return
        if not (callable(before) and theirs < end):
            raise too_long(seconds)
        theirs = now() + interval if interval else math.inf
        signal.setitimer(signal.ITIMER_REAL, max(min(theirs, end) - now(), SOON))
        before(number, frame)

    try:
        try:
            signal.signal(signal.SIGALRM, ring)
            left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
            if left:
                theirs = now() + left
                signal.setitimer(signal.ITIMER_REAL, max(min(theirs, end) - now(), SOON))
            return call(*args)
        finally:
            over = True  # a ring before this line is the last one
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if theirs < math.inf:
            signal.setitimer(signal.ITIMER_REAL, max(theirs - now(), SOON), interval)


def _given_up_after(seconds: float, call: Callable[..., Result], args: tuple[Any, ...]) -> Result:
    outcome: Future[Result] = Future()
    threading.Thread(target=_report, args=(outcome, call, args), daemon=True).start()
    wait([outcome], seconds)
    if not outcome.done():
        raise too_long(seconds)
    return outcome.result()


def _report(outcome: Future[Result], call: Callable[..., Result], args: tuple[Any, ...]) -> None:
    try:
        outcome.set_result(call(*args))
    except BaseException as error:  # noqa: BLE001 - belongs to whoever asked
        outcome.set_exception(error)


def too_long(seconds: float) -> TimeoutError:
    """Return the error for a call beyond its limit."""
    return TimeoutError(f"the call took longer than timeout = {seconds:g} s")
