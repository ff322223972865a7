"""The contract of methods that need the function itself and give the whole tensor at once.

Such a method calls the function with its library's arrays. It knows nothing of parameters' names,
bounds or errors: rounding is measured by whoever calls it, from the answers at nearby points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

__all__ = ["Derivatives", "WholeMethod"]


@dataclass(frozen=True, slots=True)
class Derivatives:
    """A function's value and its derivative tensor at one point.

    Attributes
    ----------
    value : ndarray S
        The function's output, of whatever shape S, in the precision it came in.
    tensor : ndarray S + (p,) * order
        All derivatives of that order, the output's axes first.
    method : WholeMethod
        The method that answered: itself, or the one it chose.
    """

    value: NDArray[Any]
    tensor: NDArray[Any]
    method: WholeMethod


@runtime_checkable
class WholeMethod(Protocol):
    """A way to differentiate a function from its own code.

    Implementations are frozen dataclasses of options. One of them may be ``fallback``: the name
    of the numerical method to take where the function cannot be traced.
    """

    def value_and_derivatives(
        self, f: Callable[[Any], Any], x0: NDArray[Any], order: int
    ) -> Derivatives:
        """Differentiate ``order`` >= 1 times at x0 (p,).

        Raises
        ------
        ImportError
            If the library is missing; the text names the extra to install.
        TracingError
            If the function runs, but the library cannot follow it.
        Exception
            Whatever the function raises on its own account, unchanged.
        """
        ...
