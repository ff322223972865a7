"""What parallel runs cost: wall time beside the ideal, overhead a call, large models, many kits.

    python -m benchmarks.parallel [efficiency] [waiting] [cores] [overhead] [models] [--write]

Sleeping models tell how well workers are kept busy on any machine. The other figures mean something
on an idle one only; there `cores` shows beside our speed-up that of two processes that have nothing
to do with each other. The peers are measured in the same run, in their own environment.
"""

import argparse
import math
import os
import resource
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.environment import available, work
from benchmarks.scoring import table, written
from derivkit import CalculusKit

RESULT = Path(__file__).parent / "results" / "parallel.md"
HEAD = """## Parallel runs

Sleeping models show how busy workers are kept: 1 is the least time that so many calls can take.
*auto* makes more calls than a difference of two points, and tells its error. The peers were given
the same workers, and the best of six runs counts for them.
"""
SECONDS = 0.5
ONE_ROUND = {"method": "fornberg", "grid": [-0.02, -0.01, 0.0, 0.01, 0.02]}
PEERS_AT = ((2, 2), (5, 8), (2, 16), (20, 16))  # (p, n): they take long


def sleeping(x):
    time.sleep(SECONDS)
    return float(np.sum(x**3))


def timed(kit, **options):
    """Return the seconds of a gradient and its model calls."""
    start = time.perf_counter()
    result = kit.gradient_result(**options)
    return time.perf_counter() - start, result.nfev


def to_ideal(seconds, calls, n):
    """Return the wall time beside that of n workers which never wait."""
    return seconds / (math.ceil(calls / n) * SECONDS)


def efficiency():
    """Wall time beside ceil(N / n) t, the least that N calls of t seconds take n workers."""
    rows = []
    for n in (2, 8, 16):
        CalculusKit(sleeping, np.ones(n)).gradient(n_workers=n, **ONE_ROUND)  # starts all workers
        for p in (1, 2, 5, 20):
            row = [n, p]
            for options in (ONE_ROUND, {}):
                seconds, calls = timed(CalculusKit(sleeping, np.ones(p)), n_workers=n, **options)
                row += [calls, f"{to_ideal(seconds, calls, n):.3f}"]
            rows.append([*row, *_peers(p, n)])
    head = ["workers", "p", "calls", "one round", "calls", "auto", "DerivKit 1.4", "optimagic"]
    return "Wall time beside the ideal, calls of 0.5 s", head, rows


def _peers(p, n):
    if (p, n) not in PEERS_AT or not available():
        return ["", ""]
    measured = work("peer_parallel.measured", p=p, n=n, seconds=SECONDS)
    return [f"{to_ideal(*measured[name], n):.2f}" for name in ("derivkit-1.4", "optimagic")]


def waiting():
    """Model times that a gradient waits for, where the method needs several rounds."""

    def noisy(x):
        time.sleep(SECONDS)
        return float(np.sum(np.sin(x)) + 1e-6 * np.sin(1e9 * (x @ x)))

    def sharp(x):
        time.sleep(SECONDS)
        return float(np.sum(np.sin(9 * x)))

    rows = []
    for name, f in (("noise 1e-6", noisy), ("sharp", sharp)):
        for p, n in ((1, 16), (1, 32), (4, 16)):
            row = [name, p, n]
            for speculate in (False, True):
                kit = CalculusKit(f, np.ones(p), executor="threads", speculate=speculate)
                seconds, calls = timed(kit, n_workers=n)
                row += [calls, f"{seconds / SECONDS:.2f}"]
            rows.append(row)
    head = ["model", "p", "workers", "calls", "model times", "calls, speculate", "model times"]
    return "Waiting for several rounds", head, rows


def busy(x):
    """Keep one core busy for some 50 ms, in pure Python."""
    total = 0.0
    for i in range(1_000_000):
        total += i * 1e-9
    return float(x[0] ** 2 + 0.0 * total)


def cores():
    """A model in pure Python on two cores, beside what two separate processes gain."""
    x0, calls = np.ones(10), 61
    options = {"method": "finite", "stepsize": 0.01, "num_points": 5, "extrapolation": None}
    CalculusKit(busy, x0[:1]).gradient(n_workers=2, **options)
    best = dict.fromkeys((1, 2, "alone", "both"), math.inf)
    with ProcessPoolExecutor(2) as pool:
        for _ in range(8):
            for n in (1, 2):
                seconds, _ = timed(CalculusKit(busy, x0), n_workers=n, **options)
                best[n] = min(best[n], seconds)
            for name, shares in (("alone", [calls]), ("both", [31, 30])):
                start = time.perf_counter()
                list(pool.map(_many, shares))
                best[name] = min(best[name], time.perf_counter() - start)
    rows = [
        ["derivkit, 2 workers", f"{best[1] / best[2]:.2f}"],
        ["two processes that never speak", f"{best['alone'] / best['both']:.2f}"],
    ]
    return "61 calls in pure Python on two cores", ["", "times as fast as one"], rows


def _many(calls):
    for _ in range(calls):
        busy(np.ones(1))


def cheap(x):
    return x[0] + x[-1]


def per_call(kit, repeats=5, **options):
    """Return the best of several gradients, in microseconds a call."""
    return min(_once(kit, options) for _ in range(repeats)) * 1e6


def _once(kit, options):
    seconds, calls = timed(kit(), **options)
    return seconds / calls


def overhead():
    """Microseconds a call above the model's own, where the model takes next to nothing."""
    x0 = np.ones(100)
    kit = partial(CalculusKit, cheap, x0)
    rows = [["serial", f"{per_call(kit):.1f}", "10"]]
    places = {
        "threads": {"executor": "threads"},
        "forked processes": {"executor": "fork"},
        "loky processes": {"executor": "processes"},
        "a pool of threads": {"executor": ThreadPoolExecutor(2)},
    }
    for name, place in places.items():
        goal = "500" if "loky" in name else ""
        rows.append([name, f"{per_call(partial(kit, **place), n_workers=2):.1f}", goal])
    rows += _dask(kit)
    for p in (2, 10, 100):
        plain = partial(CalculusKit, cheap, np.ones(p))
        kept = per_call(partial(_kept_in_a_file, plain), repeats=20) - per_call(plain, repeats=20)
        rows.append([f"checkpoint, p = {p}, more", f"{kept:.1f}", "60"])
    return "Overhead in µs a call", ["", "µs", "goal"], rows


def _kept_in_a_file(kit):
    return kit(checkpoint=Path(tempfile.mkdtemp()) / "run.db")


def _dask(kit):
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        return []
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        executor = client.get_executor(pure=False)
        return [["Dask", f"{per_call(partial(kit, executor=executor)):.1f}", "6000"]]


def models():
    """Models that are dear to set up, that hold large data, or that have many parameters."""
    handles = []

    def lazy(x):
        if not handles:
            time.sleep(0.2)
            handles.append(1.0)
        return handles[0] * x[0]

    data = np.ones(25_000_000)

    def large(x):
        return data[::4096].sum() * x[0]

    x0 = np.ones(50)
    timed(CalculusKit(lazy, x0[:1]), n_workers=2)
    rows = [["0.2 s of set-up, a call", f"{_ms(lazy, x0):.2f} ms", "8"]]
    rows.append(["a closure over 200 MB, the first gradient", f"{_ms(large, x0):.2f} ms", "20"])
    rows.append(["a closure over 200 MB, the next", f"{_ms(large, x0):.2f} ms", "20"])
    for name in ("auto", "finite"):
        ratio, memory = work_of_10_000(name)
        rows.append([f"10,000 parameters, vectorized, {name}: time", f"{ratio:.2f} × model", "1.5"])
        rows.append([f"10,000 parameters, vectorized, {name}: memory", f"{memory:.0f} MB", "200"])
    return "Large models, two workers", ["", "measured", "goal"], rows


def _ms(model, x0):
    seconds, calls = timed(CalculusKit(model, x0), n_workers=2)
    return 1e3 * seconds / calls


def work_of_10_000(method):
    """Return time beside the model's own and MB above it, from a fresh process."""
    read, write = os.pipe()
    if not (child := os.fork()):
        os.write(write, repr(_many_parameters(method)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    ratio, memory = map(float, os.read(read, 100).decode().strip("()").split(","))
    return ratio, memory


def _many_parameters(method):
    seconds = []

    def model(x):
        start = time.perf_counter()
        y = np.sin(x).sum(axis=1)
        seconds.append(time.perf_counter() - start)
        return y

    x0 = np.ones(10_000)
    model(np.ones((104, 10_000)))  # a batch: the model's own memory
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds.clear()
    took, _ = timed(CalculusKit(model, x0, vectorized=True), method=method)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return took / sum(seconds), memory / 1024


PARTS = {f.__name__: f for f in (models, overhead, cores, waiting, efficiency)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--write", action="store_true", help=f"also to {RESULT.name}")
    wanted = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in wanted.parts or PARTS:
        title, head, rows = PARTS[name]()
        cells = [[str(cell) for cell in row] for row in rows]
        text = f"### {title}\n\n{table(head, cells)}\n"
        print(text, flush=True)
        if wanted.write:
            written(RESULT, title, text, HEAD)


if __name__ == "__main__":
    main()
