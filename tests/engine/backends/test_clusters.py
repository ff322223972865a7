"""Executors that others made; Ray itself where it is installed."""

import importlib.util
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from derivkit import CalculusKit, ModelError, RayExecutor
from derivkit.engine.backends.clusters import pool_of, runs_threads
from derivkit.engine.backends.pools import UNKNOWN_SIZE

HAS_RAY = importlib.util.find_spec("ray") is not None
METHOD = {"method": "finite", "stepsize": 0.01, "num_points": 5}


@pytest.mark.skipif(HAS_RAY, reason="Ray is there")
def test_without_ray_the_extra_is_named():
    with pytest.raises(ImportError, match=r"pip install ray"):
        RayExecutor()


@pytest.mark.skipif(not HAS_RAY, reason="needs Ray")
@pytest.mark.filterwarnings("ignore")
def test_a_gradient_on_ray():
    data = np.ones(10**6)
    kit = CalculusKit(lambda x: data[0] * x[0] ** 2, [1.5], executor=RayExecutor())
    np.testing.assert_allclose(kit.gradient(**METHOD), [3.0], rtol=1e-9)
    with pytest.raises(ModelError, match="KeyError: 'no'"):
        CalculusKit(lambda x: {}["no"], [1.5], executor=RayExecutor()).gradient()


def test_the_size_of_an_executor_is_its_own_or_assumed():
    with ThreadPoolExecutor(3) as threads:
        assert pool_of(threads).size == 3
        assert runs_threads(threads)
    assert pool_of(Executor()).size == UNKNOWN_SIZE


def test_a_large_array_goes_to_local_processes_through_a_file():
    with ProcessPoolExecutor(1, get_context("spawn")) as processes:
        place = pool_of(processes).place(np.ones(10, np.uint8))
    assert isinstance(place, tuple)


def test_a_worker_of_a_users_pool_that_dies_names_the_points_and_keeps_what_finished():
    import os

    def model(x):
        if x[0] != 1.0:
            os._exit(1)
        return x[0]

    with ProcessPoolExecutor(1, get_context("spawn")) as processes:
        kit = CalculusKit(model, [1.0], executor=processes)
        with pytest.raises(ModelError, match=r"with it the pool, at one of .*n_workers="):
            kit.gradient(**METHOD)
    assert kit._memo[()] == 1.0
