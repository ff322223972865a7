"""Laplace's approximation: a Gaussian about a posterior's maximum, if the point is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus_kit import CalculusKit
from derivkit.forecast.information import Array
from derivkit.forecast.inputs import Point, check_points
from derivkit.forecast.inverse import inverse_of
from derivkit.forecast.report import Judged
from derivkit.forecast.verdict import NEAR_A_BOUND, Verdict, quiet
from derivkit.status import Status
from derivkit.validation import check_function

__all__ = ["LaplaceResult", "laplace", "scalar_kit"]


MOST_OFF = 1e-3
"""A point within this many sigma of the maximum is the maximum."""

MOST_UNKNOWN = 1.0
"""It is not known whether a point is the maximum if errors allow one this many sigma away."""

BAR = 20.0
"""Error bars of slopes are about ten times the noise over the step; twice that is safe."""


@dataclass(frozen=True, eq=False, repr=False)
class LaplaceResult(Judged):
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
        From the point to the maximum of the quadratic model; 0 for a parameter on its bound whose
        step would cross it.
    truncated : tuple of str
        Parameters within two sigma of a bound.
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
    truncated: tuple[str, ...]
    verdict: Verdict
    nfev: int

    @property
    def sigma(self) -> Array:
        """Standard deviations (p,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def sigma_error(self) -> Array:
        """Errors of the standard deviations (p,)."""
        return np.asarray(0.5 * np.diag(self.covariance_error) / self.sigma)

    @property
    def correlation(self) -> Array:
        """The correlation matrix (p, p)."""
        return np.asarray(self.covariance / np.outer(self.sigma, self.sigma))

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
            order = "second" if bad.any() else "first"
            names = np.array(self.names)[bad if bad.any() else ~self.settled].tolist()
            return f"{order} derivatives of {', '.join(names)} are not resolved"
        if self.is_maximum:
            cut = f"{', '.join(self.truncated)}: {self.verdict}, {self.verdict.text}; "
            there = "the point is the maximum of the posterior, within its errors"
            return (cut if self.truncated else "") + there
        steps = ", ".join(
            f"{name} {step:+.4g}"
            for name, step, sigma in zip(self.names, self.newton_step, self.sigma, strict=True)
            if abs(step) >= MOST_OFF * sigma
        )
        return f"theta_map is not the maximum of the posterior; a Newton step there is {steps}"

    @property
    def settled(self) -> NDArray[np.bool_]:
        """Which parameters (p,) have their maximum where it is said to be, within some sigma."""
        return np.asarray(
            np.abs(self.covariance) @ self.gradient_error <= MOST_UNKNOWN * self.sigma
        )

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
        points = check_points("theta", theta, self.names)
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


def scalar_kit(function: Callable[[Any], Any], point: Point, options: Any) -> CalculusKit:
    """Return the derivative kit of a negative log-posterior."""
    checked = check_function("neg_logposterior", function)
    return CalculusKit(_Scalar(checked, point), point.values, names=point.names, **options)


def laplace(
    function: Callable[[Any], Any],
    point: Point,
    options: dict[str, Any],
    method: Any = None,
    **keywords: Any,
) -> LaplaceResult:
    """Return the Gaussian about a point; see `ForecastKit.laplace_result`."""
    kit = scalar_kit(function, point, options)
    with quiet():
        value, gradient, hessian = kit.value_gradient_hessian_result(method, **keywords)
    varies = gradient.status != Status.FIXED
    names = tuple(np.array(point.names)[varies].tolist())
    if np.iscomplexobj(hessian.value):
        raise TypeError("`neg_logposterior` must return real numbers, got complex ones")
    g, g_error = gradient.value[varies], _bounded(gradient, hessian)[varies]
    H, H_error = (each[np.ix_(varies, varies)] for each in (hessian.value, hessian.error))
    C, E = inverse_of(H, H_error, names)
    problem = kit._problem  # noqa: SLF001 - its checked bounds
    below = (point.values - problem.lower)[varies]
    above = (problem.upper - point.values)[varies]
    cut = np.minimum(below, above) < NEAR_A_BOUND * np.sqrt(np.diag(C))
    step = _newton_step(H, g, ((below <= 0) & (g > g_error)) | ((above <= 0) & (g < -g_error)))
    found = LaplaceResult(
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
        truncated=tuple(np.array(names)[cut].tolist()),
        verdict=Verdict.TRUNCATED if cut.any() else Verdict.NOT_CHECKED,
        nfev=hessian.nfev,
    )
    resolved = np.isfinite(np.diag(E)).all() and found.settled.all()
    return found if resolved else replace(found, verdict=Verdict.UNRESOLVED)


def _bounded(gradient: Any, hessian: Any) -> Array:
    """Return the errors (p,) of a gradient; an upper bound where an error is not known.

    At a maximum the gradient is 0 and lost in rounding: a bound is all that can be known. Where the
    curvature is resolved, samples follow a polynomial, whose slope is uncertain by rounding over
    the step.
    """
    bound = gradient.finite_bound
    bound = np.full(gradient.error.shape, np.inf) if bound is None else bound
    bound = np.where(np.isnan(bound), np.inf, bound)
    curved = np.isfinite(np.diag(hessian.error)) & (gradient.status == Status.LOST_IN_ROUNDING)
    slope = BAR * gradient.noise / np.where(gradient.step > 0, gradient.step, np.nan)
    bound = np.where(curved & np.isfinite(slope), np.minimum(bound, slope), bound)
    return np.where(np.isfinite(gradient.error), gradient.error, bound)


def _newton_step(H: Array, g: Array, held: NDArray[np.bool_]) -> Array:
    """Return the step (p,) to the minimum of g d + d H d / 2, some parameters held."""
    step, free = np.zeros(g.size), ~held
    if free.any():
        step[free] = -inverse_of(H[np.ix_(free, free)])[0] @ g[free]
    return step


@dataclass(frozen=True, eq=False)
class _Scalar:
    """A negative log-posterior of the user's kind of theta, as a function of an array."""

    function: Callable[[Any], Any]
    point: Point

    def __call__(self, theta: Array) -> Any:
        value = self.function(self.point.given(theta))
        if not isinstance(theta, np.ndarray):  # automatic differentiation follows it
            return value
        value = np.asarray(value)
        return value.reshape(()) if value.size == 1 else value  # the kit refuses the latter
