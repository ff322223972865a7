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
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from json import dumps, loads
from typing import Any, TypeAlias

from derivkit.engine.calling import Calling
from derivkit.engine.checkpoint.fingerprint import Fingerprint, fingerprint
from derivkit.engine.checkpoint.rows import Near
from derivkit.engine.checkpoint.store import PATIENCE, Store
from derivkit.engine.model import Failure, Model, Output, Reply, Shaped
from derivkit.errors import (
    CheckpointError,
    CheckpointMismatchError,
    CheckpointWarning,
    level_of_user,
)
from derivkit.validation import check_version, shown, text_of

__all__ = ["Checkpoint", "open_checkpoint"]

RETRY_AFTER = 5.0  # seconds between attempts to write to a file that could not be written
LONGEST_NAME = 1000  # characters of a path; what most systems can open
BRIEFLY = 0.05  # seconds to wait for a lock once it has been waited for in vain
MOST_TRACKED = 10_000_000  # bytes captured by a model, beyond which its state is not followed

Told: TypeAlias = tuple[Output | Shaped | None, str | None, Near | None]
"""An output; or None, and why there is none. And what the point is near, if that is known."""

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
        self._unsaved: dict[bytes, Told] = {}
        self._aside: set[bytes] = set()  # of them: those that cannot be stored …
        self._told: set[str] = set()  # … and why: each reason is told once
        self._numbers: dict[int, int] = {}  # of rows, by their points' hashes: rows have the points
        self._seen = 0
        self._retry_at = float("-inf")
        self._gone = False
        last_try = weakref.finalize(self, _write_last, self.store, self.model, self._unsaved)
        last_try.atexit = True

    def __reduce__(self) -> tuple[Any, ...]:
        state = self.path, self.model, self.identity, self.followed, dict(self._unsaved)
        return _reopened, state

    @property
    def path(self) -> str:
        """The file."""
        return str(self.store.path)

    @property
    def unsaved(self) -> int:
        """How many finished evaluations are in memory only, because the file refused them."""
        return len(self._unsaved)

    def beside(self, function: Callable[..., Any]) -> Checkpoint:
        """Return the evaluations of another model in the same file, under its own fingerprint."""
        mark = fingerprint(function)
        identity = _origin(mark.digest)
        number = int.from_bytes(blake2b(identity.encode(), digest_size=7).digest(), "big")
        return Checkpoint(self.store, number, identity, mark.size <= MOST_TRACKED)

    def find(self, place: bytes) -> Output | Shaped | None:
        """Return the output at a point if it has been evaluated before."""
        if (unsaved := self._unsaved.get(place)) is not None:  # another thread may write it now
            output = unsaved[0]
        elif (number := self._numbers.get(hash(place))) is not None:
            try:
                output = self.store.value(self.model, number, place)
            except Exception as error:  # noqa: BLE001 - nothing about the file ends the run
                self._numbers.pop(hash(place), None)
                self._warn(f"cannot be read ({text_of(error)}); that point is evaluated again")
                return None
        else:
            return None
        self.reused += output is not None
        return output

    def refresh(self) -> None:
        """Look up what the file holds now: other processes may have written to it."""
        if not self._gone and self.store.gone():
            self._gone = True
            self._warn("has been removed; finished evaluations are kept in memory only")
        damaged = 0
        try:
            with self.store.lock:  # a kit may be used in several threads
                for number, place in self.store.finished(self.model, self._seen):
                    damaged += place is None
                    if place is not None:
                        self._numbers[hash(place)] = number
                    self._seen = number
        except Exception as error:  # noqa: BLE001 - nothing about the file ends the run
            self._warn(f"cannot be read ({text_of(error)}); what it holds is evaluated again")
        if damaged:
            self._warn(f"has {damaged} damaged rows; those points are evaluated again")

    def keep(self, place: bytes, reply: Reply, near: Near | None = None) -> None:
        """Write a reply; keep it in memory if that fails, and try again later."""
        if isinstance(reply, Failure):
            why = f"{type(reply.error).__name__}: {text_of(reply.error)}"
            self._unsaved[place] = None, why, near
        else:
            self._unsaved[place] = reply, None, near
        self.flush()

    def flush(self, *, now: bool = False) -> None:
        """Write what is in memory only.

        Parameters
        ----------
        now : bool
            Also where the file has refused it a moment ago; another process's lock is not waited
            for then.
        """
        waiting = time.monotonic() < self._retry_at
        if not self._unsaved or not self.store.writable or (waiting and not now):
            return
        with self.store.lock:
            try:
                if waiting:
                    self.store.patience(BRIEFLY)
                for place in list(self._unsaved):
                    if place not in self._aside:
                        self._write(place)
                self._retry_at = float("-inf")
            except Exception as error:  # noqa: BLE001 - nothing about the file ends the run
                self._put_off(error)
            finally:
                if waiting:
                    with suppress(Exception):
                        self.store.patience(PATIENCE)

    def close(self) -> None:
        """Write what is in memory only, and close the file."""
        self._aside.clear()
        self.flush(now=True)
        self.store.close()

    def _write(self, place: bytes) -> None:
        """Write one evaluation; what cannot be stored, whatever the file's state, is set aside."""
        told = self._unsaved[place]
        try:
            number = self.store.add(self.model, place, *told)
        except Exception as error:
            if not _is_the_rows_fault(error):
                raise
            self._aside.add(place)
            if (why := text_of(error)) not in self._told:
                self._told.add(why)
                self._warn(f"cannot hold an evaluation ({why}); such ones are kept in memory only")
            return
        del self._unsaved[place]
        self.stored += 1
        if told[0] is not None:
            self._numbers[hash(place)] = number
        if number == self._seen + 1:
            self._seen = number

    def _put_off(self, error: Exception) -> None:
        if self._retry_at == float("-inf"):
            self._warn(
                f"cannot be written ({text_of(error)}); finished evaluations are kept in memory "
                "and written as soon as it can be"
            )
        self._retry_at = time.monotonic() + RETRY_AFTER

    def _warn(self, what: str) -> None:
        warnings.warn(
            f"the checkpoint {self.path!r} {what}", CheckpointWarning, stacklevel=level_of_user()
        )

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


def _is_the_rows_fault(error: Exception) -> bool:
    """Whether a row is refused for what it is; else the file is in trouble, and so are all rows."""
    own = (sqlite3.DataError, sqlite3.InterfaceError, sqlite3.IntegrityError)
    return isinstance(error, own) or not isinstance(error, (sqlite3.Error, OSError))


def _write_last(store: Store, model: int, unsaved: dict[bytes, Told]) -> None:
    """Try a last time, at the end of the kit or of the program, to write what the file refused."""
    if not (unsaved and store.writable and store.is_ours):
        return
    lost = len(unsaved)
    for place, told in unsaved.items():
        try:
            store.add(model, place, *told)
            lost -= 1
        except Exception as error:  # noqa: BLE001 - the others may be stored
            if not _is_the_rows_fault(error):
                break
    if lost:
        warnings.warn(
            f"{lost} finished evaluations could not be written to the checkpoint "
            f"{str(store.path)!r}, and are lost",
            CheckpointWarning,
            stacklevel=2,
        )


def _reopened(
    path: str, model: int, identity: str, followed: bool, unsaved: dict[bytes, Told]
) -> Checkpoint:
    """Return a copy of a checkpoint: another connection to the same file."""
    store = Store(path)
    if store.meta().get("model") != str(model):
        raise CheckpointMismatchError(
            f"the checkpoint {path!r} is another model's since this kit was pickled; make the kit "
            "anew, with another file"
        )
    checkpoint = Checkpoint(store, model, identity, followed)
    checkpoint._unsaved.update(unsaved)  # noqa: SLF001 - its own
    return checkpoint


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
    mark = fingerprint(function) if version is None else _named(version, function)
    store = Store(path)
    try:
        model = _adopted(store, mark, mismatch, names)
    except BaseException as error:
        store.close()  # else it is open, and may be locked, as long as the traceback is kept
        if isinstance(error, CheckpointError) or not isinstance(error, Exception):
            raise
        # a crafted or damaged file may hold anything
        raise CheckpointError(
            f"the checkpoint {str(path)!r} cannot be used ({type(error).__name__}: "
            f"{text_of(error)}); restore it from a copy, or give another file"
        ) from error
    if not store.writable:
        warnings.warn(
            f"the checkpoint {str(path)!r} is read-only; what is in it is used, and new "
            "evaluations are kept in memory only",
            CheckpointWarning,
            stacklevel=level_of_user(),
        )
    followed = version is None and mark.size <= MOST_TRACKED
    return Checkpoint(store, model, _origin(mark.digest), followed)


def _named(version: str, function: Callable[..., Any]) -> Fingerprint:
    """Return the mark of a model that the user names, and of what its points mean.

    Rows are kept by the numbers of a point. Which parameter each number is of is no matter of the
    model's code or data: a dict with its keys in another order has the same numbers elsewhere.
    """
    parts = {"version": version}
    meaning = function.meaning() if isinstance(function, Calling) else ""
    if meaning:
        parts["meaning of x0"] = meaning
    return Fingerprint(f"version {' '.join(parts.values())}", parts)


def _check(path: object, version: object, mismatch: object) -> None:
    try:
        name = os.fspath(path)  # type: ignore[call-overload]
    except Exception as error:  # whatever a user's __fspath__ raises
        raise TypeError(f"`checkpoint` must be the name of a file, got {shown(path)}") from error
    if not isinstance(name, str):
        raise TypeError(f"`checkpoint` must be the name of a file, got {shown(path)}")
    if len(name) > LONGEST_NAME:
        raise CheckpointError(f"`checkpoint` must be a shorter name, got {shown(path)}")
    check_version(version, mismatch)


def _adopted(store: Store, mark: Fingerprint, mismatch: str, names: Sequence[str]) -> int:
    """Return the number of the model in the file; give it one if it is new there."""
    meta = store.meta()
    known = "identity" in meta
    if known and not 0 <= int(meta["model"]) < 2**63:
        raise ValueError(f"its model has the number {meta['model']}")
    if known and meta["identity"] in {mark.digest, _origin(mark.digest)}:
        return int(meta["model"])
    if known and mismatch == "refuse":
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
    keep = "identity" in meta and mismatch == "trust"
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
