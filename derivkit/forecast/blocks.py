"""Models with their data, as a user hands them over, and as one function of theta each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.engine.plain_numbers import output_numbers
from derivkit.forecast.complex_data import is_hermitian, of_real_numbers
from derivkit.forecast.covariance import plain
from derivkit.forecast.covariance_of_theta import half_of, twice
from derivkit.forecast.information import Array
from derivkit.forecast.inputs import must_be_functions
from derivkit.validation import shown

__all__ = ["DataBlock", "GaussianMeanCov", "Mean", "Pair", "Poisson"]


@dataclass(frozen=True, eq=False)
class DataBlock:
    """Data that are independent of all others: a model and its covariance.

    Parameters
    ----------
    model : callable
        The mean of the data, a function of theta.
    cov : covariance
        In any form that `ForecastKit` takes.

    Examples
    --------
    >>> from derivkit import DataBlock, ForecastKit
    >>> one, other = DataBlock(lambda t: [t[0]], 1.0), DataBlock(lambda t: [t[0]], 1.0)
    >>> kit = ForecastKit({"counts": one, "sizes": other}, [1.0])
    >>> print(kit.fisher_result().sigma.round(6))
    [0.707107]
    """

    model: Callable[..., Any]
    cov: Any

    def __post_init__(self) -> None:
        must_be_functions(model=self.model)


@dataclass(frozen=True, eq=False)
class Poisson:
    """Counts with mean ``rate(theta)``: their variance is their mean.

    Parameters
    ----------
    rate : callable
        The mean counts, a function of theta.

    Examples
    --------
    >>> from derivkit import ForecastKit, Poisson
    >>> kit = ForecastKit(Poisson(lambda theta: [100.0 * theta[0]]), [1.0])
    >>> print(kit.fisher_result().sigma.round(6))
    [0.1]
    """

    rate: Callable[..., Any]

    def __post_init__(self) -> None:
        must_be_functions(rate=self.rate)


@dataclass(frozen=True, eq=False)
class GaussianMeanCov:
    """Gaussian data whose covariance depends on theta as well.

    ``cov`` is a function of theta, or None where ``mu`` returns the pair (mean, covariance).

    Parameters
    ----------
    mu : callable or None
        The mean of the data; None where only the covariance depends on theta.
    cov : callable, optional
        The covariance.

    Examples
    --------
    Ten numbers of which only the variance is known: its information is n / (2 t**2).

    >>> import numpy as np
    >>> from derivkit import ForecastKit, GaussianMeanCov
    >>> data = GaussianMeanCov(lambda t: np.zeros(10), lambda t: t[0] * np.eye(10))
    >>> print(ForecastKit(data, [2.0]).gaussian_fisher().round(6))
    [[1.25]]
    """

    mu: Callable[..., Any] | None
    cov: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        must_be_functions(mu=self.mu, cov=self.cov)


def _both(block: GaussianMeanCov, theta: Any) -> Any:
    """Return the pair (mean, covariance) of a model without `cov`."""
    found = block.mu(theta)  # type: ignore[misc]
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise TypeError(
            f"`mu` must return (mean, covariance) where there is no `cov`, got {shown(found)}"
        )
    return found


@dataclass(frozen=True, eq=False)
class Pair:
    """The mean, then half of the covariance's entries, as one model."""

    block: GaussianMeanCov
    entries: Any = None

    def __call__(self, theta: Any) -> Array:
        """Return the mean, then half of the covariance."""
        mean, C = self.parts(theta)
        return np.concatenate([mean, half_of(C, self.entries)])

    def parts(self, theta: Any) -> tuple[Array, Any]:
        """Return mean (m,), empty without a model, and variances (m,) or matrix, sparse or not."""
        if self.block.cov is None:
            mean, C = _both(self.block, theta)
        else:
            C = self.block.cov(theta)
            mean = [] if self.block.mu is None else self.block.mu(theta)
        means = output_numbers("mu", mean).ravel()
        hermitian = is_hermitian(C)
        C = plain(of_real_numbers(C), means.size * (2 if hermitian else 1))
        if np.iscomplexobj(means):
            C = C if hermitian else twice(C)
            means = np.concatenate([means.real, means.imag])
        return np.asarray(means, dtype=float), C


@dataclass(frozen=True, eq=False)
class Mean:
    """The mean of a pair, as a model by itself."""

    block: GaussianMeanCov

    def __call__(self, theta: Any) -> Any:
        """Return the mean."""
        block = self.block
        return _both(block, theta)[0] if block.cov is None else block.mu(theta)  # type: ignore[misc]
