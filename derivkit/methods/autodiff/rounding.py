"""How far rounding alone moves a derivative, found by taking it again right beside the point.

An automatic derivative has no truncation error, but the rounding in its sums and cancellations can
be any multiple of its own last digit. It shows when the point is moved by a last digit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["neighbours", "rounding_error"]

SEED = 20231  # of the signs of the moves: any will do, but always the same
LAST_DIGITS = 4.0  # error, in units of rounding, of a value that its neighbours repeat exactly
SPREAD = 4.0  # two neighbours see less than the largest error: so many times their distance


def neighbours(
    x0: NDArray[np.float64],
    scale: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    eps: float,
) -> list[NDArray[np.float64]]:
    """Return two points inside the bounds that differ from x0 (p,) in the last digit.

    ``eps`` is the relative rounding of the function's arithmetic; ``scale`` takes the place of
    the parameters that are 0.
    """
    signs = np.random.default_rng(SEED).choice([-1.0, 1.0], x0.size)
    moves = signs * eps * np.where(x0 == 0, scale, np.abs(x0))
    return [np.clip(x0 + moves, lower, upper), np.clip(x0 - moves, lower, upper)]


def rounding_error(
    value: NDArray[np.float64], nearby: Sequence[NDArray[np.float64]], eps: float
) -> NDArray[np.float64]:
    """Return the absolute error of each entry from the same derivatives at the neighbours.

    Examples
    --------
    >>> rounding_error(np.array([1.0, 1.0]), [np.array([1.0, 1.001])], eps=1e-16)
    array([4.000e-16, 4.000e-03])
    """
    error = LAST_DIGITS * eps * np.abs(value)
    for other in nearby:
        distance = np.abs(other - value)
        error = np.maximum(error, SPREAD * np.where(np.isfinite(distance), distance, 0.0))
    return np.asarray(error)
