"""Laplace's approximation: a Gaussian about the maximum of a posterior, and whether it is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.calculus_kit import CalculusKit
from derivkit.forecast.information import Array
from derivkit.forecast.inputs import Point, check_points
from derivkit.forecast.report import Report
from derivkit.forecast.verdict import Verdict
from derivkit.status import Status
from derivkit.validation import real_numbers

__all__ = ["LaplaceResult", "inverse_of", "laplace", "scalar_kit"]

FLAT = 1e-10
"""A curvature below this part of the largest, in scaled parameters, is none."""

MOST_OFF = 1e-3
"""A point within this many sigma of the maximum is the maximum."""


@dataclass(frozen=True, eq=False)
class LaplaceResult(Report):
    """A Gaussian about a point of least negative log-posterior.

    Attributes
    ----------
    names : tuple of p str
    theta_map : ndarray (p,)
    neg_logposterior : float
        Its value there.
    gradient, gradient_error : ndarray (p,)
    hessian, hessian_error : ndarray (p, p)
    covariance, covariance_error : ndarray (p, p)
    newton_step : ndarray (p,)
        From the point to the maximum, as far as the second order tells.
    verdict : Verdict
    nfev : int

    Examples
    --------
    >>> from derivkit import ForecastKit
    >>> kit = ForecastKit(lambda t: t, [1.0, 2.0], [1.0, 1.0])
    >>> def neg_logposterior(t):
    ...     return (t[0] - 1) ** 2 + 2 * (t[1] - 2) ** 2
    >>> result = kit.laplace_result(neg_logposterior=neg_logposterior)
    >>> print(result.sigma.round(6))
    [0.707107 0.5     ]
    """

    names: tuple[str, ...]
    theta_map: Array
    neg_logposterior: float
    gradient: Array
    gradient_error: Array
    hessian: Array
    hessian_error: Array
    covariance: Array
    covariance_error: Array
    newton_step: Array
    verdict: Verdict
    nfev: int

    @property
    def sigma(self) -> Array:
        """Standard deviations (p,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def sigma_error(self) -> Array:
        """What they may be off (p,)."""
        return np.asarray(0.5 * np.diag(self.covariance_error) / self.sigma)

    @property
    def correlation(self) -> Array:
        """The correlation matrix (p, p)."""
        return np.asarray(self.covariance / np.outer(self.sigma, self.sigma))

    @property
    def success(self) -> bool:
        """Whether the derivatives are resolved."""
        return self.verdict.success

    @property
    def is_maximum(self) -> bool:
        """Whether the point is the maximum of the posterior, as far as the gradient tells."""
        known = np.abs(self.gradient) <= self.gradient_error
        return bool((known | (np.abs(self.newton_step) < MOST_OFF * self.sigma)).all())

    @property
    def message(self) -> str:
        """One sentence on how it went, naming the parameters that did not."""
        if self.verdict is Verdict.UNRESOLVED:
            bad = ~np.isfinite(self.sigma_error)
            names = ", ".join(np.array(self.names)[bad].tolist())
            return f"second derivatives of {names} are not resolved"
        if self.is_maximum:
            return "the point is the maximum of the posterior, within its errors"
        steps = ", ".join(
            f"{name} {step:+.4g}"
            for name, step, sigma in zip(self.names, self.newton_step, self.sigma, strict=True)
            if abs(step) >= MOST_OFF * sigma
        )
        return f"theta_map is not the maximum of the posterior; a Newton step there is {steps}"

    def as_derivkit(self) -> dict[str, Any]:
        """Return DerivKit's dict."""
        return {
            "theta_map": self.theta_map,
            "neg_logposterior_at_map": self.neg_logposterior,
            "hessian": self.hessian,
            "cov": self.covariance,
            "jitter": 0.0,
        }

    def log_density(self, theta: Any) -> Any:
        """Return the Gaussian log-density at points (..., p); 0 at its centre."""
        points = check_points("theta", theta, len(self.names))
        d = points - self.theta_map
        return (-0.5 * np.einsum("...i,ij,...j->...", d, self.hessian, d))[()]

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: a dict for each parameter."""
        columns = zip(
            self.names, self.theta_map, self.sigma, self.sigma_error, self.newton_step, strict=True
        )
        return [
            {"parameter": n, "value": float(x), "sigma": float(s), "error": float(e),
             "Newton step": float(d)}
            for n, x, s, e, d in columns
        ]  # fmt: skip


def inverse_of(
    matrix: Any, error: Any = None, names: Any = None, what: str = "`hessian`"
) -> tuple[Array, Array]:
    """Return the inverse of a positive definite matrix (p, p), and what it may be off.

    Raises
    ------
    ValueError
        If it is not positive definite, naming the direction in which it is not.
    """
    H = real_numbers(what.strip("`"), matrix)
    if H.ndim != 2 or H.shape[0] != H.shape[1]:
        raise ValueError(f"{what} must be a square matrix, got shape {H.shape}")
    E = np.zeros_like(H) if error is None else np.asarray(error, dtype=float)
    names = [f"p{i}" for i in range(len(H))] if names is None else names
    if len(names) != len(H):
        raise ValueError(f"{what} must have shape ({len(names)}, {len(names)}), got {H.shape}")
    if not np.isfinite(H).all():
        i, j = np.argwhere(~np.isfinite(H))[0].tolist()
        raise ValueError(f"{what} must be finite, got {H[i, j]} at ({names[i]}, {names[j]})")
    size = np.sqrt(np.abs(np.diag(H)))
    size = np.where(size > 0, size, np.sqrt(np.abs(H).max(axis=0)))
    size = np.where(size > 0, size, 1.0)
    scaled = 0.5 * (H + H.T) / np.outer(size, size)
    values, vectors = np.linalg.eigh(scaled)
    if values[0] <= len(H) * np.finfo(float).eps * np.abs(values).max():
        direction = vectors[:, 0] / size
        direction = direction / np.linalg.norm(direction)
        share = np.abs(vectors[:, 0])
        moves = ", ".join(
            f"{n} {d:+.3g}" for n, d, s in zip(names, direction, share, strict=True) if s > 1e-3
        )
        flat = abs(values[0]) <= FLAT * np.abs(values).max()
        kind = "0: nothing is known there" if flat else "negative: theta is no maximum there"
        raise ValueError(
            f"{what} must be positive definite, got one whose curvature along ({moves}) is {kind}"
        )
    root = vectors / np.sqrt(values) / size[:, None]
    C = root @ root.T
    part = np.abs(C)
    known = np.where(np.isfinite(E), E, 0.0)
    off = part @ known @ part + 8 * np.finfo(float).eps * values[-1] / values[0] * np.outer(
        np.sqrt(np.diag(C)), np.sqrt(np.diag(C))
    )
    loss = part @ (~np.isfinite(E)).astype(float) @ part > 0
    return C, np.where(loss, np.inf, off)


def scalar_kit(function: Callable[[Any], Any], point: Point, options: Any) -> CalculusKit:
    """Return the derivative kit of a negative log-posterior."""
    if not callable(function):
        raise TypeError(f"`neg_logposterior` must be a function, got {type(function).__name__}")
    return CalculusKit(_Scalar(function, point), point.values, names=point.names, **options)


def laplace(
    function: Callable[[Any], Any],
    point: Point,
    options: dict[str, Any],
    method: Any = None,
    **keywords: Any,
) -> LaplaceResult:
    """Return the Gaussian about a point; see `ForecastKit.laplace_result`."""
    kit = scalar_kit(function, point, options)
    value, gradient, hessian = kit.value_gradient_hessian_result(method, **keywords)
    varies = gradient.status != Status.FIXED
    names = tuple(np.array(point.names)[varies].tolist())
    g, g_error = gradient.value[varies], gradient.error[varies]
    H, H_error = (each[np.ix_(varies, varies)] for each in (hessian.value, hessian.error))
    C, E = inverse_of(H, H_error, names)
    step = -C @ g
    resolved = np.isfinite(np.diag(E)).all() and np.isfinite(g_error).all()
    return LaplaceResult(
        names=names,
        theta_map=point.values[varies],
        neg_logposterior=float(value.value),
        gradient=g,
        gradient_error=g_error,
        hessian=H,
        hessian_error=H_error,
        covariance=C,
        covariance_error=E,
        newton_step=step,
        verdict=Verdict.NOT_CHECKED if resolved else Verdict.UNRESOLVED,
        nfev=hessian.nfev,
    )


@dataclass(frozen=True, eq=False)
class _Scalar:
    """A negative log-posterior of the user's kind of theta, as a function of an array."""

    function: Callable[[Any], Any]
    point: Point

    def __call__(self, theta: Array) -> Any:
        value = np.asarray(self.function(self.point.given(theta)))
        return value.reshape(()) if value.size == 1 else value  # the kit refuses the latter
