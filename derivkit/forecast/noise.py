r"""How the noise of different data goes together.

An error bar says how noisy a derivative is, not whether the noise of the next datum is the same. A
sum over m data is off by sqrt(m) bars if their noise is independent, and by m bars if it is common.
Assuming the former where the latter holds makes its bar sqrt(m) times too narrow, and the reverse
as much too wide. The samples show which it is: contrasts, combinations of samples that no
polynomial up to some degree changes, are nothing but noise, and vary from datum to datum as it
does.

Each of c contrasts, scaled so that every datum's squares add up to 1, is a *pattern*. The noise
of a sum :math:`\sum_k w_k dJ_k` is then :math:`(\sum_c (\sum_k w_k n_k z_{ck})^2)^{1/2}` with
:math:`n` the bars: the plain sum of bars for common noise, about the root of the sum of squares for
independent noise. A size estimated from c contrasts is itself uncertain: the bar is widened as
Student's t is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import NDArray
from scipy.stats import norm, t as student

__all__ = ["apart", "noise_patterns"]

Array = NDArray[np.float64]

MOST_NUMBERS = 50_000_000
"""Patterns of more numbers than this are not kept: errors of noise then add up."""

FEWEST = 3  # contrasts

BAR = 2.5
"""Bars of noisy derivatives are about this many standard deviations wide."""

FITS = 2.0
"""Contrasts are noise if they are no more than this many times what the samples' noise is."""


def noise_patterns(result: Any, is_noise: NDArray[np.bool_]) -> Array:
    """Return patterns (c, m, p) of a Jacobian's noise, from the samples along each parameter.

    Those of a parameter without noise are 0. Empty where they are not known: for higher orders, or
    without samples.
    """
    m, p = is_noise.shape
    none = np.zeros((0, m, p))
    if result.order != 1 or result.evaluations is None or not is_noise.any():
        return none
    step, sigma = (np.reshape(each, (m, p)) for each in (result.step, result.noise))
    found = []
    for j in range(p):
        which = is_noise[:, j]
        if not which.any():
            found.append(np.zeros((0, m)))
            continue
        t, values = _samples(result.evaluations, j, float(np.median(step[which, j])))
        contrasts = _contrasts(t, values[:, which], sigma[which, j])
        if contrasts is None or m * p * len(contrasts) > MOST_NUMBERS:
            return none
        whole = np.zeros((len(contrasts), m))
        whole[:, which] = contrasts
        found.append(whole)
    patterns = np.zeros((max(map(len, found)), m, p))
    for j, each in enumerate(found):
        size = np.linalg.norm(each, axis=0)
        wider = student.ppf(norm.cdf(BAR), len(each)) / BAR if len(each) else 1.0
        patterns[: len(each), :, j] = wider * each / np.where(size > 0, size, 1.0)
    return patterns


def _samples(evaluations: Any, index: int, half_width: float) -> tuple[Array, Array]:
    """Return places (n,), within 1, and values (n, m) along a parameter inside a window."""
    t, values = evaluations.outputs_along(index)
    t = t / half_width
    kept = (np.abs(t) <= 1 + 1e-6) & np.isfinite(values).all(axis=1)
    return t[kept], values[kept]


def _contrasts(t: Array, values: Array, sigma: Array) -> Array | None:
    """Return what polynomials leave of values (n, m), in orthonormal contrasts (c, m).

    The degree is the least that single data call for, as it is where their derivatives come from:
    what a polynomial of that degree does not follow hides in each datum's noise, and adds up if
    all data share it. None if no degree is high enough.
    """
    for degree in range(1, len(t) - FEWEST):
        q, _ = np.linalg.qr(chebvander(t, degree), mode="complete")
        left = q[:, degree + 1 :].T @ values
        if np.median(np.sqrt(np.mean(left**2, axis=0)) / sigma) <= FITS:
            return np.asarray(left)
    return None


def apart(patterns: Sequence[Array], axis: int) -> Array:
    """Return patterns of data one after the other (axis 1), or of columns (2), as of one model.

    Noise of different models is independent, that of the columns was.
    """
    counts, sizes = ([each.shape[k] for each in patterns] for k in (0, axis))
    shape = list(patterns[0].shape)
    shape[0], shape[axis] = sum(counts), sum(sizes)
    whole = np.zeros(shape)
    for each, row, place in zip(patterns, _starts(counts), _starts(sizes), strict=True):
        target = np.moveaxis(whole[row : row + len(each)], axis, 1)
        target[:, place : place + each.shape[axis]] = np.moveaxis(each, axis, 1)
    return whole


def _starts(sizes: Sequence[int]) -> list[int]:
    return [0, *np.cumsum(sizes[:-1]).tolist()]
