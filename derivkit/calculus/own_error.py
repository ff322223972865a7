"""A model's own smooth error, which its samples cannot show: stated, or seen in a second model.

A line's derivative is a weighted sum of its final samples. The same weights on another model's
values at the same places give that model's derivative, and what a stated accuracy of the outputs
may do to this one. The weights are those of a polynomial fit to the samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.assembly import TensorParts
from derivkit.calculus.axis_knowledge import Log
from derivkit.engine.evaluation import Evaluation
from derivkit.engine.names import in_order
from derivkit.engine.trees import Leaf, Tree, conformed
from derivkit.methods.fit.orthogonal import polynomials
from derivkit.methods.protocol import Estimate
from derivkit.status import Status
from derivkit.validation import real_numbers

__all__ = ["Samples", "final_samples", "gaps", "one_an_output", "stated_error", "with_own_error"]

Floats = NDArray[np.float64]

GAP_SAFETY = 1.5  # the other model is not exact either: right where its error is a third of ours

ON_THE_EDGE = 1e-9  # of a step: a sample this far beyond is the outermost one, rounded


@dataclass(frozen=True, slots=True)
class Samples:
    """The final samples of a line: its derivative is ``sum(weights * values.T, axis=1)``.

    Attributes
    ----------
    places : ndarray (m,)
    values : ndarray (m, q)
    weights : ndarray (q, m)
        0 outside an output's own samples; nan where those are too few.
    """

    places: Floats
    values: Floats
    weights: Floats


def final_samples(log: Log, estimate: Estimate, order: int) -> Samples | None:
    """Return the samples behind an estimate; None where it makes no claim, or none is needed.

    Raises
    ------
    TypeError
        If the samples are complex.
    """
    if not (log and order and np.isfinite(estimate.error).any()):
        return None
    t = np.concatenate([points for points, _ in log])
    if t.dtype.kind == "c":
        raise TypeError("`compare` and `accuracy` need samples at real places: use method='auto'")
    t, first = np.unique(t, return_index=True)
    values = np.concatenate([v for _, v in log if v.size])[first]
    known = np.isfinite(values)
    steps = np.broadcast_to(estimate.step, known.shape[1]) * (1.0 + ON_THE_EDGE)
    inside = known & ((np.abs(t)[:, None] <= steps) | np.isnan(steps))
    inside = np.where(inside.sum(axis=0) > order, inside, known)
    weights = np.zeros((known.shape[1], t.size))
    kinds, which = np.unique(inside.T, axis=0, return_inverse=True)  # outputs of the same samples
    for k, kind in enumerate(kinds):
        outputs = np.flatnonzero(which.ravel() == k)
        found = _weights(
            t[kind],
            values[np.ix_(kind, outputs)],
            estimate.value[outputs],
            np.broadcast_to(estimate.error, known.shape[1])[outputs],
            order,
        )
        weights[np.ix_(outputs, np.flatnonzero(kind))] = found
    used = (weights != 0).any(axis=0)
    return Samples(t[used], values[used], weights[:, used])


def _weights(t: Floats, values: Floats, wanted: Floats, error: Floats, order: int) -> Floats:
    """Return the weights (q, m) of the lowest fit within the error, else of the nearest one."""
    unit = float(np.max(np.abs(t), initial=0.0))
    if t.size <= order or unit == 0:
        return np.full((values.shape[1], t.size), np.nan)
    p = polynomials(tuple((t / unit).tolist()), order)
    every = np.cumsum(p.derivatives[order][:, None] * p.rows, axis=0)[order:] / unit**order
    off = np.abs(every @ values - wanted)
    nearest = np.where((off <= error).any(axis=0), np.argmax(off <= error, axis=0), off.argmin(0))
    return np.asarray(every[nearest])


def one_an_output(accuracy: Any, tree: Tree | None, shape: tuple[int, ...]) -> Floats:
    """Return the stated accuracy of each output (q,): one for all, in order, or by name."""
    if isinstance(accuracy, Mapping):
        names = (tree or Leaf(shape)).names()
        named = in_order("accuracy", accuracy, names, 0.0, what="outputs")
        accuracy = real_numbers("accuracy", named)
    try:
        return np.broadcast_to(accuracy, shape).ravel()
    except ValueError:
        raise ValueError(
            f"`accuracy` must be one number, or one an output {shape}, got shape {accuracy.shape}"
        ) from None


def stated_error(samples: Samples | None, accuracy: Floats) -> Floats:
    """Return what a relative accuracy (q,) of independent outputs does to the derivative."""
    if samples is None:
        return np.zeros(accuracy.size)
    moved = np.where(samples.weights == 0, 0.0, samples.weights * samples.values.T)
    return np.asarray(accuracy * np.linalg.norm(moved, axis=1))


def gaps(
    evaluation: Evaluation,
    samples: Sequence[Samples | None],
    shape: tuple[int, ...],
    outputs: Tree | None,
    budget: int | None,
) -> list[Floats]:
    """Return the derivatives of another model less these, a line each.

    inf where the calls it takes were not granted; nan where it is undefined.

    Raises
    ------
    TypeError
        If the other model's outputs have another shape.
    """
    left = np.inf if budget is None else budget - evaluation.cost_of_x0
    asked = {}
    for k, each in enumerate(samples):
        cost = 0 if each is None else evaluation.cost(k, each.places)
        if each is not None and cost <= left:
            asked[k], left = each.places, left - cost
    told = evaluation.ask(asked) if asked else {}
    if told and evaluation.shape != shape:
        raise TypeError(
            f"`compare` must return what `function` does, of shape {shape}, got shape "
            f"{evaluation.shape}"
        )
    order = _order(evaluation.tree, outputs) if told else slice(None)
    unknown = np.full(int(np.prod(shape)), np.inf)
    return [
        _gap(each, told[k][:, order]) if each is not None and k in told else unknown
        for k, each in enumerate(samples)
    ]


def _order(own: Tree | None, wanted: Tree | None) -> NDArray[np.int_] | slice:
    """Return where the model's outputs stand among the other's: a dict's go by their names."""
    if own is None or wanted is None:
        return slice(None)
    order = conformed(np.arange(own.size), own, wanted)
    if order is None or own.size != wanted.size:
        raise TypeError(
            f"`compare` must return what `function` does, {', '.join(wanted.names())}, got "
            f"{', '.join(own.names())}"
        )
    return order


def _gap(samples: Samples, other: Floats) -> Floats:
    w = samples.weights.T
    return np.asarray(np.where(w == 0, 0.0, w * (other - samples.values)).sum(axis=0))


def with_own_error(parts: TensorParts) -> TensorParts:
    """Add the model's own error to the errors; where it is unknown, claim nothing."""
    if parts.gap is None and parts.stated is None:
        return parts
    own = np.zeros(parts.error.shape)
    own += 0.0 if parts.stated is None else parts.stated
    own += 0.0 if parts.gap is None else GAP_SAFETY * np.abs(parts.gap)
    resolved = np.isfinite(parts.error)
    status = parts.status.copy()
    status[resolved & (own > parts.error)] = Status.MODEL_LIMITED
    status[resolved & np.isinf(own)] = Status.BUDGET_SPENT
    status[resolved & np.isnan(own)] = Status.UNDEFINED
    own = np.where(resolved, np.where(np.isnan(own), np.inf, own), 0.0)
    bound = parts.finite_bound + own
    return replace(parts, error=parts.error + own, finite_bound=bound, status=status)
