"""Finished evaluations, and where those that are missing come from."""

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
        Where finished evaluations are kept, for messages; "" if they are not.

    Attributes
    ----------
    seconds : dict of Key to float
        What the calls took, where it is known: not of those that a checkpoint held.
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
        """Return the backend for what is missing: the one that was chosen for the call."""
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
        """Do what is to be done at the end of every call: nothing."""

    def incomplete(self) -> None:
        """Do what is to be done where a backend has left out points, at the end of their stage."""
        raise RuntimeError("the backend has not answered all points")


def _nowhere_kept(where: str, _: Any) -> Memo:
    return Memo(where)


class ForwardingMemo(Memo):
    """A memo that gets what is missing elsewhere than from the backend chosen for the call.

    Parameters
    ----------
    forward : callable
        Takes that backend, returns the one to be used.
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
        """Do what is to be done where points have been left out."""
        (self._incomplete or super().incomplete)()

    def settle(self) -> None:
        """Do what is to be done at the end of every call."""
        self._settle()

    def route(self, backend: Backend) -> Backend:
        """Return the backend for what is missing."""
        return self._forward(backend)
