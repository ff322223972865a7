"""How values and the texts of exceptions are shown, whatever they do; what is a number."""

import numpy as np
import pytest

from derivkit.validation import is_positive, shown, text_of


class HostileError(ValueError):
    def __str__(self):
        return self.nothing

    __repr__ = __str__


class Nameless(type):
    @property
    def __name__(cls):
        raise KeyError


class Hidden(metaclass=Nameless):
    pass


@pytest.mark.parametrize(
    "value",
    [
        "a" * 10**6,
        list(range(10**6)),
        dict.fromkeys(range(100), "x" * 100),
        np.arange(10**6),
        np.array([HostileError()] * 20),
        "two\nlines",
        "\x1b[31mred",
        "caf\udce9",
        HostileError(),
        Hidden(),
        10**5000,
    ],
    ids=lambda value: type(value).__qualname__,
)
def test_any_value_is_shown_in_one_printable_line_of_80_characters(value):
    text = shown(value)
    assert 0 < len(text) <= 80
    assert text.isprintable()
    text.encode()


def test_short_values_are_shown_as_they_are():
    assert shown([1.0, None]) == "[1.0, None]"
    assert shown(np.array([0.5, 2.0])) == "[0.5 2. ]"
    assert shown("no") == "'no'"


def test_the_text_of_an_exception_is_bounded_and_can_be_written_to_a_file():
    assert text_of(HostileError()) == "(its text could not be made)"
    assert text_of(ValueError("caf\udce9 \x1b[31m\nline")) == "caf\\udce9 \\x1b[31m\nline"
    assert len(text_of(ValueError("x" * 10**7))) == 10_001


@pytest.mark.parametrize(
    "kind", [np.float16, np.float32, np.float64, np.longdouble, np.int8, np.uint64]
)
def test_numbers_of_any_size_may_be_positive(kind):
    assert is_positive(kind(2))
    assert not is_positive(kind(0))
    assert not is_positive(np.bool_(True))
    if kind not in (np.int8, np.uint64):
        assert not is_positive(kind("inf"))
        assert not is_positive(kind("nan"))
