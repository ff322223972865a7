"""What all results of forecasts have in common: table, text, HTML, frame, and JSON both ways."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Protocol,
    Self,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np

from derivkit.forecast.pickled import Pickled
from derivkit.forecast.verdict import Verdict
from derivkit.results.serialise import (
    is_data,
    parsed,
    plain,
    series_again,
    to_dict,
    to_frame,
    to_json,
)
from derivkit.results.table import html_table, text_table
from derivkit.validation import typed

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Judged", "Report"]

FORMATS = dict.fromkeys(("value", "shift", "second order"), "{:.8g}")
FORMATS |= dict.fromkeys(("sigma", "others fixed", "Fisher's sigma", "95 % limit"), "{:.6g}")
FORMATS |= dict.fromkeys(("error", "in sigma", "Newton step"), "{:.2g}")


class Report(Pickled):
    """A result with a table and a message; a dataclass inherits the rest.

    Attributes
    ----------
    shown : tuple of str
        Properties that are written with the fields, for whoever reads the JSON.
    """

    shown: ClassVar[tuple[str, ...]] = ("message",)

    @property
    def formats(self) -> Mapping[str, str]:
        """How the numbers of the table's columns are written."""
        return FORMATS

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: a dict for each row."""
        raise NotImplementedError

    @property
    def message(self) -> str:
        """One sentence on how it went."""
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """Return the table as a pandas DataFrame."""
        return to_frame(self.rows())

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as numbers, strings, lists and dicts."""
        return {name: plain(getattr(self, name)) for name in self.shown} | to_dict(self)

    @typed
    def to_json(self, *, indent: int | None = 2) -> str:
        """Return all fields as JSON text that `from_json` reads back to the same bits."""
        return to_json(self.to_dict(), indent=indent)

    @classmethod
    @typed
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the result whose `to_dict` is ``data``."""
        restored: Self = _restored(cls, data)
        return restored

    @classmethod
    @typed
    def from_json(cls, text: str) -> Self:
        """Return the result that `to_json` wrote."""
        return cls.from_dict(parsed(text))

    def __str__(self) -> str:
        return text_table(self.rows(), self.message, self.formats)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self.rows(), self.message, self.formats)


class _HasVerdict(Protocol):
    @property
    def verdict(self) -> Verdict: ...


class Judged(Report):
    """A report with a verdict, the worst that applies."""

    @property
    def success(self: _HasVerdict) -> bool:
        """Whether the numbers are within their errors; a Gaussian may still not be one."""
        return self.verdict.success


def _restored(kind: Any, value: Any) -> Any:
    """Return plain data as the type that a field is annotated with."""
    if isinstance(kind, UnionType):
        kind = get_args(kind)[0]
    if value is None or kind is Any:
        return series_again(value)
    origin: Any = get_origin(kind) or kind
    if origin is np.ndarray:
        [dtype] = get_args(get_args(kind)[1])
        return np.array(value, dtype=dtype)  # reads "inf" and "nan" too
    if dataclasses.is_dataclass(origin):
        kinds = get_type_hints(origin)
        names = [f.name for f in dataclasses.fields(origin) if is_data(f)]
        missing = [name for name in names if name not in value]
        if missing:
            raise ValueError(f"`data` must be what to_dict() gave, got none of {missing[0]!r}")
        made: Any = origin
        return made(**{name: _restored(kinds[name], value[name]) for name in names})
    if isinstance(origin, type) and issubclass(origin, Enum):
        return origin(value)
    if origin is tuple:
        return tuple(value)
    return float(value) if origin is float else value
