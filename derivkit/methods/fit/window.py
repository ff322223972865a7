"""Judging a window: all samples within a radius, fitted at every degree, each with its error.

For a fit of degree n the error is noise + truncation:

- noise: sigma |w|, with |w| the norm of the fit's weights and sigma from the coefficients above
  the fit, pooled with what rounding must leave at least; times Student's t;
- truncation: what the next two coefficients would have changed; for the full interpolant, what the
  next two would change if the coefficients go on falling at their present rate.

Which window to believe is known by `auto.lepski`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.fit.orthogonal import Basis, basis, side_by_side
from derivkit.methods.weights import per_power

__all__ = [
    "DEEPEST",
    "EPS",
    "Finding",
    "Noise",
    "Part",
    "WindowFit",
    "findings",
    "judge",
    "judge_by",
    "judge_parts",
    "judge_scaled",
    "least_noise",
    "truncation_of",
    "window",
]

Floats = NDArray[np.float64]

EPS, TINY = float(np.finfo(float).eps), float(np.finfo(float).tiny)

BLOCK = 1024
"""Columns that are judged at a time: temporaries of less than 128 kB stay in the cache, and are not
given back to the system and fetched from it again each time."""

MANY_COLUMNS = 128
"""From this number of columns on, a loop over rows is faster than one over columns."""

ROUNDING = 0.3
"""Least noise of f in units of eps |f|: rounding to nearest is uniform over an ulp."""

ROUNDING_DOF = 2.0
"""How many degrees of freedom the knowledge of rounding is worth, unless the samples show more
noise than that."""

NEAR_ROUNDING = 10.0
"""Coefficients of up to about sqrt(10) times rounding are taken for rounding."""

DEEPEST = 200.0
"""A sample closer to x0 than radius / 200 tells a window no more than f(x0) does: left out."""

HIDDEN_SIGMA = 0.5
"""Noise can hide a next coefficient of about this many standard deviations. Chosen, with
`lepski.SELECTION`, for a coverage of 98 to 99 %."""

MOST_TOLD = 5
"""Noise is told by this many of the highest coefficients at most: those below them hold signal."""

LEAST_OF_SEVERAL = 0.12
"""The least of several bounds is too small by chance: the bound of k coefficients is raised by
(k - 1) times this part, so that 96 to 98 % of errors stay below."""

DEVIATIONS = 3.0
"""A bound on noise is about this many standard deviations."""

STUDENT = np.array(
    [31.8, 6.96, 4.54, 3.75, 3.36, 3.14, 3.00, 2.90, 2.82, 2.76, 2.72, 2.68, 2.65, 2.62, 2.60]
)
"""Student's t, two-sided 98 %, for 1, 2, 3, … degrees of freedom."""

DOF = np.arange(1.0, len(STUDENT) + 1)


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise of f known beforehand: its level (q,), and with how many degrees of freedom (q,)."""

    level: Floats
    dof: Floats

    def of(self, outputs: Any) -> Noise:
        """Return that of some outputs."""
        return Noise(self.level[outputs], self.dof[outputs])


@dataclass(frozen=True, eq=False)
class Part:
    """Samples of one line that are fitted by themselves, among those of other windows and lines.

    Attributes
    ----------
    t : ndarray (m,)
        Places, ascending.
    values : ndarray (m, q)
    origin : float
    columns : ndarray (q,) of int
        Which of the outputs of all lines these are.
    """

    t: Floats
    values: Floats
    origin: float
    columns: NDArray[np.intp]

    @cached_property
    def radius(self) -> float:
        """The largest distance from x0."""
        return max(-float(self.t[0]), float(self.t[-1]))

    @cached_property
    def unit(self) -> tuple[float, ...]:
        """The places in units of that."""
        return tuple((self.t / self.radius).tolist())


@dataclass(frozen=True, slots=True)
class WindowFit:
    """The best fit of one window for each of q outputs; all arrays (q,).

    Attributes
    ----------
    value, error
        The derivative and its error, the sum of the next two.
    noise_part, truncation_part
        The two parts of the error.
    sigma
        Noise of f.
    dof
        How many degrees of freedom sigma rests on.
    floor
        The noise that rounding leaves in f.
    rate
        By how much the coefficients fall from degree to degree; 1 if they do not.
    misfit
        What the two highest coefficients, one of either parity, find in f.
    fall
        The size of the highest coefficient beside the one before: 1 on average in noise.
    size
        What the derivative amounts to across the window: an error is small or large beside it.
    radius
        Half-width of the window.
    sides
        0 if there are samples on both sides of x0, else the side they are on.
    """

    value: Floats
    error: Floats
    noise_part: Floats
    truncation_part: Floats
    sigma: Floats
    dof: Floats
    floor: Floats
    rate: Floats
    misfit: Floats
    fall: Floats
    size: Floats
    radius: float | Floats
    sides: int | NDArray[np.int64]


_FIELDS = [each.name for each in fields(WindowFit)]


class Finding(NamedTuple):
    """A `WindowFit` of a single output."""

    value: float
    error: float
    noise_part: float
    truncation_part: float
    sigma: float
    dof: float
    floor: float
    rate: float
    misfit: float
    fall: float
    size: float
    radius: float
    sides: int


def window(distance: Floats, radius: float | Floats) -> NDArray[np.bool_]:
    """Return which of the samples at these distances from x0 a window of this radius holds."""
    deep = (distance >= radius / DEEPEST) | (distance == 0)
    return np.asarray((distance <= radius) & deep)


def findings(v: WindowFit) -> list[Finding]:
    """Return the fit of q outputs as q findings."""
    fields, q = (getattr(v, name) for name in Finding._fields), v.value.shape
    columns = [(a if np.shape(a) == q else np.broadcast_to(a, q)).tolist() for a in fields]
    return [Finding(*row) for row in zip(*columns, strict=True)]


def judge(
    t: Floats,
    values: Floats,
    order: int,
    origin: float,
    noise: Noise | None = None,
    eps: float | Floats = EPS,
) -> WindowFit:
    """Fit one window (m,), (m, q) at every degree and return the fit with the smallest error."""
    radius = max(-float(t[0]), float(t[-1]))
    return judge_scaled(tuple((t / radius).tolist()), radius, values, order, origin, noise, eps)


@np.errstate(all="ignore")  # beyond the range of floats an error is inf or nan: no claim
def judge_scaled(
    unit: tuple[float, ...],
    radius: float | Floats,
    values: Floats,
    order: int,
    origin: float | Floats,
    noise: Noise | None = None,
    eps: float | Floats = EPS,
    *,
    degree: int | None = None,
    ridge: float = 0.0,
) -> WindowFit:
    """Do the same for places ``radius * unit``; radius and origin may differ by column (q,).

    Parameters
    ----------
    degree : int, optional
        Of the fit, where it is not to be chosen.
    ridge : float
        Coefficients of degree k are divided by ``1 + ridge * k**2`` (Tikhonov's penalty on the
        fit's roughness, in the basis in which it is diagonal).
    """
    if values.shape[1] > BLOCK:
        return _in_blocks(
            partial(judge_scaled, unit, degree=degree, ridge=ridge),
            *(radius, values, order, origin, noise, eps),
        )
    b = basis(unit, order)
    if ridge:
        k = np.arange(float(len(unit)))[:, None]
        b = replace(b, slopes=b.slopes / (1.0 + ridge * k * k))
    return judge_by(b, radius, values, order, origin, noise, eps, degree)


@np.errstate(all="ignore")
def judge_by(
    b: Basis,
    radius: float | Floats,
    values: Floats,
    order: int,
    origin: float | Floats,
    noise: Noise | None = None,
    eps: float | Floats = EPS,
    degree: int | None = None,
) -> WindowFit:
    """Do the same on nodes of which the basis is known, or of several kinds `side_by_side`."""
    middle = values[len(values) // 2]
    largest = np.abs(values).max(axis=0)
    amplitude = np.where(largest > 0, largest, 1.0)  # squares of large and small f stay in range
    rises = values - middle  # neighbours subtract without rounding
    rises /= amplitude
    g = np.ascontiguousarray(b.coefficients(rises))  # a row at a time is what follows
    sizes = np.abs(g)
    sizes *= b.leads
    chords = (rises[1:] - rises[:-1]) / b.gaps
    chords *= chords
    mean_square = _running_sums(chords)[-1] / len(chords)  # numpy adds up one column otherwise
    rounding_of_x = EPS * 0.5 * np.abs(origin) / radius * np.sqrt(mean_square)
    floor = eps * ROUNDING * (largest > 0) + rounding_of_x
    known = noise and Noise(noise.level / amplitude, noise.dof)
    v = _best_fit(g, sizes, b, floor, known, order, degree)
    per = per_power(amplitude, radius, order)
    return WindowFit(
        value=v.value * per + (middle if order == 0 else 0.0),
        error=v.error * per,
        noise_part=v.noise_part * per,
        truncation_part=v.truncation_part * per,
        sigma=v.sigma * amplitude,
        dof=v.dof,
        floor=floor * amplitude,
        rate=v.rate,
        misfit=v.misfit * amplitude,
        fall=v.fall,
        size=v.size * per,
        radius=radius,
        sides=b.sides,
    )


def judge_parts(
    parts: Sequence[Part], order: int, noise: Noise | None = None, eps: float | Floats = EPS
) -> WindowFit:
    """Return the best fit of each part, the columns of all parts in a row; every field is (n,).

    Those of equally many samples are judged in one go, each to the bits as alone. ``noise`` and
    ``eps`` are of the outputs of all lines.
    """
    ends = np.cumsum([len(part.columns) for part in parts])
    places = np.split(np.arange(ends[-1]), ends[:-1])
    alike: dict[tuple[int, int], list[int]] = {}
    for n, part in enumerate(parts):
        alike.setdefault((len(part.t), len(basis(part.unit, order).degrees)), []).append(n)
    found = dict(zip(_FIELDS, np.empty((len(_FIELDS), ends[-1])), strict=True))
    for group in alike.values():
        for ns in _by_block(sorted(group, key=lambda n: parts[n].unit), parts):
            v = _judge_alike([parts[n] for n in ns], order, noise, eps)
            where = np.concatenate([places[n] for n in ns])
            for name, column in found.items():
                column[where] = getattr(v, name)
    return WindowFit(**found | {"sides": found["sides"].astype(int)})


def _by_block(ns: list[int], parts: Sequence[Part]) -> Iterator[list[int]]:
    """Yield parts in runs of no more than a block's columns each, or of one part."""
    start, width = 0, 0
    for k, n in enumerate(ns):
        if k > start and width + len(parts[n].columns) > BLOCK:
            yield ns[start:k]
            start, width = k, 0
        width += len(parts[n].columns)
    yield ns[start:]


def _judge_alike(
    parts: Sequence[Part], order: int, noise: Noise | None, eps: float | Floats
) -> WindowFit:
    """Judge parts of equally many samples and equal degrees, those on the same nodes in a row."""
    width = [len(part.columns) for part in parts]
    kinds: Counter[tuple[float, ...]] = Counter()
    for part, q in zip(parts, width, strict=True):
        kinds[part.unit] += q
    bases, counts = [basis(unit, order) for unit in kinds], list(kinds.values())
    judged: Callable[..., WindowFit] = partial(judge_by, side_by_side(bases, counts))
    which = np.concatenate([part.columns for part in parts])
    v = (judged if len(which) <= BLOCK else partial(_in_blocks, judged))(
        np.repeat([part.radius for part in parts], width),
        np.concatenate([part.values for part in parts], axis=1),
        order,
        np.repeat([part.origin for part in parts], width),
        noise and noise.of(which),
        eps if isinstance(eps, float) else eps[which],
    )
    return replace(v, sides=np.repeat([b.sides for b in bases], counts))


def _in_blocks(
    judged: Callable[..., WindowFit],
    radius: float | Floats,
    values: Floats,
    order: int,
    origin: float | Floats,
    noise: Noise | None,
    eps: float | Floats,
) -> WindowFit:
    """Judge very many columns some at a time: what is worked out in between stays in the cache."""

    def cut(given: Any, part: slice) -> Any:
        return given[part] if np.ndim(given) else given

    found: dict[str, Any] = {}
    for start in range(0, values.shape[1], BLOCK):
        part = slice(start, start + BLOCK)
        known = noise and Noise(cut(noise.level, part), cut(noise.dof, part))
        block = judged(
            cut(radius, part), values[:, part], order, cut(origin, part), known, cut(eps, part)
        )
        for name in _FIELDS:
            column = getattr(block, name)
            if not start:
                found[name] = np.empty(values.shape[1]) if np.ndim(column) else column
            if np.ndim(column):
                found[name][part] = column
    return WindowFit(**found)


def _best_fit(
    g: Floats,
    sizes: Floats,
    b: Basis,
    floor: Floats,
    noise: Noise | None,
    order: int,
    degree: int | None,
) -> WindowFit:
    """Return the best fit from coefficients g (m, q), in units of amplitude and radius."""
    terms = b.slopes * g
    truncation, rate = truncation_of(terms, sizes, b)
    sigma, dof = _noise(_squares_without_luck(g, rate), b, floor, noise)
    noise_part = np.interp(dof, DOF, STUDENT) * b.norms * sigma
    truncation += HIDDEN_SIGMA * b.unseen * sigma
    error = noise_part + truncation
    if degree is None:
        best = error.argmin(axis=0)
    else:
        best = np.full(g.shape[1], np.searchsorted(b.degrees, degree, side="right") - 1)
        if b.starts[best[0]] == len(g) - 1:  # nothing is left over: the fit's own last terms tell
            noise_part = b.norms * least_noise(g[:0:-1], floor)
            sigma = np.minimum(sigma, noise_part / (DEVIATIONS * b.norms))
            error = noise_part + truncation
    pick = best, np.arange(len(best))
    value = _running_sums(terms)[b.degrees[best], pick[1]]
    return WindowFit(
        value=value,
        error=error[pick],
        noise_part=noise_part[pick],
        truncation_part=truncation[pick],
        sigma=sigma[pick],
        dof=dof[pick],
        floor=floor,
        rate=rate,
        misfit=np.sqrt((g[-2] * g[-2] + g[-1] * g[-1]) / 2),
        fall=np.abs(g[-1]) / np.maximum(np.abs(g[-2]), TINY),
        size=np.maximum(np.abs(value), sizes[order : order + 3].max(axis=0)),
        radius=1.0,
        sides=0,
    )


def _noise(squares: Floats, b: Basis, floor: Floats, noise: Noise | None) -> tuple[Floats, Floats]:
    """Return sigma (c, q) for each fit, and the degrees of freedom (c, q) behind it."""
    rest = _running_sums(squares[::-1])
    rest, count = rest[len(squares) - 1 - b.starts], b.dof
    if noise is None:
        level, worth = floor, _worth(rest / count, floor)
    else:
        level, worth = np.maximum(noise.level, floor), noise.dof + np.zeros_like(rest)
    dof = worth + count
    return np.sqrt((worth * level * level + rest) / dof), dof


def _running_sums(rows: Floats) -> Floats:
    """Return the sums of the first 1, 2, … rows (m, q), as `numpy.cumsum`, in place.

    numpy goes down the columns one by one; where they are many, adding whole rows is faster.
    """
    if rows.shape[1] < MANY_COLUMNS:
        return np.asarray(rows.cumsum(axis=0))
    for k in range(1, len(rows)):
        rows[k] += rows[k - 1]
    return rows


def _squares_without_luck(g: Floats, rate: Floats) -> Floats:
    """Return the squares of coefficients, the last no less than the fall from the one before says.

    A fit that is told its noise by the last one alone would else be chosen where that is small by
    chance.
    """
    squares = g * g
    last = np.maximum(np.abs(g[-1]), rate * np.abs(g[-2]))
    np.multiply(last, last, out=squares[-1])
    return squares


def _worth(square: Floats, floor: Floats) -> Floats:
    """Return how many coefficients the knowledge of rounding is worth, if these show `square`."""
    near = NEAR_ROUNDING * floor * floor
    return np.asarray(ROUNDING_DOF * near / (near + square + TINY))


def least_noise(tails: Floats, floor: Floats, told: Floats | float = np.inf) -> Floats:
    """Return a bound (…, q) on the noise of one sample, from coefficients that hear it.

    The least of the bounds that the last 1, 2, … of them give: signal among them only makes a
    bound larger, so that what decays fastest is believed.

    Parameters
    ----------
    tails : ndarray (…, j, q)
        Coefficients of the highest degrees, the highest first.
    floor : ndarray (q,)
        The noise that rounding leaves.
    told : ndarray (…, 1, 1)
        How many of the j there are, where they differ.
    """
    tails = tails[..., :MOST_TOLD, :]
    count = np.arange(1.0, tails.shape[-2] + 1)[:, None]
    rest = np.cumsum(tails * tails, axis=-2)
    worth = _worth(rest / count, floor)
    dof = worth + count
    bounds = np.interp(dof, DOF, STUDENT) * np.sqrt((worth * floor * floor + rest) / dof)
    bounds *= 1.0 + LEAST_OF_SEVERAL * (count - 1.0)
    return np.asarray(np.where(count <= told, bounds, np.inf).min(axis=-2))


def truncation_of(terms: Floats, sizes: Floats, b: Basis) -> tuple[Floats, Floats]:
    """Return the truncation error (c, q) of each fit, and the rate of fall (q,).

    ``terms`` (m, q) are the parts of the derivative, by degree.
    """
    m = len(terms)
    top, second = sizes[m - 1], sizes[m - 2]
    upper = top + second
    lower = sizes[max(m - 3, 0)] + sizes[max(m - 4, 0)]
    rate = np.sqrt(np.minimum(1.0, upper / np.maximum(lower, TINY)))
    next_one = np.maximum(second * rate, top) * rate
    next_two = np.maximum(top * rate, next_one) * rate
    steps = np.empty((m + 2, terms.shape[1]))
    np.abs(terms, out=steps[:m])
    steps[m] = np.maximum(
        b.next_two[0] * next_one, np.maximum(steps[m - 1], steps[m - 2]) * rate**4
    )
    steps[m + 1] = b.next_two[1] * next_two
    return steps[b.degrees + 1] + steps[b.degrees + 2], rate
