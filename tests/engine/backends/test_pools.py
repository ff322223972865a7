"""Pools: points through futures, workers that die, tasks that are cancelled."""

from concurrent.futures import BrokenExecutor, Executor, Future

import numpy as np
import pytest

from derivkit import ModelError, WorkerDiedError
from derivkit.engine.backends.pools import Pool, ThroughPool
from derivkit.engine.model import Failure, Model

POINTS = [((i,), np.array([float(i)])) for i in range(12)]


def square(x):
    return float(x[0] ** 2)


class Inline(Executor):
    """Runs a task when it is submitted; breaks at the task of a given number."""

    def __init__(self, breaks_at=None):
        self.breaks_at = breaks_at
        self.submitted = 0

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.submitted += 1
        if self.breaks_at is not None and self.submitted >= self.breaks_at:
            future.set_exception(BrokenExecutor("a worker has gone"))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


def replies(pool):
    backend = ThroughPool(pool)
    backend.one_by_one()  # else how many points a task gets depends on what a task takes
    return dict(backend(Model(square), iter(POINTS), {}))


def test_every_point_goes_through_the_executor_once():
    executor = Inline()
    assert replies(Pool(executor, 2)) == {(i,): float(i * i) for i in range(12)}
    assert executor.submitted == 12


def test_no_two_tasks_are_alike_also_where_their_points_are():
    # Dask takes tasks with the same arguments for one, and cancels both
    seen = []

    class Remembering(Inline):
        def submit(self, fn, /, *args, **kwargs):
            seen.append(repr(args))
            return super().submit(fn, *args, **kwargs)

    for _ in range(2):
        replies(Pool(Remembering(), 2))
    assert len(set(seen)) == len(seen) == 2 * len(POINTS)


def test_points_of_a_broken_pool_are_tried_again_in_a_fresh_one():
    fresh = Inline()
    pool = Pool(
        Inline(breaks_at=4),
        2,
        renew=lambda: Pool(fresh, 2, renew=lambda: None, alone=lambda: Pool(Inline(), 1)),
        alone=lambda: Pool(Inline(), 1),
    )
    assert replies(pool) == {(i,): float(i * i) for i in range(12)}


def test_a_point_that_ends_its_worker_even_alone_is_reported_and_the_others_are_kept():
    def broken():
        return Pool(Inline(breaks_at=1), 1, renew=broken, alone=broken)

    told = replies(Pool(Inline(breaks_at=3), 1, renew=broken, alone=broken))
    died = [r for r in told.values() if isinstance(r, Failure)]
    assert died
    assert all(isinstance(r.error, WorkerDiedError) for r in died)
    assert told[0,] == 0.0


def test_a_users_broken_executor_is_an_error_that_says_so():
    from derivkit import CalculusKit

    with pytest.raises((ModelError, RuntimeError), match=r"(?i)worker|executor|pool"):
        CalculusKit(square, [1.0], executor=Inline(breaks_at=2)).gradient(n_workers=2)
