"""One call's evaluations: requests become points, points become values, each point once.

The memo outlives the call: it belongs to the kit. Where and how the model is called is the
backend's; what a failed call means to the user is decided here.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.failures import model_error
from derivkit.engine.memo import Memo, RoutedMemo
from derivkit.engine.model import Failure, Model, Output, Reply
from derivkit.engine.progress import Watch
from derivkit.engine.rays import AT_X0, Key, Ray, Seconds
from derivkit.errors import ModelError

__all__ = ["Backend", "Evaluation", "Job"]

Job: TypeAlias = tuple[Key, NDArray[Any]]

Owner: TypeAlias = tuple[float, int, complex]
"""Whose a point is: the round in which it is asked for, the line, and its place t there."""

NEVER = math.inf
"""The round of points that no line has asked for."""


class Backend(Protocol):
    """A way to call the model at many points: yields replies in any order, as they come.

    One that calls it at several points at a time has an attribute ``workers``, their number. It
    looks for further points whenever it has room, also after ``points`` was exhausted: replies may
    lead to more of them (see `streaming.Feed`).
    """

    def __call__(
        self, model: Model, points: Iterable[tuple[Key, NDArray[Any]]], seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        """Yield (key, reply) for each point, and note in ``seconds`` what each call took."""
        ...


class Evaluation:
    """Answers the requests of the solvers of one stage; implements `rounds.Asker`.

    It is asked for a round at a time (`ask`), or for points one by one, while others are being
    evaluated (`open` and `replies`). A point belongs to the line that asks for it in the earliest
    round, and there to the first; so costs do not depend on the order in which replies come.

    Parameters
    ----------
    model : Model
    rays : sequence of Ray
        One for each solver.
    backend : Backend
    memo : Memo
        Looked up before every call of the model and filled by it.
    names : sequence of str
        The parameters', for messages.
    check_output : callable
        Called with the output at x0, before further calls where calls are serial; raises if it
        is not of the kind that is due.
    watch : Watch, optional
        Told of every reply.
    """

    def __init__(
        self,
        model: Model,
        rays: Sequence[Ray],
        backend: Backend,
        memo: Memo,
        names: Sequence[str],
        check_output: Callable[[Output], None] = lambda _: None,
        watch: Watch | None = None,
    ) -> None:
        self._watch = watch
        self._rounds_before = 0 if watch is None else watch.rounds
        self._model = model
        self._rays = rays
        self._backend = memo.route(backend) if isinstance(memo, RoutedMemo) else backend
        self._memo = memo
        self._names = names
        self._check_output = check_output
        self._shape: tuple[int, ...] | None = None
        self._round = 0
        self._owners: dict[Key, Owner] = {}  # of the points evaluated here
        self._undefined: set[Key] = set()
        self._set_aside: dict[Key, Failure] = {}  # at points that nobody has asked for
        self.nfev = 0
        if AT_X0 in memo:
            self._meet_output_at_x0(memo[AT_X0])

    @property
    def workers(self) -> int:
        """How many calls run at a time; 0 where each waits for the one before."""
        return int(getattr(self._backend, "workers", 0))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the model's output; () for a scalar."""
        if self._shape is None:
            raise RuntimeError("nothing has been evaluated yet")
        return self._shape

    @property
    def cost_of_x0(self) -> int:
        """How many model calls x0 will take, whoever asks for it first: 1, or 0."""
        return int(AT_X0 not in self._memo)

    def cost(self, line: int, points: NDArray[Any]) -> int:
        """Return how many model calls the request would take, x0 apart: points not in the memo."""
        key = self._rays[line].key
        known = self._memo
        return len({k for t in points.tolist() if (k := key(t)) not in known and k != AT_X0})

    @property
    def nfev_of(self) -> list[int]:
        """The model calls of each line, x0 apart."""
        return self._per_line(self._owners)

    @property
    def undefined_of(self) -> list[int]:
        """How many of them were undefined."""
        return self._per_line(self._undefined)

    def _per_line(self, keys: Iterable[Key]) -> list[int]:
        owners = [self._owners[key] for key in keys if key]
        counts = Counter([line for number, line, _ in owners if number != NEVER])
        return [counts[line] for line in range(len(self._rays))]

    # -- a round at a time ------------------------------------------------------------------

    def ask(self, requests: dict[int, NDArray[Any]]) -> dict[int, NDArray[Any]]:
        """Return the values (m, q) at each line's points, calling the model where it must be."""
        self._round += 1
        keys = {line: self.keys(line, points) for line, points in requests.items()}
        jobs = self._missing(requests, keys)
        if jobs:
            self._expect(jobs)
            rays = self._rays
            points = ((k, rays[line].place(t)) for k, (_, line, t) in jobs.items())
            deque(self.replies(points), maxlen=0)
        return {line: self.values(ks) for line, ks in keys.items()}

    def _missing(
        self, requests: dict[int, NDArray[Any]], keys: dict[int, list[Key]]
    ) -> dict[Key, Owner]:
        """Return the owner of every point still to be evaluated, x0 first."""
        missing: dict[Key, Owner] = {}
        if AT_X0 not in self._memo:
            missing[AT_X0] = (self._round, next(iter(requests), 0), 0.0)  # also if all were refused
        for line, points in requests.items():
            for k, t in zip(keys[line], points.tolist(), strict=True):
                if k not in self._memo and k not in missing:
                    missing[k] = (self._round, line, t)
        self._owners.update(missing)
        return missing

    # -- a point at a time ------------------------------------------------------------------

    def keys(self, line: int, points: NDArray[Any]) -> list[Key]:
        """Return the identities of a line's points."""
        key = self._rays[line].key
        return [key(t) for t in points.tolist()]

    def open(self, line: int, points: NDArray[Any], number: int) -> tuple[list[Key], list[Key]]:
        """Take a line's request, the how-manieth it is counted from 1.

        Returns
        -------
        awaited : list of Key
            The points that it waits for; x0 among them, whatever it asks for.
        new : list of Key
            Those that nobody has asked for before: their jobs are to be handed to `replies`.
        """
        places: dict[Key, complex] = {AT_X0: 0.0} | dict(
            zip(self.keys(line, points), points.tolist(), strict=True)
        )
        awaited = [key for key in places if key not in self._memo]
        new: dict[Key, Owner] = {
            key: (number, line, places[key]) for key in awaited if key not in self._owners
        }
        for key in places.keys() & self._owners.keys():
            self._owners[key] = min(self._owners[key], (number, line, places[key]), key=_rank)
            if key in self._set_aside:
                self._receive(key, self._set_aside.pop(key))
                awaited.remove(key)
        self._owners.update(new)
        self._round = max(self._round, number)
        self._expect(new)
        return awaited, list(new)

    def spare(self, line: int, t: float) -> list[Key]:
        """Take a point that has not been asked for, but may be; none if it is known already."""
        key = self._rays[line].key(t)
        if key in self._memo or key in self._owners:
            return []
        self._owners[key] = NEVER, line, t
        self._expect({key: self._owners[key]})
        return [key]

    def job(self, key: Key) -> Job:
        """Return a point that was taken, made out in full."""
        _, line, t = self._owners[key]
        return key, self._rays[line].place(t)

    def replies(self, points: Iterable[Job]) -> Generator[Key, None, None]:
        """Call the model at the points; yield those whose calls have ended."""
        replies = self._backend(self._model, points, self._memo.seconds)
        if self._watch is not None:
            replies = self._watch.over(replies)
        try:
            for key, reply in replies:
                self.nfev += 1
                if type(reply) is float and key and -math.inf < reply < math.inf:
                    self._memo[key] = reply  # the usual case, without the questions below
                elif isinstance(reply, Failure) and self._owners[key][0] == NEVER:
                    self._set_aside[key] = reply  # nobody need know
                else:
                    self._receive(key, reply)
                yield key
        finally:  # now, not when a traceback lets go of it: workers may be running
            if isinstance(replies, Generator):
                replies.close()

    # -- what a reply means -----------------------------------------------------------------

    def _expect(self, jobs: dict[Key, Owner]) -> None:
        if self._watch is not None and jobs:
            moved = {k: self._moved(k, line) for k, (_, line, _) in jobs.items()}
            self._watch.expect(moved, self._rounds_before + self._round)

    def _moved(self, key: Key, line: int) -> str:
        """Return the names of the parameters that a point moves away from x0."""
        return "x0" if key == AT_X0 else " ".join(self._names[i] for i in self._rays[line].indices)

    def _receive(self, key: Key, reply: Reply) -> None:
        """Put a reply into the memo; raise what the user must see."""
        _, line, t = self._owners[key]
        output = self._output(reply, line, t)
        if key == AT_X0:
            self._meet_output_at_x0(output)
        if isinstance(output, np.ndarray):
            defined = np.isfinite(output)
            if not defined.all():
                output = np.where(defined, output, np.nan)
                self._undefined.add(key)
        elif output != output or math.isinf(abs(output)):  # noqa: PLR0124 - nan
            output = math.nan
            self._undefined.add(key)
        self._memo[key] = output

    def _meet_output_at_x0(self, output: Output) -> None:
        self._check_output(output)
        self._shape = np.shape(output)

    def _output(self, reply: Reply, line: int, t: complex) -> Output:
        """Return the output; raises where the model must be defined: where a line begins."""
        if not isinstance(reply, Failure):
            if t == 0 and not np.any(np.isfinite(reply)):
                raise ModelError(
                    f"the model must be defined at x0, but it returned {reply} there; "
                    "choose an x0 inside its domain",
                    x=self._rays[line].place(t),
                )
            return reply
        if reply.undefined and t != 0:
            return math.nan
        if reply.output:
            raise reply.error
        raise model_error(reply.error, self._rays[line], t, self._names) from reply.error

    def values(self, keys: Sequence[Key]) -> NDArray[Any]:
        """Return the outputs as rows (m, q); rows of nan where the model is undefined."""
        outputs = [self._memo[k] for k in keys]
        if self._shape == () and (numbers := _numbers(outputs)) is not None:
            return numbers[:, None]
        self._check_shapes(keys, outputs)
        q = math.prod(self.shape)
        if not keys:
            return np.empty((0, q))
        return np.stack(
            [y.ravel() if isinstance(y, np.ndarray) else np.full(q, np.nan) for y in outputs]
        )

    def _check_shapes(self, keys: Sequence[Key], outputs: Sequence[Output]) -> None:
        """Raise if an output is not of the shape of that at x0; a single nan may stand for it."""
        shape = self.shape
        for key, y in zip(keys, outputs, strict=True):
            fits = y.shape == shape if isinstance(y, np.ndarray) else not shape or y != y  # noqa: PLR0124
            if not fits:
                raise ValueError(
                    f"`function` must return the same shape everywhere, got {np.shape(y)} at "
                    f"{self._described(key)} but {shape} at x0"
                )

    def _described(self, key: Key) -> str:
        if isinstance(key, bytes):
            return "another point"
        pairs = zip(key[::2], key[1::2], strict=True)
        return ", ".join(f"{self._names[int(i.real)]} = {c!r}" for i, c in pairs) or "x0"


def _numbers(outputs: Sequence[Output]) -> NDArray[Any] | None:
    """Return outputs as an array of numbers; None if some are arrays themselves."""
    try:
        numbers = np.array(outputs)
    except ValueError:  # arrays among numbers
        return None
    return numbers if numbers.ndim == 1 else None


def _rank(owner: Owner) -> tuple[float, int]:
    return owner[:2]
