"""A result says in one sentence how it went, and its rows, labels and scans are its arrays."""

import pickle

import numpy as np
import pytest

from derivkit import CalculusKit, DerivativeResult, UnresolvedWarning
from derivkit.results.result import nothing_known
from derivkit.status import Status


def good():
    return CalculusKit(lambda p: p["a"] ** 2 * p["b"], {"a": 1.0, "b": 2.0}).gradient_result()


def kinked():
    kit = CalculusKit(lambda x: abs(x[0]) + x[1] ** 2, [0.0, 2.0], names=["kink", "smooth"])
    with pytest.warns(UnresolvedWarning):
        return kit.gradient_result()


def test_a_message_tells_success_and_cost():
    result = good()
    assert result.success
    assert result.message == f"all 2 derivatives are resolved, with {result.nfev} model calls"
    assert result.unresolved == []


def test_a_message_names_what_is_unresolved_and_why():
    result = kinked()
    assert not result.success
    assert result.unresolved == ["kink"]
    assert result.message.startswith("the derivative with respect to kink is ")
    assert result.status[0].text in result.message
    assert "smooth" not in result.message
    kit = CalculusKit(lambda x: abs(x).sum(), [0.0, 0.0], names=["a", "b"])
    with pytest.warns(UnresolvedWarning, match="derivatives with respect to a, b are "):
        kit.gradient_result()


def test_rows_hold_each_entry_once_and_a_symmetric_one_not_twice():
    result = CalculusKit(lambda x: x[0] ** 2 * x[1], [1.0, 2.0]).hessian_result()
    rows = result.rows()
    assert [row["parameter"] for row in rows] == ["(x[0], x[0])", "(x[0], x[1])", "(x[1], x[1])"]
    assert [round(row["value"], 6) for row in rows] == [4.0, 2.0, 0.0]
    assert rows[1]["error"] == result.error[0, 1]
    jacobian = CalculusKit(lambda x: np.array([x[0], 2 * x[0]]), [1.0]).jacobian_result()
    assert [(r["output"], round(r["value"], 9)) for r in jacobian.rows()] == [(0, 1.0), (1, 2.0)]


def test_every_field_can_be_labelled_as_x0_is():
    result = good()
    assert result.labelled("error") == dict(zip(["a", "b"], result.error.tolist(), strict=True))
    assert isinstance(result.labelled(kind="array"), np.ndarray)
    np.testing.assert_array_equal(np.asarray(result), result.value)


def test_a_scan_has_the_samples_of_its_parameter():
    scan = good().scan("a")
    assert scan.t[np.searchsorted(scan.t, 0.0)] == 0.0
    np.testing.assert_allclose(scan.values, (1.0 + scan.t) ** 2 * 2.0, rtol=1e-14)


@pytest.mark.parametrize(
    ("parameter", "output", "words"),
    [("c", 0, "must be one of"), ("a", 1, "`output` must lie in"), ("a", -1, "`output` must lie")],
)
def test_what_cannot_be_scanned_is_said(parameter, output, words):
    with pytest.raises(ValueError, match=words):
        good().scan(parameter, output)


def test_a_result_without_its_evaluations_says_so():
    again = DerivativeResult.from_json(good().to_json())
    with pytest.raises(ValueError, match="has no evaluations"):
        again.scan("a")


def test_a_pickled_result_is_the_same():
    result = good()
    again = pickle.loads(pickle.dumps(result))
    assert again.value.tobytes() == result.value.tobytes()
    np.testing.assert_array_equal(again.hessian_diag, result.hessian_diag)
    assert again.message == result.message


def test_nothing_known_claims_nothing_in_the_same_shapes():
    result = good()
    empty = nothing_known(result, np.array([5.0, 6.0]))
    assert np.isnan(empty.value).all()
    assert np.isinf(empty.error).all()
    assert empty.value.shape == result.value.shape
    assert empty.x0.tolist() == [5.0, 6.0]
    assert set(empty.status.tolist()) == {Status.UNDEFINED}
    assert not empty.success
