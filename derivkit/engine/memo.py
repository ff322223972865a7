"""Finished evaluations, and the way that further ones take."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from derivkit.engine.model import Output
from derivkit.engine.rays import Key, Seconds

if TYPE_CHECKING:
    from derivkit.engine.evaluation import Backend

__all__ = ["Memo", "RoutedMemo"]


class Memo(dict[Key, Output]):
    """Finished evaluations of one model around one x0; nan where it is undefined.

    Attributes
    ----------
    seconds : dict of Key to float
        What the calls took, where it is known: not of those that a checkpoint held.
    where : str
        Where finished evaluations are kept, for messages.
    """

    where = "the kit"

    def __init__(self) -> None:
        super().__init__()
        self.seconds: Seconds = {}


class RoutedMemo(Memo):
    """A memo whose misses take a way of their own: past a checkpoint, or to whoever is asked.

    Parameters
    ----------
    route : callable
        Takes the backend that was chosen for a call, returns the one to be used.
    where : str
        Where finished evaluations are kept, for messages; "" if they are not.
    """

    def __init__(self, route: Callable[[Backend], Backend], where: str = "the kit") -> None:
        super().__init__()
        self.route = route
        self.where = where
