"""Derivatives that somebody claims, compared with measured ones."""

from derivkit.check.claims import (
    assert_gradient,
    assert_hessian,
    assert_jacobian,
    check_gradient,
    check_hessian,
    check_jacobian,
)
from derivkit.check.comparison import CheckResult

__all__ = [
    "CheckResult",
    "assert_gradient",
    "assert_hessian",
    "assert_jacobian",
    "check_gradient",
    "check_hessian",
    "check_jacobian",
]
