"""Many small problems at once: one model at many points, every round one common batch.

Each point's call is a `Replay`; this hands all their open points to one backend, and takes each
call on as soon as its own are answered.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.inputs import check_workers
from derivkit.calculus_kit import CalculusKit
from derivkit.calls import call_of
from derivkit.engine.choice import choose_backend
from derivkit.engine.failures import say_what_is_kept
from derivkit.engine.feed import Feed
from derivkit.engine.model import Failure, Reply
from derivkit.engine.progress import watching
from derivkit.engine.replay import Replay
from derivkit.errors import ModelError

if TYPE_CHECKING:
    from derivkit.engine.progress import Show, Watch
    from derivkit.engine.rays import Key

__all__ = ["at_many", "gradients"]


def gradients(
    function: Callable[..., Any],
    points: Iterable[Any],
    method: Any = None,
    *,
    n_workers: int | None = None,
    **options: Any,
) -> NDArray[np.float64]:
    """Return the gradients (n, p) of one function at n points, computed together.

    Parameters
    ----------
    function : callable
        As in `CalculusKit`.
    points : iterable of n array_like (p,)
    method : str or method value, optional
    n_workers : int, optional
        How many model calls run at a time, of all points together.
    **options
        Keywords of `CalculusKit`, and the method's own where it is given by name.

    Raises
    ------
    ModelError
        If the model fails at one of the points; `CalculusKit.at_many` can go on instead.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import gradients
    >>> print(np.round(gradients(lambda x: x[0] ** 2 * x[1], [[1.0, 2.0], [3.0, 4.0]]), 6))
    [[ 4.  1.]
     [24.  9.]]
    """
    places = list(points)
    if not places:
        raise ValueError("`points` must hold at least one point, got none")
    known = inspect.signature(CalculusKit).parameters.keys() - {"function", "x0"}
    settings = {k: options.pop(k) for k in known & options.keys()}
    kit = CalculusKit(function, places[0], **settings)
    found = at_many(
        kit, "gradient_result", places, n_workers=n_workers, kept="", method=method, **options
    )
    return np.stack([result.value for result in found])


def at_many(
    kit: CalculusKit,
    what: str,
    points: Iterable[Any],
    *,
    n_workers: int | None = None,
    return_exceptions: bool = False,
    progress: bool | Show | None = None,
    kept: str = "the kit",
    **arguments: Any,
) -> list[Any]:
    """Return what a kit's method gives at each of many points; see `CalculusKit.at_many`.

    Where that is cut short, what has finished is left with the kit for the next call.
    """
    problem = kit._problem  # noqa: SLF001 - the kit's own other half
    backend = choose_backend(problem.model, check_workers(n_workers), problem.execution)
    if kit.checkpoint is not None:
        backend = kit.checkpoint.through(backend)
        kept = kit.checkpoint.path
    replies, seconds = kit._cut_short  # noqa: SLF001
    calls = [
        Replay(call_of(kit, what, arguments, problem.moved_to(x0)), replies, seconds)
        for x0 in points
    ]
    try:
        with watching(progress, f"{what} at {len(calls)} points") as watch:
            together = _Together(calls, replies, go_on=return_exceptions, watch=watch)
            while together.feed:
                together.hear(backend(problem.model, together.feed, seconds))
    except BaseException as error:
        for place in [place for place, reply in replies.items() if _broken(reply)]:
            del replies[place]
        if isinstance(error, KeyboardInterrupt):
            say_what_is_kept(error, len(replies), kept)
        raise
    kit._cut_short = {}, {}  # noqa: SLF001
    return together.results()


def _broken(reply: Reply) -> bool:
    return isinstance(reply, Failure) and not reply.undefined


class _Together:
    """Calls that go on as soon as the points they need have been answered.

    Parameters
    ----------
    calls : sequence of Replay
    replies : dict of bytes to Reply
        Theirs; filled here.
    go_on : bool
        Whether a call in which the model fails leaves the others undisturbed.
    watch : Watch or None
    """

    def __init__(
        self,
        calls: Sequence[Replay[Any]],
        replies: dict[bytes, Reply],
        *,
        go_on: bool,
        watch: Watch | None,
    ) -> None:
        self._calls = calls
        self._replies = replies
        self._go_on = go_on
        self._watch = watch
        self._failed: dict[int, ModelError] = {}
        self._rounds = [0] * len(calls)
        self._missing: dict[int, int] = {}  # how many points a call still waits for
        waiting: defaultdict[bytes, list[int]] = defaultdict(list)  # calls, by point
        self._waiting = waiting
        self.feed: Feed[bytes] = Feed(lambda place: (place, calls[waiting[place][0]].open[place]))
        for i in range(len(calls)):
            self._advance(i)

    def hear(self, answers: Iterator[tuple[Key, Reply]]) -> None:
        """Take replies as they come."""
        if self._watch is not None:
            answers = self._watch.over(answers)
        try:
            for key, reply in answers:
                self._reply(cast("bytes", key), reply)
        finally:  # after a failure that must be shown, ask for no more of them
            getattr(answers, "close", lambda: None)()

    def results(self) -> list[Any]:
        """Return each call's result, or the error that it ended with."""
        return [self._failed.get(i, call.result) for i, call in enumerate(self._calls)]

    def _reply(self, place: bytes, reply: Reply) -> None:
        self._replies[place] = reply
        for i in self._waiting.pop(place):
            self._missing[i] -= 1
            if i not in self._failed and (_broken(reply) or not self._missing[i]):
                self._advance(i)

    def _advance(self, i: int) -> None:
        """Take a call as far as it gets; note or raise that the model failed in it."""
        try:
            self._calls[i].advance()
        except ModelError as error:
            error.add_note(f"at points[{i}]")
            if not self._go_on:
                raise
            self._failed[i] = error
            self._give_up(i)
            return
        self._missing[i] = len(self._calls[i].open)
        self._rounds[i] += 1
        new = [place for place in self._calls[i].open if place not in self._waiting]
        for place in self._calls[i].open:
            self._waiting[place].append(i)
        self.feed.add(new)
        if self._watch is not None and new:
            self._watch.expect(dict.fromkeys(new, f"points[{i}]"), self._rounds[i])

    def _give_up(self, i: int) -> None:
        """Take back the points of a call for which only calls that have failed still wait."""
        waiting = self._waiting
        unwanted = {k for k in self._calls[i].open if self._failed.keys() >= {*waiting.get(k, ())}}
        for place in self.feed.drop(unwanted):
            del waiting[place]
