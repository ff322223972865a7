"""The one driver: stages of several tensors share their rounds, and results say what they cost."""

import warnings

import numpy as np
import pytest

from derivkit import UnresolvedWarning
from derivkit.calculus.driver import RUN_KEYWORDS, run, run_together
from derivkit.calculus.gradient import Gradient
from derivkit.calculus.hessian import Hessian
from derivkit.calculus.hyper_hessian import HyperHessian
from derivkit.calculus.problem import check_problem
from derivkit.engine.memo import Memo
from derivkit.status import Status


def counted(function):
    def model(x):
        model.calls += 1
        return function(x)

    model.calls = 0
    return model


def f(x):
    return x[0] ** 2 * x[1]


def test_tensors_computed_together_share_their_calls():
    alone, together = counted(f), counted(f)
    problem = check_problem(alone, [1.0, 2.0])
    run(problem, Memo(), Gradient(), "finite")
    run(problem, Memo(), HyperHessian(0), "finite")
    value, gradient = run_together(
        check_problem(together, [1.0, 2.0]), Memo(), (HyperHessian(0), Gradient()), "finite"
    )
    assert together.calls == alone.calls - 1  # x0 once
    assert value.nfev == gradient.nfev == together.calls
    assert float(value.value) == 2.0
    np.testing.assert_allclose(gradient.value, [4.0, 1.0], rtol=1e-10)


def test_a_memo_answers_what_it_has_and_only_new_calls_are_counted():
    model, memo = counted(f), Memo()
    problem = check_problem(model, [1.0, 2.0])
    first = run(problem, memo, Gradient())
    second = run(problem, memo, Gradient())
    assert (first.nfev, second.nfev) == (model.calls, 0)
    assert first.value.tobytes() == second.value.tobytes()


@pytest.mark.parametrize("budget", [1, 2, 5, 9, 30])
def test_a_budget_is_never_exceeded(budget):
    model = counted(f)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnresolvedWarning)
        result = run(
            check_problem(model, [1.0, 2.0]), Memo(), Hessian(), None, max_evaluations=budget
        )
    assert result.nfev == model.calls <= budget
    off = ~(np.abs(result.value - [[4.0, 2.0], [2.0, 0.0]]) <= result.error)
    assert not off[np.isfinite(result.error)].any()


def test_what_could_not_be_resolved_is_said_in_a_warning_and_claims_nothing():
    problem = check_problem(lambda x: abs(x[0] - 1.0) + x[1], [1.0, 2.0], names=["kink", "line"])
    with pytest.warns(UnresolvedWarning, match="kink"):
        result = run(problem, Memo(), Gradient())
    assert np.isinf(result.error[0])
    assert result.status[1] != Status.UNDEFINED
    assert abs(result.value[1] - 1.0) <= result.error[1] < 1e-6


def test_minus_zero_is_never_returned():
    result = run(check_problem(lambda x: -0.0 * x[0], [1.0]), Memo(), Gradient())
    assert not np.signbit(result.value).any()


def test_the_keywords_of_a_run_are_known_by_name():
    assert {"n_workers", "max_evaluations", "max_seconds", "progress", "side"} <= set(RUN_KEYWORDS)
    assert "method" not in RUN_KEYWORDS
