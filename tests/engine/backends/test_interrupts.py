"""Programs that are interrupted, killed, or written without a main guard: run as programs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")

PACKAGE = str(Path(__file__).parents[3])
PATIENCE = 120.0  # seconds; an interrupt takes one, on a machine with nothing else to do

GRADIENT = """
import os, signal, sys, time, pathlib
import numpy as np
from derivkit import CalculusKit

signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background ignores it

def model(x):
    pathlib.Path(sys.argv[1], f"called-{{os.getpid()}}-{{time.monotonic_ns()}}").touch()
    time.sleep(float(sys.argv[2]) if x[0] == 1.0 else 300.0)
    return x[0]

kit = CalculusKit(model, [1.0], {options})
kit.gradient(n_workers={n}, progress=lambda p: pathlib.Path(sys.argv[1], "kept").touch())
"""


def started(tmp_path, text, *arguments):
    script = tmp_path / "script.py"
    script.write_text(text)
    return subprocess.Popen(
        [sys.executable, "-u", str(script), str(tmp_path), *arguments],
        env={**os.environ, "PYTHONPATH": PACKAGE},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def family(program):
    """Return the ids of the program's session that still run."""
    alive = []
    for process in psutil.process_iter(["pid", "status"]):
        try:
            if os.getsid(process.pid) == program.pid and process.info["status"] != "zombie":
                alive.append(process.pid)
        except (ProcessLookupError, PermissionError):
            continue
    return alive


def called(tmp_path):
    return len(list(tmp_path.glob("called-*")))


@pytest.mark.parametrize("to_all", [True, False], ids=["terminal", "parent only"])
@pytest.mark.parametrize(
    ("n", "options"),
    [(1, ""), (2, ""), (2, "executor='threads'"), (2, "executor='fork'")],
    ids=["serial", "processes", "threads", "fork"],
)
def test_an_interrupt_ends_the_program_at_once_and_leaves_no_child(tmp_path, n, options, to_all):
    program = started(tmp_path, GRADIENT.format(n=n, options=options), "0")
    try:
        assert wait_for(lambda: called(tmp_path) > 1 and (tmp_path / "kept").exists(), PATIENCE)
        (os.killpg if to_all else os.kill)(program.pid, signal.SIGINT)
        _, errors = program.communicate(timeout=PATIENCE)  # the calls take longer
        assert "KeyboardInterrupt" in errors
        assert "1 finished evaluations are kept in the kit" in errors
        assert wait_for(lambda: not family(program), PATIENCE)
    finally:
        program.kill()


FORK = """
import collections, threading
import concurrent.futures.process as P
from derivkit import CalculusKit

real = threading.Thread.start
def start(self):
    if isinstance(self, P._ExecutorManagerThread):  # the moment of the Ctrl-C
        raise KeyboardInterrupt
    return real(self)

threading.Thread.start = start
CalculusKit(lambda x: x[0], [1.0], executor="fork").gradient(n_workers=2)
"""


def test_an_interrupt_while_forked_workers_start_is_an_interrupt(tmp_path):
    program = started(tmp_path, FORK)
    _, errors = program.communicate(timeout=PATIENCE)
    assert "KeyboardInterrupt\n0 finished evaluations" in errors
    assert "RuntimeError" not in errors
    assert wait_for(lambda: not family(program), PATIENCE)


@pytest.mark.parametrize("options", ["", "executor='fork'"], ids=["processes", "fork"])
def test_no_orphan_is_left_when_the_program_is_killed(tmp_path, options):
    program = started(tmp_path, GRADIENT.format(n=2, options=options), "0")
    try:
        assert wait_for(lambda: called(tmp_path) > 1, PATIENCE)
        program.send_signal(signal.SIGKILL)
        program.communicate(timeout=PATIENCE)
        assert wait_for(lambda: not family(program), PATIENCE)
    finally:
        program.kill()


UNGUARDED = """
import sys
import numpy as np
from derivkit import CalculusKit

print("script runs")

class Model:
    def __init__(self, a):
        self.a = a
    def __call__(self, x):
        return self.a * x[0] ** 2 + helper(x)

def helper(x):
    return np.sin(x[0])

print(CalculusKit(Model(3.0), [0.0]).gradient(n_workers=2).round(6))
print(CalculusKit(lambda x: helper(x), [0.0]).gradient(n_workers=2).round(6))
"""


def test_a_script_without_a_main_guard_runs_once_whatever_starts_the_workers(tmp_path):
    program = started(tmp_path, UNGUARDED)
    out, errors = program.communicate(timeout=300)
    assert not errors
    assert out.splitlines() == ["script runs", "[1.]", "[1.]"]
