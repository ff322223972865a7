"""Ways to differentiate along a line. Methods ask for points and never call a model.

A method is a value that holds its options: ``Finite(stepsize=1e-2, extrapolation="ridders")``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from derivkit.methods.adaptive import Adaptive
    from derivkit.methods.auto.auto import Auto
    from derivkit.methods.finite import Finite
    from derivkit.methods.fornberg import Fornberg
    from derivkit.methods.local_polynomial import LocalPolynomial

_HOMES = {  # imported when first used (PEP 562)
    "Adaptive": "derivkit.methods.adaptive",
    "Auto": "derivkit.methods.auto.auto",
    "Finite": "derivkit.methods.finite",
    "Fornberg": "derivkit.methods.fornberg",
    "LocalPolynomial": "derivkit.methods.local_polynomial",
}

__all__ = ["Adaptive", "Auto", "Finite", "Fornberg", "LocalPolynomial"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'derivkit.methods' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
