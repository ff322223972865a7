"""Polynomial fits through samples on a line: orthonormal polynomials, their spectrum, its noise.

Everything is a linear functional of the samples, worked out once for each set of unit nodes and
kept: a fit is one product of a small matrix with the samples. Nothing here asks for points.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.contrasts import Polynomials, polynomials

__all__ = [
    "Fit",
    "basis_of",
    "best_degree",
    "combined",
    "cut_off",
    "falling",
    "fit",
    "noise_bound",
    "rounding_floor",
    "tail_factors",
    "tail_of",
]

Array = NDArray[np.float64]

# A bound on the error that noise makes, from the last j = 1, 2, … coefficients of a spectrum, is
# this times their root mean square. Student's factors for 95 % are 12.7, 4.3, 3.2, 2.8, 2.6, 2.4;
# as the smallest of the bounds is taken, each must be larger for all of them to hold 97 %.
TAIL_FACTORS = np.array([30.0, 10.0, 6.5, 5.0, 4.5, 4.2])

TERM_SAFETY = 2.0  # for the terms behind the pair that tells the truncation
LEAST_DECAY = 0.03  # two terms are never believed to be more than this much smaller than the last

DECAY_SAFETY = 3.0  # times the slower of the last falls of even and of odd coefficients

FEWEST_FALLING = 9  # coefficients that can show a fall
STEEP = 0.2  # coefficients that fall go down to less than this part each

NO_BOUND = 1e30  # a factor that never wins

SQUARABLE = 1e140  # larger numbers, and smaller ones than its inverse, are scaled before

NOISE_FREE_DEGREES = 3  # coefficients of degree 0..2 are never taken for noise

DEVIATIONS_IN_BOUND = 3.0  # a noise bound is about this many standard deviations


def basis_of(nodes: Array, orders: int) -> Polynomials:
    """Return the polynomials on unit nodes (n,), with derivatives at 0 up to ``orders``."""
    return polynomials(tuple(nodes.tolist()), orders)


def noise_bound(tails: Array, factors: Array) -> Array:
    """Return a bound (…, q) on the noise of one sample.

    Parameters
    ----------
    tails : ndarray (…, j, q)
        Coefficients of the highest degrees, the highest first; see `tail_of`.
    factors : ndarray (…, j, 1)
        From `tail_factors`.

    Notes
    -----
    The least of the bounds that the last 1, 2, … coefficients give: signal among them only makes
    a bound larger, so that what decays fastest is believed.
    """
    largest = np.abs(tails).max(axis=tuple(range(tails.ndim - 1)))
    if largest.min() > 1 / SQUARABLE and largest.max() < SQUARABLE:
        return np.asarray(np.sqrt((factors * np.cumsum(tails * tails, axis=-2)).min(axis=-2)))
    beyond = ~((largest > 1 / SQUARABLE) & (largest < SQUARABLE)) & (largest > 0)
    unit = np.where(beyond & (largest < np.inf), largest, 1.0)
    tails = tails / unit
    return np.asarray(unit * np.sqrt((factors * np.cumsum(tails * tails, axis=-2)).min(axis=-2)))


def falling(spectrum: Array) -> Array:
    """Return a bound (q,) on the noise of one sample, where the last coefficients show none.

    That is so if they fall ever faster: noise would have broken the fall. Then it is no more than
    what comes next in it; else inf. Of a few coefficients a chance fall is too likely.
    """
    if len(spectrum) < FEWEST_FALLING:
        return np.full(spectrum.shape[1], np.inf)
    c = np.abs(spectrum[-4:])
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = c[1:] / c[:-1]
    even = (steps < STEEP).all(axis=0) & (steps[1:] < steps[:-1]).all(axis=0)
    return np.where(even, DECAY_SAFETY * c[-1] * steps[1:].max(axis=0), np.inf)


def combined(functionals: Array, samples: Array) -> Array:
    """Return the functionals (E, N) of each column of samples (N, q), each in the same way.

    The bits of an ordinary product of matrices depend on how many columns there are.
    """
    return np.asarray((functionals @ samples.T[:, :, None])[:, :, 0].T)


@lru_cache(maxsize=64)
def tail_factors(count: int, room: int = 0) -> Array:
    """Return the squared factors (j, 1) for sums of 1 … count squares; ``room`` pads them.

    Without a single coefficient nothing bounds the noise.
    """
    factors = np.full((max(count, room, 1), 1), NO_BOUND)
    factors[:count, 0] = TAIL_FACTORS[:count] ** 2 / np.arange(1.0, count + 1)
    return factors


def tail_of(spectrum: Array) -> Array:
    """Return the rows of a spectrum (n, …) that tell the noise, the highest degree first."""
    return spectrum[: NOISE_FREE_DEGREES - 1 : -1][: len(TAIL_FACTORS)]


def rounding_floor(values: Array) -> Array:
    """Return the least error (q,) that a sample can be believed to have: one unit of rounding."""
    return np.asarray(np.finfo(float).eps * np.abs(values).max(axis=0))


@dataclass(frozen=True, slots=True)
class Fit:
    """The derivative that polynomials of every degree give, from the same samples.

    Attributes
    ----------
    values, truncation, spread : ndarray (degrees, q), (degrees, q), (degrees, 1)
        Row k is of the polynomial of degree k: the derivative, what the coefficients beyond k
        say that it lacks, and the factor by which it carries the noise of one sample.
    doubt : ndarray (degrees, 1)
        The factor by which what tells the truncation carries that noise.
    spectrum : ndarray (n, q)
    """

    values: Array
    truncation: Array
    spread: Array
    doubt: Array
    spectrum: Array


def fit(
    nodes: Array, samples: Array, order: int, *, ridge: float = 0.0, degrees: int | None = None
) -> Fit:
    r"""Fit polynomials of every degree to samples at unit nodes and differentiate them at 0.

    Parameters
    ----------
    nodes : ndarray (n,)
        Distinct, of size about 1.
    samples : ndarray (n, q)
    order : int
    ridge : float
        Coefficients of degree k >= 1 are divided by :math:`1 + \mathrm{ridge}\,k^2`: Tikhonov's
        penalty on the fit's roughness, in the basis in which it is diagonal.
    degrees : int, optional
        Highest degree fitted; n - 1, the interpolant, by default.

    Notes
    -----
    With :math:`c_k = \sum_i \phi_k(t_i) f_i`, the fit of degree K is
    :math:`\sum_{k \le K} c_k \phi_k`, and its derivative at 0 is
    :math:`D_K = \sum_{k \le K} c_k \phi_k^{(d)}(0)`.
    What is cut off is estimated from the terms that follow.
    """
    basis = basis_of(nodes, order)
    spectrum = basis.contrasts @ samples
    slopes = basis.derivatives[order][:, None]
    if ridge:
        slopes = slopes / (1.0 + ridge * np.arange(float(len(nodes)))[:, None] ** 2)
    terms = spectrum * slopes
    last = len(nodes) if degrees is None else degrees + 1
    values = np.cumsum(terms[:last], axis=0)
    squares = np.cumsum(slopes**2, axis=0)
    ahead = np.minimum(np.arange(last) + 2, len(slopes) - 1)
    doubt, spread = np.sqrt(squares[ahead] - squares[:last]), np.sqrt(squares[:last])
    beyond = cut_off(terms, spectrum, order)
    if last < len(terms):  # a fit that may not follow the samples: all they have beyond it counts
        beyond = np.maximum.accumulate(beyond[::-1])[::-1]
    return Fit(values, beyond[:last], spread, doubt, spectrum)


def cut_off(terms: Array, spectrum: Array, order: int) -> Array:
    """Return, for each degree, what the terms beyond it amount to.

    Terms alternate between (almost) nothing and something where the nodes are symmetric, so two
    neighbours always count together. Behind the last term, as much is expected as the decay of the
    last pairs promises: no less than `LEAST_DECAY` of the last pair, unless even and odd
    coefficients of the spectrum both fall faster.
    """
    size = np.abs(terms)
    pairs = size.copy()
    pairs[:-1] += size[1:]  # pair k: terms k and k + 1
    beyond = np.empty_like(size)
    beyond[:-2] = pairs[1:-1]
    ratio = np.ones_like(size[-1])
    if len(size) >= 5:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.nan_to_num(pairs[-2] / pairs[-4], nan=1.0, posinf=1.0)
            falls = np.abs(spectrum[-2:] / spectrum[-4:-2]).max(axis=0)
        fast = DECAY_SAFETY * np.nan_to_num(falls, nan=1.0, posinf=1.0)
        ratio = np.minimum(np.clip(ratio, LEAST_DECAY, 1.0), fast)
    after = pairs[-2] * ratio
    beyond[-2:] = after
    if len(size) > 2:
        beyond[-2] = np.maximum(size[-1], after)
    beyond *= TERM_SAFETY
    beyond[:order] = np.inf  # a polynomial of lower degree knows nothing of the derivative
    return beyond


def best_degree(found: Fit, noise: Array) -> tuple[Array, Array, Array]:
    """Return the value (q,), truncation and noise error of the degree with the least of both.

    Parameters
    ----------
    found : Fit
    noise : ndarray (q,)
        Bound on the noise of one sample.

    Notes
    -----
    The terms that tell the truncation carry noise too, and of many degrees the one whose terms
    cancel with it by chance would look best; so a standard deviation of it is added to them.
    """
    carried = found.spread * noise
    truncation = found.truncation + found.doubt * (noise / DEVIATIONS_IN_BOUND)
    k = (truncation + carried).argmin(axis=0)
    outputs = np.arange(len(noise))
    return found.values[k, outputs], truncation[k, outputs], carried[k, outputs]
