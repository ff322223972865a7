"""The contract between a method and the engine. A method asks for points; it never calls a model.

A method is a small frozen value that holds its options. Its one generator, ``solve``, yields
arrays of places t on the line t -> f(x0 + t v), is sent the values of f there, and returns an
`Estimate`::

    def solve(self, line, order):
        values = yield np.array([-h, 0.0, h])  # places t (m,)  ->  outputs (m, q)
        ...
        return Estimate(value, error)  # both (q,)

Rules
-----
- t = 0 is x0. Ask for it like any other place: the engine evaluates it once for all lines.
- Never ask outside ``[line.lower, line.upper]``.
- A row of nan in the values means that the model is undefined there; a single nan, that one
  output is.
- The engine may throw `BudgetSpentError` at a yield: return the best honest estimate so far.
- Requests are deterministic: the same values give the same requests, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from derivkit.status import Status

__all__ = [
    "BudgetSpentError",
    "Estimate",
    "Line",
    "Method",
    "OffersOneVector",
    "OffersSeconds",
    "Points",
    "Solver",
    "Values",
    "Wait",
    "Waiting",
    "likely",
    "solvers",
]

Points: TypeAlias = NDArray[Any]
"""Places t on a line, shape (m,); float, or complex for the complex step."""

Values: TypeAlias = NDArray[Any]
"""The model's outputs at the places asked for, shape (m, q)."""


class BudgetSpentError(Exception):
    """Thrown into a solver at its yield when no further evaluation will be granted."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of t -> f(x0 + t v) before any call.

    Attributes
    ----------
    scale : float
        Length in t over which the model is expected to vary: the user's `scale`, else abs(x0),
        else 1. Positive. A guess unless ``scale_given``.
    lower, upper : float
        The closed interval of t inside the bounds; contains 0.
    origin : float
        The coordinate at t = 0 where v is a coordinate axis (so that origin + t is the coordinate
        the model sees); 0 along any other direction.
    scale_given : bool
        Whether the user vouches for ``scale``.
    budget : int or None
        How many evaluations, x0 aside, this line may expect; None for no limit.
    step : float or None
        The step that the user gives for this line, where one a parameter was given.
    begin : float or None
        Half-width of the samples that suited this line at a point nearby, where one is known: a
        method that looks for its steps may begin there.
    point : int
        Which of several x0 the line passes through.
    eager : bool
        Whether a round costs more than its calls: what is most often needed next is asked for at
        once. No answer depends on it.
    """

    scale: float = 1.0
    lower: float = -np.inf
    upper: float = np.inf
    origin: float = 0.0
    scale_given: bool = False
    budget: int | None = None
    step: float | None = None
    begin: float | None = None
    point: int = 0
    eager: bool = False

    def realised(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the steps that floating point really makes: (origin + t) - origin."""
        return np.asarray((self.origin + t) - self.origin)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a method returns for one line: one number and one error for each of q outputs.

    Attributes
    ----------
    value : ndarray (q,)
        The derivative, in units of f / t**order.
    error : ndarray (q,)
        Absolute error in the same units; 0 only where the value is exact, inf where nothing is
        known.
    status : Status, or a sequence of q of them
    step : ndarray (q,) or float
        Half-width of the samples used, in units of t.
    noise : ndarray (q,) or float
        Absolute noise of f at the scale of the samples (nan: not estimated).
    reach : float
        Largest abs(t) ever asked for.
    noise_error : ndarray (q,) or float
        The part of ``error`` that is noise: independent from line to line, so that it adds in
        quadrature where the rest adds linearly (nan: not told apart).
    finite_bound : ndarray (q,) or float
        The error where it is finite; where it is inf, the largest error that the samples leave
        room for, if nothing lies between them that they do not show (nan: none is known).
    also : mapping of int to (value, error)
        Derivatives of other orders that the same samples give for no further call.
    """

    value: NDArray[np.float64]
    error: NDArray[np.float64]
    status: Status | Sequence[Status] | NDArray[Any] = Status.CONVERGED
    step: NDArray[np.float64] | float = np.nan
    noise: NDArray[np.float64] | float = np.nan
    reach: float = np.nan
    noise_error: NDArray[np.float64] | float = np.nan
    finite_bound: NDArray[np.float64] | float = np.nan
    also: Mapping[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(
        default_factory=dict
    )

    def statuses(self) -> tuple[Status, ...]:
        """Return one status for each output."""
        if isinstance(self.status, Status):
            return (self.status,) * len(self.value)
        return tuple(self.status)


Solver: TypeAlias = Generator[Points, Values, Estimate]
"""What `Method.solve` returns."""


@dataclass(frozen=True, slots=True, eq=False)
class Wait:
    """What a solver yields to wait for others.

    Attributes
    ----------
    until : callable
        Returns whether the solver may go on.
    meanwhile : ndarray (m,)
        Places that it will ask for in any case; where calls run side by side they are made now.
    """

    until: Callable[[], bool]
    meanwhile: Points = field(default_factory=partial(np.empty, 0))

    def __call__(self) -> bool:
        """Return whether the solver may go on."""
        return self.until()


Waiting: TypeAlias = Generator[Points | Wait, Values, Estimate]
"""One that also waits for others: see `solvers`."""


def solvers(method: Method, lines: Sequence[Line], order: int) -> list[Solver]:
    """Return a solver for each line, sharing work where the method knows how.

    A method may offer ``solve_together(lines, order)`` beside `Method.solve`: solvers to be driven
    together, in which they may rest: ask for nothing (an empty array) to be resumed when all others
    have been sent the values that have come. Or they wait for each other: they yield a `Wait`, and
    are resumed, with no values, once it returns True. How many values have come must not change
    an answer, to the bit. It must answer as `Method.solve` would, to rounding; only the model's
    noise may be shown by the first line through an x0 (`Line.point`) to the others.
    """
    together = getattr(method, "solve_together", None)
    if together is None:
        return [method.solve(line, order) for line in lines]
    return list(together(lines, order))


def likely(method: Method, line: Line, order: int) -> Points:
    """Return places that a solver may ask for after its first request, the likeliest first.

    A method may offer ``likely(line, order)`` beside `Method.solve`: for workers that are idle, if
    the user allows calls that may turn out not to be needed. It has no influence on answers.
    """
    ahead = getattr(method, "likely", None)
    return np.empty(0) if ahead is None else np.asarray(ahead(line, order))


@runtime_checkable
class Method(Protocol):
    """A way to differentiate along a line. Implementations are frozen dataclasses of options."""

    def solve(self, line: Line, order: int) -> Solver:
        """Differentiate ``order`` times with respect to t, at t = 0."""
        ...


@runtime_checkable
class OffersSeconds(Protocol):
    """What a method may offer beside `Method.solve` for the second derivatives of a Hessian.

    Most of its lines lie in planes of axes that have been followed before, so that the noise of
    the model and the sizes of its derivatives are known.
    """

    def brief_second(self, noise: NDArray[np.float64]) -> Method:
        """Return a method for second derivatives where the noise (q,) of the outputs is known."""
        ...

    def informed_seconds(
        self,
        lines: Sequence[Line],
        unit: NDArray[np.float64],
        noise: NDArray[np.float64],
        amplitude: NDArray[np.float64],
        leftover: NDArray[np.float64],
        levels: int,
        *,
        of_planes: bool = False,
    ) -> list[Solver]:
        """Return a solver of a second derivative for each of n lines, to be driven together.

        ``unit`` (n,) is the length in t up to which the model has been sampled near a line; the
        others (n, q) bound abs(f'') unit**2 and abs(c_k) unit**k for k = 2 levels + 2, the first
        Taylor coefficient beyond ``levels`` symmetric steps.

        ``of_planes``: there are 2 n lines, h_a a + h_b b and then h_a a - h_b b of n planes, and
        what is asked for is what the second derivatives along the two differ by, whose noise is
        less than theirs. Their errors add up to that of the difference; both are unresolved, of
        error inf, where they cannot be compared.
        """
        ...


@runtime_checkable
class OffersOneVector(Protocol):
    """What a method may offer beside `Method.solve` where outputs count together."""

    def of_one_vector(
        self,
        length: Callable[[NDArray[np.float64]], float],
        units: NDArray[np.float64],
        share: float,
    ) -> Method:
        """Return a method that is content once all errors together are a share of the derivative.

        ``length`` takes outputs (q,) and returns that of their vector, ``units`` (q,) is what one
        unit of each has. Of many outputs some derivatives are always near 0, and not worth the
        calls that their own digits would take.
        """
        ...
