"""Calls in this thread: one by one, or many points in one vectorised call."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.deadline import call_within
from derivkit.engine.model import Failure, Model, Reply, as_output
from derivkit.engine.rays import Key, Seconds

__all__ = ["SerialWithin", "VectorisedWithin", "limited_reply", "serial", "vectorised"]

LARGEST_BATCH = 2**20  # numbers in one vectorised call's (n, p) array: 8 MB, a cache's size


def serial(
    model: Model, points: Iterable[tuple[Key, NDArray[Any]]], seconds: Seconds
) -> Iterator[tuple[Key, Reply]]:
    """Call the model point by point, in the caller's thread, and nothing else."""
    reply, clock = model.reply, time.perf_counter
    y: Any = None
    try:
        for key, x in points:
            start = clock()
            y = reply(x)
            seconds[key] = clock() - start
            yield key, y
    finally:
        y, points = None, ()  # a failure's traceback leads back here: it must not lead in a circle


@dataclass(frozen=True, slots=True)
class SerialWithin:
    """As `serial`, each call within so many seconds."""

    timeout: float

    def __call__(
        self, model: Model, points: Iterable[tuple[Key, NDArray[Any]]], seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        """Yield (key, reply) for each point."""
        for key, x in points:
            y, seconds[key] = limited_reply(model, x, self.timeout)
            yield key, y


def limited_reply(model: Model, x: NDArray[Any], timeout: float | None) -> tuple[Reply, float]:
    """Return the model's reply, or a failure where it takes too long; and the seconds it took."""
    start = time.perf_counter()
    reply: Reply
    try:
        reply = call_within(timeout, model.reply, x)
    except TimeoutError as error:
        reply = Failure(error, undefined=isinstance(error, model.undefined))
    return reply, time.perf_counter() - start


def vectorised(
    model: Model, points: Iterable[tuple[Key, NDArray[Any]]], seconds: Seconds
) -> Iterator[tuple[Key, Reply]]:
    """Call the model once for all points; in several calls where they would fill the memory.

    The time of a call is shared out evenly over its points.
    """
    rest = iter(points)
    for key, x in rest:
        rows = max(1, LARGEST_BATCH // x.size)
        yield from _one_call(model, *_stacked(key, x, islice(rest, rows - 1), rows), seconds)


@dataclass(frozen=True, slots=True)
class VectorisedWithin:
    """As `vectorised`, each call within so many seconds."""

    timeout: float

    def __call__(
        self, model: Model, points: Iterable[tuple[Key, NDArray[Any]]], seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        """Yield (key, reply) for each point."""
        limited = partial(call_within, self.timeout, model.function)
        return vectorised(replace(model, function=limited), points, seconds)


def _stacked(
    key: Key, x: NDArray[Any], others: Iterable[tuple[Key, NDArray[Any]]], most: int
) -> tuple[list[Key], NDArray[Any]]:
    """Return the keys and the points (n, p), without holding all points twice."""
    keys, block = [key], np.empty((most, x.size), x.dtype)
    block[0] = x
    for row, (other, moved) in enumerate(others, start=1):
        keys.append(other)
        block[row] = moved
    return keys, block[: len(keys)]


def _one_call(
    model: Model, keys: list[Key], block: NDArray[Any], seconds: Seconds
) -> Iterator[tuple[Key, Reply]]:
    start = time.perf_counter()
    try:
        outputs = np.asarray(model.function(block.copy()))
    except Exception:  # noqa: BLE001 - find the point that raises, and keep the others
        yield from serial(model, zip(keys, block, strict=True), seconds)
        return
    seconds.update(dict.fromkeys(keys, (time.perf_counter() - start) / len(keys)))
    complex_allowed = block.dtype.kind == "c"
    if outputs.ndim == 0 or len(outputs) != len(keys):
        yield keys[0], Failure(_wrong_shape(outputs, block), undefined=False, output=True)
        return
    try:
        rows = np.asarray(as_output(outputs, complex_allowed=complex_allowed))
    except TypeError as error:
        yield keys[0], Failure(error, undefined=False, output=True)
        return
    yield from zip(keys, rows.tolist() if rows.ndim == 1 else rows, strict=True)


def _wrong_shape(outputs: NDArray[Any], block: NDArray[Any]) -> TypeError:
    n, p = block.shape
    return TypeError(
        f"a vectorized `function` must map ({n}, {p}) to ({n},) or ({n}, m), "
        f"got shape {outputs.shape}"
    )
