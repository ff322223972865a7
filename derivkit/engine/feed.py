"""Points on their way to a backend, to which replies may add more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from derivkit.engine.rays import Key

if TYPE_CHECKING:
    from derivkit.engine.evaluation import Job

__all__ = ["Feed"]

K = TypeVar("K", bound=Key)


class Feed(Generic[K]):
    """An iterator that may have more after it was exhausted: whoever has room asks again.

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
