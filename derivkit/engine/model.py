"""The user's function as the engine sees it: one call, its output checked and copied.

What a call may do wrong is sorted here, once: the model is undefined at a point (to be worked
around), or it is broken (to be shown to the user).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["UNDEFINED_BY_DEFAULT", "Failure", "Model", "Output", "Reply", "as_output"]

Output: TypeAlias = float | complex | NDArray[Any]
"""A model's output: a number, or a fresh array of its shape."""

UNDEFINED_BY_DEFAULT: tuple[type[BaseException], ...] = (
    ValueError,
    ArithmeticError,
    np.linalg.LinAlgError,
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that raised.

    Attributes
    ----------
    error : BaseException
        What it raised.
    undefined : bool
        Whether that means "undefined here" rather than a bug.
    output : bool
        Whether the model returned, but something that is not numbers; the error says so.
    """

    error: BaseException
    undefined: bool
    output: bool = False


Reply: TypeAlias = Output | Failure


@dataclass(frozen=True, slots=True)
class Model:
    """A function of parameters and what it raises where it is undefined.

    Attributes
    ----------
    function : callable
        Takes one array (p,) – or (n, p) if ``vectorized`` – and returns numbers.
    undefined : tuple of exception types
        Raised by the function where it is undefined.
    vectorized : bool
        Whether the function takes many points at once.
    """

    function: Callable[[NDArray[Any]], Any]
    undefined: tuple[type[BaseException], ...] = UNDEFINED_BY_DEFAULT
    vectorized: bool = False

    def reply(self, x: NDArray[Any]) -> Reply:
        """Return the output at one point, or the failure; only interrupts are let through.

        A ``sys.exit`` in the model is a failure too: it must not end the session.
        """
        try:
            y = self.function(x[None, :])[0] if self.vectorized else self.function(x)
        except self.undefined as error:
            return Failure(error, undefined=True)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's may raise
            return Failure(error, undefined=False)
        if isinstance(y, float):  # a numpy.float64 is one
            return float(y)
        try:
            return as_output(y, complex_allowed=x.dtype.kind == "c")
        except TypeError as error:
            return Failure(error, undefined=False, output=True)


def as_output(y: Any, *, complex_allowed: bool = False) -> Output:
    """Return a model's output as a float or as a fresh array of floats.

    Raises
    ------
    TypeError
        If it holds anything but numbers, or complex numbers where real ones are due, or is nothing
        that numpy takes for an array.
    """
    try:
        array = y if isinstance(y, np.generic) else np.array(y)  # np.array copies
    except Exception as error:  # a ragged list; a tensor that still records gradients
        raise TypeError(
            f"`function` must return a number or an array of numbers, got {type(y).__name__}, of "
            f"which numpy cannot make one: {error}"
        ) from error
    kind = array.dtype.kind
    if kind in "fiub":
        return float(array) if array.ndim == 0 else np.asarray(array, dtype=float)
    if kind == "c" and complex_allowed:
        return complex(array) if array.ndim == 0 else np.asarray(array, dtype=complex)
    if kind == "c":
        raise TypeError(
            "`function` must return real numbers, got complex ones; return their real and "
            "imaginary parts as an array to differentiate both"
        )
    raise TypeError(
        f"`function` must return a number or an array of numbers, got {type(y).__name__}"
        + ("; is its `return` missing?" if y is None else "")
        + ("; it must not be async: await inside it, with asyncio.run" if _is_async(y) else "")
    )


def _is_async(y: Any) -> bool:
    """Whether an output would have to be awaited; one that never will be is closed."""
    if not hasattr(y, "__await__"):
        return False
    getattr(y, "close", lambda: None)()
    return True
