"""Outputs that are not what they should be: the same message wherever the model runs."""

import sys

import numpy as np
import pytest

from derivkit import CalculusKit

HERE = [({}, 1), ({"executor": "threads"}, 2), ({"executor": "threads", "timeout": 60.0}, 2)]
if sys.platform == "linux":
    HERE.append(({"executor": "fork"}, 2))
everywhere = pytest.mark.parametrize(("options", "n"), HERE, ids=str)


class RecordsGradients:
    """As a tensor of which numpy cannot make an array until it is detached."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("call tensor.detach().numpy() instead")


@everywhere
@pytest.mark.parametrize(
    ("output", "text"),
    [
        ([1.0, [2.0, 3.0]], "got list, of which numpy cannot make one: .*inhomogeneous"),
        (RecordsGradients(), r"got RecordsGradients, .*call tensor.detach\(\).numpy\(\) instead"),
        (None, "got NoneType; is its `return` missing"),
        ("1.0", "got str"),
    ],
)
def test_what_is_not_numbers_is_refused(options, n, output, text):
    with pytest.raises(TypeError, match=f"(?s)`function` must return .*{text}"):
        CalculusKit(lambda x: output, [1.0], **options).gradient(n_workers=n)


@everywhere
@pytest.mark.parametrize(
    ("what", "at_x0", "elsewhere"),
    [
        ("gradient", 1.0, np.ones(2)),
        ("jacobian", np.ones(2), 1.0),
        ("jacobian", np.ones(2), np.ones(3)),
        ("jacobian", np.ones((2, 3)), np.ones((3, 2))),
        ("jacobian", np.ones(2), np.full(3, np.nan)),
    ],
)
def test_where_the_output_has_another_shape_the_model_is_undefined(
    options, n, what, at_x0, elsewhere
):
    def model(x):
        return at_x0 * x[0] ** 2 if 0.9 < x[0] <= 1.0 else np.copy(elsewhere)

    kit = CalculusKit(model, [1.0], names=["H0"], scale=[10.0], **options)
    result = getattr(kit, f"{what}_result")("finite", n_workers=n)
    np.testing.assert_allclose(result.value, 2.0, atol=1e-6)
    (note,) = result.raised
    assert (note.type, note.count) == ("shape", result.undefined.sum())
    assert str(np.shape(elsewhere)) in note.text
    assert list(note.point) == ["H0"]
    assert "shape" in result.message


@everywhere
def test_a_single_nan_may_stand_for_an_array(options, n):
    def model(x):
        return np.sin(x[0] + np.arange(2.0)) if x[0] >= 1.0 else np.nan

    found = CalculusKit(model, [1.0], **options).jacobian(n_workers=n)
    np.testing.assert_allclose(found[:, 0], np.cos([1.0, 2.0]), rtol=1e-6)
