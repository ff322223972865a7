"""A user's program that names every public call: read by type checkers, never run."""

from __future__ import annotations

from collections.abc import Callable, Generator
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
    print(kit.labels, kit.checkpoint)

    outputs = CalculusKit(vector, np.array([1.0, 2.0]))
    assert_type(outputs.jacobian(), Array)
    assert_type(outputs.jacobian(sparsity="detect"), csr_array)
    sparse = outputs.jacobian_result(sparsity="detect")
    assert_type(sparse, SparseResult)
    assert_type(sparse.labelled(), csr_array)
    print(sparse.success, sparse.message, outputs.jacobian_operator(n_workers=2) @ np.ones(2))

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
    assert_type(result.unresolved, list[str])
    print(result.raised, result.labelled("error"), result.to_frame("samples"), result.scan("x[0]"))
    print(result.plot(), result.plot_steps(0), result.plot_samples("x[1]"))
    print(result.plot_convergence(), first.adjective)
    covered = derivkit.covariance(CalculusKit(scalar, [1.0, 2.0]).hessian_result())
    assert_type(covered, derivkit.Covariance)
    for known in (covered.standard_errors, covered.standard_errors_error, covered.correlation):
        assert_type(known, Array)
    assert_type(covered.interval([1.0, 2.0], level=0.9), Array)


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
    plan.save("plan.json")
    print(Plan.load("plan.json").result(), Program("./simulate {theta}"))
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


def mean_xy(x: Array, theta: Any) -> Array:
    return np.asarray(theta[0] * x + theta[1])


def forecasts() -> None:
    kit = derivkit.ForecastKit(vector, [1.0, 2.0], np.eye(2), bounds=[(0, None), (None, 5)])
    assert_type(kit.fisher(), Array)
    assert_type(kit.gaussian_fisher(), Array)
    places: dict[str, Any] = {"x0": np.ones(3), "mu_xy": mean_xy, "cov_xy": np.eye(6)}
    assert_type(kit.xy_fisher(**places), Array)
    for found in (
        kit.fisher_result("finite", n_workers=2, max_evaluations=99),
        kit.gaussian_fisher_result(),
        kit.xy_fisher_result(**places),
    ):
        assert_type(found, derivkit.FisherResult)
    table = derivkit.ForecastKit.combine(one=kit, other=kit).by_probe()
    print(table, kit.cov_fn, kit.cov0, kit.n_observables, kit.varied.names)
    print(kit.check_gaussian(), kit.posterior.log_density([1.0, 2.0]))
    delta = kit.delta_nu([1.0, 2.0], [1.5, 2.0])
    bias, shift = kit.fisher_bias(fisher_matrix=kit.fisher(), delta_nu=delta)
    print(bias + shift)


def what_follows_from_a_forecast() -> None:
    found = derivkit.ForecastKit(vector, [1.0, 2.0], np.eye(2), names=["a", "b"]).fisher_result()
    good: derivkit.Verdict = found.verdict
    print(good, found.success, found.message, found.unconstrained, found.rows(), found.to_dict())
    for known in (found.value, found.error, found.covariance, found.covariance_error):
        assert_type(known, Array)
    print(found.sigma, found.sigma_error, found.sigma_fixed, found.correlation, found.root)
    less = found.with_prior({"a": 0.1}, b=1.0).with_information(np.eye(2), ["a", "b"])
    new: dict[str, Callable[[Any], float] | str] = {"sum": lambda t: t["a"] + t["b"], "b": "b / a"}
    for other in (
        *(less.fix("a"), less.marginalise("a"), less.marginalize("b")),
        *(found.derived(new), found.reparametrise(new)),
        derivkit.FisherResult.from_json(found.to_json()),
        derivkit.FisherResult.from_dict(found.to_dict()),
    ):
        assert_type(other, derivkit.FisherResult)
    print(found.log_density([1.0, 2.0]), found.figure_of_merit("a", "b"), found.pivot("a", "b"))
    print(found.limits(), found.bias([0.1, 0.2]), found.ellipse("a", "b", level=0.95))
    print(found.plot(), found.plot_corner(), found.layer(), found.labelled("covariance"))
    print(found.to_frame(), found.formats, found.gaussian)


def beyond_gaussian() -> None:
    kit = derivkit.ForecastKit(vector, [1.0, 2.0], np.eye(2))
    tensors, found = kit.dali(forecast_order=2), kit.dali_result(2)
    assert_type(found, derivkit.DaliResult)
    print(found.as_derivkit(), found.names, found.nfev, found.sigma, found.unresolved, found.check)
    print(found.log_density([1.0, 2.0]), found.log_density_error([1.0, 2.0]))
    print(found.sample(100, seed=1), found.layer())
    theta, fisher = [1.0, 2.0], kit.fisher()
    print(kit.delta_chi2_fisher(theta=theta, fisher=fisher))
    print(kit.delta_chi2_dali(theta=theta, dali=tensors))
    print(kit.logposterior_fisher(theta=theta, fisher=fisher))
    print(kit.logposterior_dali(theta=theta, dali=tensors))
    prior = kit.build_prior(bounds=[(0, 2), (None, 5)])
    print(kit.getdist_fisher_gaussian(fisher=fisher), prior(theta))
    print(kit.getdist_fisher_samples(fisher=fisher), kit.getdist_dali_emcee(dali=tensors))
    print(kit.getdist_dali_importance(dali=tensors))

    print(kit.negative_logposterior(theta, logposterior=scalar))
    laplace = kit.laplace_result(neg_logposterior=scalar, theta_map=theta)
    assert_type(laplace, derivkit.LaplaceResult)
    for known in (laplace.sigma, laplace.sigma_error, laplace.correlation):
        assert_type(known, Array)
    print(laplace.is_maximum, laplace.settled, laplace.as_derivkit(), laplace.log_density(theta))
    print(kit.laplace_approximation(neg_logposterior=scalar, theta_map=theta))
    hessian = kit.laplace_hessian(neg_logposterior=scalar, theta_map=theta)
    print(kit.laplace_covariance(hessian))


def data_of_other_kinds() -> None:
    blocks = derivkit.BlockDiagonal([derivkit.Cholesky(np.eye(2)), derivkit.Precision(np.eye(2))])
    kit = derivkit.ForecastKit(
        {
            "counts": derivkit.Poisson(vector),
            "both": derivkit.GaussianMeanCov(vector, lambda x: np.diag(x**2)),
            "plain": derivkit.DataBlock(vector, derivkit.Kronecker(np.eye(2), np.eye(1))),
            "blocks": derivkit.DataBlock(lambda x: np.append(x, x), blocks),
        },
        [1.0, 2.0],
    )
    print(kit.fisher_result())
    likelihood = derivkit.LikelihoodKit([1.0, 2.0], [0.9, 2.1])
    print(likelihood.gaussian(np.eye(2)), likelihood.poissonian(return_log=False))


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
    print(derivkit.standard_errors(np.polyval, [1.0, 2.0], [3.0, 4.0], [0.5]))
