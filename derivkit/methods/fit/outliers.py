"""Finding samples that do not belong: the few without which a polynomial suddenly fits.

All sets of one, two or three samples are tried at once, by the formula for what the residuals of a
least-squares fit become without them; no fit is repeated. Robust fits of libraries weigh samples
down one by one, which three that deviate together survive, and know no orthonormal polynomials.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.fit.orthogonal import polynomials

__all__ = ["kept_samples"]

Array: TypeAlias = NDArray[np.float64]

MOST_AT_ONCE = 3  # outliers that may hide each other

# How many times smaller the mean square residual must become for one, two or three more samples to
# count as outliers. Chosen from ten that are normally distributed, one or two of them reach some
# tens or hundreds; a wrong sample that matters reaches millions.
GAINS = (500.0, 5e3, 5e4)


def kept_samples(
    t: Array, values: Array, degree: int, most: int, tolerance: float
) -> NDArray[np.bool_]:
    r"""Return which samples to keep.

    Parameters
    ----------
    t : ndarray (n,)
        Places; the first, 0, is x0, and is kept.
    values : ndarray (n,)
    degree : int
        Of the polynomial that the samples should follow.
    most : int
        Most samples to remove.
    tolerance : float
        Samples predicted this well by the others are never removed.

    Notes
    -----
    With H the hat matrix of the fit and e its residuals, :math:`m = (I - H_{SS})^{-1} e_S` are the
    residuals of the samples S from the fit through the others, and
    :math:`e - (I - H)_{:S}\, m` what is left then. (Its squares are :math:`e^T e - e_S^T m`, but in
    that difference rounding hides what is left beside an outlier.) A set is removed if that brings
    the mean square down by a large factor, and a larger one if that does so again.

    References
    ----------
    Cook, R. D. & Weisberg, S. (1982), Residuals and Influence in Regression, Chapman & Hall.
    """
    kept = np.ones(len(t), dtype=bool)
    spare = len(t) - degree - 1
    removable = min(most, MOST_AT_ONCE, spare - 1)
    if removable < 1:
        return kept
    fitting = polynomials(tuple((t / np.abs(t).max()).tolist()), 0).rows[: degree + 1]
    # in units of their size: squares of large and small outputs stay in the range of floats
    unit = float(np.ldexp(1.0, np.frexp(np.abs(values).max())[1]))
    values, tolerance = values / unit, tolerance / unit
    residuals = values - values[0]
    residuals = residuals - fitting.T @ (fitting @ residuals)
    total = float(residuals @ residuals)
    if total <= tolerance**2:
        return kept
    rest = np.eye(len(t)) - fitting.T @ fitting
    least = (np.finfo(float).eps * np.abs(values).max()) ** 2
    mean, removed = total / spare, 0
    for size in range(1, removable + 1):
        worst, left, missed = _best_to_leave_out(residuals, rest, size)
        without = max(left / (spare - size), least)
        if mean > GAINS[size - removed - 1] * without and missed > tolerance:
            kept[:] = True
            kept[worst] = False
            mean, removed = without, size
    return kept


def _best_to_leave_out(
    residuals: Array, rest: Array, size: int
) -> tuple[NDArray[np.intp], float, float]:
    """Return the best set of samples to leave out, the squares left, and the least they miss by."""
    sets = _sets(len(residuals), size)
    inner = rest[sets[:, :, None], sets[:, None, :]]
    missed = np.linalg.solve(inner, residuals[sets][..., None])[..., 0]
    left = residuals - np.einsum("nsk,sk->sn", rest[:, sets], missed)
    squares = (left**2).sum(axis=1)
    best = int(squares.argmin())
    return sets[best], float(squares[best]), float(np.abs(missed[best]).min())


@lru_cache(maxsize=32)
def _sets(count: int, size: int) -> NDArray[np.intp]:
    """Return all sets of samples without x0, (sets, size)."""
    return np.array(list(combinations(range(1, count), size)))
