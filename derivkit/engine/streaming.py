"""Lines that go on as soon as their own values are there, while others are still being evaluated.

The same solvers as in rounds.py, the same points, the same bits; only no worker waits for the end
of a round. For calls that run at the same time, and without a budget: what fits into one would
depend on which call ends first.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from numpy.typing import NDArray

from derivkit.engine.evaluation import Evaluation
from derivkit.engine.model import Job
from derivkit.engine.points import Key
from derivkit.engine.rounds import NOTHING, ended

__all__ = ["Feed", "Likely", "stream"]

Answer = TypeVar("Answer")
K = TypeVar("K", bound=Key)

Likely: TypeAlias = Callable[[int], NDArray[Any]]
"""Takes the number of a line; returns places it may ask for later, the likeliest first."""


class Feed(Generic[K]):
    """Points on their way to a backend; there may be more after it was exhausted.

    A backend that has room asks again, since replies may have led to new points.

    Parameters
    ----------
    job : callable
        Makes a point out in full, when it is its turn: all of them would fill the memory.
    """

    def __init__(self, job: Callable[[K], Job]) -> None:
        self._keys: deque[K] = deque()
        self._job = job

    def add(self, keys: Iterable[K]) -> None:
        """Append points."""
        self._keys.extend(keys)

    def drop(self, keys: Container[K]) -> list[K]:
        """Take back those of the points that nobody has taken yet, and return them."""
        dropped = [key for key in self._keys if key in keys]
        self._keys = deque(key for key in self._keys if key not in keys)
        return dropped

    def __len__(self) -> int:
        """Return how many are there now."""
        return len(self._keys)

    def __iter__(self) -> Iterator[Job]:
        """Return itself: there is one queue, whoever takes from it."""
        return self

    def __next__(self) -> Job:
        """Return the next point; StopIteration says that there is none at the moment."""
        if not self._keys:
            raise StopIteration
        return self._job(self._keys.popleft())


def stream(
    solvers: Sequence[Generator[Any, Any, Answer]],
    evaluation: Evaluation,
    likely: Likely | None = None,
    *,
    refusal: Callable[[], BaseException] = TimeoutError,
) -> list[Answer | None]:
    """Run all solvers to their end, each at the pace of its own points.

    Parameters
    ----------
    solvers : sequence of generators
        As for `rounds.drive`. One that asks for nothing is resumed when all others that have their
        values have been sent them: it waits for no call. One that yields a function is resumed
        when that returns True; the points of its ``meanwhile`` are evaluated before.
    evaluation : Evaluation
        Of which ``workers`` calls run at a time.
    likely : callable, optional
        Where given, workers without work call the model where lines may want it later. That never
        changes an answer.
    refusal : callable
        What is thrown into solvers whose values are not all there when the time is up.
    """
    return _Stream(solvers, evaluation, likely).run(refusal)


class _Stream(Generic[Answer]):
    """Who waits for which points."""

    def __init__(
        self,
        solvers: Sequence[Generator[Any, Any, Answer]],
        evaluation: Evaluation,
        likely: Likely | None,
    ) -> None:
        self._solvers = solvers
        self._evaluation = evaluation
        self._feed = Feed(evaluation.job)
        self._out = 0  # points that have been fed and are not back
        self._answers: dict[int, Answer | None] = {}
        self._asked: dict[int, NDArray[Any]] = {}  # of each line that is not at its end
        self._missing: dict[int, int] = {}  # how many points a line still waits for
        self._waiting: defaultdict[Key, list[int]] = defaultdict(list)  # lines, by point
        self._ready: deque[int] = deque()  # lines whose values are all there
        self._resting: deque[int] = deque()  # lines that have asked for nothing
        self._held: dict[Callable[[], bool], list[int]] = {}  # lines that wait for others
        self._asked_before = [0] * len(solvers)  # how often each line has asked for any points
        self._spares = iter(()) if likely is None else self._spare_keys(likely)

    def run(self, refusal: Callable[[], BaseException]) -> list[Answer | None]:
        try:
            for line in range(len(self._solvers)):
                self._send(line, None)
            self._go_on()
            if self._out and not self._evaluation.late:
                self._hear(self._evaluation.replies(self._feed))
            self._end(refusal)
        finally:
            self._spares = iter(())  # it holds this object
        return [self._answers[line] for line in range(len(self._solvers))]

    def _hear(self, ended: Generator[Key, None, None]) -> None:
        """Go on with every reply, until no line waits for more."""
        try:
            for key in ended:
                self._out -= 1
                self._arrived(key)
                self._go_on()
                if self._out and len(self._answers) == len(self._solvers):
                    break  # only spare calls are left: they are ended
                if self._evaluation.late:
                    break
        finally:
            ended.close()

    def _end(self, refusal: Callable[[], BaseException]) -> None:
        """Have lines answer from what they know, where the time is up."""
        for line in range(len(self._solvers)):
            if line in self._answers:
                continue
            if self._asked[line].size == 0:  # it only rests
                self._send(line, self._evaluation.values([]))
            if line not in self._answers:
                self._answers[line] = ended(self._solvers[line], refusal)

    def _arrived(self, key: Key) -> None:
        for line in self._waiting.pop(key, ()):
            self._missing[line] -= 1
            if not self._missing[line]:
                self._ready.append(line)

    def _go_on(self) -> None:
        """Take all lines as far as they get, then find work for workers that have none."""
        while self._ready or self._resting or (self._held and not self._out):
            if not (self._ready or self._resting):  # nobody is left to wait for
                self._resting.extend(line for held in self._held.values() for line in held)
                self._held.clear()
            if not self._ready:
                self._ready, self._resting = self._resting, self._ready
            line = self._ready.popleft()
            keys = self._evaluation.keys(line, self._asked[line])
            self._send(line, self._evaluation.values(keys))
            for holds in [holds for holds in self._held if holds()]:
                self._resting.extend(self._held.pop(holds))
        while self._out < self._evaluation.workers and (key := next(self._spares, None)):
            self._hand_out([key])

    def _send(self, line: int, values: NDArray[Any] | None) -> None:
        """Send a line its values, and take what it asks for next."""
        try:
            points = self._solvers[line].send(values)
        except StopIteration as stop:
            self._answers[line] = stop.value
            self._asked.pop(line, None)
            return
        if callable(points):
            self._held.setdefault(getattr(points, "until", points), []).append(line)
            self._asked[line] = NOTHING
            early = getattr(points, "meanwhile", NOTHING)
            self._hand_out(self._evaluation.open(line, early, self._asked_before[line] + 1)[1])
            return
        self._asked[line] = points
        self._asked_before[line] += points.size > 0
        awaited, new = self._evaluation.open(line, points, self._asked_before[line])
        self._hand_out(new)
        self._missing[line] = len(awaited)
        for key in awaited:
            self._waiting[key].append(line)
        if not awaited:
            (self._ready if points.size else self._resting).append(line)

    def _hand_out(self, keys: Sequence[Key]) -> None:
        self._feed.add(keys)
        self._out += len(keys)

    def _spare_keys(self, likely: Likely) -> Iterator[Key]:
        """Yield what lines may want later: the likeliest of every line, then the next ones."""
        places = [likely(line) for line in range(len(self._solvers))]
        for rank in range(max(map(len, places), default=0)):
            for line, t in enumerate(places):
                if rank < len(t) and line in self._asked:
                    yield from self._evaluation.spare(line, t[rank].item())
