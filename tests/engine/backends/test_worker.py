"""One call in a worker: what is told of it, and that nothing is ever raised."""

import os
import subprocess
import sys
import threading
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from derivkit import CalculusKit, ModelError
from derivkit.engine.backends import worker
from derivkit.engine.backends.shipping import pack
from derivkit.engine.backends.worker import cloudpickle, heard, inherit, run_one, run_several
from derivkit.engine.model import Failure, Model
from derivkit.errors import RemoteError

NOT_A_PARENT = -1


def told(function, x=(1.0, 2.0), *, timeout=None, undefined=(ValueError,), dtype=float):
    shipment = pack(Model(function, undefined))
    point = np.array(x, dtype=dtype)
    return run_one(
        shipment.token, point.tobytes(), point.dtype.char, timeout, NOT_A_PARENT, *shipment.parts
    )


class TwoArgumentError(Exception):
    def __init__(self, code, where):
        super().__init__(f"code {code} at {where}")


class StuckError(Exception):
    def __reduce__(self):
        raise OSError("a handle of a device")


class WordlessError(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def raising(kind, *arguments):
    def model(x):
        raise kind(*arguments)

    return model


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x[0] + x[1], 3.0),
        (lambda x: np.float32(0.5), 0.5),
        (lambda x: True, 1.0),
        (lambda x: [1, 2], np.array([1.0, 2.0])),
        (lambda x: np.arange(6).reshape(2, 3), np.arange(6.0).reshape(2, 3)),
        (lambda x: np.array([np.nan, np.inf]), np.array([np.nan, np.inf])),
        (lambda x: np.arange(4.0)[::2], np.array([0.0, 2.0])),
    ],
)
def test_an_output_comes_back_to_the_bit_and_in_its_shape(function, expected):
    reply = heard(told(function))
    assert type(reply) is type(expected)
    np.testing.assert_array_equal(reply, expected)


def test_a_complex_point_gives_a_complex_output():
    assert heard(told(lambda x: x[0] * 1j, dtype=complex)) == 1j


def builtins_only(value):
    if isinstance(value, tuple):
        return all(map(builtins_only, value))
    return value is None or type(value) in {str, bytes, int, float, bool}


@pytest.mark.parametrize(
    ("error", "undefined", "cause"),
    [
        ((ValueError, "log of a negative number"), True, ValueError),
        ((OSError, "no such table"), False, OSError),
        ((StuckError, "no way out"), True, RemoteError),
        ((WordlessError,), True, WordlessError),
        ((SystemExit, 3), False, SystemExit),
        ((MemoryError,), False, MemoryError),
    ],
)
def test_what_a_model_raises_is_told_in_builtins_and_heard_as_itself(error, undefined, cause):
    message = told(raising(*error))
    assert builtins_only(message)
    reply = heard(message)
    assert isinstance(reply, Failure)
    assert reply.undefined is undefined
    assert type(reply.error).__name__ == cause.__name__
    assert "in model" in "".join(reply.error.__notes__)


class MistakenError(Exception):
    def __reduce__(self):
        return str, ("no exception at all",)


def test_what_an_exception_came_of_comes_along():
    def model(x):
        try:
            try:
                return {}["absent"]
            except KeyError:
                raise ValueError("in passing")  # noqa: B904 - its context is the question
        except ValueError as error:
            raise OSError("no such table") from error

    error = heard(told(model)).error
    cause = error.__cause__
    assert (type(error), type(cause), type(cause.__context__)) == (OSError, ValueError, KeyError)
    assert cause.__cause__ is None
    shown = "".join(error.__notes__)
    assert 'return {}["absent"]' in shown
    assert "direct cause" in shown
    assert "During handling" in shown


def test_what_was_hidden_stays_hidden():
    def model(x):
        try:
            return {}["absent"]
        except KeyError:
            raise OSError("no such table") from None

    error = heard(told(model)).error
    assert error.__cause__ is error.__context__ is None


@pytest.mark.parametrize("inner", [StuckError, MistakenError])
def test_an_exception_comes_alone_where_what_it_came_of_cannot_travel(inner):
    def model(x):
        raise OSError("no such table") from inner("no way out")

    error = heard(told(model)).error
    assert type(error) is OSError
    assert error.__cause__ is None
    assert "no way out" in "".join(error.__notes__)


def test_an_exception_that_pickles_as_something_else_keeps_its_name_and_text():
    assert str(heard(told(raising(MistakenError, "wrong"))).error) == "MistakenError: wrong"


def test_a_package_that_has_pickle_keep_tracebacks_changes_nothing():
    pytest.importorskip("tblib")
    program = (
        "import tblib.pickling_support\n"
        "tblib.pickling_support.install()\n"
        "from tests.engine.backends.test_worker import *\n"
        "test_what_an_exception_came_of_comes_along()\n"
        "test_what_was_hidden_stays_hidden()\n"
        "test_an_exception_comes_alone_where_what_it_came_of_cannot_travel(StuckError)\n"
        "error = heard(told(raising(ValueError, 'no'))).error\n"
        "assert error.__traceback__ is None\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])


def test_cloudpickle_is_the_package_or_the_copy_that_joblib_carried(monkeypatch):
    package = cloudpickle()
    monkeypatch.setattr("joblib.externals.cloudpickle", "the copy", raising=False)
    assert cloudpickle() is package
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    assert cloudpickle() == "the copy"


def test_what_stands_beside_an_output_may_be_of_a_class_of_the_script():
    class OfTheScript:
        pass

    shipment = pack(Model(lambda x: (x[0], OfTheScript()), has_aux=True))
    message = run_one(shipment.token, b"\0" * 8, "d", None, NOT_A_PARENT, *shipment.parts)
    assert type(heard(message).aux) is OfTheScript


def test_an_exception_that_cannot_travel_keeps_its_name_and_text():
    reply = heard(told(raising(StuckError, "no way out")))
    assert str(reply.error) == "StuckError: no way out"


def test_an_exception_with_two_arguments_is_heard_with_its_text():
    reply = heard(told(raising(TwoArgumentError, 7, "the boundary")))
    assert str(reply.error).endswith("code 7 at the boundary")


def test_an_exception_of_the_users_can_mean_undefined():
    reply = heard(told(raising(TwoArgumentError, 7, "z"), undefined=(TwoArgumentError,)))
    assert reply.undefined


def test_an_output_that_is_not_numbers_is_told_apart_from_a_bug():
    reply = heard(told(lambda x: threading.Lock()))
    assert reply.output
    assert "must return a number" in str(reply.error)


def test_an_interrupt_is_told_like_all_else_and_raised_where_it_is_heard():
    message = told(raising(KeyboardInterrupt))
    assert builtins_only(message)
    with pytest.raises(KeyboardInterrupt):
        heard(message)


def test_of_several_points_those_before_what_is_let_through_are_told():
    def model(x):
        if x[0] == 3.0:
            raise KeyboardInterrupt
        return x[0]

    shipment = pack(Model(model))
    points = [(np.array([each]).tobytes(), "d") for each in (1.0, 2.0, 3.0, 4.0)]
    replies = run_several("", shipment.token, points, None, NOT_A_PARENT, *shipment.parts)
    assert [each[0] for each in replies] == ["value", "value", "failure"]


def test_a_model_that_cannot_be_loaded_is_a_failure_that_says_so():
    reply = heard(run_one("no token", b"\0" * 8, "d", None, NOT_A_PARENT, b"not a pickle"))
    assert isinstance(reply, Failure)
    assert "could not be loaded" in "".join(reply.error.__notes__)


def test_a_model_may_be_let_go_while_another_is_loaded():
    """As the garbage collector does, in whatever thread it runs."""

    class LetsGo:
        def __reduce__(self):
            return inherit, ("gone", None)

    def load():
        run_one("lets go", b"\0" * 8, "d", None, NOT_A_PARENT, cloudpickle().dumps(LetsGo()))

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def test_a_model_is_loaded_once_and_keeps_what_it_sets_up():
    handles = []

    def model(x):
        if not handles:
            handles.append(time.monotonic_ns())
        return handles[0]

    shipment = pack(Model(model))
    replies = {
        heard(run_one(shipment.token, b"\0" * 8, "d", None, NOT_A_PARENT, *shipment.parts))
        for _ in range(3)
    }
    assert len(replies) == 1
    assert not handles


def test_only_few_models_are_kept():
    for i in range(3 * worker.MOST_MODELS):
        told(lambda x, i=i: i)
    assert len(worker._LOADED) <= worker.MOST_MODELS


def test_a_worker_calls_a_model_once_at_a_time_even_from_several_threads():
    inside = []

    def model(x):
        inside.append(1)
        time.sleep(0.01)
        seen = len(inside)
        inside.pop()
        return seen

    shipment = pack(Model(model))
    seen = []

    def call():
        message = run_one(shipment.token, b"\0" * 8, "d", None, NOT_A_PARENT, *shipment.parts)
        seen.append(heard(message))

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1, 1, 1, 1]


@pytest.mark.skipif(sys.platform == "win32", reason="no alarm on Windows")
def test_a_call_that_takes_too_long_is_a_timeout():
    reply = heard(told(lambda x: time.sleep(20), timeout=0.05))
    assert isinstance(reply.error, TimeoutError)
    assert "timeout = 0.05 s" in str(reply.error)


def test_a_timeout_outside_the_main_thread_gives_the_call_up():
    replies = []
    thread = threading.Thread(
        target=lambda: replies.append(heard(told(lambda x: time.sleep(60), timeout=0.05))),
        daemon=True,
    )
    thread.start()
    thread.join(30)
    assert isinstance(replies[0].error, TimeoutError)


def test_a_timeout_can_mean_undefined():
    reply = heard(told(lambda x: time.sleep(20), timeout=0.05, undefined=(TimeoutError,)))
    assert reply.undefined


@pytest.mark.skipif(sys.platform == "win32", reason="no fork on Windows")
def test_a_forked_worker_has_the_model_without_any_pickle():
    lock = threading.Lock()
    worker.inherit("inherited", Model(lambda x: float(lock.acquire(blocking=False))))
    try:
        assert heard(run_one("inherited", b"\0" * 8, "d", None, NOT_A_PARENT)) == 1.0
    finally:
        worker.inherit("inherited", None)
    assert isinstance(heard(run_one("inherited", b"\0" * 8, "d", None, os.getpid())), Failure)


def finds_the_lock_free():
    sys.exit(0 if worker._LOADING.acquire(timeout=10) else 1)


@pytest.mark.skipif(sys.platform == "win32", reason="no fork on Windows")
def test_a_process_forked_while_another_thread_loads_a_model_does_not_wait_for_ever():
    with worker._LOADING:
        child = get_context("fork").Process(target=finds_the_lock_free)
        child.start()
        child.join()
    assert child.exitcode == 0


def test_a_worker_imports_next_to_nothing():
    import subprocess

    code = (
        "import sys, derivkit.engine.backends.worker, derivkit.engine.model\n"
        "heavy = {'scipy', 'joblib', 'pandas', 'derivkit.methods', 'derivkit.calculus'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "[]"


class ShyError(TypeError):
    def __str__(self):
        return self.nothing


BAD_TEXTS = {
    "long": TypeError("x" * 10**7),
    "surrogate": TypeError(b"caf\xe9".decode("utf8", "surrogateescape")),
    "no text": ShyError(),
    "escape signs": TypeError("\x1b[31mred"),
}


@pytest.mark.parametrize("kind", BAD_TEXTS)
@pytest.mark.parametrize("n_workers", [1, 2])
def test_whatever_text_an_exception_has_it_reaches_the_user_bounded_and_printable(kind, n_workers):
    def model(x):
        if x[0] > 0.5:
            raise BAD_TEXTS[kind]
        return x[0]

    with pytest.raises(ModelError, match="the model failed while") as caught:
        CalculusKit(model, [0.5]).gradient(n_workers=n_workers, method="finite")
    text = str(caught.value)
    text.encode()
    assert len(text) < 11_000
    assert "\x1b" not in text
