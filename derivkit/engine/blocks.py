"""All points of a round at once: one numpy operation gives their keys, another their coordinates.

Rays of one x0 that move the same number of coordinates form one table. Everything else is worked
out point by point: complex places, and rays that move many coordinates or different numbers of
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.points import AT_X0, MOST_LISTED, AxisRay, Key, ObliqueRay, Ray

__all__ = ["Block", "Listed", "RayTable", "Table", "block_of"]

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]


def block_of(rays: Sequence[Ray], lines: Sequence[int], places: Sequence[NDArray[Any]]) -> Block:
    """Return all points of some lines: ``places[k]`` on the ray of ``lines[k]``."""
    which = np.array(lines).repeat([len(t) for t in places])
    if isinstance(rays, RayTable):
        t = np.concatenate(places)
        if t.dtype.kind != "c":
            return rays.block(which, t)
    every = [each for t in places for each in t.tolist()]
    keys = [rays[line].key(t) for line, t in zip(which.tolist(), every, strict=True)]
    return Listed(rays, which.tolist(), every, keys)


class RayTable(Sequence[Ray]):
    """Rays as arrays: n of them, each of which moves k coordinates, around one x0 or many.

    Parameters
    ----------
    x0 : ndarray (p,) or (points, p)
    moving : ndarray (n, k)
        The coordinates that move.
    start, weights, lower, upper : ndarray (n, k)
        Where those are at t = 0, how far each moves for t = 1, and their bounds.
    origin : ndarray (n,), optional
        Which of many x0 a ray starts at; then k is 1.
    """

    def __init__(
        self,
        x0: Floats,
        moving: Integers,
        start: Floats,
        weights: Floats,
        lower: Floats,
        upper: Floats,
        origin: Integers | None = None,
    ) -> None:
        self.moving = moving
        self._x0 = np.atleast_2d(x0)
        self._start, self._weights, self._lower, self._upper = start, weights, lower, upper
        self._origin = origin
        self._bounded = bool(np.isfinite(lower).any() or np.isfinite(upper).any())

    @classmethod
    def of(cls, rays: Sequence[Ray]) -> Sequence[Ray]:
        """Return rays of one x0 as a table where they form one, else unchanged."""
        if isinstance(rays, RayTable) or not rays:
            return rays
        if all(type(ray) is AxisRay for ray in rays):
            axes = cast("Sequence[AxisRay]", rays)
            moving = np.array([ray.index for ray in axes])[:, None]
            rows = np.array([(ray.start, 1.0, ray.lower, ray.upper) for ray in axes])
            return cls(axes[0].x0, moving, *np.split(rows, 4, axis=1))
        k = len(rays[0].indices)
        if k > MOST_LISTED or any(
            type(ray) is not ObliqueRay or len(ray.indices) != k for ray in rays
        ):
            return rays
        x0 = rays[0].x0
        index = np.array([ray.indices for ray in rays])
        weights, lower, upper = (
            np.array([getattr(ray, name) for ray in rays]) for name in ("weights", "lower", "upper")
        )
        return cls(x0, index, x0[index], weights, lower, upper)

    def __len__(self) -> int:
        return len(self.moving)

    def __getitem__(self, n: Any) -> Any:
        if isinstance(n, slice):
            return [self[each] for each in range(len(self))[n]]
        where, origin = self.moving[n].tolist(), 0 if self._origin is None else int(self._origin[n])
        x0, lower, upper = self._x0[origin], self._lower[n], self._upper[n]
        if len(where) > 1 or self._weights[n, 0] != 1.0:
            return ObliqueRay(x0, tuple(where), self._weights[n], lower, upper)
        start, low, high = (each.item() for each in (self._start[n], lower, upper))
        return AxisRay(x0, where[0], start, low, high, origin * x0.size)

    def block(self, lines: Integers, t: Floats) -> Table:
        """Return the points at places t (m,) on the rays of lines (m,)."""
        moved = t[:, None] * self._weights.take(lines, axis=0)
        with np.errstate(over="ignore"):  # beyond the floats is where no model is defined
            moved += self._start.take(lines, axis=0)
        if self._bounded:
            np.maximum(moved, self._lower[lines], out=moved)
            np.minimum(moved, self._upper[lines], out=moved)
        moving = self.moving.take(lines, axis=0)
        origin = None if self._origin is None else self._origin[lines]
        keys = self._keys(moving, moved, origin)
        return Table(self._x0, origin, moving, moved, lines, t, keys)

    def _keys(self, moving: Integers, moved: Floats, origin: Integers | None) -> list[Key]:
        x0, p = self._x0.ravel(), self._x0.shape[1]
        where = moving if origin is None else origin[:, None] * p + moving
        columns = [
            column.tolist() for pair in zip(where.T, moved.T, strict=True) for column in pair
        ]
        keys: list[Key] = list(zip(*columns, strict=True))
        stays = moved == x0.take(where)
        if moving.shape[1] == 1:  # x0 itself, on every line of a gradient, or one of many x0
            still = stays.ravel().nonzero()[0]
            at = [0] * len(still) if origin is None else origin[still].tolist()
            for n, k in zip(still.tolist(), at, strict=True):
                keys[n] = (k * p, self._x0[k, 0].item()) if k else AT_X0
            return keys
        for n in np.flatnonzero(stays.any(axis=1)).tolist():
            pairs = zip(where[n][~stays[n]].tolist(), moved[n][~stays[n]].tolist(), strict=True)
            keys[n] = tuple(entry for pair in pairs for entry in pair) or AT_X0
        return keys


@dataclass(frozen=True, slots=True)
class Table:
    """Points as the few coordinates (m, k) in which each differs from its x0."""

    x0: Floats
    origin: Integers | None
    moving: Integers
    moved: Floats
    lines: Integers
    t: Floats
    keys: list[Any]

    @property
    def places(self) -> list[float]:
        """The places t."""
        return self.t.tolist()  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[tuple[Key, NDArray[Any]]]:
        starts, p = list(self.x0), self.x0.shape[1]
        if self.origin is None:
            copy = starts[0].copy
            for key in self.keys:
                x = copy()
                if len(key) == 2:  # the usual case: one coordinate moves
                    x[key[0]] = key[1]
                else:
                    for i, c in zip(key[::2], key[1::2], strict=True):
                        x[i] = c
                yield key, x
            return
        for key, n in zip(self.keys, self.origin.tolist(), strict=True):
            x = starts[n].copy()
            if key:
                x[key[0] - n * p] = key[1]
            yield key, x

    def taken(self, which: list[int] | slice) -> Table:
        """Return some of the points."""
        return Table(
            self.x0,
            None if self.origin is None else self.origin[which],
            self.moving[which],
            self.moved[which],
            self.lines[which],
            self.t[which],
            self.keys[which] if isinstance(which, slice) else [self.keys[n] for n in which],
        )

    def rows(self, n: int, into: Floats | None = None) -> Floats:
        """Return the points side by side (n, p); x0 in the rows beyond them.

        They are put into an array that is not needed any more, if it is given and of that shape:
        the system takes as long to hand out fresh memory as a simple model takes to work on it.
        """
        m, shape = len(self.keys), (n, self.x0.shape[1])
        rows = into if into is not None and into.shape == shape else np.empty(shape)
        rows[m if self.origin is not None else 0 :] = self.x0[0]
        if self.origin is not None:
            np.take(self.x0, self.origin, axis=0, out=rows[:m], mode="clip")
        rows[np.arange(m)[:, None], self.moving] = self.moved
        return rows


class Listed:
    """Points of any rays, each worked out by its own ray."""

    def __init__(
        self, rays: Sequence[Ray], lines: list[int], places: list[Any], keys: list[Key]
    ) -> None:
        self._rays = rays
        self.lines, self.places, self.keys = lines, places, keys

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[tuple[Key, NDArray[Any]]]:
        for key, line, t in zip(self.keys, self.lines, self.places, strict=True):
            yield key, self._rays[line].place(t)

    def taken(self, which: list[int]) -> Listed:
        """Return some of the points."""
        return Listed(
            self._rays,
            [self.lines[n] for n in which],
            [self.places[n] for n in which],
            [self.keys[n] for n in which],
        )


Block: TypeAlias = Table | Listed
"""The points of a round: their keys, lines, and places t; iterated, key and point (p,)."""
