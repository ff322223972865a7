from types import SimpleNamespace
from typing import NamedTuple

import pandas as pd
import pytest

from derivkit.engine.names import in_order, meant_by, order_of, within


class Shape(NamedTuple):
    h: float
    Om: float


NAMES = ("cosmo.h", "cosmo.Om", "bias[0]", "bias[1]", "bias2")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"bias2": 5, "cosmo.h": 1}, [1, None, None, None, 5]),
        ({"cosmo": {"Om": 2, "h": 1}}, [1, 2, None, None, None]),
        ({"bias": [3, 4]}, [None, None, 3, 4, None]),
        ({"bias": 3}, [None, None, 3, 3, None]),
        ({"bias": {1: 4}}, [None, None, None, 4, None]),
        ({"cosmo": Shape(1, 2)}, [1, 2, None, None, None]),
        ({"cosmo": SimpleNamespace(Om=2)}, [None, 2, None, None, None]),
        (SimpleNamespace(bias2=5, bias=[3, 4]), [None, None, 3, 4, 5]),
        (pd.Series({"cosmo.Om": 2, "cosmo.h": 1}), [1, 2, None, None, None]),
        ([5, 4, 3, 2, 1], [5, 4, 3, 2, 1]),
    ],
    ids=str,
)
def test_what_is_given_by_name_is_put_in_the_order_of_names(given, expected):
    assert in_order("scale", given, NAMES, None) == expected


def test_lists_nested_as_x0_go_by_their_places():
    names = ("x[0].a[0]", "x[0].a[1]", "x[1][0]", "x[1][1]", "x[2]")
    bounds = [{"a": [(0, 1), (0, 2)]}, (0, 3), (0, 4)]
    assert in_order("bounds", bounds, names, None) == [(0, 1), (0, 2), (0, 3), (0, 3), (0, 4)]
    of_one = {"x": [{"a": 1}, [2, 3], 4]}
    assert in_order("scale", of_one, names, None) == [1, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"h": 1}, "`scale` must be given for parameters among cosmo.h, .*, got h"),
        ({"bias": [1, 2, 3]}, "`scale` must be one for all or 2 for an array of 2"),
        ({"bias": [1, [2, 3], 4]}, r"`scale` must be one .* got \[1, \[2, 3\], 4\]"),
    ],
    ids=str,
)
def test_other_names_and_numbers_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        in_order("scale", given, NAMES, None)


def test_a_word_means_one_parameter_or_all_within_it():
    assert meant_by("cosmo.Om", NAMES) == [1]
    assert meant_by("bias", NAMES) == [2, 3]
    assert meant_by("x", NAMES) == []
    assert within("bias[1]", "bias")
    assert not within("bias2", "bias")


def test_an_order_is_known_only_of_the_same_names():
    assert order_of(["b", "a"], ["a", "b"]) == [1, 0]
    assert order_of(["a"], ["a", "b"]) is None
    assert order_of(["a", "a"], ["a", "a"]) is None
    assert order_of(["a", "c"], ["a", "b"]) is None
