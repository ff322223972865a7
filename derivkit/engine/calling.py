"""How users' functions are called: the engine's flat point becomes the arguments that they take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.trees import Tree

__all__ = ["CALLS", "COORDINATES", "Calling"]

CALLS = ("same", "keywords", "positional", "array")


class Coordinate(NamedTuple):
    """A parameter as it is followed: its name, the way there and back."""

    name: str
    forward: Callable[[Any], Any]
    back: Callable[[Any], Any]


COORDINATES = {
    "log": Coordinate("ln", np.log, np.exp),
    "log10": Coordinate("log10", np.log10, partial(np.power, 10.0)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Calling:
    """A user's function of any arguments, as a function of one flat array.

    Attributes
    ----------
    function : callable
    tree : Tree or None
        The structure of what it gets; None for the bare array.
    call : {"same", "keywords", "positional", "array"}
        f(x), f(**x), f(*x), or f(array).
    names : tuple of str
        Keywords for an array's entries, where ``call`` is "keywords".
    args, kwargs
        Passed after the point.
    coordinates : dict of int to (str, float, float)
        Entries of the array that are followed in another coordinate, see `COORDINATES`, and the
        bounds of what the function takes.
    """

    function: Callable[..., Any]
    tree: Tree | None = None
    call: str = "same"
    names: tuple[str, ...] = ()
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    coordinates: Mapping[int, tuple[str, float, float]] = field(default_factory=dict)

    def meaning(self) -> str:
        """Return what the entries of the flat array are, and how the function gets them.

        Nothing where it gets the array as it is.
        """
        names = self.names if self.call == "keywords" else ()
        names = names if self.tree is None else tuple(self.tree.names())
        call = self.call if self.call in {"keywords", "positional"} else ""
        followed = [f"{kind} of {i}" for i, (kind, *_) in sorted(self.coordinates.items())]
        return "; ".join(filter(None, [call, ", ".join(names), ", ".join(followed)]))

    def __call__(self, x: NDArray[Any]) -> Any:
        """Return the function's output at a point (p,), or its outputs at points (n, p)."""
        for i, (kind, lower, upper) in self.coordinates.items():
            own = COORDINATES[kind].back(x[..., i])
            x[..., i] = own if np.iscomplexobj(own) else np.clip(own, lower, upper)
        point = x if self.tree is None else self.tree.build(x)
        if self.call == "keywords":
            named: Any = point if self.tree is not None else dict(zip(self.names, x.T, strict=True))
            return self.function(*self.args, **{**named, **self.kwargs})
        if self.call == "positional":
            return self.function(*_each(point, x.ndim - 1), *self.args, **self.kwargs)
        return self.function(point, *self.args, **self.kwargs)


def _each(point: Any, axis: int) -> Iterable[Any]:
    """Return the entries of a point one by one; of many points, those behind the first axis."""
    if isinstance(point, Mapping):
        return point.values()
    if axis and not isinstance(point, (list, tuple)):
        return np.moveaxis(np.asarray(point), axis, 0)
    each: Iterable[Any] = point
    return each
