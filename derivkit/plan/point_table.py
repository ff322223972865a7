"""The points at which a model is wanted, as a table that spreadsheets and job arrays can read."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.plain_numbers import output_numbers
from derivkit.results.table import plain_cell
from derivkit.validation import check_sequence, check_texts, optional, shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PointTable"]


class PointTable(np.ndarray[Any, np.dtype[Any]]):
    """An array (n, p) of points that also knows their numbers and the parameters' names.

    Rows, columns and results of arithmetic are plain arrays.

    Attributes
    ----------
    numbers : tuple of n int
        A point's number in its plan; it stays the same over rounds.
    names : tuple of p str
    """

    numbers: tuple[int, ...]
    names: tuple[str, ...]

    def __new__(cls, points: NDArray[Any], numbers: Sequence[int], names: Sequence[str]) -> Self:
        """Return a copy of the points as a table."""
        array = output_numbers("points", points)
        if array.ndim != 2 or array.dtype.kind not in "iufc":
            raise ValueError(f"`points` must be numbers (n, p), got {shown(points)}")
        table = array.view(cls)
        table.numbers = tuple(check_sequence("numbers", numbers, "whole numbers"))
        table.names = check_texts("names", names)
        return table

    def __reduce__(self) -> tuple[Any, ...]:
        return PointTable, (np.array(self), self.numbers, self.names)

    def __array_finalize__(self, origin: Any) -> None:
        self.numbers = getattr(origin, "numbers", ())
        self.names = getattr(origin, "names", ())

    def __array_wrap__(self, array: Any, *_: Any) -> Any:
        return np.asarray(array)[()]

    def __getitem__(self, index: Any) -> Any:
        return np.array(np.asarray(self)[index])[()]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return iter(np.array(self))

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """Write the table with every digit; return its text if there is no path.

        The first column is the point's number. Read the others as they stand: ``numpy.loadtxt``
        and ``float`` do, ``pandas.read_csv`` only with ``float_precision="round_trip"``.
        """
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(["point", *map(plain_cell, self.names)])
        for number, row in zip(self.numbers, np.asarray(self).tolist(), strict=True):
            lines.writerow([number, *map(repr, row)])
        if path is None:
            return text.getvalue()
        Path(path).write_text(text.getvalue())
        return None

    def to_frame(self) -> pd.DataFrame:
        """Return a pandas DataFrame, a row a point, indexed by the points' numbers."""
        pandas = optional("pandas", "to_frame")
        index = pandas.Index(self.numbers, name="point")
        frame: pd.DataFrame = pandas.DataFrame(
            np.array(self), index=index, columns=list(self.names)
        )
        return frame
