"""Functional forms of the kit's methods: `build_gradient(function, theta0)` and its siblings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.assembly import Tensor
from derivkit.calculus.driver import run
from derivkit.calculus.problem import Problem, check_problem, split_keywords
from derivkit.engine.memo import Memo
from derivkit.methods.registry import MethodLike

__all__ = ["Build", "builder", "values_of"]


class Build(Protocol):
    """A derivative as a function of the model and the point."""

    def __call__(
        self,
        function: Callable[..., Any],
        theta0: Any,
        method: MethodLike = None,
        n_workers: int | None = None,
        **options: Any,
    ) -> NDArray[np.float64]:
        """Return the derivative at theta0."""
        ...


def values_of(
    function: Callable[..., Any],
    theta0: Any,
    tensor: Callable[[Problem], Tensor],
    method: MethodLike,
    n_workers: int | None,
    options: Mapping[str, Any],
) -> NDArray[np.float64]:
    """Return a tensor as nested as theta0; options as of the kit, its calls and the method."""
    of_problem, others = split_keywords(options)
    problem = check_problem(function, theta0, **of_problem)
    found = run(problem, Memo(), tensor(problem), method, n_workers=n_workers, **others)
    values: NDArray[np.float64] = found.labelled()
    return values


_DOCSTRING = """\
{summary}; the bare array of `CalculusKit.{method}`.

Parameters
----------
function : callable
    As for `CalculusKit`.
theta0 : array_like (p,) or mapping
    Where to differentiate.
method : str or method value, optional
    ``"auto"`` by default.
n_workers : int, optional
    Model calls at the same time.
**options
    Keywords of `CalculusKit` (``bounds``, ``scale``, …), of the call, and options of the method.

Returns
-------
ndarray
    As nested as theta0.

Examples
--------
>>> from {module} import {name}
>>> {name}({model}, [2.0, 3.0]).round(6).tolist()
{printed}
"""


def builder(
    name: str, tensor: Callable[[], Tensor], summary: str, model: str, printed: str
) -> Build:
    """Return the function ``name`` of the module that calls this, for a tensor."""

    def build(
        function: Callable[..., Any],
        theta0: Any,
        method: MethodLike = None,
        n_workers: int | None = None,
        **options: Any,
    ) -> NDArray[np.float64]:
        return values_of(function, theta0, lambda _: tensor(), method, n_workers, options)

    build.__doc__ = _DOCSTRING.format(
        summary=summary,
        method=name.removeprefix("build_"),
        module=tensor.__module__,
        name=name,
        model=model,
        printed=printed,
    )
    build.__name__ = build.__qualname__ = name
    build.__module__ = tensor.__module__
    return build
