"""The checkpoint's file: rows to the bit, what is not ours refused, two connections at once."""

import os
import signal
import sqlite3
import threading

import numpy as np
import pytest

from derivkit import CheckpointError
from derivkit.engine.checkpoint.rows import bytes_of, output_of
from derivkit.engine.checkpoint.store import Store


@pytest.mark.parametrize(
    "output", [1.5, -0.0, 5e-324, np.array([1.0, np.nan]), np.arange(6.0).reshape(2, 3), 1 + 2j]
)
def test_a_row_holds_an_output_to_the_bit(output):
    again = output_of(*bytes_of(output))
    np.testing.assert_array_equal(again, output)
    assert np.shape(again) == np.shape(output)
    assert np.signbit(np.real(again)).tolist() == np.signbit(np.real(output)).tolist()


@pytest.mark.parametrize(("shape", "dtype"), [("3", "<f8"), ("", "<i8"), ("1", "|O")])
def test_a_row_that_cannot_have_been_written_is_refused(shape, dtype):
    with pytest.raises(ValueError, match="numbers"):
        output_of(np.zeros(2).tobytes(), shape, dtype)


def test_what_is_added_is_found_by_another_connection(tmp_path):
    one, other = Store(tmp_path / "run.db"), Store(tmp_path / "run.db")
    number = one.add(1, b"point", 2.5, None)
    assert list(other.finished(1, 0)) == [(number, b"point")]
    assert other.value(1, number, b"point") == 2.5
    assert list(other.finished(2, 0)) == []
    assert other.count(1) == 1


def test_a_number_that_is_given_again_is_not_taken_for_another_models_row(tmp_path):
    one, other = Store(tmp_path / "run.db"), Store(tmp_path / "run.db")
    number = one.add(1, b"point", 2.5, None)
    other.forget_others(2)
    assert other.add(2, b"point", 99.0, None) == number
    with pytest.raises(ValueError, match="a row has gone"):
        one.value(1, number, b"point")


def test_a_file_is_trusted_with_nothing_and_its_pages_are_checked(tmp_path):
    store = Store(tmp_path / "run.db")
    for name, value in (("trusted_schema", 0), ("cell_size_check", 1)):
        assert store._connection.execute(f"pragma {name}").fetchone() == (value,)


def test_a_row_costs_a_short_page_in_the_log(tmp_path):
    path = tmp_path / "run.db"
    store, log = Store(path), path.with_name("run.db-wal")
    store.add(1, b"point", 2.5, None)
    before = log.stat().st_size
    store.add(1, b"other", 2.5, None)
    assert 0 < log.stat().st_size - before < 1100


def test_a_row_of_another_point_is_not_called_a_changed_one(tmp_path):
    store = Store(tmp_path / "run.db")
    number = store.add(1, b"point", 2.5, None)
    with pytest.raises(
        ValueError, match="another point's: it was written anew, or both hash alike"
    ):
        store.value(1, number, b"other")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_does_not_wait_for_a_thread_that_stayed_behind(tmp_path):
    store, held, over = Store(tmp_path / "run.db"), threading.Event(), threading.Event()

    def hold():
        with store.lock:
            held.set()
            over.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if not child:
        signal.alarm(30)
        os._exit(0 if store.add(1, b"point", 2.5, None) else 1)
    assert os.waitpid(child, 0)[1] == 0
    over.set()
    thread.join()


def test_meta_is_kept_and_a_removed_file_is_noticed(tmp_path):
    store = Store(tmp_path / "run.db")
    store.set_meta({"identity": "abc", "model": "1"})
    assert Store(tmp_path / "run.db").meta()["identity"] == "abc"
    assert not store.gone()
    (tmp_path / "run.db").rename(tmp_path / "elsewhere.db")
    assert store.gone()


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table mine (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="another program's database"):
        Store(path)
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(CheckpointError, match="nowhere"):
        Store(tmp_path / "nowhere" / "run.db")
