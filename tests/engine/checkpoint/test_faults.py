"""What may go wrong with the file: nothing finished is lost, and the user is told."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest

from derivkit import CalculusKit, CheckpointError, CheckpointWarning
from derivkit.engine.checkpoint import checkpoint as checkpoints, store as stores

X0 = np.array([0.5, 2.0, -1.5])


def smooth(x):
    return float(np.sin(x[0]) + x[1] ** 2 * np.exp(x[2]))


EXPECTED = CalculusKit(smooth, X0).gradient()


def kit_on(path, **settings):
    return CalculusKit(smooth, X0, checkpoint=path, **settings)


def count(path):
    connection = sqlite3.connect(path)
    assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    (found,) = connection.execute("select count(*) from evaluation").fetchone()
    connection.close()
    return found


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.db"


@pytest.fixture
def at_once(monkeypatch):
    """Try again to write with every evaluation, and wait for no lock."""
    monkeypatch.setattr(checkpoints, "RETRY_AFTER", 0.0)
    monkeypatch.setattr(stores, "PATIENCE", 0.01)


def run(script, **settings):
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        **settings,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_a_full_disk_is_a_warning_and_what_was_kept_in_memory_is_written_when_there_is_room(
    path, at_once
):
    def wide(x):
        return smooth(x) * np.arange(1.0, 401.0)

    expected = CalculusKit(wide, X0).jacobian()
    kit = CalculusKit(wide, X0, checkpoint=path)
    connection = kit.checkpoint.store._connection
    (pages,) = connection.execute("pragma page_count").fetchone()
    connection.execute(f"pragma max_page_count = {pages + 5}")
    with pytest.warns(CheckpointWarning, match="full.*kept in memory") as warned:
        assert kit.jacobian().tobytes() == expected.tobytes()
    assert len(warned) == 1
    assert kit.checkpoint.unsaved > 0 < kit.checkpoint.stored
    in_memory = kit.checkpoint.unsaved + kit.checkpoint.stored
    connection.execute("pragma max_page_count = 1000000")
    kit.checkpoint.flush()
    assert kit.checkpoint.unsaved == 0
    assert count(path) == in_memory
    again = CalculusKit(wide, X0, checkpoint=path)
    assert again.jacobian().tobytes() == expected.tobytes()
    assert again.checkpoint.reused == in_memory


def test_a_limit_on_the_size_of_files_costs_no_result(path):
    script = f"""
    import resource
    import numpy as np
    from derivkit import CalculusKit
    def model(x):
        return np.sin(x).sum() + np.zeros(4000)
    kit = CalculusKit(model, [0.5, 2.0, -1.5], checkpoint={str(path)!r})
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, -1))
    jacobian = kit.jacobian()
    assert kit.checkpoint.unsaved > 0, kit.checkpoint
    assert kit.checkpoint.stored > 0, kit.checkpoint
    print(np.abs(jacobian[0] - np.cos([0.5, 2.0, -1.5])).max() < 1e-9)
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    """
    done = run(script)
    assert done.stdout.strip() == "True"
    assert done.stderr.count("CheckpointWarning: the checkpoint") == 1
    assert count(path) > 0


def test_a_file_locked_by_another_process_is_a_warning_and_is_written_when_it_is_free(
    path, at_once
):
    kit = kit_on(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.warns(CheckpointWarning, match="locked.*kept in memory"):
        assert kit.gradient().tobytes() == EXPECTED.tobytes()
    other.execute("rollback")
    other.close()
    unsaved = kit.checkpoint.unsaved
    kit.checkpoint.flush()
    assert count(path) == unsaved > 0


def test_a_new_file_that_is_locked_is_refused(path, at_once):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode = delete")
    connection.execute("create table t (x)")
    connection.execute("begin exclusive")
    with pytest.raises(CheckpointError, match=r"run\.db"):
        kit_on(path)
    connection.close()


@pytest.fixture
def open_folder():
    """Give a folder that any user can reach; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        Path(name).chmod(0o755)


AS_NOBODY = f"""
import os
import numpy as np
from derivkit import CalculusKit, CheckpointError
def model(x):
    global calls
    calls += 1
    return float(np.sin(x[0]) + x[1] ** 2 * np.exp(x[2]))
calls = 0
expected = CalculusKit(model, {X0.tolist()}).hessian_diag(method="finite")
alone, calls = calls, 0
CalculusKit(model, {X0.tolist()}, checkpoint="other.db")  # imports what root alone may read
os.chmod("run.db", 0o444)
os.chmod(".", 0o555)
if os.geteuid() == 0:  # root may write anything
    os.setuid(65534)
"""


def test_a_read_only_file_is_used_and_new_evaluations_stay_in_memory(open_folder):
    kit_on(open_folder / "run.db").gradient(method="finite")
    before = count(open_folder / "run.db")
    script = f"""{AS_NOBODY}
kit = CalculusKit(model, {X0.tolist()}, checkpoint="run.db", checkpoint_mismatch="trust")
assert kit.hessian_diag(method="finite").tobytes() == expected.tobytes()
assert 0 < kit.checkpoint.reused and calls == alone - kit.checkpoint.reused
assert kit.checkpoint.unsaved == calls > 0, kit.checkpoint
"""
    done = run(script, cwd=open_folder)
    assert "read-only; what is in it is used" in done.stderr
    assert count(open_folder / "run.db") == before


def test_a_folder_that_cannot_be_written_or_reached_is_refused(open_folder):
    kit_on(open_folder / "run.db")
    (open_folder / "closed").mkdir(mode=0o700)
    script = f"""{AS_NOBODY}
for name in ("new.db", "closed/new.db"):
    try:
        CalculusKit(model, {X0.tolist()}, checkpoint=name)
    except CheckpointError as error:
        print(error)
assert calls == 0
if os.geteuid() == os.stat("closed").st_uid:
    os.chmod("closed", 0o755)
"""
    if os.geteuid() != 0:
        script = script.replace("for name in", "os.chmod('closed', 0)\nfor name in")
    done = run(script, cwd=open_folder)
    assert "new.db' cannot be opened or written" in done.stdout
    assert "closed/new.db' cannot be reached: " in done.stdout


@pytest.mark.parametrize(
    "content",
    [b"theta,value\n" * 200, b"\x80\x04\x95pickle", b"SQLite format 3\0" + b"\xff" * 4096],
)
def test_what_is_not_a_checkpoint_is_refused_and_left_as_it_is(path, content):
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"run\.db"):
        kit_on(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_and_left_as_it_is(path):
    connection = sqlite3.connect(path)
    connection.execute("create table evaluation (something_else)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="another program's database"):
        kit_on(path, checkpoint_mismatch="discard")
    assert path.read_bytes() == before


def test_a_checkpoint_of_a_newer_derivkit_is_refused(path):
    kit_on(path).gradient()
    connection = sqlite3.connect(path)
    connection.execute("pragma user_version = 99")
    connection.close()
    with pytest.raises(CheckpointError, match="newer derivkit"):
        kit_on(path)


def test_a_damaged_checkpoint_is_refused(path):
    points = np.linspace(0.1, 2.0, 300).reshape(100, 3)
    kit_on(path).at_many("gradient", points)
    content = bytearray(path.read_bytes())
    content[8192:40960] = b"\x5a" * (40960 - 8192)
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        kit_on(path)
    assert path.read_bytes() == content


def test_a_file_that_is_damaged_under_way_costs_no_result(path):
    kit = kit_on(path)
    kit.gradient()
    for name in (path, path.with_name("run.db-wal")):
        name.write_bytes(b"\x5a" * 50_000)
    twin = CalculusKit(smooth, X0)
    twin.gradient()
    with warnings.catch_warnings():  # SQLite may notice only when the next process opens the file
        warnings.simplefilter("ignore", CheckpointWarning)
        assert kit.hessian_diag().tobytes() == twin.hessian_diag().tobytes()
    kit.checkpoint.store._connection.close()
    with pytest.raises(CheckpointError, match=r"run\.db"):
        kit_on(path)


def test_a_file_that_is_removed_under_way_costs_no_result_and_is_told(path):
    kit = kit_on(path)
    for name in path.parent.iterdir():
        name.unlink()
    with pytest.warns(CheckpointWarning, match="has been removed"):
        assert kit.gradient().tobytes() == EXPECTED.tobytes()


def test_an_empty_file_becomes_a_checkpoint(path):
    path.touch()
    assert kit_on(path).gradient().tobytes() == EXPECTED.tobytes()
    assert count(path) > 0


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="must be a file"):
        kit_on(tmp_path)


def test_a_file_that_was_left_before_it_had_any_table_is_a_new_one(path):
    connection = sqlite3.connect(path)
    assert connection.execute("pragma journal_mode = wal").fetchone() == ("wal",)
    connection.close()
    assert path.stat().st_size > 0
    assert kit_on(path).gradient().tobytes() == EXPECTED.tobytes()
    assert count(path) > 0
