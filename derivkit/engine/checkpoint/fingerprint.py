"""A fingerprint of a model: the same in every process, another when the model changes.

Pickles will not do: they differ between processes, and with a comment. This walks over what the
function is made of: its instructions and constants, what it has captured, the globals, helpers
and modules of the user's that it names, the data behind them. Installed packages count by name.
Not seen: files that the model reads, and what programs it calls do; that is what ``version`` is
for.
"""

from __future__ import annotations

import copyreg
import importlib
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from importlib.util import resolve_name
from pathlib import Path
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

from derivkit.engine.checkpoint.bytecode import Reading, read
from derivkit.engine.checkpoint.installed import is_library, named_in_library

__all__ = ["Fingerprint", "fingerprint"]

# Of a class, what the interpreter and decorators write: it says nothing, or the same twice.
# fmt: off
BOOKKEEPING = frozenset({
    "__module__", "__doc__", "__dict__", "__weakref__", "__qualname__", "__firstlineno__",
    "__static_attributes__", "__annotations__", "__annotate__", "__annotate_func__",
    "__annotations_cache__", "__match_args__", "__abstractmethods__", "__parameters__",
    "__orig_bases__", "__dataclass_fields__", "__dataclass_params__", "_abc_impl",
})
# fmt: on
COMPILED = (".so", ".pyd", ".dylib")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a model is, as text.

    Attributes
    ----------
    digest : str
        Equal for equal models.
    parts : mapping of str to str
        The same for each ingredient, so that it can be said which one has changed.
    size : int
        Bytes of arrays that were read.
    """

    digest: str
    parts: Mapping[str, str]
    size: int = 0

    def changed(self, before: Mapping[str, str]) -> list[str]:
        """Return the names of the ingredients that differ from those of another fingerprint."""
        names = sorted({*self.parts, *before})
        return [name for name in names if self.parts.get(name) != before.get(name)]


def fingerprint(function: Callable[..., Any]) -> Fingerprint:
    """Return the fingerprint of a model; take it before the first call, which may change state.

    Parameters
    ----------
    function : callable
        A function, lambda, bound method, partial or instance with ``__call__``.

    Raises
    ------
    ValueError
        If the function is made of structures too deep to walk.

    Examples
    --------
    >>> def model(a):
    ...     return lambda x: a * x[0]
    >>> fingerprint(model(2)).digest == fingerprint(model(2)).digest
    True
    >>> fingerprint(model(3)).changed(fingerprint(model(2)).parts)
    ['captured a']
    """
    walk = _Walk()
    try:
        parts = walk.parts(function)
    except RecursionError as error:
        raise ValueError(
            "`function` refers to structures nested too deeply to be told apart from others; "
            "name the model with version='…'"
        ) from error
    texts = {name: part.hex()[:32] for name, part in sorted(parts.items())}
    whole = _hashed("model", *(f"{k}={v}".encode() for k, v in texts.items()))
    return Fingerprint(whole.hex()[:32], texts, walk.size)


def _hashed(tag: str, *parts: bytes) -> bytes:
    whole = sha256(tag.encode())
    for part in parts:
        whole.update(len(part).to_bytes(8, "little"))
        whole.update(part)
    return whole.digest()


class _Walk:
    """One walk over everything a function is made of; each object is met once."""

    def __init__(self) -> None:
        self._done: dict[int, tuple[object, bytes]] = {}  # kept alive: an id names one object
        self._open: set[int] = set()
        self.size = 0

    def parts(self, function: Any) -> dict[str, bytes]:
        """Return the ingredients of a model by name."""
        if isinstance(function, MethodType):
            return {**self.parts(function.__func__), **self._attributes(function.__self__)}
        if isinstance(function, FunctionType):
            self._open.add(id(function))
            return self._function_parts(function)
        if _has_plain_state(function) and not named_in_library(function):
            return {"class": self.of(type(function)), **self._attributes(function)}
        return {"function": self.of(function)}

    def of(self, value: Any, names: frozenset[str] = frozenset()) -> bytes:
        """Return the digest of a value; ``names`` are those a user's module is asked for."""
        atom = _ATOMS.get(type(value))
        if atom is not None:
            return _hashed(type(value).__name__, atom(value))
        if isinstance(value, ModuleType):
            return self._module(value, names)
        identity = id(value)
        if identity in self._done:
            return self._done[identity][1]
        if identity in self._open:
            return b"itself"  # a cycle
        self._open.add(identity)
        digest = self._compound(value)
        self._open.discard(identity)
        self._done[identity] = value, digest
        return digest

    def _compound(self, value: Any) -> bytes:  # noqa: C901, PLR0911 - a table of kinds
        if type(value) is np.ndarray and not value.dtype.hasobject:
            self.size += value.nbytes
            return _array(value)
        if type(value) in {tuple, list}:
            return _hashed(type(value).__name__, *map(self.of, value))
        if type(value) is np.ndarray:
            return _hashed(f"objects {value.shape}", *map(self.of, value.ravel().tolist()))
        if type(value) in {set, frozenset}:
            return _hashed("set", *sorted(map(self.of, value)))
        if type(value) is dict:
            return _hashed("dict", *sorted(self.of(k) + self.of(v) for k, v in value.items()))
        if isinstance(value, CodeType):
            return self._code(read(value))
        if isinstance(value, CellType):
            return self._cell(value, None)
        if named_in_library(value):
            return _hashed("library", f"{value.__module__}.{value.__qualname__}".encode())
        inner = _inner_function(value)
        if inner is not None:
            return _hashed("wrapped", self.of(inner))
        if isinstance(value, FunctionType):
            return self._mapping("function", self._function_parts(value))
        if isinstance(value, type):
            return self._class(value)
        return self._instance(value)

    def _function_parts(self, function: FunctionType) -> dict[str, bytes]:
        code = read(function.__code__)
        parts = {"code": self._code(code)}
        if function.__defaults__ or function.__kwdefaults__:
            parts["defaults"] = self.of([function.__defaults__, function.__kwdefaults__])
        names = function.__code__.co_freevars
        for name, cell in zip(names, function.__closure__ or (), strict=True):
            if name not in code.own:
                parts[f"captured {name}"] = self._cell(cell, (name, code))
        for name in sorted(code.globals - code.own):
            if name in function.__globals__:
                value = function.__globals__[name]
                parts[f"global {name}"] = self._ingredient(value, name, code)
        for name, level in sorted(code.imports):
            parts[f"import {name}"] = self._import(name, level, function, code.names)
        attributes = {k: v for k, v in vars(function).items() if k not in code.own_attributes}
        if attributes:
            parts["attributes"] = self.of(attributes)
        return parts

    def _code(self, code: Reading) -> bytes:
        return _hashed("code", code.text.encode(), *map(self.of, code.constants))

    def _cell(self, cell: CellType, use: tuple[str, Reading] | None) -> bytes:
        try:
            value = cell.cell_contents
        except ValueError:
            return b"empty"
        return self.of(value) if use is None else self._ingredient(value, *use)

    def _ingredient(self, value: Any, name: str, code: Reading) -> bytes:
        """Return the digest of a named value, without the items that the code itself updates."""
        own = {key for owner, key in code.own_items if owner == name}
        if own and isinstance(value, dict):
            return self.of({k: v for k, v in value.items() if k not in own})
        if own and isinstance(value, (list, np.ndarray)):
            places = {k % len(value) for k in own if isinstance(k, int) and len(value)}
            return self.of([v for i, v in enumerate(value) if i not in places])
        return self.of(value, code.names)

    def _module(self, module: ModuleType, names: Iterable[str]) -> bytes:
        """Return a library's name, or those contents of a user's module that are named."""
        if is_library(module.__name__):
            return _hashed("library", module.__name__.encode())
        file = getattr(module, "__file__", None) or ""
        if file.endswith(COMPILED):
            return _hashed("compiled", Path(file).read_bytes())
        if id(module) in self._open:
            return b"itself"
        self._open.add(id(module))
        used = sorted(n for n in names if n in vars(module) and not n.startswith("__"))
        chosen = frozenset(names)
        parts = {n: self.of(vars(module)[n], chosen) for n in used}
        self._open.discard(id(module))
        return self._mapping("module", parts)

    def _import(self, name: str, level: int, function: FunctionType, names: Iterable[str]) -> bytes:
        """Return the digest of a module that the code imports when it runs."""
        try:
            package = function.__globals__.get("__package__") or None
            full = resolve_name("." * level + name, package)
            if not is_library(full):
                return self._module(importlib.import_module(full), names)
        except ImportError:
            pass  # the model will say so itself
        return _hashed("library", name.encode())

    def _class(self, cls: type) -> bytes:
        if is_library(cls.__module__):
            return _hashed("library", f"{cls.__module__}.{cls.__qualname__}".encode())
        own = {k: v for k, v in vars(cls).items() if k not in BOOKKEEPING}
        parts = {name: self.of(_unwrapped(own[name])) for name in sorted(own)}
        bases = _hashed("bases", *map(self.of, cls.__bases__))
        return self._mapping("class", {**parts, "__bases__": bases})

    def _instance(self, value: Any) -> bytes:
        kind = self.of(type(value))
        if isinstance(value, partial):
            return _hashed("partial", *map(self.of, (value.func, value.args, value.keywords)))
        if isinstance(value, (MethodType, BuiltinFunctionType)):
            named = getattr(value, "__name__", "").encode()
            function = getattr(value, "__func__", None)
            return _hashed("method", named, self.of(function), self.of(value.__self__))
        reduced = None if _has_plain_state(value) else _reduced(value)
        if reduced is not None:
            return _hashed("reduced", kind, *map(self.of, reduced))
        return _hashed("instance", kind, self._mapping("state", self._attributes(value)))

    def _attributes(self, value: Any) -> dict[str, bytes]:
        """Return the digests of an instance's attributes, in its dictionary or in slots."""
        state = dict(getattr(value, "__dict__", {}))
        for cls in type(value).__mro__:
            slots = vars(cls).get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                private = slot.startswith("__") and not slot.endswith("__")
                name = f"_{cls.__name__.lstrip('_')}{slot}" if private else slot
                if name not in {"__dict__", "__weakref__"} and hasattr(value, name):
                    state[name] = getattr(value, name)
        return {f"attribute {name}": self.of(state[name]) for name in sorted(state, key=str)}

    @staticmethod
    def _mapping(tag: str, parts: Mapping[str, bytes]) -> bytes:
        return _hashed(tag, *(name.encode() + b"=" + part for name, part in parts.items()))


_ATOMS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"",
    type(Ellipsis): lambda _: b"",
    type(NotImplemented): lambda _: b"",
    bool: lambda v: bytes([v]),
    int: lambda v: str(v).encode(),
    float: lambda v: struct.pack("<d", v),
    complex: lambda v: struct.pack("<dd", v.real, v.imag),
    str: lambda v: v.encode("utf-8", "surrogatepass"),
    bytes: lambda v: v,
    bytearray: bytes,
}


def _array(array: np.ndarray[Any, Any]) -> bytes:
    whole = sha256(f"array {array.dtype.descr} {array.shape}".encode())
    whole.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return whole.digest()


def _has_plain_state(value: Any) -> bool:
    """Whether an instance is what its attributes are: it does not say itself how to rebuild it."""
    cls = type(value)
    hooks = ("__reduce__", "__reduce_ex__", "__getstate__")
    custom = any(getattr(cls, hook) is not getattr(object, hook) for hook in hooks)
    return not custom and (hasattr(value, "__dict__") or hasattr(cls, "__slots__"))


def _reduced(value: Any) -> list[Any] | None:
    """Return how an instance would be rebuilt; None if it cannot be, like a lock or a file."""
    rebuild = copyreg.dispatch_table.get(type(value))  # patterns, ufuncs: asked first by pickle
    try:
        recipe: Any = rebuild(value) if rebuild else value.__reduce_ex__(4)
    except Exception:  # noqa: BLE001 - whatever a class raises to say that it has no state to give
        return None
    if isinstance(recipe, str):
        return [recipe]
    return [list(p) if hasattr(p, "__next__") else p for p in recipe]


def _inner_function(value: Any) -> Any:
    """Return the user's function inside a cache, a compiled one, or a decorator that says so."""
    if isinstance(value, (type, FunctionType)):
        return None
    own = getattr(value, "__dict__", {})
    return own.get("__wrapped__") or (getattr(value, "py_func", None) if callable(value) else None)


def _unwrapped(value: Any) -> Any:
    """Return what a descriptor in a class is made of."""
    if isinstance(value, (staticmethod, classmethod)):
        return value.__func__
    if isinstance(value, property):
        return [value.fget, value.fset, value.fdel]
    return getattr(value, "func", value)  # functools.cached_property
