"""A real cluster: two worker processes of dask.distributed on this machine."""

import asyncio
import os
import signal
import threading
import time
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from joblib import parallel_config

from derivkit import CalculusKit, ModelError, UnresolvedWarning, WorkerDiedError
from derivkit.engine.backends.pools import ThroughPool

distributed = pytest.importorskip("distributed")

pytestmark = [  # what the cluster leaves to the garbage collector is not ours to close
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Port .* is already in use:UserWarning"),
]

X0 = np.array([0.3, -1.7, 25.0])
METHOD = {"method": "finite", "stepsize": 0.01, "num_points": 5}


def started(cluster):
    """Return the ids of the worker processes that run and that Dask knows to run."""
    up = distributed.Status.running
    nannies = [nanny for nanny in cluster.workers.values() if nanny.status == up and nanny.process]
    return [nanny.pid for nanny in nannies if nanny.process.status == up]


def wait_until_none_is_being_started(cluster, seconds=60):
    """Wait for those that Dask is starting; those it has given up do not matter."""
    end = time.monotonic() + seconds
    while len(started(cluster)) < len(cluster.workers):
        assert time.monotonic() < end, "Dask has not restarted its workers"
        time.sleep(0.02)


@contextmanager
def deaths(cluster, folder):
    """Kill every worker that asks for it by a file of its number, once Dask knows that it runs.

    One that dies earlier, Dask may never start again. It may give up others too; they are replaced,
    as a cluster's manager would.
    """
    over = threading.Event()

    def kill_who_asks():
        killed = set()  # Dask may still count who is dead
        while not over.wait(0.02):
            if len(cluster.workers) < 2:
                cluster.scale(2)
            for process in set(started(cluster)) - killed:
                if (folder / str(process)).exists():
                    os.kill(process, signal.SIGKILL)
                    killed.add(process)

    thread = threading.Thread(target=kill_who_asks)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def wait_until_two_run(client, seconds=90):
    """Wait until two workers take tasks; those that deaths cost it for good are replaced."""
    cluster, end = client.cluster, time.monotonic() + seconds
    while len(started(cluster)) < 2:
        assert time.monotonic() < end, "Dask has not started two workers"
        if len(cluster.workers) < 2:
            cluster.scale(2)
        time.sleep(0.05)
    client.wait_for_workers(2, timeout=seconds)


@pytest.fixture(scope="module")
def one_client():
    import dask

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            dask.config.set({"distributed.scheduler.allowed-failures": 1}),
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client
            wait_until_none_is_being_started(cluster)  # one that is being started cannot be closed


@pytest.fixture
def client(one_client):
    wait_until_two_run(one_client)
    return one_client


@pytest.fixture
def executor(client):
    return client.get_executor(pure=False)


def polynomial():
    return lambda x: x[0] * x[1] + x[2] * x[2] / 7.0


def answer(**options):
    result = CalculusKit(polynomial(), X0, **options).gradient_result()
    return result.value.tobytes(), result.error.tobytes(), result.nfev


def test_its_executor_gives_the_bits_of_a_serial_run(executor):
    assert answer(executor=executor) == answer()


def test_the_configuration_of_joblib_is_followed(client):
    expected = answer()
    with parallel_config(backend="dask", client=client):
        assert answer() == expected


def test_large_data_are_sent_once_and_the_model_is_set_up_once_a_worker(executor, tmp_path):
    data = np.ones(10**6)
    handles = []

    def model(x):
        if not handles:
            (tmp_path / f"{os.getpid()}-{time.monotonic_ns()}").touch()
            handles.append(data.sum())
        data[0] = 0.0
        return handles[0] * x[0]

    kit = CalculusKit(model, [1.0], executor=executor)
    np.testing.assert_allclose(kit.gradient(**METHOD), [1e6], rtol=1e-9)
    kit.gradient("finite", stepsize=0.013, num_points=9, extrapolation=None)
    assert 1 <= len(list(tmp_path.iterdir())) <= 2
    assert data[0] == 1.0


def leaves():
    raise SystemExit("no convergence")


def two_arguments():
    class TwoArgumentError(LookupError):
        def __init__(self, code, where):
            super().__init__(f"code {code} at {where}")

    raise TwoArgumentError(7, "the wall")


def loads_what_is_not_there():
    import a_module_that_is_not_there  # noqa: F401


@pytest.mark.parametrize(
    ("fail", "message"),
    [
        (leaves, "SystemExit: no convergence"),
        (two_arguments, "TwoArgumentError: code 7 at the wall"),
        (loads_what_is_not_there, "ModuleNotFoundError"),
    ],
)
@pytest.mark.parametrize("through", ["executor", "joblib"])
def test_a_failing_call_is_an_error_with_its_traceback_and_does_not_hang(
    client, through, fail, message
):
    from cloudpickle import dumps, loads

    fail.__module__ = "__main__"  # so that it travels by value, as from a notebook
    fail = loads(dumps(fail))

    def model(x):
        return x[0] if x[0] == 1.0 else fail()

    options = {"executor": client.get_executor(pure=False)} if through == "executor" else {}
    with (
        parallel_config(**({} if options else {"backend": "dask", "client": client})),
        pytest.raises(ModelError, match=message) as caught,
    ):
        CalculusKit(model, [1.0], names=["H0"], **options).gradient(**METHOD)
    assert caught.value.parameter == "H0"
    assert fail.__name__ in "".join(caught.value.__cause__.__notes__)


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit, asyncio.CancelledError])
def test_what_is_no_failure_of_the_model_is_raised_as_it_is(executor, error):
    def model(x):
        if x[0] != 1.0:
            raise error("out of the blue")
        return x[0]

    with pytest.raises(error, match="out of the blue"):
        CalculusKit(model, [1.0], executor=executor).gradient(**METHOD)
    assert answer(executor=executor) == answer()


def test_an_unpicklable_result_is_a_message(executor):
    with pytest.raises(TypeError, match="must return a number"):
        CalculusKit(lambda x: threading.Lock(), [1.0], executor=executor).gradient(**METHOD)


def test_a_call_that_takes_too_long_is_given_up(executor):
    def model(x):
        if x[0] != 1.0:
            time.sleep(10.0)
        return x[0]

    kit = CalculusKit(model, [1.0], executor=executor, timeout=2.0)
    with pytest.raises(ModelError, match=r"longer than timeout = 2 s"):
        kit.gradient(**METHOD)


# on a busy machine it takes long until there are workers again, which is told
@pytest.mark.filterwarnings("ignore:the Dask cluster has no workers left:RuntimeWarning")
def test_a_point_that_kills_its_workers_is_found_and_what_finished_is_kept(
    client, executor, tmp_path
):
    def model(x):
        if x[0] > 1.015:
            (tmp_path / str(os.getpid())).touch()
            time.sleep(60)
        return x[0] ** 2

    with deaths(client.cluster, tmp_path), warnings.catch_warnings():
        warnings.simplefilter("ignore", UnresolvedWarning)
        kit = CalculusKit(model, [1.0], executor=executor, undefined=WorkerDiedError)
        result = kit.gradient_result(**METHOD)
        assert result.undefined[0] >= 1
        kit = CalculusKit(model, [1.0], executor=executor)
        with pytest.raises(ModelError, match=r"at x\[0\] = 1\.0.*the worker process died"):
            kit.gradient(**METHOD)


def test_a_cluster_without_workers_is_told_of_and_waited_for(monkeypatch):
    from derivkit.engine.backends import clusters

    monkeypatch.setattr(clusters, "PATIENCE", 0.5)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        kit = CalculusKit(polynomial(), X0, executor=client.get_executor(pure=False))
        client.retire_workers()
        warn = clusters._Census._warn

        def warn_and_join(census, text):
            warn(census, text)
            cluster.scale(2)

        monkeypatch.setattr(clusters._Census, "_warn", warn_and_join)
        with pytest.warns(RuntimeWarning, match="has no workers left"):
            found = kit.gradient()
    np.testing.assert_array_equal(found, CalculusKit(polynomial(), X0).gradient())


def test_workers_that_join_later_are_given_work(monkeypatch):
    from derivkit.engine.backends import clusters

    monkeypatch.setattr(clusters, "RECOUNT", 0.0)
    with (
        distributed.LocalCluster(
            n_workers=0, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        pool = clusters.pool_of(client.get_executor(pure=False))
        assert pool.now == 1
        cluster.scale(3)
        client.wait_for_workers(3)
        assert pool.now == 3
        assert ThroughPool(pool).workers == 3


def slow(x):
    time.sleep(0.7)
    return float(x[0])


def test_workers_that_are_threads_of_one_process_are_told_of():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        kit = CalculusKit(slow, [1.0], executor=client.get_executor(pure=False))
        with pytest.warns(RuntimeWarning, match="processes=True, or use executor='threads'"):
            kit.gradient("finite", num_points=3, extrapolation=None)
