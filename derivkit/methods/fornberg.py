"""Fornberg's weights on any grid: the polynomial through samples wherever the user wants them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.extrapolation import balanced_step
from derivkit.methods.fitting import Sampled, concluded, fitted, only_if_explained, sampled
from derivkit.methods.options import finite_numbers
from derivkit.methods.placement import FREE_SHRINKING, place, room_of
from derivkit.methods.protocol import Line, Solver
from derivkit.methods.verdict import Verdict, nothing_defined
from derivkit.methods.weights import unit_weights

__all__ = ["Fornberg"]

Array: TypeAlias = NDArray[np.float64]

DEFAULT_POINTS = 9  # eight calls beside x0
CLOSER = 0.5  # than the balanced step, so that the last coefficients hear noise and not signal
POINTS_BEYOND_ORDER = 5  # enough to tell truncation from noise


@dataclass(frozen=True)
class Fornberg:
    r"""Finite differences on any distinct offsets from x0.

    Parameters
    ----------
    grid : array_like, optional
        Offsets from x0, in units of t (along a coordinate: of x), more of them than the order of
        the derivative; x0 itself, offset 0, need not be among them. By default nine (or more, for
        orders above 4) equally spaced ones around x0, half as far apart as where truncation and
        rounding balance for a function that varies over the line's scale.

    Notes
    -----
    The value is :math:`\sum_i w_i f(t_i)` with the weights that are exact for polynomials of
    degree n - 1. What is lost by that is read off the last terms of the same polynomial in the
    orthonormal basis of the grid, and off what x0 adds to a grid without it; noise from the last
    coefficients. Offsets outside the bounds, and those at which the model turns out to be
    undefined, are left out.

    *Calls*: one for each offset that is not 0.

    References
    ----------
    Fornberg, B. (1988), Generation of finite difference formulas on arbitrarily spaced grids,
    Math. Comp. 51, 699-706, doi:10.1090/S0025-5718-1988-0935077-0.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import CalculusKit
    >>> kit = CalculusKit(lambda x: np.exp(x[0]), [1.0])
    >>> result = kit.gradient_result("fornberg", grid=[-0.1, -0.05, 0.02, 0.05, 0.1, 0.2])
    >>> bool(abs(result.value - np.e) < result.error < 1e-5), result.nfev
    (True, 7)
    """

    grid: Any = None

    def __post_init__(self) -> None:
        if self.grid is not None:
            object.__setattr__(self, "grid", finite_numbers("grid", self.grid))

    def solve(self, line: Line, order: int) -> Solver:
        """Differentiate ``order`` times with respect to t, at t = 0."""
        t = self._offsets(line, order)
        t = t[(t >= line.lower) & (t <= line.upper)]
        if t.size <= order:
            raise ValueError(
                f"`grid` must have more than {order} offsets inside the bounds for a derivative "
                f"of order {order}, got {t.size}"
            )
        samples = yield from sampled(t)
        reach, own = samples.reach, 0.0 in t
        kept = samples.where(~samples.undefined_places)
        if len(kept.t) - (not own) <= order or not kept.defined.any():
            return nothing_defined(samples.values.shape[1], reach)
        verdict = _judged(kept, order, line, x0_counts=own)
        return concluded(kept, only_if_explained(verdict, kept), reach=reach)

    def _offsets(self, line: Line, order: int) -> Array:
        if self.grid is not None:
            return np.array(self.grid)
        points = max(DEFAULT_POINTS, order + POINTS_BEYOND_ORDER)
        points += 1 - points % 2
        step = CLOSER * balanced_step(points, order) * line.scale
        placed = place(step, points, order, 0, room_of(line), line, shrinking=FREE_SHRINKING)
        return placed.step * np.array(placed.offsets, dtype=float)


def _judged(samples: Sampled, order: int, line: Line, *, x0_counts: bool) -> Verdict:
    """Return the value on the grid itself, with the error that the fit with x0 tells."""
    verdict = fitted(samples, order, line, degree=len(samples.t) - 1)
    if x0_counts:
        return verdict
    unit = samples.reach
    changes = np.nan_to_num(samples.values[1:] - samples.values[0])
    weights = unit_weights(tuple((samples.t[1:] / unit).tolist()), order) / unit**order
    value = weights @ changes
    return replace(
        verdict,
        value=value,
        truncation=verdict.truncation + np.abs(value - verdict.value),
        carried=np.sqrt(weights @ weights) * verdict.noise,
    )
