"""Adaptive polynomial fit: Chebyshev samples around x0, the degree read off their coefficients.

This module decides where the samples lie; `fit.sampled` judges them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.fit.sampled import (
    Fit,
    FitQuestion,
    Sampled,
    at_own_places,
    conclude,
    nothing_defined,
    sampled,
)
from derivkit.methods.protocol import BudgetSpentError, Estimate, Line
from derivkit.methods.stencil.placement import (
    Room,
    on_grid,
    one_side_of,
    room_of,
    room_within,
)
from derivkit.methods.together import Course, CourseMethod
from derivkit.validation import (
    check_count,
    check_not_negative,
    check_sequence,
    finite_numbers,
    is_positive,
    is_text,
    real_numbers,
    shown,
)

__all__ = ["Adaptive"]

Array: TypeAlias = NDArray[np.float64]

# Half-width of an automatic window in units of the line's scale. With ten Chebyshev nodes the
# truncation, r**11 / 2**10 / 11!, is far below rounding even where f varies ten times faster than
# the scale says, and the last coefficients hold nothing but noise; a quarter is where real codes
# begin to fail. The number is not round, because round steps meet the periods of models.
AUTO_WIDTH = 0.0464
AUTO_WIDTH_BEYOND = 0.1854  # for third and higher derivatives, whose noise goes as width**-order

NARROWER = 1 / 8  # the next window, where an automatic one has not resolved the function
WIDER = 8.0  # the next window, where f does not change at all within an automatic one
MOST_WINDOWS = 5
HELPS = 0.5  # a narrower window helps if it brings some output's error down to this
UNSETTLED = 3.0  # truncation above this many times the noise's part: a narrower window may help …
UNSETTLED_BEYOND = 0.1  # … and for third and higher derivatives, whose windows start wider
PATIENCE_IF_POOR = 3
ROUNDING = 3.0  # units of rounding of f: below, its noise is rounding
POOR = 0.03  # relative error above which noise may be structure finer than the samples

DOUBTFUL = 1e-3  # a window off centre with a larger relative error is not believed

SYMMETRIC_SHRINKING = 4.0  # a window may be made this much narrower to stay centred on x0

NODE_BITS = 16  # nodes are multiples of 2**-16 of the half-width, so that x0 + t is exact

CENTRAL_RETREATS = 5  # windows tried around x0 before it is taken to lie on a wall
MOST_RETREATS = CENTRAL_RETREATS + 3


@dataclass(frozen=True)
class Adaptive(CourseMethod):
    r"""Polynomial fit on Chebyshev nodes around x0, with the degree that leaves the least error.

    Parameters
    ----------
    n_points : int
        Samples beside x0 (for an odd number one of them is x0); more than the order.
    spacing : "auto", "2%" or float
        Half-width of the window: relative to the line's scale, and narrower if that does not
        resolve the function; a percentage of abs(x0); or a number in units of x.
    base_abs : float, optional
        Least half-width, in units of x; where x0 is 0, a percentage needs it.
    ridge : float
        Damping of the fit's higher coefficients; 0 for none.
    domain : (float, float), optional
        Interval of x, as (lower, upper), outside which nothing is sampled, beside the bounds.
    grid : ("offsets", array) or ("absolute", array), optional
        Own samples in place of Chebyshev's, relative to x0 or as values of x.

    Notes
    -----
    With :math:`\phi_k` the orthonormal polynomials of the samples and
    :math:`c_k = \sum_i \phi_k(t_i) f(t_i)`, the derivative is
    :math:`\sum_{k \le K} c_k \phi_k^{(d)}(0)`. For a smooth function the c_k decay like the
    coefficients of its Chebyshev series, down to the noise, which is white in them: the last ones
    tell the noise, those behind K the truncation, and K is where their sum is least.

    *Calls*: ``n_points`` beside x0 for a window, and one window unless an automatic one is found
    too wide.

    References
    ----------
    Trefethen, L. N. (2013), Approximation Theory and Approximation Practice, SIAM,
    doi:10.1137/1.9781611975949. Brubeck, P. D. et al. (2021), doi:10.1137/19M130100X.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import CalculusKit
    >>> kit = CalculusKit(lambda x: np.exp(x[0]), [1.0])
    >>> result = kit.gradient_result("adaptive")
    >>> bool(abs(result.value - np.e) < result.error < 1e-11), result.nfev
    (True, 11)
    """

    n_points: int = 10
    spacing: str | float = "auto"
    base_abs: float | None = None
    ridge: float = 0.0
    domain: tuple[float | None, float | None] | None = None
    grid: tuple[str, Any] | None = None

    def __post_init__(self) -> None:
        check_count("n_points", self.n_points, least=3)
        if not is_text(self.spacing, "auto") and _share(self.spacing) is None:
            raise ValueError(
                "`spacing` must be 'auto', a percentage such as '2%', or a positive number, "
                f"got {shown(self.spacing)}"
            )
        if self.base_abs is not None and not is_positive(self.base_abs):
            raise ValueError(f"`base_abs` must be a positive number, got {shown(self.base_abs)}")
        check_not_negative("ridge", self.ridge)
        object.__setattr__(self, "domain", _checked_domain(self.domain))
        object.__setattr__(self, "grid", _checked_grid(self.grid))

    def course(self, line: Line, order: int) -> Course:
        """Differentiate ``order`` times with respect to t, at t = 0."""
        line = self._inside(line)
        if self.grid is not None:
            kind, places = self.grid
            t = np.unique(np.array(places) - (line.origin if kind == "absolute" else 0.0))
            own = at_own_places(t, order, line, interpolated=False, ridge=self.ridge)
            return (yield from own)
        if order >= self.n_points:
            raise ValueError(
                f"`n_points` must be more than the order of the derivative, {order}, "
                f"got {self.n_points}"
            )
        free, ratio = self.spacing == "auto", UNSETTLED if order <= 2 else UNSETTLED_BEYOND
        search = _Search(self._width(line, order), room_of(line), ratio, free=free)
        while search.goes_on:
            try:
                samples = yield from sampled(search.nodes(self.n_points, line.origin))
            except BudgetSpentError:
                if search.best is None:
                    raise
                return search.answer(spent=True)
            search.reach = max(search.reach, samples.reach)
            if samples.undefined_places.any() or not samples.defined.any():
                search.retreat(samples)
            else:
                search.note(samples, (yield FitQuestion(samples, order, line, None, self.ridge)))
        return search.answer()

    def _inside(self, line: Line) -> Line:
        """Return the line with the bounds that the domain leaves."""
        low, high = self.domain or (None, None)
        lower = max(line.lower, -math.inf if low is None else low - line.origin)
        upper = min(line.upper, math.inf if high is None else high - line.origin)
        if lower > 0 or upper < 0:
            raise ValueError(
                f"`domain` must contain x0 = {line.origin!r}, got {shown(self.domain)}"
            )
        return replace(line, lower=lower, upper=upper)

    def _width(self, line: Line, order: int) -> float:
        if self.spacing == "auto":
            width = line.scale * (AUTO_WIDTH if order <= 2 else AUTO_WIDTH_BEYOND)
        elif isinstance(self.spacing, str):
            width = (_share(self.spacing) or 0.0) * abs(line.origin)
        else:
            width = float(self.spacing)
        width = max(width, self.base_abs or 0.0)
        if width == 0.0:
            raise ValueError(
                f"`spacing` must be a number or 'auto' where x0 is 0, got {shown(self.spacing)}; "
                "or give `base_abs`"
            )
        return width


class _Search:
    """The windows of one line: where the next one lies, and the best answer so far."""

    def __init__(self, width: float, room: Room, ratio: float, *, free: bool) -> None:
        self.width, self.room, self.free = width, room, free
        self._ratio = ratio  # of truncation to noise above which a narrower window may help
        self.reach = 0.0
        self.best: tuple[Sampled, Fit] | None = None
        self._last: Fit | None = None
        self.goes_on = True
        self.outputs = 1
        self._windows = self._retreats = self._idle = 0
        self._central = False  # as a shifted window was not good enough

    def nodes(self, count: int, origin: float) -> Array:
        """Return the places of the next window."""
        left, right = min(self.room.left, self.width), min(self.room.right, self.width)
        short = min(left, right)
        narrow = self.free and SYMMETRIC_SHRINKING * short >= self.width
        beside_wall = 0 < self._retreats <= CENTRAL_RETREATS
        if short > 0 and (narrow or self._central or beside_wall):
            left = right = short
        radius, _ = on_grid(max(left, right), abs(origin) + self.width, NODE_BITS)
        return radius * _unit_nodes(count, min(left / radius, 1.0), min(right / radius, 1.0))

    def retreat(self, samples: Sampled) -> None:
        """Draw back from undefined places: around x0 first, at last to one side of it."""
        self._retreats += 1
        self.outputs = samples.values.shape[1]
        self.room = room_within(samples.t, samples.undefined_places, self.room)
        if self._retreats > CENTRAL_RETREATS:
            self.room = one_side_of(self.room)
        self.goes_on = self._retreats < MOST_RETREATS and bool(samples.defined.any())

    def note(self, samples: Sampled, fit: Fit) -> None:
        """Take a window's fit, and decide whether another one may do better."""
        self._windows += 1
        if self._doubtful(samples, fit):
            self._central = True
            return
        if samples.constant:  # f is, or the window lies within one of its treads
            self.goes_on = self.free and self.best is None
            self.best = self.best or (samples, fit)
            self.width *= WIDER
            return
        last, widened = self._last, self.best is not None and self.best[0].constant
        helped = self.best is None or bool((fit.bar < HELPS * self.best[1].bar).any())
        self._idle = 0 if helped else self._idle + 1
        poor = fit.bar > POOR * np.abs(fit.value)
        rounding = fit.sigma <= ROUNDING * fit.floor
        unsettled = (fit.truncation > self._ratio * fit.carried) | (poor & ~rounding)
        patience = PATIENCE_IF_POOR if poor.any() else 1
        more = self.free and not widened and self._windows < MOST_WINDOWS
        self.goes_on = more and self._idle < patience and bool(unsettled.any())
        if not self.goes_on and last is not None:  # the windows never came to agree
            moved = np.abs(fit.value - last.value) > np.maximum(fit.bar, last.bar)
            fit = fit._replace(error=np.where(unsettled & moved, np.inf, fit.error))
        if self.best is None or widened or _surpasses(fit, self.best[1]):
            self.best = samples, fit
        self._last = fit
        self.width *= NARROWER

    def _doubtful(self, samples: Sampled, fit: Fit) -> bool:
        """Tell whether a window off centre is not good enough to pass for one around x0."""
        if not self.free or self._central or self.room.short == 0 or self._retreats:
            return False
        shifted = samples.t.max() + samples.t.min() != 0
        return bool(shifted and (fit.bar > DOUBTFUL * np.abs(fit.value)).any())

    def answer(self, *, spent: bool = False) -> Estimate:
        """Return the best answer."""
        if self.best is None:
            return nothing_defined(self.outputs, self.reach)
        return conclude(*self.best, reach=self.reach, spent=spent)


def _surpasses(narrow: Fit, wide: Fit) -> bool:
    """Tell whether the fit of a narrower window is better, or shows that the wide one is wrong.

    Where the two exclude each other, structure finer than the wide window's samples misled it.
    """
    apart = np.abs(narrow.value - wide.value) > narrow.bar + wide.bar
    return bool(apart.any() or narrow.bar.sum() < wide.bar.sum())


@lru_cache(maxsize=256)
def _unit_nodes(count: int, left: float, right: float) -> Array:
    """Return Chebyshev nodes on [-left, right], moved towards 0 onto the dyadic grid."""
    angles = np.pi * (np.arange(count) + 0.5) / count
    nodes = 0.5 * (right - left) - 0.5 * (left + right) * np.cos(angles)
    return np.unique(np.trunc(nodes * 2.0**NODE_BITS) / 2.0**NODE_BITS)


def _share(spacing: object) -> float | None:
    """Return the number that a percentage or a number stands for; None for anything else."""
    if isinstance(spacing, str) and spacing.strip().endswith("%"):
        try:
            share = float(spacing.strip()[:-1]) / 100.0
        except ValueError:
            return None
        return share if is_positive(share) else None
    return float(spacing) if is_positive(spacing) else None  # type: ignore[arg-type]


def _checked_domain(domain: Any) -> tuple[float | None, float | None] | None:
    if domain is None:
        return None
    wanted = f"`domain` must be a pair (lower, upper) with lower < upper, got {shown(domain)}"
    try:
        sides = check_sequence("domain", domain)
        lower, upper = (
            None if side is None else float(real_numbers("domain", side)) for side in sides
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(wanted) from error
    if not (-math.inf if lower is None else lower) < (math.inf if upper is None else upper):
        raise ValueError(wanted)
    return lower, upper


def _checked_grid(grid: Any) -> tuple[str, tuple[float, ...]] | None:
    """Return the kind and the places of a user's grid, hashable."""
    if grid is None:
        return None
    wanted = f"`grid` must be ('offsets', array) or ('absolute', array), got {shown(grid)}"
    if not isinstance(grid, (tuple, list)) or len([*grid]) != 2:
        raise ValueError(wanted)
    kind, places = grid
    if not is_text(kind, "offsets", "absolute"):
        raise ValueError(wanted)
    return kind, finite_numbers("grid", places)
