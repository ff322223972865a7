"""Dask, Ray and MPI with calls that sleep: the rate of short calls, workers that are killed.

    python -m benchmarks.clusters [short] [killed] [ray] [mpi]

`short`: 10,001 calls of 1 ms on four Dask workers, derivkit choosing how many go into a task,
beside one call a task in the same run (that is what a `timeout` does). `killed`: three of twelve
Dask workers get SIGKILL in the middle of a gradient; the answer must be that of a serial run, and
the time is given beside the least that the workers which were left can do it in. `ray` and `mpi`
run the three lines of the page "From a laptop to a cluster"; `mpi` by mpiexec.
"""

import argparse
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from derivkit import CalculusKit

MPI = """
from mpi4py.futures import MPIPoolExecutor
from benchmarks.clusters import report, short_call
if __name__ == "__main__":
    with MPIPoolExecutor() as pool:
        report("MPI", pool, n_workers=2)
"""


def short_call(x):
    time.sleep(1e-3)
    return float(np.sum(x**3))


def long_call(x):
    time.sleep(0.25)
    return float(np.sum(x**3))


def rate(executor, p, *, n_workers=None, **settings):
    """Return calls a second of a gradient of p parameters, and whether it is the serial one."""
    x = np.linspace(1.0, 2.0, p)
    kit = CalculusKit(short_call, x, executor=executor, **settings)
    start = time.perf_counter()
    result = kit.gradient_result(n_workers=n_workers)
    seconds = time.perf_counter() - start
    serial = CalculusKit(lambda x: float(np.sum(x**3)), x).gradient()
    return result.nfev / seconds, result.value.tobytes() == serial.tobytes()


def report(name, executor, **options):
    """Print the rate of one call a task, and of as many as derivkit puts into one."""
    rate(executor, 20, **options)  # the workers load derivkit
    single, same = rate(executor, 50, timeout=60.0, **options)
    many, also = rate(executor, 1250, **options)
    print(
        f"{name}: one call a task {single:.0f}/s, lists of calls {many:.0f}/s, "
        f"{many / single:.1f} times; same bits as serial: {same and also}",
        flush=True,
    )


def _dask(n):
    from distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=n, threads_per_worker=1, dashboard_address=None)
    return cluster, Client(cluster)


def short():
    cluster, client = _dask(4)
    with cluster, client:
        report("Dask", client.get_executor(pure=False))


def killed():
    n, p = 12, 60
    cluster, client = _dask(n)
    with cluster, client:
        executor, x = client.get_executor(pure=False), np.linspace(1.0, 2.0, p)
        CalculusKit(short_call, x, executor=executor).gradient()
        victims = list(client.run(os.getpid).values())[:3]
        after = 3.0

        def strike():
            for pid in victims:
                os.kill(pid, signal.SIGKILL)

        timer = threading.Timer(after, strike)
        timer.start()
        start = time.perf_counter()
        result = CalculusKit(long_call, x, executor=executor).gradient_result()
        seconds = time.perf_counter() - start
        serial = CalculusKit(lambda x: float(np.sum(x**3)), x).gradient()
    done_before = n * after / 0.25  # the nine that are left do the rest; a nanny restarts the three
    ideal = after + 0.25 * math.ceil((result.nfev - done_before) / (n - len(victims)))
    print(
        f"Dask, 3 of {n} workers killed: {seconds:.1f} s, {seconds / ideal:.2f} of the ideal of "
        f"nine, {seconds / (0.25 * math.ceil(result.nfev / n)):.2f} of that of twelve; "
        f"same bits as serial: {result.value.tobytes() == serial.tobytes()}"
    )


def ray():
    import ray as package

    from derivkit import RayExecutor

    package.init(num_cpus=4, include_dashboard=False, logging_level="error")
    report("Ray", RayExecutor(num_cpus=1))
    package.shutdown()


def mpi():
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "run.py"
        script.write_text(MPI)
        command = ["mpiexec", "-n", "3", sys.executable, "-m", "mpi4py.futures", str(script)]
        path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": path})


PARTS = {f.__name__: f for f in (short, killed, ray, mpi)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    for name in parser.parse_args().parts or ["short", "killed"]:
        PARTS[name]()


if __name__ == "__main__":
    main()
