"""The models of large.py, and what the peers take for the same work; runs in both environments."""

import time

import numpy as np

BUDGET = 2.0  # seconds of the processor for one comparison, if its least number of runs is made


def sines(x):
    """Sum of sines of one point: two microseconds."""
    return np.sin(x).sum()


def sums_of_sines(x):
    """The same of points (n, p)."""
    return np.sin(x).sum(axis=1)


def sines_of_first_axis(x):
    """The same as scipy.differentiate calls it: the parameters along the first axis."""
    return np.sin(x).sum(axis=0)


def chain(x):
    return float(np.sin(x).sum() + x[:-1] @ x[1:])


def best(calls, least=3):
    """Return the least processor time of each call, in seconds; they take turns, after one run."""
    for call in calls.values():
        call()
    times, start = {name: [] for name in calls}, time.process_time()
    while len(next(iter(times.values()))) < least or time.process_time() - start < BUDGET:
        for name, call in calls.items():
            before = time.process_time()
            call()
            times[name].append(time.process_time() - before)
    return {name: min(each) for name, each in times.items()}


def gradients(p):
    """Return the peers' times beside scipy.differentiate.jacobian through apply_along_axis."""
    from functools import partial

    from scipy.differentiate import jacobian

    from benchmarks import peers

    x = np.linspace(1.0, 2.0, p)
    slow = {"derivkit-1.4"} if p > 100 else set()
    calls = {
        name: partial(adapter, sines, x, None)
        for name, adapter in peers.ADAPTERS.items()
        if name not in slow and name != "scipy.differentiate"
    }
    calls["scipy"] = lambda: jacobian(partial(np.apply_along_axis, sines, 0), x)
    found = best(calls)
    scipy = found.pop("scipy")
    return {name: t / scipy for name, t in found.items()}


def hessians(p):
    """Return the peers' times beside as many bare calls as each of them makes."""
    from benchmarks.peer_tensors import ADAPTERS

    x = np.linspace(1.0, 2.0, p)
    ratios = {}
    for name, adapter in ADAPTERS["hessian"].items():
        if (name in {"derivkit-1.4", "numdifftools"} and p > 10) or (
            name == "scipy.differentiate" and p > 30
        ):
            continue  # minutes
        count = [0]

        def counted(x, count=count):
            count[0] += 1
            return chain(x)

        adapter(counted, x, None)
        n = count[0]
        t = best(
            {
                "peer": lambda adapter=adapter: adapter(chain, x, None),
                "bare": lambda n=n: [chain(x) for _ in range(n)],
            },
            least=1,
        )
        ratios[f"{name}, {n} calls"] = t["peer"] / t["bare"]
    return ratios


def points(n):
    """Return the peers' times at n points of three parameters beside nine bare calls at each."""
    from functools import partial

    from benchmarks import peers

    x = np.random.default_rng(0).uniform(1.0, 2.0, (n, 3))

    def at_all(adapter):
        return [adapter(sines, row, None) for row in x]

    names = ("numdifftools", "optimagic", "statsmodels", "scipy.differentiate")
    calls = {name: partial(at_all, peers.ADAPTERS[name]) for name in names}
    calls["bare"] = lambda: [sines(row) for row in x for _ in range(9)]
    found = best(calls, least=1)
    bare = found.pop("bare")
    return {name: t / bare for name, t in found.items()}
