"""The structure of outputs as text: what a checkpoint and a result in JSON give back."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from derivkit.engine.plain_numbers import output_numbers
from derivkit.engine.tree_text import as_text, from_text
from derivkit.engine.trees import flatten


@dataclass
class Model:
    mass: float
    spin: np.ndarray


SERIES = pd.Series({"u": 1.0, "w": 2.0}, name="P")
THINGS = [
    {"a": 1.0, "b": [2.0, 3.0]},
    {"a": {"b": np.array([[1.0, 2.0]])}, 2: 3.0},
    (np.ones(2), 1.0),
    [np.ones(2), {"a": 1j}],
    np.array([1.0, 2j]),
    7.0,
]


@pytest.mark.parametrize("thing", THINGS, ids=str)
def test_a_structure_without_classes_is_written_as_text_and_read_again(thing):
    flat, tree = flatten(thing, "x0", output_numbers)
    again = from_text(as_text(tree))
    assert again.names() == tree.names()
    assert again.is_complex == tree.is_complex
    assert repr(again.build(flat)) == repr(tree.build(flat))


@pytest.mark.parametrize("thing", [SERIES, pd.DataFrame({"c": SERIES, "d": SERIES})], ids=repr)
def test_labels_of_pandas_are_read_again(thing):
    flat, tree = flatten(thing, "x0", output_numbers)
    again = from_text(as_text(tree)).build(flat)
    assert type(again) is type(thing)
    assert again.equals(thing)


@pytest.mark.parametrize(
    "thing", [Model(0.5, np.ones(2)), {(1, 2): 1.0}, pd.Series([1.0], index=[pd.Timestamp(0)])]
)
def test_a_structure_with_a_class_of_its_own_is_not_written(thing):
    _, tree = flatten(thing, "x0", output_numbers)
    assert as_text(tree) is None


@pytest.mark.parametrize("text", ["[]", "{}", '["dict",["a"]]', "1"])
def test_other_text_is_no_structure(text):
    with pytest.raises(ValueError, match=r"no structure of outputs|not enough values"):
        from_text(text)
