"""LikelihoodKit: Gaussian and Poisson likelihoods of data, as DerivKit's users call them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.stats import poisson

from derivkit.forecast.factors import cholesky_factor
from derivkit.forecast.information import Array
from derivkit.results.table import Shown, rows_of
from derivkit.validation import real_numbers, shown, typed

__all__ = ["LikelihoodKit"]

MOST_POINTS = 50_000_000
"""A grid of more points than this is refused, before it fills the memory."""


class LikelihoodKit(Shown):
    """Likelihoods of data, given the parameters of their distribution.

    Parameters
    ----------
    data : array_like
        For `gaussian`, (d, n): n values along each of d dimensions, whose grid is evaluated. For
        `poissonian`, counts of any shape.
    model_parameters : array_like
        The means: (d,), or those of the counts.

    Examples
    --------
    >>> from derivkit import LikelihoodKit
    >>> kit = LikelihoodKit(data=[[0.1], [-0.2]], model_parameters=[0.0, 0.0])
    >>> grids, loglike = kit.gaussian(cov=0.0025)
    >>> print(round(float(loglike), 6))
    -5.846413
    """

    def __init__(self, data: Any, model_parameters: Any) -> None:
        self.data = _numbers("data", data)
        self.model_parameters = _numbers("model_parameters", model_parameters)

    def _shown(self) -> tuple[list[dict[str, Any]], str]:
        arrays = {"data": self.data, "model_parameters": self.model_parameters}
        least, greatest = ([float(f(a)) for a in arrays.values()] for f in (np.min, np.max))
        shapes = [str(a.shape) for a in arrays.values()]
        rows = rows_of(name=list(arrays), shape=shapes, least=least, greatest=greatest)
        return rows, f"LikelihoodKit: {self.data.size} data, {self.model_parameters.size} means"

    @typed
    def gaussian(self, cov: Any, *, return_log: bool = True) -> tuple[tuple[Array, ...], Any]:
        """Return the grids of the data and the density on them, or its logarithm.

        Parameters
        ----------
        cov : float, array_like (d,) or (d, d)
            A variance, variances, or a covariance matrix.
        return_log : bool

        Raises
        ------
        ValueError
            If shapes do not fit, or ``cov`` is not symmetric and positive definite.
        """
        mean = self.model_parameters.ravel()
        values = self.data if self.data.ndim > 1 else self.data[:, None]
        if values.ndim != 2 or len(values) != mean.size:
            raise ValueError(
                f"`data` must have shape ({mean.size}, n) for {mean.size} means, "
                f"got {self.data.shape}"
            )
        d, n = values.shape
        if n**d > MOST_POINTS:
            raise ValueError(f"`data` must span at most {MOST_POINTS} points, got {n}**{d}")
        # a single point may have any number of dimensions, where numpy's grids have 64 at most
        grids = tuple(values) if n == 1 else tuple(np.meshgrid(*values, indexing="ij"))
        L = cholesky_factor(cov, d)
        residuals = np.stack([g.ravel() - m for g, m in zip(grids, mean, strict=True)])
        whitened = residuals / L[:, None] if L.ndim == 1 else np.linalg.solve(L, residuals)
        log_det = np.log(L if L.ndim == 1 else np.diag(L)).sum()
        log = -0.5 * np.sum(whitened**2, axis=0) - log_det - 0.5 * d * math.log(2 * math.pi)
        shaped = log.reshape(grids[0].shape).squeeze()[()]
        return grids, shaped if return_log else np.exp(shaped)

    @typed
    def poissonian(self, *, return_log: bool = True) -> tuple[Array, Array]:
        """Return the counts and their probabilities, or the logarithms of those.

        One mean goes with counts (n,) or, if it is a vector (1,), (n, 1); means (m, …) go with
        counts (k, m, …), flat ones are reshaped.

        Raises
        ------
        ValueError
            If counts or means are negative, counts not whole, or shapes do not fit.
        """
        counts, mean = self.data, self.model_parameters
        if (counts < 0).any() or (counts != np.floor(counts)).any():
            bad = counts[(counts < 0) | (counts != np.floor(counts))].flat[0]
            raise ValueError(f"`data` must be counts, whole numbers of at least 0, got {bad:g}")
        if (mean < 0).any():
            raise ValueError(
                f"`model_parameters` must be at least 0, got {mean[mean < 0].flat[0]:g}"
            )
        if mean.ndim == 0:
            shaped = counts.ravel()
        elif counts.size % mean.size:
            raise ValueError(
                f"`data` must reshape to (k, {', '.join(map(str, mean.shape))}), "
                f"got {counts.size} counts"
            )
        else:
            shaped = counts.reshape(-1, *mean.shape)
        found = poisson.logpmf(shaped, mean) if return_log else poisson.pmf(shaped, mean)
        return shaped.astype(np.int64), np.asarray(found)


def _numbers(name: str, values: Any) -> Array:
    try:
        array = real_numbers(name, values)
    except TypeError as error:
        raise ValueError(str(error)) from error
    if array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be finite numbers, at least one, got {shown(values)}")
    return array
