"""Derivatives by torch: reverse mode for gradients, forward or reverse by shape for Jacobians.

torch lets ``float(x[0])`` or ``x[0].item()`` pass and goes on with a constant. That is refused
here: the gradient would be silently wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from derivkit.methods.autodiff.tracing import (
    Traced,
    check_real,
    explained,
    imported,
    untraceable,
)

__all__ = ["Torch"]

ADVICE = "write it with torch functions only, without numpy(), item(), tolist() or float()"

_CONVERSIONS = {"__array__", "__float__", "__complex__", "item", "numpy", "tolist", "tensor"}
"""Functions of torch whose result is a constant to it, whatever they are given."""


@dataclass(frozen=True)
class Torch(Traced):
    """Automatic differentiation of a function written with torch, in float64.

    The function gets a ``torch.Tensor`` (p,) of float64 and returns a number, a tensor, or a list
    of numbers.

    ``fallback`` as for `Autograd`.

    References
    ----------
    Paszke, A. et al. (2019), PyTorch: an imperative style, high-performance deep learning
    library, NeurIPS 32, doi:10.48550/arXiv.1912.01703.
    """

    def differentiated(self, f: Callable[[Any], Any], x0: NDArray[Any], order: int) -> Any:
        """Return the value and the tensor."""
        torch = imported("torch")
        plain = (x0.copy, lambda: torch.tensor(x0))
        with explained("torch", f, plain, ADVICE), torch.enable_grad():
            value, tensor = _differentiated(torch, _with_tensor_output(torch, f), x0, order)
            return value.detach(), tensor.detach()


def _differentiated(torch: Any, f: Callable[[Any], Any], x0: NDArray[Any], order: int) -> Any:
    x = torch.tensor(x0, dtype=torch.float64, requires_grad=True)
    with _watch(torch):
        value = f(x)
    if not value.requires_grad:
        raise untraceable("torch", "its output does not depend on its argument", ADVICE)
    reverse = value.numel() <= x.numel()
    if order == 1 and reverse:
        return value, _pulled_back(torch, value, x)
    derivative = torch.func.jacrev(f) if reverse else _forward(torch, f)
    for _ in range(order - 1):
        derivative = torch.func.jacrev(derivative)  # forward mode lacks many of torch's functions
    return value, derivative(x.detach())


def _pulled_back(torch: Any, value: Any, x: Any) -> Any:
    """Return the Jacobian from the graph that one run of f has left."""
    rows = torch.eye(value.numel(), dtype=value.dtype).reshape(-1, *value.shape)
    (tensor,) = torch.autograd.grad(value, x, rows, is_grads_batched=True)
    return tensor.reshape(*value.shape, x.numel())


def _forward(torch: Any, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the Jacobian in forward mode, or in reverse where f has no forward rule."""

    def jacobian(x: Any) -> Any:
        try:
            return torch.func.jacfwd(f)(x)
        except NotImplementedError:
            return torch.func.jacrev(f)(x)

    return jacobian


def _with_tensor_output(torch: Any, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def as_tensor(x: Any) -> Any:
        output = _stacked(torch, f(x))
        check_real("c" if output.is_complex() else "f")
        return output if output.is_floating_point() else output.double()

    return as_tensor


def _stacked(torch: Any, output: Any) -> Any:
    """Return a number, or lists of them, as a tensor; torch.tensor would lose the derivative."""
    if isinstance(output, (list, tuple)):
        return torch.stack([_stacked(torch, each) for each in output])
    return torch.as_tensor(output)


def _watch(torch: Any) -> Any:
    """Return a context in which turning a traced tensor into plain numbers raises."""

    class Watch(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        detached = False

        def __torch_function__(
            self, func: Any, _types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            name = getattr(func, "__name__", "")
            traced = _any_traced(torch, args)
            if name in _CONVERSIONS and (traced or self.detached):
                raise untraceable("torch", f"its call of {name}() loses the derivative", ADVICE)
            if name == "detach" and traced:
                self.detached = True  # detach().numpy() is the usual way around torch's refusal
            return func(*args, **(kwargs or {}))

    return Watch()


def _any_traced(torch: Any, arguments: Any) -> bool:
    """Whether a tensor with a gradient is among the arguments, or in lists of them."""
    return any(
        _any_traced(torch, each)
        if isinstance(each, (list, tuple))
        else isinstance(each, torch.Tensor) and each.requires_grad
        for each in arguments
    )
