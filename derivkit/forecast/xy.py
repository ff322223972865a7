r"""Errors in x: the effective covariance of y where the places x of the data are uncertain too.

To first order y scatters about mu(x0, theta) with

.. math:: R(\theta) = C_{yy} - T C_{xy} - (T C_{xy})^T + T C_{xx} T^T,
          \qquad T = \partial\mu/\partial x,

which depends on theta (Heavens et al. 2014, doi:10.1093/mnras/stu1866). The derivatives of R need
mixed derivatives of mu: one kit of x and theta together gives them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.calculus_kit import CalculusKit
from derivkit.forecast.covariance import whitener_of
from derivkit.forecast.covariance_of_theta import half_of
from derivkit.forecast.derivatives import Derivatives
from derivkit.forecast.information import Array
from derivkit.forecast.inputs import Point, check_vector
from derivkit.forecast.verdict import quiet
from derivkit.validation import real_numbers, shown

__all__ = ["Places", "effective"]

LEAST = 1e-10
"""Rounding can make an eigenvalue of a correlation matrix negative by this much."""


@dataclass(frozen=True, eq=False)
class Places:
    """mu(x, theta), where x is uncertain.

    Attributes
    ----------
    function : callable
        (x, theta) -> means (m,).
    x0 : ndarray (n,)
    xx, xy, yy : ndarray (n, n), (n, m), (m, m)
        Covariances.
    """

    function: Callable[[Array, Any], Any]
    x0: Array
    xx: Array
    xy: Array
    yy: Array

    @classmethod
    def of(cls, function: Any, x0: Any, cov_xy: Any) -> Places:
        """Check what was given; cov_xy (n + m, n + m) has the x first."""
        if not callable(function):
            raise TypeError(f"`mu_xy` must be a function of x and theta, got {shown(function)}")
        x = check_vector("x0", x0)
        C = real_numbers("cov_xy", cov_xy)
        n = x.size
        if C.ndim != 2 or C.shape[0] != C.shape[1] or len(C) <= n:
            raise ValueError(
                f"`cov_xy` must be a matrix of {n} x and the y after them, got shape {C.shape}"
            )
        if not np.isfinite(C).all() or not np.allclose(C, C.T, rtol=1e-8, atol=0):
            raise ValueError("`cov_xy` must be finite and symmetric, got one that is not")
        uncertain = C.any(axis=0)  # others are exact
        known = np.diag(C)[uncertain]
        if not (known > 0).all():
            raise ValueError(
                f"`cov_xy` must be positive definite but for x that are exact, got {known.min():g} "
                "on its diagonal"
            )
        scaled = C[np.ix_(uncertain, uncertain)] / np.sqrt(np.outer(known, known))
        least = float(np.linalg.eigvalsh(scaled).min(initial=1.0))
        if least < -LEAST:
            raise ValueError(
                f"`cov_xy` must be positive definite but for x that are exact, got {least:.3g} as "
                "the least eigenvalue of its correlation matrix"
            )
        return cls(function, x, C[:n, :n], C[:n, n:], C[n:, n:])


@dataclass(frozen=True, eq=False)
class _Joint:
    """The model as a function of x and theta in one array."""

    places: Places
    point: Point

    def __call__(self, z: Array) -> Array:
        n = self.places.x0.size
        return np.asarray(self.places.function(z[:n], self.point.given(z[n:])), float).ravel()


def effective(
    places: Places, point: Point, bounds: Array, method: Any, **keywords: Any
) -> tuple[Derivatives, Array]:
    """Return the derivatives of mean and half of R (m + m (m + 1) / 2, p), and R (m, m)."""
    n, p = places.x0.size, len(point.names)
    names = [f"x[{i}]" for i in range(n)] + list(point.names)
    limits = [(-np.inf, np.inf)] * n + [(low, high) for low, high in bounds.tolist()]
    start = np.r_[places.x0, point.values]
    kit = CalculusKit(_Joint(places, point), start, names=names, bounds=limits)
    uncertain = [i for i in range(n) if places.xx[i].any() or places.xy[i].any()]
    with quiet():
        first = kit.jacobian_result(method, **keywords)
        m = len(first.value)
        if m != len(places.yy):
            raise ValueError(f"`cov_xy` must be of {n} x and {m} y, got {n} and {len(places.yy)}")
        dT, dE = np.zeros((2, p, m, n))
        nfev = first.nfev
        for i in uncertain:
            for j in np.flatnonzero(bounds[:, 0] < bounds[:, 1]).tolist():
                mixed = kit.mixed_result(i, n + j, method=method, **keywords)
                dT[j, :, i], dE[j, :, i] = mixed.value, _bounded(mixed)
                nfev += mixed.nfev
    T, E = np.zeros((2, m, n))
    held = np.r_[np.zeros(n, bool), bounds[:, 0] >= bounds[:, 1]]
    slope, slope_error = np.where(held, 0.0, [first.value, _bounded(first)])
    T[:, uncertain], E[:, uncertain] = slope[:, uncertain], slope_error[:, uncertain]
    lever = places.xx @ T.T - places.xy  # R changes by dT lever, and its transpose
    slack = np.abs(places.xx) @ E.T
    R = places.yy - T @ places.xy - (T @ places.xy).T + T @ places.xx @ T.T
    R_error = _both(E @ np.abs(lever)) + E @ np.abs(places.xx) @ E.T
    dR = [_both(d @ lever) for d in dT]
    dR_error = [
        _both(e @ np.abs(lever) + (np.abs(d) + e) @ slack) for d, e in zip(dT, dE, strict=True)
    ]
    whitener = whitener_of(R, m, name="the effective covariance")
    inverse = np.abs(whitener.adjoint(whitener.whiten(np.eye(m))))
    J = slope[:, n:]
    # an error of R acts on F as one of J by R_error R^-1 J / 2, and alike for dR
    J_error = slope_error[:, n:] + 0.5 * R_error @ inverse @ np.abs(J)
    halves = [e + _both(R_error @ inverse @ np.abs(d)) for d, e in zip(dR, dR_error, strict=True)]
    value = np.concatenate([J, np.stack([half_of(d) for d in dR], axis=1)])
    error = np.concatenate([J_error, np.stack([half_of(e) for e in halves], axis=1)])
    return Derivatives.plain(value, error, nfev), R


def _bounded(result: Any) -> Array:
    """Return the errors of a result; its finite bound where an error is inf."""
    return np.asarray(np.where(np.isfinite(result.error), result.error, result.finite_bound))


def _both(M: Array) -> Array:
    return M + M.T
