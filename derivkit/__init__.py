"""Derivatives of model functions with respect to their parameters, each with an error bar.

>>> from derivkit import CalculusKit
>>> CalculusKit(lambda x: x[0] ** 2 + x[1], x0=[3.0, 1.0]).gradient().round(6).tolist()
[6.0, 1.0]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from derivkit.version import __version__ as __version__

if TYPE_CHECKING:  # for checkers and editors, which cannot read the table; a test compares the two
    from derivkit import (
        adapters as adapters,
        check as check,
        errors as errors,
        forecast as forecast,
        methods as methods,
        models as models,
        plan as plan,
        plot as plot,
        results as results,
        sampled as sampled,
        testing as testing,
        transforms as transforms,
    )
    from derivkit.adapters import (
        as_jax as as_jax,
        as_pytensor as as_pytensor,
        as_torch as as_torch,
        for_curve_fit as for_curve_fit,
        for_iminuit as for_iminuit,
        for_lmfit as for_lmfit,
        for_openmdao as for_openmdao,
        standard_errors as standard_errors,
    )
    from derivkit.batch import gradients as gradients
    from derivkit.calculus_kit import CalculusKit as CalculusKit
    from derivkit.check.claims import (
        assert_gradient as assert_gradient,
        assert_hessian as assert_hessian,
        assert_jacobian as assert_jacobian,
        check_gradient as check_gradient,
        check_hessian as check_hessian,
        check_jacobian as check_jacobian,
    )
    from derivkit.derivative_kit import DerivativeKit as DerivativeKit, derivative as derivative
    from derivkit.engine.backends.clusters import RayExecutor as RayExecutor
    from derivkit.errors import (
        CheckpointError as CheckpointError,
        CheckpointMismatchError as CheckpointMismatchError,
        CheckpointWarning as CheckpointWarning,
        ForecastWarning as ForecastWarning,
        ModelError as ModelError,
        SamplingError as SamplingError,
        TracingError as TracingError,
        UnresolvedWarning as UnresolvedWarning,
        WorkerDiedError as WorkerDiedError,
    )
    from derivkit.forecast.blocks import (
        DataBlock as DataBlock,
        GaussianMeanCov as GaussianMeanCov,
        Poisson as Poisson,
    )
    from derivkit.forecast.dali import DaliResult as DaliResult
    from derivkit.forecast.fisher import FisherResult as FisherResult
    from derivkit.forecast.laplace import LaplaceResult as LaplaceResult
    from derivkit.forecast.structures import (
        BlockDiagonal as BlockDiagonal,
        Cholesky as Cholesky,
        Kronecker as Kronecker,
        Precision as Precision,
    )
    from derivkit.forecast.verdict import Verdict as Verdict
    from derivkit.forecast_kit import ForecastKit as ForecastKit
    from derivkit.likelihood_kit import LikelihoodKit as LikelihoodKit
    from derivkit.methods.adaptive import Adaptive as Adaptive
    from derivkit.methods.auto.auto import Auto as Auto
    from derivkit.methods.finite import Finite as Finite
    from derivkit.methods.fornberg import Fornberg as Fornberg
    from derivkit.methods.local_polynomial import LocalPolynomial as LocalPolynomial
    from derivkit.methods.registry import (
        available_methods as available_methods,
        register_method as register_method,
    )
    from derivkit.models.program import Program as Program
    from derivkit.parameter_covariance import (
        Covariance as Covariance,
        Propagated as Propagated,
        covariance as covariance,
        propagate as propagate,
    )
    from derivkit.plan.plan import Plan as Plan
    from derivkit.results.result import DerivativeResult as DerivativeResult
    from derivkit.results.sparse_result import SparseResult as SparseResult
    from derivkit.status import Status as Status
    from derivkit.transforms import (
        grad as grad,
        hessian as hessian,
        jacobian as jacobian,
        jvp as jvp,
        value_and_grad as value_and_grad,
        vjp as vjp,
    )

_PUBLIC = {  # module: its public names; imported when first used (PEP 562), so that import is fast
    "adapters": (
        "as_jax as_pytensor as_torch for_curve_fit for_iminuit for_lmfit for_openmdao "
        "standard_errors"
    ),
    "batch": "gradients",
    "calculus_kit": "CalculusKit",
    "check.claims": (
        "assert_gradient assert_hessian assert_jacobian check_gradient check_hessian check_jacobian"
    ),
    "derivative_kit": "DerivativeKit derivative",
    "engine.backends.clusters": "RayExecutor",
    "errors": (
        "CheckpointError CheckpointMismatchError CheckpointWarning ForecastWarning ModelError "
        "SamplingError TracingError UnresolvedWarning WorkerDiedError"
    ),
    "forecast.blocks": "DataBlock GaussianMeanCov Poisson",
    "forecast.dali": "DaliResult",
    "forecast.fisher": "FisherResult",
    "forecast.laplace": "LaplaceResult",
    "forecast.structures": "BlockDiagonal Cholesky Kronecker Precision",
    "forecast.verdict": "Verdict",
    "forecast_kit": "ForecastKit",
    "likelihood_kit": "LikelihoodKit",
    "methods.adaptive": "Adaptive",
    "methods.auto.auto": "Auto",
    "methods.finite": "Finite",
    "methods.fornberg": "Fornberg",
    "methods.local_polynomial": "LocalPolynomial",
    "methods.registry": "available_methods register_method",
    "models.program": "Program",
    "parameter_covariance": "Covariance Propagated covariance propagate",
    "plan.plan": "Plan",
    "results.result": "DerivativeResult",
    "results.sparse_result": "SparseResult",
    "status": "Status",
    "transforms": "grad hessian jacobian jvp value_and_grad vjp",
}
_HOMES = {name: f"derivkit.{home}" for home, names in _PUBLIC.items() for name in names.split()}
_SUBMODULES = [
    "adapters",
    "check",
    "errors",
    "forecast",
    "methods",
    "models",
    "plan",
    "plot",
    "results",
    "sampled",
    "testing",
    "transforms",
]

__all__ = [*_HOMES]  # noqa: PLE0604 - they are strings


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"derivkit.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'derivkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBMODULES, *(name for name in globals() if name[:2] == "__")])
