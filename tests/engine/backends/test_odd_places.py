"""Kits inside processes, forked children and event loops: right, or serial with a warning."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks")

MODEL = """
import asyncio, multiprocessing, os, sys, threading, warnings
import numpy as np
from derivkit import CalculusKit

def f(x):
    return x[0] ** 2

def told(_=None, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kit = CalculusKit(f, [1.0], **options)
        value = kit.gradient(n_workers=2).round(6)
        return " ".join([str(value), *(str(w.message)[:40] for w in caught)])

def work(_=None, **options):
    print(told(**options), flush=True)

def in_dask(**options):
    from distributed import Client, LocalCluster
    one = dict(n_workers=1, threads_per_worker=1, dashboard_address=None)
    with LocalCluster(**one, **options) as cluster, Client(cluster) as client:
        print(client.submit(told, pure=False).result(), flush=True)

def beside_an_alarm():
    import signal, time
    rings = []
    signal.signal(signal.SIGALRM, lambda *_: rings.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    work(timeout=60)
    end = time.monotonic() + 30
    while not rings and time.monotonic() < end:
        time.sleep(0.01)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(bool(rings))

def often(**options):
    for _ in range(8):
        work(**options)

def in_process(kind, target=work, **how):
    child = multiprocessing.get_context(kind).Process(target=target, **how)
    child.start()
    child.join(200)
    assert child.exitcode == 0, child.exitcode
"""
SERIAL = "[2.] worker processes cannot be started insid"

PLACES = {
    "a daemon": ("in_process('fork', daemon=True)", [SERIAL]),
    "a worker of a Pool": (
        "with multiprocessing.get_context('fork').Pool(1) as pool: pool.map(work, [0])",
        [SERIAL],
    ),
    "a daemon, forking": (
        "in_process('fork', daemon=True, kwargs={'executor': 'fork'})",
        [SERIAL],
    ),
    "a forked child": ("work(); in_process('fork')", ["[2.]", "[2.]"]),
    "a forked child, forking": ("in_process('fork', kwargs={'executor': 'fork'})", ["[2.]"]),
    "a forked child whose pools are still ending": (
        "in_process('fork', target=often, kwargs={'executor': 'fork'})",
        ["[2.]"] * 8,
    ),
    "a child by os.fork": (
        "work(); pid = os.fork(); pid or work(); pid and os.waitpid(pid, 0)",
        ["[2.]", "[2.]"],
    ),
    "an event loop": (
        "async def main():\n    work(); await asyncio.to_thread(work)\nasyncio.run(main())",
        ["[2.]", "[2.]"],
    ),
    "a Dask task in a process": ("in_dask(processes=True)", [SERIAL]),
    "a Dask task in a thread": ("in_dask(processes=False)", ["[2.]"]),
    "beside the user's own alarm": ("beside_an_alarm()", ["[2.]", "True"]),
    "a thread": ("t = threading.Thread(target=work); t.start(); t.join()", ["[2.]"]),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_kit_is_right_or_serial_with_one_warning_and_the_program_ends(place, tmp_path):
    code, printed = PLACES[place]
    script = tmp_path / "script.py"
    script.write_text(f"{MODEL}\nif __name__ == '__main__':\n    " + code.replace("\n", "\n    "))
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == printed
