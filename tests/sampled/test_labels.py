"""Labelled in, labelled out."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from derivkit import sampled

X = np.array([0.0, 1.0, 1.5, 3.5, 4.0, 6.0, 6.5, 8.0, 9.0, 10.0])
F = np.sin(X)


def test_a_series_is_differentiated_by_its_index():
    d = sampled.gradient(pd.Series(F, index=X, name="f"))
    assert isinstance(d, pd.Series)
    assert d.name == "f"
    assert d.index.equals(pd.Index(X))
    np.testing.assert_array_equal(d, np.gradient(F, X))


def test_a_spacing_given_overrides_the_labels():
    d = sampled.gradient(pd.Series(F, index=list("abcdefghij")), 2.0)
    np.testing.assert_array_equal(d, np.gradient(F, 2.0))
    assert d.index[0] == "a"


def test_labels_that_are_no_coordinates_are_refused():
    with pytest.raises(ValueError, match="pass the spacing"):
        sampled.gradient(pd.Series(F, index=list("abcdefghij")))


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_times_count_in_seconds(zone):
    times = pd.Timestamp("2024-05-01", tz=zone) + pd.to_timedelta(X, unit="ms")
    d = sampled.gradient(pd.Series(F, index=times))
    np.testing.assert_allclose(d, np.gradient(F, X * 1e-3), rtol=1e-9)


def test_a_frame_along_its_index():
    frame = pd.DataFrame({"a": F, "b": 2 * F}, index=X)
    d = sampled.gradient(frame, axis=0, accuracy=4)
    assert list(d.columns) == ["a", "b"]
    np.testing.assert_allclose(d["b"], 2 * sampled.gradient(F, X, accuracy=4))


def field():
    y = np.linspace(0, 1, 12)
    return xr.DataArray(
        np.sin(X)[:, None] * y**2,
        dims=("x", "y"),
        coords={"x": X, "y": y, "run": 7},
        name="f",
        attrs={"units": "m"},
    )


def test_a_data_array_is_differentiated_by_its_coordinates():
    f = field()
    by_x, by_y = sampled.gradient(f)
    np.testing.assert_array_equal(by_x, np.gradient(f.values, X, axis=0))
    np.testing.assert_allclose(by_y, np.gradient(f.values, f.y.values, axis=1))
    assert by_x.dims == f.dims
    assert by_x.coords.to_dataset().equals(f.coords.to_dataset())
    assert by_x.name == "f"
    assert by_x.attrs == {}  # a derivative has other units


def test_dimensions_go_by_name():
    f = field()
    for axis in ("y", ("y",), 1, -1):
        d = sampled.gradient(f, axis=axis)
        xr.testing.assert_identical(d, sampled.gradient(f)[1])
    swapped = sampled.gradient(f, axis=("y", "x"))
    xr.testing.assert_identical(swapped[0], sampled.gradient(f)[1])
    with pytest.raises(ValueError, match=r"`axis` must be one of \('x', 'y'\)"):
        sampled.gradient(f, axis="z")


def test_a_dimension_without_coordinates_counts_samples():
    d = sampled.gradient(xr.DataArray(F, dims="i"))
    np.testing.assert_array_equal(d, np.gradient(F))


def test_results_carry_labels_on_value_and_error():
    f = field()
    series = pd.Series(F, index=X)
    for result in (
        sampled.gradient_result(series),
        sampled.noisy_gradient_result(series),
        sampled.spline_gradient_result(series),
    ):
        assert result.value.index.equals(series.index)
        assert result.error.index.equals(series.index)
    for result in (
        sampled.gradient_result(f, axis="x"),
        sampled.noisy_gradient_result(f, axis="x"),
        sampled.spline_gradient_result(f, axis="x"),
    ):
        assert result.value.dims == result.error.dims == ("x", "y")
    assert isinstance(sampled.spline_gradient(series, at=[2.0]), np.ndarray)


def test_a_wrong_axis_of_a_labelled_array_is_an_axis_error():
    with pytest.raises(np.exceptions.AxisError):
        sampled.gradient(pd.Series(F, index=X), axis=1)
