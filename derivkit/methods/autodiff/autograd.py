"""Derivatives by autograd: functions written with ``autograd.numpy`` in place of numpy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.autodiff.tracing import Traced, check_real, explained, imported

__all__ = ["Autograd"]

ADVICE = "write it with `import autograd.numpy as np` instead of `import numpy as np`"


@dataclass(frozen=True)
class Autograd(Traced):
    """Automatic differentiation of a function written with ``autograd.numpy``.

    The function gets an array (p,) and returns a number, an array, or a list of numbers.

    Parameters
    ----------
    fallback : str, optional
        Method to take for a function that autograd cannot trace, such as ``"auto"``; without it
        that is a `TracingError`.

    Examples
    --------
    >>> import autograd.numpy as anp
    >>> from derivkit import CalculusKit
    >>> kit = CalculusKit(lambda x: anp.sin(x[0]) * x[1], x0=[0.0, 2.0])
    >>> kit.gradient("autograd").tolist()
    [2.0, 0.0]

    References
    ----------
    Maclaurin, D., Duvenaud, D. & Adams, R. P. (2015), Autograd: effortless gradients in numpy,
    ICML AutoML workshop.
    """

    def differentiated(self, f: Callable[[Any], Any], x0: NDArray[Any], order: int) -> Any:
        """Return the value and the tensor."""
        autograd = imported("autograd")
        with warnings.catch_warnings(), explained("autograd", f, (x0.copy,), ADVICE):
            # a derivative that is constant is one of the answers
            warnings.filterwarnings("ignore", message="Output seems independent of input")
            return _differentiated(autograd, _with_array_output(f), x0, order)


def _differentiated(autograd: Any, f: Callable[[Any], Any], x: NDArray[Any], order: int) -> Any:
    pull_back, value = autograd.make_vjp(f)(x)
    if order == 1:
        return value, _jacobian(autograd, f, x, pull_back, np.asarray(value))
    derivative = f
    for _ in range(order):
        derivative = autograd.jacobian(derivative)
    return value, derivative(x)


def _jacobian(
    autograd: Any, f: Callable[[Any], Any], x: NDArray[Any], pull_back: Any, value: NDArray[Any]
) -> NDArray[Any]:
    """Return (*S, p): by columns where outputs are many, else by rows."""
    if value.size > x.size:
        try:
            push = autograd.make_jvp(f)(x)
            return np.stack([push(unit)[1] for unit in np.eye(x.size)], axis=-1)
        except NotImplementedError:  # autograd has no forward rule for some functions
            pass
    rows = np.eye(value.size).reshape(value.size, *value.shape)
    return np.stack([pull_back(row) for row in rows]).reshape(*value.shape, x.size)


def _with_array_output(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    from autograd.numpy import array  # noqa: PLC0415 - an optional package

    def as_array(x: Any) -> Any:
        output = f(x)
        if isinstance(output, np.ndarray) and output.dtype == object:
            output = output.tolist()  # numpy.array of traced numbers: autograd's loses nothing
        if isinstance(output, (list, tuple)):
            output = array(output)
        check_real(np.dtype(getattr(output, "dtype", type(output))).kind)
        return output * 1.0  # of integers, floats

    return as_array
