"""Executors that a user brings, as they break: every point has its reply, and none is awaited."""

import os
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from derivkit import CalculusKit, ModelError, WorkerDiedError


def has_no_licence():
    raise OSError("no licence")


def dies_away_from_x0(x):
    if x[0] not in {1.0, 2.0}:
        os._exit(1)
    return x[0]


@pytest.fixture
def processes():
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        yield pool


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_threads_that_cannot_start_are_told_of():
    with (
        ThreadPoolExecutor(2, initializer=has_no_licence) as threads,
        pytest.raises(RuntimeError, match="`executor` cannot be used: the initializer"),
    ):
        CalculusKit(np.prod, [1.0], executor=threads).gradient()


@pytest.mark.parametrize("budget", [None, 50], ids=["streaming", "in rounds"])
def test_a_pool_that_is_gone_is_no_place_where_the_model_is_undefined(processes, budget):
    kit = CalculusKit(dies_away_from_x0, [1.0], executor=processes, undefined=WorkerDiedError)
    with pytest.raises(ModelError, match="a worker of the executor died"):
        kit.gradient(max_evaluations=budget)


def test_every_one_of_many_points_is_told_of_a_pool_that_is_gone(processes):
    kit = CalculusKit(dies_away_from_x0, [1.0], executor=processes)
    found = kit.at_many("gradient", [[1.0], [2.0], [3.0]], return_exceptions=True)
    assert [type(each) for each in found] == [ModelError] * 3


def test_a_task_that_somebody_cancels_is_asked_for_again():
    class Forgetful(ThreadPoolExecutor):
        forgotten = 0

        def submit(self, *task):
            future = super().submit(*task)
            if self.forgotten < 3 and future.cancel():
                self.forgotten += 1
            return future

    with Forgetful(1) as threads, warnings.catch_warnings():
        found = CalculusKit(np.prod, [1.0, 2.0], executor=threads).gradient()
        assert threads.forgotten
    np.testing.assert_allclose(found, [2.0, 1.0])
