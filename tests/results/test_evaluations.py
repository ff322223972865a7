"""The table of model calls: what each took, wherever it ran."""

import math
import pickle
import time

import numpy as np
import pytest

from derivkit import CalculusKit
from derivkit.engine.backends.worker import heard, run_one

AT = [0.5, 2.0]
SLEEP = 0.01  # seconds
LEAST = 0.9 * SLEEP  # some systems' clocks tick coarsely


def slow(x):
    time.sleep(SLEEP)
    return math.sin(x[0]) + x[1] ** 2


def slow_many(x):
    time.sleep(SLEEP)
    return np.sin(x[:, 0]) + x[:, 1] ** 2


def seconds_of(result):
    return result.to_frame("evaluations")["seconds"].to_numpy()


FIXED_STEP = {"method": "finite", "stepsize": 0.1, "num_points": 3, "extrapolation": None}


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, {}),
        ({"timeout": 60.0}, {}),
        ({"executor": "threads"}, {"n_workers": 2}),
        ({"executor": "processes"}, {"n_workers": 2}),
        ({"executor": "threads", "timeout": 60.0}, {"n_workers": 2}),
    ],
    ids=["serial", "within", "threads", "processes", "threads_within"],
)
def test_every_call_has_the_seconds_that_the_model_took(settings, options):
    kit = CalculusKit(slow, AT, **settings)
    start = time.perf_counter()
    result = kit.gradient_result(**FIXED_STEP, **options)
    elapsed = time.perf_counter() - start
    seconds = seconds_of(result)
    assert seconds.size == result.nfev > 1
    assert (seconds >= LEAST).all()
    assert seconds.sum() <= options.get("n_workers", 1) * elapsed


def test_a_vectorised_call_is_shared_out_over_its_points():
    kit = CalculusKit(slow_many, AT, vectorized=True)
    start = time.perf_counter()
    seconds = seconds_of(kit.gradient_result(**FIXED_STEP))
    elapsed = time.perf_counter() - start
    assert len(set(seconds)) == 1  # one round
    assert LEAST <= seconds.sum() <= elapsed


def test_where_the_model_is_undefined_the_call_has_its_seconds():
    def walled(x):
        time.sleep(SLEEP)
        if x[0] < 0.5:
            raise ValueError("outside")
        return x[0] ** 2

    table = CalculusKit(walled, [0.5]).gradient_result().to_frame("evaluations")
    undefined = table[table["value"].isna()]
    assert len(undefined) > 0
    assert (undefined["seconds"] >= LEAST).all()


def test_calls_for_many_points_have_their_seconds_at_each():
    for result in CalculusKit(slow, AT).at_many("gradient_result", [AT, [1.0, 3.0]], **FIXED_STEP):
        assert (seconds_of(result) >= LEAST).all()


def test_the_calls_that_a_checkpoint_held_have_none(tmp_path):
    def kit():
        return CalculusKit(slow, AT, checkpoint=tmp_path / "calls.db", version="1")

    first = kit().gradient_result(**FIXED_STEP)
    assert (seconds_of(first) >= LEAST).all()
    again = kit()
    assert np.isnan(seconds_of(again.gradient_result(**FIXED_STEP))).all()
    further = again.gradient_result(**FIXED_STEP | {"stepsize": 0.17})
    seconds = seconds_of(further)
    assert np.isnan(seconds[: first.nfev]).all()
    assert seconds[first.nfev :].size == further.nfev > 0
    assert (seconds[first.nfev :] >= LEAST).all()


def test_values_told_to_a_plan_have_none():
    plan = CalculusKit(slow, AT).plan("gradient_result", **FIXED_STEP)
    while not plan.done:
        result = plan.tell([slow(x) for x in plan.points()])
    assert np.isnan(seconds_of(result)).all()


def test_a_pickled_result_keeps_them():
    result = CalculusKit(slow, AT).gradient_result(**FIXED_STEP)
    np.testing.assert_array_equal(
        seconds_of(pickle.loads(pickle.dumps(result))), seconds_of(result)
    )


def test_a_model_that_could_not_be_loaded_took_no_known_time():
    told = run_one("no token", b"\0" * 8, "d", None, -1, b"not a pickle")
    assert math.isnan(told[-1])
    assert not heard(told).undefined
