"""Fornberg's weights on any grid: the polynomial through samples wherever the user wants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.fit.sampled import at_own_places
from derivkit.methods.protocol import Line
from derivkit.methods.stencil.placement import FREE_SHRINKING, place, room_of
from derivkit.methods.together import Course, CourseMethod
from derivkit.validation import finite_numbers

__all__ = ["Fornberg"]

Array: TypeAlias = NDArray[np.float64]

FEWEST_POINTS = 9  # eight calls beside x0; each second order takes two more

# Half-width of the default grid in units of the scale: REACH for each order, minus REACH_LESS. So
# near, the last coefficients hold noise and no signal, and the noise can be told. The numbers are
# not round, because steps in round units meet the periods of models in round units.
REACH, REACH_LESS = 0.0618, 0.027


@dataclass(frozen=True)
class Fornberg(CourseMethod):
    r"""Finite differences on any distinct offsets from x0.

    Parameters
    ----------
    grid : array_like, optional
        Offsets from x0, in units of t (along a coordinate: of x), more of them than the order of
        the derivative; x0 itself, offset 0, need not be among them. By default nine, and two more
        for each second order, equally spaced around x0, so near that the last terms of the
        polynomial are rounding for a function that varies over the line's scale.

    Notes
    -----
    The value is :math:`\sum_i w_i f(t_i)` with the weights that are exact for polynomials of
    degree n - 1. What is lost by that is read off the last terms of the same polynomial in the
    orthonormal basis of the grid; noise from its last coefficients. So the error is wide where
    those still hold signal: on a grid that is wide beside the scale of f. The error is never wider
    than that of the best fit through all samples plus what the value differs from it: on a grid
    without 0, x0 is a sample that the interpolant has not seen. For smooth f the default grid's bar
    is about 15 times the error; on a grid of a few offsets around 0 it is a thousand times, since
    nothing there tells signal of the last coefficient from noise. Offsets outside the bounds, and
    those at which the model turns out to be undefined, are left out.

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

    def course(self, line: Line, order: int) -> Course:
        """Differentiate ``order`` times with respect to t, at t = 0."""
        return (
            yield from at_own_places(self._offsets(line, order), order, line, interpolated=True)
        )

    def _offsets(self, line: Line, order: int) -> Array:
        if self.grid is not None:
            return np.array(self.grid)
        points = FEWEST_POINTS + order // 2 * 2
        step = (REACH * order - REACH_LESS) / (points // 2) * line.scale
        placed = place(step, points, order, 0, room_of(line), line, shrinking=FREE_SHRINKING)
        return placed.step * np.array(placed.offsets, dtype=float)
