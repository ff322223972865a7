"""Worker processes of this machine: what they keep, what they survive, what they report."""

import os
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config

from derivkit import CalculusKit, ModelError, UnresolvedWarning, WorkerDiedError
from derivkit.engine.backends.pools import ThroughPool
from derivkit.engine.backends.processes import (
    THREADS_OF,
    ThroughFork,
    local_pool,
    worker_environment,
)
from derivkit.engine.model import Failure, Model

METHOD = {"method": "finite", "stepsize": 0.1, "num_points": 5}
HERE = ["processes"] + (["fork"] if sys.platform == "linux" else [])
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")


def replies(function, points, *, n=2, **options):
    """Call a function at points through two processes, and return the replies in order."""
    backend = ThroughPool(local_pool(n), **options)
    jobs = [((i,), np.array([float(x)])) for i, x in enumerate(points)]
    return [
        reply for _, reply in sorted(backend(Model(function), jobs, {}), key=lambda pair: pair[0])
    ]


def test_every_point_is_called_once_and_its_value_comes_back():
    assert replies(lambda x: x[0] ** 2, range(50)) == [float(i**2) for i in range(50)]


def test_results_come_as_they_are_ready_not_in_order(tmp_path):
    backend = ThroughPool(local_pool(2))
    jobs = [((i,), np.array([float(i)])) for i in range(6)]

    def model(x):
        end = time.monotonic() + 60
        while x[0] == 0 and len(list(tmp_path.iterdir())) < 5 and time.monotonic() < end:
            time.sleep(0.01)
        return x[0]

    order = []
    for _, reply in backend(Model(model), jobs, {}):
        order.append(reply)
        (tmp_path / str(reply)).touch()  # the first waits until the others have been received
    assert sorted(order) == [float(i) for i in range(6)]
    assert order.index(0.0) >= 4


def test_workers_are_kept_from_call_to_call_with_what_the_model_set_up():
    handles = []

    def model(x):
        if not handles:
            handles.append(len(handles) + os.getpid() + time.monotonic())
        return handles[0]

    found = [set(replies(model, range(20))) for _ in range(8)]  # one worker may have done them all
    # two, and as many again where loky has replaced workers that grew; else eight or more
    assert len(set.union(*found)) < 8


def test_a_captured_large_array_may_be_written_to():
    scratch = np.zeros(10**6)

    def model(x):
        scratch[:] = x[0]
        return scratch.mean()

    assert replies(model, range(8)) == [float(i) for i in range(8)]


def test_a_model_that_cannot_be_pickled_is_refused_by_name_and_not_run_serially():
    lock = threading.Lock()
    calls = []

    def model(x):
        calls.append(1)
        with lock:
            return x[0]

    with pytest.raises(TypeError, match=r"`lock`, a lock, cannot be pickled .*executor='fork'"):
        CalculusKit(model, [1.0]).gradient(n_workers=2)
    assert not calls


@posix
@pytest.mark.skipif(sys.platform != "linux", reason="fork is for Linux")
def test_a_model_that_cannot_be_pickled_runs_in_forked_processes():
    lock = threading.Lock()

    def model(x):
        with lock:
            return x[0] ** 2

    gradient = CalculusKit(model, [1.5], executor="fork").gradient(n_workers=2, **METHOD)
    np.testing.assert_allclose(gradient, [3.0], rtol=1e-9)


@pytest.mark.parametrize("executor", HERE)
def test_a_bug_is_shown_with_its_own_traceback_the_parameter_and_the_point(executor):
    def model(x):
        return x[0] if x[1] == 2.0 else {}["absent"]

    kit = CalculusKit(model, [1.0, 2.0], names=["H0", "omega"], executor=executor)
    with pytest.raises(ModelError, match=r"omega was varied, at omega = .*KeyError: 'absent'") as e:
        kit.gradient(n_workers=2, **METHOD)
    assert e.value.parameter == "omega"
    assert e.value.x[0] == 1.0
    assert e.value.x[1] != 2.0
    assert isinstance(e.value.__cause__, KeyError)
    assert 'x[0] if x[1] == 2.0 else {}["absent"]' in "".join(e.value.__cause__.__notes__)


@pytest.mark.parametrize("executor", HERE)
def test_leaving_the_program_in_the_model_does_not_end_the_session(executor):
    def model(x):
        return x[0] if x[0] == 1.0 else sys.exit("no convergence")

    with pytest.raises(ModelError, match="SystemExit: no convergence"):
        CalculusKit(model, [1.0], executor=executor).gradient(n_workers=2, **METHOD)


def test_what_is_undefined_is_sorted_in_the_worker():
    class SimulatorError(Exception):
        def __init__(self, code, where):
            super().__init__(code, where)

    def model(x):
        if x[0] < 1.0:
            raise SimulatorError(3, "a wall")
        return x[0] ** 2

    kit = CalculusKit(model, [1.0], undefined=SimulatorError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnresolvedWarning)  # it may or may not be resolved
        result = kit.gradient_result(n_workers=2, **METHOD)
    assert result.undefined[0] > 0


@posix
def test_a_worker_that_dies_once_is_survived(tmp_path):
    mark = tmp_path / "died"

    def model(x):
        if x[0] == 3.0 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return x[0]

    assert replies(model, range(12)) == [float(i) for i in range(12)]


@posix
@pytest.mark.parametrize("how", ["exit", "segmentation fault"])
def test_a_point_that_kills_its_worker_is_found_and_the_others_are_done(how):
    def model(x):
        if x[0] == 3.0:
            if how == "exit":
                os._exit(1)
            os.kill(os.getpid(), signal.SIGSEGV)
        return x[0]

    got = replies(model, range(12))
    assert isinstance(got[3], Failure)
    assert isinstance(got[3].error, WorkerDiedError)
    assert [g for i, g in enumerate(got) if i != 3] == [float(i) for i in range(12) if i != 3]


@posix
def test_a_model_that_dies_is_an_error_that_names_the_point_and_keeps_what_finished(tmp_path):
    def model(x):
        (tmp_path / f"{x[0]!r} {x[1]!r}".replace(".", "_")).touch()
        if x[1] > 2.0 and x[0] == 1.0:
            os._exit(1)
        return x[0]

    kit = CalculusKit(model, [1.0, 2.0], names=["a", "b"])
    with pytest.raises(ModelError, match=r"b was varied, at b = 2\..*worker process died"):
        kit.gradient(n_workers=2, **METHOD)
    assert kit._memo


@posix
def test_a_dying_worker_can_mean_undefined():
    def model(x):
        if x[0] > 1.0:
            os._exit(1)
        return 2.0 * x[0]

    kit = CalculusKit(model, [1.0], undefined=WorkerDiedError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnresolvedWarning)
        result = kit.gradient_result("fornberg", grid=[-0.2, -0.1, 0.0, 0.1], n_workers=2)
    assert result.undefined[0] == 1


@posix
def test_a_call_that_takes_too_long_names_the_point():
    def model(x):
        if x[0] > 1.0:
            time.sleep(600)
        return x[0]

    start = time.monotonic()
    with pytest.raises(ModelError, match=r"at x\[0\] = 1\..*longer than timeout = 2 s"):
        CalculusKit(model, [1.0], timeout=2.0).gradient(n_workers=2, **METHOD)
    assert time.monotonic() - start < 300


@posix
def test_a_call_that_ignores_the_alarm_is_ended_with_its_worker():
    def model(x):
        if x[0] == 1.0:
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            time.sleep(600)
        return x[0]

    got = replies(model, range(4), timeout=2.0)
    assert isinstance(got[1].error, TimeoutError)
    assert [got[i] for i in (0, 2, 3)] == [0.0, 2.0, 3.0]


def test_threads_for_linear_algebra_are_shared_out_and_can_be_overridden(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "5")
    environment = worker_environment(1000)
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["MKL_NUM_THREADS"] == "5"
    assert set(worker_environment(2, 3).values()) == {"3"}

    def model(x):
        return float(os.environ[THREADS_OF[0]]) * x[0]

    with parallel_config(backend="loky", n_jobs=2, inner_max_num_threads=7):
        assert CalculusKit(model, [1.0]).gradient(**METHOD) == pytest.approx(7.0)


def test_workers_watch_whether_their_parent_is_alive():
    names = replies(lambda x: float("_end_with" in str(threading.enumerate())), range(4))
    assert set(names) == {1.0}


def test_nothing_is_left_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data = np.ones(10**6)
    assert replies(lambda x: data[0] * x[0], range(4)) == [0.0, 1.0, 2.0, 3.0]
    assert not list(Path(tmp_path).iterdir())


def test_a_call_with_other_workers_leaves_those_of_another_thread_at_work():
    found = []
    begun = threading.Event()

    def model(x):
        time.sleep(0.02)
        return x.sum()

    def in_a_thread():
        kit = CalculusKit(model, np.ones(6))
        found.append(kit.gradient(n_workers=2, progress=lambda _: begun.set(), **METHOD))

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    assert begun.wait(300)
    CalculusKit(np.prod, [1.0]).gradient(n_workers=3, **METHOD)
    thread.join()
    np.testing.assert_allclose(found, [np.ones(6)])


@pytest.mark.parametrize("kind", HERE)
def test_a_pool_that_was_left_is_replaced_at_the_next_call(kind):
    backend = ThroughPool(local_pool(2)) if kind == "processes" else ThroughFork(2)
    model = Model(lambda x: os.getpid())
    jobs = [((i,), np.array([float(i)])) for i in range(8)]
    left = backend(model, jobs, {})
    first = next(left)[1]
    left.close()
    later = {process for _, process in backend(model, jobs, {})}
    assert len(later) <= 2
    assert first not in later
