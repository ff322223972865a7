"""Threads: outputs in any order, an executor of daemons, models that share an array."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from derivkit import CalculusKit, ModelError
from derivkit.engine.backends.threads import DaemonThreads, ThroughThreads
from derivkit.engine.model import Failure, Model

POINTS = [((i,), np.array([float(i)])) for i in range(20)]


def replies(f, executor=None, n=3, timeout=None):
    backend = ThroughThreads(executor or DaemonThreads(n), n, timeout)
    return dict(backend(Model(f), iter(POINTS), {}))


def test_every_point_is_answered_in_several_threads():
    barrier, names = threading.Barrier(3, timeout=120), set()

    def f(x):
        if x[0] < 3:
            barrier.wait()  # passes only if three calls run at the same time
        names.add(threading.current_thread().name)
        return x[0] ** 2

    assert replies(f) == {(i,): float(i) ** 2 for i in range(20)}
    assert len(names) == 3


def test_daemon_threads_do_not_keep_the_interpreter_alive_and_hand_on_what_is_raised():
    executor = DaemonThreads(1)
    assert executor.submit(lambda: threading.current_thread().daemon).result(timeout=120)
    with pytest.raises(ZeroDivisionError):
        executor.submit(lambda: 1 / 0).result(timeout=120)


def test_a_users_executor_is_used_and_left_open():
    with ThreadPoolExecutor(2, thread_name_prefix="mine") as executor:
        names = []
        replies(lambda _: names.append(threading.current_thread().name) or 0.0, executor, 2)
        assert all(name.startswith("mine") for name in names)
        assert executor.submit(abs, -1).result(timeout=120) == 1


def test_a_model_that_returns_one_array_to_all_threads_is_caught():
    shared, met = np.zeros(1), threading.Barrier(2, timeout=120)

    def f(x):
        if x[0] < 2:
            met.wait()  # two threads for certain
        shared[0] = x[0]
        return shared

    found = [r for r in replies(f, n=2).values() if isinstance(r, Failure)]
    assert found
    assert "the same array in several threads" in str(found[0].error)


@pytest.mark.parametrize(
    "made",
    [lambda a: pd.Series(a, copy=False), lambda a: [a], lambda a: {"a": a}, lambda a: a[:]],
    ids=["Series", "list", "dict", "view"],
)
def test_memory_that_threads_share_in_another_shape_is_caught(made):
    shared, met = np.zeros(1), threading.Barrier(2, timeout=120)

    def f(x):
        if x[0] < 2:
            met.wait()
        shared[0] = x[0]
        return made(shared)

    found = [r for r in replies(f, n=2).values() if isinstance(r, Failure)]
    assert "the same array in several threads" in str(found[0].error)


def test_a_constant_that_nobody_can_write_to_may_be_shared():
    constant, met = np.array([1.0, 2.0]), threading.Barrier(2, timeout=120)
    constant.flags.writeable = False

    def f(x):
        if x[0] < 2:
            met.wait()
        return constant

    assert not [r for r in replies(f, n=2).values() if isinstance(r, Failure)]


def test_an_exit_in_a_thread_is_an_error_of_the_call():
    def f(x):
        if x[0] != 1.0:
            raise SystemExit(3)
        return 1.0

    with pytest.raises(ModelError, match="SystemExit"):
        CalculusKit(f, [1.0], executor="threads").gradient(n_workers=2)
