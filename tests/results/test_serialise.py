"""Results as JSON and back: to the bit, strict JSON, and no field lost or invented."""

import dataclasses
import json
import sys

import numpy as np
import pytest

from derivkit import CalculusKit, DerivativeResult, UnresolvedWarning
from derivkit.engine.tree_text import as_text
from derivkit.results.serialise import from_dict, to_dict, to_frame, to_json

MODELS = {
    "scalar": (lambda x: np.exp(x[0]) * x[1], [0.1, 2.0], "gradient_result"),
    "complex outputs": (lambda x: x * (1 + 2j), [0.1, 2.0], "jacobian_result"),
    "dict": (lambda p: {"u": p["a"] ** 2, "v": p["b"]}, {"a": 1.0, "b": 2.0}, "jacobian_result"),
    "hessian": (lambda x: x[0] ** 2 * x[1], [1.0, 2.0], "hessian_result"),
}


@pytest.mark.parametrize("kind", MODELS)
def test_a_result_is_read_back_to_the_bit(kind):
    function, x0, what = MODELS[kind]
    result = getattr(CalculusKit(function, x0), what)()
    again = DerivativeResult.from_json(result.to_json())
    for field in dataclasses.fields(result):
        if field.name in {"evaluations", "aux"}:
            continue
        one, other = getattr(result, field.name), getattr(again, field.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype, field.name
            np.testing.assert_array_equal(one, other, err_msg=field.name)
        elif field.name == "labels":
            for which in ("parameters", "outputs"):
                texts = [
                    tree and as_text(tree) for tree in (getattr(one, which), getattr(other, which))
                ]
                assert texts[0] == texts[1]
        else:
            assert one == other, field.name
    assert str(again.labelled()) == str(result.labelled())


def test_what_json_cannot_hold_is_text_that_any_reader_takes():
    with pytest.warns(UnresolvedWarning):
        result = CalculusKit(lambda x: abs(x[0]), [0.0]).gradient_result()

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    plain = json.loads(result.to_json(), parse_constant=refuse)
    assert plain["error"] == ["inf"]
    assert np.isinf(DerivativeResult.from_json(result.to_json()).error).all()


def test_unknown_and_missing_fields_are_named():
    data = CalculusKit(lambda x: x[0], [1.0]).gradient_result().to_dict()
    with pytest.raises(ValueError, match="missing: value, unknown: vaule"):
        from_dict(DerivativeResult, {("vaule" if k == "value" else k): v for k, v in data.items()})


def test_plain_data_holds_no_numpy():
    def plain(value):
        if isinstance(value, dict):
            return all(isinstance(k, str) and plain(v) for k, v in value.items())
        if isinstance(value, list):
            return all(map(plain, value))
        return value is None or type(value) in {bool, int, float, str}

    assert plain(to_dict(CalculusKit(lambda x: x**2, [1.0, 2.0]).jacobian_result()))


def test_lists_of_numbers_and_statuses_are_json_too():
    assert json.loads(to_json({"a": np.array([1.5, np.nan]), 2: [np.int64(3)]})) == {
        "a": [1.5, "nan"],
        "2": [3],
    }


def test_a_frame_needs_pandas_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        to_frame([{"a": 1}])


def test_one_derivative_of_one_complex_output_comes_back():
    kit = CalculusKit(lambda x: np.exp(1j * x[0]) * x[1], [0.5, 2.0])
    result = kit.directional_result([1.0, 1.0])
    again = DerivativeResult.from_json(result.to_json())
    assert again.value == result.value
    assert result.labelled("error") == again.labelled("error") == result.error
    assert result.labelled("status") == result.status


def test_labels_of_several_levels_come_back():
    pd = pytest.importorskip("pandas")
    x0 = pd.Series([1.0, 2.0], index=pd.MultiIndex.from_tuples([("a", 1), ("b", 1)]))
    result = CalculusKit(lambda x: x.iloc[0] * x.iloc[1], x0).gradient_result()
    again = DerivativeResult.from_json(result.to_json())
    pd.testing.assert_series_equal(again.labelled(), result.labelled())


def test_outputs_of_xarray_take_parameters_of_several_levels():
    pd, xr = pytest.importorskip("pandas"), pytest.importorskip("xarray")
    x0 = pd.Series([1.0, 2.0], index=pd.MultiIndex.from_tuples([("a", 1), ("b", 1)]))
    J = CalculusKit(lambda x: xr.DataArray(x.to_numpy() ** 2, dims="t"), x0).jacobian()
    assert J.sel(parameter="b.1").values.round(6).tolist() == [0.0, 4.0]
