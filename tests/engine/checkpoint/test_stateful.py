"""A machine that opens, calls, kills, locks, fills, corrupts and resumes checkpoints in any order.

Whatever has happened: the same bits, and nothing that was told to be kept is lost.
``DERIVKIT_MACHINES=500`` tries so many; the page of promises has those figures.
"""

import gc
import os
import signal
import sqlite3
import sys
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from derivkit import CalculusKit, CheckpointError, CheckpointWarning, Finite
from derivkit.engine.checkpoint import checkpoint as checkpoints, store as stores

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")

MACHINES = int(os.environ.get("DERIVKIT_MACHINES", "0"))
X0 = [0.5, 1.5]
QUICK = Finite(stepsize=1e-3, num_points=3, extrapolation=None)
WANTED = ("gradient", "hessian_diag", "hessian")
CALLS = []


def model(x):
    CALLS.append(x.tobytes())
    return float(np.sin(x[0]) * np.exp(0.3 * x[1]))


EXPECTED = {what: getattr(CalculusKit(model, X0), what)(QUICK).tobytes() for what in WANTED}


@contextmanager
def within(seconds):
    """End a step that hangs."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("this step hangs"))
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Checkpoints(RuleBasedStateMachine):
    """One file; kits that have it open; what the file must know."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "run.db"
        self.kits = []
        self.asked = {}  # by kit: what it has been asked for
        self.kept = set()  # what a call of its own would find whole in the file
        self.lock = None
        self.damaged = False
        self.told = warnings.catch_warnings()
        self.told.__enter__()
        warnings.simplefilter("ignore", CheckpointWarning)

    def teardown(self):
        self.unlock()
        self.kits.clear()
        self.asked.clear()
        gc.collect()
        self.told.__exit__(None, None, None)
        self.folder.cleanup()

    def opened(self):
        """Return a kit; None where the file is rightly refused."""
        with within(60):
            try:
                return CalculusKit(model, X0, checkpoint=self.path, version="1")
            except CheckpointError as error:
                if not (self.lock or self.damaged) or "\n" in str(error):
                    raise
                if self.damaged:
                    self.start_afresh()
                return None

    def start_afresh(self):
        self.forget_all()
        for file in self.path.parent.iterdir():
            file.unlink()
        self.kept, self.damaged = set(), False

    def forget_all(self):
        self.unlock()
        for kit in self.kits:
            kit.checkpoint.close()
        self.note()
        self.kits.clear()
        self.asked.clear()
        gc.collect()

    def unlock(self):
        if self.lock:
            self.lock.rollback()
            self.lock.close()
            self.lock = None

    def note(self):
        """Note what has been written by now."""
        for kit in self.kits:
            if not kit.checkpoint.unsaved and not self.damaged:
                self.kept |= self.asked[id(kit)]

    @rule()
    def open(self):
        if len(self.kits) < 3 and (kit := self.opened()):
            self.kits.append(kit)
            self.asked[id(kit)] = set()

    @precondition(lambda self: self.kits)
    @rule(data=st.data(), what=st.sampled_from(WANTED))
    def call(self, data, what):
        kit = data.draw(st.sampled_from(self.kits))
        with within(60):
            assert getattr(kit, what)(QUICK).tobytes() == EXPECTED[what]
        self.asked[id(kit)].add(what)
        self.note()

    @precondition(lambda self: self.kits)
    @rule(data=st.data(), how=st.sampled_from(["close", "forget"]))
    def let_go(self, data, how):
        kit = data.draw(st.sampled_from(self.kits))
        if how == "close":
            kit.checkpoint.close()
        self.note()
        self.kits.remove(kit)
        asked = self.asked.pop(id(kit))
        free = self.lock is None and not self.damaged
        del kit
        gc.collect()
        if free:  # what was refused before is written at the end
            self.kept |= asked

    @precondition(lambda self: self.lock is None and self.path.exists() and not self.damaged)
    @rule()
    def lock_it(self):
        self.lock = sqlite3.connect(self.path, isolation_level=None)
        self.lock.execute("begin immediate")

    @precondition(lambda self: self.lock)
    @rule()
    def free_it(self):
        self.unlock()

    @precondition(lambda self: self.lock is None and self.path.exists() and not self.damaged)
    @rule(what=st.sampled_from(WANTED), how=st.sampled_from(["close", "forget", "again"]))
    def meet_a_lock_and_let_go(self, what, how):
        """What a lock refused is written at the next call, on close, and when a kit is let go."""
        kit = self.opened()
        if kit is None:
            return
        self.lock_it()
        with within(60):
            assert getattr(kit, what)(QUICK).tobytes() == EXPECTED[what]
        self.unlock()
        if how == "close":
            kit.checkpoint.close()
        elif how == "again":
            getattr(kit, what)(QUICK)
            assert not kit.checkpoint.unsaved
        del kit
        gc.collect()
        self.kept.add(what)
        self.resume(what=what)

    @precondition(lambda self: self.kits)
    @rule(data=st.data(), full=st.booleans())
    def fill(self, data, full):
        kit = data.draw(st.sampled_from(self.kits))
        connection = kit.checkpoint.store._connection
        (pages,) = connection.execute("pragma page_count").fetchone()
        connection.execute(f"pragma max_page_count = {pages if full else 10**6}")

    @precondition(lambda self: self.lock is None)
    @rule(what=st.sampled_from(WANTED), after=st.integers(1, 12))
    def kill(self, what, after):
        """A process is killed in its n-th call: what it had finished before is in the file."""
        log = self.path.with_name("log")
        log.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            _run_and_be_killed(self.path, what, after, log)
        with within(60):
            os.waitpid(child, 0)
        finished = log.read_text().split()[:-1] if log.exists() else []
        log.unlink(missing_ok=True)
        if not self.damaged and self.path.exists():
            connection = sqlite3.connect(self.path)
            found = {x.hex() for (x,) in connection.execute("select x from evaluation")}
            connection.close()
            assert set(finished) <= found

    @precondition(lambda self: self.path.exists())
    @rule(data=st.data())
    def corrupt(self, data):
        self.forget_all()
        content = bytearray(self.path.read_bytes())
        if content:
            for _ in range(data.draw(st.integers(1, 6))):
                place = data.draw(st.integers(0, len(content) - 1))
                content[place] ^= 1 << data.draw(st.integers(0, 7))
            self.path.write_bytes(content)
            self.kept, self.damaged = set(), True

    @precondition(lambda self: self.lock is None)
    @rule(what=st.sampled_from(WANTED))
    def resume(self, what):
        kit = self.opened()
        if kit is None:
            return
        CALLS.clear()
        with within(60):
            assert getattr(kit, what)(QUICK).tobytes() == EXPECTED[what]
        if what in self.kept:
            assert CALLS == []
        kit.checkpoint.close()

    @invariant()
    def kits_know_what_is_in_memory_only(self):
        for kit in self.kits:
            assert kit.checkpoint.unsaved >= 0


def _run_and_be_killed(path, what, after, log):
    def killed(x):
        with log.open("a") as file:
            file.write(f"{x.tobytes().hex()}\n")
        if len(log.read_text().split()) > after:
            os.kill(os.getpid(), signal.SIGKILL)
        return model(x)

    try:
        getattr(CalculusKit(killed, X0, checkpoint=path, version="1"), what)(QUICK)
    finally:
        os._exit(0)


def test_whatever_happens_to_a_file_in_any_order_the_bits_are_the_same_and_nothing_is_lost(
    monkeypatch,
):
    monkeypatch.setattr(checkpoints, "RETRY_AFTER", 0.0)
    monkeypatch.setattr(stores, "PATIENCE", 0.02)
    Checkpoints.TestCase.settings = settings(
        max_examples=MACHINES or 12,
        stateful_step_count=20,
        deadline=None,
        derandomize=not MACHINES,
        suppress_health_check=list(HealthCheck),
    )
    Checkpoints.TestCase("runTest").runTest()


if sys.platform == "win32":
    del Checkpoints
