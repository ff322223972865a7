"""Adaptive polynomial fit: Chebyshev samples around x0, the degree read off their coefficients.

What a fit says is known by `polynomial` and `fitting`; here stands where the samples lie.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.fitting import Sampled, concluded, fitted, only_if_explained, sampled
from derivkit.methods.options import finite_numbers, is_count, is_not_negative, is_positive
from derivkit.methods.placement import Room, on_grid, one_side_of, room_of, room_within, trimmed
from derivkit.methods.protocol import BudgetSpentError, Estimate, Line, Solver
from derivkit.methods.verdict import Verdict, nothing_defined

__all__ = ["Adaptive"]

Array: TypeAlias = NDArray[np.float64]

# Half-width of an automatic window in units of the line's scale. With ten Chebyshev nodes the
# truncation, r**11 / 2**10 / 11!, is far below rounding even where f varies ten times faster than
# the scale says, and the last coefficients hold nothing but noise; a quarter is where real codes
# begin to fail. No round number: samples in round units meet the periods of models in round units.
AUTO_WIDTH = 0.0464
AUTO_WIDTH_BEYOND = 0.1854  # for third and higher derivatives, whose noise goes as width**-order

NARROWER = 1 / 8  # the next window, where an automatic one has not resolved the function
MOST_WINDOWS = 5
HELPS = 0.5  # a narrower window helps if it brings some output's error down to this
UNSETTLED = 3.0  # truncation, in units of what noise makes: a narrower window may mend it
PATIENCE_IF_POOR = 3
ROUNDING = 8.0  # units of rounding of f: below, its noise is rounding
POOR = 0.03  # relative error above which noise may be structure finer than the samples

DOUBTFUL = 1e-3  # a window off centre with a larger relative error is not believed

SYMMETRIC_SHRINKING = 4.0  # a window is rather made this much narrower than asymmetric

NODE_BITS = 16  # nodes are multiples of 2**-16 of the half-width, so that x0 + t is exact

CENTRAL_RETREATS = 5  # windows tried around x0 before it is taken to lie on a wall
MOST_RETREATS = CENTRAL_RETREATS + 3


@dataclass(frozen=True)
class Adaptive:
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
        if not is_count(self.n_points) or self.n_points < 3:
            raise ValueError(f"`n_points` must be an integer of at least 3, got {self.n_points!r}")
        if self.spacing != "auto" and _share(self.spacing) is None:
            raise ValueError(
                "`spacing` must be 'auto', a percentage such as '2%', or a positive number, "
                f"got {self.spacing!r}"
            )
        if self.base_abs is not None and not is_positive(self.base_abs):
            raise ValueError(f"`base_abs` must be a positive number, got {self.base_abs!r}")
        if not is_not_negative(self.ridge):
            raise ValueError(f"`ridge` must be a number of at least 0, got {self.ridge!r}")
        object.__setattr__(self, "domain", _checked_domain(self.domain))
        object.__setattr__(self, "grid", _checked_grid(self.grid))

    def solve(self, line: Line, order: int) -> Solver:
        """Differentiate ``order`` times with respect to t, at t = 0."""
        room = self._room(line)
        if self.grid is not None:
            return (yield from self._on_grid(line, order, room))
        if order >= self.n_points:
            raise ValueError(
                f"`n_points` must be more than the order of the derivative, {order}, "
                f"got {self.n_points}"
            )
        search = _Search(self._width(line, order), room, free=self.spacing == "auto")
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
                search.note(samples, fitted(samples, order, line, ridge=self.ridge))
        return search.answer()

    def _room(self, line: Line) -> Room:
        """Return the room inside bounds and domain."""
        if self.domain is None:
            return room_of(line)
        lower, upper = self.domain
        left = min(-line.lower, math.inf if lower is None else line.origin - lower)
        right = min(line.upper, math.inf if upper is None else upper - line.origin)
        if left < 0 or right < 0:
            raise ValueError(f"`domain` must contain x0 = {line.origin!r}, got {self.domain!r}")
        return trimmed(Room(left, right), line.scale)

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
                f"`spacing` must be a number or 'auto' where x0 is 0, got {self.spacing!r}; "
                "or give `base_abs`"
            )
        return width

    def _on_grid(self, line: Line, order: int, room: Room) -> Solver:
        """Fit on the user's own samples, as far as they lie inside and are defined."""
        kind, places = self.grid or ("offsets", ())
        t = np.unique(np.array(places) - (line.origin if kind == "absolute" else 0.0))
        t = t[(t >= -room.left) & (t <= room.right)]
        if np.union1d(t, 0.0).size <= order:
            raise ValueError(
                f"`grid` must have more than {order} places inside bounds and domain for a "
                f"derivative of order {order}, got {t.size}"
            )
        samples = yield from sampled(t)
        reach = samples.reach
        kept = samples.where(~samples.undefined_places)
        if len(kept.t) <= order or not kept.defined.any():
            return nothing_defined(samples.values.shape[1], reach)
        return concluded(kept, fitted(kept, order, line, ridge=self.ridge), reach=reach)


class _Search:
    """The windows of one line: where the next one lies, and the best answer so far."""

    def __init__(self, width: float, room: Room, *, free: bool) -> None:
        self.width, self.room, self.free = width, room, free
        self.reach = 0.0
        self.best: tuple[Sampled, Verdict] | None = None
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

    def note(self, samples: Sampled, verdict: Verdict) -> None:
        """Take a window's verdict, and decide whether a narrower one may do better."""
        self._windows += 1
        if self._doubtful(samples, verdict):
            self._central = True
            return
        helped = self.best is None or bool((verdict.error < HELPS * self.best[1].error).any())
        self._idle = 0 if helped else self._idle + 1
        if self.best is None or _surpasses(verdict, self.best[1]):
            self.best = samples, verdict
        poor = verdict.error > POOR * np.abs(verdict.value)
        rounding = verdict.noise <= ROUNDING * verdict.floor
        unsettled = (verdict.truncation > UNSETTLED * verdict.carried) | (poor & ~rounding)
        patience = PATIENCE_IF_POOR if poor.any() else 1
        self.goes_on = (
            self.free
            and self._windows < MOST_WINDOWS
            and self._idle < patience
            and bool(unsettled.any())
        )
        self.width *= NARROWER

    def _doubtful(self, samples: Sampled, verdict: Verdict) -> bool:
        """Tell whether a window off centre is not good enough to pass for one around x0."""
        if not self.free or self._central or self.room.short == 0 or self._retreats:
            return False
        shifted = samples.t.max() + samples.t.min() != 0
        return bool(shifted and (verdict.error > DOUBTFUL * np.abs(verdict.value)).any())

    def answer(self, *, spent: bool = False) -> Estimate:
        """Return the best answer."""
        if self.best is None:
            return nothing_defined(self.outputs, self.reach)
        samples, verdict = self.best
        verdict = only_if_explained(verdict, samples)
        return concluded(samples, verdict, reach=self.reach, spent=spent)


def _surpasses(narrow: Verdict, wide: Verdict) -> bool:
    """Tell whether the verdict of a narrower window is better, or shows that the wide one is wrong.

    Where the two exclude each other, structure finer than the wide window's samples misled it.
    """
    apart = np.abs(narrow.value - wide.value) > narrow.error + wide.error
    return bool(apart.any() or narrow.error.sum() < wide.error.sum())


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
    wanted = f"`domain` must be a pair (lower, upper) with lower < upper, got {domain!r}"
    try:
        lower, upper = (None if side is None else float(side) for side in domain)
    except (TypeError, ValueError) as error:
        raise ValueError(wanted) from error
    if not (-math.inf if lower is None else lower) < (math.inf if upper is None else upper):
        raise ValueError(wanted)
    return lower, upper


def _checked_grid(grid: Any) -> tuple[str, tuple[float, ...]] | None:
    """Return the kind and the places of a user's grid, hashable."""
    if grid is None:
        return None
    wanted = f"`grid` must be ('offsets', array) or ('absolute', array), got {grid!r}"
    if not isinstance(grid, (tuple, list)) or len(grid) != 2:
        raise ValueError(wanted)
    kind, places = grid
    if kind not in {"offsets", "absolute"}:
        raise ValueError(wanted)
    return kind, finite_numbers("grid", places)
