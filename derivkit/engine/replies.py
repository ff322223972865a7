"""What a worker told, turned back into a reply, with the user's own traceback."""

from __future__ import annotations

import pickle

import numpy as np

from derivkit.engine.model import Failure, Reply
from derivkit.engine.worker import Told
from derivkit.errors import RemoteError

__all__ = ["heard"]


def heard(told: Told) -> Reply:
    """Return the output or the failure that `worker.run_one` told of."""
    if told[0] == "value":
        _, data, shape, dtype, _ = told
        y = np.frombuffer(data, dtype).reshape(shape).copy()
        return y.item() if shape == () else y
    _, what, who, text, trace, pickled, _ = told
    error = _error(who, text, pickled)
    if what == "output":
        return Failure(error, undefined=False, output=True)
    error.add_note(f"The model's own traceback, in the worker:\n{trace}")
    if what == "loading":
        error.add_note("The model could not be loaded in the worker: is its module there?")
    return Failure(error, undefined=what == "undefined")


def _error(who: str, text: str, pickled: bytes | None) -> BaseException:
    """Return the model's exception, or what is known of it where it cannot be had."""
    if pickled is not None:
        try:
            error = pickle.loads(pickled)  # noqa: S301 - from our own worker
        except Exception:  # noqa: BLE001 - its class may exist in the worker only
            return RemoteError(f"{who}: {text}")
        if isinstance(error, BaseException):
            return error
    return RemoteError(f"{who}: {text}")
