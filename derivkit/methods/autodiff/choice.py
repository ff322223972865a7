"""The automatic differentiation that fits: the library whose arrays a function uses."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from types import CodeType, ModuleType
from typing import Any

from numpy.typing import NDArray

from derivkit.errors import TracingError
from derivkit.methods.autodiff.protocol import Derivatives
from derivkit.methods.autodiff.tracing import Traced
from derivkit.methods.registry import load_class

__all__ = ["LIBRARIES", "Autodiff"]

LIBRARIES = ("jax", "autograd", "torch", "tensorflow")
"""In the order they are tried where nothing speaks for one of them: quickest to load first."""


@dataclass(frozen=True)
class Autodiff(Traced):
    """Automatic differentiation by the first library that fits the function.

    Libraries that the function's code names are tried first, then those already imported, then
    those installed. A library fits if it can follow the function; trying one calls it once.

    Parameters
    ----------
    fallback : str, optional
        Method to take for a function that no library can trace, such as ``"auto"``; without it
        that is a `TracingError`.

    Examples
    --------
    >>> import autograd.numpy as anp
    >>> from derivkit import CalculusKit
    >>> CalculusKit(lambda x: anp.exp(x[0]), x0=[0.0]).gradient_result("autodiff").method
    'autograd'
    """

    def value_and_derivatives(
        self, f: Callable[[Any], Any], x0: NDArray[Any], order: int
    ) -> Derivatives:
        """Differentiate ``order`` times at x0; see `protocol.WholeMethod`."""
        failures: list[Exception] = []
        for name in _candidates(f):
            try:
                derivatives: Derivatives = load_class(name)().value_and_derivatives(f, x0, order)
            except Exception as error:  # noqa: BLE001 - kept, and raised if no library fits
                failures.append(error)
            else:
                return derivatives
        if not failures:
            raise ImportError(
                "method='autodiff' needs one of jax, autograd, torch and tensorflow; "
                "pip install jax"
            )
        raise next((e for e in failures if isinstance(e, TracingError)), failures[0])


def _candidates(f: Callable[..., Any]) -> list[str]:
    """Return the installed libraries, those most likely to fit first."""
    named = set(_named(f))
    installed = [name for name in LIBRARIES if name in sys.modules or find_spec(name) is not None]
    return sorted(installed, key=lambda name: (name not in named, name not in sys.modules))


def _named(f: Callable[..., Any]) -> Iterator[str]:
    """Yield the libraries of the objects that a function's code refers to."""
    function = f if hasattr(f, "__code__") else getattr(f, "__wrapped__", getattr(f, "func", f))
    function = getattr(function, "__func__", function)
    code, scope = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    objects = [scope[name] for name in _names(code) if name in scope] if code else []
    cells = getattr(function, "__closure__", None) or ()
    objects += [cell.cell_contents for cell in cells if cell != type(cell)()]
    for each in [f, *objects]:
        home = each.__name__ if isinstance(each, ModuleType) else type(each).__module__
        yield str(home).partition(".")[0].removesuffix("lib")


def _names(code: CodeType) -> Iterator[str]:
    """Yield the global names in a code object and in the functions defined inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
