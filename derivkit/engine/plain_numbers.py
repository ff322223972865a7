"""Numbers as models return them – masked, with units, Fraction, mpmath's – as plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.validation import (
    from_objects,
    has,
    is_no_list,
    is_number,
    shown,
    text_of,
    without_unit,
)

__all__ = ["output_numbers"]


def output_numbers(name: str, value: Any) -> NDArray[Any]:
    """Return what a model gives as a fresh array of float or complex; nan where it is masked.

    Raises
    ------
    TypeError
        If it is not a number, or carries a unit.
    """
    value = without_unit(name, value)
    if isinstance(value, np.ma.MaskedArray):
        value = np.ma.filled(value.astype(np.result_type(value.dtype, float)), np.nan)
    elif has(value, "to_numpy"):  # pandas' and polars' missing numbers
        value = value.to_numpy()
    try:
        array = np.array(value)  # a copy: the model may use the same buffer again
    except Exception as error:  # a ragged list; a tensor that still records gradients
        raise TypeError(
            f"`{name}` must return a number or an array of numbers, got {type(value).__name__}, of "
            f"which numpy cannot make one: {text_of(error)}"
            + ("; make an array of each item" if isinstance(value, (list, tuple)) else "")
        ) from error
    if array.dtype.kind == "O" and all(is_number(each) for each in array.flat):
        array = from_objects(name, array)
    kind = array.dtype.kind
    if kind == "c":
        return np.asarray(array, dtype=complex)
    if kind in "fiub":
        return np.asarray(array, dtype=float)
    raise TypeError(
        f"`{name}` must return a number or an array of numbers, got {type(value).__name__}"
        + _what_is_in(value, array)
        + ("; is its `return` missing?" if value is None else "")
        + ("; has_aux=True is for what stands beside the output" if type(value) is tuple else "")
        + ("; give its .toarray()" if has(value, "toarray") else "")
        + ("; make it a list" if is_no_list(value) else "")
        + ("; it must not be async: await inside it, with asyncio.run" if _is_async(value) else "")
    )


def _what_is_in(value: Any, array: NDArray[Any]) -> str:
    """Say what an array holds in place of numbers, for the end of a message."""
    if not array.ndim or not array.size:
        return ""
    items = value if isinstance(value, (list, tuple)) else array.flat if array.dtype == "O" else ()
    others = [each for each in items if not (is_number(each) or isinstance(each, (list, tuple)))]
    if others:
        return f" with {shown(others[0])} in it"
    return f" of {'text' if array.dtype.kind in 'US' else array.dtype}"


def _is_async(y: Any) -> bool:
    """Whether an output would have to be awaited; one that never will be is closed."""
    if not hasattr(y, "__await__"):
        return False
    getattr(y, "close", lambda: None)()
    return True
