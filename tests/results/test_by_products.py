"""Second derivatives that a gradient's samples give are worked out for whoever looks at them."""

import pickle
from copy import copy, deepcopy
from dataclasses import dataclass, field

import numpy as np
import pytest

from derivkit import CalculusKit, DerivativeResult
from derivkit.methods.byproduct import Byproduct
from derivkit.methods.protocol import Estimate


@dataclass(frozen=True)
class Counted:
    """Central differences that note when their second derivative is worked out."""

    worked_out: list = field(default_factory=list)

    def solve(self, line, order):
        values = yield np.array([-0.5, 0.0, 0.5])

        def second():
            self.worked_out.append(line.origin)
            return 4 * (values[0] - 2 * values[1] + values[2]), np.array([0.25])

        return Estimate(values[2] - values[0], np.zeros(1), also=Byproduct(2, second))


def test_they_are_worked_out_once_and_only_if_they_are_looked_at():
    method = Counted()
    kit = CalculusKit(lambda x: x[0] ** 2 + 3 * x[1] ** 2, [1.0, 2.0])
    kit.gradient(method)
    result = kit.gradient_result(method)
    assert method.worked_out == []
    assert result.hessian_diag.tolist() == [2.0, 6.0]
    assert result.hessian_diag_error.tolist() == [0.25, 0.25]
    assert method.worked_out == [1.0, 2.0]


@pytest.mark.parametrize("copied", [copy, deepcopy, lambda r: pickle.loads(pickle.dumps(r))])
def test_a_copied_result_has_them(copied):
    result = CalculusKit(lambda x: x[0] ** 3 * x[1], [1.0, 2.0]).gradient_result()
    again = copied(result)
    assert again.hessian_diag.tolist() == result.hessian_diag.tolist()
    assert again.hessian_diag_error.tolist() == result.hessian_diag_error.tolist()
    assert np.allclose(again.hessian_diag, [12.0, 0.0], atol=1e-6)


def test_they_are_in_the_json():
    result = CalculusKit(lambda x: x[0] ** 3 * x[1], [1.0, 2.0]).gradient_result()
    again = DerivativeResult.from_json(result.to_json())
    assert again.hessian_diag.tolist() == result.hessian_diag.tolist()
