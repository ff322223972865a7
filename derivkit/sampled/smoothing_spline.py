"""Smoothing splines: a penalised spline whose smoothness the samples choose themselves.

Not `scipy.interpolate.make_smoothing_spline`: that one penalises the second derivative whatever
derivative is asked for, and tells no error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from derivkit.sampled.uncertainty import CONFIDENCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["smooth_derivative"]

# The dense algebra costs N * K**2 operations and N * K doubles; 200 resolve some 50 oscillations.
_MOST_SPLINES = 200
# Smoothness is tried in factors of 2; the likelihood is flat at its maximum.
_SMOOTHNESS_RATIO = 2.0
# A fifth of the degrees of freedom is left to judge the noise by: a spline through every sample
# would say that there is none.
_MOST_FREEDOM = 0.8
# The error includes how well the smoothness is known: the spline is fitted again where this part
# of the smoothness' probability lies beyond, on either side.
_TAIL = 0.1
# Weight of each of these two fits in the error.
_SHARE = 0.25


def smooth_derivative(y: Array, x: Array, order: int) -> tuple[Array, Array, str]:
    r"""Differentiate noisy lines at increasing or decreasing places.

    Parameters
    ----------
    y, order
        As for `savitzky_golay.smooth_derivative`; each line gets a smoothness of its own.
    x : ndarray (N,)
        Coordinates.

    Returns
    -------
    value, error, method
        As there; the method names the degrees of freedom of the spline, of the median line.

    Notes
    -----
    With m = order + 2, the spline s minimises
    :math:`\sum (y_i - s(x_i))^2 + \lambda \int (s^{(m)})^2`. In splines that are orthonormal on the
    samples and orthogonal in roughness (Demmler & Reinsch) it is a product with
    :math:`1 / (1 + \lambda \rho_k)`, and everything else a sum over them. :math:`\lambda` has the
    largest restricted likelihood of the model in which s is a Gaussian process; the error is
    the deviation of the derivative in that model (Wahba 1983), and so holds the bias. Few samples
    leave :math:`\lambda` uncertain: what the fits at the ends of its likelihood differ by is added.

    References
    ----------
    Wahba, G. (1983), Bayesian "confidence intervals" for the cross-validated smoothing spline,
    J. R. Stat. Soc. B 45, 133-150, doi:10.1111/j.2517-6161.1983.tb01239.x.
    Demmler, A. & Reinsch, C. (1975), Oscillation matrices with spline smoothing,
    Numer. Math. 24, 375-382, doi:10.1007/BF01437406.
    Wahba, G. (1985), A comparison of GCV and GML for choosing the smoothing parameter in the
    generalized spline smoothing problem, Ann. Statist. 13, 1378-1402, doi:10.1214/aos/1176349743.
    """
    from scipy.special import stdtrit  # noqa: PLC0415 - keeps the import light

    width = x[-1] - x[0]
    modes = _modes((x - x[0]) / width, order)
    y = y - y.mean(axis=0)
    z = modes.value.T @ y
    outside = np.sum((y - modes.value @ z) ** 2, axis=0)  # what no spline can follow
    rounding = np.finfo(float).eps * np.abs(y).max(axis=0)
    free = len(y) - np.count_nonzero(modes.roughness == 0)
    rougher, likeliest, smoother = _kept(z, outside, modes.roughness, len(y))
    fits = []
    for kept in (likeliest, rougher, smoother):
        noise = (np.sum((1 - kept) * z**2, axis=0) + outside) / free + rounding**2
        fits.append((modes.derivative @ (kept * z), modes.derivative**2 @ kept * noise))
    value, variance = fits[0]
    for other, its_variance in fits[1:]:
        variance = variance + _SHARE * (np.square(other - value) + its_variance - fits[0][1])
    error = stdtrit(free, CONFIDENCE) * np.sqrt(variance) / abs(width) ** order
    freedom = np.median(likeliest.sum(axis=0))
    how = f"smoothing spline, {freedom:.3g} degrees of freedom"
    return value / width**order, error, how


@dataclass(frozen=True)
class _Modes:
    """Splines orthonormal on the samples and orthogonal in roughness, the smoothest first.

    Attributes
    ----------
    value, derivative : ndarray (N, K)
        Each mode, and its derivative, at the samples.
    roughness : ndarray (K,)
        The integral of the squared m-th derivative; 0 for the polynomials it annihilates.
    """

    value: Array
    derivative: Array
    roughness: Array


def _modes(x: Array, order: int) -> _Modes:
    """Return the modes of the splines on places x that run from 0 to 1."""
    from scipy.interpolate import BSpline  # noqa: PLC0415 - keeps the import light

    m = order + 2
    degree = 2 * m - 1
    knots = _knots(x, degree)
    basis = BSpline(knots, np.eye(len(knots) - degree - 1), degree)
    q, r = np.linalg.qr(basis(x))
    places, weights = _quadrature(np.unique(knots), m)
    rough = np.sqrt(weights)[:, None] * basis.derivative(m)(places)
    # Singular values, not eigenvalues of the square: roughness spans more than 16 digits.
    _, root, rotation = np.linalg.svd(np.linalg.solve(r.T, rough.T).T, full_matrices=False)
    root[-m:] = 0.0
    rotation = rotation[::-1].T
    derivative = basis.derivative(order)(x) @ np.linalg.solve(r, rotation)
    return _Modes(q @ rotation, derivative, root[::-1] ** 2)


def _knots(x: Array, degree: int) -> Array:
    """Return not-a-knot knots: as many splines as samples, or as can be afforded, evenly picked."""
    picked = np.linspace(0, len(x) - 1, min(len(x), _MOST_SPLINES)).round().astype(int)
    margin = (degree + 1) // 2
    inner = x[picked][margin:-margin]
    return np.concatenate([np.full(degree + 1, x[0]), inner, np.full(degree + 1, x[-1])])


def _quadrature(cells: Array, m: int) -> tuple[Array, Array]:
    """Return Gauss places and weights, exact for the square of a polynomial of degree m - 1."""
    t, weights = np.polynomial.legendre.leggauss(m)
    half = np.diff(cells)[:, None] / 2
    return (cells[:-1, None] + half * (1 + t)).ravel(), (half * weights).ravel()


def _kept(z: Array, outside: Array, roughness: Array, size: int) -> Array:
    """Return the part of each mode to keep, (3, K, l): least smooth, most likely, smoothest."""
    rough = roughness[roughness > 0]
    m = len(roughness) - len(rough)
    # From keeping every mode to keeping none but the polynomials, with a margin.
    powers = np.arange(-np.log2(rough.max()) - 10, -np.log2(rough.min()) + 10)
    scaled = np.outer(_SMOOTHNESS_RATIO**powers, rough)
    lost = scaled / (1 + scaled)
    lost = lost[m + np.sum(1 - lost, axis=1) <= _MOST_FREEDOM * size]
    tiny = np.finfo(float).tiny  # a constant line is explained without remainder
    misfit = np.log(lost @ z[m:] ** 2 + outside + tiny)
    score = misfit - np.sum(np.log(lost), axis=1)[:, None] / (size - m)
    likelihood = np.exp(-0.5 * (size - m) * (score - score.min(axis=0)))
    below = np.cumsum(likelihood, axis=0) / likelihood.sum(axis=0)
    picks = [(below < _TAIL).sum(axis=0), score.argmin(axis=0), (below < 1 - _TAIL).sum(axis=0)]
    kept = [np.concatenate([np.ones((m, z.shape[1])), 1 - lost[k].T]) for k in picks]
    return np.array(kept)
