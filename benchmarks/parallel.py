"""What parallel runs cost: ``python -m benchmarks.parallel [efficiency] [overhead] [models]``.

Prints one line a measurement. Sleeping models tell how well the workers are kept busy on any
machine; the other figures mean something on an idle one only.
"""

from __future__ import annotations

import math
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from derivkit import CalculusKit
from derivkit.engine.evaluation import RoutedMemo

SECONDS = 0.5
ONE_ROUND = {"method": "fornberg", "grid": [-0.02, -0.01, 0.0, 0.01, 0.02]}
MANY_CALLS = {"method": "finite", "stepsize": 0.01, "num_points": 5, "extrapolation": None}


def sleeping(x):
    time.sleep(SECONDS)
    return float(np.sum(x**3))


def timed(kit, **options):
    """Return the seconds of a gradient and the sizes of its rounds."""
    rounds = []

    def counted(backend):
        def run(model, points, seconds):
            jobs = list(points)
            rounds.append(len(jobs))
            return backend(model, jobs, seconds)

        return run

    kit._memo = RoutedMemo(counted)  # noqa: SLF001 - to see the rounds
    start = time.perf_counter()
    kit.gradient_result(**options)
    return time.perf_counter() - start, rounds


def efficiency():
    """Wall time against the ideal: all calls in a row, and round by round."""
    for n in (2, 8, 16):
        CalculusKit(sleeping, np.ones(n)).gradient(n_workers=n, **ONE_ROUND)  # starts all workers
        for p in (1, 2, 5, 20):
            for name, options in (("one round", ONE_ROUND), ("auto", {"method": "auto"})):
                took, rounds = timed(CalculusKit(sleeping, np.ones(p)), n_workers=n, **options)
                whole = math.ceil(sum(rounds) / n) * SECONDS
                by_round = sum(math.ceil(calls / n) for calls in rounds) * SECONDS
                print(
                    f"n = {n:2d}  p = {p:2d}  {name:9s}  calls {rounds!s:18s}  {took:6.2f} s  "
                    f"to ideal {took / whole:.3f}  to ideal of its rounds {took / by_round:.3f}"
                )


def busy(x):
    """Keep one core busy for about 50 ms, in pure Python."""
    total = 0.0
    for i in range(600_000):
        total += i * 1e-9
    return float(x[0] ** 2 + 0.0 * total)


def cpu_bound():
    """A model in pure Python on two cores."""
    x0 = np.ones(10)
    CalculusKit(busy, x0[:1]).gradient(n_workers=2, **MANY_CALLS)
    best = {}
    for _ in range(3):
        for n in (1, 2):
            took, rounds = timed(CalculusKit(busy, x0), n_workers=n, **MANY_CALLS)
            best[n] = min(best.get(n, math.inf), took)
    print(f"CPU-bound, {sum(rounds)} calls: 2 workers are {best[1] / best[2]:.2f} times one")


def cheap(x):
    return x[0] + x[-1]


def per_call(kit, **options):
    took, rounds = timed(kit, **MANY_CALLS, **options)
    return took / sum(rounds)


def overhead():
    """Seconds a call above the model's own, where the model takes next to nothing."""
    x0 = np.ones(300)
    print(
        f"serial    {min(per_call(CalculusKit(cheap, x0)) for _ in range(5)) * 1e6:8.1f} µs a call"
    )
    for name, options in (
        ("threads", {"executor": "threads"}),
        ("fork", {"executor": "fork"}),
        ("loky", {"executor": "processes"}),
        ("pool of threads", {"executor": ThreadPoolExecutor(2)}),
    ):
        best = min(per_call(CalculusKit(cheap, x0, **options), n_workers=2) for _ in range(5))
        print(f"{name:15s} {best * 1e6:8.1f} µs a call")
    cluster_overhead(x0)


def cluster_overhead(x0):
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        return
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        kit = {"executor": client.get_executor(pure=False)}
        best = min(per_call(CalculusKit(cheap, x0, **kit)) for _ in range(3))
        print(f"Dask            {best * 1e6:8.1f} µs a call")


def models():
    """Models that are dear to set up, or that hold large data."""
    handles = []

    def lazy(x):
        if not handles:
            time.sleep(0.2)
            handles.append(1.0)
        return handles[0] * x[0]

    x0 = np.ones(50)
    per_call(CalculusKit(lazy, x0[:1]), n_workers=2)
    print(f"0.2 s of set-up: {per_call(CalculusKit(lazy, x0), n_workers=2) * 1e3:.2f} ms a call")
    data = np.ones(25_000_000)

    def large(x):
        return data[::4096].sum() * x[0]

    took, rounds = timed(CalculusKit(large, x0), n_workers=2, **MANY_CALLS)
    again = per_call(CalculusKit(large, x0), n_workers=2)
    print(f"200 MB closure: {took / sum(rounds) * 1e3:.2f} ms a call, then {again * 1e3:.2f}")


def many_parameters():
    """10,000 parameters, vectorised, against the model's own time."""
    seconds = []

    def model(x):
        start = time.perf_counter()
        y = np.sin(x).sum(axis=1)
        seconds.append(time.perf_counter() - start)
        return y

    for name, options in (("finite", MANY_CALLS), ("auto", {"method": "auto"})):
        seconds.clear()
        took, rounds = timed(CalculusKit(model, np.ones(10_000), vectorized=True), **options)
        ratio = took / sum(seconds)
        print(f"10,000 parameters, {name}: {sum(rounds)} points, {ratio:.2f} × the model")


PARTS = {
    "efficiency": (efficiency,),
    "overhead": (overhead, cpu_bound),
    "models": (models, many_parameters),
}


def main():
    warnings.simplefilter("ignore")
    for part in sys.argv[1:] or PARTS:
        for measure in PARTS[part]:
            measure()


if __name__ == "__main__":
    main()
