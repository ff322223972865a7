"""From samples on a line to an estimate: what the methods that fit polynomials have in common.

A method asks for samples (`sampled`), yields a `FitQuestion` about them, is sent a `Fit`, and turns
it into an `Estimate` (`conclude`). The judging itself is done by `window.judge_scaled`, for many
lines in one go; added here is what the shape of the samples shows: grains, a kink at x0, noise that
would have to explain everything.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.fit.orthogonal import combined, polynomials
from derivkit.methods.fit.window import EPS, judge_scaled
from derivkit.methods.protocol import Estimate, Line
from derivkit.methods.weights import fornberg_weights, per_power
from derivkit.status import Status

__all__ = [
    "Fit",
    "FitQuestion",
    "Sampled",
    "at_own_places",
    "conclude",
    "grains",
    "granular",
    "nothing_defined",
    "sampled",
    "two_faced",
    "unexplained",
]

Array: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

UNEXPLAINED = 0.5
"""High coefficients above this part of the samples' spread: polynomials explain little of them."""

NOISE_SHARE = 1 / 3
"""Truncation is heard through noise, too: noise counts as the limit from this part of it."""

NOISY = 33.0
"""Noise below this many units of rounding of f is what any long computation has."""

SELECTION = 0.05
"""The degree with the least error is chosen partly by luck: each one compared adds this share."""

SUSPECT = 1e-6
"""A fit with an error above this part of the derivative is asked whether x0 is a kink."""

CONTRADICTION = 3.0
"""The two sides of x0 contradict each other if they differ by this many times their errors."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """Samples on a line.

    Attributes
    ----------
    t : ndarray (m,)
        The places, in any order.
    values : ndarray (m, q)
    defined : ndarray (q,) of bool
        Which outputs are defined at x0.
    """

    t: Array
    values: Array
    defined: Flags

    @property
    def complete(self) -> bool:
        """Whether every output is defined everywhere."""
        return not np.isnan(self.values).any()

    @property
    def undefined_places(self) -> Flags:
        """Places (m,) at which an output that is defined at x0 is not."""
        return np.asarray((np.isnan(self.values) & self.defined).any(axis=1))

    @property
    def reach(self) -> float:
        """The largest distance from x0."""
        return float(max(map(abs, self.t.tolist())))

    @property
    def seen(self) -> Array:
        """The values, 0 for outputs that are undefined at x0."""
        return self.values if self.defined.all() else np.where(self.defined, self.values, 0.0)

    @property
    def ascending(self) -> Array:
        """The same by ascending places."""
        return self.seen[np.argsort(self.t)]

    @property
    def constant(self) -> bool:
        """Whether no output that is defined ever changes."""
        seen = self.values[:, self.defined]
        return bool((seen == seen[:1]).all())

    @property
    def one_sided(self) -> bool:
        """Whether there is no sample on one side of x0."""
        return bool(self.t.min() >= 0.0 or self.t.max() <= 0.0)

    def where(self, kept: Flags) -> Sampled:
        """Return some of the samples."""
        return Sampled(self.t[kept], self.values[kept], self.defined)


def sampled(t: Array) -> Generator[Array, Array, Sampled]:
    """Ask for the samples at t, and at x0 first."""
    places = np.concatenate([[0.0], t[t != 0.0]])
    values = yield places
    return Sampled(places, values, ~np.isnan(values[0]))


class Fit(NamedTuple):
    """A derivative with the two parts of its error, and what that amounts to; all arrays (q,).

    Attributes
    ----------
    value
        The derivative.
    truncation, carried
        What the formula leaves out; what the samples' noise amounts to in the value.
    sigma, floor
        The noise of one sample, and a unit of rounding.
    error
        The sum of the parts, inf where the samples do not determine the derivative.
    noisy
        Whether noise limits the accuracy.
    """

    value: Array
    truncation: Array
    carried: Array
    sigma: Array
    floor: Array
    error: Array
    noisy: Flags

    @classmethod
    def of(
        cls,
        value: Array,
        truncation: Array,
        carried: Array,
        sigma: Array,
        floor: Array,
        unresolved: Flags,
    ) -> Fit:
        """Return the fit with its error, where it is believed."""
        error = np.where(unresolved | ~np.isfinite(value), np.inf, truncation + carried)
        noisy = (carried > NOISE_SHARE * truncation) & (sigma > NOISY * floor)
        return cls(value, truncation, carried, sigma, floor, error, noisy)

    @property
    def bar(self) -> Array:
        """The sum of the parts, whether or not the fit is believed."""
        return self.truncation + self.carried

    @np.errstate(invalid="ignore")  # inf less inf: beyond the range of floats
    def narrowed(self, other: Fit) -> Fit:
        """Return the same value within what it is off from another fit of the same derivative."""
        apart = np.abs(self.value - other.value)
        closer = apart + other.error < self.error
        truncation = np.where(closer, apart + other.truncation, self.truncation)
        carried = np.where(closer, other.carried, self.carried)
        sigma = np.where(closer, other.sigma, self.sigma)
        return Fit.of(self.value, truncation, carried, sigma, self.floor, np.isinf(self.error))

    def rounded(self, rounding: Array) -> Fit:
        """Return the same value with at least this error: what rounding alone may do to it."""
        carried = np.maximum(self.carried, rounding)
        unresolved = np.isinf(self.error)
        return Fit.of(self.value, self.truncation, carried, self.sigma, self.floor, unresolved)

    def by_line(self, outputs: int) -> list[Fit]:
        """Return the fits of single lines, each with this number of outputs."""
        starts = range(0, len(self.value), outputs)
        return [Fit._make(part[k : k + outputs] for part in self) for k in starts]


class FitQuestion(NamedTuple):
    """What derivative do polynomials through the samples give? Answered with a `Fit`.

    Attributes
    ----------
    samples : Sampled
        More of them than ``order``, all defined.
    order : int
    line : Line
    degree : int, optional
        Of the polynomial; by default, for each output, the one with the least error.
    ridge : float
        See `window.judge_scaled`; what it takes away from the derivative is part of the error.
    """

    samples: Sampled
    order: int
    line: Line
    degree: int | None = None
    ridge: float = 0.0

    @property
    def _unit(self) -> tuple[float, ...]:
        return tuple((np.sort(self.samples.t) / self.samples.reach).tolist())

    @property
    def kind(self) -> Hashable:
        """What questions have in common that are answered together."""
        outputs = len(self.samples.defined)
        return FitQuestion, self._unit, self.order, outputs, self.degree, self.ridge

    @np.errstate(all="ignore")  # beyond the range of floats an error is inf or nan: no claim
    def answered(self, alike: Sequence[FitQuestion]) -> list[Fit]:
        """Return the answers to questions of this kind."""
        unit, order, outputs = self._unit, self.order, len(self.samples.defined)
        values = np.concatenate([one.samples.ascending for one in alike], axis=1)
        radius = np.repeat([one.samples.reach for one in alike], outputs)
        origin = np.repeat([one.origin for one in alike], outputs)
        rounding = EPS * np.abs(values).max(axis=0)
        grain = np.maximum(grains(np.array(unit), values), rounding)
        eps = EPS * np.divide(grain, rounding, out=np.ones_like(grain), where=rounding > 0)
        own = partial(judge_scaled, degree=self.degree, ridge=self.ridge)
        v = own(unit, radius, values, order, origin, eps=eps)
        raised = 1.0 if self.degree else 1.0 + SELECTION * (len(unit) - order)
        damped = self.ridge * len(unit) ** 2 * np.abs(v.value)
        unresolved = unexplained(unit, values, order, rounding)
        unresolved |= two_faced(unit, radius, values, order, origin, v.value, v.error, rounding)
        truncation, carried = v.truncation_part * raised + damped, v.noise_part * raised
        return Fit.of(v.value, truncation, carried, v.sigma, rounding, unresolved).by_line(outputs)

    @property
    def origin(self) -> float:
        """Return the origin if x0 + t is rounded, else 0: then there is no rounding of x."""
        t = self.samples.t
        return 0.0 if (self.line.realised(t) == t).all() else self.line.origin


def granular(t: Array, values: Array) -> Flags:
    """Return which outputs (m, q) at places t, (m,) or (m, q), repeat a value on one side of x0.

    They move in grains. So does what has been printed and read, what came of a rounded input, and
    what is left when large numbers cancel. Values that repeat on two sides may be those of an even
    function.
    """
    repeats = np.zeros(values.shape[1], dtype=bool)
    for side in (t > 0, t < 0):
        here = values[side] if t.ndim == 1 else np.where(side, values, np.nan)
        ordered = np.sort(here, axis=0)
        repeats |= (ordered[1:] == ordered[:-1]).any(axis=0)
    return repeats


def grains(t: Array, values: Array) -> Array:
    """Return the grain (q,) in which outputs (m, q) move at places t; 0 for those that do not.

    The least change seen is the grain, and any sample may be off by one.
    """
    repeats = granular(t, values)
    found = np.zeros(values.shape[1])
    if repeats.any():
        gaps = np.diff(np.sort(values[:, repeats], axis=0), axis=0)
        least = np.min(gaps, axis=0, initial=np.inf, where=gaps > 0)
        found[repeats] = np.where(np.isfinite(least), least, 0.0)
    return found


def unexplained(nodes: tuple[float, ...], values: Array, order: int, rounding: Array) -> Flags:
    """Tell where polynomials explain little of the values (m, q) at nodes (m,).

    Then nothing says that the rest is noise, and not structure finer than the samples' distances.
    ``rounding`` (q,) is a unit of rounding of f.
    """
    rows = polynomials(nodes, 0).rows
    squares = np.square(combined(rows, values - values[len(values) // 2]) / _size(values))
    high = max(order + 3, len(rows) // 2)
    if high >= len(rows):
        return np.zeros(values.shape[1], dtype=bool)
    rest, spread = squares[high:].mean(axis=0), squares[1:].sum(axis=0) / len(rows)
    heard = np.sqrt(rest) > NOISY * rounding / _size(values)
    return np.asarray(heard & (rest > UNEXPLAINED**2 * spread))


def two_faced(
    unit: tuple[float, ...],
    radius: Array,
    values: Array,
    order: int,
    origin: Array,
    value: Array,
    error: Array,
    rounding: Array,
) -> Flags:
    """Tell which outputs (m, q) are not the same function on the two sides of x0.

    The derivatives there contradict each other, or both contradict that of the whole window. Asked
    only where the error is not small, or where the last coefficients do not vanish: a bend is even
    or odd, and the formula may not see that part of it at all.

    Parameters
    ----------
    unit : tuple of m floats
        Ascending places in units of the radius.
    radius, origin : ndarray (q,)
    values : ndarray (m, q)
    order : int
    value, error : ndarray (q,)
        The derivative of the whole window.
    rounding : ndarray (q,)
        A unit of rounding of f.
    """
    found = np.zeros(values.shape[1], dtype=bool)
    t = np.array(unit)
    sides = [t <= 0, t >= 0]
    if min(map(np.count_nonzero, sides)) < order + 3:
        return found
    last = polynomials(unit, 0).rows[-2:]
    loud = np.abs(combined(last, values - values[len(t) // 2])).max(axis=0) > NOISY * rounding
    asked = np.flatnonzero(loud | (error > SUSPECT * np.abs(value)))
    if not asked.size:
        return found
    value, error, faces = value[asked], error[asked], []
    for side in sides:
        reach = np.abs(t[side]).max()
        own, f = tuple((t[side] / reach).tolist()), values[np.ix_(side, asked)]
        faces.append(judge_scaled(own, radius[asked] * reach, f, order, origin[asked]))
    left, right = faces
    apart = _contradict(left.value, left.error, right.value, right.error)
    both = [_contradict(face.value, face.error, value, error) for face in faces]
    found[asked] = apart | (both[0] & both[1])
    return found


def _contradict(one: Array, its_error: Array, other: Array, other_error: Array) -> Flags:
    return np.asarray(np.abs(one - other) > CONTRADICTION * (its_error + other_error))


def _size(values: Array) -> Array:
    """Return the size (q,) of f, so that squares stay in the range of floats."""
    largest = np.abs(values).max(axis=0)
    return np.where(largest > 0, largest, 1.0)


def conclude(
    samples: Sampled,
    fit: Fit,
    *,
    reach: float | None = None,
    one_sided: bool | None = None,
    spent: bool = False,
) -> Estimate:
    """Return the estimate with a status for each output.

    Parameters
    ----------
    samples : Sampled
        That the fit comes from.
    fit : Fit
    reach : float, optional
        The largest distance that was ever asked for, where it is not that of the samples.
    one_sided : bool, optional
        Whether the samples had to be shifted, where that does not show.
    spent : bool
        Whether the budget ended the search.
    """
    shifted = samples.one_sided if one_sided is None else one_sided
    usual = Status.ONE_SIDED if shifted else Status.CONVERGED
    usual = Status.BUDGET_SPENT if spent else usual
    value, error, defined = fit.value, fit.error, samples.defined
    status: Status | tuple[Status, ...] = usual
    alone = len(value) == 1  # then asking is quicker than finding out that there is no need to
    if alone or fit.noisy.any() or not (defined.all() and np.isfinite(error).all()):
        rows = zip(defined.tolist(), error.tolist(), fit.noisy.tolist(), strict=True)
        each = tuple(_status(*row, usual) for row in rows)
        status = each[0] if len(set(each)) == 1 else each
        if Status.UNDEFINED in each:
            value, error = np.where(defined, value, np.nan), np.where(defined, error, np.inf)
    step = samples.reach
    furthest = step if reach is None else reach
    return Estimate(value, error, status, step, fit.sigma, furthest, fit.carried, fit.bar)


def _status(defined: bool, error: float, noisy: bool, usual: Status) -> Status:
    if not defined:
        return Status.UNDEFINED
    if error == np.inf:
        return Status.UNRESOLVED
    return Status.NOISE_LIMITED if noisy and usual is Status.CONVERGED else usual


def nothing_defined(outputs: int, reach: float) -> Estimate:
    """Return the answer where the model is undefined too close to x0."""
    return Estimate(
        np.full(outputs, np.nan), np.full(outputs, np.inf), Status.UNDEFINED, reach=reach
    )


def at_own_places(
    t: Array, order: int, line: Line, *, interpolated: bool, ridge: float = 0.0
) -> Generator[Any, Any, Estimate]:
    """Fit the samples at places that the user chose, as far as they are inside and defined.

    An interpolant goes through these alone: x0 is left out unless it is one of them. Its error is
    no wider than that of the best fit through all samples, x0 too, allows.
    """
    t = t[(t >= line.lower) & (t <= line.upper)]
    count = t.size if interpolated else np.union1d(t, 0.0).size
    if count <= order:
        raise ValueError(
            f"`grid` must have more than {order} offsets inside the bounds for a derivative of "
            f"order {order}, got {t.size}"
        )
    samples = yield from sampled(t)
    own = ~samples.undefined_places
    own[0] &= not interpolated or 0.0 in t
    kept = samples.where(own)
    if len(kept.t) <= order or not kept.defined.any():
        return nothing_defined(len(kept.defined), samples.reach)
    if not interpolated:
        fit = yield FitQuestion(kept, order, line, None, ridge)
        return conclude(kept, fit, reach=samples.reach)
    fit = yield FitQuestion(kept, order, line, len(kept.t) - 1)
    best = yield FitQuestion(samples.where(~samples.undefined_places), order, line)
    with np.errstate(all="ignore"):  # beyond the range of floats: no claim
        # each sample is rounded, and each product with its weight; few samples show less by chance
        weights = np.abs(fornberg_weights(kept.t / kept.reach, order))
        rounding = per_power(EPS * (weights @ np.abs(kept.values)), kept.reach, order)
        fit = fit.narrowed(best).rounded(rounding)
    return conclude(kept, fit, reach=samples.reach)
