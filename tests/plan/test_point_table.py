"""The table of points: every digit, the points' own numbers, and plain arrays out of it."""

import csv
import io
import sys

import numpy as np
import pytest

from derivkit.plan.point_table import PointTable

POINTS = np.array([[0.1, 1e-300], [1 / 3, -2.5]])


def table():
    return PointTable(POINTS, [4, 9], ["a, b", "c"])


def test_a_written_table_has_every_digit_and_quotes_names():
    rows = [*csv.reader(io.StringIO(table().to_csv()))]
    assert rows[0] == ["point", "a, b", "c"]
    assert [int(row[0]) for row in rows[1:]] == [4, 9]
    read = np.array([[float(each) for each in row[1:]] for row in rows[1:]])
    assert read.tobytes() == POINTS.tobytes()


def test_a_path_gets_the_same_text(tmp_path):
    assert table().to_csv(tmp_path / "points.csv") is None
    assert (tmp_path / "points.csv").read_text() == table().to_csv()


def test_a_table_is_a_copy():
    source = POINTS.copy()
    made = PointTable(source, [0, 1], ["a", "b"])
    source[0, 0] = 99.0
    assert made[0, 0] == 0.1


@pytest.mark.parametrize(
    "part", [lambda t: t[0], lambda t: t[:, 1], lambda t: t + 1.0, lambda t: next(iter(t))]
)
def test_parts_and_arithmetic_are_plain_arrays(part):
    assert type(part(table())) is np.ndarray


def test_a_single_number_is_a_number():
    assert isinstance(table()[1, 1], float)
    assert float(table().sum()) == POINTS.sum()


def test_a_frame_is_indexed_by_the_points_numbers():
    pytest.importorskip("pandas")
    frame = table().to_frame()
    assert frame.index.tolist() == [4, 9]
    assert frame["c"].tolist() == [1e-300, -2.5]


def test_a_frame_needs_pandas_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        table().to_frame()
