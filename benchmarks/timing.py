"""Timing of gradients, here and in the peers' environment."""

import time
import tracemalloc
from functools import partial

import numpy as np

LEAST, MOST = 3, 100  # runs of one measurement …
BUDGET = 1.0  # … and the seconds after which it ends


def plain(x):
    """Sum of squares of one point: about a microsecond."""
    return x.dot(x)


def vectorised(x):
    """Sum of squares of points (n, p)."""
    return np.einsum("ij,ij->i", x, x)


def over_first_axis(x):
    """Sum of squares as scipy.differentiate calls it: the parameters along the first axis."""
    return np.einsum("i...,i...->...", x, x)


def point(p):
    return np.linspace(1.0, 2.0, p)


def best_time(call, repeats=None):
    """Return the shortest time of a call, in seconds."""
    times, start = [], time.perf_counter()
    while len(times) < (repeats or LEAST) or (
        repeats is None and len(times) < MOST and time.perf_counter() - start < BUDGET
    ):
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    return min(times)


def peak_memory(call):
    """Return the peak of what one call allocates, in bytes; a first call pays for imports."""
    call()
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def peer_calls(p):
    """Return the peers' gradients of the same function."""
    from benchmarks import peers

    x = point(p)
    calls = {name: partial(adapter, plain, x, None) for name, adapter in peers.ADAPTERS.items()}
    calls["scipy.differentiate, vectorised"] = partial(_scipy_vectorised, x)
    calls["derivkit-1.4"] = partial(_published, x)
    calls["derivkit-1.4 finite, ridders"] = partial(
        _published, x, method="finite", extrapolation="ridders"
    )
    return calls


def _published(x, **options):
    """DerivKit 1.4 as its users call it."""
    from derivkit import CalculusKit

    return CalculusKit(plain, x).gradient(**options)


def _scipy_vectorised(x):
    from scipy.differentiate import jacobian

    return jacobian(over_first_axis, x)


def peer_times(sizes):
    """Return each peer's best times in seconds."""
    return {name: [best_time(peer_calls(p)[name]) for p in sizes] for name in peer_calls(1)}


def peer_memory(p):
    """Return each peer's peak memory in bytes."""
    return {name: peak_memory(call) for name, call in peer_calls(p).items()}
