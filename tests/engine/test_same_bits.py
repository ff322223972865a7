"""The same bits and the same calls, wherever the model runs and in whatever order it is done."""

import random
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from joblib import parallel_config, register_parallel_backend
from joblib._parallel_backends import LokyBackend

from derivkit import CalculusKit

X0 = np.array([0.3, -1.7, 25.0, 1e-3])
FORKS = sys.platform == "linux"


def elementwise(x):
    return x[..., 0] * x[..., 1] + x[..., 2] * x[..., 2] / 7.0 + 3.0 * x[..., 3] ** 3


class Shuffled(Executor):
    """Runs tasks when there is nothing left to submit, in an order of its own."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.waiting = []
        threading.Thread(target=self.work, daemon=True).start()

    def submit(self, fn, *args):
        future = Future()
        self.waiting.append((future, fn, args))
        return future

    def work(self):
        while True:
            time.sleep(0.01)
            waiting, self.waiting = self.waiting, []
            self.random.shuffle(waiting)
            for future, fn, args in waiting:
                future.set_result(fn(*args))


def gradient(n_workers=None, **options):
    kit = CalculusKit(elementwise, X0, **options)
    result = kit.gradient_result(n_workers=n_workers)
    return result.value.tobytes(), result.error.tobytes(), result.nfev


@pytest.fixture(scope="module")
def serial():
    return gradient()


@pytest.mark.parametrize("n", [2, 4])
def test_processes_of_any_number_give_the_same_bits(serial, n):
    assert gradient(n) == serial


@pytest.mark.parametrize("executor", ["processes", "threads"] + ["fork"] * FORKS)
def test_every_kind_of_worker_gives_the_same_bits(serial, executor):
    assert gradient(2, executor=executor) == serial


class OfOnesOwn(LokyBackend):
    """A backend of joblib's that this package knows nothing of."""


register_parallel_backend("of one's own", OfOnesOwn)


def compared(n_workers=None, executor=None):
    kit = CalculusKit(elementwise, X0, executor=executor)
    result = kit.hessian_result(n_workers=n_workers, compare=lambda x: 1.001 * elementwise(x))
    assert (result.gap > 0).any()
    return result.value.tobytes(), result.error.tobytes(), result.gap.tobytes(), result.nfev


@pytest.mark.parametrize("executor", ["processes", "threads"] + ["fork"] * FORKS)
def test_another_model_to_compare_with_goes_to_the_workers_too(executor):
    assert compared(2, executor) == compared()


def test_another_model_goes_through_a_backend_of_joblibs():
    plain = compared()
    with parallel_config(backend="of one's own", n_jobs=2):
        assert compared() == plain


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing", "sequential"])
def test_a_configuration_of_joblib_gives_the_same_bits(serial, backend):
    with parallel_config(backend=backend, n_jobs=2):
        assert gradient() == serial


def test_executors_of_the_standard_library_give_the_same_bits(serial):
    with ThreadPoolExecutor(2) as threads:
        assert gradient(executor=threads) == serial
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        assert gradient(executor=processes) == serial


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_completion_gives_the_same_bits(serial, seed):
    assert gradient(executor=Shuffled(seed)) == serial


def test_a_vectorised_call_gives_the_same_bits(serial):
    assert gradient(vectorized=True) == serial


@pytest.mark.filterwarnings("ignore::derivkit.UnresolvedWarning")
def test_a_budget_is_kept_and_gives_the_same_bits_in_parallel():
    calls = []

    def model(x):
        calls.append(1)
        return elementwise(x)

    def spent(n):
        calls.clear()
        kit = CalculusKit(model, X0, executor="threads")
        result = kit.gradient_result("finite", n_workers=n, max_evaluations=17)
        return result.value.tobytes(), result.error.tobytes(), result.nfev, len(calls)

    assert spent(4) == spent(1)
    assert spent(4)[-1] <= 17


def test_parallel_runs_make_the_calls_of_a_serial_run_and_no_more():
    def points_of(**options):
        seen = []

        def model(x):
            seen.append(x.tobytes())
            return elementwise(x)

        CalculusKit(model, X0, **options).gradient(n_workers=4 if options else 1)
        return sorted(seen)

    assert points_of(executor="threads") == points_of()
