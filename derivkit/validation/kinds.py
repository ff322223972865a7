"""Of what kind a value is: a value that raises when it is asked is of none."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Set as AbstractSet, ValuesView

import numpy as np

__all__ = [
    "has",
    "is_count",
    "is_missing",
    "is_no_list",
    "is_not_negative",
    "is_number",
    "is_positive",
    "is_real",
    "is_sequence",
    "is_text",
]


def has(value: object, *names: str) -> bool:
    """Whether it has these attributes; what raises when it is asked has not."""
    try:
        return all(hasattr(value, name) for name in names)
    except Exception:  # noqa: BLE001 - a user's __getattr__
        return False


def is_positive(number: object) -> bool:
    """Tell whether it is a finite number above 0."""
    if isinstance(number, np.generic):  # no float32 holds the largest float
        number = number.item()
    return (
        isinstance(number, (int, float, np.longdouble))
        and not isinstance(number, bool)
        and bool(0 < number <= sys.float_info.max)
    )


def is_text(value: object, *texts: object) -> bool:
    """Tell whether it is one of some texts."""
    return isinstance(value, str) and str.__str__(value) in texts


def is_count(number: object) -> bool:
    """Tell whether it is an integer; True and False are not."""
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)


def is_not_negative(number: object) -> bool:
    """Tell whether it is a finite number, 0 or above."""
    return is_positive(number) or (
        isinstance(number, (int, float)) and not isinstance(number, bool) and number == 0
    )


def is_number(each: object) -> bool:
    """Tell whether it is a number of any package, or stands for a missing one."""
    if isinstance(each, (bool, str, bytes)):
        return False
    return is_missing(each) or has(each, "__float__") or has(each, "__complex__")


def is_missing(each: object) -> bool:
    """Tell whether it stands for a number that is not there."""
    return type(each).__name__ in {"NAType", "NaTType"}


def is_no_list(value: object) -> bool:
    """Tell whether it gives one item after the other, but is no list: a generator, a set."""
    return isinstance(value, (Iterator, AbstractSet, ValuesView))


def is_sequence(value: object) -> bool:
    """Tell whether it has entries and a length, and is neither text nor a mapping."""
    return (
        isinstance(value, Iterable)
        and not isinstance(value, (str, bytes, Mapping))
        and hasattr(value, "__len__")
    )


def is_real(value: object) -> bool:
    """Tell whether it is a real number of any kind but nan; True and False are not."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not (
        isinstance(value, bool) or value != value  # noqa: PLR0124 - nan
    )
