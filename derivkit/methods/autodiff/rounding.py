"""How far rounding moves a derivative, seen by taking it again at points right beside x0.

An automatic derivative has no truncation error, but what rounding does to its sums and
cancellations can be any multiple of its own last digit. Along a few equal moves, so short that the
derivative is straight, second differences are rounding and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOVES", "neighbours", "rounding_error"]

MOVES = 4  # points beside x0: they give three second differences
SEED = 20231  # of the signs of the moves: any will do, but always the same
MOVE_POWER = 0.7  # moves of eps**0.7: far above a last digit, curved by less than eps**1.4
LAST_DIGITS = 4.0  # error, in units of rounding, where the second differences show nothing
SAFETY = 6.0  # standard deviations: 97 % of Student's t with the 2 degrees of freedom of 3 sums
SECOND_DIFFERENCE_DEVIATION = np.sqrt(6.0)  # of 1, -2, 1 times independent roundings


def neighbours(
    x0: NDArray[np.float64],
    scale: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    eps: float,
) -> list[NDArray[np.float64]]:
    """Return points (p,) at equal distances on a line from x0, inside the bounds.

    ``eps`` is the relative rounding of the function's arithmetic; ``scale`` takes the place of
    the parameters that are 0.
    """
    signs = np.random.default_rng(SEED).choice([-1.0, 1.0], x0.size)
    longest = eps**MOVE_POWER * np.where(x0 == 0, scale, np.abs(x0))
    longest = np.maximum(longest, np.finfo(float).tiny)
    move = 2.0 ** np.floor(np.log2(longest))  # powers of two are added without rounding
    signs = np.where(x0 + MOVES * move > upper, -1.0, signs)
    signs = np.where(x0 - MOVES * move < lower, 1.0, signs)
    return [np.clip(x0 + k * signs * move, lower, upper) for k in range(1, MOVES + 1)]


def rounding_error(
    value: NDArray[np.float64], nearby: Sequence[NDArray[np.float64]], eps: float
) -> NDArray[np.float64]:
    """Return the absolute error of each entry, from the same derivatives at the neighbours.

    Examples
    --------
    >>> exact, rough = np.array([1.0, 1.0]), np.array([1.0, 1.001])
    >>> print(rounding_error(exact, [exact, rough, exact, rough], eps=1e-16))
    [4.00000000e-16 4.24264069e-03]
    """
    least = LAST_DIGITS * eps * np.abs(value)
    if len(nearby) < 2:
        return np.asarray(least)
    with np.errstate(invalid="ignore"):  # infinite derivatives
        second = np.diff(np.stack([value, *nearby]), n=2, axis=0)
        seen = SAFETY / SECOND_DIFFERENCE_DEVIATION * np.sqrt(np.mean(second**2, axis=0))
    return np.asarray(np.fmax(least, seen))
