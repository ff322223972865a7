"""Workers that die at each stage of a task: the same bits, or a sentence that names the point."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from derivkit import CalculusKit, Finite, ModelError
from derivkit.engine.backends.processes import ThroughFork
from derivkit.methods.protocol import Estimate

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")

QUICK = Finite(stepsize=1e-3, num_points=3, extrapolation=None)


class Simple:
    """Central differences without a judgement, which would take longer than large outputs do."""

    def solve(self, line, order):
        t = line.realised(np.array([-1e-3, 1e-3]))
        low, high = yield t
        value = (high - low) / (t[1] - t[0])
        return Estimate(value, np.abs(value) * 1e-6, step=1e-3, reach=1e-3)


X0 = [1.0, 2.0]
PACKAGE = str(Path(__file__).parents[3])
PARENT = os.getpid()
LARGE = 4_000_000  # numbers: an output of 32 MB goes through a pipe in 500 pieces


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class Dying:
    """A model whose worker is killed at a stage: in the first one that gets there, or in all."""

    size = 1

    def __init__(self, folder, *, once):
        self.folder, self.once, self.parent = str(folder), once, os.getpid()

    def __call__(self, x):
        return np.full(self.size, np.sin(x[0]) * x[1])

    def strike(self, x=None):
        away = x is None or x[0] > 1.0
        if os.getpid() == self.parent or not away:
            return
        if self.once:
            try:
                Path(self.folder, "struck").mkdir()
            except FileExistsError:
                return
        die()


class WhileItIsLoaded(Dying):
    def __setstate__(self, state):
        self.__dict__.update(state)
        self.strike()


class WhileItRuns(Dying):
    def __call__(self, x):
        self.strike(x)
        return super().__call__(x)


class WhileItsOutputIsRead(Dying):
    def __call__(self, x):
        outer, y = self, super().__call__(x)

        class Output:
            def __array__(self, dtype=None, copy=None):
                outer.strike(x)
                return y

        return Output()


class WhileItsAuxIsPickled(Dying):
    def __call__(self, x):
        return super().__call__(x), Aux(self, x)


class Aux:
    def __init__(self, outer, x):
        self.outer, self.x = outer, x

    def __reduce__(self):
        self.outer.strike(self.x)
        return str, ("aux",)


class HalfWayThroughALargeOutput(Dying):
    size = LARGE

    def __call__(self, x):
        threading.Timer(0.02, self.strike, (x.copy(),)).start()
        return super().__call__(x)


class WhileTheNextTaskIsSent(Dying):
    """Between two tasks: a thread of the worker ends it while it waits for work."""

    def __call__(self, x):
        threading.Timer(0.001, self.strike, (x.copy(),)).start()
        return super().__call__(x)


STAGES = [
    WhileItIsLoaded,
    WhileItRuns,
    WhileItsOutputIsRead,
    WhileItsAuxIsPickled,
    HalfWayThroughALargeOutput,
    WhileTheNextTaskIsSent,
]


@pytest.fixture(autouse=True)
def alarm():
    """End a test that hangs."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("this test hangs"))
    signal.alarm(240)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def jacobian(model, executor, n_workers=2):
    has_aux = isinstance(model, WhileItsAuxIsPickled)
    kit = CalculusKit(model, X0, executor=executor, has_aux=has_aux)
    return kit.jacobian_result(Simple(), n_workers=n_workers).value


@pytest.mark.parametrize("executor", ["processes", "fork"])
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_a_worker_that_dies_once_at_any_stage_costs_no_bit(stage, executor, tmp_path):
    before = children()
    model = stage(tmp_path, once=True)
    expected = jacobian(stage(tmp_path, once=True), None, n_workers=1)
    assert jacobian(model, executor).tobytes() == expected.tobytes()
    dies = stage is not WhileItIsLoaded or executor == "processes"  # what is forked is not loaded
    assert Path(tmp_path, "struck").exists() or not dies or stage is WhileTheNextTaskIsSent
    assert not forked_workers_left(before)


@pytest.mark.parametrize("stage", STAGES[:4], ids=lambda stage: stage.__name__)
def test_a_worker_that_always_dies_is_an_error_that_says_so(stage, tmp_path):
    with pytest.raises(ModelError, match="worker process died") as caught:
        jacobian(stage(tmp_path, once=False), "processes")
    assert "\n" not in str(caught.value)
    again = CalculusKit(lambda x: x[0] * x[1], X0).gradient(QUICK, n_workers=2)
    np.testing.assert_allclose(again, [2.0, 1.0])


def test_a_worker_that_died_with_the_lock_of_the_results_leaves_no_other_behind():
    backend = ThroughFork(2)
    pool = backend._pool
    assert pool.executor.submit(abs, -1).result() == 1
    workers = pool.processes()
    pool.executor._result_queue._wlock.acquire()  # as a worker killed at that moment leaves it
    backend.close()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers].count(None) == 0


AT_THE_END = """
import os, pathlib, signal, sys, threading, time
from derivkit import CalculusKit
from derivkit.engine.backends import processes
processes.MOST_SECONDS_TO_EXIT = 0.5
how, then, folder = sys.argv[1:]

def model(x):
    if how == "a thread of the model's" and threading.active_count() < 4:
        threading.Thread(target=time.sleep, args=(1000,)).start()
    if how == "a call that was made twice" and x[0] > 1.0:
        try:
            pathlib.Path(folder, "hangs").mkdir()
            time.sleep(1000)
        except FileExistsError:
            pass
    return x[0] ** 2

def called(n):
    kit = CalculusKit(model, [1.0], executor="processes", hedge=how == "a call that was made twice")
    return kit.gradient("finite", n_workers=n)[0]

print(called(2))
(executor,) = processes._kept.values()
pids = list(executor._processes)
if how == "lock":  # as a worker leaves it that is killed at that moment
    executor._result_queue._wlock.acquire()
if how == "stopped":
    os.kill(pids[0], signal.SIGSTOP)
del executor
if then == "replaced":
    print(called(3))
if then == "called again":
    print(called(2))
    print(set(pids) & set(next(iter(processes._kept.values()))._processes) or "others")
"""


@pytest.mark.parametrize(
    ("how", "then"),
    [
        ("nothing", "kept"),
        ("stopped", "kept"),
        ("lock", "kept"),
        ("stopped", "replaced"),
        ("a thread of the model's", "replaced"),
        ("a call that was made twice", "kept"),
        ("a call that was made twice", "called again"),
    ],
)
def test_workers_that_do_not_end_by_themselves_keep_no_program_from_ending(how, then, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_END, how, then, tmp_path],
        env={**os.environ, "PYTHONPATH": PACKAGE},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answers = done.stdout.splitlines()
    assert float(answers[0]) == pytest.approx(2.0)
    assert answers[1:] == {"replaced": answers[:1], "called again": [answers[0], "others"]}.get(
        then, []
    )


def children():
    """Return what runs under this process, but loky's workers, which are kept for the next call."""
    found = set()
    for p in psutil.Process().children():
        try:
            words = " ".join(p.cmdline())
            if p.status() != "zombie" and "loky" not in words and "resource_tracker" not in words:
                found.add(p.pid)
        except psutil.NoSuchProcess:  # it has ended since it was listed, or ends now
            continue
    return found


def forked_workers_left(before):
    """Wait for forked workers to be gone; return those that stay. Other tests have children too."""
    end = time.monotonic() + 120
    while left := children() - before:
        if time.monotonic() > end:
            break
        time.sleep(0.1)
    return left
