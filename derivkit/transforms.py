"""Functions of functions: `grad`, `value_and_grad`, `jacobian` and `hessian` of a model.

What they return takes a point and gives an array, so that it goes straight into
`scipy.optimize.minimize(jac=…, hess=…)`, `least_squares`, `root`, or a sampler.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus_kit import CalculusKit
from derivkit.methods.registry import resolve

__all__ = ["grad", "hessian", "jacobian", "value_and_grad"]

OF_THE_KIT = (
    "bounds",
    "scale",
    "vectorized",
    "names",
    "undefined",
    "executor",
    "timeout",
    "speculate",
)
OF_THE_CALL = ("n_workers", "max_evaluations", "sparsity", "progress")


@dataclass(frozen=True, eq=False)
class Transform:
    """A derivative of a model as a function of the point.

    Attributes
    ----------
    function : callable
        The model: ``function(theta, *args)``.
    tensor : str
        Name of the method of `CalculusKit` that is called.
    kit, call : dict
        Keywords of the kit, and of the call.
    """

    function: Callable[..., Any]
    tensor: str
    kit: dict[str, Any] = field(default_factory=dict)
    call: dict[str, Any] = field(default_factory=dict)

    def __call__(self, theta: Any, *args: Any) -> Any:
        """Return the derivative at theta; ``args`` are handed on to the model."""
        return getattr(self._at(theta, args), self.tensor)(**self.call)

    def _at(self, theta: Any, args: tuple[Any, ...]) -> CalculusKit:
        function = _WithArguments(self.function, args) if args else self.function
        return CalculusKit(function, theta, **self.kit)


@dataclass(frozen=True, eq=False)
class ValueAndGradient(Transform):
    """A model's value and gradient, whose points they share."""

    def __call__(self, theta: Any, *args: Any) -> tuple[float, NDArray[np.float64]]:
        """Return (value, gradient) at theta."""
        kit = self._at(theta, args)
        gradient = kit.gradient(**self.call)
        return float(kit.hyper_hessian(order=0)), gradient


Kind = TypeVar("Kind", bound=Transform)


@dataclass(frozen=True, eq=False)
class _WithArguments:
    function: Callable[..., Any]
    args: tuple[Any, ...]

    def __call__(self, theta: NDArray[Any]) -> Any:
        return self.function(theta, *self.args)


def grad(function: Callable[..., Any], method: Any = None, **keywords: Any) -> Transform:
    """Return the function theta -> gradient (p,) of a scalar function.

    Parameters
    ----------
    function : callable
        ``function(theta, *args)`` returns a number.
    method : str or method value, optional
        As for `CalculusKit.gradient`.
    **keywords
        Those of `CalculusKit` (``bounds``, ``scale``, …), of its calls (``n_workers``,
        ``max_evaluations``), and the method's options.

    Raises
    ------
    TypeError, ValueError
        If the function is not callable, or a keyword or the method is unknown.

    Examples
    --------
    >>> import derivkit, scipy.optimize
    >>> f = scipy.optimize.rosen
    >>> found = scipy.optimize.minimize(f, [-1.2, 1.0], jac=derivkit.grad(f), method="BFGS")
    >>> bool(abs(found.x - 1).max() < 1e-5)
    True
    """
    return _transform(Transform, function, "gradient", method, keywords)


def value_and_grad(
    function: Callable[..., Any], method: Any = None, **keywords: Any
) -> ValueAndGradient:
    """Return the function theta -> (value, gradient), for ``minimize(…, jac=True)``.

    The call at theta is shared. Arguments as for `grad`.
    """
    return _transform(ValueAndGradient, function, "gradient", method, keywords)


def jacobian(function: Callable[..., Any], method: Any = None, **keywords: Any) -> Transform:
    """Return the function theta -> Jacobian (m, p), for ``least_squares`` and ``root``.

    Arguments as for `grad`, and ``sparsity``.
    """
    return _transform(Transform, function, "jacobian", method, keywords)


def hessian(function: Callable[..., Any], method: Any = None, **keywords: Any) -> Transform:
    """Return the function theta -> Hessian (p, p), for ``minimize(…, hess=…)``.

    Arguments as for `grad`, and ``sparsity``.
    """
    return _transform(Transform, function, "hessian", method, keywords)


def _transform(
    kind: type[Kind],
    function: Callable[..., Any],
    tensor: str,
    method: Any,
    keywords: dict[str, Any],
) -> Kind:
    if not callable(function):
        raise TypeError(f"`function` must be callable, got {type(function).__name__}")
    kit = {key: keywords.pop(key) for key in OF_THE_KIT if key in keywords}
    options = {key: value for key, value in keywords.items() if key not in OF_THE_CALL}
    resolve(method, options)  # a misspelt option is to be found here, not inside an optimiser
    return kind(function, tensor, kit, {"method": method, **keywords})
