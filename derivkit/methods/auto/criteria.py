"""What fits and samples are evidence of: noise, a grain, two sides, an error that is small enough.

Pure questions; what to do about the answers is known by `policy` and `diagnosis`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.fit.samples import Columns, columns_of
from derivkit.methods.fit.window import (
    DEEPEST,
    EPS,
    Finding,
    Noise,
    Part,
    WindowFit,
    judge_parts,
)

__all__ = [
    "Goal",
    "Sides",
    "Vector",
    "compare_sides",
    "content",
    "loose",
    "noise_rules",
    "precisions",
    "unexplained",
    "visible",
]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

TINY = float(np.finfo(float).tiny)

TIGHT = 1e-12
"""A truncation error above this part of a first derivative's size is worth more calls: going down
is safe, and a ladder lower gains up to nine powers of two."""

LOOSE = 1e-9
"""The same for noise: going up is not safe, and each call gains a factor two at best."""

PER_ORDER = 30.0
"""Each further order loses this factor to rounding: about twice the scale over the first radius."""

BALANCE = 3.0
"""Truncation of up to this many times the noise is not worth a ladder below, which doubles the
noise."""

VISIBLE = 30.0
"""Noise this many times above rounding is the model's own, or structure."""

MAGNIFIED = 1e3
"""What a fit leaves is taken for noise without a probe if it is below this multiple of rounding:
sums of a few terms that cancel to a hundredth leave as much, and structure is seldom so small."""

DOUBTFUL = 0.3
"""Coefficients that fall more slowly than by this factor a degree may end in noise: one probe is
cheaper than a ladder."""

STALLED = 0.7
"""Coefficients that fall more slowly than by this factor a degree do not tell the scale."""

LEVEL = 4.0
"""The last coefficient does not fall, as noise does not, if its ratio to the one before it is this
many times the ratio by which the others fall."""

FIRM = 20.0
"""How many coefficients a noise level given by the user is worth."""

NOTHING = 1e-12
"""A derivative that is not seen, and moves outputs by less than this beside one, is none."""

VANISHING = 1e-12
"""An error below this part of the derivative's size across the first ladder says that it is 0."""

WORTH_A_LOOK = 1e-3
"""An output whose error is below this part of its size may be passed over among many others."""

CONTRADICTION = 3.0
"""The two sides of x0 contradict each other if they differ by this multiple of their errors."""

APART = 30.0
"""A side is smooth by itself if its fit leaves less than the fit of both sides by this factor: of
fits to noise alone one in thirty leaves so little."""

POOR = 0.1
"""A side whose fit has an error above this part of the derivative's size is not smooth."""

ENOUGH_VALUES = 5
"""Values with a mantissa that tell a unit: of random ones few end in ten zeros, five never do."""

COARSE = 2.0**10
"""Values in units above this multiple of the last place are kept to fewer bits."""

MOST_DIGITS = 13
"""Numbers printed with more digits are as good as binary ones."""


@dataclass(frozen=True, eq=False)
class Vector:
    """Outputs that are one vector: what each is good for is told by the length of all.

    Attributes
    ----------
    length : callable
        Takes outputs (q,), returns their length.
    units : ndarray (q,)
        The length that one unit of each output has.
    share : float
        The part of the derivative's length that its error may have.
    """

    length: Callable[[Floats], float]
    units: Floats
    share: float

    def enough(self, v: WindowFit, slope: Floats, order: int) -> Floats:
        """Return errors (q,) that together have that part of what is known to be there.

        The smallest errors, as many as have no more than that part, are left as they are; the
        others may have as much again. Where nothing is there, and what may be hidden would be
        nothing as far out as ``slope``, the first derivatives, changes the outputs by a length of
        1, all is known that there is to know.
        """
        known = np.isfinite(v.error)
        error = np.sort(np.where(known, self.units * v.error, np.inf))
        hidden = float(np.linalg.norm(error))
        far = float(self.length(slope)) ** order * math.factorial(order)
        if self.length(v.value) <= hidden <= NOTHING * far:
            return np.full(len(error), np.inf)
        seen = np.where(known, np.maximum(np.abs(v.value) - v.error, 0.0), 0.0)
        whole = self.share * self.length(np.copysign(seen, v.value))
        left = int(np.count_nonzero(np.cumsum(error * error) <= whole * whole))
        least = error[left - 1] if left else 0.0
        each = max(least, whole / math.sqrt(max(len(error) - left, 1)))
        return np.asarray(each / self.units)


@dataclass(frozen=True, slots=True)
class Goal:
    """When the user is content: error <= max(atol, rtol |value|). None: as good as pays.

    ``enough``: errors (q,) that are as good as pays for all outputs together, where explained.
    """

    rtol: float | None
    atol: float
    enough: Floats | None = None

    def of(self, outputs: NDArray[np.intp]) -> Goal:
        """Return the goal of some of the outputs."""
        return self if self.enough is None else replace(self, enough=self.enough[outputs])

    @staticmethod
    def joined(goals: Sequence[Goal]) -> Goal:
        """Return the goal of the outputs of some lines in a row; all else must be the same."""
        known = [goal.enough for goal in goals if goal.enough is not None]
        return replace(goals[0], enough=np.concatenate(known)) if known else goals[0]


def loose(order: int) -> float:
    """Return the noise error, beside the derivative's size, that is worth no further calls."""
    return LOOSE * PER_ORDER ** (order - 1)


def content(v: WindowFit, goal: Goal, order: int) -> NDArray[np.bool_]:
    """Return for each output whether its error is small enough, or worth no further calls.

    Parity can hide what a fit leaves from the error: the second derivative of x abs(x) at 0 is an
    even part, which is 0. So nothing may be left, of either parity, unless it falls.
    """
    per_order = PER_ORDER ** (order - 1)
    settled = v.truncation_part <= BALANCE * v.noise_part
    rounding, arithmetic = (settled & (v.sigma <= n * v.floor) for n in (VISIBLE, MAGNIFIED))
    good = np.maximum(np.where(rounding, LOOSE, TIGHT) * per_order, LOOSE * arithmetic)
    good = np.minimum(good, 1e-3) * v.size
    wanted = goal.atol if goal.rtol is None else np.maximum(goal.atol, goal.rtol * np.abs(v.value))
    explained = (v.misfit <= VISIBLE * v.floor) | (v.rate <= DOUBTFUL)
    good = np.where(v.size > 0, good, -1.0)
    if goal.enough is not None:
        good = np.maximum(good, goal.enough)
    return np.asarray(((v.error <= good) & explained) | (v.error < wanted))


def visible(v: Finding) -> bool:
    """Whether there is something above rounding that the fit does not explain."""
    return v.sigma > VISIBLE * v.floor


def unexplained(v: Finding, limit: float) -> bool:
    """Whether the highest coefficients find something above rounding, and hardly fall.

    Where noise rules, they may have fallen far, and yet be level at the end.
    """
    level = v.fall > LEVEL * v.rate and v.noise_part >= v.truncation_part
    return v.misfit > VISIBLE * v.floor and (v.rate > limit or level)


def noise_rules(v: Finding, *, known: bool) -> bool:
    """Whether wider steps would help, rather than narrower ones; ``known``: it is noise."""
    if known or not visible(v):  # what tells the truncation is mostly noise, too
        return v.truncation_part <= BALANCE * v.noise_part
    return False  # structure


@np.errstate(divide="ignore", invalid="ignore")  # of outputs that are 0
def precisions(f: Floats) -> Floats:
    """Return the units (q,) in which values f (m, q) are kept, beside the largest of each output.

    EPS stands for all 53 bits. Single precision has units of 2**-24 of a value, printed numbers of
    their last decimal. Values that have no digits – 0, 1, powers of two – tell nothing, and five
    others are needed. One that comes again and again, as beside a threshold, tells no more than
    twice.
    """
    f = np.sort(f, axis=0)
    first, twice = np.ones((2, *f.shape), dtype=bool)
    np.not_equal(f[1:], f[:-1], out=first[1:])
    np.not_equal(f[2:], f[:-2], out=twice[2:])
    largest = np.maximum(-f[0], f[-1])
    mantissas, exponents = np.frexp(f)
    bits = (mantissas * 2.0**53).astype(np.int64)
    last = bits & -bits
    tells = ((last != np.abs(bits)) & first).sum(axis=0) >= ENOUGH_VALUES
    units = np.where(twice, np.ldexp(last.astype(float), exponents - 53), np.inf)
    units.sort(axis=0)
    count, outputs = twice.sum(axis=0), np.arange(f.shape[1])
    median = (units[(count - 1) // 2, outputs] + units[count // 2, outputs]) / 2
    binary = median / largest
    found = np.where(tells & (binary > COARSE * EPS), binary, EPS)
    leading = np.floor(np.log10(np.where(tells, largest, 1.0))).astype(int)
    for digit in np.unique(leading[tells]).tolist():
        printed = np.flatnonzero(tells & (leading == digit))
        for decimals in range(min(MOST_DIGITS - digit, 22) - 1, max(-digit, -22) - 1, -1):
            # numbers of few decimals are numbers of more: most have more than any, at one look
            printed = printed[(f[:, printed] == np.round(f[:, printed], decimals)).all(axis=0)]
            if not printed.size:
                break
            unit = np.maximum(10.0**-decimals / largest[printed], EPS)
            found[printed] = np.maximum(binary[printed], unit)
    return found


class Sides(NamedTuple):
    """What the samples left and right of x0 say, each by themselves.

    Attributes
    ----------
    smooth : tuple of bool
        Whether a polynomial explains the side, and much better than one explains both.
    order : int
        Of the lowest derivative that differs, else of the one that is sought.
    values, errors : tuple of float
        That derivative on the two sides.
    contradict : bool
        Whether both are smooth, or at least each by itself explained by a polynomial, and differ.
        Beside a large derivative on one side a small one on the other is not known well.
    jumps : bool
        Whether f itself differs.
    noise : float
        Of f: where it is not known, what rounding leaves at least.
    size : float
        Of the derivative, or of the gap; 0 where neither is seen.
    """

    smooth: tuple[bool, bool]
    order: int
    values: tuple[float, float]
    errors: tuple[float, float]
    contradict: bool
    jumps: bool
    noise: float
    size: float

    @property
    def is_step(self) -> bool:
        """Whether f goes from one constant to another."""
        return self.jumps and not self.size

    @property
    def depth(self) -> float:
        """The radius at which rounding leaves three digits of that derivative."""
        if not self.size:
            return 0.0
        power = 10.0 ** (self.order + 4) * self.noise / self.size
        return float(power ** (1 / max(self.order, 1)))


def compare_sides(
    lines: Sequence[Columns],
    radius: Sequence[float],
    order: int,
    eps: Floats,
    noise: Noise | None,
) -> list[Sides | None]:
    """Fit samples on each side of x0, in the narrowest window from a radius outwards.

    Returns
    -------
    list of Sides or None
        Of the columns of all lines in a row; None where no window has enough samples. ``eps`` and
        ``noise`` are of these columns, a radius of each line.
    """
    answers: list[Sides | None] = [None] * sum(line.f.shape[1] for line in lines)
    windows = []
    for line, columns, wide in zip(lines, columns_of(lines), radius, strict=True):
        found = _side_windows(line.t, wide, max(4, order + 2))
        if found is not None:
            windows.append((line, columns, *found))
    if not windows:
        return answers

    def judged(k: int, side: int, *, with_x0: bool = False) -> WindowFit:
        parts = []
        for line, columns, *sides in windows:
            s = sides[side] | (line.t == 0) if with_x0 else sides[side]
            parts.append(Part(line.t[s], line.f[s], line.origin, columns))
        return judge_parts(parts, k, noise, eps)

    joint = judged(max(order, 1), BOTH, with_x0=True)
    ends = [judged(0, side) for side in (LEFT, RIGHT)]
    apart, through = (
        [[judged(k, side, with_x0=both) for side in (LEFT, RIGHT)] for k in range(1, order + 1)]
        for both in (False, True)
    )
    at_x0 = np.concatenate([line.f[line.t == 0][0] for line, *_ in windows])
    reach = [np.abs(v.value - at_x0) <= CONTRADICTION * v.error for v in ends]
    fits = _Fits.of([ends, *apart]).where(reach[0] & reach[1], _Fits.of([ends, *through]))
    which = np.concatenate([columns for _, columns, *_ in windows])
    concluded = _concluded(fits, joint, None if noise is None else noise.level[which])
    for k, sides in zip(which.tolist(), concluded, strict=True):
        answers[k] = sides
    return answers


LEFT, RIGHT, BOTH = range(3)


def _side_windows(t: Floats, radius: float, needed: int) -> tuple[Flags, Flags, Flags] | None:
    """Return the narrowest window that has enough samples: on the left, on the right, and both."""
    far = np.abs(t)
    wide = np.unique(far[far >= max(radius, TINY)])[:, None]
    inside = (far <= wide) & (far >= wide / DEEPEST)
    left, right = inside & (t < 0), inside & (t > 0)
    enough = np.minimum(left.sum(axis=1), right.sum(axis=1)) >= needed
    k = int(enough.argmax()) if enough.size else 0
    return (left[k], right[k], inside[k]) if enough.any() else None


class _Fits(NamedTuple):
    """Fits of both sides, (orders, 2, n) each."""

    value: Floats
    error: Floats
    size: Floats
    sigma: Floats
    floor: Floats

    @classmethod
    def of(cls, fits: Sequence[Sequence[WindowFit]]) -> _Fits:
        """Put the fits of two sides, by order, side by side."""
        columns = ([[getattr(v, name) for v in sides] for sides in fits] for name in cls._fields)
        return cls(*map(np.array, columns))

    def where(self, better: Flags, other: _Fits) -> _Fits:
        """Return the other's where those are better (n,)."""
        return _Fits(*(np.where(better, b, a) for a, b in zip(self, other, strict=True)))


def _concluded(fits: _Fits, joint: WindowFit, noise: Floats | None) -> Iterable[Sides]:
    """Draw the conclusion from the fits of both sides, by order, and from one through both."""
    order, every = len(fits.value) - 1, np.arange(fits.value.shape[2])
    left = np.fmax(joint.sigma, joint.misfit)
    apart = (left > VISIBLE * joint.floor) & (APART * fits.sigma[-1] < left)
    smooth = apart & (fits.error[-1] <= POOR * fits.size[-1])
    gap, errors = np.abs(fits.value[:, 0] - fits.value[:, 1]), fits.error.sum(axis=1)
    differs = gap > CONTRADICTION * errors
    at = np.where(differs[1:].any(axis=0), 1 + differs[1:].argmax(axis=0), order)
    both, gap_there = smooth.all(axis=0), gap[at, every]
    clear = apart.all(axis=0) & (errors[at, every] <= POOR * gap_there)
    step = apart.all(axis=0) & (errors[0] <= POOR * gap[0]) & (fits.size[-1] == 0).all(axis=0)
    own = np.where(smooth, fits.size[at, :, every].T, 0.0).max(axis=0)
    if noise is None:  # a side that is 0 has no floor
        least = np.where(fits.floor[-1] > 0, fits.floor[-1], np.inf).min(axis=0)
        noise = np.where(least < np.inf, least, 0.0)
    return map(
        Sides,
        map(tuple, smooth.T.tolist()),
        at.tolist(),
        map(tuple, fits.value[at, :, every].tolist()),
        map(tuple, fits.error[at, :, every].tolist()),
        ((both | clear | step) & differs.any(axis=0)).tolist(),
        ((both | step) & differs[0]).tolist(),
        noise.tolist(),
        np.where(differs[at, every] & both, gap_there, own).tolist(),
    )
