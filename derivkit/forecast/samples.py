"""Importance samples of a log-density: one vectorised step, whose effective size is watched.

Anything beyond that is a sampler's work: `log_density` of every result is vectorised, for emcee,
dynesty, blackjax or any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.errors import SamplingError
from derivkit.forecast.information import Array
from derivkit.plot.ellipse import Layer
from derivkit.validation import check_count, is_positive, shown

__all__ = [
    "Samples",
    "check_sampling",
    "gaussian_samples",
    "importance_samples",
    "outside",
    "split_r_hat",
]

FREEDOM = 5
"""Degrees of freedom of the proposal, a t-distribution: its heavy tails reach what a Gaussian
misses."""

SCALES = 1.0, 2.0, 4.0
"""Proposals of several widths at once, so that a density with a long tail has samples in it."""

LEAST, LEAST_PART = 100, 0.01
"""With fewer effective samples there is no answer: their number, and their fraction of those drawn.
"""

LEARNING, MOST_ROUNDS = 2, 8
"""Rounds from whose samples the proposal learns its shape; most rounds until enough count."""

MOST_SAMPLES = 10**8  # some gigabytes


@dataclass(frozen=True, eq=False)
class Samples:
    """Weighted samples of a density.

    Attributes
    ----------
    points : ndarray (n, p)
    weights : ndarray (n,)
        Their sum is 1.
    log_density : ndarray (n,)
    names : tuple of p str
    r_hat : ndarray (p,) or None
        Of a chain: how much wider all of it is than its parts, 1 if it has settled.
    """

    points: Array
    weights: Array
    log_density: Array
    names: tuple[str, ...]
    r_hat: Array | None = None

    @property
    def ess(self) -> float:
        """Effective number of samples (Kish)."""
        return float(1 / np.sum(self.weights**2))

    @property
    def mean(self) -> Array:
        """Means (p,)."""
        return self.weights @ self.points

    @property
    def covariance(self) -> Array:
        """Covariance (p, p)."""
        d = self.points - self.mean
        return np.asarray((self.weights[:, None] * d).T @ d)

    @property
    def sigma(self) -> Array:
        """Standard deviations (p,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def sigma_error(self) -> Array:
        """Standard errors of ``sigma`` (p,), from the samples' own spread and weights."""
        square = (self.points - self.mean) ** 2
        spread = self.weights @ square
        of_square = np.sqrt(self.weights**2 @ (square - spread) ** 2)
        return np.asarray(0.5 * of_square / np.sqrt(spread))

    def layer(self, label: str, *, hatched: bool = False) -> Layer:
        """Return the samples as a layer of a picture."""
        slack = np.zeros(len(self.names))
        shape = (self.mean, self.covariance, slack, hatched)
        return Layer(label, self.names, *shape, self.points, self.weights)


def split_r_hat(chain: Array) -> Array:
    """Return R-hat (p,) of walkers (steps, walkers, p), each cut in two.

    It approaches 1 as all parts of a chain sample the same density (Gelman et al. 2013, Bayesian
    Data Analysis, section 11.4).
    """
    half = len(chain) // 2
    parts = np.concatenate([chain[:half], chain[half : 2 * half]], axis=1)
    within = parts.var(axis=0, ddof=1).mean(axis=0)
    between = parts.mean(axis=0).var(axis=0, ddof=1)
    return np.asarray(np.sqrt((half - 1) / half + between / within))


def outside(points: Array, bounds: Any) -> Any:
    """Return which points (..., p) are outside of bounds (p, 2)."""
    limits = np.asarray(bounds, dtype=float)
    return ((points < limits[:, 0]) | (points > limits[:, 1])).any(axis=-1)


def check_sampling(seed: int | None, **given: Any) -> None:
    """Check how many samples are asked for, and how far apart."""
    if seed is not None:
        check_count("seed", seed, least=0)
    for name, value in given.items():
        if name.endswith("scale"):
            if not is_positive(value):
                raise ValueError(f"`{name}` must be positive and finite, got {shown(value)}")
        else:
            check_count(name, value)


def gaussian_samples(
    centre: Array, root: Array, n: int, seed: int | None, names: Sequence[str]
) -> Samples:
    """Return equally weighted samples of a Gaussian with covariance root root^T."""
    step = np.random.default_rng(seed).standard_normal((n, root.shape[1]))
    log = -0.5 * np.sum(step**2, axis=1)
    return Samples(centre + step @ root.T, np.full(n, 1 / n), log, tuple(names))


def importance_samples(
    log_density: Callable[[Array], Array],
    centre: Array,
    root: Array,
    n: int,
    seed: int | None = None,
    *,
    names: Sequence[str],
    bounds: Any = None,
    scale: float = 1.0,
) -> Samples:
    """Return samples of a density, weighted by it over the proposal's.

    The proposal is a mixture of t-distributions with 5 degrees of freedom and several widths. It
    starts about ``centre`` with covariance root root^T, times ``scale`` squared, and is moved and
    shaped to the samples that count, at least twice and until enough do.

    Parameters
    ----------
    log_density : callable
        Points (n, p) -> (n,), -inf where the density is 0.
    centre : ndarray (p,)
    root : ndarray (p, p)
    n : int
    seed : int, optional
    names : sequence of p str
    bounds : ndarray (p, 2), optional
        The density is 0 outside.
    scale : float

    Raises
    ------
    SamplingError
        If fewer than 100 samples, or 1 %, count in the end.
    """
    check_sampling(seed, n=n)
    if n > MOST_SAMPLES:
        raise ValueError(f"`n` must be at most {MOST_SAMPLES}, got {shown(n)}")
    generator = np.random.default_rng(seed)
    root = scale * root
    for attempt in range(MOST_ROUNDS):
        points, proposed = _proposed(generator, centre, root, n)
        log = np.full(n, -np.inf)
        inside = np.ones(n, bool) if bounds is None else ~outside(points, bounds)
        log[inside] = log_density(points[inside])
        log = np.where(np.isnan(log), -np.inf, log)
        if not np.isfinite(log).any():
            root = 0.5 * root
            continue
        weights = np.exp(log - proposed - (log - proposed).max())
        found = Samples(points, weights / weights.sum(), log, tuple(names))
        enough = found.ess >= max(LEAST, LEAST_PART * n)
        if enough and attempt >= LEARNING:
            return found
        centre, root = _reshaped(found, root)
    raise SamplingError(
        f"importance sampling must have at least {max(LEAST, int(LEAST_PART * n))} effective "
        "samples, got fewer; hand log_density over to a sampler such as emcee, or give bounds"
    )


def _proposed(
    generator: np.random.Generator, centre: Array, root: Array, n: int
) -> tuple[Array, Array]:
    """Return points (n, p) of the mixture of t-distributions, and its log-density (n,)."""
    p = centre.size
    width = generator.choice(SCALES, n)[:, None]
    stretch = np.sqrt(FREEDOM / generator.chisquare(FREEDOM, n))[:, None]
    step = width * stretch * generator.standard_normal((n, p))
    square = np.sum(step**2, axis=1)
    each = [
        -0.5 * (FREEDOM + p) * np.log1p(square / (FREEDOM * s**2)) - p * math.log(s) for s in SCALES
    ]
    return centre + step @ root.T, np.logaddexp.reduce(each, axis=0)


def _reshaped(found: Samples, root: Array) -> tuple[Array, Array]:
    """Return centre and root of a proposal made to the samples that count.

    At first few samples count, and their covariance would be too narrow: until a tenth count, the
    square roots of the weights are used.
    """
    many = found.ess > 0.1 * len(found.weights)
    tempered = found.weights if many else found.weights**0.5
    flat = Samples(found.points, tempered / tempered.sum(), found.log_density, found.names)
    size = np.linalg.norm(root, axis=1)
    values, vectors = np.linalg.eigh(flat.covariance / np.outer(size, size))
    return flat.mean, size[:, None] * vectors * np.sqrt(np.maximum(values, 1e-12))
