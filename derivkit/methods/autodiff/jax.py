"""Derivatives by jax: reverse mode for gradients, forward or reverse by shape for Jacobians.

Nothing is compiled here: one derivative at one point runs quicker as it is than a compilation
takes. A function that the user has jitted stays jitted, and is compiled once for all calls.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from derivkit.methods.autodiff.tracing import Traced, check_real, explained, imported

__all__ = ["Jax"]

ADVICE = "write it with jax.numpy instead of numpy, math or float()"


@dataclass(frozen=True)
class Jax(Traced):
    """Automatic differentiation of a function written with jax, in float64.

    The function gets a ``jax.Array`` (p,) of float64 and returns a number, an array, or a list of
    numbers. jax's own setting of 64-bit floats is left as it was found.

    ``fallback`` as for `Autograd`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from derivkit import CalculusKit
    >>> kit = CalculusKit(lambda x: jnp.sin(x[0]) * x[1], x0=[0.0, 2.0])
    >>> kit.gradient("jax").tolist()
    [2.0, 0.0]

    References
    ----------
    Bradbury, J. et al. (2018), JAX: composable transformations of Python+NumPy programs,
    http://github.com/jax-ml/jax.
    """

    def differentiated(self, f: Callable[[Any], Any], x0: NDArray[Any], order: int) -> Any:
        """Return the value and the tensor."""
        jax = imported("jax")
        plain = (x0.copy, lambda: jax.numpy.asarray(x0))
        with jax.enable_x64(True), explained("jax", f, plain, ADVICE):
            return _differentiated(jax, _with_array_output(jax, f), x0, order)


def _differentiated(jax: Any, f: Callable[[Any], Any], x0: NDArray[Any], order: int) -> Any:
    x = jax.numpy.asarray(x0)
    _refuse_conversions(jax, f, x)
    value, pull_back = jax.vjp(f, x)  # one run of f gives the value and, in reverse, its gradient
    reverse = value.size <= x.size
    if order == 1 and reverse:
        rows = jax.numpy.eye(value.size, dtype=value.dtype).reshape(value.size, *value.shape)
        (tensor,) = jax.vmap(pull_back)(rows)
        return value, tensor.reshape(*value.shape, x.size)
    derivative = jax.jacrev(f) if reverse else jax.jacfwd(f)
    for _ in range(order - 1):
        derivative = jax.jacfwd(derivative)
    return value, derivative(x)


def _refuse_conversions(jax: Any, f: Callable[[Any], Any], x: Any) -> None:
    """Run f on an abstract array: there x[0].item() raises, which else would pass as a constant."""
    errors = jax.errors
    branches = (
        errors.TracerBoolConversionError,
        errors.TracerIntegerConversionError,
        errors.NonConcreteBooleanIndexError,
    )
    with suppress(*branches):  # f branches on values, which is followed where it leads at x0
        jax.eval_shape(f, x)


def _with_array_output(jax: Any, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def as_array(x: Any) -> Any:
        output = jax.numpy.asarray(f(x))
        check_real(output.dtype.kind)
        return output if output.dtype.kind == "f" else output.astype(float)

    return as_array
