"""How a gradient check measures: all derivatives one by one, or many along random directions.

Directions are cheap for many parameters, and one by one come only those that they leave open.
What looks wrong is measured again with other steps before it is said.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.assembly import Tensor
from derivkit.calculus.directional import Directional
from derivkit.calculus.driver import run_together
from derivkit.calculus.problem import Problem
from derivkit.check.comparison import TELLING, Comparison, Verdict, compare
from derivkit.engine.memo import Memo
from derivkit.engine.points import AT_X0
from derivkit.errors import UnresolvedWarning
from derivkit.methods.autodiff.protocol import WholeMethod

__all__ = ["FEW_PARAMETERS", "Reference", "along_directions", "one_by_one"]

EPS = float(np.finfo(float).eps)
FEW_PARAMETERS = 20  # up to here every derivative is measured on its own
DIRECTIONS = 3  # random directions: one fault shows in each, two rarely cancel in all
SETTLED = 1e-6  # of a derivative: what directions must resolve to settle it
MOST_ENTRIES = 50  # at most this number of parameters is measured one by one
SECOND_LOOK = 0.73  # no power of two: steps are; so other samples, and another noise
NEGLIGIBLE = 1e-9  # of what f was seen to change by: below, a zero is as good
ALIKE = 1e-11  # of the same, or of all terms along a direction: rounding that no bar need show


@dataclass(frozen=True)
class Reference:
    """How the derivatives are measured.

    Attributes
    ----------
    problem : Problem
    tensor : Tensor
        The claim is about.
    what : str
        Its name.
    method : method value
    n_workers : int or None
    calls : list of int
        Model calls of each measurement so far.
    stretch : float
        Factor on all steps that the method asks for.
    memo : Memo
    """

    problem: Problem
    tensor: Tensor
    what: str
    method: Any
    n_workers: int | None
    calls: list[int] = field(default_factory=list)
    stretch: float = 1.0
    memo: Memo = field(default_factory=Memo)

    def whole(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Measure the whole tensor: values and errors."""
        return self._of([self.tensor])[0]

    def along(self, vectors: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Measure derivatives along vectors, in common rounds: values and errors (*out, n)."""
        found = self._of([Directional(v, self.tensor.order) for v in vectors])
        values, errors = zip(*found, strict=True)
        return np.stack(values, axis=-1), np.stack(errors, axis=-1)

    def _of(self, tensors: Sequence[Tensor]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnresolvedWarning)  # the verdict says it
            results = run_together(
                self.problem, self.memo, tensors, self.method, n_workers=self.n_workers
            )
        self.calls.append(results[0].nfev)
        unit = self.stretch**self.tensor.order
        return [(r.value / unit, r.error / unit) for r in results]

    def elsewhere(self) -> Reference:
        """Return the same with all steps stretched: no sample but x0 is met again."""
        problem = self.problem
        if isinstance(self.method, WholeMethod):
            return self  # it has no steps
        stretched = replace(
            problem,
            model=replace(problem.model, function=_Stretched(problem, SECOND_LOOK)),
            lower=problem.x0 + (problem.lower - problem.x0) / SECOND_LOOK,
            upper=problem.x0 + (problem.upper - problem.x0) / SECOND_LOOK,
        )
        return replace(self, problem=stretched, stretch=SECOND_LOOK, memo=Memo())


class _Stretched:
    """A model whose distances from x0 are multiplied by a factor."""

    def __init__(self, problem: Problem, factor: float) -> None:
        self.problem, self.factor = problem, factor

    def __call__(self, x: Any) -> Any:
        problem = self.problem
        moved = problem.x0 + self.factor * (x - problem.x0)
        if moved.dtype.kind == "f":
            moved = np.clip(moved, problem.lower, problem.upper)
        return problem.model.function(moved)


def one_by_one(
    reference: Reference, claimed: NDArray[Any], rounding: NDArray[Any]
) -> tuple[Comparison, Comparison]:
    """Measure the whole tensor, and again where it disagrees."""

    def compared(look: Reference) -> Comparison:
        value, error = look.whole()
        _same_shape(reference.what, claimed, value)
        negligible, alike = _negligible(look, value)
        return compare(
            claimed,
            value,
            error + rounding,
            comparisons=claimed.size,
            negligible=negligible,
            alike=alike,
        )

    return _looked_at_twice(reference, compared), _none_of(claimed)


def along_directions(
    reference: Reference, claimed: NDArray[Any], rounding: NDArray[Any], seed: int
) -> tuple[Comparison, Comparison]:
    """Compare along random directions; then on their own those that these leave open."""
    vectors = _random_directions(reference.problem, seed)
    directions = _compared_along(reference, claimed, rounding, vectors, DIRECTIONS)
    entries = _settled(reference, claimed, directions, vectors)
    if reference.what == "hessian":
        return _against_transpose(entries, rounding), directions
    chosen = _open_parameters(reference, directions, entries, vectors, rounding)
    if not chosen.size:
        return entries, directions
    units = [np.eye(1, reference.problem.p, i)[0] for i in chosen.tolist()]
    own = _compared_along(reference, claimed, rounding, units, claimed.size)
    if directions.where(Verdict.DISAGREES).any():  # with these put right, what of the others?
        right = claimed.copy()
        right[..., chosen] = own.reference
        again = _compared_along(reference, right, rounding, vectors, DIRECTIONS)
        entries = _settled(reference, claimed, again, vectors)
    return _inserted(entries, own, chosen), directions


def _random_directions(problem: Problem, seed: int) -> list[NDArray[np.float64]]:
    """Return vectors (p,) that move every parameter by half to all of its scale, either way."""
    random = np.random.default_rng(seed)
    shape = (DIRECTIONS, problem.p)
    moves = random.uniform(0.5, 1.0, shape) * random.choice([-1.0, 1.0], shape)
    return list(moves * problem.scale)


def _compared_along(
    reference: Reference,
    claimed: NDArray[Any],
    rounding: NDArray[Any],
    vectors: Sequence[NDArray[Any]],
    comparisons: int,
) -> Comparison:
    order = reference.tensor.order
    expected = _contracted(claimed, vectors, order)
    with np.errstate(invalid="ignore"):
        own = _contracted(rounding, [np.abs(v) for v in vectors], order)
        sums = _contracted(np.abs(claimed), [np.abs(v) for v in vectors], order)

    def compared(look: Reference) -> Comparison:
        value, error = look.along(vectors)
        _same_shape(reference.what, expected, value)
        error = error + own + EPS * sums
        return compare(expected, value, error, comparisons=comparisons, alike=ALIKE * sums)

    return _looked_at_twice(reference, compared)


def _contracted(tensor: NDArray[Any], vectors: Sequence[NDArray[Any]], order: int) -> NDArray[Any]:
    """Return the tensor along each vector: (*out, n)."""
    along = []
    for v in vectors:
        part = tensor
        for _ in range(order):
            part = part @ v
        along.append(part)
    return np.stack(along, axis=-1)


def _settled(
    reference: Reference,
    claimed: NDArray[Any],
    directions: Comparison,
    vectors: Sequence[NDArray[Any]],
) -> Comparison:
    """Return what the directions say of each entry: they agree, and resolve it, or nothing."""
    error = np.full(claimed.shape, np.inf)
    if not directions.where(Verdict.DISAGREES).any():
        error = _least_fault(directions, vectors, reference.tensor.order)
    scale = reference.problem.scale
    unit = scale if reference.tensor.order == 1 else np.multiply.outer(scale, scale)
    small = error * unit <= SETTLED * np.max(np.abs(claimed) * unit)
    verdict = np.full(claimed.shape, Verdict.UNKNOWN, dtype=object)
    verdict[(error <= TELLING * np.abs(claimed)) | small] = Verdict.AGREES
    unmeasured = np.full(claimed.shape, np.nan)
    return Comparison(claimed, unmeasured, error, directions.allowed, verdict)


def _least_fault(
    directions: Comparison, vectors: Sequence[NDArray[Any]], order: int
) -> NDArray[np.float64]:
    """Return the smallest fault in each entry that would have shown in some direction."""
    bars = directions.allowed * directions.error
    best = np.full((*bars.shape[:-1], *(vectors[0].size,) * order), np.inf)
    for k, v in enumerate(vectors):
        weight = np.abs(v) if order == 1 else np.abs(np.outer(v, v))
        best = np.minimum(best, np.multiply.outer(bars[..., k], 1.0 / weight))
    return best


def _open_parameters(
    reference: Reference,
    directions: Comparison,
    entries: Comparison,
    vectors: Sequence[NDArray[Any]],
    rounding: NDArray[Any],
) -> NDArray[np.int64]:
    """Return the parameters to be measured on their own, the most suspect first."""
    if directions.where(Verdict.DISAGREES).any():
        return _suspects(reference, entries.claimed, rounding, vectors[0])
    claimed = np.abs(entries.claimed).reshape(-1, reference.problem.p)
    error = entries.error.reshape(claimed.shape)
    share = np.divide(error, claimed, out=np.full(claimed.shape, np.inf), where=claimed > 0)
    worst = share.max(axis=0)
    order = np.argsort(-worst, kind="stable")[:MOST_ENTRIES]
    return np.asarray(order[worst[order] > SETTLED])


def _suspects(
    reference: Reference, claimed: NDArray[Any], rounding: NDArray[Any], v: NDArray[Any]
) -> NDArray[np.int64]:
    """Halve the set of parameters, and again each half that disagrees, down to single ones."""
    found: list[int] = []
    groups = [np.arange(v.size)]
    while groups and len(found) < MOST_ENTRIES:
        halves = [half for group in groups for half in np.array_split(group, 2) if half.size]
        vectors = [np.where(np.isin(np.arange(v.size), half), v, 0.0) for half in halves]
        compared = _compared_along(reference, claimed, rounding, vectors, len(vectors))
        wrong = compared.where(Verdict.DISAGREES).reshape(-1, len(halves))
        suspicious = [half for k, half in enumerate(halves) if wrong[:, k].any()]
        found += [int(half[0]) for half in suspicious if half.size == 1]
        groups = [half for half in suspicious if half.size > 1][:MOST_ENTRIES]
    return np.array(sorted(set(found))[:MOST_ENTRIES], dtype=int)


def _inserted(entries: Comparison, own: Comparison, where: NDArray[np.int64]) -> Comparison:
    """Return the entries with those that have been measured on their own in place."""
    reference, error, verdict = (
        each.copy() for each in (entries.reference, entries.error, entries.verdict)
    )
    reference[..., where], error[..., where] = own.reference, own.error
    verdict[..., where] = own.verdict
    return Comparison(entries.claimed, reference, error, own.allowed, verdict)


def _against_transpose(entries: Comparison, rounding: NDArray[Any]) -> Comparison:
    """Let entries disagree that differ from their transposed ones: no direction can see those."""
    other = np.swapaxes(entries.claimed, -1, -2)
    error = rounding + np.swapaxes(rounding, -1, -2)
    apart = np.abs(entries.claimed - other) > entries.allowed * error
    verdict = entries.verdict.copy()
    verdict[apart] = Verdict.DISAGREES
    return replace(
        entries,
        reference=np.where(apart, other, entries.reference),
        error=np.where(apart, error, entries.error),
        verdict=verdict,
    )


def _looked_at_twice(
    reference: Reference, compared: Callable[[Reference], Comparison]
) -> Comparison:
    """Compare; where that disagrees, again elsewhere: only what disagrees twice does."""
    first = compared(reference)
    if not first.where(Verdict.DISAGREES).any():
        return first
    second = compared(reference.elsewhere())
    both = first.where(Verdict.DISAGREES) & second.where(Verdict.DISAGREES)
    doubtful = first.where(Verdict.DISAGREES) & ~both
    between = np.abs(first.reference - second.reference)
    error = np.where(doubtful, np.fmax(np.fmax(first.error, second.error), between), first.error)
    again = first.judged_with(error)
    verdict = np.where(doubtful, again.verdict, first.verdict)
    return replace(first, error=error, verdict=verdict)


def _negligible(
    reference: Reference, measured: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return for each entry what is negligible for a bar, and for a difference.

    A difference is, where it is nothing beside what f was seen to change by along the parameter,
    over the distance of the samples. A bar is, too, beside what any parameter changes, over the
    length on which this one could matter: given, or no less than abs(x0) and 1, since a nearly zero
    x0 says nothing of lengths.
    """
    problem, order = reference.problem, reference.tensor.order
    shown = list(range(problem.p) if problem.shown is None else problem.shown)
    reach, changes = (each[..., shown] for each in _seen(reference))
    scale, given, x0 = problem.scale[shown], problem.scale_given[shown], problem.x0[shown]
    if not reach.any():  # the method differentiates the function itself
        reach = scale
        slopes = np.abs(measured).reshape(-1, *(len(shown),) * order)
        changes = np.nan_to_num(slopes if order == 1 else np.diagonal(slopes, 0, 1, 2) * reach)
        changes = changes * reach
    largest = np.max(changes, axis=1, keepdims=True)
    lengths = np.where(given, scale, np.maximum(reach, np.maximum(np.abs(x0), 1.0)))
    with np.errstate(over="ignore", divide="ignore"):  # a scale of no size: anything is negligible
        own = np.divide(changes, reach**order, out=np.zeros(changes.shape), where=reach > 0)
        any_ = largest / lengths**order
    if order == 2:  # in each plane the geometric mean of the two
        own, any_ = (np.sqrt(each[:, :, None] * each[:, None, :]) for each in (own, any_))
    every = (len(own), *measured.shape[-order:])
    bars = np.broadcast_to(NEGLIGIBLE * np.maximum(own, any_), every).reshape(measured.shape)
    return bars, np.broadcast_to(ALIKE * own, every).reshape(measured.shape)


def _seen(reference: Reference) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far f was followed along each parameter (p,), and its changes there (q, p)."""
    problem, memo = reference.problem, reference.memo
    start = np.ravel(memo.get(AT_X0, 0.0))
    reach, changes = np.zeros(problem.p), np.zeros((start.size, problem.p))
    for key, output in memo.items():
        if isinstance(key, tuple) and len(key) == 2 and not isinstance(key[1], complex):
            i, coordinate = int(key[0].real), key[1]
            reach[i] = max(reach[i], reference.stretch * abs(coordinate - problem.x0[i]))
            change = np.abs(np.ravel(output) - start)
            if change.size == start.size:
                changes[:, i] = np.fmax(changes[:, i], change)
    return reach, changes


def _same_shape(what: str, claimed: NDArray[Any], measured: NDArray[Any]) -> None:
    if claimed.shape != measured.shape:
        raise ValueError(
            f"`{what}` must have the shape {measured.shape} that the function gives, "
            f"got {claimed.shape}"
        )


def _none_of(claimed: NDArray[Any]) -> Comparison:
    empty = np.zeros((*claimed.shape[:-1], 0))
    return Comparison(empty, empty, empty, np.inf, empty.astype(object))
