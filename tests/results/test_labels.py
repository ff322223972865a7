"""Labelled in, labelled out; and results as dicts, JSON, frames and pickles."""

import dataclasses
import json
import pickle

import numpy as np
import pandas as pd
import pytest

from derivkit import CalculusKit, DerivativeResult, Status

AT = {"phase": 0.5, "amplitude": 2.0}


def numbers(theta):
    return list(theta.values()) if isinstance(theta, dict) else np.asarray(theta)


def f(theta):
    phase, amplitude = numbers(theta)
    return np.sin(phase) + amplitude**2


def two(theta):
    phase, amplitude = numbers(theta)
    return np.array([np.sin(phase) + amplitude, phase * amplitude])


GRADIENT = [np.cos(0.5), 4.0]
JACOBIAN = [[np.cos(0.5), 1.0], [2.0, 0.5]]
HESSIAN = [[-np.sin(0.5), 0.0], [0.0, 2.0]]


def test_a_dict_gives_a_dict():
    gradient = CalculusKit(f, AT).gradient()
    assert list(gradient) == ["phase", "amplitude"]
    assert list(gradient.values()) == pytest.approx(GRADIENT, abs=1e-6)


def test_a_series_gives_a_series_with_its_own_index():
    gradient = CalculusKit(f, pd.Series([0.5, 2.0], index=[7, 9])).gradient()
    assert isinstance(gradient, pd.Series)
    assert gradient.index.tolist() == [7, 9]
    assert gradient.tolist() == pytest.approx(GRADIENT, abs=1e-6)


@pytest.mark.parametrize("x0", [[0.5, 2.0], (0.5, 2.0), np.array([0.5, 2.0])], ids=type)
def test_a_bare_point_gives_a_bare_array(x0):
    gradient = CalculusKit(f, x0, names=["a", "b"]).gradient()
    assert type(gradient) is np.ndarray


def test_errors_are_labelled_as_the_values():
    result = CalculusKit(f, AT).gradient_result()
    assert result.labelled("error") == dict(zip(AT, result.error.tolist(), strict=True))


def test_another_kind_may_be_asked_for():
    result = CalculusKit(f, [0.5, 2.0], names=["a", "b"]).gradient_result()
    assert type(result.labelled()) is np.ndarray
    assert list(result.labelled(kind="dict")) == ["a", "b"]
    assert result.labelled("error", kind="pandas").index.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="`kind` must be one of array, dict, pandas"):
        result.labelled(kind="xarray")


def test_a_jacobian_is_a_frame_of_outputs_and_parameters():
    kit = CalculusKit(two, pd.Series(AT))
    frame = kit.jacobian()
    assert frame.columns.tolist() == list(AT)
    assert frame.index.tolist() == [0, 1]
    np.testing.assert_allclose(frame.to_numpy(), JACOBIAN, atol=1e-6)
    columns = CalculusKit(two, AT).jacobian()
    np.testing.assert_allclose(columns["phase"], [np.cos(0.5), 2.0], atol=1e-6)


def test_a_hessian_is_a_frame_with_the_parameters_on_both_sides():
    frame = CalculusKit(f, pd.Series(AT)).hessian()
    assert frame.columns.tolist() == frame.index.tolist() == list(AT)
    np.testing.assert_allclose(frame.to_numpy(), HESSIAN, atol=1e-6)
    nested = CalculusKit(f, AT).hessian()
    assert nested["amplitude"]["amplitude"] == pytest.approx(2.0, abs=1e-6)


def test_the_hessians_of_two_outputs_are_a_frame_with_two_levels_of_rows():
    frame = CalculusKit(two, pd.Series(AT)).hessian()
    assert frame.loc[(1, "phase"), "amplitude"] == pytest.approx(1.0, abs=1e-6)


def test_bounds_and_scale_may_be_given_by_name_for_some_parameters():
    seen = []

    def recorded(theta):
        seen.append(theta["amplitude"])
        return f(theta)

    kit = CalculusKit(recorded, AT, bounds={"amplitude": (2.0, None)}, scale={"phase": 1.0})
    assert kit.gradient()["amplitude"] == pytest.approx(4.0, abs=1e-6)
    assert min(seen) == 2.0


@pytest.mark.parametrize("argument", ["bounds", "scale"])
def test_a_name_that_is_no_parameter_is_refused(argument):
    given = {"amplitud": (0, 1) if argument == "bounds" else 1.0}
    with pytest.raises(ValueError, match=rf"`{argument}` .* phase, amplitude, got amplitud$"):
        CalculusKit(f, AT, **{argument: given})


def result_with_everything():
    """A result with an entry that is not resolved, as nan and inf must survive too."""
    result = CalculusKit(f, AT).gradient_result()
    status = result.status.copy()
    status[0] = Status.UNRESOLVED
    unresolved = {"error": np.array([np.inf, 1e-9]), "value": np.array([np.nan, 4.0])}
    return dataclasses.replace(result, **unresolved, status=status)


def assert_same(one, other):
    for name, value in one.to_dict().items():
        np.testing.assert_equal(other.to_dict()[name], value)


def test_json_reads_back_to_the_same_bits_and_is_strict():
    result = result_with_everything()
    assert np.isinf(result.error[0])
    text = result.to_json()
    again = DerivativeResult.from_json(text)
    assert_same(result, again)
    assert again.status[0] is result.status[0]
    assert again.value.dtype == float

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    "x0", [AT, pd.Series(AT), pd.Series([0.5, 2.0], index=[10, 20]), list(AT.values())]
)
def test_json_reads_back_with_the_labels_of_x0(x0):
    result = CalculusKit(f, x0).gradient_result()
    again = DerivativeResult.from_json(result.to_json()).labelled()
    assert type(again) is type(result.labelled())
    assert list(again) == list(result.labelled())
    if isinstance(x0, pd.Series):
        assert again.index.equals(x0.index)


def test_labels_that_json_cannot_hold_are_left_out_and_the_names_are_not():
    x0 = pd.Series([0.5, 2.0], index=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]))
    result = CalculusKit(f, x0).gradient_result()
    again = DerivativeResult.from_json(result.to_json())
    np.testing.assert_array_equal(again.labelled(), result.value)
    assert again.names == result.names


@pytest.mark.parametrize("change", [{"extra": 1}, {"value": None}])
def test_json_of_something_else_is_refused(change):
    data = result_with_everything().to_dict() | change
    if change == {"value": None}:
        del data["value"]
    text = json.dumps(data)
    with pytest.raises(ValueError, match="`data` must be what to_dict"):
        DerivativeResult.from_json(text)


def test_a_result_survives_pickling_with_its_labels():
    result = CalculusKit(f, AT).gradient_result()
    again = pickle.loads(pickle.dumps(result))
    assert_same(result, again)
    assert again.labelled() == result.labelled()


def test_the_frame_has_a_row_for_each_entry():
    frame = CalculusKit(f, AT).gradient_result().to_frame()
    assert frame["parameter"].tolist() == list(AT)
    assert frame["value"].tolist() == pytest.approx(GRADIENT, abs=1e-6)
