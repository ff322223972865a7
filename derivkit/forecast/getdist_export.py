"""GetDist's objects from forecasts, and emcee's chains of them. Both are imported when called."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.errors import ForecastWarning, SamplingError, level_of_user
from derivkit.forecast.information import Array
from derivkit.forecast.priors import Prior, check_bounds
from derivkit.forecast.samples import Samples, check_sampling, outside, split_r_hat
from derivkit.validation import check_count, optional

__all__ = ["Density", "Walk", "chain", "gaussian", "of_samples"]

LEAST_STEPS = 4
"""Steps of a chain that must be left: R-hat compares halves of them."""

MOST_R_HAT = 1.1
"""A chain whose R-hat is above this has not settled."""


def gaussian(
    mean: Array, covariance: Array, names: Sequence[str], labels: Sequence[str], label: str
) -> Any:
    """Return a `getdist.gaussian_mixtures.GaussianND`."""
    made = optional("getdist.gaussian_mixtures", "this call").GaussianND
    return made(mean, covariance, names=list(names), labels=list(labels), label=label)


def of_samples(
    found: Samples, labels: Sequence[str], label: str, bounds: Any = None, *, loglikes: bool = True
) -> Any:
    """Return weighted samples as `getdist.MCSamples`; its loglikes are minus log-densities."""
    kept = np.isfinite(found.log_density) & (found.weights > 0)
    weights = found.weights[kept]
    limits = None if bounds is None else check_bounds("bounds", bounds)
    ranges = {}
    for name, (low, high) in zip(
        found.names, [] if limits is None else limits.tolist(), strict=False
    ):
        if np.isfinite(low) or np.isfinite(high):
            ranges[name] = [low if np.isfinite(low) else None, high if np.isfinite(high) else None]
    return optional("getdist", "this call").MCSamples(
        samples=found.points[kept],
        weights=weights / weights.max(),
        loglikes=-found.log_density[kept] if loglikes else None,
        names=list(found.names),
        labels=list(labels),
        label=label,
        ranges=ranges,
        sampler="uncorrelated",
    )


class Density:
    """A log-density with a prior and bounds, for a sampler: points (n, p) -> (n,).

    Parameters
    ----------
    log_density : callable
    prior : Prior, optional
    bounds : sequence of p (lower, upper), optional
    """

    def __init__(
        self,
        log_density: Callable[[Array], Array],
        prior: Prior | None = None,
        bounds: Any = None,
    ) -> None:
        self.log_density, self.prior = log_density, prior
        self.bounds = None if bounds is None else check_bounds("bounds", bounds)

    def __call__(self, points: Array) -> Array:
        """Return the log-density, -inf where it is 0."""
        prior = np.zeros(len(points)) if self.prior is None else np.asarray(self.prior(points))
        if self.bounds is not None:
            prior = np.where(outside(points, self.bounds), -np.inf, prior)
        total = np.full(len(points), -np.inf)
        inside = np.isfinite(prior)
        if inside.any():
            total[inside] = prior[inside] + self.log_density(points[inside])
        return np.where(np.isnan(total), -np.inf, total)


@dataclass(frozen=True)
class Walk:
    """How walkers go: the steps they take and those left out, and where they start; checked."""

    n_steps: int
    burn: int
    thin: int
    n_walkers: int | None
    init_scale: float
    seed: int | None

    def __post_init__(self) -> None:
        check_sampling(self.seed, n_steps=self.n_steps, thin=self.thin, init_scale=self.init_scale)
        if check_count("burn", self.burn, least=0) > self.n_steps - LEAST_STEPS * self.thin:
            raise ValueError(
                f"`n_steps` must be at least {LEAST_STEPS} times thin more than burn, "
                f"got {self.n_steps}, {self.thin} and {self.burn}"
            )


def chain(density: Density, start: Array, root: Array, names: Sequence[str], walk: Walk) -> Samples:
    """Return emcee's samples of a density (Foreman-Mackey et al. 2013, doi:10.1086/670067)."""
    emcee = optional("emcee", "this call")
    p, walkers = start.size, walk.n_walkers
    walkers = max(4 * p, 16) if walkers is None else check_count("n_walkers", walkers, least=2 * p)
    generator = np.random.default_rng(walk.seed)
    places = np.empty((0, p))
    for _ in range(100):  # until there are walkers enough inside the bounds
        tried = start + walk.init_scale * generator.standard_normal((walkers, p)) @ root.T
        places = np.concatenate([places, tried[np.isfinite(density(tried))]])
        if len(places) >= walkers:
            break
    else:
        raise SamplingError(
            "walkers must start where the density is not 0, got too few such places around the "
            "fiducial point; give a smaller init_scale or wider bounds"
        )
    sampler = emcee.EnsembleSampler(walkers, p, density, vectorize=True)
    sampler.random_state = np.random.RandomState(generator.integers(2**31)).get_state()
    sampler.run_mcmc(places[:walkers], walk.n_steps, skip_initial_state_check=True)
    r_hat = split_r_hat(sampler.get_chain(discard=walk.burn))
    bad = [name for name, r in zip(names, r_hat.tolist(), strict=True) if not r < MOST_R_HAT]
    if bad:
        warnings.warn(
            f"the chain of {', '.join(bad)} has not settled: R-hat is {r_hat.max():.3g}, not 1; "
            "give more n_steps, or bounds",
            ForecastWarning,
            stacklevel=level_of_user(),
        )
    points = sampler.get_chain(discard=walk.burn, thin=walk.thin, flat=True)
    log = sampler.get_log_prob(discard=walk.burn, thin=walk.thin, flat=True)
    return Samples(points, np.full(len(points), 1 / len(points)), log, tuple(names), r_hat)
