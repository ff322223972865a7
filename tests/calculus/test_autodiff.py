"""Tensors from whole derivatives: counted, symmetric, with the error that rounding makes."""

from dataclasses import dataclass

import numpy as np
import pytest

from derivkit import UnresolvedWarning
from derivkit.calculus.autodiff import Counted, differentiate_whole
from derivkit.calculus.directional import HessianVector
from derivkit.calculus.gradient import Gradient
from derivkit.calculus.hessian import Hessian, HessianDiag
from derivkit.calculus.hyper_hessian import HyperHessian
from derivkit.calculus.problem import check_problem
from derivkit.errors import ModelError
from derivkit.methods.autodiff.protocol import Derivatives
from derivkit.methods.protocol import BudgetSpentError
from derivkit.status import Status


@dataclass(frozen=True)
class ByHand:
    """Whole derivatives of x0**2 x1, by hand; the Hessian is not quite symmetric."""

    def value_and_derivatives(self, function, x0, order):
        a, b = x0
        value = np.asarray(function(x0), dtype=float)
        tensors = {1: np.array([2 * a * b, a * a]), 2: np.array([[2 * b, 2 * a], [99.0, 0.0]])}
        return Derivatives(value, tensors[order], self)


def f(x):
    return x[0] ** 2 * x[1]


def results(tensors, budget=None, function=f, **keywords):
    counted = Counted(check_problem(function, [3.0, 2.0], **keywords), budget)
    return counted, differentiate_whole(counted, tensors, ByHand())


def test_each_tensor_takes_its_part_of_the_whole():
    tensors = [
        HyperHessian(0),
        Gradient(),
        Hessian(),
        HessianDiag(),
        HessianVector(np.array([0, 2.0])),
    ]
    counted, (value, gradient, hessian, diagonal, product) = results(tensors)
    assert float(value.value) == 18.0
    assert gradient.value.tolist() == [12.0, 9.0]
    assert hessian.value.tolist() == [[4.0, 6.0], [6.0, 0.0]]  # from ascending indices: symmetric
    assert diagonal.value.tolist() == [4.0, 0.0]
    assert product.value.tolist() == [12.0, 0.0]
    assert gradient.nfev == counted.calls > 0
    assert all(status == Status.EXACT for status in gradient.status)


def test_the_error_is_that_of_rounding():
    _, (gradient,) = results([Gradient()])
    assert (gradient.error > 0).all()
    assert (gradient.error < 1e-13 * np.abs(gradient.value)).all()


def test_parameters_that_are_not_asked_for_or_fixed_hold_no_derivative():
    _, (shown,) = results([Gradient()], wrt=[1])
    assert shown.value.tolist() == [9.0]
    _, (fixed,) = results([Gradient()], bounds=[(3, 3), (None, None)])
    assert fixed.status[0] == Status.FIXED
    assert fixed.value[1] == 9.0


def test_a_budget_refuses_further_runs_and_nothing_is_claimed():
    with pytest.warns(UnresolvedWarning):
        counted, (gradient,) = results([Gradient()], budget=0)
    assert counted.calls == 0
    assert np.isinf(gradient.error).all()
    assert set(gradient.status.tolist()) == {Status.BUDGET_SPENT}


def test_runs_are_counted_and_failures_kept():
    def broken(x):
        raise ValueError("no")

    counted = Counted(check_problem(broken, [1.0]), 1)
    with pytest.raises(ValueError, match="no"):
        counted(np.ones(1))
    assert counted.calls == 1
    assert len(counted.failures) == 1
    with pytest.raises(BudgetSpentError):
        counted(np.ones(1))


def test_text_is_no_output():
    with pytest.raises(TypeError, match="a number or an array of numbers, got str"):
        Counted(check_problem(lambda x: "one", [1.0]), None)(np.ones(1))


def test_a_model_undefined_at_x0_is_an_error_with_the_point():
    with pytest.raises(ModelError, match="defined at x0"):
        results([Gradient()], function=lambda x: np.nan)


def leaves(x):
    raise SystemExit("licence server is away")


def test_a_model_that_ends_the_program_does_not_end_the_session():
    with pytest.raises(ModelError, match=r"at x0 = .*SystemExit: licence server is away"):
        results([Gradient()], function=leaves)
