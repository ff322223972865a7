"""Derivatives by tensorflow: reverse mode for gradients, by shape for Jacobians.

The function is traced as a graph, not run eagerly: eagerly, ``numpy.sin(x)`` or ``float(x[0])``
would pass as a constant and leave the gradient silently wrong; a graph refuses them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from derivkit.methods.autodiff.tracing import Traced, check_real, explained, imported

__all__ = ["TensorFlow"]

ADVICE = (
    "write it with tensorflow functions instead of numpy, math or float(), and with tf.cond or "
    "tf.where instead of branches on values"
)


@dataclass(frozen=True)
class TensorFlow(Traced):
    """Automatic differentiation of a function written with tensorflow, in float64.

    The function gets a ``tf.Tensor`` (p,) of float64 and returns a number, a tensor, or a list
    of numbers. It is traced as by ``tf.function(autograph=False)``.

    ``fallback`` as for `Autograd`.

    References
    ----------
    Abadi, M. et al. (2016), TensorFlow: a system for large-scale machine learning, OSDI 16,
    doi:10.48550/arXiv.1605.08695.
    """

    def differentiated(self, f: Callable[[Any], Any], x0: NDArray[Any], order: int) -> Any:
        """Return the value and the tensor."""
        tf = imported("tensorflow")
        traced = _with_tensor_output(tf, f)

        def whole(x: Any) -> Any:
            return _differentiated(tf, traced, x, order)

        with explained("tensorflow", f, (x0.copy, lambda: tf.constant(x0)), ADVICE):
            kind = tf.TensorSpec(x0.shape, tf.float64)
            graph = tf.function(whole, autograph=False).get_concrete_function(kind)
            return graph(tf.constant(x0, dtype=tf.float64))


def _differentiated(tf: Any, f: Callable[[Any], Any], x: Any, order: int) -> tuple[Any, Any]:
    """Return the value and the derivatives, one tape inside the other."""
    if order == 0:
        value = f(x)
        return value, value
    with tf.GradientTape() as tape:
        tape.watch(x)
        value, lower = _differentiated(tf, f, x, order - 1)
    size = value.shape.num_elements()
    if order == 1 and size is not None and size > x.shape.num_elements():
        return value, _forward(tf, f, x)
    return value, tape.jacobian(lower, x, unconnected_gradients="zero")


def _forward(tf: Any, f: Callable[[Any], Any], x: Any) -> Any:
    """Return the Jacobian column by column, for more outputs than parameters."""
    columns = []
    for unit in tf.unstack(tf.eye(x.shape.num_elements(), dtype=x.dtype)):
        with tf.autodiff.ForwardAccumulator(x, unit) as accumulator:
            value = f(x)
        columns.append(accumulator.jvp(value, unconnected_gradients="zero"))
    return tf.stack(columns, axis=-1)


def _with_tensor_output(tf: Any, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def as_tensor(x: Any) -> Any:
        output = tf.convert_to_tensor(f(x))
        check_real("c" if output.dtype.is_complex else "f")
        return output if output.dtype.is_floating else tf.cast(output, tf.float64)

    return as_tensor
