"""What runs in a worker: one call of the model. Imports numpy and the standard library only.

`run_one` never raises and returns builtins only: several pools and clusters lose a user's exception
or object that they cannot pickle, rename it, or wait for it for ever. The model is loaded once and
kept, so what it sets up in its first call costs once per worker. A worker makes one call of a model
at a time, even where the pool runs several threads in it.
"""

from __future__ import annotations

import faulthandler
import math
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from derivkit.engine.backends.deadline import alarm_possible, call_within
from derivkit.errors import RemoteError
from derivkit.validation import LONGEST_TEXT, text_of

if TYPE_CHECKING:
    from derivkit.engine.model import Model, Reply

__all__ = [
    "ENDED_ITSELF",
    "Part",
    "WireReply",
    "born",
    "heard",
    "inherit",
    "run_one",
    "run_several",
]

Part: TypeAlias = Any
"""A piece of a pickled model: bytes, an array of bytes, or (path, offset, size) in a local file."""

WireReply: TypeAlias = tuple[Any, ...]
"""What `run_one` returns: ("value", bytes, shape, dtype, seconds), ("shaped", bytes, dtype, the
pickled structure and aux, seconds), or ("failure", …, seconds)."""

MOST_MODELS = 4  # kept loaded; a model may hold much memory
WATCH_EVERY = 1.0  # seconds between two looks at whether the parent is still alive
LARGEST_ERROR = 1_000_000  # bytes of a pickled exception; beyond, its text is sent
ENDED_ITSELF = 1  # the exit code that faulthandler gives a process whose time is over
HARD_GRACE = 2.0  # seconds a call that ignores the alarm gets before its process is ended


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: Model
    busy: threading.Lock = field(default_factory=threading.Lock)


_LOADED: OrderedDict[str, _Loaded] = OrderedDict()
_LOADING = threading.Lock()
_watched: set[int] = set()


def _begin_unlocked() -> None:
    """Give a forked process a lock of its own: the thread that held the old one is not in it."""
    global _LOADING  # noqa: PLW0603
    _LOADING = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_unlocked)


def run_one(
    token: str, x: bytes, dtype: str, timeout: float | None, parent: int, *parts: Part
) -> WireReply:
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
        See `WireReply`.
    """
    try:
        _watch(parent)
        point = np.frombuffer(x, dtype=dtype).copy()
        reply, took = _reply(token, parts, point, timeout, is_child=os.getppid() == parent)
        return *_packed(reply), took
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - loading a model may raise anything
        return *_failure(error, "loading"), math.nan


def run_several(
    token: str,
    points: Sequence[tuple[bytes, str]],
    timeout: float | None,
    parent: int,
    *parts: Part,
) -> list[WireReply]:
    """Do the same at several points, given as bytes and dtype."""
    return [run_one(token, x, dtype, timeout, parent, *parts) for x, dtype in points]


def born(parent: int) -> None:
    """Prepare a worker process, which ends when its ``parent`` does.

    numpy's random state is seeded anew: a forked copy would give every worker the same noise.
    """
    np.random.seed()  # noqa: NPY002 - it is the models' state, not ours
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # forked while interrupts were held back
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
) -> tuple[Reply, float]:
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
            reply = Failure(error, undefined=loaded.model.is_undefined(error))
        finally:
            if hard:
                faulthandler.cancel_dump_traceback_later()
        took = time.perf_counter() - start
    if parts and isinstance(reply, Failure) and isinstance(reply.error, TimeoutError):
        _LOADED.pop(token, None)  # the call may still be running, or was cut off
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


def _packed(reply: Reply) -> WireReply:
    from derivkit.engine.model import Failure, Shaped  # noqa: PLC0415

    if isinstance(reply, Shaped):
        values = reply.values
        return "shaped", values.tobytes(), values.dtype.char, _sent((reply.tree, reply.aux))
    if isinstance(reply, Failure):
        if reply.output:
            return _failure(reply.error, "no output" if reply.undefined else "output")
        return _failure(reply.error, "undefined" if reply.undefined else "raised")
    y = np.asarray(reply)
    return "value", y.tobytes(), y.shape, y.dtype.char


def _sent(beside: Any) -> bytes:
    try:
        return pickle.dumps(beside)
    except Exception:  # noqa: BLE001 - a class of the user's script, which only cloudpickle can send
        from joblib.externals import cloudpickle  # noqa: PLC0415

        data: bytes = cloudpickle.dumps(beside)
        return data


def _failure(error: BaseException, what: str) -> WireReply:
    trace = error.__traceback__ and (error.__traceback__.tb_next or error.__traceback__)
    lines = traceback.format_exception(type(error), error, trace)
    return (
        "failure",
        what,
        type(error).__name__,
        text_of(error),
        _cut("".join(lines)),
        _pickled(error),
    )


def _cut(trace: str) -> str:
    """Return a traceback without the middle of a text that is longer than all the rest."""
    half = LONGEST_TEXT
    return trace if len(trace) <= 2 * half else f"{trace[:half]}\n…\n{trace[-half:]}"


def _pickled(error: BaseException) -> bytes | None:
    """Return the pickled exception; None if it is large or does not survive, as many do not."""
    try:
        data = pickle.dumps(error)
        if len(data) > LARGEST_ERROR:
            return None
        pickle.loads(data)  # noqa: S301 - made in the lines above
    except Exception:  # noqa: BLE001 - a user's __reduce__ or __init__
        return None
    return data


def _watch(parent: int) -> None:
    """End this process soon after ``parent`` has ended, if it is a child of it."""
    if parent in _watched or sys.platform == "win32" or os.getppid() != parent:
        return
    _watched.add(parent)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_EVERY)
    os._exit(1)


def heard(wire: WireReply) -> Reply:
    """Return the output or the failure that a `WireReply` holds."""
    from derivkit.engine.model import Failure, Shaped  # noqa: PLC0415

    if wire[0] == "value":
        _, data, shape, dtype, _ = wire
        y = np.frombuffer(data, dtype).reshape(shape).copy()
        return y.item() if shape == () else y
    if wire[0] == "shaped":
        _, data, dtype, beside, _ = wire
        tree, aux = pickle.loads(beside)  # noqa: S301 - from our own worker
        return Shaped(np.frombuffer(data, dtype).copy(), tree, aux)
    _, what, who, text, trace, pickled, _ = wire
    error = _error(who, text, pickled)
    if what in ("output", "no output"):  # "no output": None, which means undefined except at x0
        return Failure(error, undefined=what == "no output", output=True)
    error.add_note(f"The model's own traceback, in the worker:\n{trace}")
    if what == "loading":
        error.add_note("The model could not be loaded in the worker: is its module there?")
    return Failure(error, undefined=what == "undefined")


def _error(who: str, text: str, pickled: bytes | None) -> BaseException:
    """Return the model's exception, or a description of it where it cannot be unpickled."""
    if pickled is not None:
        try:
            error = pickle.loads(pickled)  # noqa: S301 - from our own worker
        except Exception:  # noqa: BLE001 - its class may exist in the worker only
            return RemoteError(f"{who}: {text}")
        if isinstance(error, BaseException):
            return error
    return RemoteError(f"{who}: {text}")
