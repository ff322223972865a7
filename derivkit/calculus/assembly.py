"""What a tensor is made of on its way to a result: stages of lines, their results, its parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.problem import Problem
from derivkit.engine.model import Output, is_nested
from derivkit.engine.points import Ray
from derivkit.engine.trees import Leaf, Tree
from derivkit.methods.protocol import Estimate, Line, Method, Points, Solver, likely, solvers
from derivkit.status import Status

__all__ = [
    "ERRORS",
    "SUMS",
    "Stage",
    "StageResults",
    "Stages",
    "Tensor",
    "TensorParts",
    "followed",
    "only_x0",
    "stacked",
    "sum_of",
    "with_complex",
    "wrong_output",
]


def _nothing_likely(_: int) -> Points:
    return np.empty(0)


@dataclass(frozen=True, slots=True)
class Stage:
    """Lines that are evaluated in common rounds: a ray and a running solver for each.

    Attributes
    ----------
    rays : sequence of Ray
    solvers : list of Solver
    likely : callable
        Takes the number of a line, returns places that it may ask for after its first request.
    starts_may_be_undefined : bool
        Whether the lines begin at points of their own, of which some may be outside the domain.
    order : int, or one a line
        Of the derivatives along the lines.
    """

    rays: Sequence[Ray]
    solvers: list[Solver]
    likely: Callable[[int], Points] = _nothing_likely
    starts_may_be_undefined: bool = False
    order: int | Sequence[int] = 1


@dataclass(frozen=True, slots=True)
class StageResults:
    """The estimates of one stage and what they cost.

    Attributes
    ----------
    estimates : list of Estimate
        One a line.
    shape : tuple of int
        The model's output shape.
    nfev_of : list of int
        Model calls of each line, x0 apart.
    undefined_of : list of int
        How many of them were undefined.
    gap : sequence of ndarray (q,), optional
        One a line: the derivative of another model less that of this one.
    stated : sequence of ndarray (q,), optional
        One a line: what the accuracy that the user states may do to the derivative.
    """

    estimates: list[Estimate]
    shape: tuple[int, ...]
    nfev_of: list[int]
    undefined_of: list[int]
    gap: Sequence[NDArray[np.float64]] = ()
    stated: Sequence[NDArray[np.float64]] = ()

    def of(self, lines: Iterable[int]) -> StageResults:
        """Return those of some lines, in this order."""
        which = list(lines)
        return StageResults(
            [self.estimates[k] for k in which],
            self.shape,
            [self.nfev_of[k] for k in which],
            [self.undefined_of[k] for k in which],
            [self.gap[k] for k in which] if self.gap else (),
            [self.stated[k] for k in which] if self.stated else (),
        )

    def joined(self, more: StageResults) -> StageResults:
        """Return these and those of further lines."""
        return StageResults(
            self.estimates + more.estimates,
            self.shape,
            self.nfev_of + more.nfev_of,
            self.undefined_of + more.undefined_of,
            [*self.gap, *more.gap],
            [*self.stated, *more.stated],
        )


@dataclass(frozen=True, slots=True)
class TensorParts:
    """A tensor's arrays; ``P`` stands for its parameter axes, the last ones of each array.

    Attributes
    ----------
    value, error, status, step, noise : ndarray (*out, *P)
    noise_error : ndarray (*out, *P)
        The part of the error that is noise; nan where the method does not tell.
    finite_bound : ndarray (*out, *P)
        The error where that is finite; where it is inf, a finite bound if the method has one.
    nfev, undefined, reach : ndarray P
        Calls of the line that belongs to each entry, undefined ones, and the largest t.
    gap, stated : ndarray (*out, *P) or None
        Another model's derivative less the value; the part of the error that a stated accuracy is.
    extra : dict
        Further fields of the result.
    """

    value: NDArray[np.float64]
    error: NDArray[np.float64]
    status: NDArray[Any]
    step: NDArray[np.float64]
    noise: NDArray[np.float64]
    noise_error: NDArray[np.float64]
    finite_bound: NDArray[np.float64]
    nfev: NDArray[np.int64]
    undefined: NDArray[np.int64]
    reach: NDArray[np.float64]
    gap: NDArray[np.float64] | None = None
    stated: NDArray[np.float64] | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def take(self, entries: Any, outputs: Any = None, **extra: Any) -> TensorParts:
        """Return the entries that an index of the last axis picks: ``array[..., entries]``.

        A tuple is an index of several parameter axes. With ``outputs`` (n,), each of n entries is
        of one output. Keywords are further fields of the result.
        """
        index = entries if isinstance(entries, tuple) else (entries,)
        of_entry = (..., *index) if outputs is None else (outputs, *index)
        taken = {
            name: array[of_entry if name in _OF_ENTRY else (..., *index)]
            for name, array in self._arrays()
        }
        return TensorParts(**taken, extra=self.extra | extra)

    def spread(self, where: Sequence[int], n: int) -> TensorParts:
        """Return parts over n parameters: these at the given places, and fixed ones elsewhere."""
        axes = self.nfev.ndim
        entries: tuple[Any, ...] = (..., *np.ix_(*[np.array(where, dtype=int)] * axes))
        spread: dict[str, Any] = {}
        for name, array in self._arrays():
            out = array.shape[: array.ndim - axes]
            whole = np.full((*out, *[n] * axes), _OF_FIXED.get(name, np.nan), dtype=array.dtype)
            whole[entries] = array
            spread[name] = whole
        return replace(self, **spread)

    def joined(self, more: TensorParts) -> TensorParts:
        """Return these entries and more of them, along the last axis."""
        return self._each(lambda array, other: np.concatenate([array, other], axis=-1), more)

    def insert(self, place: int, entry: TensorParts) -> TensorParts:
        """Return these entries with one more (*out) at a place of the last axis."""
        return self._each(lambda array, one: np.insert(array, place, one, axis=-1), entry)

    def where(self, better: NDArray[np.bool_], other: TensorParts) -> TensorParts:
        """Return the other's entries where it is better, (*out, *P), and the calls of both."""
        chosen: dict[str, Any] = {
            name: np.where(better, getattr(other, name), array)
            for name, array in self._arrays()
            if name in _OF_ENTRY
        }
        return replace(
            self,
            **chosen,
            nfev=self.nfev + other.nfev,
            undefined=self.undefined + other.undefined,
            reach=np.fmax(self.reach, other.reach),
        )

    def scaled(self, factor: NDArray[np.float64] | float) -> TensorParts:
        """Return the derivatives and their errors in units that are ``factor`` times smaller."""
        size = np.abs(factor)
        with np.errstate(over="ignore", invalid="ignore"):  # what is no float is not known
            changed: dict[str, Any] = {
                name: array * (size if name in ERRORS else factor)
                for name, array in self._arrays()
                if name in SUMS
            }
            # what is too small for a float here or there is known to the smallest float, not to 0
            measured = (self.error > 0) | (self.status == Status.CONVERGED)
            least = np.where(measured, SMALLEST * np.maximum(size, 1.0), 0.0)
            changed["error"] = changed["error"] + least
        return replace(self, **changed)

    def _arrays(self) -> list[tuple[str, NDArray[Any]]]:
        """Return the arrays that are there, by name."""
        known = [(name, getattr(self, name)) for name in _ARRAYS]
        return [(name, array) for name, array in known if array is not None]

    def _each(self, change: Callable[..., NDArray[Any]], other: TensorParts) -> TensorParts:
        changed: dict[str, Any] = {
            name: change(array, getattr(other, name)) for name, array in self._arrays()
        }
        return replace(self, **changed)


SMALLEST = float(np.nextafter(0.0, 1.0))

ERRORS = ("error", "noise_error", "finite_bound", "stated")
"""Fields that add up with the absolute weights where a derivative is a sum of others."""

SUMS = ("value", "gap", *ERRORS)
"""Fields that add up; those that are no errors with the weights themselves."""

_ARRAYS = tuple(f.name for f in fields(TensorParts) if f.name != "extra")
_OF_FIXED: dict[str, Any] = {
    "error": np.inf,
    "finite_bound": np.inf,
    "status": Status.FIXED,
    "nfev": 0,
    "undefined": 0,
    "reach": 0.0,
}
_OF_ENTRY = tuple(name for name in _ARRAYS if name not in {"nfev", "undefined", "reach"})

_OF_ESTIMATE = ("value", "error", "step", "noise", "noise_error", "finite_bound")
"""Numbers of an `Estimate` that a tensor has for each entry."""


Stages: TypeAlias = Generator[Stage, StageResults, TensorParts]
"""A tensor at work: yields stages, is sent their results, returns its parts."""


class Tensor(Protocol):
    """What a tensor needs of the model, and how it is put together. A frozen value.

    It may also have

    - ``from_whole(whole)``: its own entries out of all derivatives (*out, p, …, p) of its order,
      as automatic differentiation gives them; without it, it is all of them;
    - ``build(**fields)``: what makes a result of the fields of a `DerivativeResult`;
    - ``pattern``: which entries a sparse one has.
    """

    @property
    def order(self) -> int:
        """How often the model is differentiated."""
        ...

    def check_output(self, output: Output) -> None:
        """Raise a TypeError if the model's output is not of the kind this tensor is for."""
        ...

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Yield the lines needed, stage by stage; return the assembled parts.

        ``budget`` is how many model calls, x0 apart, may be expected; the driver enforces it.
        """
        ...


def wrong_output(wanted: str, output: Output, instead: str = "") -> TypeError:
    """Return the error for an output that a tensor is not for, and what to do instead."""
    got = f"an array of shape {np.shape(output)}" if np.ndim(output) else "a scalar"
    got = "several" if is_nested(output) else got
    return TypeError(f"`function` must return {wanted}, got {got}{instead}")


def followed(rays: Sequence[Ray], lines: Sequence[Line], method: Method, order: int) -> Stage:
    """Return the stage in which a method follows lines."""
    return Stage(
        rays,
        solvers(method, lines, order),
        lambda k: likely(method, lines[k], order),
        order=order,
    )


def stacked(results: StageResults) -> TensorParts:
    """Put one estimate a line side by side: arrays (*out, lines)."""
    estimates, whole = results.estimates, (*results.shape, len(results.estimates))
    found: dict[str, Any] = {
        name: _spread([getattr(e, name) for e in estimates], whole) for name in _OF_ESTIMATE
    }
    error, bound = found["error"], found["finite_bound"]
    found["finite_bound"] = np.where(np.isfinite(error) | np.isnan(bound), error, bound)
    return TensorParts(
        **found,
        status=_statuses(estimates, whole),
        nfev=np.array(results.nfev_of),
        undefined=np.array(results.undefined_of),
        reach=np.array([e.reach for e in estimates]),
        gap=_spread(results.gap, whole) if results.gap else None,
        stated=_spread(results.stated, whole) if results.stated else None,
    )


def sum_of(parts: Sequence[TensorParts]) -> TensorParts:
    """Return a sum of derivatives; errors add up, and step, status and cost are the first one's."""
    sums = {
        name: sum(getattr(each, name) for each in parts)
        for name in SUMS
        if getattr(parts[0], name) is not None
    }
    return replace(parts[0], **sums)


def _statuses(estimates: Sequence[Estimate], whole: tuple[int, ...]) -> NDArray[Any]:
    found = [e.status for e in estimates]
    table = np.empty((math.prod(whole[:-1]), len(found)), dtype=object)
    if all(type(status) is Status for status in found):
        table[:] = found
    else:
        for line, estimate in enumerate(estimates):
            table[:, line] = estimate.status
    return table.reshape(whole)


def _spread(entries: Sequence[Any], whole: tuple[int, ...]) -> NDArray[np.float64]:
    """Return numbers, or arrays of q numbers, one a line, as an array (*out, lines)."""
    q = math.prod(whole[:-1])
    if all(type(entry) is float for entry in entries):
        one = np.array(entries)
        return one.reshape(whole) if q == 1 else np.broadcast_to(one, whole)
    rows = [e if type(e) is np.ndarray and e.size == q else np.full(q, e) for e in entries]
    return np.concatenate(rows, dtype=float).reshape(len(rows), q).T.reshape(whole)


def only_x0() -> Solver:
    """Ask for x0 alone: bounds leave no second point on the line, so the derivative is unknown."""
    values = yield np.zeros(1)
    q = values.shape[1]
    return Estimate(np.full(q, np.nan), np.full(q, np.inf), Status.UNDEFINED)


def with_complex(parts: TensorParts, tree: Tree) -> TensorParts:
    """Put real and imaginary parts, judged as outputs of their own, together again.

    The error is that of the modulus, and the status the worse of the two.
    """
    axes = parts.nfev.shape
    shape = tree.shape if isinstance(tree, Leaf) else (tree.count,)
    here = [name for name in _OF_ENTRY if getattr(parts, name) is not None]
    found: dict[str, list[Any]] = {name: [] for name in here}
    start = 0
    for _, leaf in tree.leaves():
        rows = [slice(start, start + leaf.count), slice(start + leaf.count, start + leaf.size)]
        start += leaf.size
        block = {n: [getattr(parts, n).reshape(-1, *axes)[r] for r in rows] for n in found}
        if leaf.is_complex:
            real_is_worse = block["error"][0] >= block["error"][1]
            for name, (real, imaginary) in block.items():
                if name in {"value", "gap"}:
                    joined = real + 1j * imaginary
                elif name == "status":
                    joined = np.where(real_is_worse, real, imaginary)
                else:
                    joined = (np.fmax if name == "step" else np.hypot)(real, imaginary)
                found[name].append(joined)
        else:
            for name, blocks in found.items():
                blocks.append(block[name][0])
    whole = {
        name: np.concatenate(blocks).reshape((*shape, *axes)) for name, blocks in found.items()
    }
    extra = {k: v for k, v in parts.extra.items() if not k.startswith("hessian_diag")}
    return replace(parts, **whole, extra=extra)
