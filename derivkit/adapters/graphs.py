"""Models as operations of packages that differentiate graphs: jax, torch, pytensor (PyMC)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from derivkit.adapters.host import Host, Shapes, imported, shows_keywords
from derivkit.engine.progress import Show
from derivkit.methods.registry import MethodLike
from derivkit.validation import called_like

__all__ = ["as_jax", "as_pytensor", "as_torch"]


@shows_keywords
def as_jax(
    function: Callable[..., Any],
    method: MethodLike = None,
    *,
    shape: Shapes = (),
    n_workers: int | None = None,
    max_evaluations: int | None = None,
    progress: bool | Show | None = None,
    **keywords: Any,
) -> Callable[[Any], Any]:
    """Return a model that jax.grad, jax.jit, jax.vmap and numpyro accept.

    It is a callback with a custom derivative, reverse mode and first order. Where the model is
    undefined, value and gradient are nan, so that a sampler rejects the point.

    Parameters
    ----------
    function : callable
        As for `CalculusKit`; called with numpy arrays, floats or dicts of them.
    method : str or method value, optional
    shape : tuple of int, or mapping of them
        That of its output; () for a number; ``{"mass": (), "flux": (3,)}`` for a dict.
    **keywords
        Those of `CalculusKit`, of its calls, and the method's options.

    Raises
    ------
    ImportError
        If jax is not installed.

    Examples
    --------
    >>> import derivkit, jax
    >>> f = derivkit.as_jax(lambda x: float(x[0]) ** 2 * float(x[1]))
    >>> gradient = jax.jit(jax.grad(f))(jax.numpy.array([3.0, 2.0]))
    >>> [round(float(g), 4) for g in gradient]
    [12.0, 9.0]
    """
    keywords |= {"n_workers": n_workers, "max_evaluations": max_evaluations, "progress": progress}
    jax = imported("jax")
    host = Host(function, method, keywords, shape)
    shape = host.shape

    def plain(x: Any) -> Any:
        return jax.tree.map(lambda leaf: np.asarray(leaf, dtype=float)[()], x)

    def out(*extra: int) -> Any:
        return jax.ShapeDtypeStruct((*shape, *extra), jax.numpy.result_type(float))

    def called(compute: Callable[[Any], Any], result: Any, x: Any) -> Any:
        dtype = jax.numpy.result_type(float)

        def on_host(x: Any) -> Any:
            return jax.tree.map(lambda a: np.asarray(a, dtype=dtype), compute(plain(x)))

        return jax.pure_callback(on_host, result, x, vmap_method="sequential")

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def model(x: Any) -> Any:
        return called(host.value, out(), x)

    def forward(x: Any) -> Any:
        p = sum(np.size(leaf) for leaf in jax.tree.leaves(x))
        value, J = called(host.both, (out(), out(p)), x)
        return value, (J, x)

    def backward(kept: Any, cotangent: Any) -> Any:
        J, x = kept
        flat, unravel = imported("jax.flatten_util").ravel_pytree(x)
        pulled = jax.numpy.tensordot(cotangent, J, axes=len(shape))
        return (unravel(pulled.astype(flat.dtype)),)

    model.defvjp(forward, backward)
    return host.in_structure(model)


@called_like(as_jax)
def as_torch(
    function: Callable[..., Any],
    method: MethodLike = None,
    *,
    shape: Shapes = (),
    **keywords: Any,
) -> Callable[[Any], Any]:
    """Return a model of a tensor through which torch's backward goes; first order.

    Parameters
    ----------
    function : callable
        As for `CalculusKit`; called with numpy arrays.
    method : str or method value, optional
    shape : tuple of int, or mapping of them
        That of its output; () for a number.
    **keywords
        Those of `CalculusKit`, of its calls, and the method's options.

    Raises
    ------
    ImportError
        If torch is not installed.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> model = as_torch(lambda x: x[0] ** 2 * x[1])  # doctest: +SKIP
    >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)  # doctest: +SKIP
    >>> model(x).backward()  # doctest: +SKIP
    >>> x.grad.numpy().round(6).tolist()  # doctest: +SKIP
    [4.0, 1.0]
    """
    torch: Any = imported("torch")
    base: Any = torch.autograd.Function
    host = Host(function, method, keywords, shape)
    shape = host.shape

    class Model(base):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            at = x.detach().cpu().double().numpy()
            at = at[()] if at.ndim == 0 else at
            if not x.requires_grad:
                return torch.as_tensor(host.value(at), dtype=x.dtype, device=x.device)
            value, J = host.both(at)
            J = torch.as_tensor(J.reshape((*shape, *x.shape)), dtype=x.dtype, device=x.device)
            ctx.save_for_backward(J)
            return torch.as_tensor(value, dtype=x.dtype, device=x.device)

        @staticmethod
        @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
        def backward(ctx: Any, cotangent: Any) -> Any:
            (J,) = ctx.saved_tensors
            return torch.tensordot(cotangent, J, dims=len(shape))

    return host.in_structure(Model.apply)


@called_like(as_jax)
def as_pytensor(
    function: Callable[..., Any],
    method: MethodLike = None,
    *,
    shape: Shapes = (),
    **keywords: Any,
) -> Any:
    """Return an Op of one vector with a gradient: for PyMC, inside pm.Potential or a likelihood.

    Parameters
    ----------
    function : callable
        As for `CalculusKit`; called with numpy arrays (p,).
    shape : tuple of int
        That of its output; () for a number.
    method, **keywords
        As for `as_torch`.

    Raises
    ------
    ImportError
        If pytensor is not installed.

    Examples
    --------
    >>> import pytensor.tensor as pt  # doctest: +SKIP
    >>> x = pt.vector("x")  # doctest: +SKIP
    >>> model = as_pytensor(lambda x: x[0] ** 2 * x[1])  # doctest: +SKIP
    >>> pt.grad(model(x), x).eval({x: [1.0, 2.0]}).round(6).tolist()  # doctest: +SKIP
    [4.0, 1.0]
    """
    pt = imported("pytensor.tensor")
    graph = imported("pytensor.graph")
    base: Any = graph.Op
    host = Host(function, method, keywords, shape)
    shape = host.shape

    class Derivative(base):  # type: ignore[misc]
        def make_node(self, x: Any) -> Any:
            return graph.Apply(self, [x], [pt.tensor(dtype="float64", shape=(*shape, None))])

        def perform(self, _: Any, inputs: Any, outputs: Any) -> None:
            outputs[0][0] = host.both(np.asarray(inputs[0], dtype=float))[1]

    class Model(base):  # type: ignore[misc]
        def make_node(self, x: Any) -> Any:
            return graph.Apply(
                self, [pt.as_tensor_variable(x)], [pt.tensor(dtype="float64", shape=shape)]
            )

        def perform(self, _: Any, inputs: Any, outputs: Any) -> None:
            outputs[0][0] = np.asarray(host.value(np.asarray(inputs[0], dtype=float)))

        def pullback(self, inputs: Any, _: Any, cotangents: Any) -> Any:
            J = Derivative()(inputs[0])
            return [pt.tensordot(cotangents[0], J, axes=len(shape)) if shape else cotangents[0] * J]

    if not hasattr(graph.Op, "pullback"):  # pytensor 2 calls it so
        Model.L_op = Model.pullback
    return host.in_structure(Model())
