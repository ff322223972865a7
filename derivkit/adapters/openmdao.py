"""A model as a component of OpenMDAO, with partial derivatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from derivkit.adapters.host import Host, imported, shows_keywords
from derivkit.methods.registry import MethodLike

__all__ = ["for_openmdao"]


@shows_keywords
def for_openmdao(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    method: MethodLike = None,
    *,
    n_workers: int | None = None,
    max_evaluations: int | None = None,
    **keywords: Any,
) -> Any:
    """Return an ExplicitComponent of a function from a dict of inputs to a dict of outputs.

    Parameters
    ----------
    function : callable
        Takes a dict of numbers and arrays – or keywords, with ``call="keywords"`` – and returns a
        dict of them. It is called once at the inputs given here for the shapes of its outputs.
    inputs : mapping
        The inputs' names and values to begin with.
    method : str or method value, optional
    **keywords
        Those of `CalculusKit`, of its calls, and the method's options.

    Raises
    ------
    ImportError
        If openmdao is not installed.
    TypeError
        If the function does not return a dict.

    Examples
    --------
    >>> component = for_openmdao(lambda x: {"y": x["a"] ** 2}, {"a": 3.0})  # doctest: +SKIP
    >>> problem.model.add_subsystem("model", component)  # doctest: +SKIP
    >>> problem.compute_totals(of=["model.y"], wrt=["model.a"])  # doctest: +SKIP
    {('model.y', 'model.a'): array([[6.]])}
    """
    keywords |= {"n_workers": n_workers, "max_evaluations": max_evaluations}
    base: Any = imported("openmdao.api").ExplicitComponent
    host = Host(function, method, keywords)
    start = {name: _plain(value) for name, value in inputs.items()}
    outputs = host.kit(start).hyper_hessian(order=0)
    if not isinstance(outputs, dict):
        raise TypeError(f"`function` must return a dict of outputs, got {type(outputs).__name__}")

    class Component(base):  # type: ignore[misc]
        def setup(self) -> None:
            for name, value in start.items():
                self.add_input(name, val=value)
            for name, value in outputs.items():
                self.add_output(name, val=value)
            self.declare_partials("*", "*")

        def compute(self, inputs: Any, outputs: Any, *_: Any) -> None:
            for name, value in host.kit(_like(start, inputs)).hyper_hessian(order=0).items():
                outputs[name] = value

        def compute_partials(self, inputs: Any, partials: Any, *_: Any) -> None:
            J = host.kit(_like(start, inputs)).jacobian(method, **host.of_call)
            for of, row in J.items():
                for wrt, block in row.items():
                    partials[of, wrt] = np.reshape(block, (np.size(outputs[of]), -1))

    return Component()


def _plain(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else np.array(value, dtype=float)


def _like(start: Mapping[str, Any], inputs: Any) -> dict[str, Any]:
    """Return OpenMDAO's inputs, always arrays there, as numbers where they began as such."""
    return {
        name: float(np.ravel(inputs[name])[0]) if np.ndim(value) == 0 else np.array(inputs[name])
        for name, value in start.items()
    }
