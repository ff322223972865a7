r"""Parameter covariances from a Jacobian or a Hessian, with the derivatives' errors propagated.

For a least-squares fit with residuals r and Jacobian J, :math:`C = s^2 (J^T J)^{-1}`; for a
negative log-likelihood with Hessian H, :math:`C = H^{-1}`. To first order an error of at most E in
every entry changes C by at most

.. math:: |A| E |C| + (|A| E |C|)^T, \quad A = (J^T J)^{-1} J^T,
          \qquad\text{and}\qquad |C| E |C|.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from derivkit.result import DerivativeResult

__all__ = ["Covariance", "covariance"]


@dataclass(frozen=True, eq=False)
class Covariance:
    """A covariance matrix of parameters, and what numerical differentiation may be off.

    Attributes
    ----------
    value, error : ndarray (p, p)
    names : tuple of p str
    """

    value: NDArray[np.float64]
    error: NDArray[np.float64]
    names: tuple[str, ...]

    @property
    def standard_errors(self) -> NDArray[np.float64]:
        """Square roots of the diagonal, (p,)."""
        return np.asarray(np.sqrt(np.diag(self.value)))

    @property
    def standard_errors_error(self) -> NDArray[np.float64]:
        """What they may be off, (p,)."""
        return np.asarray(0.5 * np.diag(self.error) / self.standard_errors)

    @property
    def correlation(self) -> NDArray[np.float64]:
        """The correlation matrix (p, p)."""
        deviations = self.standard_errors
        return np.asarray(self.value / np.outer(deviations, deviations))

    def __str__(self) -> str:
        rows = zip(self.names, self.standard_errors, self.standard_errors_error, strict=True)
        return "\n".join(f"{name}: ± {s:.6g} ({e:.1g})" for name, s, e in rows)


def covariance(result: DerivativeResult, residuals: Any = None, *, sigma: Any = None) -> Covariance:
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
    shape = np.shape(result.value)
    if result.order == 2 and result.parameter_axes == 2 and len(shape) == 2:
        if residuals is not None or sigma is not None:
            raise TypeError("`residuals` and `sigma` go with a Jacobian, got them with a Hessian")
        value, error = _from_hessian(result.value, result.error)
    elif result.order == 1 and result.parameter_axes == 1 and len(shape) == 2:
        value, error = _from_jacobian(result.value, result.error, residuals, sigma)
    else:
        raise TypeError(
            f"`result` must be that of a Jacobian (m, p) or a Hessian (p, p), got order "
            f"{result.order} and shape {shape}"
        )
    return Covariance(value, error, result.names)


def _from_hessian(
    H: NDArray[np.float64], E: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    size = np.sqrt(np.abs(np.diag(H)))
    size = np.where(size > 0, size, 1.0)
    scaled = H / np.outer(size, size)
    if not np.isfinite(scaled).all() or np.linalg.eigvalsh(scaled)[0] <= 0:
        raise ValueError(
            "the Hessian must be positive definite, as that of a negative log-likelihood is at "
            "its minimum, got one that is not"
        )
    C = np.linalg.inv(scaled) / np.outer(size, size)
    return C, _product(np.abs(C), E, np.abs(C))


def _from_jacobian(
    J: NDArray[np.float64], E: NDArray[np.float64], residuals: Any, sigma: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if (residuals is None) == (sigma is None):
        raise TypeError("either `residuals` or `sigma` must be given with a Jacobian")
    m, p = J.shape
    variance = 1.0
    if sigma is None:
        variance = _variance(residuals, m, p)
    else:
        deviations = _row("sigma", np.broadcast_to(np.asarray(sigma, dtype=float), m), m)
        if not (deviations > 0).all():
            raise ValueError("`sigma` must be positive, got a number that is not")
        J, E = J / deviations[:, None], E / deviations[:, None]
    size = np.linalg.norm(J, axis=0)  # parameters may differ by many orders of magnitude
    if m < p or not np.isfinite(J).all() or not size.all():
        raise ValueError("the Jacobian must determine every parameter, got one that does not")
    R = np.linalg.qr(J / size, mode="r")
    if np.abs(np.diag(R)).min() <= np.finfo(float).eps * p:
        raise ValueError("the Jacobian must have independent columns, got one that has not")
    root = np.linalg.inv(R) / size[:, None]
    C = root @ root.T
    half = _product(np.abs(C @ J.T), E, np.abs(C))
    return variance * C, variance * (half + half.T)


def _variance(residuals: Any, m: int, p: int) -> float:
    r = _row("residuals", np.asarray(residuals, dtype=float), m)
    if m <= p:
        raise ValueError(f"`residuals` must be more than the {p} parameters, got {m}")
    return float(r @ r) / (m - p)


def _row(name: str, values: NDArray[np.float64], m: int) -> NDArray[np.float64]:
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
