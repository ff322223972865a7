"""The model prepared for workers: pickled once, its large arrays apart so that they can be shared.

cloudpickle (joblib's) takes lambdas, closures, notebook functions and bound methods. An error names
what cannot be pickled and what to do; no run falls back to serial in silence.
"""

from __future__ import annotations

import io
import os
import tempfile
import weakref
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from pickle import PickleBuffer
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.backends.worker import Part, cloudpickle
from derivkit.engine.model import Model
from derivkit.validation import text_of

__all__ = ["SharedFile", "Shipment", "pack", "why_unpicklable"]

LARGE = 100_000  # bytes; a part of this size or more gets a place of its own
ALIGNMENT = 64  # bytes; a cache line, which suits vector instructions too
DEEPEST = 8  # levels of attributes looked through for what cannot be pickled


@dataclass(frozen=True, slots=True)
class Shipment:
    """A pickled model.

    Attributes
    ----------
    token : str
        A digest of the content: workers that have loaded the same model need not load it again.
    parts : tuple of ndarray of uint8
        The pickle, then the data of large arrays.
    """

    token: str
    parts: tuple[NDArray[np.uint8], ...]

    def placed(self, place: Callable[[NDArray[np.uint8]], Part]) -> tuple[Part, ...]:
        """Return the parts, the large ones placed by ``place``."""
        return tuple(place(p) if p.nbytes >= LARGE else p.tobytes() for p in self.parts)


def pack(model: Model) -> Shipment:
    """Pickle a model.

    Raises
    ------
    TypeError
        If it cannot be pickled; the message names the part that cannot.
    """
    buffers: list[NDArray[np.uint8]] = []

    def keep_in_band(buffer: PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes >= LARGE:
            buffers.append(np.frombuffer(raw, np.uint8))
        return raw.nbytes < LARGE

    try:
        blob = _dumps(model, keep_in_band)
    except Exception as error:  # a user's object may raise anything in its __reduce__
        raise TypeError(why_unpicklable(model.function, error)) from error
    parts = (np.frombuffer(blob, np.uint8), *buffers)
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(part.data)
    return Shipment(digest.hexdigest(), parts)


def _dumps(thing: Any, buffer_callback: Callable[[PickleBuffer], Any] | None = None) -> bytes:
    """Pickle an object; code keeps the name of its file, which cloudpickle drops since 3.1.3.

    Without it the traceback of a model that fails in a worker shows neither file nor line.
    """
    file = io.BytesIO()
    _pickler()(file, protocol=5, buffer_callback=buffer_callback).dump(thing)
    return file.getvalue()


@cache
def _pickler() -> Any:
    """Return cloudpickle's pickler, with an entry of our own for code in its table."""
    base = cloudpickle().Pickler
    reduce_code = base.dispatch_table[CodeType]

    def reduced(code: CodeType) -> tuple[Any, ...]:
        return _code, (code.co_filename, *reduce_code(code))

    table = ChainMap({CodeType: reduced}, base.dispatch_table)
    return type("Pickler", (base,), {"dispatch_table": table})


def _code(filename: str, make: Callable[..., CodeType], arguments: tuple[Any, ...]) -> CodeType:
    return make(*arguments).replace(co_filename=filename)


class SharedFile:
    """A file that worker processes of this machine map into their memory: one copy for all.

    Where the system allows, it has no name, and so it is gone when this process is.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._path = ""

    def place(self, part: NDArray[np.uint8]) -> Part:
        """Append a part and return (path, offset, size)."""
        file = self._file or self._opened()
        offset = -(-file.seek(0, os.SEEK_END) // ALIGNMENT) * ALIGNMENT
        file.seek(offset)
        file.write(part.data)
        file.flush()
        return self._path, offset, part.nbytes

    def _opened(self) -> IO[bytes]:
        file = tempfile.NamedTemporaryFile(prefix="derivkit-", delete=False)  # noqa: SIM115
        weakref.finalize(self, _remove, file, file.name)
        self._file, self._path = file, file.name
        nameless = f"/proc/{os.getpid()}/fd/{file.fileno()}"
        if os.access(nameless, os.R_OK):
            Path(file.name).unlink()
            self._path = nameless
        return file


def _remove(file: IO[bytes], path: str) -> None:
    file.close()
    Path(path).unlink(missing_ok=True)


def why_unpicklable(function: Any, error: BaseException) -> str:
    """Return a sentence on which part of a function cannot be pickled, and what to do."""
    path, culprit = _culprit(function, "function", DEEPEST)
    return (
        f"`function` cannot be sent to worker processes: `{path}`, a {type(culprit).__qualname__}, "
        f"cannot be pickled ({text_of(error)}); create it inside the function, define the function "
        "in a module that makes it on import, or share this process's memory with "
        "executor='threads' (if the function is thread-safe) or executor='fork' (on Linux)"
    )


def _culprit(thing: Any, path: str, depth: int) -> tuple[str, Any]:
    """Return the innermost part of an object that cannot be pickled."""
    for name, part in _parts(thing) if depth else ():
        try:
            _dumps(part)
        except Exception:  # noqa: BLE001 - this is the question
            return _culprit(part, path + name if name[0] in ".[" else name, depth - 1)
    return path, thing


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of an object: attributes as ".name", entries as "[key]", variables bare."""
    if isinstance(thing, (ModuleType, BuiltinFunctionType, type)):
        return
    if isinstance(thing, MethodType):
        yield ".__self__", thing.__self__
    elif isinstance(thing, FunctionType):
        yield from _captured(thing)
    elif isinstance(thing, Mapping):
        yield from ((f"[{key!r}]", value) for key, value in thing.items())
    elif isinstance(thing, Sequence) and not isinstance(thing, (str, bytes)):
        yield from ((f"[{i}]", value) for i, value in enumerate(thing))
    else:
        yield from ((f".{k}", v) for k, v in getattr(thing, "__dict__", {}).items())
        slots = [k for kind in type(thing).__mro__ for k in getattr(kind, "__slots__", ())]
        yield from ((f".{k}", getattr(thing, k)) for k in slots if hasattr(thing, k))
        wrapped = {n: getattr(thing, n, None) for n in ("func", "args", "keywords")}  # a partial
        yield from ((f".{n}", v) for n, v in wrapped.items() if v)


def _captured(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # an empty cell
            continue
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield name, function.__globals__[name]
    for i, default in enumerate(function.__defaults__ or ()):
        yield f".__defaults__[{i}]", default
