"""Results as plain data and back: dict, JSON, pandas frame. Knows fields, not what they mean.

JSON has no nan and no infinity; they are written as the strings "nan", "inf" and "-inf", so that
any reader can take the file. Every other number is written so that it reads back to the same bits.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from derivkit.engine.failures import Raised
from derivkit.engine.tree_text import as_text, from_text
from derivkit.results.labels import Labels
from derivkit.status import Status
from derivkit.validation import has, optional, shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "from_dict",
    "from_json",
    "is_data",
    "parsed",
    "plain",
    "series_again",
    "to_dict",
    "to_frame",
    "to_json",
]

Result = TypeVar("Result")

MOST_INDENT = 80  # spaces
NOT_DATA = {"evaluations", "aux"}  # a view of the kit's memory


def to_dict(result: Any) -> dict[str, Any]:
    """Return the fields of a result as numbers, strings, lists and dicts."""
    return {
        field.name: plain(getattr(result, field.name))
        for field in dataclasses.fields(result)
        if is_data(field)
    }


def from_dict(cls: type[Result], data: dict[str, Any]) -> Result:
    """Return the result whose `to_dict` is ``data``.

    Raises
    ------
    ValueError
        If a field that the result needs is missing, or an unknown one is there.
    """
    fields = {f.name: f for f in dataclasses.fields(cls) if is_data(f)}  # type: ignore[arg-type]
    unknown = sorted(set(data) - set(fields))
    missing = sorted(n for n, f in fields.items() if n not in data and _required(f))
    if unknown or missing:
        raise ValueError(
            f"`data` must be what to_dict() gave; missing: {', '.join(missing) or 'none'}, "
            f"unknown: {', '.join(unknown) or 'none'}"
        )
    return cls(**{name: _restored(value, str(fields[name].type)) for name, value in data.items()})


def to_json(data: Any, *, indent: int | None = 2) -> str:
    """Return a result, or lists and dicts of numbers, text, arrays and statuses, as JSON text."""
    if indent is not None and indent > MOST_INDENT:
        raise ValueError(f"`indent` must be at most {MOST_INDENT}, got {shown(indent)}")
    return json.dumps(_strict(plain(data)), indent=indent, allow_nan=False)


def from_json(cls: type[Result], text: str) -> Result:
    """Return the result whose `to_json` is ``text``."""
    return from_dict(cls, parsed(text))


def parsed(text: str) -> Any:
    """Return what JSON text holds."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"`text` must be what to_json() gave, got {shown(text)}") from error


def to_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a pandas DataFrame.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    frame: pd.DataFrame = optional("pandas", "to_frame").DataFrame(rows)
    return frame


def is_data(field: dataclasses.Field[Any]) -> bool:
    """Whether a field is written, unless its metadata say ``data=False``."""
    return field.init and field.name not in NOT_DATA and field.metadata.get("data", True) is True


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def plain(value: Any) -> Any:  # noqa: PLR0911 - a case a type
    """Return arrays, results, statuses and what holds them as numbers, strings, lists and dicts."""
    if isinstance(value, (np.ndarray, np.complexfloating)):
        if value.dtype.kind == "c":
            return {"real": plain(value.real), "imag": plain(value.imag)}
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if has(value, "to_numpy", "index"):  # a Series of parameters
        keys, numbers = value.index.tolist(), value.to_numpy().tolist()
        return {"series": [plain(keys), plain(numbers)]}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, Enum):  # a status, a verdict
        return value.value
    if isinstance(value, Labels):
        return _plain_labels(value)
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    number = value.item() if isinstance(value, np.generic) else value
    return str(number) if isinstance(number, complex) else number


def series_again(value: Any) -> Any:
    """Return the Series that `plain` was given; anything else as it is."""
    if not (isinstance(value, Mapping) and isinstance(value.get("series"), list)):
        return value
    keys, numbers = value["series"]
    labels = [tuple(key) if isinstance(key, list) else key for key in keys]
    return optional("pandas", "from_json").Series(numbers, index=labels)


def _plain_labels(labels: Labels) -> dict[str, Any] | None:
    """Return labels as plain data; None where a key is more than text or a number."""
    trees = {"parameters": labels.parameters, "outputs": labels.outputs}
    texts = {name: tree and as_text(tree) for name, tree in trees.items()}
    known = all(texts[name] is not None or tree is None for name, tree in trees.items())
    moved = {"coordinates": list(labels.coordinates)} if labels.coordinates else {}
    return {"names": list(labels.names), **texts, **moved} if known else None


def _labels(data: dict[str, Any]) -> Labels:
    trees = {k: data[k] and from_text(data[k]) for k in ("parameters", "outputs")}
    return Labels(tuple(data["names"]), **trees, coordinates=tuple(data.get("coordinates", ())))


def _strict(value: Any) -> Any:
    """Replace what JSON cannot hold by strings that float() reads."""
    if isinstance(value, dict):
        return {key: _strict(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_strict(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _restored(value: Any, annotation: str) -> Any:  # noqa: PLR0911 - a case a type
    """Return plain data as the type that the field is annotated with."""
    if value is None:
        return None
    if isinstance(value, dict) and "real" in value:
        return np.array(value["real"], dtype=float) + 1j * np.array(value["imag"], dtype=float)
    if "NDArray[np.float64]" in annotation:
        return np.array(value, dtype=float)  # reads "inf" and "nan" too
    if "NDArray[np.int64]" in annotation:
        return np.array(value, dtype=np.int64)
    if "NDArray[Any]" in annotation:
        return _statuses(value)
    if annotation.startswith("Labels"):
        return _labels(value)
    if "Raised" in annotation:
        return tuple(Raised(**each) for each in value)
    return tuple(value) if annotation.startswith("tuple") else value


def _statuses(names: Any) -> np.ndarray[Any, Any]:
    flat = np.array(names, dtype=object)
    restored = np.empty(flat.shape, dtype=object)
    for where, name in np.ndenumerate(flat):
        restored[where] = Status(name)
    return restored
