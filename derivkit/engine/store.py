"""The checkpoint's file: a small SQLite database of plain bytes and text, and nothing to execute.

Knows files and rows, not models: which rows belong to which model stands in checkpoint.py. There
is one writer, the process that asks; but several may have the same file open.
"""

from __future__ import annotations

import math
import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

import numpy as np

from derivkit.engine.model import Output
from derivkit.errors import CheckpointError

__all__ = ["Row", "Store", "as_row", "output_of"]

APPLICATION_ID = 0x64726B31  # "drk1": tells these files from other programs' databases
FORMAT = 1
PATIENCE = 5.0  # seconds to wait for another process that is writing
SYNC_EVERY = 0.1  # seconds; what a power cut may cost where calls are faster than that
DTYPES = ("<f8", "<c16")
NETWORK = frozenset(  # file systems whose shared memory does not reach other hosts: no WAL there
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "9p", "fuse.sshfs", "afs"}
)

TABLES = """
create table if not exists meta (key text primary key, value text not null);
create table if not exists evaluation (
    id integer primary key,  -- in the order of writing, so that writing is appending
    model integer not null,  -- which model, of those this file was told about
    x blob not null,         -- the point: little-endian float64, or complex128 and "c"
    status text not null,    -- "ok" or "failed"
    value blob,              -- the output's bytes
    shape text,              -- its shape: "" for a number, "3" or "2,3" for arrays
    dtype text,              -- "<f8" or "<c16"
    message text,            -- why it failed
    at real not null         -- when: seconds since 1970
);
"""
ADD = "insert into evaluation values (null, ?, ?, ?, ?, ?, ?, ?, ?)"
LOG_PAGES = 4000  # of 4 KiB: how long the write-ahead log grows before it is worked in

Row = tuple[bytes, str, bytes | None, str | None, str | None, str | None, float]
"""x, status, value, shape, dtype, message, at."""


def as_row(key: bytes, output: Output) -> Row:
    """Return a finished evaluation as it is stored."""
    array = np.asarray(output)
    dtype = "<c16" if array.dtype.kind == "c" else "<f8"
    shape = ",".join(map(str, array.shape))
    return key, "ok", array.astype(dtype, copy=False).tobytes(), shape, dtype, None, time.time()


def output_of(value: bytes, shape: str, dtype: str) -> Output:
    """Return a stored output.

    Raises
    ------
    ValueError
        If the row cannot have been written by `as_row`.
    """
    if dtype not in DTYPES:
        raise ValueError(f"unknown type of numbers {dtype!r}")
    sides = tuple(map(int, shape.split(","))) if shape else ()
    numbers = np.frombuffer(value, dtype=dtype)
    if numbers.size != math.prod(sides):
        raise ValueError(f"{numbers.size} numbers for the shape {sides}")
    if not sides:
        single: float | complex = numbers[0].item()
        return single
    return numbers.astype(dtype[1:]).reshape(sides)


class Store:
    """An open checkpoint file.

    Parameters
    ----------
    path : path-like
        An existing checkpoint, or a new file in an existing folder.

    Attributes
    ----------
    writable : bool

    Raises
    ------
    CheckpointError
        If the file cannot be opened or made, is damaged, or is something else.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self.writable = True
        self._lock = RLock()
        self._synced = time.monotonic()
        try:
            self._connection = self._opened()
        except OSError as error:
            raise CheckpointError(
                f"the checkpoint {str(path)!r} cannot be reached: {error}"
            ) from error
        weakref.finalize(self, self._connection.close)
        self._file = _identity(self.path)

    def gone(self) -> bool:
        """Whether the file has been removed or replaced since it was opened."""
        return _identity(self.path) != self._file

    def meta(self) -> dict[str, str]:
        """Return what the file says of its model."""
        with self._lock:
            return dict(self._connection.execute("select key, value from meta").fetchall())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from writing meanwhile; all is written at the end, or nothing."""
        with self._lock:
            self._connection.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")

    def set_meta(self, entries: dict[str, str]) -> None:
        """Write what is to be known of the model."""
        with self._lock:
            self._connection.executemany("replace into meta values (?, ?)", entries.items())

    def forget_others(self, model: int) -> None:
        """Delete the evaluations of other models."""
        with self._lock:
            self._connection.execute("delete from evaluation where model != ?", (model,))

    def count(self, model: int) -> int:
        """Return how many finished evaluations there are of a model."""
        query = "select count(*) from evaluation where model = ? and status = 'ok'"
        with self._lock:
            return int(self._connection.execute(query, (model,)).fetchone()[0])

    def finished(self, model: int, after: int) -> Iterator[tuple[int, bytes]]:
        """Yield number and key of the finished evaluations written after a number."""
        query = "select id, x from evaluation where id > ? and model = ? and status = 'ok'"
        with self._lock:
            yield from self._connection.execute(query, (after, model))

    def value(self, number: int, key: bytes) -> tuple[bytes, str, str]:
        """Return value, shape and type of a finished evaluation."""
        query = "select x, value, shape, dtype from evaluation where id = ?"
        with self._lock:
            found = self._connection.execute(query, (number,)).fetchone()
        if found is None or found[0] != key:
            raise sqlite3.DatabaseError("a row has changed")
        value, shape, dtype = found[1:]
        return value, shape, dtype

    def add(self, model: int, row: Row) -> int:
        """Write one evaluation, for good: a transaction of its own. Return its number.

        The disk is waited for, unless that was done a moment ago; without it only a power cut
        can cost the row, not the end of the process.
        """
        durable = time.monotonic() - self._synced > SYNC_EVERY
        with self._lock:
            if durable:
                self._connection.execute("pragma synchronous = full")
            number = self._connection.execute(ADD, (model, *row)).lastrowid
            if durable:
                self._synced = time.monotonic()
                self._connection.execute(f"pragma synchronous = {self._quick}")
        return number or 0

    def _opened(self) -> sqlite3.Connection:
        if not self.path.parent.is_dir():
            raise CheckpointError(
                f"`checkpoint` must be in an existing folder, got {str(self.path)!r}; "
                f"make {self.path.parent} first"
            )
        if self.path.exists() and not self.path.is_file():
            raise CheckpointError(f"`checkpoint` must be a file, got {str(self.path)!r}")
        new = not self.path.exists() or self.path.stat().st_size == 0
        connection = self._connected(new=new)
        try:
            self._must_be_ours(connection, new=new)
            if self.writable:
                self._prepare(connection)
        except sqlite3.DatabaseError as error:
            connection.close()
            raise self._refusal(error) from error
        except CheckpointError:
            connection.close()
            raise
        return connection

    def _connected(self, *, new: bool) -> sqlite3.Connection:
        """Connect to the file; read-only if it cannot be written, or is on a read-only disk."""
        self.writable = new or (
            os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)
        )
        clean = not Path(f"{self.path}-wal").exists()
        read = "?mode=ro&immutable=1" if clean else "?mode=ro"
        way = "?mode=rwc" if self.writable else read
        try:
            return sqlite3.connect(
                self.path.as_uri() + way,
                uri=True,
                timeout=PATIENCE,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.OperationalError as error:
            raise self._refusal(error) from error

    def _must_be_ours(self, connection: sqlite3.Connection, *, new: bool) -> None:
        if new:
            return
        marks = [
            connection.execute(f"pragma {k}").fetchone()[0]
            for k in ("application_id", "user_version")
        ]
        tables = connection.execute("select count(*) from sqlite_master").fetchone()[0]
        if not tables and not marks[0]:
            return  # killed while the file was being made, or that is going on just now
        if marks[0] != APPLICATION_ID:
            raise CheckpointError(
                f"`checkpoint` must be a new file or one that derivkit wrote, but "
                f"{str(self.path)!r} is another program's database; give another name"
            )
        if marks[1] > FORMAT:
            raise CheckpointError(
                f"the checkpoint {str(self.path)!r} was written by a newer derivkit; "
                "update derivkit, or give another file"
            )
        found = connection.execute("pragma quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        self._quick = _patiently(lambda: journal(connection, on_network=on_network(self.path)))
        connection.execute(f"pragma synchronous = {self._quick}")
        connection.execute(f"pragma wal_autocheckpoint = {LOG_PAGES}")
        if connection.execute("pragma application_id").fetchone()[0] == APPLICATION_ID:
            return
        connection.execute("begin immediate")
        for statement in TABLES.split(";\n"):
            connection.execute(statement)
        connection.execute(f"pragma user_version = {FORMAT}")
        connection.execute(f"pragma application_id = {APPLICATION_ID}")
        connection.execute("commit")

    def _refusal(self, error: sqlite3.Error) -> CheckpointError:
        name = str(self.path)
        text = str(error)
        if "not a database" in text:
            return CheckpointError(
                f"`checkpoint` must be a new file or one that derivkit wrote, but {name!r} is "
                "something else; it was left as it is; give another name"
            )
        if "locked" in text:
            return CheckpointError(
                f"the checkpoint {name!r} is locked by another process; wait for it to end, or "
                "give another file"
            )
        if isinstance(error, sqlite3.OperationalError) and "malformed" not in text:
            return CheckpointError(
                f"the checkpoint {name!r} cannot be opened or written ({text}); look at the "
                "permissions and the free space of its folder, or give another file"
            )
        return CheckpointError(
            f"the checkpoint {name!r} is damaged ({text}); restore it from a copy, save what is "
            f"left with `sqlite3 FILE .recover`, or delete it to start afresh"
        )


def _patiently(attempt: Callable[[], str]) -> str:
    """Attempt what SQLite does not wait for by itself while another process opens the file."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def journal(connection: sqlite3.Connection, *, on_network: bool) -> str:
    """Choose the write-ahead log, or the older journal where that one cannot work.

    Returns
    -------
    str
        How much to wait for the disk between full waits: with the old journal, always.
    """
    if not on_network:
        try:
            if connection.execute("pragma journal_mode = wal").fetchone()[0] == "wal":
                return "normal"
        except sqlite3.OperationalError as error:
            if "locking protocol" not in str(error) and "disk I/O" not in str(error):
                raise
    connection.execute("pragma journal_mode = delete")
    return "full"


def on_network(path: Path) -> bool:
    """Whether a file lies on a network file system, as far as Linux tells."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return False
    real = path.resolve()
    kinds = {}
    for line in mounts.read_text(errors="replace").splitlines():
        _, folder, kind, *_ = line.split(" ")
        kinds[Path(folder.replace(r"\040", " "))] = kind
    return next((kinds[p] for p in real.parents if p in kinds), "") in NETWORK
