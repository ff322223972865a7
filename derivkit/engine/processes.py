"""Calls through joblib: worker processes on this machine, or whatever joblib is configured to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from joblib import Parallel, delayed
from numpy.typing import NDArray

from derivkit.engine.evaluation import Backend
from derivkit.engine.model import Model, Reply
from derivkit.engine.rays import Key

__all__ = ["joblib_backend"]


def joblib_backend(n_workers: int) -> Backend:
    """Return a backend that runs one point a task on ``n_workers`` joblib workers."""

    def run(
        model: Model, points: Iterable[tuple[Key, NDArray[Any]]]
    ) -> Iterator[tuple[Key, Reply]]:
        parallel = Parallel(n_jobs=n_workers, batch_size=1, return_as="generator_unordered")
        yield from parallel(delayed(_reply)(model, key, x) for key, x in points)

    return run


def _reply(model: Model, key: Key, x: NDArray[Any]) -> tuple[Key, Reply]:
    return key, model.reply(x)
