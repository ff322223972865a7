"""What a row of a checkpoint holds: outputs to the bit, points beside an origin, checksums."""

from hashlib import blake2b

import numpy as np
import pytest

from derivkit.engine.checkpoint.rows import (
    MOST_WHOLE,
    Origin,
    bytes_of,
    checksum,
    checksum_of_row,
    difference,
    output_of,
    place_from,
)
from derivkit.engine.points import place_of


@pytest.mark.parametrize(
    "output", [1.5, -0.0, 5e-324, np.array([1.0, np.nan]), np.arange(6.0).reshape(2, 3), 1 + 2j]
)
def test_an_output_comes_back_to_the_bit(output):
    again = output_of(*bytes_of(output))
    np.testing.assert_array_equal(again, output)
    assert np.shape(again) == np.shape(output)
    assert np.signbit(np.real(again)).tolist() == np.signbit(np.real(output)).tolist()


@pytest.mark.parametrize(("shape", "dtype"), [("3", "<f8"), ("", "<i8"), ("1", "|O")])
def test_bytes_that_cannot_have_been_written_are_refused(shape, dtype):
    with pytest.raises(ValueError, match="numbers"):
        output_of(np.zeros(2).tobytes(), shape, dtype)


def test_a_complex_number_is_refused_where_none_can_be():
    with pytest.raises(ValueError, match="unexpected type of numbers"):
        output_of(*bytes_of(1j), complex_allowed=False)


def test_a_point_of_few_parameters_is_stored_whole():
    place = place_of(np.arange(MOST_WHOLE / 8))
    assert difference(place, []) == (None, place)
    assert place_from(None, place) == place


@pytest.mark.parametrize("step", [0.5, 1e-20j])
def test_a_point_of_many_is_stored_as_what_differs_from_an_origin(step):
    x = np.arange(1000.0)
    origin = Origin(1, x, b"")
    moved = x + 0.0 * step
    moved[[3, 700]] += step
    found, differs = difference(place_of(moved), [origin])
    assert found is origin
    assert len(differs) < 50
    assert place_from(found, differs) == place_of(moved)


def test_a_point_far_from_every_origin_needs_one_of_its_own():
    origin = Origin(1, np.zeros(100), b"")
    assert difference(place_of(np.ones(100)), [origin]) is None


def test_a_checksum_sees_what_moves_between_parts():
    assert checksum("ab", "c") != checksum("a", "bc")
    assert checksum(b"x", "y") == checksum("x", b"y")
    assert len(checksum("x")) == 8


def test_a_checksum_is_that_of_each_part_after_its_length():
    """Files that are there already must go on to be readable."""
    whole = b"\x02" + bytes(7) + b"ab" + bytes(8) + b"\x01" + bytes(7) + b"c"
    assert checksum(b"ab", "", "c") == blake2b(whole, digest_size=8).digest()


@pytest.mark.parametrize("origin", [None, Origin(1, np.zeros(100), b"12345678")])
def test_a_rows_checksum_is_that_of_its_parts_in_order(origin):
    """Files that are there already must go on to be readable."""
    for parts in ((b"ab", "ok", b"value", "", "<f8"), (b"cd", "failed", b"", "", "")):
        whole = checksum(origin.sum if origin else b"", *parts)
        assert checksum_of_row(origin, *parts) == whole
