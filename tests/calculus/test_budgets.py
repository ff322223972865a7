"""However few calls are granted: never more are made, and what is not known is said to be so."""

import numpy as np
import pytest

from derivkit import CalculusKit
from derivkit.status import Status

X0 = [1.0, 2.2, 0.5]
BUDGETS = [1, 2, 3, 5, 6, 7, 8, 10, 14, 20, 30, 45]
V = [1.0, -2.0, 0.5]

pytestmark = pytest.mark.filterwarnings("ignore::derivkit.UnresolvedWarning")


def scalar(x):
    return np.sin(9 * x[0]) * x[1] + np.exp(x[0] * x[2])


def vector(x):
    return np.array([np.sin(x[0] * x[1]), np.exp(x[2]), x[1]])


FACES = {
    "gradient": (scalar, lambda kit, **k: kit.gradient_result(**k)),
    "jacobian": (vector, lambda kit, **k: kit.jacobian_result(**k)),
    "directional": (scalar, lambda kit, **k: kit.directional_result(V, **k)),
    "found sparsity": (vector, lambda kit, **k: kit.jacobian_result(sparsity="detect", **k)),
    "hessian": (scalar, lambda kit, **k: kit.hessian_result(**k)),
    "hessian_diag": (vector, lambda kit, **k: kit.hessian_diag_result(**k)),
    "sparse hessian": (scalar, lambda kit, **k: kit.hessian_result(sparsity=1, **k)),
    "hvp": (scalar, lambda kit, **k: kit.hvp_result(V, **k)),
    "mixed": (scalar, lambda kit, **k: kit.mixed_result(0, 1, **k)),
    "third order": (scalar, lambda kit, **k: kit.hyper_hessian_result(**k)),
    "all at once": (scalar, lambda kit, **k: kit.value_gradient_hessian_result(**k)[2]),
}
FIRST_ORDER = ("gradient", "jacobian", "directional", "found sparsity")
CASES = [
    (face, method)
    for face in FACES
    for method in (None, "finite", "adaptive", "local_polynomial", "fornberg", "complex_step")
    if method != "complex_step" or face in FIRST_ORDER
]


@pytest.mark.parametrize(("face", "method"), CASES)
def test_no_budget_is_exceeded_and_none_is_too_small_for_an_answer(face, method):
    function, call = FACES[face]
    for budget in BUDGETS:
        calls = []

        def counted(x, calls=calls):
            calls.append(x)
            return function(x)

        result = call(CalculusKit(counted, X0), method=method, max_evaluations=budget)
        assert 1 <= len(calls) <= budget
        assert result.nfev == len(calls)


def test_without_calls_nothing_is_known_and_the_result_says_so():
    result = CalculusKit(scalar, X0).gradient_result("finite", max_evaluations=1)
    assert np.isnan(result.value).all()
    assert np.isinf(result.error).all()
    assert set(result.status) == {Status.BUDGET_SPENT}
    assert not result.success


def test_a_pattern_that_the_budget_does_not_reach_is_not_taken_for_empty():
    result = CalculusKit(vector, X0).jacobian_result(sparsity="detect", max_evaluations=2)
    assert result.value.nnz == 9
    assert not result.success
