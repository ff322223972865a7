"""method="autodiff" takes the library whose arrays the function uses."""

from __future__ import annotations

import numpy as np
import pytest

from derivkit import CalculusKit
from derivkit.errors import TracingError


def test_the_library_of_the_function_is_chosen(library):
    result = CalculusKit(lambda x: library.sin(x[0]) * x[1], [0.5, 2.0]).gradient_result("autodiff")
    assert result.method == library.name
    np.testing.assert_allclose(result.value, [2 * np.cos(0.5), np.sin(0.5)], rtol=1e-14)


def test_plain_arithmetic_is_differentiated_by_whichever_is_there(library):
    result = CalculusKit(lambda x: x[0] ** 2 * x[1], [3.0, 2.0]).gradient_result("autodiff")
    assert result.value.tolist() == [12.0, 9.0]
    assert result.method in {"jax", "autograd", "torch", "tensorflow"}
    assert library.name


@pytest.mark.usefixtures("library")
def test_a_function_that_none_can_follow_is_a_tracing_error_or_falls_back():
    kit = CalculusKit(lambda x: float(x[0]) ** 2, [3.0])
    with pytest.raises(TracingError, match="method='auto'"):
        kit.gradient("autodiff")
    assert kit.gradient("autodiff", fallback="auto")[0] == pytest.approx(6.0, rel=1e-9)
