"""Many small problems at once: one model at many points, all points of a round in one batch.

Each point's call is a `Replay`. All their open points go to one backend, and each call goes on as
soon as its own points are answered.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.driver import run
from derivkit.calculus.operators import requested
from derivkit.calculus.parameters import checked_x0
from derivkit.calculus.problem import Problem, check_problem, split_keywords
from derivkit.calculus.scalar import AtPoints, around_a_defined_point
from derivkit.engine.backends.choice import choose_backend
from derivkit.engine.failures import say_what_is_kept
from derivkit.engine.memo import Memo
from derivkit.engine.model import Failure, Reply
from derivkit.engine.points import Key, Seconds
from derivkit.engine.progress import Show, Watch, watching
from derivkit.engine.replay import Replay
from derivkit.engine.streaming import Feed
from derivkit.errors import ModelError, UnresolvedWarning, level_of_user
from derivkit.methods.registry import MethodLike, resolve
from derivkit.results.result import DerivativeResult, nothing_known
from derivkit.validation import check_version, check_workers, has, shown, with_keywords_of

if TYPE_CHECKING:
    from derivkit.engine.checkpoint.checkpoint import Checkpoint

__all__ = ["at_many", "gradients", "memo_of", "outputs_at"]

OF_EACH_CALL = ("side", "compare")
MOST_NAMED = 6  # points in a warning
LINES_AT_ONCE = 2**13  # parameters of all points that go into common rounds: about 100 MB


@with_keywords_of(check_problem)
def gradients(
    function: Callable[..., Any],
    points: Iterable[Any],
    method: MethodLike = None,
    *,
    n_workers: int | None = None,
    max_evaluations: int | None = None,
    progress: bool | Show | None = None,
    checkpoint: Any = None,
    version: str | None = None,
    checkpoint_mismatch: str = "refuse",
    **keywords: Any,
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
    max_evaluations : int, optional
        Most model calls for each point.
    progress, checkpoint, version, checkpoint_mismatch
        As for `CalculusKit`.
    **keywords
        The others of `CalculusKit`, ``side`` as for `CalculusKit.gradient_result`, and the
        method's own where it is given by name.

    Raises
    ------
    ModelError
        If the model fails at one of the points; `CalculusKit.at_many` can go on instead. Where it
        is merely undefined, the gradient is nan, and one warning names the points.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import gradients
    >>> print(np.round(gradients(lambda x: x[0] ** 2 * x[1], [[1.0, 2.0], [3.0, 4.0]]), 6))
    [[ 4.  1.]
     [24.  9.]]
    """
    places = _listed(points)
    if not places:
        raise ValueError("`points` must hold at least one point, got none")
    of_problem, options = split_keywords(keywords)
    of_call = {key: options.pop(key) for key in OF_EACH_CALL if key in options}
    checked_x0(places[0], None, "points[0]")
    problem = check_problem(function, places[0], **of_problem)
    nowhere = ""  # nobody can go on from it
    memo, _ = memo_of(problem, nowhere, checkpoint, version, checkpoint_mismatch)
    chosen = resolve(method, options)
    alone = hasattr(chosen, "value_and_derivatives") or len(problem.free) < problem.p
    if alone or of_call or max_evaluations is not None:  # each point by itself
        found = at_many(
            problem,
            "gradient_result",
            places,
            {"method": chosen, "max_evaluations": max_evaluations, **of_call},
            memo,
            ({}, {}),
            n_workers=n_workers,
            progress=progress,
        )
        return np.stack([result.value for result in found])
    return _in_common_rounds(problem, places, chosen, memo, n_workers, progress)


def memo_of(
    problem: Problem, where: str, checkpoint: Any, version: str | None, mismatch: str
) -> tuple[Memo, Checkpoint | None]:
    """Return where a problem's finished evaluations are kept: in memory, or in a checkpoint."""
    check_version(version, mismatch)
    if checkpoint is None:
        return Memo(where), None
    from derivkit.engine.checkpoint.recording import open_memo  # noqa: PLC0415 - loads sqlite3

    function, names = problem.model.function, problem.names
    return open_memo(checkpoint, function, version=version, mismatch=mismatch, names=names)


def _in_common_rounds(
    problem: Problem,
    places: Sequence[Any],
    method: Any,
    memo: Memo,
    n_workers: int | None,
    progress: bool | Show | None,
) -> NDArray[np.float64]:
    """Return the gradients (n, p) with all parameters of many points in each round."""
    x0, scales = problem.starts(places)
    known: dict[bytes, int] = {}
    which = [known.setdefault(row.tobytes(), len(known)) for row in x0]
    first = np.unique(which, return_index=True)[1]  # of points that come more than once
    found = np.empty((len(first), problem.p))
    most = (
        len(first)
        if progress is not None and progress is not False
        else max(1, LINES_AT_ONCE // problem.p)
    )
    for start in range(0, len(first), most):
        part = first[start : start + most]

        def at(places: list[int], part: Any = part) -> DerivativeResult:
            rows = part[places]
            here = replace(problem, x0=x0[rows[0]], scale=scales[rows[0]])
            tensor = AtPoints(x0[rows], scales[rows], numbers=rows.tolist())
            memo.clear()
            memo.seconds.clear()
            return run(here, memo, tensor, method, n_workers=n_workers, progress=progress)

        try:
            places, result = around_a_defined_point(len(part), at)
        except ModelError as error:
            for i in np.flatnonzero(np.all(x0 == error.x0, axis=1))[:1].tolist():
                error.add_note(f"at points[{i}]")
            raise
        found[start + np.array(places)] = result.value.reshape(len(part), -1)
    return found[which]


def at_many(
    problem: Problem,
    what: str,
    points: Iterable[Any],
    arguments: Mapping[str, Any],
    memo: Memo,
    so_far: tuple[dict[bytes, Reply], Seconds],
    *,
    n_workers: int | None = None,
    return_exceptions: bool = False,
    progress: bool | Show | None = None,
) -> list[Any]:
    """Return a derivative of one model at each of many points; see `CalculusKit.at_many`.

    Parameters
    ----------
    problem : Problem
        Whose x0 each of the points stands in for.
    what, arguments
        As for `calculus.operators.requested`.
    points : iterable of n array_like (p,)
    memo : Memo
        Says where calls go beside the backend, and what an interrupted user is told.
    so_far : tuple of two dicts
        Replies and seconds, by the bytes of a point: filled here, so that what has finished is
        left to the caller where this is cut short.
    n_workers, return_exceptions, progress
        As in `CalculusKit.at_many`.
    """
    replies, seconds = so_far
    backend = choose_backend(problem.model, check_workers(n_workers), problem.execution)
    backend = memo.route(backend)
    points = _listed(points)
    starts = [problem.moved_to(x0, f"points[{i}]") for i, x0 in enumerate(points)]
    calls = [Replay(requested(start, what, arguments), replies, seconds) for start in starts]
    try:
        with watching(progress, f"{what} at {len(calls)} points") as watch:
            together = _Together(calls, replies, go_on=return_exceptions, watch=watch)
            while together.feed:
                together.hear(backend(problem.model, together.feed, seconds))
    except BaseException as error:
        for place in [place for place, reply in replies.items() if _broken(reply)]:
            del replies[place]
        if isinstance(error, KeyboardInterrupt):
            say_what_is_kept(error, len(replies), memo.where)
        raise
    found = together.results()
    return found if return_exceptions else _filled(found)


def outputs_at(
    problem: Problem, points: NDArray[np.float64], memo: Memo, n_workers: int | None = None
) -> NDArray[np.float64]:
    """Return the model's outputs (n, q), flat, at points (n, p); nan where it is undefined.

    Raises
    ------
    ModelError
        If the model fails with what must be a bug.
    """
    backend = choose_backend(problem.model, check_workers(n_workers), problem.execution)
    wanted = {x.tobytes(): x for x in points}
    found: dict[Key, NDArray[Any]] = {}
    for key, reply in memo.route(backend)(problem.model, iter(wanted.items()), {}):
        if not isinstance(reply, Failure):
            found[key] = np.ravel(np.asarray(reply))
        elif not reply.undefined:
            x = wanted[cast("bytes", key)]
            raise ModelError(f"the model failed at {x}: {reply.error!r}", x=x) from reply.error
    q = max((y.size for y in found.values()), default=1)
    undefined = np.full(q, np.nan)
    return np.array([found.get(x.tobytes(), undefined) for x in points])


def _filled(found: list[Any]) -> list[Any]:
    """Return derivatives with nan where the model is undefined at the point; warn of these."""
    bad = [i for i, each in enumerate(found) if isinstance(each, ModelError)]
    if not bad:
        return found
    like = next((each for each in found if not isinstance(each, ModelError)), None)
    if like is None:
        raise found[0]
    named = ", ".join(f"points[{i}]" for i in bad[:MOST_NAMED]) + (", …" * (len(bad) > MOST_NAMED))
    warnings.warn(
        f"the model is undefined at {named}: the derivatives there are nan",
        UnresolvedWarning,
        stacklevel=level_of_user(),
    )
    return [nothing_known(like, each.x) if i in bad else each for i, each in enumerate(found)]


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
            if not (self._go_on or error.undefined):
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


def _listed(points: Any) -> list[Any]:
    if isinstance(points, (str, bytes)):
        raise TypeError(f"`points` must be points like x0, got {shown(points)}")
    if isinstance(points, Mapping):
        raise TypeError(f"`points` must be a list of points like x0, got {shown(points)}")
    if has(points, "itertuples", "columns"):  # a frame's rows are points
        return [row for _, row in points.iterrows()]
    try:
        return list(points)
    except Exception as error:  # whatever a user's __iter__ raises
        raise TypeError(f"`points` must be points like x0, got {shown(points)}") from error
