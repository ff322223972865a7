"""Finished evaluations, and the route by which missing ones are made."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from derivkit.engine.model import Backend, Output, Shaped
from derivkit.engine.points import Key, Seconds

__all__ = ["ForwardingMemo", "Memo"]


class Memo(dict[Key, Output | Shaped]):
    """Finished evaluations of one model around one x0; nan where it is undefined.

    Parameters
    ----------
    where : str
        Where finished evaluations are kept, for messages; "" if they are not kept.

    Attributes
    ----------
    seconds : dict of Key to float
        Duration of each call; evaluations that a checkpoint held have none.
    reused : callable
        Returns how many evaluations came out of a file so far.
    another : callable
        Makes the memo of another model, given its function.
    """

    def __init__(self, where: str = "the kit") -> None:
        super().__init__()
        self.seconds: Seconds = {}
        self.where = where
        self.reused: Callable[[], int] = int  # 0: there is no file
        self.another: Callable[[Any], Memo] = partial(_nowhere_kept, where)
        self._others: list[tuple[Any, Memo]] = []

    def route(self, backend: Backend) -> Backend:
        """Return the backend for missing evaluations: the one chosen for the call."""
        return backend

    def beside(self, function: Any, own: Any) -> Memo:
        """Return the memo of another model around the same x0; ``own`` is what its user gave."""
        for known, memo in self._others:
            if known is own:
                return memo
        memo = self.another(function)
        self._others.append((own, memo))
        return memo

    def settle(self) -> None:
        """Finish a call; there is nothing to do here."""

    def incomplete(self) -> None:
        """Finish a stage in which the backend left out points: raise an error."""
        raise RuntimeError("the backend has not answered all points")


def _nowhere_kept(where: str, _: Any) -> Memo:
    return Memo(where)


class ForwardingMemo(Memo):
    """A memo that routes missing evaluations past the backend chosen for the call.

    Parameters
    ----------
    forward : callable
        Takes the backend chosen for the call, returns the one to use.
    where : str
    settle : callable
        Called at the end of every call.
    incomplete : callable, optional
        Called at the end of a stage of which not all points have been answered; raises.
    """

    def __init__(
        self,
        forward: Callable[[Backend], Backend],
        where: str,
        settle: Callable[[], None] = lambda: None,
        incomplete: Callable[[], NoReturn] | None = None,
    ) -> None:
        super().__init__(where)
        self._forward = forward
        self._settle = settle
        self._incomplete = incomplete

    def incomplete(self) -> None:
        """Finish a stage in which points were left out."""
        (self._incomplete or super().incomplete)()

    def settle(self) -> None:
        """Finish a call."""
        self._settle()

    def route(self, backend: Backend) -> Backend:
        """Return the backend for missing evaluations."""
        return self._forward(backend)
