"""Interrupts at random moments: every call ends soon, leaves nothing behind, and can be repeated.

``DERIVKIT_INTERRUPTS=100`` tries so many in each setting; the page of promises has those figures.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")

PACKAGE = str(Path(__file__).parents[3])
INTERRUPTS = int(os.environ.get("DERIVKIT_INTERRUPTS", "0"))
LARGE = 16_000_000 if INTERRUPTS else 2_000_000  # bytes; beyond what a pipe holds
SOON = 2.0 if INTERRUPTS else 30.0  # seconds; what else runs here delays a thread, and no hang ends

PROGRAM = """
import faulthandler, json, os, random, signal, sys, tempfile, threading, time
import numpy as np
import psutil
from derivkit import CalculusKit
from derivkit.methods.protocol import Estimate

class Simple:  # two rounds, and no mathematics that takes longer than the calls
    def solve(self, line, order):
        for h in (1e-3, 1e-4):
            t = line.realised(np.array([-h, h]))
            low, high = yield t
        value = (high - low) / (t[1] - t[0])
        return Estimate(value, np.abs(value) * 1e-6, step=h, reach=h)

how, size, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
faulthandler.dump_traceback_later(300 + 30 * count, exit=True)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
CALL = 0.005

def model(x):
    time.sleep(CALL)
    return np.full(size // 8, np.sin(x[0]) * x[1])

def many(x):
    time.sleep(CALL)
    return np.repeat((np.sin(x[:, 0]) * x[:, 1])[:, None], size // 8, axis=1)

SETTINGS = {
    "serial": (model, {}, {}),
    "vectorised": (many, {"vectorized": True}, {}),
    "threads": (model, {"executor": "threads"}, {"n_workers": 2}),
    "processes": (model, {"executor": "processes"}, {"n_workers": 2}),
    "fork": (model, {"executor": "fork"}, {"n_workers": 2}),
    "checkpoint": (model, {"executor": "processes", "version": "1"}, {"n_workers": 2}),
    "dask": (model, {}, {}),
}
function, options, call = SETTINGS[how]
folder = tempfile.TemporaryDirectory()
if how == "dask":
    from distributed import Client, LocalCluster
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    client = Client(cluster)
    options["executor"] = client.get_executor()

def kit():
    if how == "checkpoint":  # a file for each kit, while it is in use
        for old in os.listdir(folder.name):
            os.unlink(os.path.join(folder.name, old))
        options["checkpoint"] = os.path.join(folder.name, f"{time.monotonic_ns()}.db")
    return CalculusKit(function, [0.5, 0.7, 0.1], **options)

def jacobian(kit):
    return kit.jacobian(Simple(), **call)

expected = jacobian(kit()).tobytes()
start = time.monotonic()
jacobian(kit())
whole = time.monotonic() - start
slow, interrupted = [], 0
rng = random.Random(1)

for k in range(count):
    interrupted_kit, sent = kit(), []

    def interrupt():
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(rng.uniform(0.0, 1.1 * whole), interrupt)
    timer.daemon = True
    try:
        try:
            timer.start()
            jacobian(interrupted_kit)
            timer.join()
            time.sleep(0.05)
        finally:
            ended = time.monotonic()
    except KeyboardInterrupt:
        interrupted += 1
    timer.join()
    slow.append(max(0.0, ended - sent[0]))
    assert jacobian(interrupted_kit).tobytes() == expected, k
    if how == "checkpoint":
        interrupted_kit.checkpoint.close()

kept = 2 if how in {"processes", "checkpoint"} else 0
if how == "dask":
    client.close()
    cluster.close()
def works(p):
    try:
        return p.status() != "zombie" and "resource_tracker" not in " ".join(p.cmdline())
    except psutil.NoSuchProcess:  # it has ended since it was listed, or ends now
        return False

def workers():
    return [p.pid for p in psutil.Process().children(recursive=True) if works(p)]
end = time.monotonic() + 30
while len(workers()) > kept and time.monotonic() < end:
    time.sleep(0.1)
print(json.dumps({"interrupted": interrupted, "slowest": max(slow), "left": len(workers()) - kept}))
"""


SETTINGS = ["serial", "vectorised", "threads", "processes", "fork", "checkpoint"]
CASES = [(how, size) for how in SETTINGS for size in (8, LARGE)]
if INTERRUPTS:
    CASES += [("dask", 8), ("dask", LARGE)]  # a cluster takes 3 s to start
else:
    CASES.remove(("checkpoint", LARGE))  # a kit writes 200 MB


@pytest.mark.parametrize(("how", "size"), CASES)
def test_an_interrupt_at_any_moment_ends_the_call_soon_and_the_same_call_gives_the_same_bits(
    how, size
):
    count = INTERRUPTS or (4 if size == 8 else 2)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how, str(size), str(count)],
        env={**os.environ, "PYTHONPATH": PACKAGE},
        capture_output=True,
        text=True,
        check=False,
        timeout=360 + 30 * count,
    )
    assert done.returncode == 0, done.stderr
    # an interrupt of distributed's own code may end in a NameError there, in its log
    assert how == "dask" or "Traceback" not in done.stderr, done.stderr
    found = json.loads(done.stdout)
    assert found["left"] <= 0, found
    assert found["slowest"] < SOON, found
