"""One call's evaluations: requests become points, points become values, each point once.

The memo outlives the call: it belongs to the kit. Where and how the model is called is the
backend's; what a failed call means to the user is decided here.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise, repeat
from math import isfinite
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.blocks import Block, RayTable, block_of
from derivkit.engine.failures import Raised, model_error, type_and_text
from derivkit.engine.memo import Memo
from derivkit.engine.model import (
    Backend,
    Failure,
    Job,
    Model,
    Output,
    Reply,
    Shaped,
    workers_of,
)
from derivkit.engine.points import AT_X0, Key, Ray
from derivkit.engine.progress import Watch
from derivkit.engine.trees import Branch, Leaf, Tree, conformed, periods_of
from derivkit.errors import ModelError

__all__ = ["Evaluation", "layout"]

Owner: TypeAlias = tuple[float, int, complex]
"""Whose a point is: the round in which it is asked for, the line, and its place t there."""

NEVER = math.inf
"""The round of points that no line has asked for."""

MANY = 10_000
"""Each line has the values of more outputs than this as an array of its own."""


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
        is not of the kind that the tensor needs.
    watch : Watch, optional
        Gets every reply.
    lenient : bool
        Whether lines that begin elsewhere than at x0 may begin where the model is undefined.
    period : ndarray, optional
        After which the outputs begin anew, as angles do; of their shape or for all of them.

    Attributes
    ----------
    tree : Tree or None
        The structure of the output at x0; None for a number or an array.
    aux : object
        What the model returned beside it.
    until : float
        When the time is up, by `time.monotonic`.
    left_out : bool
        Whether the backend has not answered all points.
    undefined_starts : set of Key
        Where lines begin outside the domain, if they may.
    """

    def __init__(
        self,
        model: Model,
        rays: Sequence[Ray],
        backend: Backend,
        memo: Memo,
        names: Sequence[str],
        check_output: Callable[[Output | Shaped], None] = lambda _: None,
        watch: Watch | None = None,
        period: NDArray[np.float64] | Mapping[Any, Any] | None = None,
        until: float = math.inf,
        *,
        lenient: bool = False,
    ) -> None:
        self._watch = watch
        self._rounds_before = 0 if watch is None else watch.rounds
        self._model = model
        self._rays = RayTable.of(rays)
        self._backend = memo.route(backend)
        self._memo = memo
        self._names = names
        self._check_output = check_output
        self._shape: tuple[int, ...] | None = None
        self.periods: NDArray[np.float64] | None = None  # one an output, once x0 is known
        self._until = until
        self._round = 0
        self._asked: list[tuple[int, Block]] = []  # points by round whose owners nobody looked up
        self._owned: dict[Key, Owner] = {}  # of the other points evaluated here
        self._undefined: set[Key] = set()
        self._raised: dict[str, dict[Key, str]] = {}  # texts by type and point
        self._period = period
        self._lenient = lenient
        self.undefined_starts: set[Key] = set()
        self.tree: Tree | None = None
        self.aux: Any = None
        self._set_aside: dict[Key, Failure] = {}  # at points that nobody has asked for
        self.nfev = 0
        self.left_out = False
        if AT_X0 in memo:
            self._meet_output_at_x0(memo[AT_X0])

    @property
    def workers(self) -> int:
        """How many calls run at a time; 0 where each waits for the one before."""
        return workers_of(self._backend)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the model's output; () for a scalar."""
        if self._shape is None and AT_X0 in self._memo:  # another thread was quicker
            self._meet_output_at_x0(self._memo[AT_X0])
        if self._shape is None:
            if AT_X0 not in self._memo:
                raise RuntimeError("nothing has been evaluated yet")
            return self._meet_output_at_x0(self._memo[AT_X0])  # another thread has called it there
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
        if self.late or self.left_out:  # some of the points were asked for and not evaluated
            made = [(key, owner) for key, owner in self._owners.items() if key in self._memo]
            return self._per_line(made).tolist()  # type: ignore[no-any-return]
        counts = self._per_line(self._owned.items())
        for _, block in self._asked:
            at_x0 = int(block.keys[0] == AT_X0)  # which comes first, where it is among them
            counts += np.bincount(block.lines[at_x0:], minlength=len(counts))
        return counts.tolist()  # type: ignore[no-any-return]

    @property
    def undefined_of(self) -> list[int]:
        """How many of them were undefined."""
        counts = self._per_line([(key, self._owners[key]) for key in self._undefined])
        return counts.tolist()  # type: ignore[no-any-return]

    def _per_line(self, owned: Iterable[tuple[Key, Owner]]) -> NDArray[np.int64]:
        lines = [line for key, (number, line, _) in owned if key and number != NEVER]
        return np.bincount(np.array(lines, dtype=np.int64), minlength=len(self._rays))

    @property
    def _owners(self) -> dict[Key, Owner]:
        """Whose the points evaluated here are: worked out where a reply raises the question."""
        for number, block in self._asked:
            owners = zip(repeat(number), map(int, block.lines), block.places)
            self._owned.update(zip(block.keys, owners, strict=True))
        self._asked.clear()
        return self._owned

    # -- a round at a time ------------------------------------------------------------------

    def ask(self, requests: dict[int, NDArray[Any]]) -> dict[int, NDArray[Any]]:
        """Return the values (m, q) at each line's points, calling the model where it must be.

        When the time is up, or the backend has left out points, lines are left out whose points are
        not all known.
        """
        if self._shape is not None and not any(map(len, requests.values())):
            return dict.fromkeys(requests, np.empty((0, math.prod(self.shape))))
        self._round += 1
        lines, places = list(requests), list(requests.values())
        first = int(AT_X0 not in self._memo)  # x0 comes before all, also if all were refused
        if first:
            lines, places = [next(iter(lines), 0), *lines], [np.zeros(1), *places]
        if not lines:
            return {}
        block = block_of(self._rays, lines, places)
        new = self._new(block)
        if len(new):
            self._asked.append((self._round, new))
            self._expect(new.keys)
            self._call(new)
        keys = block.keys[first:]
        if (self.left_out or self.late) and not self._memo.keys() >= set(keys):
            ends = accumulate(map(len, requests.values()), initial=0)
            parts = {n: keys[a:b] for n, (a, b) in zip(requests, pairwise(ends), strict=True)}
            whole = {n: part for n, part in parts.items() if self._memo.keys() >= set(part)}
            requests = {n: requests[n] for n in whole}
            keys = [key for part in whole.values() for key in part]
        return self._shared_out(keys, requests)

    def _call(self, new: Block) -> None:
        """Call the model at points until the time is up."""
        if self.late:
            return
        before, replies = self.nfev, self.replies(new)
        if self._until == math.inf:
            deque(replies, maxlen=0)
        else:
            try:
                for _ in replies:
                    if self.late:
                        return
            finally:
                replies.close()
        self.left_out |= self.nfev - before < len(new)

    @property
    def late(self) -> bool:
        """Whether the time is up; never before x0 has been evaluated."""
        over = self._until < math.inf and time.monotonic() > self._until
        return over and AT_X0 in self._memo

    def _shared_out(
        self, keys: list[Key], requests: dict[int, NDArray[Any]]
    ) -> dict[int, NDArray[Any]]:
        """Return each line's part of the values at all points of a round."""
        ends = list(accumulate(map(len, requests.values()), initial=0))
        parts = zip(requests, pairwise(ends), strict=True)
        rows = np.empty(0) if math.prod(self.shape) > MANY else self.values(keys)
        if not rows.size or rows.dtype.kind == "c":
            # complex ones for those lines only that asked for complex places; an array of its own
            # for each line where there are many, so that a line that is done lets go of it
            return {line: self.values(keys[start:end]) for line, (start, end) in parts}
        return {line: rows[start:end] for line, (start, end) in parts}

    def _new(self, block: Block) -> Block:
        """Return the points that are still to be evaluated, each once."""
        last = len(block) - 1
        first = dict(zip(reversed(block.keys), range(last, -1, -1), strict=True))
        for known in first.keys() & self._memo.keys():
            del first[known]
        return block if len(first) == len(block) else block.taken(sorted(first.values()))

    # -- a point at a time ------------------------------------------------------------------

    def keys(self, line: int, points: NDArray[Any]) -> list[Key]:
        """Return the identities of a line's points."""
        key = self._rays[line].key
        return [key(t) for t in points.tolist()]

    def open(self, line: int, points: NDArray[Any], number: int) -> tuple[list[Key], list[Key]]:
        """Take a line's request; ``number`` counts those for any points from 1.

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
        self._expect([key])
        return [key]

    def job(self, key: Key) -> Job:
        """Return a point that was taken, made out in full."""
        _, line, t = self._owners[key]
        return key, self._rays[line].place(t)

    def replies(self, points: Iterable[Job]) -> Generator[Key, None, None]:
        """Call the model at the points; yield those whose calls have ended."""
        memo = self._memo
        replies = self._backend(self._model, points, memo.seconds)
        if self._watch is not None:
            replies = self._watch.over(replies)
        try:
            for key, reply in replies:
                self.nfev += 1
                if type(reply) is float and key and isfinite(reply):
                    memo[key] = reply  # the usual case, without the questions below
                elif isinstance(reply, Failure) and self._owners[key][0] == NEVER:
                    self._set_aside[key] = reply  # nobody need know
                else:
                    self._receive(key, reply)
                yield key
        finally:  # now, not when a traceback lets go of it: workers may be running
            if isinstance(replies, Generator):
                replies.close()

    # -- what a reply means -----------------------------------------------------------------

    def _expect(self, keys: Collection[Key]) -> None:
        if self._watch is not None and keys:
            moved = {key: self._moved(key, self._owners[key][1]) for key in keys}
            self._watch.expect(moved, self._rounds_before + self._round)

    def _moved(self, key: Key, line: int) -> str:
        """Return the names of the parameters that a point moves away from x0."""
        return "x0" if key == AT_X0 else " ".join(self._names[i] for i in self._rays[line].indices)

    def _receive(self, key: Key, reply: Reply) -> None:
        """Put a reply into the memo; raise what the user must see."""
        output = self._without(key, reply) if isinstance(reply, Failure) else reply
        numbers = output.values if isinstance(output, Shaped) else output
        defined = np.isfinite(numbers)
        whole = bool(defined.all()) if isinstance(numbers, np.ndarray) else bool(defined)
        if not (isinstance(reply, Failure) or (whole and defined.size) or defined.any()):
            self._may_be_undefined(key, output)
        if key == AT_X0:
            self._meet_output_at_x0(output)
        if not whole:
            self._undefined.add(key)
            if isinstance(numbers, np.ndarray):
                numbers[~defined] = np.nan
            else:
                output = math.nan
        self._memo[key] = output

    def _meet_output_at_x0(self, output: Output | Shaped) -> tuple[int, ...]:
        self._check_output(output)
        self.tree, self._shape = layout(output)
        self.aux = output.aux if isinstance(output, Shaped) else None
        if self._period is not None:
            self.periods = self._periods_of(output, self._period)
        return self._shape

    def _periods_of(
        self, output: Output | Shaped, period: NDArray[np.float64] | Mapping[Any, Any]
    ) -> NDArray[np.float64]:
        """Return the period of each output; raise a ValueError for those that are no such."""
        if isinstance(period, Mapping):
            each = periods_of(self.tree or Leaf(self.shape), period)
        else:
            try:
                each = np.broadcast_to(period, self.shape).ravel()
            except ValueError as error:
                raise ValueError(
                    "`period` must be one number or of the outputs' shape "
                    f"{self.shape}, got shape {period.shape}"
                ) from error
        values = np.ravel(output.values if isinstance(output, Shaped) else output)
        lost = each <= np.spacing(np.abs(values))
        if lost.any():
            raise ValueError(
                "`period` must be above the rounding of the output, got "
                f"{each[lost][0]:g} where the model returns {values[lost][0]:g} at x0"
            )
        return each

    def _may_be_undefined(self, key: Key, output: Output | Shaped) -> None:
        """Raise where the model must be defined, but is not: where a line begins."""
        _, line, t = self._owners[key]
        if t != 0:
            return
        if self._lenient and key != AT_X0:
            self.undefined_starts.add(key)
            return
        shown = output.values if isinstance(output, Shaped) else output
        if np.size(shown) == 0:
            raise TypeError("`function` must return at least one number, got none")
        x = self._rays[line].place(t)
        raise ModelError(
            f"the model must be defined at x0, but it returned {shown} there; choose an "
            f"x0 inside its domain, got x0 = {x}",
            x=x,
            x0=x.copy(),
            undefined=True,
            output=output,
        )

    def _without(self, key: Key, reply: Failure) -> Output:
        """Return what stands for the output of a call that failed; raise what the user must see."""
        _, line, t = self._owners[key]
        if reply.undefined and t == 0 and self._lenient and key != AT_X0:
            self.undefined_starts.add(key)
            t = math.nan
        if reply.undefined and t != 0:
            self._note(key, *type_and_text(reply.error))
            return math.nan
        if reply.output:
            raise reply.error
        raise model_error(
            reply.error, self._rays[line], t, self._names, undefined=reply.undefined
        ) from reply.error

    def _note(self, key: Key, kind: str, text: str) -> None:
        self._raised.setdefault(kind, {})[key] = text

    @property
    def raised(self) -> list[Raised]:
        """What the model raised where it was undefined, by type; its first point is the text's."""
        found = []
        for kind, texts in sorted(self._raised.items()):
            first = min(texts, key=lambda key: _first(self._owners[key]))
            _, line, t = self._owners[first]
            x, moved = self._rays[line].place(t), self._rays[line].indices
            point = {self._names[i]: x[i].item() for i in moved}
            found.append(Raised(kind, texts[first], point, len(texts)))
        return found

    def values(self, keys: Sequence[Key]) -> NDArray[Any]:
        """Return the outputs as rows (m, q); rows of nan where the model is undefined."""
        outputs = [self._memo[k] for k in keys]
        if self.shape == () and self.tree is None and (n := _numbers(outputs)) is not None:
            rows = n[:, None]
        elif not keys:
            return np.empty((0, math.prod(self.shape)))
        else:
            rows = np.stack([self._row(key, y) for key, y in zip(keys, outputs, strict=True)])
        return rows if self.periods is None else self._unwrapped(rows, self.periods)

    def _row(self, key: Key, y: Output | Shaped) -> NDArray[Any]:
        """Return an output as that at x0 is laid out; nan for one that is laid out otherwise."""
        if isinstance(y, np.ndarray) and self.tree is None and y.shape == self.shape:
            return y.ravel()
        q = math.prod(self.shape)
        if not isinstance(y, Shaped) and np.size(y) == 1 and (q == 1 or np.isnan(y)):
            return np.full(q, y)
        tree = y.tree if isinstance(y, Shaped) else Leaf(np.shape(y))
        if np.iscomplexobj(y) and self.tree is not None and self.tree.is_complex:
            raise TypeError(
                "`function` must return real numbers for the complex step, got complex ones at x0; "
                "use method='auto'"
            )
        values = y.values if isinstance(y, Shaped) else np.ravel(y)
        row = conformed(values, tree, self.tree or Leaf(self.shape))
        if row is not None:
            return row
        self._memo[key] = math.nan
        if key in self._owners:
            self._undefined.add(key)
            self._note(key, "shape", f"{_laid_out(y)} where {_laid_out(self._memo[AT_X0])} is due")
        return np.full(q, math.nan)

    def _unwrapped(self, rows: NDArray[Any], each: NDArray[np.float64]) -> NDArray[Any]:
        """Return periodic outputs as the ones closest to those at x0."""
        start = self._row(AT_X0, self._memo[AT_X0])
        with np.errstate(over="ignore", invalid="ignore"):
            turns = np.round((rows.real - start.real) / each)
        shift = turns * np.where(np.isfinite(each), each, 0.0)  # inf stands for no period
        unwrapped: NDArray[Any] = rows - shift
        return unwrapped


def layout(output: Output | Shaped) -> tuple[Tree | None, tuple[int, ...]]:
    """Return an output's names and its shape, which is flat where it is complex."""
    tree = output.tree if isinstance(output, Shaped) else None
    return tree, (tree.size,) if tree is not None and tree.is_complex else np.shape(output)


def _numbers(outputs: Sequence[Output | Shaped]) -> NDArray[Any] | None:
    """Return outputs as an array of numbers; None if some are arrays themselves."""
    try:
        numbers = np.array(outputs)
    except ValueError:  # arrays among numbers
        return None
    return numbers if numbers.ndim == 1 else None


def _laid_out(y: Output | Shaped) -> str:
    if isinstance(y, Shaped) and isinstance(y.tree, Branch):
        return f"{y.tree.count} numbers at {', '.join(y.tree.names())}"
    return f"shape {np.shape(y)}"


def _first(owner: Owner) -> tuple[float, int, float, float]:
    number, line, t = owner
    return number, line, abs(t), t.real


def _rank(owner: Owner) -> tuple[float, int]:
    return owner[:2]
