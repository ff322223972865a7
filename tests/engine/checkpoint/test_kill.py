"""Runs that are killed, and runs that share a file."""

import math
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from derivkit.engine.backends.pools import AHEAD
from derivkit.engine.checkpoint.rows import Origin, place_from
from derivkit.engine.points import point_at

# A model that notes every call it finishes where no crash of its process can undo it.
SCRIPT = """
import os, sys, time
import numpy as np
from derivkit import CalculusKit

log = sys.argv[1]

def finished():
    with open(log, "a+") as file:
        file.seek(0)
        return len(file.readlines())

def model(x):
    time.sleep(0.003)
    while finished() >= float(os.environ["MOST_CALLS"]):  # it is to be killed, but not yet
        time.sleep(0.01)
    value = float(np.sum(np.sin(x) * np.exp(0.1 * np.roll(x, 1))))
    line = x.tobytes().hex() + "\\n"
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)
    return value

kit = CalculusKit(model, np.linspace(0.5, 2.5, 25), checkpoint=sys.argv[3])
print(kit.gradient(n_workers=int(sys.argv[2])).tobytes().hex())
"""

MOST_BEYOND = 20  # calls after the one at which a run is to be killed
ORIGINS = "select id, x from origin"
POINTS = "select origin, x from evaluation"


class Run:
    """A gradient of about 200 calls in a process group of its own."""

    def __init__(self, folder, workers=1, file="run.db", kill_after=math.inf):
        self.log, self.path = folder / "log", folder / file
        self.before = len(self.finished())
        self.kill_at = self.before + kill_after
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, self.log, str(workers), self.path],
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path]),
                "MOST_CALLS": str(self.kill_at + MOST_BEYOND),
            },
        )

    def finished(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def kill(self):
        while len(self.finished()) < self.kill_at:
            assert self.process.poll() is None, "the run ended before it was to be killed"
            time.sleep(0.001)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def result(self):
        printed = self.process.communicate(timeout=300)[0].strip()
        assert self.process.returncode == 0
        return printed

    def stored(self):
        connection = sqlite3.connect(self.path)
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        origins = {n: Origin(n, point_at(x), b"") for n, x in connection.execute(ORIGINS)}
        found = [place_from(origins.get(n), x).hex() for n, x in connection.execute(POINTS)]
        connection.close()
        return found

    def survivors(self):
        """Return what is still alive of the run's session, zombies apart."""
        fields = [
            stat.rpartition(")")[2].split()
            for entry in Path("/proc").glob("[0-9]*/stat")
            if (stat := _text(entry))
        ]
        return [f for f in fields if int(f[3]) == self.process.pid and f[0] != "Z"]


def _text(path):
    try:
        return path.read_text()
    except OSError:
        return ""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("undisturbed"))
    return run.result(), len(run.finished())


def test_killed_again_and_again_a_run_ends_with_the_same_bits(tmp_path, undisturbed):
    bits, calls = undisturbed
    for workers, after in [(1, 23), (2, 61), (1, 1), (3, 40)]:
        run = Run(tmp_path, workers, kill_after=after)
        run.kill()
        deadline = time.monotonic() + 120.0
        while run.survivors() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert run.survivors() == []
        under_way = AHEAD * workers  # may have finished without having been told of
        own = run.finished()[run.before :]  # what an earlier one had not told is made again
        assert len(set(own) - set(run.stored())) <= under_way
    last = Run(tmp_path, 2)
    assert last.result() == bits
    assert len(last.stored()) == len(set(last.stored())) == calls
    assert len(last.finished()) <= calls + AHEAD * (1 + 2 + 1 + 3) + 1


def test_two_processes_may_share_a_file(tmp_path, undisturbed):
    bits, calls = undisturbed
    runs = [Run(tmp_path), Run(tmp_path)]
    assert [run.result() for run in runs] == [bits, bits]
    assert len(set(runs[0].stored())) == calls
    assert Run(tmp_path).result() == bits
