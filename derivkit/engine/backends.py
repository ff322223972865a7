"""Where the model is called: in the caller's thread, in one vectorised call, or through joblib."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.model import Failure, Model, Reply, as_output
from derivkit.engine.rays import Key

__all__ = ["serial", "vectorised"]

LARGEST_BATCH = 2**22  # numbers in one vectorised call's (n, p) array: 32 MB


def serial(model: Model, points: Iterable[tuple[Key, NDArray[Any]]]) -> Iterator[tuple[Key, Reply]]:
    """Call the model point by point, in the caller's thread, and nothing else."""
    reply = model.reply
    for key, x in points:
        yield key, reply(x)


def vectorised(
    model: Model, points: Iterable[tuple[Key, NDArray[Any]]]
) -> Iterator[tuple[Key, Reply]]:
    """Call the model once for all points; in several calls where they would fill the memory."""
    rest = iter(points)
    for first in rest:
        rows = max(1, LARGEST_BATCH // max(1, first[1].size))
        chunk = [first, *islice(rest, rows - 1)]
        yield from _one_call(model, chunk)


def _one_call(model: Model, chunk: list[tuple[Key, NDArray[Any]]]) -> Iterator[tuple[Key, Reply]]:
    try:
        outputs = np.asarray(model.function(np.stack([x for _, x in chunk])))
    except Exception:  # noqa: BLE001 - find the point that raises, and keep the others
        for key, x in chunk:
            yield key, model.reply(x)
        return
    if outputs.ndim == 0 or len(outputs) != len(chunk):
        yield chunk[0][0], Failure(_wrong_shape(outputs, chunk), undefined=False)
        return
    outputs = np.asarray(as_output(outputs, complex_allowed=chunk[0][1].dtype.kind == "c"))
    rows = outputs.tolist() if outputs.ndim == 1 else outputs
    yield from zip((key for key, _ in chunk), rows, strict=True)


def _wrong_shape(outputs: NDArray[Any], chunk: list[tuple[Key, NDArray[Any]]]) -> TypeError:
    n, p = len(chunk), chunk[0][1].size
    return TypeError(
        f"a vectorized `function` must map ({n}, {p}) to ({n},) or ({n}, m), "
        f"got shape {outputs.shape}"
    )
