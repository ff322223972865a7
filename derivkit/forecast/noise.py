r"""How the noise of different data goes together.

An error bar says how noisy a derivative is, not whether the noise of the next datum is the same. A
sum over m data is off by sqrt(m) bars if their noise is independent, and by m bars if it is common.
Assuming the former where the latter holds makes its bar sqrt(m) times too narrow, and the reverse
as much too wide. The samples show which it is: contrasts, combinations of samples that no
polynomial up to some degree changes, are nothing but noise, and vary from datum to datum as it
does.

A derivative whose window is as wide as its noise allows is also off by what a polynomial does not
follow there. That is no noise: it is the same in every seed, and adds up where the model moves many
data alike. The samples have it in what the next two coefficients would change, datum by datum and
with its sign; noise in that adds up as noise does.

Each of c contrasts, scaled so that every datum's squares add up to 1, is a *pattern*. The noise
of a sum :math:`\sum_k w_k dJ_k` is then :math:`(\sum_c (\sum_k w_k n_k z_{ck})^2)^{1/2}` with
:math:`n` the bars: the plain sum of bars for common noise, about the root of the sum of squares for
independent noise. That the size of noise is itself uncertain where few contrasts tell it is in the
bars already, as Student's t. The changes, as parts of the bars, are one more pattern.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

__all__ = ["apart", "noise_patterns"]

Array = NDArray[np.float64]

MOST_NUMBERS = 50_000_000
"""Patterns of more numbers than this are not kept: errors of noise then add up."""

FEWEST = 3  # contrasts

FITS = 2.0
"""Contrasts are noise if they are no more than this many times what the samples' noise is."""


def noise_patterns(result: Any, is_noise: NDArray[np.bool_]) -> Array:
    """Return patterns (c, m, p) of a Jacobian's noise, from the samples along each parameter.

    A parameter without noise has patterns of 0. There are none (c = 0) where they are not known:
    for higher orders, or without samples.
    """
    m, p = is_noise.shape
    none = np.zeros((0, m, p))
    if result.order != 1 or result.evaluations is None or not is_noise.any():
        return none
    numbers = (result.step, result.noise, result.error)
    step, sigma, error = (np.reshape(each, (m, p)) for each in numbers)
    found = []
    for j in range(p):
        which = is_noise[:, j]
        if not which.any():
            found.append(np.zeros((0, m)))
            continue
        half_width = float(np.median(step[which, j]))
        t, values = _samples(result.evaluations, j, half_width)
        told = _contrasts(t, values[:, which], sigma[which, j])
        if told is None or m * p * len(told[0]) > MOST_NUMBERS:
            return none
        contrasts, change = told
        size = np.linalg.norm(contrasts, axis=0)
        whole = np.zeros((len(contrasts) + 1, m))
        whole[:-1, which] = contrasts / np.where(size > 0, size, 1.0)
        whole[-1, which] = change / half_width / error[which, j]
        found.append(whole)
    patterns = np.zeros((max(map(len, found)), m, p))
    for j, each in enumerate(found):
        patterns[: len(each), :, j] = each
    return patterns


def _samples(evaluations: Any, index: int, half_width: float) -> tuple[Array, Array]:
    """Return places (n,), within 1, and values (n, m) along a parameter inside a window."""
    t, values = evaluations.outputs_along(index)
    t = t / half_width
    kept = (np.abs(t) <= 1 + 1e-6) & np.isfinite(values).all(axis=1)
    return t[kept], values[kept]


def _contrasts(t: Array, values: Array, sigma: Array) -> tuple[Array, Array] | None:
    """Return contrasts (c, m), and what the next coefficients change in the slopes at 0 (m,).

    Contrasts of values (n, m) are orthonormal combinations that no polynomial of some degree
    changes. The degree is the least that every datum by itself needs, as for its derivative: what a
    polynomial of that degree does not follow is hidden in the datum's noise. None if no degree is
    high enough.
    """
    for degree in range(1, len(t) - FEWEST):
        q, r = np.linalg.qr(chebvander(t, degree + 2), mode="complete")
        left = q[:, degree + 1 :].T @ values
        if np.median(np.sqrt(np.mean(left**2, axis=0)) / sigma) <= FITS:
            every = np.arange(degree + 3)
            at_0 = every * np.sin(every * np.pi / 2)  # slopes of Chebyshev's polynomials
            slopes = solve_triangular(r[: degree + 3].T, at_0, lower=True)  # of orthonormal ones
            return np.asarray(left), np.asarray(slopes[degree + 1 :] @ left[:2])
    return None


def apart(patterns: Sequence[Array], axis: int) -> Array:
    """Return patterns of data one after the other (axis 1), or of columns (2), as of one model.

    The noise of different models is independent; that of different columns stays so.
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
