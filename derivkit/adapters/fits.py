"""Gradients and Jacobians as fitting packages call for them: iminuit, lmfit, scipy's curve_fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.adapters.host import Host, shows_keywords
from derivkit.engine.progress import Show
from derivkit.methods.registry import MethodLike
from derivkit.parameter_covariance import covariance
from derivkit.validation import called_like, real_numbers

__all__ = ["for_curve_fit", "for_iminuit", "for_lmfit", "standard_errors"]


@shows_keywords
def for_iminuit(
    function: Callable[..., Any],
    method: MethodLike = None,
    *,
    n_workers: int | None = None,
    max_evaluations: int | None = None,
    progress: bool | Show | None = None,
    **keywords: Any,
) -> Callable[..., NDArray[np.float64]]:
    """Return the gradient for ``Minuit(function, …, grad=)``, in either of its calling styles.

    Parameters
    ----------
    function : callable
        The cost: f(a, b, …) for ``Minuit(f, a=1, b=2)``, or f(array) for ``Minuit(f, array)``.
    method : str or method value, optional
    **keywords
        Those of `CalculusKit`, of its calls, and the method's options.

    Raises
    ------
    TypeError, ValueError
        If the function is not callable, or a keyword has a bad value: at once, not inside the fit.

    Examples
    --------
    >>> import derivkit
    >>> derivkit.for_iminuit(lambda a, b: a**2 * b)(3.0, 2.0).round(6).tolist()
    [12.0, 9.0]
    """
    keywords |= {"n_workers": n_workers, "max_evaluations": max_evaluations, "progress": progress}
    host = Host(function, method, keywords)

    def gradient(*x: Any) -> NDArray[np.float64]:
        if len(x) == 1 and np.ndim(x[0]) == 1:
            return host.both(x[0])[1]
        of_arguments = Host(function, method, {**keywords, "call": "positional"})
        return of_arguments.both(list(x))[1]

    return gradient


class LmfitJacobian:
    """The Jacobian (m, n) of a residual with respect to the parameters that vary."""

    def __init__(
        self, residual: Callable[..., Any], method: MethodLike, keywords: dict[str, Any]
    ) -> None:
        Host(residual, method, keywords)  # at once: the first call is inside the optimiser
        self._residual, self._method, self._keywords = residual, method, keywords

    def __call__(self, params: Any, *args: Any, **kwargs: Any) -> NDArray[np.float64]:
        """Return the Jacobian, as lmfit's ``Dfun`` is called."""
        return np.asarray(self._result(params, args, kwargs).value)

    def standard_errors(self, params: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Return the standard errors by name, at the best fit, from the residuals' variance."""
        residuals = np.asarray(self._residual(params, *args, **kwargs), dtype=float)
        found = covariance(self._result(params, args, kwargs), residuals)
        return dict(zip(found.names, found.standard_errors.tolist(), strict=True))

    def _result(self, params: Any, args: Any, kwargs: Any) -> Any:
        varied = [p for p in params.values() if p.vary and not p.expr]

        def residual(values: dict[str, float]) -> Any:
            here = params.copy()
            for name, value in values.items():
                here[name].value = value
            return self._residual(here, *args, **kwargs)

        bounds = [(p.min, p.max) for p in varied]
        host = Host(residual, self._method, {"bounds": bounds, **self._keywords})
        kit = host.kit({p.name: p.value for p in varied})
        return kit.jacobian_result(self._method, **host.of_call)


@shows_keywords
def for_lmfit(
    residual: Callable[..., Any],
    method: MethodLike = None,
    *,
    n_workers: int | None = None,
    max_evaluations: int | None = None,
    **keywords: Any,
) -> LmfitJacobian:
    """Return what ``lmfit.minimize(residual, params, Dfun=)`` takes: the Jacobian (m, n).

    Its ``standard_errors(params, …)`` are those at a best fit found by any means.

    Parameters
    ----------
    residual : callable
        ``residual(params, *args, **kwargs)`` with lmfit's Parameters, returns an array (m,).
        Parameters that do not vary or are expressions are left as they are.
    method, **keywords
        As for `for_iminuit`.

    Examples
    --------
    >>> import lmfit  # doctest: +SKIP
    >>> jacobian = for_lmfit(residual)  # doctest: +SKIP
    >>> lmfit.minimize(residual, params, Dfun=jacobian).success  # doctest: +SKIP
    True
    """
    keywords |= {"n_workers": n_workers, "max_evaluations": max_evaluations}
    return LmfitJacobian(residual, method, keywords)


@called_like(for_iminuit)
def for_curve_fit(
    function: Callable[..., Any], method: MethodLike = None, **keywords: Any
) -> Callable[..., NDArray[np.float64]]:
    """Return the Jacobian (m, n) for ``scipy.optimize.curve_fit(function, …, jac=)``.

    Parameters
    ----------
    function : callable
        f(xdata, a, b, …) returns an array (m,).
    method, **keywords
        As for `for_iminuit`.

    Examples
    --------
    >>> import derivkit, numpy as np
    >>> jac = derivkit.for_curve_fit(lambda x, a, b: a * np.exp(b * x))
    >>> jac(np.array([0.0, 1.0]), 2.0, 0.0).round(6).tolist()
    [[1.0, 0.0], [1.0, 2.0]]
    """
    Host(function, method, keywords)  # at once: the first call is inside the optimiser

    def jacobian(xdata: Any, *parameters: float) -> NDArray[np.float64]:
        host = Host(lambda p: function(xdata, *p), method, keywords)
        kit = host.kit(list(parameters))
        return np.asarray(kit.jacobian_result(method, **host.of_call).value)

    return jacobian


@shows_keywords
def standard_errors(
    function: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    popt: Any,
    sigma: Any = None,
    *,
    method: MethodLike = None,
    n_workers: int | None = None,
    max_evaluations: int | None = None,
    **keywords: Any,
) -> NDArray[np.float64]:
    """Return the standard errors (n,) of a fit's parameters.

    Parameters
    ----------
    function : callable
        f(xdata, a, b, …) returns an array (m,), as for curve_fit.
    xdata, ydata : array_like
    popt : array_like (n,)
        The best fit.
    sigma : float or array_like (m,) or (m, m), optional
        The data's standard deviations, or their covariance, as for curve_fit; by default their
        variance is that of the residuals.
    method, **keywords
        As for `for_iminuit`.

    Raises
    ------
    ValueError
        If the data, ``popt`` or ``sigma`` do not fit each other, or the data do not determine a
        parameter.
    ModelError
        If the model fails at ``popt``.

    Examples
    --------
    >>> import derivkit, numpy as np
    >>> x, y = np.arange(4.0), np.array([0.1, 0.9, 2.1, 2.9])
    >>> print(derivkit.standard_errors(lambda x, a, b: a + b * x, x, y, [0.06, 0.96]).round(4))
    [0.1058 0.0566]
    """
    keywords |= {"n_workers": n_workers, "max_evaluations": max_evaluations}
    host = Host(lambda p: function(xdata, *p), method, keywords)
    measured = real_numbers("ydata", ydata)
    popt = real_numbers("popt", popt)
    if popt.ndim != 1:
        raise ValueError(
            f"`popt` must be one row of parameters, got an array of shape {popt.shape}"
        )
    result = host.kit(popt).jacobian_result(method, **host.of_call)
    if sigma is not None:
        try:
            matrix = np.ndim(sigma) == 2
        except Exception:  # noqa: BLE001 - told of where numbers are needed
            matrix = False
        deviations = {"cov" if matrix else "sigma": sigma}
        return covariance(result, **deviations).standard_errors
    model = np.asarray(function(xdata, *popt), dtype=float)
    if measured.shape != model.shape:
        raise ValueError(f"`ydata` must have the model's shape {model.shape}, got {measured.shape}")
    residuals = measured - model
    return covariance(result, residuals).standard_errors
