"""Numbers as people keep them, flat and back: every structure, to the bit."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from derivkit.engine.plain_numbers import output_numbers
from derivkit.engine.trees import Branch, flatten, numbers_by_name
from derivkit.validation import real_numbers


@dataclass
class Model:
    mass: float
    spin: np.ndarray


class Pair(NamedTuple):
    a: Any
    b: Any


THINGS = [
    1.5,
    [1.0, 2.0],
    np.arange(6.0).reshape(2, 3),
    {"h": 0.7, "bias": np.array([1.0, 3.0])},
    {"outer": {"inner": [1.0, {"x": 2.0}]}},
    (1.0, np.ones((2, 2))),
    Pair(1.0, np.zeros(2)),
    Model(0.5, np.array([1.0, 2.0])),
    [Model(0.5, np.array([1.0, 2.0])), Model(0.25, np.array([3.0]))],
    (SimpleNamespace(a=1.0, b=2.0), 3.0),
    ((1.0, np.ones(2)), ([1.0, 2.0], np.ones((2, 2)))),
]


def numbers(thing):
    """Return all numbers in the order in which a reader meets them."""
    if isinstance(thing, dict):
        return [x for each in thing.values() for x in numbers(each)]
    if isinstance(thing, (Model, SimpleNamespace)):
        return numbers(vars(thing))
    if isinstance(thing, (list, tuple)):
        return [x for each in thing for x in numbers(each)]
    return np.ravel(thing).tolist()


@pytest.mark.parametrize("thing", THINGS, ids=lambda t: type(t).__name__)
def test_a_thing_comes_back_as_it_was(thing):
    flat, tree = flatten(thing, "x0", output_numbers)
    assert flat.tolist() == numbers(thing)
    again = tree.build(flat)
    assert numbers(again) == numbers(thing)
    if not isinstance(thing, (list, float)) or isinstance(tree, Branch):
        assert type(again) is type(thing)


def test_other_numbers_are_put_into_the_same_structure():
    _, tree = flatten({"a": 1.0, "b": [2.0, 3.0]}, "x0", output_numbers)
    built = tree.build(np.array([10.0, 20.0, 30.0]))
    assert built["a"] == 10.0
    assert list(built["b"]) == [20.0, 30.0]


def test_a_complex_number_counts_as_two():
    flat, tree = flatten({"z": 1 + 2j, "x": 3.0}, "out", output_numbers)
    assert tree.size == 3
    assert tree.count == 2
    assert flat.tolist() == [1.0, 2.0, 3.0]


def test_names_say_the_way_to_each_number():
    _, tree = flatten({"cosmo": {"h": 0.7}, "bias": np.ones(2)}, "x0", output_numbers)
    assert tree.names() == ["cosmo.h", "bias[0]", "bias[1]"]


def test_lists_of_unlike_lengths_are_refused_by_name():
    with pytest.raises(TypeError, match=r"`x0\[0\]` must be numbers.*its rows differ in length"):
        flatten(([1.0, [2.0, 3.0]], 4.0), "x0", real_numbers)


def test_nested_numbers_go_by_their_names_in_any_order():
    names = flatten([{"a": 1.0, "b": 2.0}, 3.0], "x0", real_numbers)[1].names()
    swapped = [{"b": 20.0, "a": 10.0}, 30.0]
    assert numbers_by_name("v", swapped, names, real_numbers).tolist() == [10.0, 20.0, 30.0]
    assert numbers_by_name("v", [1.0, 2.0, 3.0], names, real_numbers).tolist() == [1.0, 2.0, 3.0]
    assert numbers_by_name("v", {"x[0].b": 5.0}, names, real_numbers).tolist() == [0.0, 5.0, 0.0]
