"""Calls in this thread: one by one, and many points in one call."""

import gc
import weakref

import numpy as np
import pytest

from derivkit import CalculusKit, ModelError
from derivkit.engine.backends import serial as backends
from derivkit.engine.backends.serial import serial, vectorised
from derivkit.engine.model import Failure, Model


def jobs(n, p=3):
    return [((i,), np.full(p, float(i))) for i in range(n)]


def test_a_serial_call_is_made_when_its_reply_is_asked_for():
    calls = []

    def model(x):
        calls.append(x[0])
        return x[0]

    replies = serial(Model(model), jobs(3), {})
    assert next(replies) == ((0,), 0.0)
    assert calls == [0.0]


def test_a_round_is_one_vectorised_call():
    shapes = []

    def model(x):
        shapes.append(x.shape)
        return x.sum(axis=1)

    replies = list(vectorised(Model(model, vectorized=True), jobs(10), {}))
    assert shapes == [(10, 3)]
    assert replies == [((i,), 3.0 * i) for i in range(10)]


def test_a_call_is_split_where_it_would_fill_the_memory(monkeypatch):
    monkeypatch.setattr(backends, "NUMBERS_OF_CALL", 12)
    shapes = []

    def model(x):
        shapes.append(x.shape)
        return x.sum(axis=1)

    replies = list(vectorised(Model(model, vectorized=True), jobs(10), {}))
    assert shapes == [(4, 3), (4, 3), (2, 3)]
    assert replies == [((i,), 3.0 * i) for i in range(10)]


@pytest.mark.parametrize(
    "kept", [lambda x: x, lambda x: x[1:], lambda x: x[:, 0], lambda x: memoryview(x)[:1]]
)
def test_the_points_that_a_vectorised_model_keeps_stay_as_they_were(kept, monkeypatch):
    monkeypatch.setattr(backends, "NUMBERS_OF_CALL", 30)
    held, copies = [], []

    def model(x):
        held.append(kept(x))
        copies.append(np.array(kept(x)))
        return x.sum(axis=1)

    x0 = np.array([1.0, 2.0, 3.0])
    CalculusKit(model, x0, vectorized=True).gradient()
    assert len(held) > 2
    assert all(np.array_equal(a, b) for a, b in zip(held, copies, strict=True))


def test_a_vectorised_model_may_write_into_its_points_whose_memory_is_used_again(monkeypatch):
    monkeypatch.setattr(backends, "NUMBERS_OF_CALL", 40)
    places = []

    def model(x):
        if len(x) == 10:  # as many as there are in a call; the last ones have fewer
            places.append(x.ctypes.data)
        y = np.sin(x).sum(axis=1)
        x[:] = np.nan
        return y

    x0 = np.array([1.0, 2.0, 3.0, 4.0])
    found = CalculusKit(model, x0, vectorized=True).gradient()
    plain = CalculusKit(lambda x: np.sin(x).sum(axis=1), x0, vectorized=True).gradient()
    assert found.tolist() == plain.tolist()
    assert len(places) == 2
    assert len(set(places)) == 1


def test_a_vectorised_call_that_raises_is_repeated_point_by_point():
    def model(x):
        if (x < 0).any():
            raise ValueError("log of a negative number")
        x[:] = np.nan  # its argument is its own
        return np.ones(len(x))

    points = [((0,), np.array([1.0])), ((1,), np.array([-1.0])), ((2,), np.array([2.0]))]
    replies = dict(vectorised(Model(model, vectorized=True), points, {}))
    assert replies[0,] == replies[2,] == 1.0
    assert isinstance(replies[1,], Failure)
    assert replies[1,].undefined


@pytest.mark.parametrize("wrong", [lambda x: 1.0, lambda x: np.ones(len(x) + 1)])
def test_a_vectorised_model_of_the_wrong_shape_is_told_the_right_one(wrong):
    kit = CalculusKit(wrong, [1.0, 2.0], vectorized=True)
    with pytest.raises(TypeError, match=r"must map \(\d+, 2\) to \(\d+,\) or"):
        kit.gradient()


def test_a_vectorised_model_that_gives_no_numbers_is_told_so():
    kit = CalculusKit(lambda x: np.array(["a"] * len(x)), [1.0], vectorized=True)
    with pytest.raises(TypeError, match="array of numbers"):
        kit.gradient()


def test_leaving_the_program_in_the_model_does_not_end_the_session():
    def model(x):
        raise SystemExit(2)

    with pytest.raises(ModelError, match=r"at x0 = .*SystemExit: 2"):
        CalculusKit(model, [1.0]).gradient()


def test_ten_thousand_parameters_take_little_memory_beside_the_models():
    import tracemalloc

    p = 10_000
    kit = CalculusKit(lambda x: np.einsum("ij,ij->i", x, x), np.ones(p), vectorized=True)
    tracemalloc.start()
    try:
        gradient = kit.gradient("finite", stepsize=0.1, num_points=3, extrapolation=None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(gradient, 2.0, rtol=1e-9)
    assert peak < 200e6


class Breaks:
    def __call__(self, x):
        if x[0] != 1.0:
            raise LookupError("a bug")
        return 1.0


@pytest.mark.parametrize("many", [False, True])
def test_a_kit_whose_model_breaks_is_gone_with_its_last_name(many, tmp_path):
    model = Breaks()
    kit = CalculusKit(model, [1.0], checkpoint=tmp_path / "run.db")
    gc.disable()
    try:
        with pytest.raises(ModelError) as caught:
            kit.at_many("gradient", [[1.0], [2.0]]) if many else kit.gradient()
        gone = weakref.ref(model)
        del model, kit, caught
        assert gone() is None
    finally:
        gc.enable()


# -- calls of a fixed size ------------------------------------------------------------------


def shapes_of(options, f=np.sin, **settings):
    seen = []

    def model(x):
        seen.append(x.copy())
        return f(9.0 * x).sum(axis=1)

    kit = CalculusKit(model, [0.5, 2.0, -1.0], vectorized=True, **settings)
    return seen, kit.gradient_result(**options)


@pytest.mark.parametrize("batch", [1, 4, 7, 25, 64])
@pytest.mark.parametrize("method", [None, "finite", "adaptive"])
def test_with_a_batch_every_call_has_exactly_so_many_points(batch, method):
    seen, result = shapes_of({"method": method}, batch=batch)
    _, free = shapes_of({"method": method})
    assert {x.shape for x in seen} == {(batch, 3)}
    assert result.value.tobytes() == free.value.tobytes()
    assert result.error.tobytes() == free.error.tobytes()
    assert result.nfev == free.nfev


def test_rows_of_a_batch_that_are_left_over_repeat_x0():
    seen, _ = shapes_of({}, batch=1000)
    assert all((x[25:] == [0.5, 2.0, -1.0]).all() for x in seen)


def test_a_batch_is_kept_where_the_model_raises_and_past_a_checkpoint(tmp_path):
    def walled(x):
        if (x < 0.495).any():
            raise ValueError
        return np.log(x)

    shapes = set()

    def model(x):
        shapes.add(x.shape)
        return walled(x).sum(axis=1)

    for settings in ({}, {"checkpoint": tmp_path / "run.db"}):
        kit = CalculusKit(model, [0.5, 2.0], vectorized=True, batch=16, **settings)
        assert np.allclose(kit.gradient(), [2.0, 0.5], rtol=1e-6)
    assert shapes == {(16, 2)}


def test_a_batch_needs_a_vectorized_function():
    with pytest.raises(TypeError, match=r"`batch` must be None unless vectorized=True, got 8"):
        CalculusKit(np.sum, [1.0], batch=8)
    for wrong in (0, 2.5, "many", True):
        with pytest.raises(ValueError, match=r"`batch` must be a whole number of at least 1"):
            CalculusKit(np.sum, [1.0], vectorized=True, batch=wrong)


def test_a_compiled_model_is_compiled_once():
    jax = pytest.importorskip("jax")
    traced = []

    @jax.jit
    def model(x):  # in jax's single precision: further rounds are needed
        traced.append(x.shape)
        return jax.numpy.sin(30.0 * x).sum(axis=1)

    kit = CalculusKit(model, [0.5, 2.0], vectorized=True, batch=16)
    result = kit.gradient_result()
    assert len(result.evaluations) > 17
    assert traced == [(16, 2)]
    assert (np.abs(result.value - 30 * np.cos([15.0, 60.0])) <= result.error).all()
