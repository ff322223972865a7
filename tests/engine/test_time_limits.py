"""The limits of a call (`timeout`) and of a run (`max_seconds`) hold wherever the model runs."""

import os
import sys
import time

import numpy as np
import pytest

from derivkit import CalculusKit, ModelError, UnresolvedWarning

X0 = np.array([0.5, 0.7, 0.1])
CALL = 0.02  # seconds
SLACK = 10.0  # seconds; what else runs on the machine delays a call, and no hang ends


class Slow:
    """A model that takes its time, and far too much of it above a wall."""

    def __init__(self, wall=np.inf):
        self.wall = wall

    def __call__(self, x):
        rows = np.atleast_2d(x)
        time.sleep(60.0 if (rows[:, 1] > self.wall).any() else CALL)
        found = np.sin(rows[:, 0]) * rows[:, 1] + rows[:, 2]
        return found if x.ndim == 2 else found[0]


SETTINGS = {
    "serial": ({}, {}),
    "vectorised": ({"vectorized": True}, {}),
    "threads": ({"executor": "threads"}, {"n_workers": 2}),
    "processes": ({"executor": "processes"}, {"n_workers": 2}),
}
if sys.platform == "linux":
    SETTINGS["fork"] = {"executor": "fork"}, {"n_workers": 2}
everywhere = pytest.mark.parametrize(("options", "run"), SETTINGS.values(), ids=SETTINGS)
limited = pytest.mark.skipif(os.name == "nt", reason="a call in the main thread needs alarms")


@limited
@everywhere
def test_a_call_that_takes_too_long_is_an_error_that_names_its_point(options, run):
    start = time.monotonic()
    kit = CalculusKit(Slow(wall=0.7), X0, timeout=0.3, **options)
    with pytest.raises(ModelError, match=r"at x\[1\] = .*longer than timeout = 0.3 s"):
        kit.gradient(**run)
    assert time.monotonic() - start < SLACK


@limited
@everywhere
def test_it_may_mean_that_the_model_is_undefined_there(options, run):
    kit = CalculusKit(Slow(wall=0.7), X0, timeout=0.3, undefined=(TimeoutError,), **options)
    result = kit.gradient_result("finite", stepsize=0.01, num_points=3, **run)
    assert result.undefined[1] > 0
    assert result.value[1] == pytest.approx(np.sin(0.5), rel=1e-6)
    assert [each.type for each in result.raised] == ["TimeoutError"]


@everywhere
@pytest.mark.parametrize("checkpoint", [False, True])
def test_when_the_time_is_up_the_call_ends_and_goes_on_from_there(
    tmp_path, options, run, checkpoint
):
    if checkpoint:
        options = options | {"checkpoint": tmp_path / "c", "version": "1"}
    kit = CalculusKit(Slow(), X0, **options)
    start = time.monotonic()
    with pytest.warns(UnresolvedWarning):
        first = kit.gradient_result(max_seconds=CALL / 2, **run)
    assert time.monotonic() - start < SLACK
    assert not np.isfinite(first.error).all()
    second = kit.gradient_result(**run)
    assert second.value.tobytes() == CalculusKit(Slow(), X0).gradient().tobytes()
    assert sum(first.nfev_per_parameter) == first.nfev - 1  # that at x0
    assert first.nfev + second.nfev == CalculusKit(Slow(), X0).gradient_result().nfev


@everywhere
def test_time_enough_changes_no_bit(options, run):
    found = CalculusKit(Slow(), X0, **options).gradient_result(max_seconds=600, **run)
    assert found.value.tobytes() == CalculusKit(Slow(), X0).gradient().tobytes()
