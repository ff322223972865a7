"""What models return for numbers: kinds of them taken, what is none refused."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from derivkit.engine.plain_numbers import output_numbers


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), Fraction(1, 2), Decimal("0.5"), [0.5]])
def test_numbers_of_any_kind_become_floats(value):
    array = output_numbers("function", value)
    assert array.dtype == float
    assert array.ravel().tolist() == [0.5]


def test_masked_numbers_are_undefined():
    masked = np.ma.masked_array([1.0, 2.0], mask=[False, True])
    np.testing.assert_array_equal(output_numbers("function", masked), [1.0, np.nan])


def test_an_array_is_copied():
    own = np.ones(2)
    assert not np.shares_memory(output_numbers("function", own), own)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "is its `return` missing"),
        ("0.5", "got str"),
        ([[1.0], [1.0, 2.0]], "numpy cannot make one"),
        ([object()], "must return a number"),
    ],
)
def test_what_is_no_number_is_refused_with_a_hint(value, said):
    with pytest.raises(TypeError, match=said):
        output_numbers("function", value)


def test_a_coroutine_is_told_to_be_awaited():
    async def model():
        return 1.0

    with pytest.raises(TypeError, match="must not be async"):
        output_numbers("function", model())
