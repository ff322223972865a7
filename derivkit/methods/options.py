"""Checks of the options that several methods have in common, made when a method is built."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["finite_numbers", "is_count", "is_not_negative", "is_positive"]


def is_positive(number: object) -> bool:
    """Tell whether it is a finite number above 0."""
    return (
        isinstance(number, (int, float, np.integer, np.floating))
        and not isinstance(number, bool)
        and 0 < float(number) < math.inf
    )


def is_count(number: object) -> bool:
    """Tell whether it is an integer; True and False are not."""
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)


def is_not_negative(number: object) -> bool:
    """Tell whether it is a finite number, 0 or above."""
    return is_positive(number) or (
        isinstance(number, (int, float)) and not isinstance(number, bool) and number == 0
    )


def finite_numbers(name: str, values: Any) -> tuple[float, ...]:
    """Return distinct finite numbers as a tuple, ascending.

    Raises
    ------
    ValueError
        If they are anything else, or none, or one of them comes twice.
    """
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{name}` must be numbers, got {values!r}") from error
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be a list of finite numbers, got {values!r}")
    if np.unique(array).size != array.size:
        raise ValueError(f"`{name}` must be distinct numbers, got {values!r}")
    return tuple(np.sort(array).tolist())
