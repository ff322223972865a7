"""Derivatives of model functions with respect to their parameters, each with an error bar.

>>> from derivkit import CalculusKit
>>> CalculusKit(lambda x: x[0] ** 2 + x[1], x0=[3.0, 1.0]).gradient().round(6).tolist()
[6.0, 1.0]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from derivkit.calculus_kit import CalculusKit
    from derivkit.check import (
        assert_gradient,
        assert_hessian,
        assert_jacobian,
        check_gradient,
        check_hessian,
        check_jacobian,
    )
    from derivkit.derivative_kit import DerivativeKit
    from derivkit.engine.clusters import RayExecutor
    from derivkit.errors import (
        CheckpointError,
        CheckpointMismatchError,
        CheckpointWarning,
        ModelError,
        TracingError,
        UnresolvedWarning,
        WorkerDiedError,
    )
    from derivkit.many import gradients
    from derivkit.methods.adaptive import Adaptive
    from derivkit.methods.auto import Auto
    from derivkit.methods.finite import Finite
    from derivkit.methods.fornberg import Fornberg
    from derivkit.methods.local_polynomial import LocalPolynomial
    from derivkit.methods.registry import available_methods, register_method
    from derivkit.parameter_covariance import Covariance, covariance
    from derivkit.plan import Plan
    from derivkit.program import Program
    from derivkit.result import DerivativeResult
    from derivkit.sparse_result import SparseResult
    from derivkit.status import Status
    from derivkit.transforms import grad, hessian, jacobian, value_and_grad

_HOMES = {  # public name: its module; imported when first used (PEP 562), so that import is fast
    "Adaptive": "derivkit.methods.adaptive",
    "Auto": "derivkit.methods.auto",
    "CalculusKit": "derivkit.calculus_kit",
    "CheckpointError": "derivkit.errors",
    "CheckpointMismatchError": "derivkit.errors",
    "CheckpointWarning": "derivkit.errors",
    "Covariance": "derivkit.parameter_covariance",
    "DerivativeKit": "derivkit.derivative_kit",
    "DerivativeResult": "derivkit.result",
    "Finite": "derivkit.methods.finite",
    "Fornberg": "derivkit.methods.fornberg",
    "LocalPolynomial": "derivkit.methods.local_polynomial",
    "ModelError": "derivkit.errors",
    "Plan": "derivkit.plan",
    "Program": "derivkit.program",
    "RayExecutor": "derivkit.engine.clusters",
    "SparseResult": "derivkit.sparse_result",
    "Status": "derivkit.status",
    "TracingError": "derivkit.errors",
    "UnresolvedWarning": "derivkit.errors",
    "WorkerDiedError": "derivkit.errors",
    "assert_gradient": "derivkit.check",
    "assert_hessian": "derivkit.check",
    "assert_jacobian": "derivkit.check",
    "available_methods": "derivkit.methods.registry",
    "check_gradient": "derivkit.check",
    "check_hessian": "derivkit.check",
    "check_jacobian": "derivkit.check",
    "covariance": "derivkit.parameter_covariance",
    "grad": "derivkit.transforms",
    "gradients": "derivkit.many",
    "hessian": "derivkit.transforms",
    "jacobian": "derivkit.transforms",
    "register_method": "derivkit.methods.registry",
    "value_and_grad": "derivkit.transforms",
}

__all__ = [
    "Adaptive",
    "Auto",
    "CalculusKit",
    "CheckpointError",
    "CheckpointMismatchError",
    "CheckpointWarning",
    "Covariance",
    "DerivativeKit",
    "DerivativeResult",
    "Finite",
    "Fornberg",
    "LocalPolynomial",
    "ModelError",
    "Plan",
    "Program",
    "RayExecutor",
    "SparseResult",
    "Status",
    "TracingError",
    "UnresolvedWarning",
    "WorkerDiedError",
    "assert_gradient",
    "assert_hessian",
    "assert_jacobian",
    "available_methods",
    "check_gradient",
    "check_hessian",
    "check_jacobian",
    "covariance",
    "grad",
    "gradients",
    "hessian",
    "jacobian",
    "register_method",
    "value_and_grad",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'derivkit' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
