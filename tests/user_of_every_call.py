"""A user's program that names every public call: read by type checkers, never run."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

import derivkit
from derivkit import (
    Adaptive,
    Auto,
    CalculusKit,
    DerivativeKit,
    DerivativeResult,
    Finite,
    Fornberg,
    LocalPolynomial,
    Plan,
    Program,
    SparseResult,
    Status,
)
from derivkit.methods.protocol import Estimate, Line

Array = NDArray[np.float64]


def scalar(x: Array) -> float:
    return float(x[0] ** 2 + x[1])


def vector(x: Array) -> Array:
    return x**2


def of_names(p: dict[str, float]) -> float:
    return p["a"] ** 2 + p["b"]


@dataclass(frozen=True)
class Own:
    """A method of a user's own."""

    step: float = 1e-3

    def solve(self, line: Line, order: int) -> Generator[NDArray[Any], NDArray[Any], Estimate]:
        values = yield np.array([-self.step, self.step])
        return Estimate(values[1] - values[0], np.zeros(1))


def kits() -> None:
    kit = CalculusKit(scalar, [1.0, 2.0], bounds=[(0, None), (None, 5.0)], scale=1.0)
    assert_type(kit.gradient(), Array)
    assert_type(kit.gradient("finite", n_workers=2, max_evaluations=99, stepsize=0.1), Array)
    assert_type(kit.gradient_result(Auto(rtol=1e-6)), DerivativeResult)
    assert_type(kit.hessian(Own()), Array)
    assert_type(kit.hessian(sparsity=1), csr_array)
    assert_type(kit.hessian(sparsity=None, from_gradient=False), Array)
    assert_type(kit.hessian_result(Finite(stepsize=1e-2)), DerivativeResult)
    assert_type(kit.hessian_result(sparsity=1), SparseResult)
    assert_type(kit.hessian_diag(Adaptive()), Array)
    assert_type(kit.hessian_diag_result(Fornberg()), DerivativeResult)
    assert_type(kit.hyper_hessian(order=3, progress=True), Array)
    assert_type(kit.hyper_hessian_result(LocalPolynomial()), DerivativeResult)
    assert_type(kit.directional([1.0, 0.0], order=2), Array)
    assert_type(kit.directional_result([1.0, 0.0]), DerivativeResult)
    assert_type(kit.hvp([1.0, 0.0]), Array)
    assert_type(kit.hvp_result([1.0, 0.0]), DerivativeResult)
    assert_type(kit.mixed(0, "x[1]", method="auto"), Array)
    assert_type(kit.mixed_result(0, 1), DerivativeResult)
    value, _, _ = kit.value_gradient_hessian_result(n_workers=4)
    assert_type(value, DerivativeResult)
    gradients: list[Array] = kit.at_many("gradient", [[1.0, 2.0], [3.0, 4.0]])
    assert_type(gradients[0], Array)
    assert_type(kit.plan("gradient"), Plan)

    outputs = CalculusKit(vector, np.array([1.0, 2.0]))
    assert_type(outputs.jacobian(), Array)
    assert_type(outputs.jacobian(sparsity="detect"), csr_array)
    assert_type(outputs.jacobian_result(sparsity="detect"), SparseResult)

    named = CalculusKit(of_names, {"a": 1.0, "b": 2.0}, names=None)
    slope: float = named.gradient()["a"]
    print(slope)


def results() -> None:
    result = CalculusKit(scalar, [1.0, 2.0]).gradient_result()
    assert_type(result.value, Array)
    assert_type(result.error, Array)
    assert_type(result.success, bool)
    assert_type(result.message, str)
    assert_type(result.nfev, int)
    first: Status = result.status[0]
    print(first.resolved, first.text, result.rows(), result.to_dict())
    assert_type(DerivativeResult.from_json(result.to_json()), DerivativeResult)
    covered = derivkit.covariance(CalculusKit(scalar, [1.0, 2.0]).hessian_result())
    assert_type(covered, derivkit.Covariance)
    assert_type(covered.standard_errors, Array)


def functions_of_functions() -> None:
    assert_type(derivkit.grad(scalar, n_workers=2)([1.0, 2.0]), Array)
    value, gradient = derivkit.value_and_grad(scalar)([1.0, 2.0])
    size: float = value + float(gradient.sum())
    print(size)
    assert_type(derivkit.jacobian(vector)(np.ones(2)), Array)
    assert_type(derivkit.hessian(scalar, "auto", max_evaluations=99)([1.0, 2.0]), Array)
    assert_type(derivkit.jacobian(vector, sparsity=0)([1.0, 2.0]), csr_array)
    assert_type(derivkit.gradients(scalar, [[1.0, 2.0]], n_workers=2), Array)


def one_number() -> None:
    kit = DerivativeKit(np.sin, 0.5)
    assert_type(kit.differentiate(order=2), Array)
    value, error = kit.differentiate(order=1, return_error=True)
    assert_type(value, Array)
    assert_type(error, Array)
    assert_type(derivkit.sampled.gradient([0.0, 1.0, 4.0]), Any)


def checks() -> None:
    checked = derivkit.check_gradient(scalar, lambda x: x, [1.0, 2.0], n_workers=1, seed=3)
    assert_type(checked.success, bool)
    derivkit.check_jacobian(vector, lambda x: np.diag(2 * x), [1.0, 2.0])
    derivkit.check_hessian(scalar, np.zeros((2, 2)), [1.0, 2.0])
    derivkit.assert_gradient(scalar, lambda x: x, [1.0, 2.0])
    derivkit.assert_jacobian(vector, lambda x: np.diag(2 * x), [1.0, 2.0])
    derivkit.assert_hessian(scalar, np.zeros((2, 2)), [1.0, 2.0])
    derivkit.testing.check_method(Own)


def methods() -> None:
    derivkit.register_method("own", Own, aliases=["mine"])
    assert_type(derivkit.available_methods(), dict[str, list[str]])


def elsewhere() -> None:
    plan = Plan("gradient", [1.0, 2.0], method="finite")
    while not plan.done:
        plan.tell([scalar(x) for x in plan.points()])
    print(plan.result(), Program("./simulate {theta}"))
    kit = CalculusKit(scalar, [1.0, 2.0], executor=derivkit.RayExecutor(), timeout=60.0)
    try:
        kit.gradient()
    except derivkit.TracingError as error:
        print(error)
    except derivkit.ModelError as error:
        print(error.x, error.parameter)
    except (
        derivkit.CheckpointError,
        derivkit.CheckpointMismatchError,
        derivkit.WorkerDiedError,
        derivkit.SamplingError,
    ) as error:
        print(error)


WARNINGS = (derivkit.CheckpointWarning, derivkit.UnresolvedWarning, derivkit.ForecastWarning)


def forecasts() -> None:
    kit = derivkit.ForecastKit(vector, [1.0, 2.0], np.eye(2), bounds=[(0, None), (None, 5)])
    assert_type(kit.fisher(), Array)
    found = kit.fisher_result()
    assert_type(found, derivkit.FisherResult)
    good: derivkit.Verdict = found.verdict
    print(good, derivkit.LikelihoodKit, derivkit.DaliResult, derivkit.LaplaceResult)
    print(derivkit.Poisson, derivkit.DataBlock, derivkit.GaussianMeanCov)
    print(derivkit.Cholesky, derivkit.Precision, derivkit.BlockDiagonal, derivkit.Kronecker)


def one_line() -> None:
    slope: float = derivkit.derivative(np.sin, 0.5)
    value, tangent = derivkit.jvp(scalar, [1.0, 2.0], [1.0, 0.0])
    _, pull_back = derivkit.vjp(vector, [1.0, 2.0])
    found = derivkit.propagate(scalar, [1.0, 2.0], np.eye(2))
    assert_type(found, derivkit.Propagated)
    print(slope, value, tangent, pull_back(np.ones(2)), found.standard_errors)


def adapters() -> None:
    print(derivkit.as_jax(scalar), derivkit.as_torch(scalar), derivkit.as_pytensor(scalar))
    print(derivkit.for_iminuit(scalar), derivkit.for_lmfit(vector), derivkit.for_curve_fit(vector))
    print(derivkit.for_openmdao(lambda x: x, {"a": 1.0}))
