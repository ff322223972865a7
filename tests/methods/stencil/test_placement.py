"""Where stencils stand: inside the room, on the grid of floating point."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from derivkit.methods.protocol import Line
from derivkit.methods.stencil.placement import (
    Room,
    on_grid,
    one_side_of,
    place,
    room_of,
    room_within,
)

lengths = st.floats(1e-3, 1e3)


@settings(max_examples=200, deadline=None)
@given(
    lengths,
    st.sampled_from([3, 5, 7, 9]),
    st.integers(1, 2),
    st.integers(0, 1),
    st.one_of(st.just(0.0), lengths),
    lengths,
    st.booleans(),
    st.sampled_from([1.0, 16.0, math.inf]),
)
def test_a_stencil_always_fits_and_contains_x0(
    step, points, order, extra, short, long, mirrored, shrinking
):
    room = Room(long, short) if mirrored else Room(short, long)
    placed = place(step, points, order, extra, room, Line(), shrinking=shrinking)
    places = np.array(placed.wider) * placed.step
    assert placed.step <= step
    assert 0 in placed.offsets
    assert set(placed.offsets) <= set(placed.wider)
    assert (places >= -room.left * (1 + 1e-12)).all()
    assert (places <= room.right * (1 + 1e-12)).all()
    assert len(placed.offsets) == points + (not placed.central and order % 2 == 0)


@pytest.mark.parametrize(
    ("room", "shrinking", "offsets", "step"),
    [
        (Room(9.0, 9.0), 1.0, (-2, -1, 0, 1, 2), 1.0),
        (Room(1.0, 9.0), 1.0, (-1, 0, 1, 2, 3), 1.0),
        (Room(0.0, 9.0), 1.0, (0, 1, 2, 3, 4), 1.0),
        (Room(9.0, 0.5), 1.0, (-4, -3, -2, -1, 0), 1.0),
        (Room(1.0, 9.0), 16.0, (-2, -1, 0, 1, 2), 0.5),
        (Room(0.0, 2.0), 16.0, (0, 1, 2, 3, 4), 0.5),
    ],
)
def test_central_where_it_may_be_else_shifted_else_smaller(room, shrinking, offsets, step):
    placed = place(1.0, 5, 1, 0, room, Line(), shrinking=shrinking)
    assert placed.offsets == offsets
    assert placed.step == pytest.approx(step)


@settings(max_examples=200, deadline=None)
@given(st.floats(1e-6, 1e3), st.floats(-1e3, 1e3), st.integers(-4, 4), st.integers(0, 10))
def test_steps_on_the_grid_are_exact_when_halved(step, origin, k, halvings):
    rounded, exact = on_grid(step, abs(origin) + 4 * step)
    assert exact
    assert rounded == pytest.approx(step, rel=1e-3)
    origin = math.ulp(abs(origin) + 4 * step) * round(origin / math.ulp(abs(origin) + 4 * step))
    t = k * rounded / 2**halvings
    assert (origin + t) - origin == t


def test_a_point_beyond_the_next_power_of_two_is_known_to_be_rounded():
    x0 = np.nextafter(31.0, 0)  # its last digit is lost above 32
    assert place(0.5, 3, 1, 0, Room(9.0, 9.0), Line(origin=x0), shrinking=1.0).exact
    assert not place(2.0, 3, 1, 0, Room(9.0, 9.0), Line(origin=x0), shrinking=1.0).exact


def test_a_step_lost_beside_x0_is_left_as_it_is():
    assert on_grid(1e-12, 1e3) == (1e-12, False)


@pytest.mark.parametrize(
    ("places", "undefined", "left", "right"),
    [
        ([0, -1, 1, -2, 2], [2], 9.0, 1.0),
        ([0, -1, 1, -2, 2], [-2, 2], 1.0, 1.0),
        ([0, -1, 1, -2, 2], [-1, -2], 1 / 16, 9.0),
        ([0, -1, 1, -2, 2], [-1, 1], 1 / 16, 1 / 16),
        ([0, -1, 1, -2, 2], [1], 9.0, 1 / 16),
    ],
)
def test_room_ends_before_the_first_undefined_place(places, undefined, left, right):
    room = room_within(np.array(places, dtype=float), np.isin(places, undefined), Room(9.0, 9.0))
    assert room == Room(left, right)


def test_a_side_without_room_for_any_sample_is_none():
    assert room_of(Line(lower=-5e-324, upper=1.0)) == Room(0.0, 1.0)
    assert one_side_of(Room(1.0, 2.0)) == Room(0.0, 2.0)
