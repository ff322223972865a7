"""x0, its names, bounds, scales, sides and first steps, each as users give them."""

import numpy as np
import pytest
from scipy.optimize import Bounds

from derivkit import CalculusKit
from derivkit.calculus.parameters import (
    A_FEW_ULP,
    GRAIN,
    check_side,
    check_start,
    checked_bounds,
    checked_scales,
    checked_wrt,
    checked_x0,
    guessed_scales,
    half_widths,
    must_be_inside,
    put_inside,
)

NAMES = ("a", "b", "c")
OPEN = np.full(3, -np.inf), np.full(3, np.inf)


def test_a_bare_array_has_numbered_names_and_no_structure():
    point, names, tree = checked_x0(np.array([1, 2]), None)
    assert point.tolist() == [1.0, 2.0]
    assert names == ("x[0]", "x[1]")
    assert tree is None
    assert not point.flags.writeable


def test_what_is_nested_names_its_parameters_and_keeps_its_structure():
    point, names, tree = checked_x0({"cosmo": {"h": 0.7}, "bias": [1.0, 2.0]}, None)
    assert point.tolist() == [0.7, 1.0, 2.0]
    assert names == ("cosmo.h", "bias[0]", "bias[1]")
    assert tree.count == 3
    assert checked_x0({"h": 0.7}, ["H"])[1] == ("H",)


def test_a_name_that_two_parameters_would_have_is_refused():
    with pytest.raises(ValueError, match=r"'a\.b' by two ways"):
        checked_x0({"a": {"b": 1.0}, "a.b": 2.0}, None)


def test_messages_call_the_point_as_the_user_does():
    with pytest.raises(ValueError, match="`points\\[3\\]` must be finite"):
        checked_x0([np.nan], None, "points[3]")


@pytest.mark.parametrize(
    "bounds",
    [
        [(0, None), (None, 5), (None, None)],
        Bounds([0, -np.inf, -np.inf], [np.inf, 5, np.inf]),
        {"a": (0, None), "b": (None, 5)},
    ],
)
def test_bounds_come_in_three_forms(bounds):
    x0, lower, upper = checked_bounds(bounds, np.array([1.0, 2.0, 3.0]), NAMES)
    assert x0.tolist() == [1.0, 2.0, 3.0]
    assert lower.tolist() == [0.0, -np.inf, -np.inf]
    assert upper.tolist() == [np.inf, 5.0, np.inf]


def test_without_bounds_all_is_open():
    x0 = np.zeros(3)
    same, lower, upper = checked_bounds(None, x0, NAMES)
    assert same is x0
    assert (lower.tolist(), upper.tolist()) == tuple(each.tolist() for each in OPEN)


def test_a_point_that_rounding_put_outside_is_put_on_its_bound():
    x0, _, _ = checked_bounds([(None, 0.3)], np.array([0.1 + 0.2]), ("a",))
    assert x0.tolist() == [0.3]
    with pytest.raises(ValueError, match="outside"):
        checked_bounds([(None, 0.3)], np.array([0.3001]), ("a",))


def test_rounding_is_a_few_units_in_the_last_place():
    on, above = np.array([1.0]), np.array([2.0])
    unit = np.spacing(1.0)
    assert put_inside(on - A_FEW_ULP * unit, on, above).tolist() == [1.0]
    outside = on - 2 * A_FEW_ULP * unit
    assert put_inside(outside, on, above).tolist() == outside.tolist()
    with pytest.raises(ValueError, match=r"`x0` must lie inside `bounds`, got x0\[0\]"):
        must_be_inside(outside, on, above)


def test_a_guessed_scale_is_the_size_of_x0_and_never_more_than_half_the_bounds():
    lower, upper = np.array([-np.inf, -np.inf, 0.0]), np.array([np.inf, np.inf, 10.0])
    assert guessed_scales(np.array([0.0, -3.0, 9.0]), lower, upper).tolist() == [1.0, 3.0, 5.0]
    assert guessed_scales(np.array([1e-200, 2.0, 3.0]), *OPEN).tolist() == [1.0, 2.0, 3.0]
    fixed = guessed_scales(np.array([2.0]), np.array([2.0]), np.array([2.0]))
    assert fixed.tolist() == [2.0]


def test_scales_are_given_for_all_or_by_name_and_guessed_for_the_others():
    guess = np.array([1.0, 2.0, 3.0])
    for scale, scales, given in (
        (None, [1.0, 2.0, 3.0], [False] * 3),
        (0.5, [0.5] * 3, [True] * 3),
        ({"b": 0.5}, [1.0, 0.5, 3.0], [False, True, False]),
    ):
        found, known = checked_scales(scale, guess, NAMES)
        assert found.tolist() == scales
        assert known.tolist() == given


def test_parameters_are_asked_for_by_name_or_number_in_their_own_order():
    assert checked_wrt(["c", 0], NAMES, None) == (2, 0)
    assert checked_wrt("b", NAMES, None) == (1,)
    nested = checked_x0({"a": 1.0, "b": {"c": 2.0, "d": 3.0}}, None)
    assert checked_wrt(["b", "a"], *nested[1:]) == (0, 1, 2)
    with pytest.raises(ValueError, match="at least one parameter"):
        checked_wrt([], NAMES, None)


def test_a_side_is_one_of_three():
    assert check_side({"a": 1, "b": -1}).tolist() == [1.0, -1.0]
    with pytest.raises(ValueError, match=r"`side` must be \+1 or -1"):
        check_side(0.5)


def test_first_steps_are_the_middle_ones_of_what_a_result_found():
    result = CalculusKit(lambda x: np.array([np.exp(x[0]), 1.0]), [1.0, 2.0]).jacobian_result()
    assert check_start(result) is result
    first, constant = half_widths(result)
    assert first == result.step[0, 0] * (1 + GRAIN)  # the other output is constant
    assert constant is None
    with pytest.raises(TypeError, match="`start` must be the result of a gradient"):
        check_start([1.0])
