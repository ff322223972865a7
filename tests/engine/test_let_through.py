"""What is meant for others than the caller of a model is raised as it is, wherever that runs."""

import asyncio
import os
import signal
import sys
import threading
import traceback

import numpy as np
import pytest
from joblib import parallel_config

from derivkit import CalculusKit, ModelError

X0 = np.array([1.0, 2.0])


class FrameworksOwn(BaseException):
    """As pytest's skips, trio's cancellations and gevent's timeouts."""


class Model:
    """Raises beside x0 as long as a file is there; defined in a script, so to speak."""

    def __init__(self, switch, error):
        self.switch, self.error = switch, error

    def __call__(self, x):
        if x.ndim == 2:
            return np.array([self(row) for row in x])
        if x[1] != 2.0 and self.switch.exists():
            raise self.error("out of the blue")
        return np.sin(x[0]) * x[1]


SETTINGS = {
    "serial": ({}, 1),
    "serial with a limit": ({"timeout": 60.0}, 1),
    "vectorised": ({"vectorized": True}, 1),
    "vectorised with a limit": ({"vectorized": True, "timeout": 60.0}, 1),
    "threads": ({"executor": "threads"}, 2),
    "threads with a limit": ({"executor": "threads", "timeout": 60.0}, 2),
    "processes": ({"executor": "processes"}, 2),
    "processes with a limit": ({"executor": "processes", "timeout": 60.0}, 2),
}
if sys.platform == "linux":
    SETTINGS["fork"] = {"executor": "fork"}, 2
OUT_OF_THE_BLUE = [KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, FrameworksOwn]


@pytest.mark.parametrize("error", OUT_OF_THE_BLUE)
@pytest.mark.parametrize(("options", "n"), SETTINGS.values(), ids=SETTINGS)
def test_it_is_raised_as_it_is_and_the_same_call_goes_on(tmp_path, options, n, error):
    switch = tmp_path / "raises"
    switch.touch()
    model = Model(switch, error)
    options = options | {"checkpoint": tmp_path / "c", "version": "1"}
    kit = CalculusKit(model, X0, **options)
    with pytest.raises(error, match="out of the blue") as caught:
        kit.gradient(n_workers=n)
    assert kit.checkpoint.stored > 0 or "vectorized" in options  # all in one call
    if error is not KeyboardInterrupt:  # of which the place is of no interest
        shown = "".join(traceback.format_exception(caught.value))
        assert 'raise self.error("out of the blue")' in shown
        assert "worker died" not in shown
    del caught
    switch.unlink()
    expected = CalculusKit(model, X0).gradient().tobytes()
    assert kit.gradient(n_workers=n).tobytes() == expected


@pytest.mark.parametrize(("options", "n"), SETTINGS.values(), ids=SETTINGS)
def test_a_session_is_not_ended_by_a_model_that_exits(tmp_path, options, n):
    (switch := tmp_path / "raises").touch()
    with pytest.raises(ModelError, match=r"at x\[1\] = .*SystemExit: out of the blue") as caught:
        CalculusKit(Model(switch, SystemExit), X0, **options).gradient(n_workers=n)
    assert isinstance(caught.value.__cause__, SystemExit)


@pytest.mark.parametrize("n", [1, 2])
def test_many_points_and_outputs_are_no_exception(tmp_path, n):
    (switch := tmp_path / "raises").touch()
    kit = CalculusKit(Model(switch, FrameworksOwn), X0)
    with pytest.raises(FrameworksOwn):
        kit.at_many("gradient", [X0, X0 + 1.0], n_workers=n, return_exceptions=True)


def test_a_backend_of_joblib_that_is_not_known_is_no_exception(tmp_path):
    from joblib import register_parallel_backend
    from joblib.parallel import ThreadingBackend

    class Own(ThreadingBackend):
        supports_sharedmem = False

    register_parallel_backend("own", Own)
    (switch := tmp_path / "raises").touch()
    with parallel_config(backend="own", n_jobs=2), pytest.raises(FrameworksOwn):
        CalculusKit(Model(switch, FrameworksOwn), X0).gradient()


@pytest.mark.parametrize("options", [{"executor": "processes"}, {"executor": "fork"}], ids=str)
def test_nothing_runs_on_while_the_traceback_is_kept(tmp_path, options):
    if options["executor"] == "fork" and sys.platform != "linux":
        pytest.skip("needs fork")

    def model(x):
        if x[0] < 1.0:
            raise FrameworksOwn("out of the blue")
        if x[0] > 1.0:
            (tmp_path / f"{os.getpid()}").touch()
            threading.Event().wait(60)
        return x[0]

    with pytest.raises(FrameworksOwn):
        CalculusKit(model, [1.0], **options).gradient(n_workers=4)
    for worker in tmp_path.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(worker.name), 0)


@pytest.mark.skipif(os.name == "nt", reason="needs process groups")
@pytest.mark.parametrize("executor", ["processes", "fork"])
def test_where_the_user_handles_interrupts_those_of_workers_change_nothing(tmp_path, executor):
    if executor == "fork" and sys.platform != "linux":
        pytest.skip("needs fork")

    def model(x):
        if os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGINT)  # as a terminal does, to all
        return x[0] ** 2

    parent = os.getpid()
    found = CalculusKit(model, [3.0], executor=executor).gradient(n_workers=2)
    assert found.round(6) == 6.0
