"""Several points a task where calls are short beside a task, and copies of the last calls."""

import os
import threading
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from itertools import count

import numpy as np
import pytest

from derivkit import CalculusKit
from derivkit.engine.backends import pace, pools
from derivkit.engine.backends.pace import Pace
from derivkit.errors import WorkerDiedError

X0 = np.linspace(0.5, 2.0, 60)


def short(x):
    return float(np.sin(x).sum())


def told(seconds, n=1):
    return [("value", seconds)] * n


class Slow(Executor):
    """Two workers with calls of 1 us, to which a task takes ms to hand out, as on a cluster."""

    def __init__(self):
        self._threads = ThreadPoolExecutor(2)
        self._lock = threading.Lock()
        self.tasks = []
        self.out = self.most_out = 0

    def _count(self, more):
        with self._lock:
            self.out += more
            self.most_out = max(self.most_out, self.out)

    def submit(self, fn, *args):
        self.tasks.append(len(args[2]))  # after the task and the model, the points
        self._count(1)

        def call():
            try:
                return [(*each[:-1], 1e-6) for each in fn(*args)]
            finally:
                self._count(-1)

        return self._threads.submit(call)


@pytest.fixture
def a_slow_clock(monkeypatch):
    """A clock that goes on by 2 ms at every look, however busy this machine is."""
    ticks = count()
    clock = partial(pace.Pace, clock=lambda: 2e-3 * next(ticks))
    monkeypatch.setattr(pools, "Pace", clock)


def grown(seconds, apart, workers=2):
    """The points a task after tasks whose calls took so long, and that came so far apart."""
    now = [0.0]
    watched = Pace(clock=lambda: now[0])
    for _ in range(20 * workers):
        now[0] += apart / workers
        watched.heard(told(seconds, watched.points), workers, waiting=True)
    return watched.points


def test_tasks_grow_where_workers_wait_for_them():
    assert grown(seconds=1e-6, apart=2e-3) > 16


def test_tasks_do_not_grow_where_workers_are_busy():
    assert grown(seconds=1.9e-3, apart=2e-3) == 1


def test_tasks_stay_short():
    assert grown(seconds=0.03, apart=0.2, workers=1) * 0.03 <= pace.LONGEST


def test_tasks_of_many_workers_may_be_longer():
    assert grown(seconds=0.1, apart=4.0, workers=1000) > 16


def test_tasks_do_not_grow_while_there_is_nothing_to_do():
    watched = Pace()
    for _ in range(40):
        watched.heard(told(1e-6), 1, waiting=False)
    assert watched.points == 1


def test_the_end_of_a_round_is_shared_out_evenly():
    watched = Pace()
    watched.points = 64
    assert [len(part) for part in watched.shared(range(10), 4, 12)] == [3, 3, 3, 1]
    watched.one_by_one()
    assert [len(part) for part in watched.shared(range(3), 1, 3)] == [1, 1, 1]


def test_where_one_worker_of_many_has_room_and_more_is_waiting_its_task_is_a_whole_one():
    watched = Pace()
    watched.points = 64
    assert [len(part) for part in watched.shared(range(64), 1000, 1)] == [64]


def test_short_calls_go_several_a_task_to_the_same_bits(a_slow_clock):
    executor = Slow()
    result = CalculusKit(short, X0, executor=executor).gradient_result(n_workers=2)
    serial = CalculusKit(short, X0).gradient_result()
    assert result.value.tobytes() == serial.value.tobytes()
    assert result.nfev == serial.nfev == sum(executor.tasks)
    assert executor.tasks[0] == 1
    assert max(executor.tasks) >= 8
    assert len(executor.tasks) < result.nfev / 3


def test_n_workers_beside_an_executor_tells_its_size():
    executor = Slow()
    CalculusKit(short, X0[:20], executor=executor).gradient(n_workers=3)
    assert executor.most_out < 20  # where nothing is told it would be all 161


def deadly(x):
    if x[3] > X0[3] + 0.03:  # one point
        os._exit(3)
    return float(np.sin(x).sum())


def test_a_point_that_ends_its_worker_is_found_in_a_task_of_many(monkeypatch):
    monkeypatch.setattr(pace, "BUSY", 1e9)  # grow whatever happens
    kit = CalculusKit(deadly, X0, undefined=WorkerDiedError)  # at most 2**-4 of the scale away
    result = kit.gradient_result(n_workers=2)
    assert result.undefined[3] > 0
    assert sum(result.undefined) == result.undefined[3]
    np.testing.assert_allclose(result.value, np.cos(X0), rtol=1e-6)


def test_with_a_timeout_every_point_is_a_task_of_its_own():
    executor = Slow()
    CalculusKit(short, X0, executor=executor, timeout=60.0).gradient(n_workers=2)
    assert set(executor.tasks) == {1}


# -- copies of the last calls ---------------------------------------------------------------


class HangsOnce:
    """A model that takes very long the first time it meets a certain point."""

    def __init__(self):
        self._met = count()
        self.hangs = False
        self.let_go = threading.Event()

    def __call__(self, x):
        if 0 < x[0] - 1.0 < 0.01 and next(self._met) == 0:
            self.hangs = True
            self.let_go.wait(240)
            self.hangs = False
        time.sleep(0.002)
        return float(x[0] ** 3 + x[1])


@pytest.mark.parametrize("hedge", [True, False])
def test_a_copy_of_a_call_that_hangs_gives_the_answer(hedge):
    model = HangsOnce()
    if not hedge:
        threading.Timer(1.0, model.let_go.set).start()
    kit = CalculusKit(model, [1.0, 2.0], executor="threads", hedge=hedge)
    result = kit.gradient_result(n_workers=4)
    hangs = model.hangs
    model.let_go.set()
    alone = CalculusKit(lambda x: float(x[0] ** 3 + x[1]), [1.0, 2.0]).gradient_result()
    assert result.value.tobytes() == alone.value.tobytes()
    assert result.nfev == alone.nfev
    assert hangs is hedge


class FailsOnce(Executor):
    """Gives up the first task, as a cluster whose worker has left."""

    def __init__(self):
        self._threads = ThreadPoolExecutor(4)
        self.count = 0

    def submit(self, fn, *args):
        self.count += 1
        if self.count == 1:
            future = Future()

            def leave():
                if future.set_running_or_notify_cancel():
                    future.set_exception(OSError("worker left"))

            threading.Timer(0.05, leave).start()
            return future
        return self._threads.submit(fn, *args)


def test_a_task_whose_copy_is_out_may_be_lost():
    kit = CalculusKit(short, X0[:1], executor=FailsOnce(), hedge=True)
    np.testing.assert_allclose(kit.gradient(n_workers=16), np.cos(X0[:1]), rtol=1e-12)


def test_hedge_is_a_flag():
    with pytest.raises(TypeError, match="`hedge` must be True or False, got 3"):
        CalculusKit(short, X0, hedge=3)
