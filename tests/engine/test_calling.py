"""How a function is called: with what x0 is, with keywords, one by one, or with the bare array."""

import numpy as np
import pytest

from derivkit.engine.calling import Calling
from derivkit.engine.plain_numbers import output_numbers
from derivkit.engine.trees import flatten


def seen(*args, **kwargs):
    return args, kwargs


X = np.array([1.0, 2.0])
_, TREE = flatten({"a": 1.0, "b": 2.0}, "x0", output_numbers)


def test_a_function_gets_what_x0_is():
    (point,), _ = Calling(seen, TREE)(X)
    assert point == {"a": 1.0, "b": 2.0}


def test_without_a_structure_it_gets_the_array():
    (point,), _ = Calling(seen)(X)
    assert point.tolist() == [1.0, 2.0]


def test_parameters_can_be_keywords_or_stand_one_by_one():
    assert Calling(seen, TREE, "keywords")(X) == ((), {"a": 1.0, "b": 2.0})
    assert Calling(seen, TREE, "positional")(X) == ((1.0, 2.0), {})
    assert Calling(seen, None, "keywords", ("u", "v"))(X) == ((), {"u": 1.0, "v": 2.0})


@pytest.mark.parametrize("call", ["same", "positional"])
def test_further_arguments_stand_behind_the_point(call):
    args, kwargs = Calling(seen, TREE, call, args=(7,), kwargs={"k": 8})(X)
    assert args[-1] == 7
    assert kwargs == {"k": 8}


def test_a_parameter_that_varies_in_another_coordinate_is_taken_back():
    moved = {1: ("log", -np.inf, 2.5)}
    (point,), _ = Calling(seen, coordinates=moved)(np.array([1.0, 0.0]))
    assert point.tolist() == [1.0, 1.0]
    (points,), _ = Calling(seen, coordinates=moved)(np.array([[1.0, 1.0], [1.0, 0.0]]))
    assert points.tolist() == [[1.0, 2.5], [1.0, 1.0]]  # no further than the bound
