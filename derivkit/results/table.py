"""Rows as a table: text for a terminal, HTML for a notebook.

By hand, since what lays tables out (pandas, tabulate, rich) is no dependency of this package.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

__all__ = ["Shown", "html_table", "plain_cell", "rows_of", "text_table"]

TEXT = (str,)  # columns of these stand at the left, those of numbers at the right
WIDTH = 79  # columns of a terminal at which a title is broken, between words
MOST_ROWS = 20  # of what is `Shown` in a terminal
MOST_OPEN = 30  # rows of a notebook's table; longer ones scroll
MOST_HTML = 1000  # rows of it in all; a browser hardly takes a hundred thousand
FORMATS = dict.fromkeys(("x0", "fiducial", "value"), "{:.10g}") | {"error": "{:.2g}"}
FORMATS |= dict.fromkeys(("lower", "upper", "prior", "least", "greatest"), "{:g}")
HIGHEST = "24em"
SORT = (  # by the clicked column; numbers by value, the unknown last; again: the other way round
    "let t=this.closest('table'),b=t.tBodies[0],k=this.parentNode.cellIndex,"
    "d=t.dataset.by==k?-1:1;t.dataset.by=d==1?k:'';"
    "let v=r=>r.cells[k].dataset.v??r.cells[k].textContent;"
    "[...b.rows].sort((p,q)=>{let x=v(p),y=v(q),n=x-y;"
    "return d*(isNaN(n)?(x>y)-(x<y):n)}).forEach(r=>b.append(r))"
)
BUTTON = "all:unset;cursor:pointer;font-weight:bold"


class Shown:
    """What prints as a table, and shows as one in a notebook: rows, and a sentence above them."""

    def _shown(self) -> tuple[Sequence[Mapping[str, Any]], str]:
        raise NotImplementedError

    def __repr__(self) -> str:
        return text_table(*self._shown(), FORMATS, MOST_ROWS)

    def _repr_html_(self) -> str:
        return html_table(*self._shown(), FORMATS)


def rows_of(**columns: Sequence[Any]) -> list[dict[str, Any]]:
    """Return rows of columns.

    >>> rows_of(name=["a", "b"], value=[1.0, 2.0])
    [{'name': 'a', 'value': 1.0}, {'name': 'b', 'value': 2.0}]
    """
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def text_table(
    rows: Sequence[Mapping[str, Any]],
    title: str,
    formats: Mapping[str, str],
    most: int = 2**31,
    *,
    where: str = "",
) -> str:
    """Return rows below each other in aligned columns; ``formats`` has those of some columns.

    Of more than ``most`` rows, the last line tells how many are left out, and where they are.

    >>> print(text_table([{"name": "a", "value": 2.0}] * 4, "one row", {"value": "{:.2f}"}, 1))
    one row
    name  value
    a     2.00
    … 3 more
    """
    table = [list(rows[0]), *(_cells(row, formats) for row in rows[:most])]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in table]
    more = [f"… {len(rows) - most} more{where}"] if len(rows) > most else []
    wide = max(WIDTH, *map(len, lines))
    head = wrap(title, wide, break_long_words=False, break_on_hyphens=False)
    return "\n".join([*head, *lines, *more])


def html_table(rows: Sequence[Mapping[str, Any]], caption: str, formats: Mapping[str, str]) -> str:
    """Return rows as an HTML table that folds, and sorts by a click on a column's name.

    Numbers stand at the right; of more than `MOST_OPEN` rows, the table scrolls by itself, and of
    more than `MOST_HTML` it tells how many are left out.
    """
    from html import escape  # noqa: PLC0415 - only notebooks need it

    sides = ["left" if isinstance(value, TEXT) else "right" for value in rows[0].values()]
    styles = [f"text-align: {side}; white-space: nowrap" for side in sides]

    def line(row: Mapping[str, Any]) -> str:
        each = zip(row.values(), _cells(row, formats), styles, strict=True)
        cells = [f'<td style="{s}"{_sorted_by(v)}>{escape(c)}</td>' for v, c, s in each]
        return f"<tr>{''.join(cells)}</tr>"

    head = "".join(
        f'<th style="{style}"><button type="button" style="{BUTTON}" title="sort by {escape(name)}"'
        f' onclick="{SORT}">{escape(name)}</button></th>'
        for name, style in zip(rows[0], styles, strict=True)
    )
    body = "".join(map(line, rows[:MOST_HTML]))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    if len(rows) > MOST_HTML:
        table += f"<p>… {len(rows) - MOST_HTML} more</p>"
    if len(rows) > MOST_OPEN:
        scrolls = f"max-height: {HIGHEST}; overflow-y: auto; width: fit-content"
        table = f'<div style="{scrolls}" tabindex="0">{table}</div>'
    return f"<details open><summary>{escape(caption)}</summary>{table}</details>"


def _sorted_by(value: Any) -> str:
    """Return the attribute that a number is sorted by; the unknown are larger than any other."""
    if isinstance(value, TEXT):
        return ""
    number = float(value) if isinstance(value, (int, float)) else math.nan
    return f' data-v="{number!r}"' if math.isfinite(number) else ' data-v="1.7e308"'


def _cells(row: Mapping[str, Any], formats: Mapping[str, str]) -> list[str]:
    return [formats.get(key, "{}").format(value) for key, value in row.items()]


def plain_cell(value: Any) -> Any:
    """Return a cell; a name that a spreadsheet would take for a formula is marked as text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@") else value
