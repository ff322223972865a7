"""Parallel gradients of the peers that have them, run in their own environment."""

import time

import numpy as np

RUNS = 6  # of which the best counts: workers that import much are warm only after a few


def measured(p, n, seconds):
    """Return [wall time, model calls] of each peer, for calls that sleep; workers are warm."""
    from optimagic import first_derivative

    from derivkit import CalculusKit  # the published one

    def published(f):
        CalculusKit(f, np.ones(p)).gradient(n_workers=n)

    def optimagic(f):
        first_derivative(f, np.ones(p), n_cores=n)

    gradients = {"derivkit-1.4": published, "optimagic": optimagic}
    return {name: _timed(gradient, seconds) for name, gradient in gradients.items()}


def _timed(gradient, seconds):
    calls = []

    def counted(x):
        calls.append(1)
        return float(np.sum(x**3))

    def sleeping(x):
        time.sleep(seconds)
        return float(np.sum(x**3))

    _in_this_process(gradient, counted)
    return [min(_once(gradient, sleeping) for _ in range(RUNS)), len(calls)]


def _once(gradient, f):
    start = time.perf_counter()
    gradient(f)
    return time.perf_counter() - start


def _in_this_process(gradient, f):
    from joblib import parallel_config

    with parallel_config(backend="threading"):
        gradient(f)
