"""The checkpoint's file: a small SQLite database of plain bytes and text, and nothing to execute.

Knows files and rows, not models: which rows belong to which model stands in checkpoint.py. There
is one writer, the process that asks; but several may have the same file open. Libraries that keep
results by their arguments (joblib.Memory, diskcache) pickle them, and promise no row at a kill.
"""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import RLock

from derivkit.engine.checkpoint.rows import (
    Near,
    Origin,
    bytes_of,
    checksum,
    checksum_of_row,
    difference,
    output_of,
    place_from,
)
from derivkit.engine.model import Output, Shaped
from derivkit.engine.points import place_of, point_at
from derivkit.errors import CheckpointError
from derivkit.validation import shown, text_of

__all__ = ["Store"]

APPLICATION_ID = 0x64726B31  # "drk1": tells these files from other programs' databases
FORMAT = 2
PATIENCE = 5.0  # seconds to wait for another process that is writing
SYNC_EVERY = 0.1  # seconds; what a power cut may cost where calls are faster than that
MOST_ORIGINS = 16  # tried for a point to be stored beside
NETWORK = frozenset(  # file systems whose shared memory does not reach other hosts: no WAL there
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "9p", "fuse.sshfs", "afs"}
)

TABLES = """
create table if not exists meta (key text primary key, value text not null);
create table if not exists origin (
    id integer primary key,
    x blob not null,         -- a point: little-endian float64
    checksum blob not null
);
create table if not exists evaluation (
    id integer primary key,  -- in the order of writing, so that writing is appending
    model integer not null,  -- which model, of those this file was told about
    origin integer,          -- a point beside which this one lies; null: it is stored whole
    x blob not null,         -- the point; or uint32 indices and the coordinates that differ there
    status text not null,    -- "ok" or "failed"
    value blob,              -- the output's bytes
    shape text,              -- its shape: "" for a number, "3" or "2,3" for arrays, or a tree
    dtype text,              -- "<f8" or "<c16"
    message text,            -- why it failed
    at real not null,        -- when: seconds since 1970
    checksum blob not null   -- of the origin's and of what stands before "message"
);
"""
ADD = "insert into evaluation values (null, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''), ?, ?)"
COLUMNS = "origin, x, status, value, shape, dtype, checksum"
PAGE = 1024  # bytes: a row costs a page in the log, and most rows are short
LOG_PAGES = 16_000  # how long the write-ahead log grows before it is worked in

_inherited: list[sqlite3.Connection] = []  # the parent's, in a forked process: never to be closed
_stores: weakref.WeakSet[Store] = weakref.WeakSet()


def _begin_anew() -> None:
    """Give a forked process locks and connections of its own.

    Who held the old locks may not have come along; an inherited connection must not be used.
    """
    for store in _stores:
        store.lock = RLock()
        store.leave()


if hasattr(os, "register_at_fork"):  # where processes can be forked
    os.register_at_fork(after_in_child=_begin_anew)


class Store:
    """An open checkpoint file.

    Parameters
    ----------
    path : path-like
        An existing checkpoint, or a new file in an existing folder.

    Attributes
    ----------
    writable : bool
    lock : RLock
        Of this process's threads.

    Raises
    ------
    CheckpointError
        If the file cannot be opened or made, is damaged, or is something else.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self.writable = True
        self.lock = RLock()
        _stores.add(self)
        self._synced = time.monotonic()
        self._origins: deque[Origin] = deque(maxlen=MOST_ORIGINS)  # the last used first
        self._by_number: dict[int, Origin] = {}
        self._own: sqlite3.Connection | None = None
        try:
            self._own = opened = self._opened()
        except OSError as error:
            raise CheckpointError(
                f"the checkpoint {str(path)!r} cannot be reached: {error}"
            ) from error
        weakref.finalize(self, _closed, opened, os.getpid())
        self._file = _identity(self.path)

    @property
    def _connection(self) -> sqlite3.Connection:
        """A connection of this process."""
        if self._own is None:
            self._own = self._opened()
        return self._own

    def leave(self) -> None:
        """Leave the connection to the parent process."""
        if self._own is not None:
            _inherited.append(self._own)
            self._own = None

    @property
    def is_ours(self) -> bool:
        """Whether this process has opened the file: a forked child leaves it alone at its end."""
        return self._own is not None

    def patience(self, seconds: float) -> None:
        """Wait so long for another process that is writing."""
        with self.lock:
            self._connection.execute(f"pragma busy_timeout = {int(1000 * seconds)}")

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self._connection.close()

    def gone(self) -> bool:
        """Whether the file has been removed or replaced since it was opened."""
        return _identity(self.path) != self._file

    def meta(self) -> dict[str, str]:
        """Return what the file says of its model."""
        with self.lock:
            return dict(self._connection.execute("select key, value from meta").fetchall())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from writing meanwhile; all is written at the end, or nothing."""
        with self.lock:
            self._connection.execute("begin immediate")
            try:
                yield
                self._connection.execute("commit")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("rollback")
                raise

    def set_meta(self, entries: dict[str, str]) -> None:
        """Write what is to be known of the model."""
        with self.lock:
            self._connection.executemany("replace into meta values (?, ?)", entries.items())

    def forget_others(self, model: int) -> None:
        """Delete the evaluations of other models."""
        with self.lock:
            self._connection.execute("delete from evaluation where model != ?", (model,))
            used = "(select origin from evaluation where origin is not null)"
            self._connection.execute(f"delete from origin where id not in {used}")  # noqa: S608

    def count(self, model: int) -> int:
        """Return how many finished evaluations there are of a model."""
        query = "select count(*) from evaluation where model = ? and status = 'ok'"
        with self.lock:
            return int(self._connection.execute(query, (model,)).fetchone()[0])

    def finished(self, model: int, after: int) -> Iterator[tuple[int, bytes | None]]:
        """Yield number and point of the finished evaluations written after a number.

        The point is None where the row is damaged.
        """
        query = "select id, origin, x from evaluation where id > ? and model = ? and status = 'ok'"
        with self.lock:
            for number, origin, moved in self._connection.execute(query, (after, model)).fetchall():
                try:
                    yield number, place_from(self._origin(origin), moved)
                except (ValueError, IndexError, TypeError, KeyError):
                    yield number, None

    def value(self, model: int, number: int, place: bytes) -> Output | Shaped:
        """Return a finished evaluation of a model; numbers of deleted ones are given again.

        Raises
        ------
        ValueError
            If it is not what was written, or of another point.
        """
        query = f"select {COLUMNS} from evaluation where id = ? and model = ?"  # noqa: S608
        with self.lock:
            found = self._connection.execute(query, (number, model)).fetchone()
            if found is None:
                raise ValueError("a row has gone")
            *said, written = found
            origin = self._origin(said[0])
        moved, status, value, shape, dtype = said[1:]
        if written != checksum_of_row(origin, moved, status, value, shape, dtype):
            raise ValueError("a row has changed: its checksum is another")
        if status != "ok" or place_from(origin, moved) != place:
            raise ValueError("a row is another point's: it was written anew, or both hash alike")
        return output_of(value, shape, dtype, complex_allowed=len(place) % 8 == 1)

    def add(
        self,
        model: int,
        place: bytes,
        output: Output | Shaped | None,
        message: str | None,
        near: Near | None = None,
    ) -> int:
        """Write one evaluation, for good: a transaction of its own. Return its number.

        The disk is waited for, unless that was done a moment ago; without it only a power cut
        can cost the row, not the end of the process.

        Parameters
        ----------
        model : int
        place : bytes
            The point, see `place_of`.
        output : Output, Shaped or None
        message : str or None
            Why there is no output.
        near : Near, optional
            What `near` has returned for the point.
        """
        status = "ok" if output is not None else "failed"
        value, shape, dtype = (b"", "", "") if output is None else bytes_of(output)
        with self.lock:
            connection = self._connection
            origin, moved = near or self._beside(place)
            total = checksum_of_row(origin, moved, status, value, shape, dtype)
            row = (
                model,
                origin.number if origin else None,
                bytearray(moved),  # sqlite3 looks up an adapter for each bytes and each None
                status,
                bytearray(value),
                shape,
                dtype,
                message or "",
                time.time(),
                bytearray(total),
            )
            durable = time.monotonic() - self._synced > SYNC_EVERY
            if durable:
                connection.execute("pragma synchronous = full")
            added = connection.execute(ADD, row).lastrowid
            if durable:
                self._synced = time.monotonic()
                connection.execute(f"pragma synchronous = {self._quick}")
        return added or 0

    def near(self, place: bytes) -> Near | None:
        """Return what a point is to be stored beside; None if an origin has to be written."""
        with self.lock:
            near = difference(place, self._origins)
            if near and near[0] and near[0] is not self._origins[0]:
                self._origins.remove(near[0])
                self._origins.appendleft(near[0])
            return near

    def _beside(self, place: bytes) -> Near:
        """Return what a point is stored beside; write an origin if need be."""
        if near := self.near(place):
            return near
        x = point_at(place).real
        data = place_of(x)
        add = "insert into origin values (null, ?, ?)"
        number = self._connection.execute(add, (data, checksum(data))).lastrowid or 0
        self._origins.appendleft(Origin(number, x, checksum(data)))
        return self._beside(place)

    def _origin(self, number: int | None) -> Origin | None:
        """Return an origin by its number, checked."""
        if number is None:
            return None
        if number not in self._by_number:
            query = "select x, checksum from origin where id = ?"
            found = self._connection.execute(query, (number,)).fetchone()
            if found is None or checksum(found[0]) != found[1]:
                raise ValueError("an origin has changed")
            if len(self._by_number) >= MOST_ORIGINS:
                self._by_number.pop(next(iter(self._by_number)))
            self._by_number[number] = Origin(number, point_at(found[0]), found[1])
        return self._by_number[number]

    def _opened(self) -> sqlite3.Connection:
        if not self.path.parent.is_dir():
            raise CheckpointError(
                f"`checkpoint` must be in an existing folder, got {shown(str(self.path))}; "
                f"make {self.path.parent} first"
            )
        if self.path.exists() and not self.path.is_file():
            raise CheckpointError(f"`checkpoint` must be a file, got {shown(str(self.path))}")
        new = not self.path.exists() or self.path.stat().st_size == 0
        connection = self._connected(new=new)
        try:
            self._must_be_ours(connection, new=new)
            if self.writable:
                self._prepare(connection)
        except CheckpointError:
            connection.close()
            raise
        except Exception as error:  # whatever a damaged or crafted file makes SQLite raise
            connection.close()
            raise self._refusal(error) from error
        except BaseException:  # an interrupt: an open connection would lock the file
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
        connection.execute("pragma trusted_schema = off")  # a stranger's file runs nothing
        connection.execute("pragma cell_size_check = on")
        if new:
            return
        # tables first: another process may make the file just now, its marks with its tables
        tables = connection.execute("select count(*) from sqlite_master").fetchone()[0]
        marks = [
            connection.execute(f"pragma {k}").fetchone()[0]
            for k in ("application_id", "user_version")
        ]
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
        if marks[1] < FORMAT:
            raise CheckpointError(
                f"the checkpoint {str(self.path)!r} is in format {marks[1]} of an older derivkit, "
                f"and {FORMAT} is read here; finish that run with the older one, or give another "
                "file"
            )
        if (
            _schema(connection) != _own_schema()
        ):  # views, triggers and the like are looked at by none
            raise sqlite3.DatabaseError("its tables are not those that derivkit makes")
        found = connection.execute("pragma quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"pragma page_size = {PAGE}")  # of a new file
        self._quick = _patiently(lambda: journal(connection, on_network=on_network(self.path)))
        connection.execute(f"pragma synchronous = {self._quick}")
        connection.execute(f"pragma wal_autocheckpoint = {LOG_PAGES}")
        if connection.execute("pragma application_id").fetchone()[0] == APPLICATION_ID:
            return
        connection.execute("begin immediate")
        for statement in TABLES.split(";\n"):
            connection.execute(statement)
        about = f"derivkit checkpoint {FORMAT}; see the checkpoint page of its documentation"
        connection.execute("replace into meta values ('format', ?)", (about,))
        connection.execute(f"pragma user_version = {FORMAT}")
        connection.execute(f"pragma application_id = {APPLICATION_ID}")
        connection.execute("commit")

    def _refusal(self, error: Exception) -> CheckpointError:
        name = str(self.path)
        text = " ".join(text_of(error).split())
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


def _closed(connection: sqlite3.Connection, owner: int) -> None:
    if os.getpid() == owner:
        connection.close()


def _schema(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    """Return what a file holds: tables, indices, views, triggers, and how each is defined."""
    return sorted(
        connection.execute("select type, name, tbl_name, ifnull(sql, '') from sqlite_master")
    )


@cache
def _own_schema() -> list[tuple[str, ...]]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(TABLES)
    found = _schema(connection)
    connection.close()
    return found


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
        kinds[folder.replace(r"\040", " ")] = kind
    return next((kinds[p] for p in map(str, real.parents) if p in kinds), "") in NETWORK
