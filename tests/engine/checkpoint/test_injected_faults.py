"""A store that fails, a file that is damaged: the same bits, and nothing told is lost in silence.

``DERIVKIT_FLIPS=1000`` and ``DERIVKIT_DAMAGED=1250`` try so many; the page of promises has them.
"""

import asyncio
import copy
import gc
import os
import pickle
import random
import shutil
import signal
import sqlite3
import sys
import time
import warnings
from contextlib import suppress

import numpy as np
import pytest

from derivkit import CalculusKit, CheckpointError, CheckpointWarning, Finite
from derivkit.engine.checkpoint import checkpoint as checkpoints, store as stores
from derivkit.engine.checkpoint.rows import Origin, difference, place_from
from derivkit.engine.points import place_of

FLIPS = int(os.environ.get("DERIVKIT_FLIPS", "60"))
DAMAGED = int(os.environ.get("DERIVKIT_DAMAGED", "60"))

X0 = np.linspace(0.3, 1.3, 4)


def model(x):
    return float(np.sin(x).sum() * np.exp(0.1 * x[0]) + x[0] * x[3])


EXPECTED = CalculusKit(model, X0).hessian_result()


def kit_on(path, **options):
    return CalculusKit(model, X0, checkpoint=path, version="1", **options)


def rows(path):
    connection = sqlite3.connect(path)
    (found,) = connection.execute("select count(*) from evaluation where status = 'ok'").fetchone()
    connection.close()
    return found


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.db"


@pytest.fixture(autouse=True)
def alarm():
    """End a test that hangs."""
    if sys.platform == "win32":
        yield
        return
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("this test hangs"))
    signal.alarm(300)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a checkpoint of a finished Hessian, closed."""
    path = tmp_path_factory.mktemp("whole") / "run.db"
    kit = kit_on(path)
    kit.hessian()
    kit.checkpoint.close()
    del kit
    gc.collect()
    return path


# -- a connection that fails at its n-th statement --------------------------------------------


class Failing:
    """A connection whose n-th statement fails: once, or all from there on."""

    def __init__(self, connection, error, n, *, for_good):
        self.connection, self.error, self.left, self.for_good = connection, error, n, for_good

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def execute(self, *arguments):
        self.count()
        return self.connection.execute(*arguments)

    def executemany(self, *arguments):
        self.count()
        return self.connection.executemany(*arguments)

    def count(self):
        self.left -= 1
        if self.left == 0 or (self.for_good and self.left < 0):
            raise self.error


ERRORS = {
    "locked": sqlite3.OperationalError("database is locked"),
    "disk": sqlite3.OperationalError("disk I/O error"),
    "value": ValueError("embedded null"),
    "memory": MemoryError(),
    "too big": sqlite3.DataError("string or blob too big"),
    "interrupt": KeyboardInterrupt(),
    "cancelled": asyncio.CancelledError(),
}
OUT_OF_THE_BLUE = (KeyboardInterrupt, asyncio.CancelledError)


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("name", ERRORS)
def test_whatever_statement_fails_the_bits_are_the_same_and_what_is_not_stored_is_told(
    tmp_path, monkeypatch, name, for_good
):
    monkeypatch.setattr(checkpoints, "RETRY_AFTER", 0.0)
    statements = iter(range(1, 500))
    for n in statements:
        path = tmp_path / f"{n}.db"
        kit = kit_on(path)
        store = kit.checkpoint.store
        real = store._own
        store._own = failing = Failing(real, ERRORS[name], n, for_good=for_good)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                gradient = kit.gradient(QUICK)
            except OUT_OF_THE_BLUE:
                assert name in {"interrupt", "cancelled"}
                store._own = real
                gradient = kit.gradient(QUICK)
        assert gradient.tobytes() == PLAIN
        stored = kit.checkpoint.stored
        if kit.checkpoint.unsaved:
            assert any(issubclass(w.category, CheckpointWarning) for w in told), (n, name)
        store._own = real
        kit.checkpoint.close()
        del kit, store
        gc.collect()
        assert rows(path) >= min(stored, CALLS)
        if not for_good or name in {"interrupt", "cancelled"}:
            assert rows(path) >= CALLS
        if failing.left > 0:
            break  # no statement was left to fail
    assert n > CALLS


QUICK = Finite(stepsize=1e-3, num_points=3, extrapolation=None)
PLAIN, CALLS = CalculusKit(model, X0).gradient(QUICK).tobytes(), 9


@pytest.mark.parametrize("name", ERRORS)
def test_an_opening_that_fails_at_any_statement_leaves_no_lock(path, monkeypatch, name):
    real = sqlite3.connect
    for n in range(1, 60):
        made = []

        def failing(*arguments, n=n, made=made, **options):
            made.append(Failing(real(*arguments, **options), ERRORS[name], n, for_good=False))
            return made[-1]

        monkeypatch.setattr(stores.sqlite3, "connect", failing)
        caught = None
        try:
            kit_on(path).checkpoint.close()
        except (CheckpointError, *OUT_OF_THE_BLUE) as error:
            caught = error  # as sys.last_exc in a notebook: its traceback holds the frames
        monkeypatch.setattr(stores.sqlite3, "connect", real)
        kit = kit_on(path)
        assert kit.checkpoint.store.writable
        kit.checkpoint.close()
        for file in path.parent.iterdir():
            file.unlink()
        if all(each.left > 0 for each in made):
            break
        del caught
    assert n > 5


@pytest.mark.parametrize("begun", [False, True], ids=["new", "begun"])
def test_whatever_another_process_does_between_two_statements_a_file_it_makes_is_shared(
    tmp_path, monkeypatch, begun
):
    real = sqlite3.connect
    for n in range(1, 60):
        path, made, written = tmp_path / f"{n}.db", [], []
        if begun:  # the other one has come as far as this
            other = sqlite3.connect(path)
            other.execute("pragma journal_mode = wal")
            other.close()

        class Late(Failing):
            def count(self, path=path, n=n, written=written):
                self.left -= 1
                if self.left == 0:
                    monkeypatch.setattr(stores.sqlite3, "connect", real)
                    with suppress(CheckpointError):  # this one has locked it
                        kit_on(path).gradient(QUICK)
                        written.append(n)

        def late(*arguments, n=n, made=made, kind=Late, **options):
            made.append(kind(real(*arguments, **options), None, n, for_good=False))
            return made[-1]

        monkeypatch.setattr(stores, "PATIENCE", 0.01)
        monkeypatch.setattr(stores.sqlite3, "connect", late)
        store = stores.Store(path)
        monkeypatch.setattr(stores.sqlite3, "connect", real)
        store.close()
        if made[0].left > 0:
            break
        assert not written or rows(path) >= CALLS, n
    assert n > 5


# -- rows and files ----------------------------------------------------------------------------


def test_what_met_a_lock_at_the_end_is_written_by_the_next_call_though_it_asks_for_nothing(
    path, monkeypatch
):
    monkeypatch.setattr(checkpoints, "RETRY_AFTER", 0.0)
    monkeypatch.setattr(stores, "PATIENCE", 0.01)
    kit = kit_on(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.warns(CheckpointWarning, match="locked"):
        kit.gradient()
    assert kit.checkpoint.unsaved > 0
    other.execute("rollback")
    kit.gradient()
    assert kit.checkpoint.unsaved == 0 < rows(path)
    other.close()


@pytest.mark.parametrize("way", ["close", "forget"])
def test_what_met_a_lock_is_written_when_the_kit_is_closed_or_forgotten(path, monkeypatch, way):
    monkeypatch.setattr(stores, "PATIENCE", 0.01)
    kit = kit_on(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.warns(CheckpointWarning, match="locked"):
        calls = kit.gradient_result().nfev
    other.execute("rollback")
    if way == "close":
        kit.checkpoint.close()
    del kit
    gc.collect()
    assert rows(path) == calls
    other.close()


def test_what_is_lost_at_the_end_is_told(path, monkeypatch):
    monkeypatch.setattr(stores, "PATIENCE", 0.01)
    kit = kit_on(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.warns(CheckpointWarning, match="locked"):
        kit.gradient()
    keeps = [kit]
    del kit
    with pytest.warns(CheckpointWarning, match="finished evaluations could not be written"):
        keeps.clear()
    other.close()


def test_an_error_of_the_system_is_the_files_and_ends_no_run(path, monkeypatch):
    kit = kit_on(path)

    def broken(*_):
        raise OSError("the disk has gone")

    with monkeypatch.context() as patched:
        patched.setattr(kit.checkpoint.store, "add", broken)
        with pytest.warns(CheckpointWarning, match="the disk has gone"):
            kit.gradient()
    unsaved = kit.checkpoint.unsaved
    kit.checkpoint.close()
    assert rows(path) == unsaved > 0


def test_a_row_that_cannot_be_stored_is_set_aside_and_later_ones_are_stored(path, monkeypatch):
    kit = kit_on(path)
    add, tried = kit.checkpoint.store.add, []
    monkeypatch.setattr(kit.checkpoint.store, "add", lambda *a: (tried.append(a[1]), add(*a))[1])
    connection = kit.checkpoint.store._own
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1000)
    with pytest.warns(CheckpointWarning, match="cannot hold an evaluation"):
        kit.checkpoint.keep(place_of(X0), np.zeros(1000))
    for i in range(20):
        kit.checkpoint.keep(place_of(X0 + i + 1), 1.0)
    assert (kit.checkpoint.unsaved, kit.checkpoint.stored) == (1, 20)
    assert tried.count(place_of(X0)) == 1  # a gigabyte is not sent with each later row again
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10**6)
    kit.checkpoint.close()
    assert rows(path) == 21


def test_a_flipped_bit_is_told_and_evaluated_again(whole, tmp_path):
    rng = random.Random(3)
    columns = ("value", "x", "shape", "dtype", "status", "checksum", "origin")
    n = rows(whole)
    for k in range(FLIPS):
        path = tmp_path / f"{k}.db"
        shutil.copy(whole, path)
        column = columns[0] if k % 2 else rng.choice(columns)
        number = rng.randint(1, n)
        connection = sqlite3.connect(path)
        connection.text_factory = bytes
        query = f"select {column} from evaluation where id = ?"
        (found,) = connection.execute(query, (number,)).fetchone()
        if isinstance(found, bytes) and found:
            data = bytearray(found)
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            flipped = bytes(data) if column in {"value", "x", "checksum"} else data.decode("latin1")
        else:
            flipped = 1
        query = f"update evaluation set {column} = ? where id = ?"
        connection.execute(query, (flipped, number))
        connection.commit()
        connection.close()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            result = kit_on(path).hessian_result()
        assert result.value.tobytes() == EXPECTED.value.tobytes(), (k, column, number)
        assert result.error.tobytes() == EXPECTED.error.tobytes()
        if column == "value":
            assert "checksum" in str(told[0].message)
        path.unlink()


def test_a_damaged_file_gives_the_same_bits_or_one_sentence(whole, tmp_path):
    rng, sentences = random.Random(5), []
    content = whole.read_bytes()
    for k in range(DAMAGED):
        path = tmp_path / f"{k}.db"
        data = bytearray(content)
        for _ in range(rng.choice([1, 1, 3, 30])):
            start = rng.randrange(len(data))
            match rng.randrange(4):
                case 0:
                    data[start] ^= 1 << rng.randrange(8)
                case 1:
                    data[start : start + 64] = rng.randbytes(len(data[start : start + 64]))
                case 2:
                    del data[start:]
                    data = data or bytearray(1)
                case 3:
                    data[start : start + 512] = bytes(len(data[start : start + 512]))
        path.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CheckpointWarning)
            try:
                result = kit_on(path).hessian_result()
            except CheckpointError as error:
                sentences.append(str(error))
            else:
                assert result.value.tobytes() == EXPECTED.value.tobytes(), k
        gc.collect()
        for name in (path, path.with_name(f"{k}.db-wal"), path.with_name(f"{k}.db-shm")):
            name.unlink(missing_ok=True)
    assert sentences
    assert not any("\n" in each for each in sentences)


CRAFTED = {
    "value not bytes": "update evaluation set value = 5",
    "point not bytes": "update evaluation set x = 5",
    "point of another length": "update evaluation set x = x || x",
    "an origin that is not there": "update evaluation set origin = 77",
    "an origin that is text": "update evaluation set origin = 'a'",
    "no checksum": "update evaluation set checksum = x''",
    "complex for real": "update evaluation set dtype = '<c16', value = zeroblob(16)",
    "objects": "update evaluation set dtype = 'O'",
    "an endless shape": "update evaluation set shape = '999999999999999999999'",
    "model no number": "update meta set value = 'a' where key = 'model'",
    "model too large": "update meta set value = '99999999999999999999999' where key = 'model'",
    "no identity": "delete from meta where key = 'identity'",
    "no model": "delete from meta where key = 'model'",
    "no parts": "update meta set value = 'z' where key = 'identity'; "
    "delete from meta where key = 'parts'",
    "parts no json": "update meta set value = '{' where key = 'parts'; "
    "update meta set value = 'z' where key = 'identity'",
    "text not UTF-8": "pragma writable_schema = 1; "
    "update sqlite_master set sql = cast(x'ff' as text) where name = 'meta'",
    "meta not UTF-8": "update meta set value = cast(x'ff' as text)",
    "an endless view": "alter table meta rename to m; create view meta as with recursive r(n) as "
    "(select 1 union all select n + 1 from r) select key, value from m, (select max(n) from r)",
    "a trigger": "create trigger t after insert on evaluation begin delete from evaluation; end",
    "an index on an expression": "create index i on evaluation (length(value))",
    "a further table": "create table more (x)",
    "another column": "alter table evaluation add column more",
    "no table": "drop table evaluation",
    "format 1": "pragma user_version = 1",
    "format 99": "pragma user_version = 99",
    "negative format": "pragma user_version = -1",
    "origins without points": "update origin set x = x''",
    "an origin with another checksum": "update origin set checksum = zeroblob(8)",
    "an origin of nan": "update origin set x = (select x'000000000000f87f' || x from origin)",
    "no origins": "delete from origin",
    "origins swapped": "update origin set id = id + 1000",
    "a value of the row before": "update evaluation set value = "
    "(select e.value from evaluation e where e.id = evaluation.id - 1) where id > 1",
    "points of the row before": "update evaluation set x = "
    "(select e.x from evaluation e where e.id = evaluation.id - 1) where id > 1",
    "all checksums alike": "update evaluation set checksum = "
    "(select min(checksum) from evaluation)",
    "a checksum that is longer": "update evaluation set checksum = checksum || x'00'",
    "a value that is longer": "update evaluation set value = value || x'00'",
    "a value of 9 MB": "update evaluation set value = zeroblob(9000000) where id = 2",
    "a shape below zero": "update evaluation set shape = '-1'",
    "a shape of words": "update evaluation set shape = 'a,b'",
    "a shape of zeros": "update evaluation set shape = '0,0'",
    "a shape that is a tree": "update evaluation set shape = '{\"a\": ['",
    "a shape that is a deep tree": "update evaluation set shape = "
    "replace(hex(zeroblob(5000)), '0', '[')",
    "a dtype of code": "update evaluation set dtype = '<f8); import os'",
    "a dtype of the other end": "update evaluation set dtype = '>f8'",
    "a status of its own": "update evaluation set status = 'maybe'",
    "failed without a reason": "update evaluation set status = 'failed', message = null",
    "failed with a value": "update evaluation set status = 'failed', message = 'no'",
    "a message not UTF-8": "update evaluation set status = 'failed', message = cast(x'ff' as text)",
    "a time that is text": "update evaluation set at = 'yesterday'",
    "a row number beyond 63 bits less one": "update evaluation set id = 9223372036854775807 "
    "where id = (select max(id) from evaluation)",
    "rows of another model": "update evaluation set model = 2",
    "rows of a model that is text": "update evaluation set model = 'a'",
    "the same rows twice": "insert into evaluation select id + 1000, model, origin, x, status, "
    "value, shape, dtype, message, at, checksum from evaluation",
    "no rows": "delete from evaluation",
    "another format's name": "update meta set value = 'a diary' where key = 'format'",
    "no meta": "delete from meta",
    "an empty name": "update meta set value = ''",
    "a meta of a megabyte": "update meta set value = hex(zeroblob(500000))",
    "a virtual table": "create virtual table v using fts5(x)",
    "a view beside": "create view v as select * from evaluation",
    "a generated column": "alter table evaluation add column g as (value || value) virtual",
    "a table under another name": "alter table evaluation rename to evaluations",
    "a schema of garbage": "pragma writable_schema = 1; update sqlite_master set sql = 'create'",
    "a root page that is not there": "pragma writable_schema = 1; "
    "update sqlite_master set rootpage = 999999",
    "two tables on one page": "pragma writable_schema = 1; update sqlite_master set rootpage = 2 "
    "where type = 'table'",
    "another program's number": "pragma application_id = 12345",
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_file_is_refused_in_one_sentence_or_evaluated_again(whole, tmp_path, name):
    path = tmp_path / "crafted.db"
    shutil.copy(whole, path)
    connection = sqlite3.connect(path)
    connection.executescript(CRAFTED[name])
    connection.commit()
    connection.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CheckpointWarning)
        try:
            result = kit_on(path).hessian_result()
        except CheckpointError as error:
            said = str(error)
        else:
            said = "crafted.db"
            assert result.value.tobytes() == EXPECTED.value.tobytes()
    assert "crafted.db" in said
    assert "\n" not in said


def test_a_file_in_an_older_format_is_refused_and_named(path):
    kit_on(path).checkpoint.close()
    connection = sqlite3.connect(path)
    connection.execute("pragma user_version = 1")
    about = dict(connection.execute("select key, value from meta"))["format"]
    connection.close()
    assert about.startswith("derivkit checkpoint 2")
    with pytest.raises(CheckpointError, match="format 1 of an older derivkit"):
        kit_on(path)


# -- points of many parameters -----------------------------------------------------------------


def test_a_row_of_a_thousand_parameters_costs_what_has_moved(path):
    x0 = np.linspace(1.0, 2.0, 1000)
    kit = CalculusKit(np.sum, x0, checkpoint=path, version="1")
    expected = kit.gradient(QUICK)
    kit.checkpoint.close()
    n = rows(path)
    assert n > 2000
    assert path.stat().st_size < 200 * n  # 8000 bytes a row, were the points stored whole
    again = CalculusKit(np.sum, x0, checkpoint=path, version="1")
    found = again.gradient(QUICK)
    assert found.tobytes() == expected.tobytes()
    assert (again.checkpoint.reused, again.checkpoint.stored) == (n, 0)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("moved", [[], [3], [0, 17, 99]])
def test_a_point_beside_an_origin_is_put_together_to_the_same_bits(kind, moved):
    origin = Origin(1, np.linspace(-1, 1, 100), b"")
    x = origin.x.astype(kind)
    x[moved] = 0.3 if kind is float else 0.3 + 1e-20j
    found, differs = difference(place_of(x), [origin])
    assert found is origin
    assert len(differs) <= 20 * len(moved) + 1
    assert place_from(found, differs) == place_of(x)


def test_points_far_from_each_other_have_origins_of_their_own(path):
    places = np.random.default_rng(1).normal(size=(40, 20))
    kit = CalculusKit(np.sum, places[0], checkpoint=path, version="1")
    expected = np.stack(kit.at_many("gradient", places, method="finite"))
    kit.checkpoint.close()
    again = CalculusKit(np.sum, places[0], checkpoint=path, version="1")
    assert np.stack(again.at_many("gradient", places, method="finite")).tobytes() == (
        expected.tobytes()
    )
    assert again.checkpoint.stored == 0


# -- copies and forks --------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda kit: pickle.loads(pickle.dumps(kit))])
def test_a_kit_with_a_checkpoint_is_copied_with_a_connection_of_its_own(path, copied):
    kit = kit_on(path)
    kit.gradient()
    twin = copied(kit)
    assert twin.hessian().tobytes() == kit.hessian().tobytes()
    assert twin.checkpoint.store is not kit.checkpoint.store
    assert twin.checkpoint.stored > 0
    assert kit.checkpoint.reused + kit.checkpoint.stored > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_uses_a_connection_of_its_own_and_the_parent_goes_on(path):
    kit = kit_on(path)
    kit.gradient()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            kit.hessian_diag("finite")
            code = 0 if kit.checkpoint.stored and not kit.checkpoint.unsaved else 2
        finally:
            os._exit(code)
    end = time.monotonic() + 300
    while (done := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < end:
        time.sleep(0.02)
    assert done[0] == child
    assert os.waitstatus_to_exitcode(done[1]) == 0
    assert kit.hessian().tobytes() == EXPECTED.value.tobytes()
    assert not kit.checkpoint.unsaved
