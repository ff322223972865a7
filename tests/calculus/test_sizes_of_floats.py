"""Sizes at the ends of the floats: right within the error, or said not to be known; no warning."""

import numpy as np
import pytest

from derivkit import CalculusKit

DERIVATIVES = {"gradient": (1, np.cos), "hessian": (2, lambda t: -np.sin(t))}
DERIVATIVES["hyper_hessian"] = 3, lambda t: -np.cos(t)
METHODS = ("auto", "finite", "adaptive", "fornberg", "local_polynomial")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [1e-250, 1.0, 1e250])
@pytest.mark.parametrize("length", [1e-150, 1e100])
def test_a_derivative_that_is_a_float_is_found_whatever_its_powers_are(length, size, method):
    kit = CalculusKit(lambda x: size * np.sin(x[0] / length), [length], scale=[length])
    for name, (order, exact) in DERIVATIVES.items():
        digits = np.log10(size) - order * np.log10(length)
        if abs(digits) < 290:
            result = getattr(kit, f"{name}_result")(method)
            truth = exact(1.0) * 10**digits
            off = abs(result.value.item() - truth)
            assert off <= result.error.item() + 1e-9 * abs(truth), name  # of the power of 10
            assert result.error.item() < 0.1 * abs(truth)


@pytest.mark.filterwarnings("ignore::derivkit.errors.UnresolvedWarning")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "lengths", [(1e-120, 1e-120), (1e120, 1e-120), (1e160, 1e160), (1e200, 1.0), (1e120, 1.0)]
)
def test_what_is_beyond_the_floats_is_covered_or_unresolved(lengths, method):
    lengths = np.array(lengths)
    kit = CalculusKit(
        lambda x: 1e-100 * np.exp((x / lengths).sum()), lengths, scale=lengths.tolist()
    )
    for order in (2, 3):
        result = kit.hyper_hessian_result(method, order=order)
        for index in np.ndindex(result.value.shape):
            digits = np.log10(np.e**2) - 100 - np.log10(lengths)[list(index)].sum()
            truth = 10**digits if digits < 308 else np.inf
            if np.isfinite(result.error[index]):
                off = abs(result.value[index] - truth)
                assert off <= result.error[index] + 1e-9 * truth + 5e-324, index
            else:
                assert not result.status[index].resolved, index


@pytest.mark.parametrize("x0", [[1.7e308], [-1.7e308, 1.0], [1.7e308] * 40])
def test_steps_beyond_the_largest_float_are_no_places(x0):
    kit = CalculusKit(lambda x: np.array([1.0, 2.0]) * np.sum(x * 1e-300), x0)
    result = kit.jacobian_result()
    assert result.success
    np.testing.assert_allclose(result.value[0, 0], 1e-300, rtol=1e-6)
