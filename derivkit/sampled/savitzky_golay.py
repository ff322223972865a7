"""Savitzky-Golay: a moving least-squares polynomial whose window the samples choose themselves.

Not `scipy.signal.savgol_coeffs`: it fits powers of the index, which lose their conditioning at
degree 6 in windows beyond some 300 samples, and gives one place of the window at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from derivkit.sampled.stencils import Stencil
from derivkit.sampled.uncertainty import CONFIDENCE, nearby_max

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["polynomial_stencil", "smooth_derivative"]

# Two terms beyond the first derivative, or the second: the bias of the middle is window**4.
_EXTRA_DEGREE = 3
# Neighbouring windows differ by a quarter: the score is flat at its minimum, a finer ladder buys
# nothing. The longest bounds the cost of a long record to some thousand operations a sample.
_WINDOW_RATIO = 1.25
_LONGEST_WINDOW = 1001
# Kim & Gu (2004) count each degree of freedom 1.4 times: plain cross-validation now and then
# follows the noise, which derivatives do not forgive.
_DEGREE_OF_FREEDOM_COST = 1.4
# The better polynomial is itself off by a part of what it tells of the bias.
_BIAS = 1.5


def smooth_derivative(y: Array, step: float, order: int) -> tuple[Array, Array, str]:
    r"""Differentiate evenly spaced noisy lines.

    Parameters
    ----------
    y : ndarray (N, l)
        Samples, a column a line; one window is chosen for all of them.
    step : float
        Distance of samples.
    order : int
        Order of the derivative.

    Returns
    -------
    value, error : ndarray (N, l)
    method : str
        Names the window and the degree.

    Notes
    -----
    A polynomial of degree ``order + 3`` is fitted in each window. The window minimises the
    generalised cross-validation score :math:`\sum r_i^2 / (1 - 1.4\,\mathrm{tr} H / N)^2`. Noise is
    taken from the residuals; bias from the polynomial of degree two higher, as far as it differs
    by more than a standard deviation of noise.

    References
    ----------
    Savitzky, A. & Golay, M. (1964), Anal. Chem. 36, 1627-1639, doi:10.1021/ac60214a047.
    Craven, P. & Wahba, G. (1978), Numer. Math. 31, 377-403, doi:10.1007/BF01404567.
    Kim, Y.-J. & Gu, C. (2004), J. R. Stat. Soc. B 66, 337-356,
    doi:10.1046/j.1369-7412.2003.05316.x.
    """
    from scipy.special import stdtrit  # noqa: PLC0415 - keeps the import light

    degree = order + _EXTRA_DEGREE
    fits = [_fit(y, window, degree) for window in _windows(degree + 3, len(y))]
    best = min(fits, key=lambda fit: fit.score)
    fitted = polynomial_stencil(best.window, degree, order, step)
    better = polynomial_stencil(best.window, degree + 2, order, step)
    gain, better_gain = (s.gain(len(y))[:, None] for s in (fitted, better))
    value = fitted.apply(y, 0)
    # The two polynomials are nested, so that the noise of one and of the difference add in squares.
    noise = best.noise + np.finfo(float).eps * np.abs(y).max(axis=0)
    explained = noise * np.sqrt(np.maximum(better_gain**2 - gain**2, 0.0))
    bias = np.maximum(np.abs(better.apply(y, 0) - value) - explained, 0.0)
    deviations = stdtrit(best.free, CONFIDENCE)
    error = deviations * noise * gain + _BIAS * nearby_max(bias, best.window // 4, 0)
    return value, error, f"Savitzky-Golay, window {best.window}, degree {degree}"


@dataclass(frozen=True)
class _Fit:
    """How well a window does: its score, lower is better, and the noise (l,) it leaves.

    The noise is told by ``free`` degrees of freedom.
    """

    window: int
    score: float
    noise: Array
    free: float


def _fit(y: Array, window: int, degree: int) -> _Fit:
    """Smooth with one window and score it by generalised cross-validation over all lines."""
    size = len(y)
    smoother = polynomial_stencil(window, degree, 0, 1.0)
    residuals = y - smoother.apply(y, 0)
    # The trace: the two half windows at the edges share one polynomial.
    dof = (size - window) * smoother.middle[window // 2, 0] + degree + 1
    left = max(1.0 - _DEGREE_OF_FREEDOM_COST * dof / size, np.finfo(float).tiny)
    free = size - float(dof)
    noise = np.sqrt(np.sum(residuals**2, axis=0) / free)
    return _Fit(window, float(np.mean(residuals**2) / left / left), noise, free)


def _windows(shortest: int, size: int) -> list[int]:
    """Return odd windows from ``shortest`` to the longest that fits, a constant factor apart."""
    longest = min(size, _LONGEST_WINDOW)
    count = 1 + int(np.log(longest / shortest) / np.log(_WINDOW_RATIO))
    odd = {2 * (int(w) // 2) + 1 for w in shortest * _WINDOW_RATIO ** np.arange(count)}
    return sorted(w for w in odd if w <= longest)


def polynomial_stencil(window: int, degree: int, order: int, step: float) -> Stencil:
    """Return the derivative of the polynomial fitted to each window; order 0 smooths."""
    legendre = np.polynomial.legendre
    t = np.linspace(-1, 1, window)
    q, r = np.linalg.qr(legendre.legvander(t, degree))
    derivatives = legendre.legval(t, legendre.legder(np.eye(degree + 1), order)).T
    weights = np.linalg.solve(r.T, derivatives.T).T @ q.T  # (place in the window, sample)
    weights *= (2 / ((window - 1) * step)) ** order
    half = window // 2
    return Stencil(weights[:half], weights[half][:, None], weights[half + 1 :])
