"""Log-priors, unnormalised: a table of densities, and sums of them.

Each takes points (..., p) and returns (...,); -inf where the density is 0 or not a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, xlog1py, xlogy

from derivkit.forecast.covariance import whitener_of
from derivkit.forecast.inputs import known_name
from derivkit.forecast.pickled import Pickled
from derivkit.forecast.samples import outside
from derivkit.forecast.structures import Precision
from derivkit.validation import check_count, check_sequence, shown

__all__ = [
    "PRIORS",
    "Prior",
    "build_prior",
    "check_bounds",
    "chosen_prior",
]

Array = NDArray[np.float64]
LogDensity = Callable[[Array], Array]


def none() -> LogDensity:
    """Return the prior that says nothing."""
    return lambda x: np.zeros(x.shape[:-1])


def uniform(bounds: Any) -> LogDensity:
    """Return a flat prior inside (lower, upper) pairs, None or inf where open."""
    limits = check_bounds("bounds", bounds)
    return lambda x: np.where(outside(_of(len(limits), x), limits), -np.inf, 0.0)


def gaussian(mean: Any, cov: Any = None, inv_cov: Any = None) -> LogDensity:
    """Return a Gaussian of all parameters, from its covariance or the inverse of that."""
    if (cov is None) == (inv_cov is None):
        raise ValueError("either `cov` or `inv_cov` must be given")
    centre = np.atleast_1d(np.asarray(mean, dtype=float))
    whitener = whitener_of(cov if inv_cov is None else Precision(inv_cov), centre.size)

    def log(x: Array) -> Array:
        flat = (_of(centre.size, x) - centre).reshape(-1, centre.size)
        return np.asarray(-0.5 * np.sum(whitener.whiten(flat.T) ** 2, axis=0).reshape(x.shape[:-1]))

    return log


def gaussian_diag(mean: Any, sigma: Any) -> LogDensity:
    """Return independent Gaussians of all parameters."""
    return gaussian(mean, np.asarray(sigma, dtype=float) ** 2)


def log_uniform(index: int) -> LogDensity:
    """Return 1 / x for one parameter."""
    return _positive(index, lambda x: -np.log(x))


def half_normal(index: int, sigma: float) -> LogDensity:
    """Return the positive half of a Gaussian about 0."""
    return _positive(index, lambda x: -0.5 * (x / sigma) ** 2, closed=True, sigma=sigma)


def half_cauchy(index: int, scale: float) -> LogDensity:
    """Return the positive half of a Cauchy distribution about 0."""
    return _positive(index, lambda x: -np.log1p((x / scale) ** 2), closed=True, scale=scale)


def log_normal(index: int, mean_log: float, sigma_log: float) -> LogDensity:
    """Return a density whose logarithm is Gaussian."""
    return _positive(
        index,
        lambda x: -0.5 * ((np.log(x) - mean_log) / sigma_log) ** 2 - np.log(x),
        sigma_log=sigma_log,
    )


def beta(index: int, alpha: float, beta: float) -> LogDensity:
    """Return x^(alpha - 1) (1 - x)^(beta - 1), for x between 0 and 1."""

    def log(x: Array) -> Array:
        inside = xlogy(alpha - 1, x) + xlog1py(beta - 1, -x)
        return np.where(x < 1, inside, -np.inf)

    return _positive(index, log, alpha=alpha, beta=beta)


def gaussian_mixture(
    means: Any,
    covs: Any = None,
    inv_covs: Any = None,
    weights: Any = None,
    log_weights: Any = None,
    include_component_norm: bool = True,
) -> LogDensity:
    """Return a sum of Gaussians of all parameters; equal weights unless given."""
    centres = np.atleast_2d(np.asarray(means, dtype=float))
    n = len(centres)
    if (covs is None) == (inv_covs is None):
        raise ValueError("either `covs` or `inv_covs` must be given")
    if weights is not None and log_weights is not None:
        raise ValueError("either `weights` or `log_weights` may be given, got both")
    shares = np.zeros(n) if log_weights is None else np.asarray(log_weights, dtype=float)
    if weights is not None:
        shares = np.log(np.asarray(weights, dtype=float))
    if shares.shape != (n,) or np.isnan(shares).any():
        raise ValueError(f"`weights` must be {n} numbers, 0 or above, got {shown(weights)}")
    shares = shares - logsumexp(shares)
    matrices = [np.asarray(C, float) for C in (inv_covs if covs is None else covs)]
    if len(matrices) != n:
        raise ValueError(f"`covs` must be {n} matrices, one a mean, got {len(matrices)}")
    sign = 0.5 if covs is None else -0.5
    if include_component_norm:
        shares = shares + [sign * np.linalg.slogdet(np.atleast_2d(C))[1] for C in matrices]
    key = "inv_cov" if covs is None else "cov"
    parts = [gaussian(c, **{key: C}) for c, C in zip(centres, matrices, strict=True)]
    return lambda x: np.asarray(
        logsumexp([part(x) + share for part, share in zip(parts, shares, strict=True)], axis=0)
    )


def _of(p: int, x: Array) -> Array:
    """Return points (..., p); of other numbers of parameters there is no density."""
    if x.shape[-1:] != (p,):
        raise ValueError(f"the prior is of {p} parameters, got points of {x.shape[-1]}")
    return x


def _positive(
    index: int, log: LogDensity, *, closed: bool = False, **positive: float
) -> LogDensity:
    """Return a log-density of one positive parameter; 0 belongs to it if ``closed``."""
    check_count("index", index, least=0)
    for name, value in positive.items():
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"`{name}` must be positive, got {shown(value)}")

    def of_one(x: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            if index >= x.shape[-1]:
                raise ValueError(
                    f"`index` must be one of {x.shape[-1]} parameters, from 0, got {index}"
                )
            one = x[..., index]
            inside = (one >= 0) if closed else (one > 0)
            return np.where(inside, log(one), -np.inf)

    return of_one


PRIORS: dict[str, Callable[..., LogDensity]] = {
    "none": none,
    "uniform": uniform,
    "gaussian": gaussian,
    "gaussian_diag": gaussian_diag,
    "log_uniform": log_uniform,
    "jeffreys": log_uniform,
    "half_normal": half_normal,
    "half_cauchy": half_cauchy,
    "log_normal": log_normal,
    "beta": beta,
    "gaussian_mixture": gaussian_mixture,
}


@dataclass(frozen=True, eq=False)
class Prior(Pickled):
    """A sum of log-densities, cut off at bounds.

    Attributes
    ----------
    terms : sequence of callable
        Points (..., p) -> (...,).
    """

    terms: Sequence[LogDensity]

    def __call__(self, theta: Any) -> Any:
        """Return the log-prior at points (..., p); -inf where it is 0 or not a number."""
        points = np.atleast_1d(np.asarray(theta, dtype=float))
        total = np.zeros(points.shape[:-1])
        with np.errstate(invalid="ignore"):
            for term in self.terms:
                total = total + term(points)
        return np.where(np.isnan(total) | (total == np.inf), -np.inf, total)[()]


def build_prior(*, terms: Sequence[Any] | None = None, bounds: Any = None) -> Prior:
    """Return the sum of log-priors, inside bounds.

    Parameters
    ----------
    terms : sequence of (name, keywords) or dict, optional
        Such as ``("gaussian", {"mean": [0.3], "cov": [[0.01]]})``, or a dict: from the name to the
        keywords, or with ``"name"``, and ``"params"`` or the keywords themselves.
    bounds : sequence of p (lower, upper), optional

    Raises
    ------
    TypeError
        For an unknown prior or keyword, with the nearest name.

    Examples
    --------
    >>> prior = build_prior(terms=[("log_uniform", {"index": 0})], bounds=[(0.1, 1.0)])
    >>> print(round(prior([0.3]), 6), prior([2.0]))
    1.203973 -inf
    """
    built = [] if bounds is None else [uniform(bounds)]
    for term in [] if terms is None else check_sequence("terms", terms, "terms"):
        name, keywords, limits = _spelt_out(term)
        function = PRIORS[known_name("prior", name, list(PRIORS))]
        for key in keywords:
            known_name(f"keyword of {name}", key, list(signature(function).parameters))
        built.append(function(**keywords))
        if limits is not None:
            built.append(uniform(limits))
    return Prior(built)


def _spelt_out(term: Any) -> tuple[str, dict[str, Any], Any]:
    """Return the name, the keywords and the bounds of a term."""
    if isinstance(term, Mapping):
        if len(term) == 1 and "name" not in term:
            [term] = term.items()
            return _spelt_out(term)
        rest = dict(term)
        name, limits = rest.pop("name", None), None
        if name != "uniform":
            limits = rest.pop("bounds", None)
        return str(name), dict(rest.pop("params", rest)), limits
    if isinstance(term, str):
        return term, {}, None
    if not isinstance(term, (tuple, list)) or not term:
        raise TypeError(f"`terms` must be names, tuples or dicts, got {shown(term)}")
    name, *more = term
    return str(name), dict(more[0]) if more else {}, more[1] if len(more) > 1 else None


def chosen_prior(
    prior_terms: Any = None, prior_bounds: Any = None, logprior: Any = None
) -> Prior | None:
    """Return the prior that is given in one of two ways, or None.

    Raises
    ------
    ValueError
        If it is given in both.
    """
    if logprior is not None:
        if prior_terms is not None or prior_bounds is not None:
            raise ValueError("`logprior` must not be given with `prior_terms` or `prior_bounds`")
        return Prior([lambda x: np.asarray(_each(logprior, x))])
    if prior_terms is None and prior_bounds is None:
        return None
    return build_prior(terms=prior_terms, bounds=prior_bounds)


def _each(function: Callable[[Array], Any], points: Array) -> Array:
    """Call a user's log-prior point by point."""
    flat = points.reshape(-1, points.shape[-1])
    return np.array([float(function(point)) for point in flat]).reshape(points.shape[:-1])


def check_bounds(name: str, bounds: Any, p: int | None = None) -> Array:
    """Return (lower, upper) pairs as an array (p, 2), open sides infinite."""
    try:
        pairs = [
            (-np.inf if low is None else float(low), np.inf if high is None else float(high))
            for low, high in check_sequence(name, bounds)
        ]
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"`{name}` must be (lower, upper) pairs, got {shown(bounds)}") from error
    limits = np.array(pairs).reshape(-1, 2)
    if (p is not None and len(limits) != p) or not (limits[:, 0] < limits[:, 1]).all():
        how_many = "" if p is None else f"{p} "
        raise ValueError(
            f"`{name}` must be {how_many}pairs with lower < upper, got {shown(bounds)}"
        )
    return limits
