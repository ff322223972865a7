"""Awkward values, and whether an annotation allows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from numbers import Real
from os import PathLike
from pathlib import Path

import numpy as np


def raising(name):
    """Return an object that raises whenever it is asked that."""

    def ask(self, *_):
        raise ZeroDivisionError("asked")

    return type("Hostile", (), {name: ask})()


class Everything:
    """Raises whatever it is asked."""

    def __getattribute__(self, name):
        if name == "__class__":  # isinstance itself asks for it
            return Everything
        raise ZeroDivisionError("asked")

    def asked(self, *_):
        raise ZeroDivisionError("asked")

    __repr__ = __str__ = __len__ = __iter__ = __bool__ = __eq__ = __float__ = asked
    __hash__ = __int__ = __index__ = __getitem__ = __lt__ = __array__ = asked


class Endless:
    """Has no end."""

    def __iter__(self):
        return self

    def __next__(self):
        return 1.0


class Liar(list):
    """Says that it has a number of entries which it has not."""

    def __len__(self):
        return 2

    def __iter__(self):
        return iter([])


class ShyText(str):
    """A text that raises when it is looked at."""

    __slots__ = ()

    def __eq__(self, other):
        raise ZeroDivisionError("asked")

    __hash__ = str.__hash__


class LoudNumber(float):
    """A number that raises when it is shown."""

    def __repr__(self):
        raise ZeroDivisionError("asked")

    __str__ = __repr__


def recursive():
    found = []
    found.append(found)
    return found


def of_pandas(name, *arguments):
    import pandas as pd

    return getattr(pd, name)(*arguments)


HOSTILE = {
    "an object": object,
    **{
        f"raising {name}": lambda name=name: raising(name)
        for name in (
            "__repr__",
            "__len__",
            "__iter__",
            "__bool__",
            "__eq__",
            "__float__",
            "__array__",
            "__hash__",
            "__getattr__",
            "__call__",
            "__index__",
            "__getitem__",
            "__fspath__",
        )
    },
    "raising all": Everything,
    "endless": Endless,
    "itself": recursive,
    "a module": lambda: re,
}

VALUES = {
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "zero": lambda: 0,
    "one": lambda: 1,
    "minus one": lambda: -1,
    "ten": lambda: 10,
    "a million": lambda: 10**6,
    "huge": lambda: 10**400,
    "a half": lambda: 0.5,
    "minus zero": lambda: -0.0,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "tiny": lambda: 5e-324,
    "large": lambda: 1.7e308,
    "complex": lambda: 1j,
    "a fraction": lambda: Fraction(1, 3),
    "a decimal": lambda: Decimal("0.1"),
    "numpy's bool": lambda: np.bool_(True),
    "numpy's int": lambda: np.int8(3),
    "no text": lambda: "",
    "text": lambda: "a",
    "a long text": lambda: "long" * 5000,
    "lines": lambda: "one\ntwo",
    "escapes": lambda: "\x1b[31mred\x07\x00",
    "a surrogate": lambda: "\udce9",
    "bytes": lambda: b"abc",
    "a list": lambda: [1.0, 2.0],
    "an empty list": list,
    "a list of None": lambda: [None, None],
    "a ragged list": lambda: [[1.0], [1.0, 2.0]],
    "a list of text": lambda: ["a", "b"],
    "equal texts": lambda: ["a", "a"],
    "a list of nan": lambda: [float("nan")] * 2,
    "a long list": lambda: list(range(1000)),
    "a tuple": lambda: (1, 2),
    "a set": lambda: {1.0, 2.0},
    "a dict": lambda: {"a": 1.0, "b": 2.0},
    "an empty dict": dict,
    "a dict by numbers": lambda: {1: 2, None: 3},
    "a range": lambda: range(3),
    "a generator": lambda: (i for i in range(3)),
    "a function": lambda: len,
    "a lambda of nothing": lambda: lambda: None,
    "a class": lambda: dict,
    "an exception": lambda: ValueError("no"),
    "a path": lambda: Path("some"),
    "a matrix": lambda: np.eye(2),
    "a singular matrix": lambda: np.ones((2, 2)),
    "no numbers": lambda: np.array([]),
    "a number in an array": lambda: np.array(1.0),
    "deep": lambda: np.zeros((1, 2, 1, 2)),
    "complex numbers": lambda: np.array([1j, 2.0]),
    "texts of numpy": lambda: np.array(["a", "b"]),
    "objects": lambda: np.array([1, "a"], dtype=object),
    "dates": lambda: np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]"),
    "bools": lambda: np.array([True, False]),
    "masked": lambda: np.ma.array([1.0, 2.0], mask=[True, False]),
    "records": lambda: np.zeros(2, dtype=[("a", float)]),
    "a Series": lambda: of_pandas("Series", [1.0, 2.0]),
    "a frame": lambda: of_pandas("DataFrame", {"a": [1.0, 2.0]}),
    "a Liar": Liar,
    "a shy text": lambda: ShyText("a"),
    "a loud number": lambda: LoudNumber(0.5),
    **HOSTILE,
}

WORDS = [
    "",
    " ",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "0",
    "1",
    "1.5",
    "1,5",
    "1:2",
    ":",
    "2:1",
    "nan:nan",
    "a",
    "a=",
    "=1",
    "a=1",
    "a=b",
    "a=1=2",
    "a=nan",
    "--",
    "-",
    "-x",
    "--no",
    "x" * 5000,
    "\x1b[31mred",
    "\udce9",
    "é",
    "a\nb",
    "a b",
    "..",
    "/",
    "/nowhere/x",
    "model.py",
    "model.py:",
    ":f",
    "model.py:f",
    "model.py:nothing",
    "os:getcwd",
    "math:pi",
    "[",
    "(",
    "(?P<",
    "*",
    "{}",
    "{theta}",
    "{a}",
    "$HOME",
    "`",
    "'",
    '"',
    "\\",
    "0x10",
    "1_0",
    "1j",
    "None",
    "True",
    "99999999999999999999",
    "@file",
    "%s",
    "\t",
    "\u202e",
]


def fits(annotation, value, *, hostile):
    """Whether an annotation allows a value; where it says nothing, whether it makes any sense."""
    heads = [part.split("[")[0].strip(" '\"").rpartition(".")[2] for part in split(str(annotation))]
    return any(ALLOWED[head](value) if head in ALLOWED else not hostile for head in heads)


def split(annotation):
    """Return the alternatives of an annotation."""
    depth, parts = 0, [""]
    for c in annotation:
        depth += (c == "[") - (c == "]")
        if c == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return parts


def is_number(value):
    value = value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value
    return isinstance(value, (Real, Decimal, np.number)) and not isinstance(value, (bool, np.bool_))


def is_sequence(value):
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))


ALLOWED = {  # by annotation; others allow what is not hostile
    "None": lambda value: value is None,
    "bool": lambda value: isinstance(value, (bool, np.bool_)),
    "int": lambda value: is_number(value) and not isinstance(value, (float, Decimal, Fraction)),
    "float": lambda value: is_number(value) and value == value,  # noqa: PLR0124
    "str": lambda value: isinstance(value, str),
    "Literal": lambda value: isinstance(value, (str, int)) and not isinstance(value, bool),
    **dict.fromkeys(("Callable", "Show", "Function"), callable),
    **dict.fromkeys(("Mapping", "dict"), lambda value: isinstance(value, Mapping)),
    **dict.fromkeys(("Sequence", "Iterable", "tuple", "list"), is_sequence),
    "PathLike": lambda value: isinstance(value, PathLike),
}
