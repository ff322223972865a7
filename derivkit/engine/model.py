"""The user's function as the engine sees it: one call, its output checked and copied.

Failures are classified here, once: the model is undefined at a point, and methods work around it;
or it is broken, and the user is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.plain_numbers import output_numbers
from derivkit.engine.points import Key, Seconds
from derivkit.engine.trees import Branch, Leaf, Tree, flatten
from derivkit.errors import (
    CheckpointError,
    CheckpointWarning,
    ModelError,
    RemoteError,
    UnresolvedWarning,
    WorkerDiedError,
)

__all__ = [
    "FAILURES",
    "UNDEFINED_BY_DEFAULT",
    "Backend",
    "Failure",
    "Job",
    "Model",
    "Output",
    "Reply",
    "Shaped",
    "as_output",
    "as_outputs",
    "close",
    "is_nested",
    "workers_of",
]

Output: TypeAlias = float | complex | NDArray[Any]
"""A model's output: a number, or a fresh array of its shape."""

Job: TypeAlias = tuple[Key, NDArray[Any]]
"""A point to be evaluated: its identity, and its coordinates (p,)."""

PROGRAMMING_ERRORS: tuple[type[BaseException], ...] = (
    TypeError,
    NameError,
    AttributeError,
    ImportError,
    LookupError,
    AssertionError,
    NotImplementedError,
    MemoryError,
    OSError,
    RecursionError,
    ModelError,
    CheckpointError,
    RemoteError,
    WorkerDiedError,
    UnresolvedWarning,
    CheckpointWarning,
)
"""If the model raises one of these away from x0, the run ends; any other exception means "undefined
there"."""

FAILURES: tuple[type[BaseException], ...] = (Exception, SystemExit)
"""Exceptions that count as a failed call; a ``sys.exit`` in the model must not end the session. All
others – interrupts, cancellations, a framework's own – are not meant for the caller of the model:
they reach the user unchanged, wherever the model runs."""

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


@dataclass(frozen=True, slots=True, eq=False)
class Shaped:
    """The output of a model that returns more than an array: its numbers, and their structure.

    Attributes
    ----------
    values : ndarray (q,)
        Flat; of a complex leaf the real parts, then the imaginary ones.
    tree : Tree
    aux : object
        What the model returns beside its output, with ``has_aux``.
    """

    values: NDArray[Any]
    tree: Tree
    aux: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a single block; that of the flat output where there are several."""
        if isinstance(self.tree, Leaf):
            return self.tree.shape
        return (sum(prod(leaf.shape) for _, leaf in self.tree.leaves()),)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers, complex ones counted once; a dict of one number counts as an array."""
        return prod(self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype, copy=copy)


Reply: TypeAlias = Output | Shaped | Failure


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
    batch : int or None
        Points in each call: exactly this number; None for any.
    strict : bool
        Whether every exception but those of ``undefined`` is a bug.
    has_aux : bool
        Whether the function returns a pair: its output, and something that is handed back.
    """

    function: Callable[[NDArray[Any]], Any]
    undefined: tuple[type[BaseException], ...] = UNDEFINED_BY_DEFAULT
    vectorized: bool = False
    batch: int | None = None
    strict: bool = False
    has_aux: bool = False

    def rows(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return one point as a vectorised function takes it: (1, p), or repeated (batch, p)."""
        return np.repeat(x[None, :], self.batch or 1, axis=0)

    def reply(self, x: NDArray[Any]) -> Reply:
        """Return the output at one point, or the failure; let other exceptions through."""
        try:
            y = self.function(self.rows(x) if self.vectorized else x)
        except FAILURES as error:
            return Failure(error, undefined=self.is_undefined(error))
        if isinstance(y, float) and not self.has_aux:  # a numpy.float64 is one
            return float(y)
        gave_up = y is None and not self.strict  # as some models do where they fail
        try:
            return self.output(y, x)
        except TypeError as error:
            return Failure(error, undefined=gave_up, output=True)

    def is_undefined(self, error: BaseException) -> bool:
        """Whether an exception means that the model is undefined at that point."""
        if isinstance(error, self.undefined):
            return True
        return not (self.strict or isinstance(error, (*PROGRAMMING_ERRORS, SystemExit)))

    def output(self, y: Any, x: NDArray[Any]) -> Output | Shaped:
        """Return what the function returned at x as numbers.

        Raises
        ------
        TypeError
            If it is not of the kind that a model returns.
        """
        complex_allowed = x.dtype.kind == "c"
        if self.vectorized:
            rows = self.batch or 1, x.size
            return as_outputs(y, rows, complex_allowed=complex_allowed)[0]
        if not self.has_aux:
            return as_output(y, complex_allowed=complex_allowed)
        if not (isinstance(y, tuple) and len(y) == 2):
            raise TypeError(
                f"with has_aux=True `function` must return a pair (output, aux), got "
                f"{type(y).__name__}"
            )
        flat, tree = flatten(y[0], "function", output_numbers, split=not complex_allowed)
        return Shaped(flat, tree, y[1])


def is_nested(output: object) -> bool:
    """Whether an output is a dict, a tuple … rather than one block of numbers."""
    return isinstance(output, Shaped) and isinstance(output.tree, Branch)


class Backend(Protocol):
    """A way to call the model at many points: yields replies in any order, as they come.

    A backend that makes several calls at a time has an attribute ``workers``, their number. One
    whose workers are not kept has a method ``close``. It looks for further points whenever it has
    room, even after ``points`` was exhausted: replies may lead to new points (see
    `streaming.Feed`).
    """

    def __call__(
        self, model: Model, points: Iterable[Job], seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        """Yield (key, reply) for each point, and note in ``seconds`` what each call took."""
        ...


def workers_of(backend: Backend) -> int:
    """Return how many calls a backend runs at a time; 0 where each waits for the one before."""
    return int(getattr(backend, "workers", 0))


def close(backend: Backend) -> None:
    """End the workers of a backend that does not keep them for the next call."""
    end = getattr(backend, "close", None)
    if end is not None:
        end()


def as_output(y: Any, *, complex_allowed: bool = False) -> Output | Shaped:
    """Return a model's output as a float, a fresh array of floats, or flat with its structure.

    Raises
    ------
    TypeError
        If it holds anything but numbers, or numpy cannot make an array of it.
    """
    if type(y) is np.ndarray and y.dtype.kind == "f":  # the usual case, without the questions below
        return float(y) if y.ndim == 0 else np.array(y, dtype=float)
    flat, tree = flatten(y, "function", output_numbers, split=not complex_allowed)
    if (
        isinstance(tree, Branch)
        or tree.kind != "array"
        or (tree.is_complex and not complex_allowed)
    ):
        return Shaped(flat, tree)
    output: Output = flat.reshape(tree.shape)
    return output if tree.shape else flat.item()


def as_outputs(
    y: Any, shape: tuple[int, ...], *, complex_allowed: bool = False
) -> Sequence[Output | Shaped]:
    """Return what a vectorised model returned for points of a shape (n, p): numbers, or rows.

    Raises
    ------
    TypeError
        If it is not numbers, or not for n points.
    """
    n, p = shape
    if type(y) is np.ndarray and y.dtype.kind == "f" and y.shape == (n,):  # the usual case
        found: list[Output] = y.astype(float).tolist()
        return found
    try:
        flat, tree = flatten(y, "function", output_numbers, lead=(n,), split=not complex_allowed)
    except ValueError as error:
        what = "leaves of n rows each" if isinstance(y, (dict, tuple)) else f"({n},) or ({n}, m)"
        raise TypeError(
            f"a vectorized `function` must map ({n}, {p}) to {what}, got {error.args[0]}"
        ) from error
    if (
        isinstance(tree, Branch)
        or tree.kind != "array"
        or (tree.is_complex and not complex_allowed)
    ):
        return [Shaped(row, tree) for row in flat]
    if not tree.shape:
        numbers: Sequence[Output] = flat[:, 0].tolist()
        return numbers
    return list(flat.reshape(n, *tree.shape))
