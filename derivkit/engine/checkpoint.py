"""Checkpoints: every finished evaluation is written at once, and none is made twice.

How a call passes the file stands in recording.py, the file itself in store.py. What goes wrong
with the file once the model has been called is a warning, never an error: the values stay in
memory and the call goes on.
"""

from __future__ import annotations

import os
import platform
import secrets
import sqlite3
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from json import dumps, loads
from threading import RLock
from typing import Any

from derivkit.engine.evaluation import Backend
from derivkit.engine.fingerprint import Fingerprint, fingerprint
from derivkit.engine.model import Failure, Model, Output, Reply
from derivkit.engine.recording import Recorded
from derivkit.engine.store import Row, Store, as_row, output_of
from derivkit.errors import CheckpointError, CheckpointMismatchError, CheckpointWarning

__all__ = ["Checkpoint", "open_checkpoint"]

CHOICES = ("refuse", "discard", "trust")
RETRY_AFTER = 5.0  # seconds between attempts to write to a file that could not be written
MOST_TRACKED = 10_000_000  # bytes captured by a model, beyond which its state is not followed

_grown_from: dict[str, str] = {}  # a model's state after its last calls: the one before the first


@dataclass
class Checkpoint:
    """The evaluations of one model in one file.

    Attributes
    ----------
    store : Store
    model : int
        Which rows of the file are this model's.
    identity : str
        The fingerprint it was opened with, or the user's version.
    followed : bool
        Whether changes of state by the model's own calls are followed: a log or a cache that it
        fills does not make it another model.
    reused : int
        Evaluations answered from the file so far.
    stored : int
        Evaluations written so far.
    """

    store: Store
    model: int
    identity: str
    followed: bool
    reused: int = 0
    stored: int = 0

    def __post_init__(self) -> None:
        self._unsaved: dict[bytes, Row] = {}
        self._numbers: dict[bytes, int] = {}  # of the file's evaluations, by `_short` of the point
        self._seen = 0
        self._retry_at = float("-inf")
        self._gone = False
        self._lock = RLock()  # a kit may be used in several threads

    @property
    def path(self) -> str:
        """The file."""
        return str(self.store.path)

    @property
    def unsaved(self) -> int:
        """How many finished evaluations are in memory only, because the file refused them."""
        return len(self._unsaved)

    def through(self, backend: Backend) -> Backend:
        """Return a backend that asks the file first, and writes what the given one replies."""
        return Recorded(self, backend)

    def find(self, place: bytes) -> Output | None:
        """Return the output at a point if it has been evaluated before."""
        number = self._numbers.get(_short(place))
        row = self._unsaved.get(place)
        if number is None and row is None:
            return None
        try:
            found = row[2:5] if row else self.store.value(number or 0, place)
            output = None if found[0] is None else output_of(*found)  # type: ignore[arg-type]
        except (sqlite3.Error, ValueError) as error:
            self._warn(f"cannot be read ({error}); what it holds is evaluated again")
            return None
        self.reused += output is not None
        return output

    def refresh(self) -> None:
        """Look up what the file holds now: other processes may have written to it."""
        if not self._gone and self.store.gone():
            self._gone = True
            self._warn("has been removed; finished evaluations are kept in memory only")
        try:
            with self._lock:
                for number, place in self.store.finished(self.model, self._seen):
                    self._numbers[_short(place)] = number
                    self._seen = number
        except sqlite3.Error as error:
            self._warn(f"cannot be read ({error}); what it holds is evaluated again")

    def keep(self, place: bytes, reply: Reply) -> None:
        """Write a reply; keep it in memory if that fails, and try again with a later one."""
        if isinstance(reply, Failure):
            message = f"{type(reply.error).__name__}: {reply.error}"
            row: Row = (place, "failed", None, None, None, message, time.time())
        else:
            row = as_row(place, reply)
        with self._lock:
            self._unsaved[place] = row
            self.flush()

    def flush(self) -> None:
        """Write what is in memory only; later, if the file has refused it a moment ago."""
        if not self.store.writable or time.monotonic() < self._retry_at:
            return
        try:
            with self._lock:
                for place, row in list(self._unsaved.items()):
                    self._written(row, self.store.add(self.model, row))
                    del self._unsaved[place]
        except sqlite3.Error as error:
            self._put_off(error)

    def _written(self, row: Row, number: int) -> None:
        self.stored += 1
        if row[1] == "ok":
            self._numbers[_short(row[0])] = number
        if number == self._seen + 1:
            self._seen = number

    def _put_off(self, error: sqlite3.Error) -> None:
        if self._retry_at == float("-inf"):
            self._warn(
                f"cannot be written ({error}); finished evaluations are kept in memory and "
                "written as soon as it can be"
            )
        self._retry_at = time.monotonic() + RETRY_AFTER

    def _warn(self, what: str) -> None:
        warnings.warn(f"the checkpoint {self.path!r} {what}", CheckpointWarning, stacklevel=2)

    def state(self, model: Model) -> str | None:
        """Return the model's fingerprint as it is now; None if it is not to be followed."""
        try:
            return fingerprint(model.function).digest if self.followed else None
        except ValueError:  # grown too deep to walk; the next kit will be told
            return None

    def follow(self, model: Model, before: str | None) -> None:
        """Note that the model's own calls have led from one state to another: it is the same."""
        if before is None or _origin(before) != self.identity:
            return
        after = self.state(model)
        if after is not None and after != before:
            _grown_from.pop(before, None)
            _grown_from[after] = self.identity


def _short(place: bytes) -> bytes:
    """Return a point's bytes, or a digest of them; no point is of 20 bytes."""
    return place if len(place) <= 64 else blake2b(place, digest_size=20).digest()


def _origin(digest: str) -> str:
    return _grown_from.get(digest, digest)


def open_checkpoint(
    path: str | os.PathLike[str],
    function: Callable[..., Any],
    *,
    version: str | None = None,
    mismatch: str = "refuse",
    names: Sequence[str] = (),
) -> Checkpoint:
    """Open or make a checkpoint file for a model, before its first call.

    Parameters
    ----------
    path : path-like
    function : callable
        Its fingerprint is compared with the file's.
    version : str, optional
        Names the model instead of a fingerprint.
    mismatch : {"refuse", "discard", "trust"}
        What to do if the file is another model's: raise, delete what is in it, or use it.
    names : sequence of str
        The parameters, for whoever reads the file.

    Raises
    ------
    CheckpointMismatchError
        If the file is another model's and ``mismatch`` is "refuse".
    CheckpointError
        If the file cannot be used.
    """
    _check(path, version, mismatch)
    mark = (
        fingerprint(function)
        if version is None
        else Fingerprint(f"version {version}", {"version": version})
    )
    store = Store(path)
    try:
        model = _adopted(store, mark, mismatch, names)
    except sqlite3.Error as error:
        raise CheckpointError(f"the checkpoint {str(path)!r} cannot be used: {error}") from error
    if not store.writable:
        warnings.warn(
            f"the checkpoint {str(path)!r} is read-only; what is in it is used, and new "
            "evaluations are kept in memory only",
            CheckpointWarning,
            stacklevel=4,
        )
    followed = version is None and mark.size <= MOST_TRACKED
    return Checkpoint(store, model, _origin(mark.digest), followed)


def _check(path: object, version: object, mismatch: object) -> None:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"`checkpoint` must be the name of a file, got {path!r}")
    if version is not None and not isinstance(version, str):
        raise TypeError(f"`version` must be a string, got {version!r}")
    if mismatch not in CHOICES:
        raise ValueError(
            f"`checkpoint_mismatch` must be one of {', '.join(CHOICES)}, got {mismatch!r}"
        )


def _adopted(store: Store, mark: Fingerprint, mismatch: str, names: Sequence[str]) -> int:
    """Return the number of the model in the file; give it one if it is new there."""
    meta = store.meta()
    if meta and meta["identity"] in {mark.digest, _origin(mark.digest)}:
        return int(meta["model"])
    if meta and mismatch == "refuse":
        raise CheckpointMismatchError(_difference(store, meta, mark))
    if not store.writable:
        return int(meta["model"]) if mismatch == "trust" else 0
    with store.alone():
        if store.meta() == meta:
            return _entered(store, meta, mark, mismatch, names)
    return _adopted(store, mark, mismatch, names)  # another process was quicker


def _entered(
    store: Store, meta: dict[str, str], mark: Fingerprint, mismatch: str, names: Sequence[str]
) -> int:
    """Write which model the file is of, and delete another's evaluations."""
    keep = bool(meta) and mismatch == "trust"
    model = int(meta["model"]) if keep else secrets.randbits(62)
    store.set_meta(
        {
            "model": str(model),
            "identity": _origin(mark.digest),
            "parts": dumps(dict(mark.parts)),
            "names": dumps(list(names)),
            "python": platform.python_version(),
            "written": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
    )
    if not keep:
        store.forget_others(model)
    return model


def _difference(store: Store, meta: dict[str, str], mark: Fingerprint) -> str:
    changed = mark.changed(loads(meta["parts"]))
    what = ", ".join(changed[:4]) + (", …" if len(changed) > 4 else "")
    python = platform.python_version()
    if meta["python"].split(".")[:2] != python.split(".")[:2]:
        what += f"; or only Python, {meta['python']} then and {python} now"
    return (
        f"the model is not the one whose {store.count(int(meta['model']))} evaluations are in "
        f"{str(store.path)!r} since {meta['written']} (changed: {what}); choose "
        "checkpoint_mismatch='discard' to delete them, checkpoint_mismatch='trust' if they are "
        "still right, or another file"
    )
