"""Rays: where t lies, how a point is named, bounds that rounding must not cross."""

import numpy as np
import pytest

from derivkit.engine.points import (
    AT_X0,
    MOST_LISTED,
    AxisRay,
    ObliqueRay,
    place_of,
    point_at,
)

X0 = np.array([1.0, 2.0, 3.0])


def oblique(indices, weights, x0=X0):
    chosen = list(indices)
    far = np.full(len(chosen), np.inf)
    return ObliqueRay(x0, tuple(chosen), np.array(weights), -far, far)


def test_a_point_on_an_axis_is_named_by_the_one_coordinate_that_moves():
    ray = AxisRay(X0, 1, 2.0)
    assert ray.key(0.5) == (1, 2.5)
    assert ray.place(0.5).tolist() == [1.0, 2.5, 3.0]
    assert ray.key(0.0) == AT_X0


def test_the_same_point_has_the_same_name_on_every_ray():
    assert AxisRay(X0, 1, 2.0).key(0.5) == oblique([1], [1.0]).key(0.5)
    assert oblique([0, 2], [1.0, 0.5]).key(1.0) == oblique([0, 2], [2.0, 1.0]).key(0.5)
    assert oblique([0, 2], [1.0, 0.5]).key(0.0) == AT_X0


def test_a_step_too_small_to_change_x0_is_x0():
    assert AxisRay(X0, 0, 1.0).key(1e-20) == AT_X0


def test_a_coordinate_that_rounding_puts_outside_a_bound_is_put_onto_it():
    ray = AxisRay(X0, 0, 1.0, 0.0, 1.1)
    t = np.nextafter(1.1, 2.0) - 1.0
    assert 1.0 + t > 1.1
    assert ray.place(t)[0] == 1.1
    assert ray.key(t) == (0, 1.1)


def test_complex_steps_are_kept_complex():
    assert AxisRay(X0, 0, 1.0).place(1e-20j)[0] == 1.0 + 1e-20j
    assert oblique([0, 1], [1.0, 2.0]).place(1j).tolist() == [1 + 1j, 2 + 2j, 3 + 0j]


def test_a_place_is_a_fresh_writable_array():
    ray = AxisRay(X0, 0, 1.0)
    ray.place(0.5)[:] = 0.0
    assert X0.tolist() == [1.0, 2.0, 3.0]


def test_a_point_that_moves_many_coordinates_is_named_by_a_short_digest():
    p = MOST_LISTED + 1
    ray = oblique(range(p), [1.0] * p, np.arange(float(p)))
    assert isinstance(ray.key(1.0), bytes)
    assert ray.key(1.0) != ray.key(2.0)


@pytest.mark.parametrize("x", [X0, np.array([1 + 2j, 0j]), np.array([-0.0])])
def test_a_points_bytes_are_the_point(x):
    again = point_at(place_of(x))
    np.testing.assert_array_equal(again, x)
    assert again.dtype == x.dtype
    assert place_of(x) == place_of(again)


def test_minus_zero_and_zero_are_one_point_and_a_real_point_is_no_complex_one():
    assert place_of(np.array([-0.0])) == place_of(np.array([0.0]))
    assert place_of(np.array([1.0, 0.0])) != place_of(np.array([1 + 0j]))
