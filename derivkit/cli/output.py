"""A result as text: the table, JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any, Protocol

from derivkit.results.serialise import to_json
from derivkit.results.table import plain_cell

__all__ = ["written"]


class Tabular(Protocol):
    """What has rows: a derivative's result, or a check's."""

    def rows(self) -> list[dict[str, Any]]:
        """Return the table."""
        ...


def written(result: Tabular, form: str) -> str:
    """Return the result as ``"table"``, ``"json"`` or ``"csv"``, with a line break at its end."""
    return f"{_FORMS[form](result)}\n"


def _as_table(result: Tabular) -> str:
    return str(result).replace("to_frame() has them all", "--csv has them all")


def _as_json(result: Tabular) -> str:
    """Return all of a result that knows how, else its rows; numbers JSON lacks are strings."""
    whole = getattr(result, "to_json", None)
    return str(whole()) if whole is not None else to_json(result.rows())


def _as_csv(result: Tabular) -> str:
    rows = result.rows()
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows({key: plain_cell(value) for key, value in row.items()} for row in rows)
    return text.getvalue().rstrip("\n")


_FORMS: dict[str, Callable[[Tabular], str]] = {"table": _as_table, "json": _as_json, "csv": _as_csv}
