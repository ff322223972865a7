"""Numbers as users give them – of any package, with units or masks – made arrays of floats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.validation.kinds import has, is_missing, is_no_list, is_number
from derivkit.validation.words import shown

__all__ = [
    "check_direction",
    "check_numbers",
    "check_unmasked",
    "finite_numbers",
    "from_objects",
    "real_numbers",
    "without_unit",
]


def real_numbers(name: str, value: Any) -> NDArray[np.float64]:
    """Return what a user gives as a fresh array of real numbers.

    Raises
    ------
    TypeError
        If it is no number, or carries a unit.
    ValueError
        If some are masked.
    """
    try:
        value = without_unit(name, value)
    except RecursionError as error:
        raise TypeError(f"`{name}` must be numbers, got what holds itself") from error
    check_unmasked(name, value)
    try:
        array = np.array(value)
    except Exception as error:  # whatever a user's __array__ or __len__ raises
        ragged = "; its rows differ in length" if isinstance(value, (list, tuple)) else ""
        raise TypeError(f"`{name}` must be numbers, got {shown(value)}{ragged}") from error
    if array.dtype.kind == "O" and is_no_list(value):
        raise TypeError(f"`{name}` must be numbers, got {shown(value)}: make it a list")
    if array.dtype.kind == "O":
        array = from_objects(name, array)
    if array.dtype.kind not in "fiu" and array.size:
        kind = type(value).__name__ if array.ndim == 0 else array.dtype.name
        raise TypeError(f"`{name}` must be real numbers, got {shown(value)} ({kind})")
    return array.astype(float)


def finite_numbers(name: str, values: Any) -> tuple[float, ...]:
    """Return distinct finite numbers as a tuple, ascending.

    Raises
    ------
    ValueError
        If they are anything else, or none, or one of them comes twice.
    """
    try:
        array = real_numbers(name, values)
    except TypeError as error:
        raise ValueError(str(error)) from error
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be a list of finite numbers, got {shown(values)}")
    if np.unique(array).size != array.size:
        raise ValueError(f"`{name}` must be distinct numbers, got {shown(values)}")
    return tuple(np.sort(array).tolist())


def check_numbers(name: str, value: Any) -> NDArray[np.float64]:
    """Return one finite number, or an array of at least one."""
    numbers = real_numbers(name, value)
    if numbers.size == 0:
        raise ValueError(f"`{name}` must be at least one number, got none")
    if not np.isfinite(numbers).all():
        raise ValueError(f"`{name}` must be finite, got {numbers}")
    return numbers


def check_direction(name: str, v: Any, p: int) -> NDArray[np.float64]:
    """Return a direction of p finite numbers that are not all 0."""
    direction = real_numbers(name, v)
    if direction.shape != (p,):
        raise ValueError(f"`{name}` must have shape ({p},), got {direction.shape}")
    if not (np.isfinite(direction).all() and direction.any()):
        raise ValueError(f"`{name}` must be finite and not all 0, got {shown(v)}")
    return direction


def check_unmasked(name: str, value: Any) -> None:
    """Raise a ValueError for masked numbers: what lies under a mask is no number."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(f"`{name}` must have no masked numbers, got {shown(value)}")


def without_unit(name: str, value: Any) -> Any:
    """Return numbers as they are, and dimensionless quantities as numbers.

    Raises
    ------
    TypeError
        If they carry another unit; the message has that package's conversion.
    """
    if isinstance(value, (list, tuple)):
        try:
            carries = any(map(_carries, value))
        except RecursionError as error:
            raise TypeError(f"`{name}` must be numbers, got what holds itself") from error
        return [without_unit(name, v) for v in value] if carries else value
    unit = _unit(value)
    if unit is None:
        return value
    try:
        return value.to_value("") if hasattr(value, "to_value") else value.to("").magnitude
    except Exception as error:
        how = "its package's conversion"
        if hasattr(value, "to_value"):
            how = f".to_value({str(unit)!r})"
        elif hasattr(value, "magnitude"):
            how = f".to({str(unit)!r}).magnitude"
        raise TypeError(
            f"`{name}` must be plain numbers, got a quantity in {unit}: make it a number with {how}"
        ) from error


def _carries(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_carries, value))
    return _unit(value) is not None


def _unit(value: Any) -> Any:
    """Return the unit that something carries, as pint's, astropy's and unyt's quantities do."""
    if isinstance(value, (float, int, complex, str, np.generic)) or type(value) is np.ndarray:
        return None
    if has(value, "to_numpy"):  # a label may be called "unit"; xarray may hold a quantity
        return _unit(value.data) if has(value, "dims") else None
    try:
        found = getattr(value, "units", None)
        found = getattr(value, "unit", None) if found is None else found
    except Exception:  # noqa: BLE001 - a user's __getattr__
        return None
    return None if isinstance(found, str) or callable(found) else found


def from_objects(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return an array of float or complex from one of objects that are numbers.

    Raises
    ------
    TypeError
        If one is no number.
    """
    items = array.ravel().tolist()
    for each in items:
        if not is_number(each):
            raise TypeError(f"`{name}` must be numbers, got {shown(each)} ({type(each).__name__})")
    try:
        numbers = [_number(each) for each in items]
    except Exception as error:  # a user's __float__
        raise TypeError(f"`{name}` must be numbers, got {shown(array)}") from error
    return np.array(numbers, dtype=None if items else float).reshape(array.shape)


def _number(each: Any) -> float | complex:
    if is_missing(each):
        return math.nan
    if not hasattr(each, "__float__"):
        return complex(each)
    try:
        return float(each)
    except OverflowError:  # an integer or a fraction beyond 1.8e308
        return math.inf if each > 0 else -math.inf
