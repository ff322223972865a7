"""Values of a plan's file: back to the bit, and nothing that could run."""

import json

import numpy as np
import pytest

from derivkit import Finite
from derivkit.plan.storage import from_plain, to_plain


def again(value):
    return from_plain(json.loads(json.dumps(to_plain(value, "x"), allow_nan=False)))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        "text",
        0.1,
        -0.0,
        5e-324,
        np.inf,
        -np.inf,
        1 + 2j,
        [1, [2.5, None]],
        {"a": 1, 2: [0.5]},
    ],
)
def test_plain_values_come_back_as_they_were(value):
    found = again(value)
    assert type(found) is type(value)
    assert repr(found) == repr(value)


def test_nan_comes_back():
    assert np.isnan(again(np.nan))


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "u1", "?", "c16"])
def test_arrays_keep_shape_type_and_bits(dtype):
    array = np.array([[0, 1, 2], [3, 0, 1]]).astype(dtype)
    if dtype == "f8":
        array[0, 0], array[1, 1] = np.nan, np.inf
    found = again(array)
    assert found.dtype == array.dtype
    assert found.tobytes() == array.tobytes()


def test_a_method_value_comes_back_equal():
    method = Finite(stepsize=0.1, extrapolation="ridders", levels=4)
    assert again(method) == method


@pytest.mark.parametrize("value", [lambda x: x, object(), {object(): 2}, b"bytes", np.array(["a"])])
def test_what_cannot_be_kept_is_named(value):
    with pytest.raises(TypeError, match=r"a plan with bounds = .* cannot be saved"):
        to_plain(value, "bounds")
