"""What all the libraries share: being imported late, and failures that are explained.

A function fails under a library for one of two reasons. It is broken, and its own exception is
shown; or it does something that the library cannot follow. The second is told from the first by
running it on plain arrays: if it runs there, tracing is to blame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.errors import TracingError
from derivkit.methods.autodiff.protocol import Derivatives
from derivkit.methods.protocol import BudgetSpentError
from derivkit.methods.registry import canonical_name
from derivkit.validation import optional, shown

__all__ = ["Traced", "check_real", "explained", "imported", "untraceable"]

MOST_QUOTED = 160  # characters of a library's own message; some fill a screen


def imported(name: str) -> Any:
    """Return the library; raise an ImportError that says what to install if it is missing."""
    return optional(name, f"method={name!r}")


@dataclass(frozen=True)
class Traced:
    """A library's automatic differentiation: what all of them have in common.

    Parameters
    ----------
    fallback : str, optional
        Method to take for a function that the library cannot trace; without it that is a
        `TracingError`.
    """

    fallback: str | None = None

    def __post_init__(self) -> None:
        if self.fallback is None:
            return
        if not isinstance(self.fallback, str):
            raise TypeError(
                f"`fallback` must be the name of a method or None, got {shown(self.fallback)}"
            )
        canonical_name(self.fallback)

    def value_and_derivatives(
        self, f: Callable[[Any], Any], x0: NDArray[Any], order: int
    ) -> Derivatives:
        """Differentiate ``order`` times at x0; see `protocol.WholeMethod`."""
        value, tensor = self.differentiated(f, x0, order)
        return Derivatives(np.asarray(value), np.asarray(tensor), self)

    def differentiated(self, f: Callable[[Any], Any], x0: NDArray[Any], order: int) -> Any:
        """Return the value and the tensor, as the library's arrays."""
        raise NotImplementedError


def check_real(kind: str) -> None:
    """Raise a TypeError for a complex output, given its dtype's kind."""
    if kind == "c":
        raise TypeError(
            "`function` must return real numbers, got complex ones; return their real and "
            "imaginary parts as an array to differentiate both"
        )


@contextmanager
def explained(
    library: str, f: Callable[[Any], Any], plain: tuple[Callable[[], Any], ...], advice: str
) -> Iterator[None]:
    """Turn a failure into a `TracingError` where the function runs on one of the plain arrays.

    Parameters
    ----------
    library : str
    f : callable
    plain : tuple of callables
        Each makes an array like x0 that is not traced.
    advice : str
        How to write a function for this library.
    """
    try:
        yield
    except TracingError:
        raise
    except Exception as error:
        if any(_runs(f, make) for make in plain):
            raise untraceable(
                library, f"{type(error).__name__}: {_quoted(error)}", advice
            ) from error
        raise


def untraceable(library: str, cause: str, advice: str) -> TracingError:
    """Return the error for a function that runs but cannot be followed."""
    return TracingError(
        f"{library} cannot differentiate `function` ({cause}); {advice}, or use the numerical "
        "method='auto' instead (fallback='auto' does so by itself)"
    )


def _quoted(error: Exception) -> str:
    """Return the first line of a library's message, shortened."""
    line = str(error).strip().partition("\n")[0].strip().rstrip(".")
    return line if len(line) <= MOST_QUOTED else line[:MOST_QUOTED].rstrip() + " …"


def _runs(f: Callable[[Any], Any], make: Callable[[], Any]) -> bool:
    """Whether the function returns numbers for an array that is not traced."""
    try:
        output: NDArray[Any] = np.asarray(f(make()))
    except BudgetSpentError:
        raise
    except Exception:  # noqa: BLE001 - whatever it raises, it does not run
        return False
    return output.dtype.kind in "fiub"
