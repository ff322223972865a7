"""How far a call has come: for a bar, a callback or the log. Watches replies, decides nothing.

Without a listener no watch is made, and a call costs nothing more.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import shorten
from typing import Any, TypeAlias

from derivkit.engine.model import Reply
from derivkit.engine.points import Key
from derivkit.validation import optional, shown

__all__ = [
    "Progress",
    "Show",
    "Watch",
    "check_progress",
    "watching",
]

logger = logging.getLogger("derivkit")

MOST_NAMED = 4  # parameters named in a line
MOST_LETTERS = 10  # of names beside a bar, so that 80 columns show the bar too


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a call stands.

    Attributes
    ----------
    done : int
        Model calls finished.
    expected : int
        Model calls asked for so far; methods may ask for more when they have seen these.
    rounds : int
        The round that is running, counted from 1.
    seconds : float
        Since the call began.
    waiting : tuple of str
        Parameters whose points are not all finished; the one with most to come first. Empty when
        all that were asked for are.
    """

    done: int
    expected: int
    rounds: int
    seconds: float
    waiting: tuple[str, ...]

    @property
    def rate(self) -> float:
        """Model calls a second."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        lagging = f", waiting for {_listed(self.waiting)}" if self.waiting else ""
        return f"{self.done}/{self.expected} calls, round {self.rounds}{lagging}"


Show: TypeAlias = Callable[[Progress], Any]
"""Takes a `Progress` after every finished model call."""


class Watch:
    """Counts the replies of one call and reports them.

    Parameters
    ----------
    show : callable or None
        Told after every reply.
    """

    def __init__(self, show: Show | None) -> None:
        self._show = show
        self._start = time.perf_counter()
        self._moved: dict[Key, str] = {}
        self._waiting: Counter[str] = Counter()
        self._done = 0
        self._expected = 0
        self._rounds = 0

    @property
    def rounds(self) -> int:
        """The round that is running, counted from 1; 0 before the first."""
        return self._rounds

    def expect(self, moved: Mapping[Key, str], number: int) -> None:
        """Note calls to come in the round of that number, each with what it moves."""
        self._rounds = max(self._rounds, number)
        self._expected += len(moved)
        self._moved.update(moved)
        self._waiting.update(moved.values())
        if logger.isEnabledFor(logging.DEBUG):
            names = _listed(dict.fromkeys(moved.values()))
            logger.debug("round %d: %d calls, for %s", number, len(moved), names)

    def over(self, replies: Iterable[tuple[Key, Reply]]) -> Iterator[tuple[Key, Reply]]:
        """Pass replies on, and report each."""
        try:
            for key, reply in replies:
                try:
                    yield key, reply
                finally:  # also of the last that was wanted: its call has ended
                    self._finished(self._moved.pop(key))
        finally:
            if isinstance(replies, Generator):
                replies.close()

    def now(self) -> Progress:
        """Return where the call stands."""
        return Progress(
            self._done,
            self._expected,
            self._rounds,
            time.perf_counter() - self._start,
            tuple(name for name, _ in self._waiting.most_common()),
        )

    def _finished(self, name: str) -> None:
        self._done += 1
        self._waiting[name] -= 1
        if self._waiting[name] <= 0:
            del self._waiting[name]
        if self._show is not None:
            self._show(self.now())


def check_progress(progress: Any) -> None:
    """Raise unless it is a callable, or says whether to show a bar."""
    if not (callable(progress) or progress is None or isinstance(progress, bool)):
        raise TypeError(f"`progress` must be True, False or a callable, got {shown(progress)}")


@contextmanager
def watching(progress: bool | Show | None, what: str) -> Iterator[Watch | None]:
    """Return a watch over one call, or None if nobody is to be told.

    Parameters
    ----------
    progress : bool or callable
        True for a bar; a callable takes a `Progress` after every model call.
    what : str
        Stands before the bar and in the log.

    Raises
    ------
    TypeError
        If ``progress`` is neither.
    ImportError
        If a bar is wanted and tqdm is not installed.
    """
    check_progress(progress)
    if not progress and not logger.isEnabledFor(logging.INFO):
        yield None
        return
    bar = _bar(what) if progress is True else None
    watch = Watch(bar.show if bar else progress if callable(progress) else None)
    try:
        yield watch
    finally:
        if bar:
            bar.close()
    stands = watch.now()
    rounds = "1 round" if stands.rounds == 1 else f"{stands.rounds} rounds"
    logger.info("%s: %d calls in %s, %.3g s", what, stands.done, rounds, stands.seconds)


class _Bar:
    """A tqdm bar, in a terminal or a notebook; it may grow when methods ask for more."""

    def __init__(self, tqdm: Any, what: str) -> None:
        self._bar = tqdm(desc=what, unit="call", total=0, dynamic_ncols=True)

    def show(self, progress: Progress) -> None:
        self._bar.total = progress.expected
        names = shorten(_listed(progress.waiting), MOST_LETTERS, placeholder=" …")
        which = f", {names}" if names else ""
        self._bar.set_postfix_str(f"round {progress.rounds}{which}", False)
        self._bar.update(progress.done - self._bar.n)

    def close(self) -> None:
        self._bar.set_postfix_str("", False)
        self._bar.close()


def _bar(what: str) -> _Bar:
    with warnings.catch_warnings():  # without ipywidgets, a notebook's bar is of text
        warnings.filterwarnings("ignore", message="IProgress not found")
        return _Bar(optional("tqdm.auto", "progress=True").tqdm, what)


def _listed(names: Iterable[str]) -> str:
    each = list(names)
    return ", ".join(each[:MOST_NAMED]) + (", …" if len(each) > MOST_NAMED else "")
