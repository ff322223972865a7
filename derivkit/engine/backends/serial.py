"""Calls in this thread: one by one, or many points in one vectorised call."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from sys import getrefcount
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.backends.deadline import call_within
from derivkit.engine.blocks import Table
from derivkit.engine.model import FAILURES, Failure, Job, Model, Reply, as_outputs
from derivkit.engine.points import Key, Seconds

__all__ = ["limited_reply", "serial", "serial_within", "vectorised", "vectorised_within"]

NUMBERS_OF_CALL = 2**18  # in the (n, p) array of a vectorised call: 2 MB stay in the cache


def serial(model: Model, points: Iterable[Job], seconds: Seconds) -> Iterator[tuple[Key, Reply]]:
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


def serial_within(
    timeout: float, model: Model, points: Iterable[Job], seconds: Seconds
) -> Iterator[tuple[Key, Reply]]:
    """As `serial`; a call that takes longer than ``timeout`` seconds is given up."""
    for key, x in points:
        y, seconds[key] = limited_reply(model, x, timeout)
        yield key, y


def limited_reply(model: Model, x: NDArray[Any], timeout: float | None) -> tuple[Reply, float]:
    """Return the model's reply, or a failure where it takes too long; and the seconds it took."""
    start = time.perf_counter()
    reply: Reply
    try:
        reply = call_within(timeout, model.reply, x)
    except TimeoutError as error:
        reply = Failure(error, undefined=model.is_undefined(error))
    return reply, time.perf_counter() - start


def vectorised(
    model: Model, points: Iterable[Job], seconds: Seconds
) -> Iterator[tuple[Key, Reply]]:
    """Call the model once for all points; in several calls where they would fill the memory.

    The time of a call is shared out evenly over its points. With ``model.batch`` each call has
    exactly that number of rows.
    """
    if not isinstance(points, Table):
        for stack in _stacked(points, model.batch):
            yield from _one_call(model, stack, stack.rows(model.batch or len(stack.keys)), seconds)
        return
    rows: NDArray[Any] | None = None
    for block in _cut(points, model.batch):
        rows = block.rows(model.batch or len(block), rows)
        holders = getrefcount(rows)
        yield from _one_call(model, block, rows, seconds)
        if getrefcount(rows) > holders:
            rows = None  # the model has kept it, or a part of it: it is the model's


def vectorised_within(
    timeout: float, model: Model, points: Iterable[Job], seconds: Seconds
) -> Iterator[tuple[Key, Reply]]:
    """As `vectorised`; a call that takes longer than ``timeout`` seconds is given up."""
    limited = partial(call_within, timeout, model.function)
    return vectorised(replace(model, function=limited), points, seconds)


def _rows_of_call(batch: int | None, p: int) -> int:
    return batch or max(1, NUMBERS_OF_CALL // p)


def _cut(points: Table, batch: int | None) -> Iterator[Table]:
    """Yield a round's points in blocks of one call; most often there is one block."""
    most = _rows_of_call(batch, points.x0.shape[1])
    if len(points) <= most:
        yield points
        return
    for start in range(0, len(points), most):
        yield points.taken(slice(start, start + most))


@dataclass(frozen=True, slots=True)
class _Stack:
    """Points that come one by one, put into an array (n, p)."""

    keys: list[Key]
    x: NDArray[Any]

    def __iter__(self) -> Iterator[tuple[Key, NDArray[Any]]]:
        return zip(self.keys, self.x.copy(), strict=True)

    def rows(self, n: int) -> NDArray[Any]:
        """Return the points, the first again and again until there are n."""
        return np.concatenate([self.x, np.repeat(self.x[:1], n - len(self.x), axis=0)])


def _stacked(points: Iterable[Job], batch: int | None) -> Iterator[_Stack]:
    """Yield the points in blocks of one call, without holding all of them twice."""
    rest = iter(points)
    for key, x in rest:
        most = _rows_of_call(batch, x.size)
        keys, block = [key], np.empty((most, x.size), x.dtype)
        block[0] = x
        for row, (other, moved) in enumerate(islice(rest, most - 1), start=1):
            keys.append(other)
            block[row] = moved
        yield _Stack(keys, block[: len(keys)])


def _one_call(
    model: Model, block: Table | _Stack, rows: NDArray[Any], seconds: Seconds
) -> Iterable[tuple[Key, Reply]]:
    keys = block.keys
    wanted, complex_allowed = rows.shape, rows.dtype.kind == "c"
    start = time.perf_counter()
    try:
        outputs = model.function(rows)
    except FAILURES:  # find the point that raises, keep the others
        return serial(model, block, seconds)
    seconds.update(dict.fromkeys(keys, (time.perf_counter() - start) / len(keys)))
    try:
        replies = as_outputs(outputs, wanted, complex_allowed=complex_allowed)
    except TypeError as error:
        return [(keys[0], Failure(error, undefined=False, output=True))]
    return zip(keys, replies[: len(keys)], strict=True)
