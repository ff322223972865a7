"""What runs in a worker: one call of the model. Imports numpy and the standard library only.

`run_one` never raises and returns builtins only, so that no pool and no cluster has to carry a
user's exception or object: several of them lose, misname or for ever await what they cannot
pickle. The model is loaded once and kept, so whatever it sets up in its first call is paid once a
worker. A worker calls a model once at a time, even where the pool runs several threads in it.
"""

from __future__ import annotations

import faulthandler
import math
import os
import pickle
import sys
import threading
import time
import traceback
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from derivkit.engine.deadline import alarm_possible, call_within

if TYPE_CHECKING:
    from derivkit.engine.model import Failure, Model, Output

__all__ = ["Part", "Told", "born", "inherit", "run_one"]

Part: TypeAlias = Any
"""A piece of a pickled model: bytes, an array of bytes, or (path, offset, size) in a local file."""

Told: TypeAlias = tuple[Any, ...]
"""What `run_one` returns: ("value", bytes, shape, dtype, seconds) or ("failure", …, seconds)."""

MOST_MODELS = 4  # kept loaded; a model may hold much memory
WATCH_EVERY = 1.0  # seconds between two looks at whether the parent is still alive
HARD_GRACE = 2.0  # seconds a call that ignores the alarm gets before its process is ended


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: Model
    busy: threading.Lock = field(default_factory=threading.Lock)


_LOADED: OrderedDict[str, _Loaded] = OrderedDict()
_LOADING = threading.Lock()
_watched: set[int] = set()


def _begin_unlocked() -> None:
    """Give a forked process a lock of its own: who held the old one may not have come along."""
    global _LOADING  # noqa: PLW0603
    _LOADING = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_unlocked)


def run_one(
    token: str, x: bytes, dtype: str, timeout: float | None, parent: int, *parts: Part
) -> Told:
    """Call the model at one point.

    Parameters
    ----------
    token : str
        Identity of the model.
    x : bytes
        The point (p,), of type ``dtype``: "d" or "D".
    timeout : float or None
        Seconds for the call.
    parent : int
        Id of the process that asked; a child of it ends when it does.
    *parts : Part
        The pickled model: needed where it is not loaded yet.

    Returns
    -------
    tuple
        See `Told`.
    """
    try:
        _watch(parent)
        point = np.frombuffer(x, dtype=dtype).copy()
        reply, took = _reply(token, parts, point, timeout, is_child=os.getppid() == parent)
        return *_told(reply), took
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - loading a model may raise anything
        return *_failure(error, "loading"), math.nan


def born(parent: int) -> None:
    """Begin the life of a worker process of ``parent``: it never outlives it.

    A forked copy of a random state would give every worker the same noise: it is seeded anew.
    """
    np.random.seed()  # noqa: NPY002 - it is the models' state, not ours
    if sys.platform != "win32":
        if os.getppid() != parent:  # it has ended already
            os._exit(1)
        _watch(parent)


def inherit(token: str, model: Model | None) -> None:
    """Keep a model for processes that will be forked; None to let it go."""
    with _LOADING:
        if model is None:
            _LOADED.pop(token, None)
        else:
            _LOADED[token] = _Loaded(model)


def _reply(
    token: str, parts: tuple[Part, ...], x: Any, timeout: float | None, *, is_child: bool
) -> tuple[Output | Failure, float]:
    """Return the reply, and the seconds that the call took."""
    from derivkit.engine.model import Failure  # noqa: PLC0415 - loaded with the model anyway

    loaded = _load(token, parts)
    hard = timeout is not None and is_child and alarm_possible()
    with loaded.busy:
        if hard and timeout is not None:
            faulthandler.dump_traceback_later(timeout + HARD_GRACE, exit=True, file=_log())
        start = time.perf_counter()
        try:
            reply = call_within(timeout, loaded.model.reply, x)
        except TimeoutError as error:
            reply = Failure(error, undefined=isinstance(error, loaded.model.undefined))
        finally:
            if hard:
                faulthandler.cancel_dump_traceback_later()
        took = time.perf_counter() - start
    if parts and isinstance(reply, Failure) and isinstance(reply.error, TimeoutError):
        _LOADED.pop(token, None)  # it may still be running, or was left half-way
    return reply, took


def _log() -> Any:
    return sys.__stderr__ or open(os.devnull, "w")  # noqa: PTH123 - lives with the process


def _load(token: str, parts: tuple[Part, ...]) -> _Loaded:
    with _LOADING:
        if token in _LOADED:
            _LOADED.move_to_end(token)
            return _LOADED[token]
        blob, *buffers = map(_opened, parts)
        loaded = _LOADED[token] = _Loaded(pickle.loads(blob, buffers=buffers))  # noqa: S301 - ours
        while len(_LOADED) > MOST_MODELS:
            _LOADED.popitem(last=False)
        return loaded


def _opened(part: Part) -> Any:
    """Return a part's bytes, writable; those of a file are shared until they are written to."""
    if isinstance(part, tuple):
        path, offset, size = part
        return np.memmap(path, np.uint8, mode="c", offset=offset, shape=(size,))
    if isinstance(part, np.ndarray):
        return part if part.flags.writeable else part.copy()
    return bytearray(part)


def _told(reply: Output | Failure) -> Told:
    from derivkit.engine.model import Failure  # noqa: PLC0415

    if isinstance(reply, Failure):
        what = "undefined" if reply.undefined else "output" if reply.output else "raised"
        return _failure(reply.error, what)
    y = np.asarray(reply)
    return "value", y.tobytes(), y.shape, y.dtype.char


def _failure(error: BaseException, what: str) -> Told:
    trace = error.__traceback__ and (error.__traceback__.tb_next or error.__traceback__)
    lines = traceback.format_exception(type(error), error, trace)
    return "failure", what, type(error).__name__, _text(error), "".join(lines), _pickled(error)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a user's __str__
        return "(its text could not be made)"


def _pickled(error: BaseException) -> bytes | None:
    """Return the exception if it survives pickling; many with two arguments do not."""
    try:
        data = pickle.dumps(error)
        pickle.loads(data)  # noqa: S301 - made in the line above
    except Exception:  # noqa: BLE001 - a user's __reduce__ or __init__
        return None
    return data


def _watch(parent: int) -> None:
    """Where this process is a child of the one that asked: end soon after that one has ended."""
    if parent in _watched or sys.platform == "win32" or os.getppid() != parent:
        return
    _watched.add(parent)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_EVERY)
    os._exit(1)
