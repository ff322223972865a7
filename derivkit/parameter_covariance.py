r"""Covariances of parameters from a Jacobian or a Hessian, with the derivatives' errors propagated.

For a least-squares fit with residuals r and Jacobian J, :math:`C = s^2 (J^T W J)^{-1}` is the
inverse of the *expected* information; for a negative log-likelihood with Hessian H,
:math:`C = H^{-1}` is that of the *observed* one. The algebra and its errors are those of forecasts
(`derivkit.forecast.information`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from derivkit.calculus.coordinates import Coordinates, must_be_own
from derivkit.calculus.driver import run_together
from derivkit.calculus.hyper_hessian import HyperHessian
from derivkit.calculus.parameters import check_bounds, must_be_inside, put_inside
from derivkit.calculus.problem import Problem, check_problem, split_keywords
from derivkit.engine.memo import Memo
from derivkit.engine.names import in_order, matrix_in_order, order_of
from derivkit.engine.trees import Branch, flatten
from derivkit.forecast.covariance import whitener_of
from derivkit.forecast.derivatives import Derivatives
from derivkit.forecast.information import Information
from derivkit.forecast.inverse import inverse_of
from derivkit.methods.registry import MethodLike
from derivkit.results.labels import Labels
from derivkit.results.result import DerivativeResult
from derivkit.results.table import html_table, rows_of
from derivkit.status import Status
from derivkit.validation import check_known, has, real_numbers, shown, typed, with_keywords_of

__all__ = ["Covariance", "Propagated", "covariance", "propagate"]

FORMATS = {"value": "{:.10g}", "sigma": "{:.6g}", "error": "{:.2g}"}

Array = NDArray[np.float64]


def _not_0(deviations: Array) -> Array:
    return np.where(deviations > 0, deviations, 1.0)


@dataclass(frozen=True, eq=False, repr=False)
class Covariance:
    """A covariance matrix of parameters, and what numerical differentiation may be off.

    Attributes
    ----------
    value, error : ndarray (p, p)
    names : tuple of p str
    held : tuple of str
        Parameters on a bound, which do not vary: their rows are 0.

    Examples
    --------
    A negative log-likelihood with standard deviations 2 and 0.5:

    >>> from derivkit import CalculusKit, covariance
    >>> kit = CalculusKit(lambda x: x["a"] ** 2 / 8 + 2 * x["b"] ** 2, {"a": 0.0, "b": 0.0})
    >>> found = covariance(kit.hessian_result())
    >>> found.standard_errors.round(6).tolist(), found.names
    ([2.0, 0.5], ('a', 'b'))
    """

    value: NDArray[np.float64]
    error: NDArray[np.float64]
    names: tuple[str, ...]
    held: tuple[str, ...] = ()

    @property
    def standard_errors(self) -> NDArray[np.float64]:
        """Square roots of the diagonal, (p,)."""
        return np.asarray(np.sqrt(np.diag(self.value)))

    @property
    def standard_errors_error(self) -> NDArray[np.float64]:
        """What they may be off, (p,)."""
        return np.asarray(0.5 * np.diag(self.error) / _not_0(self.standard_errors))

    @property
    def correlation(self) -> NDArray[np.float64]:
        """The correlation matrix (p, p)."""
        deviations = _not_0(self.standard_errors)
        return np.asarray(self.value / np.outer(deviations, deviations))

    @typed
    def interval(self, x: Any, level: float = 0.95) -> Array:
        """Return Wald intervals (p, 2) about estimates x (p,)."""
        if not 0 < level < 1:
            raise ValueError(f"`level` must be a probability between 0 and 1, got {level}")
        centre = _row("x", real_numbers("x", x), len(self.names))
        half = norm.ppf(0.5 + 0.5 * level) * self.standard_errors
        return np.stack([centre - half, centre + half], axis=1)

    def __str__(self) -> str:
        rows = zip(self.names, self.standard_errors, self.standard_errors_error, strict=True)
        return "\n".join(f"{name}: ± {s:.6g} ({e:.1g})" for name, s, e in rows)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        sigma, off = self.standard_errors, self.standard_errors_error
        rows = rows_of(parameter=self.names, sigma=sigma.tolist(), error=off.tolist())
        return html_table(rows, "standard errors, and what they may be off", FORMATS)


def covariance(
    result: DerivativeResult,
    residuals: Any = None,
    *,
    sigma: Any = None,
    cov: Any = None,
    cov_type: str = "classic",
    bounds: Any = None,
) -> Covariance:
    """Return the parameters' covariance at the optimum of a fit.

    Parameters
    ----------
    result : DerivativeResult
        Of `CalculusKit.jacobian_result` for residuals or model values (m, p), or of
        `CalculusKit.hessian_result` for a negative log-likelihood (p, p).
    residuals : array_like (m,), optional
        Data minus model, with a Jacobian: their variance RSS / (m - p) is the data's.
    sigma : float or array_like (m,), optional
        The data's standard deviations, instead, with a Jacobian.
    cov : array_like (m, m), sparse, …, optional
        The data's covariance, instead, as `derivkit.ForecastKit` takes it.
    cov_type : {"classic", "sandwich"}
        With residuals: the sandwich estimate also holds where the data's variances are not what
        was assumed (Huber, White 1980, doi:10.2307/1912934; HC0).
    bounds : sequence of p (lower, upper), scipy.optimize.Bounds or mapping, optional
        Parameters on a bound are held there. As for `CalculusKit`: of As itself, where the result
        is with respect to ln As.

    Returns
    -------
    Covariance

    Raises
    ------
    TypeError
        For another kind of result, or data where they have no place.
    ValueError
        If shapes do not fit, or the parameters are not determined (a singular Jacobian, a Hessian
        that is not positive definite).

    Examples
    --------
    The mean of five numbers:

    >>> import numpy as np
    >>> from derivkit import CalculusKit, covariance
    >>> data = np.array([1.0, 2.0, 4.0, 3.0, 2.0])
    >>> kit = CalculusKit(lambda x: data - x[0], [data.mean()])
    >>> found = covariance(kit.jacobian_result(), data - data.mean())
    >>> bool(np.isclose(found.standard_errors[0], data.std(ddof=1) / 5**0.5))
    True
    """
    check_known("cov_type", cov_type, ("classic", "sandwich"))
    if not has(result, "value", "error", "order"):
        raise TypeError(f"`result` must be that of a Jacobian or a Hessian, got {shown(result)}")
    shape = np.shape(result.value)
    free = _free(result, bounds)
    J, E = result.value[..., free], result.error[..., free]
    if result.order == 2 and result.parameter_axes == 2 and len(shape) == 2:
        if residuals is not None or sigma is not None or cov is not None:
            raise TypeError(
                "`residuals`, `sigma` and `cov` go with a Jacobian, got them with a Hessian"
            )
        if np.isfinite(J[free]).all() and (np.diag(J[free]) < 0).all():
            raise ValueError(
                "the Hessian must be that of a minimum, got that of a maximum: pass the negative "
                "log-likelihood, or minus the Hessian's result"
            )
        names = [name for name, yes in zip(result.names, free.tolist(), strict=True) if yes]
        value, error = inverse_of(J[free], E[free], names)
    elif result.order == 1 and result.parameter_axes == 1 and len(shape) == 2:
        if np.isnan(J).any():
            raise ValueError(f"the Jacobian must be numbers, got nan: {result.message}")
        value, error = _from_jacobian(J, E, residuals, sigma, cov, sandwich=cov_type != "classic")
    else:
        raise TypeError(
            f"`result` must be that of a Jacobian (m, p) or a Hessian (p, p), got order "
            f"{result.order} and shape {shape}"
        )
    whole = np.zeros((2, free.size, free.size))
    for each, part in zip(whole, (value, error), strict=True):
        each[np.ix_(free, free)] = part
    varies = _varies(result)  # fixed parameters are left out; those on a bound are listed in `held`
    shown_names = tuple(
        name for name, yes in zip(result.names, varies.tolist(), strict=True) if yes
    )
    held = tuple(n for n, yes in zip(shown_names, free[varies].tolist(), strict=True) if not yes)
    value, error = (each[np.ix_(varies, varies)] for each in whole)
    return Covariance(value, error, shown_names, held)


def _varies(result: DerivativeResult) -> NDArray[np.bool_]:
    fixed = np.reshape(result.status == Status.FIXED, (-1, len(result.names)))
    return np.asarray(~fixed.all(axis=0))


@dataclass(frozen=True, eq=False)
class Propagated:
    """What a function of uncertain parameters is, and how uncertain, to first order.

    Attributes
    ----------
    value : float or ndarray (*out)
        f(x0); a dict, Series, … where the function returns one.
    covariance : ndarray (m, m), or float for a number
        J C J^T alone, of the outputs counted flat.
    error : as covariance
        What the errors of the derivatives may change it by.
    standard_errors : as value
        Square roots of the diagonal.

    Examples
    --------
    >>> from derivkit import propagate
    >>> print(propagate(lambda x: x[0] * x[1], [2.0, 3.0], [[0.01, 0.0], [0.0, 0.04]]))
    6 ± 0.5
    """

    value: Any
    covariance: Any
    error: Any
    standard_errors: Any

    def __str__(self) -> str:
        return "\n".join(
            (f"{row['output']}: " if "output" in row else "")
            + f"{row['value']:.10g} ± {row['sigma']:.3g}"
            for row in self._rows()
        )

    def _repr_html_(self) -> str:
        return html_table(self._rows(), "to first order", FORMATS)

    def _rows(self) -> list[dict[str, Any]]:
        value, tree = flatten(self.value, "value", real_numbers)
        sigma, _ = flatten(self.standard_errors, "sigma", real_numbers)
        named = isinstance(tree, Branch) or tree.kind in {"series", "frame"}
        names = {"output": tree.names()} if named else {}
        return rows_of(**names, value=value.ravel().tolist(), sigma=sigma.ravel().tolist())


@with_keywords_of(check_problem, run_together)
def propagate(
    function: Callable[..., Any],
    x0: Any,
    cov: Any,
    *,
    method: MethodLike = None,
    n_workers: int | None = None,
    **keywords: Any,
) -> Propagated:
    """Return a function's value at uncertain parameters, with the covariance J C J^T.

    Parameters
    ----------
    function, x0
        As for `CalculusKit`.
    cov : array_like (p, p) or (p,), DataFrame, Covariance, mapping, or float
        The parameters' covariance, of a frame or a `Covariance` by its names; variances, also by
        name; or one variance for all. What bounds hold fixed is taken to be exact.
    method, n_workers
        As for `CalculusKit.gradient`.
    **keywords
        Those of `CalculusKit`, and the method's options.

    Returns
    -------
    Propagated

    Raises
    ------
    ValueError
        If ``cov`` has another shape, or is no covariance.

    Examples
    --------
    >>> from derivkit import propagate
    >>> print(propagate(lambda x: x[0] * x[1], [3.0, 2.0], [0.01, 0.04]))
    6 ± 0.632
    """
    of_problem, options = split_keywords(keywords)
    if of_problem.get("wrt") is not None:
        raise ValueError("`wrt` must be left out: the covariance is that of all parameters")
    problem = check_problem(function, x0, **of_problem)
    must_be_own(problem.coordinates or None, "`cov` is the covariance of x0 itself")
    C = _parameters_covariance(cov, problem)
    tensors = HyperHessian(0), HyperHessian(1)
    value, result = run_together(problem, Memo(), tensors, method, n_workers=n_workers, **options)
    J, E = (np.reshape(a, (-1, problem.p)) for a in (result.value, result.error))
    fixed = problem.lower == problem.upper
    J, E = np.where(fixed, 0.0, J), np.where(fixed, 0.0, E)
    if np.iscomplexobj(J):
        raise TypeError(
            "`function` must return real numbers, got complex ones: return real and imaginary part"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        covariance = J @ C @ J.T
        half = _product(np.eye(len(J)), E, np.abs(C) @ np.abs(J).T)
        both = _product(np.eye(len(J)), E, np.abs(C) @ np.where(np.isfinite(E), E, 1.0).T)
        error = half + half.T + both
    sigma = np.sqrt(np.diag(covariance)).reshape(value.value.shape)
    alone = value.value.shape == ()
    labels = Labels(()) if value.labels is None else value.labels
    return Propagated(
        value.labelled(),
        covariance.item() if alone else covariance,
        error.item() if alone else error,
        sigma.item() if alone else labels.given_to(sigma, 0),
    )


def _parameters_covariance(cov: Any, problem: Problem) -> NDArray[np.float64]:
    p = problem.p
    if isinstance(cov, Covariance):
        order = order_of(cov.names, problem.given_names)
        if order is None:
            raise ValueError(
                f"`cov` must be that of {', '.join(problem.given_names)}, got one of "
                f"{', '.join(cov.names)}"
            )
        cov = cov.value[np.ix_(order, order)]
    cov = matrix_in_order("cov", cov, problem.names)
    C = real_numbers("cov", in_order("cov", cov, problem.names, 0.0))
    if C.shape in {(), (p,)}:
        C = np.diag(np.broadcast_to(C, p))
    if C.shape != (p, p):
        raise ValueError(f"`cov` must be a number, ({p},) variances or ({p}, {p}), got {C.shape}")
    size = np.sqrt(np.abs(np.diag(C)))
    scaled = C / np.outer(size, size).clip(np.finfo(float).tiny)
    if not np.isfinite(C).all() or not np.allclose(scaled, scaled.T, atol=1e-8):
        raise ValueError(f"`cov` must be finite and symmetric, got {shown(cov)}")
    if np.linalg.eigvalsh(scaled)[0] < -1e-8 * p:
        raise ValueError(f"`cov` must have no negative eigenvalue, got {shown(cov)}")
    return np.asarray(0.5 * C + 0.5 * C.T)


def _free(result: DerivativeResult, bounds: Any) -> NDArray[np.bool_]:
    """Return which parameters (p,) are neither fixed nor on a bound."""
    x = np.ravel(result.x0)
    varies = _varies(result)
    if bounds is None:
        return varies
    labels = result.labels or Labels(result.names)
    names = labels.own_names
    lower, upper = check_bounds(in_order("bounds", bounds, names, (None, None)), x.size)
    coordinates = Coordinates.of(labels.coordinates or None, names)
    lower, upper = coordinates.at(lower), coordinates.at(upper)
    x = put_inside(x, lower, upper)
    must_be_inside(x, lower, upper)
    free = np.asarray((lower < x) & (x < upper) & varies)
    if not free.any():
        raise ValueError("at least one parameter must be off its bounds, got none")
    return free


def _from_jacobian(
    J: Array, E: Array, residuals: Any, sigma: Any, cov: Any, *, sandwich: bool
) -> tuple[Array, Array]:
    m, p = J.shape
    known = [each for each in (sigma, cov) if each is not None]
    if (residuals is None and not known) or len(known) > 1:
        raise TypeError("either `residuals` or `sigma` must be given with a Jacobian")
    if residuals is not None and known and not sandwich:
        raise TypeError("either `residuals` or `sigma` must be given, got both")
    if sandwich and residuals is None:
        raise TypeError("`residuals` must be given for a sandwich estimate, got none")
    if m < p or not np.isfinite(J).all() or not J.any(axis=0).all():
        raise ValueError("the Jacobian must determine every parameter, got one that does not")
    whitener = whitener_of(_weights(sigma, m) if cov is None else cov, m)
    lost = np.asarray(~np.isfinite(E).all(axis=0))
    information = Derivatives.plain(J, E).whitened(whitener, lost)
    if information.unconstrained.any():
        raise ValueError("the Jacobian must have independent columns, got one that has not")
    value, error = information.covariance, information.covariance_error
    if sandwich:
        r = _row("residuals", real_numbers("residuals", residuals), m)
        return _sandwich(information, r, value, error)
    variance = 1.0 if residuals is None else _variance(residuals, m, p)
    with np.errstate(invalid="ignore"):  # 0 times an error of inf
        return variance * value, variance * error


def _spread(values: Array, m: int) -> Array:
    return np.broadcast_to(values, m) if values.size == 1 else values


def _weights(sigma: Any, m: int) -> Any:
    """Return the data's variances, from their standard deviations."""
    if sigma is None:
        return 1.0
    deviations = _row("sigma", _spread(real_numbers("sigma", sigma), m), m)
    if not (deviations > 0).all():
        raise ValueError("`sigma` must be positive, got a number that is not")
    return deviations**2


def _sandwich(information: Information, r: Array, C: Array, E: Array) -> tuple[Array, Array]:
    """Return C (sum of the scores' squares) C, and what it may be off."""
    scores = information.dual * r[:, None]
    root = C @ scores.T
    off = np.abs(C) @ (information.error * np.abs(r)[:, None]).T + E @ np.abs(scores).T
    half = off @ np.abs(root).T
    return root @ root.T, half + half.T


def _variance(residuals: Any, m: int, p: int) -> float:
    r = _row("residuals", real_numbers("residuals", residuals), m)
    if m <= p:
        raise ValueError(f"`residuals` must be more than the {p} parameters, got {m}")
    return float(r @ r) / (m - p)


def _row(name: str, values: Array, m: int) -> Array:
    if values.shape != (m,) or not np.isfinite(values).all():
        raise ValueError(f"`{name}` must be {m} finite numbers, got shape {values.shape}")
    return values


def _product(
    left: NDArray[np.float64], E: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return left E right, inf where an unknown error has any influence."""
    known = np.where(np.isfinite(E), E, 0.0)
    unknown = np.where(np.isfinite(E), 0.0, 1.0)
    influence = left @ unknown @ right
    return np.where(influence > 0, np.inf, left @ known @ right)
