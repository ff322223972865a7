"""One call of the user's function: outputs copied and checked, failures sorted."""

import numpy as np
import pytest

from derivkit.engine.model import Failure, Model, as_output, workers_of

X = np.array([1.0, 2.0])


def raising(error):
    def f(_):
        raise error

    return f


@pytest.mark.parametrize(
    ("returned", "expected"),
    [(3, 3.0), (np.float32(0.5), 0.5), (True, 1.0), (np.array(2.0), 2.0), (np.float64(1.5), 1.5)],
)
def test_a_number_of_any_kind_is_a_float(returned, expected):
    reply = Model(lambda _: returned).reply(X)
    assert type(reply) is float
    assert reply == expected


def test_an_array_is_copied_so_that_the_model_may_reuse_its_own():
    buffer = np.zeros(2)

    def f(x):
        buffer[:] = x
        return buffer

    first = Model(f).reply(X)
    Model(f).reply(2 * X)
    assert first.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "error", [ValueError("no"), ZeroDivisionError(), OverflowError(), np.linalg.LinAlgError()]
)
def test_errors_of_arithmetic_mean_that_the_model_is_undefined_there(error):
    reply = Model(raising(error)).reply(X)
    assert reply == Failure(error, undefined=True)


@pytest.mark.parametrize("error", [TypeError(), KeyError("a"), SystemExit(3), MemoryError()])
def test_programming_errors_and_an_exit_are_failures_to_be_shown(error):
    reply = Model(raising(error)).reply(X)
    assert reply.error is error
    assert not reply.undefined


def test_an_interrupt_is_let_through():
    with pytest.raises(KeyboardInterrupt):
        Model(raising(KeyboardInterrupt())).reply(X)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "is its `return` missing"),
        ("1.0", "must return a number or an array of numbers, got str"),
        ([[1.0], [1.0, 2.0]], "of which numpy cannot make one"),
    ],
)
def test_an_output_that_is_not_numbers_is_said_to_be_one(returned, said):
    reply = Model(lambda _: returned).reply(X)
    assert reply.output
    assert said in str(reply.error)


def test_complex_outputs_are_left_complex_at_complex_points():
    assert as_output(1j, complex_allowed=True) == 1j
    assert Model(lambda x: x[0] ** 2).reply(np.array([1j])) == -1.0 + 0j


def test_a_vectorised_function_gets_one_point_as_a_row():
    assert Model(lambda x: x.sum(axis=1), vectorized=True).reply(X) == 3.0


def test_a_backend_without_workers_calls_one_at_a_time():
    assert workers_of(lambda *_: iter(())) == 0
