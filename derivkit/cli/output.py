"""A result as text: the table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["written"]


class Tabular(Protocol):
    """What has rows: a derivative's result, or a check's."""

    def rows(self) -> list[dict[str, Any]]:
        """Return the table."""
        ...


def written(result: Tabular, form: str) -> str:
    """Return the result as ``"table"``, ``"json"`` or ``"csv"``, with a line break at its end."""
    return f"{_FORMS[form](result)}\n"


def _as_json(result: Tabular) -> str:
    """Return all of a result that knows how, else its rows; numbers JSON lacks are strings."""
    whole = getattr(result, "to_json", None)
    if whole is not None:
        return str(whole())
    return json.dumps([{k: _plain(v) for k, v in row.items()} for row in result.rows()], indent=2)


def _plain(value: Any) -> Any:
    finite = isinstance(value, (int, float)) and abs(value) < float("inf")
    return value if finite else str(value)


def _as_csv(result: Tabular) -> str:
    rows = result.rows()
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().rstrip("\n")


_FORMS: dict[str, Callable[[Tabular], str]] = {"table": str, "json": _as_json, "csv": _as_csv}
