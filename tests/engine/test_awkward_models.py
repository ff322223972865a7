"""Models that keep state, scribble, reuse or lock: the right result, or a message, everywhere."""

import sys
import threading
import time

import numpy as np
import pytest

from derivkit import CalculusKit, ModelError

X0 = [0.4, 1.2, -2.0]
EXACT = [2.4, 0.8, 3.0]
METHOD = {"method": "finite", "stepsize": 0.01, "num_points": 5}

SERIAL = ("serial", {}, None)
PROCESSES = ("processes", {}, 2)
THREADS = ("threads", {"executor": "threads"}, 2)
FORK = ("fork", {"executor": "fork"}, 2)
ALONE = ("one process", {"executor": "processes"}, 1)
SAFE = [SERIAL, PROCESSES, ALONE, *([FORK] if sys.platform == "linux" else [])]


def value(x):
    return 2.0 * x[0] * x[1] + 3.0 * x[2]


def mutates_its_argument():
    def model(x):
        y = value(x)
        x[:] = np.nan
        return y

    return model


def reuses_its_buffer():
    buffer = np.zeros(1)

    def model(x):
        buffer[0] = value(x)
        time.sleep(0.001)
        return buffer

    return model


def keeps_a_scratch_array():
    scratch = np.zeros(200_000)

    def model(x):
        scratch[:3] = x
        time.sleep(0.001)
        return value(scratch)

    return model


def starts_from_the_last_solution():
    last = {"x": np.zeros(3)}

    def model(x):
        while not np.allclose(last["x"], x, rtol=0, atol=1e-15):
            last["x"] += 0.5 * (x - last["x"])
        last["x"] = x.copy()
        return value(last["x"])

    return model


def seeds_the_global_random_state():
    def model(x):
        np.random.seed(5)  # noqa: NPY002 - as models do
        time.sleep(0.001)
        return value(x) + np.random.normal()  # noqa: NPY002

    return model


def draws_from_a_stream_of_its_own():
    def model(x):
        return value(x) + np.random.default_rng(5).normal()

    return model


def keeps_a_result_under_its_argument():
    cache = {}

    def model(x):
        key = tuple(x)
        if key not in cache:
            cache[key] = value(x)
        return cache[key]

    return model


def counts_its_calls():
    steps = np.linspace(0.0, 1.0, 3)

    class Model:
        def __init__(self):
            self.calls = 0

        def __call__(self, x):
            self.calls += 1
            return value(x) + 0.0 * steps[self.calls % 3]

    return Model()


def holds_a_lock():
    lock = threading.Lock()

    def model(x):
        with lock:
            return value(x)

    return model


def gradient(model, where):
    _, options, n = where
    return CalculusKit(model, X0, **options).gradient(n_workers=n, **METHOD)


PURE = [
    mutates_its_argument,
    draws_from_a_stream_of_its_own,
    keeps_a_result_under_its_argument,
    counts_its_calls,
]
THREAD_UNSAFE = [
    reuses_its_buffer,
    keeps_a_scratch_array,
    starts_from_the_last_solution,
    seeds_the_global_random_state,
]


@pytest.mark.parametrize("where", SAFE, ids=lambda where: where[0])
@pytest.mark.parametrize("make", [*PURE, *THREAD_UNSAFE])
def test_the_gradient_is_right_wherever_calls_have_a_process_of_their_own(make, where):
    np.testing.assert_allclose(gradient(make(), where), EXACT, rtol=1e-9)


@pytest.mark.parametrize("make", [*PURE, holds_a_lock])
def test_the_gradient_is_right_in_threads_where_the_model_is_thread_safe(make):
    np.testing.assert_allclose(gradient(make(), THREADS), EXACT, rtol=1e-9)


def test_a_buffer_shared_by_threads_is_noticed():
    with pytest.raises(ModelError, match="returns the same array in several threads"):
        gradient(reuses_its_buffer(), THREADS)


@pytest.mark.parametrize("where", [SERIAL, THREADS, *SAFE[3:]], ids=lambda where: where[0])
def test_a_model_with_a_lock_runs_where_memory_is_shared(where):
    np.testing.assert_allclose(gradient(holds_a_lock(), where), EXACT, rtol=1e-9)


@pytest.mark.parametrize("where", [PROCESSES, ALONE], ids=lambda where: where[0])
def test_a_model_with_a_lock_is_refused_where_it_cannot_travel(where):
    with pytest.raises(TypeError, match="`lock`, a lock, cannot be pickled"):
        gradient(holds_a_lock(), where)


def test_a_serial_run_starts_no_thread_and_no_process():
    seen = set()

    def model(x):
        seen.add((threading.current_thread(), frozenset(threading.enumerate()) <= before))
        return value(x)

    before = set(threading.enumerate())
    CalculusKit(model, X0).gradient(n_workers=1, **METHOD)
    assert seen == {(threading.current_thread(), True)}
