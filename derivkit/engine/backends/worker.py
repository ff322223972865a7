"""What runs in a worker: one call of the model. Imports numpy and the standard library only.

`run_one` never raises and returns builtins only: pools and clusters lose or rename a user's
exception or object that they cannot pickle, or wait for it for ever. The model is loaded once and
kept, so that its set-up in the first call costs once per worker. A worker makes one call of a model
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias
from warnings import catch_warnings, simplefilter

import numpy as np

from derivkit.engine.backends.deadline import alarm_possible, call_within
from derivkit.errors import RemoteError
from derivkit.validation.words import LONGEST_TEXT, text_of

if TYPE_CHECKING:
    from derivkit.engine.model import Model, Reply

__all__ = [
    "ENDED_ITSELF",
    "Part",
    "WireReply",
    "born",
    "cloudpickle",
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

Link: TypeAlias = tuple[BaseException, bool]
"""An exception, and whether the next is its cause; else it is its context, if there is a next."""

MOST_LINKS = 20  # exceptions of which each came of the next
MOST_MODELS = 4  # kept loaded; a model may hold much memory
WATCH_EVERY = 1.0  # seconds between two looks at whether the parent is still alive
LARGEST_ERROR = 1_000_000  # bytes of a pickled exception; beyond, its text is sent
ENDED_ITSELF = 1  # the exit code that faulthandler gives a process whose time is over
TRIED_FOR = 0.5  # seconds for what takes microseconds where it does not wait for ever
HARD_GRACE = 2.0  # seconds a call that ignores the alarm gets before its process is ended


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: Model
    busy: threading.Lock = field(default_factory=threading.Lock)


_LOADED: OrderedDict[str, _Loaded] = OrderedDict()
_LOADING = threading.RLock()  # `inherit` may be called by the garbage collector, at any moment
_watched: set[int] = set()


def _begin_unlocked() -> None:
    """Give a forked process a lock of its own: the thread that held the old one is not there."""
    global _LOADING  # noqa: PLW0603
    _LOADING = threading.RLock()


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
    except BaseException as error:  # noqa: BLE001 - pools carry some as their own, or die of them
        from derivkit.engine.model import FAILURES  # noqa: PLC0415 - loaded with the model anyway

        what = "loading" if isinstance(error, FAILURES) else "let through"
        return *_failure(error, what), math.nan


def run_several(
    _task: str,
    token: str,
    points: Sequence[tuple[bytes, str]],
    timeout: float | None,
    parent: int,
    *parts: Part,
) -> list[WireReply]:
    """Call the model at several points (bytes, dtype), until an exception is let through.

    ``_task`` differs for every task: a cluster that identifies tasks by their arguments would
    otherwise cancel the next call's tasks with those of an interrupted one.
    """
    told: list[WireReply] = []
    for x, dtype in points:
        told.append(run_one(token, x, dtype, timeout, parent, *parts))
        if told[-1][1] == "let through":
            break
    return told


def born(parent: int) -> None:
    """Prepare a worker process, which ends when its ``parent`` does.

    numpy's random state is seeded anew: a forked copy would give every worker the same noise.
    """
    np.random.seed()  # noqa: NPY002 - it is the models' state, not ours
    # Ctrl-C reaches the parent, too, which ends its workers – or goes on, as its user likes. Not
    # SIG_IGN: the programs that a model runs would inherit that.
    signal.signal(signal.SIGINT, lambda *_: None)
    if sys.platform != "win32":
        if os.getppid() != parent:  # it has ended already
            os._exit(1)
        _watch(parent)


def inherit(token: str, model: Model | None) -> None:
    """Keep a model for processes that will be forked; None forgets it."""
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
    hard = hard and (bool(parts) or _can_be_ended(os.getpid()))  # a forked process has no parts
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


@cache
def _can_be_ended(process: int) -> bool:  # noqa: ARG001 - a forked child must not inherit an answer
    """Return whether faulthandler can end this forked process when its time is over.

    If faulthandler watches in the parent, as with pytest, its thread is missing here, and setting a
    time would wait for it for ever. So a child process tries, and an alarm ends it.
    """
    with catch_warnings():
        simplefilter("ignore", DeprecationWarning)  # other threads run: the child takes no locks
        child = os.fork()
    if not child:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, TRIED_FOR)
        faulthandler.cancel_dump_traceback_later()
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


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


def _sent(thing: Any) -> bytes:
    try:
        return pickle.dumps(thing)
    except Exception:  # noqa: BLE001 - a class of the user's script, which only cloudpickle can send
        data: bytes = cloudpickle().dumps(thing)
        return data


def cloudpickle() -> Any:
    """Return cloudpickle: joblib needs it since 1.6, and carried a copy before."""
    try:
        import cloudpickle as package  # noqa: PLC0415 - only parallel runs need it
    except ImportError:
        from joblib.externals import cloudpickle as package  # noqa: PLC0415
    return package


def _failure(error: BaseException, what: str) -> WireReply:
    lines = traceback.format_exception(type(error), error, _own_part(error.__traceback__))
    return (
        "failure",
        what,
        type(error).__name__,
        text_of(error),
        _cut("".join(lines)),
        _pickled(error),
    )


def _own_part(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the engine's frames, which come before the model's."""
    while trace is not None and trace.tb_next is not None and _is_ours(trace.tb_frame):
        trace = trace.tb_next
    return trace


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith("derivkit.engine.")


def _cut(trace: str) -> str:
    """Return a traceback without the middle of a text that is longer than all the rest."""
    half = LONGEST_TEXT
    return trace if len(trace) <= 2 * half else f"{trace[:half]}\n…\n{trace[-half:]}"


def _pickled(error: BaseException) -> bytes | None:
    """Return the exception if it can be pickled and is small; many cannot.

    Its causes are sent along if all of them can.
    """
    came_of = _came_of(error)
    for links in (came_of, came_of[:1]):
        try:
            with _alone(came_of):
                data = _sent(links)
            if len(data) <= LARGEST_ERROR:
                _linked(pickle.loads(data))  # noqa: S301 - made in the lines above
                return data
        except Exception:  # noqa: BLE001, S112 - a user's __reduce__ or __init__
            continue
    return None


def _came_of(error: BaseException | None) -> list[Link]:
    """Return the exception, its cause, and so on: pickle keeps none of these."""
    links: list[Link] = []
    while error is not None and len(links) < MOST_LINKS:
        direct = error.__cause__ is not None
        links.append((error, direct))
        hidden = direct or error.__suppress_context__
        error = error.__cause__ if hidden else error.__context__
    return links


@contextmanager
def _alone(links: list[Link]) -> Iterator[None]:
    """Remove causes and tracebacks from exceptions: some packages make pickle keep them."""
    kept = [
        (e, e.__cause__, e.__context__, e.__suppress_context__, e.__traceback__) for e, _ in links
    ]
    for error, _ in links:
        error.__cause__ = error.__context__ = error.__traceback__ = None
    try:
        yield
    finally:
        for error, cause, context, hidden, trace in kept:
            error.__cause__, error.__context__, error.__traceback__ = cause, context, trace
            error.__suppress_context__ = hidden


def _linked(links: list[Link]) -> BaseException:
    """Return the first exception, with the others as its cause or context.

    Tracebacks, which some packages make pickle keep, are removed: the worker's own travels as text.
    """
    for error, _ in links:  # a __reduce__ may make anything of it
        error.with_traceback(None)
    for (error, direct), (origin, _) in pairwise(links):
        if direct:
            error.__cause__ = origin
        else:
            error.__context__ = origin
    return links[0][0]


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
    """Return the output or the failure that a `WireReply` holds.

    An exception that is let through is raised, as in the caller's own thread.
    """
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
    if what == "let through":
        raise error
    if what == "loading":
        error.add_note("The model could not be loaded in the worker: is its module there?")
    return Failure(error, undefined=what == "undefined")


def _error(who: str, text: str, pickled: bytes | None) -> BaseException:
    """Return the model's exception, or a description of it where it cannot be unpickled."""
    if pickled is not None:
        try:
            return _linked(pickle.loads(pickled))  # noqa: S301 - from our own worker
        except Exception:  # noqa: BLE001 - its class may exist in the worker only
            return RemoteError(f"{who}: {text}")
    return RemoteError(f"{who}: {text}")
