"""The model on its way: what can be pickled, what is shared, what is named when it cannot be."""

import pickle
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from derivkit.engine.backends.shipping import LARGE, SharedFile, pack
from derivkit.engine.backends.worker import _opened, cloudpickle
from derivkit.engine.model import Model


def sent(function):
    """Return the function as a worker would have it."""
    shipment = pack(Model(function))
    place = SharedFile()
    parts = shipment.placed(place.place)
    blob, *buffers = map(_opened, parts)
    return pickle.loads(blob, buffers=buffers).function


class Likelihood:
    def __init__(self, data):
        self.data = data

    def __call__(self, x):
        return float(self.data.sum() * x[0])

    def method(self, x):
        return 2.0 * self(x)


DATA = np.arange(LARGE, dtype=float)


def summing(data):
    return lambda x: float(np.sum(data) * x[0])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[0] * 4999950000.0,
        lambda x: float(DATA.sum() * x[0]),
        summing(DATA.copy()),
        summing([DATA.copy()]),
        Likelihood(DATA.copy()),
        partial(lambda data, x: float(data.sum() * x[0]), DATA.copy()),
    ],
)
def test_functions_of_every_kind_travel(function):
    assert sent(function)(np.array([3.0])) == 3.0 * 4999950000.0


def test_bound_methods_travel():
    assert sent(Likelihood(np.ones(5)).method)(np.array([3.0])) == 30.0


def test_large_arrays_travel_apart_and_small_ones_in_the_pickle():
    small, large = np.ones(10), np.ones(LARGE)
    assert len(pack(Model(lambda x: small.sum())).parts) == 1
    assert len(pack(Model(lambda x: large.sum() + small.sum())).parts) == 2


def test_the_same_content_has_the_same_token_and_another_content_another():
    def made(a):
        return Model(lambda x: a[0] * x[0])

    a, b = np.ones(LARGE), np.ones(LARGE)
    b[-1] = 2.0
    assert pack(made(a)).token == pack(made(a.copy())).token
    assert pack(made(a)).token != pack(made(b)).token
    assert pack(made([1])).token != pack(made([2])).token


def test_a_captured_array_can_be_written_to_without_others_seeing_it():
    scratch = np.zeros(LARGE)

    def model(x):
        scratch[0] += x[0]
        return scratch[0]

    first, second = sent(model), sent(model)
    assert first(np.array([1.0])) == 1.0
    assert first(np.array([1.0])) == 2.0
    assert second(np.array([1.0])) == 1.0
    assert scratch[0] == 0.0


def test_parts_in_a_shared_file_do_not_overlap_and_are_aligned():
    file = SharedFile()
    a, b = np.arange(101, dtype=np.uint8), np.arange(50, dtype=np.uint8)
    places = [file.place(a), file.place(b)]
    assert all(offset % 64 == 0 for _, offset, _ in places)
    np.testing.assert_array_equal(_opened(places[0]), a)
    np.testing.assert_array_equal(_opened(places[1]), b)


def test_a_shared_file_is_gone_with_its_owner():
    file = SharedFile()
    path = file.place(np.ones(3, np.uint8))[0]
    assert Path(path).exists()
    del file
    assert not Path(path).exists()


LOCK = threading.Lock()


class Handle:
    def __init__(self):
        self.inner = {"solvers": [1, LOCK]}

    def __call__(self, x):
        return x[0]

    def method(self, x):
        return x[0]


def with_default(x, lock=LOCK):
    return x[0]


def uses_captured(lock):
    return lambda x: lock and x[0]


class Slotted:
    __slots__ = ("handle", "unset")

    def __init__(self):
        self.handle = LOCK

    def __call__(self, x):
        return x[0]


class Refuses:
    def __reduce__(self):
        raise OSError("a handle of a device")

    def __call__(self, x):
        return x[0]


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (Handle(), "`function.inner['solvers'][1]`, a lock"),
        (Handle().method, "`function.__self__.inner['solvers'][1]`, a lock"),
        (lambda x: LOCK and x[0], "`LOCK`, a lock"),
        (uses_captured(LOCK), "`lock`, a lock"),
        (uses_captured({"a": Handle()}), "`lock['a'].inner['solvers'][1]`, a lock"),
        (partial(uses_captured, LOCK), "`function.args[0]`, a lock"),
        (Slotted(), "`function.handle`, a lock"),
        (Refuses(), "`function`, a Refuses"),
    ],
)
def test_what_cannot_be_pickled_is_named_with_the_ways_out(function, named):
    module = __import__("sys").modules[__name__]
    cloudpickle().register_pickle_by_value(module)
    try:
        with pytest.raises(TypeError) as caught:
            pack(Model(function))
    finally:
        cloudpickle().unregister_pickle_by_value(module)
    text = str(caught.value)
    assert named in text
    assert all(way in text for way in ("module", "executor='threads'", "executor='fork'"))
    assert "\n" not in text
