"""Where a call runs: what can be asked for, and how joblib's configuration is followed."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config, register_parallel_backend
from joblib._parallel_backends import LokyBackend

from derivkit import CalculusKit, ModelError
from derivkit.engine.backends.choice import Execution, choose_backend
from derivkit.engine.backends.pools import ThroughPool
from derivkit.engine.backends.processes import ThroughFork
from derivkit.engine.backends.serial import serial, serial_within, vectorised
from derivkit.engine.backends.threads import DaemonThreads, ThroughThreads
from derivkit.engine.model import Model

MODEL = Model(lambda x: x[0])
METHOD = {"method": "finite", "stepsize": 0.01, "num_points": 3}


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"executor": "process"}, ValueError, "one of processes, threads, fork, got 'process'"),
        ({"executor": 4}, TypeError, "submit of concurrent.futures, got int"),
        ({"executor": ThreadPoolExecutor}, TypeError, r"make one of it, ThreadPoolExecutor\("),
        ({"timeout": 0}, ValueError, "positive number of seconds, got 0"),
        ({"timeout": float("nan")}, ValueError, "positive number of seconds"),
        ({"timeout": "5"}, TypeError, "number of seconds or None, got '5'"),
    ],
)
def test_a_bad_choice_is_refused_at_the_door(keywords, error, message):
    with pytest.raises(error, match=message):
        CalculusKit(lambda x: x[0], [1.0], **keywords)


def test_a_client_in_place_of_its_executor_is_told_what_to_take():
    class Client:
        def get_executor(self):
            raise NotImplementedError

    with pytest.raises(TypeError, match="take its get_executor"):
        CalculusKit(lambda x: x[0], [1.0], executor=Client())


def test_serial_is_the_default_and_what_one_worker_means():
    assert choose_backend(MODEL) is serial
    assert choose_backend(MODEL, 1) is serial


def test_one_worker_is_serial_whatever_joblib_is_configured_to():
    with parallel_config(backend="threading", n_jobs=2):
        assert choose_backend(MODEL, 1) is serial


def test_a_vectorised_model_is_called_in_one_call():
    assert choose_backend(Model(lambda x: x, vectorized=True), 4) is vectorised


@pytest.mark.parametrize(
    ("executor", "kind"),
    [("processes", ThroughPool), ("threads", ThroughThreads), ("fork", ThroughFork)],
)
def test_names_of_executors(executor, kind):
    if executor == "fork" and not hasattr(os, "fork"):
        pytest.skip("cannot fork")
    assert type(choose_backend(MODEL, 2, Execution(executor))) is kind


@pytest.mark.parametrize(
    ("backend", "n_jobs", "kind"),
    [
        ("loky", 2, ThroughPool),
        ("loky", -1, ThroughPool),
        ("threading", 2, ThroughThreads),
        ("multiprocessing", 2, ThroughPool),
    ],
)
def test_the_configuration_of_joblib_is_followed(backend, n_jobs, kind):
    with parallel_config(backend=backend, n_jobs=n_jobs):
        assert isinstance(choose_backend(MODEL), kind)


def test_a_configuration_without_a_number_is_serial_as_in_joblib():
    with parallel_config(backend="threading"):
        assert choose_backend(MODEL) is serial


def test_within_a_worker_of_joblib_a_kit_is_serial():
    def one(i):
        kit = CalculusKit(lambda x: threading.active_count() * x[0] ** 2, [float(i)])
        return kit.gradient(**METHOD)[0] / threading.active_count()

    found = Parallel(n_jobs=2)(delayed(one)(i) for i in (1, 2, 3))
    np.testing.assert_allclose(found, [2.0, 4.0, 6.0], rtol=1e-8)


class UnknownBackend(LokyBackend):
    """Stands for one that derivkit does not know, as Spark's."""


# a thread of loky stumbles over cancelled tasks now and then; the pool is given up anyway
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_backend_that_is_not_known_is_called_through_joblib():
    register_parallel_backend("unknown", UnknownBackend)
    with parallel_config(backend="unknown", n_jobs=2):
        kit = CalculusKit(lambda x: x[0] ** 2 + 0.0 * os.getpid(), [1.5])
        np.testing.assert_allclose(kit.gradient(**METHOD), [3.0], rtol=1e-6)
        with pytest.raises(ModelError, match="KeyError: 'no'"):
            CalculusKit(lambda x: {}["no"], [1.5]).gradient(**METHOD)


def test_a_serial_call_can_have_a_limit_in_the_main_thread():
    backend = choose_backend(MODEL, None, Execution(timeout=3.0))
    assert (backend.func, backend.args) == (serial_within, (3.0,))
    kit = CalculusKit(lambda x: time.sleep(20), [1.0], timeout=0.05)
    with pytest.raises(ModelError, match="TimeoutError: the call took longer"):
        kit.gradient(**METHOD)


def test_a_limit_can_mean_undefined():
    def model(x):
        if x[0] > 1.006:  # the first step, not its half: each waits for the limit
            time.sleep(20)
        return x[0] ** 2

    kit = CalculusKit(model, [1.0], timeout=2.0, undefined=TimeoutError)
    result = kit.gradient_result(**METHOD)
    assert result.undefined[0] >= 1


def test_a_vectorised_call_can_have_a_limit():
    def model(x):
        time.sleep(20)

    with pytest.raises(ModelError, match="TimeoutError"):
        CalculusKit(model, [1.0], vectorized=True, timeout=0.05).gradient(**METHOD)


def test_a_limit_that_cannot_be_kept_is_refused():
    caught = []

    def choose():
        try:
            choose_backend(MODEL, None, Execution(timeout=1.0))
        except ValueError as error:
            caught.append(str(error))

    thread = threading.Thread(target=choose)
    thread.start()
    thread.join()
    assert "use executor='processes'" in caught[0]


def test_a_call_in_a_thread_that_takes_too_long_is_given_up():
    def model(x):
        if x[0] != 1.0:
            let_go.wait(600)
        return x[0]

    let_go = threading.Event()
    try:
        kit = CalculusKit(model, [1.0], executor="threads", timeout=1.0)
        with pytest.raises(ModelError, match="TimeoutError"):
            kit.gradient(n_workers=2, **METHOD)
    finally:
        let_go.set()


def test_a_daemon_thread_hands_on_what_a_task_raises_and_ends_with_its_executor():
    before = set(threading.enumerate())
    executor = DaemonThreads(2)
    own = set(threading.enumerate()) - before
    assert len(own) == 2
    assert isinstance(executor.submit(lambda: 1 / 0).exception(), ZeroDivisionError)
    del executor
    for thread in own:
        thread.join(60)
    assert not any(thread.is_alive() for thread in own)


def test_threads_that_still_call_are_replaced_at_the_next_call():
    over, together = threading.Event(), threading.Barrier(2)

    def model(x):
        if x[0] == 1.0:
            over.wait(60)
        if x[0] > 1.0:
            together.wait(30)
        return x[0]

    backend = ThroughThreads(DaemonThreads(2), 2)
    left = backend(Model(model), [((i,), np.array([float(i)])) for i in (0, 1)], {})
    assert next(left) == ((0,), 0.0)
    left.close()
    jobs = [((i,), np.array([float(i)])) for i in (2, 3)]
    try:
        assert dict(backend(Model(model), jobs, {})) == {(2,): 2.0, (3,): 3.0}
    finally:
        over.set()
