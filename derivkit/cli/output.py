"""A result as text: the table, JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from derivkit.result import DerivativeResult

__all__ = ["written"]


def written(result: DerivativeResult, form: str) -> str:
    """Return the result as ``"table"``, ``"json"`` or ``"csv"``, with a line break at its end."""
    return f"{_FORMS[form](result)}\n"


def _as_json(result: DerivativeResult) -> str:
    return result.to_json()


def _as_csv(result: DerivativeResult) -> str:
    rows = result.rows()
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().rstrip("\n")


_FORMS: dict[str, Callable[[DerivativeResult], str]] = {
    "table": str,
    "json": _as_json,
    "csv": _as_csv,
}
