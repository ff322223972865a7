"""Values as JSON and back, to the bit: what a plan needs to be kept in a file that runs nothing.

Not pickle, which runs what it reads; not `results.serialise`, whose JSON is for readers and brings
back neither method values nor types of arrays.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from derivkit.methods.registry import available_methods, name_of, resolve

__all__ = ["from_plain", "to_plain"]


def to_plain(value: Any, name: str) -> Any:  # noqa: PLR0911 - a case a type
    """Return a value in terms of JSON's.

    Parameters
    ----------
    value : object
        Numbers, text, arrays, sequences and mappings of them, or a method value.
    name : str
        What it is called, for the message.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if isinstance(value, np.integer):
        value = int(value)
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else {"float": repr(float(value))}
    if isinstance(value, (complex, np.complexfloating)):
        return {"complex": [to_plain(value.real, name), to_plain(value.imag, name)]}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        flat = [to_plain(each, name) for each in value.ravel().tolist()]
        return {"array": flat, "shape": list(value.shape), "dtype": value.dtype.str}
    if isinstance(value, (list, tuple)):
        return [to_plain(each, name) for each in value]
    if isinstance(value, Mapping):
        items = [(to_plain(key, name), to_plain(each, name)) for key, each in value.items()]
        return {"items": items}
    if dataclasses.is_dataclass(value) and name_of(value) in available_methods():
        options = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        plain = {key: to_plain(each, f"{name}.{key}") for key, each in options.items()}
        return {"method": name_of(value), "options": plain}
    raise TypeError(
        f"a plan with {name} = {value!r} cannot be saved: it must be numbers, text, or a method by "
        "name or of a registered class"
    )


def from_plain(plain: Any) -> Any:  # noqa: PLR0911 - a case a type
    """Return the value that `to_plain` was given."""
    if isinstance(plain, list):
        return [from_plain(each) for each in plain]
    if not isinstance(plain, dict):
        return plain
    if "float" in plain:
        return float(plain["float"])
    if "complex" in plain:
        return complex(*map(from_plain, plain["complex"]))
    if "array" in plain:
        flat = [from_plain(each) for each in plain["array"]]
        return np.array(flat, dtype=plain["dtype"]).reshape(plain["shape"])
    if "items" in plain:
        return {from_plain(key): from_plain(each) for key, each in plain["items"]}
    return resolve(plain["method"], {k: from_plain(v) for k, v in plain["options"].items()})
