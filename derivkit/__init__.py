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
    from derivkit.errors import ModelError, UnresolvedWarning
    from derivkit.methods.registry import available_methods, register_method
    from derivkit.result import DerivativeResult
    from derivkit.status import Status

_HOMES = {  # public name: its module; imported when first used (PEP 562), so that import is fast
    "CalculusKit": "derivkit.calculus_kit",
    "DerivativeResult": "derivkit.result",
    "ModelError": "derivkit.errors",
    "Status": "derivkit.status",
    "UnresolvedWarning": "derivkit.errors",
    "available_methods": "derivkit.methods.registry",
    "register_method": "derivkit.methods.registry",
}

__all__ = [
    "CalculusKit",
    "DerivativeResult",
    "ModelError",
    "Status",
    "UnresolvedWarning",
    "available_methods",
    "register_method",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'derivkit' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
