"""Whether a likelihood is Gaussian: its chi-square one sigma from the fiducial point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from derivkit.forecast.fisher import FisherResult
from derivkit.forecast.information import Array
from derivkit.forecast.inputs import check_points
from derivkit.forecast.pickled import Pickled
from derivkit.forecast.report import Judged
from derivkit.forecast.samples import Samples, importance_samples
from derivkit.forecast.verdict import Verdict
from derivkit.plot.ellipse import Layer

__all__ = ["GaussianCheck", "Posterior", "checked"]

MOST_OFF = 0.3
"""The likelihood counts as Gaussian while chi-square at one sigma differs from 1 by no more than
this.

It is 1.00 for a linear model, 0.99 to 1.01 for a power law, 2.0 for a banana, 72 for dark energy
from supernovae without a prior.
"""

SAMPLES = 4_000


@dataclass(frozen=True, eq=False, repr=False)
class GaussianCheck(Judged):
    """Chi-square one sigma away along the principal axes of a forecast; 1 if it is Gaussian.

    Attributes
    ----------
    fisher : FisherResult
        The forecast, whose verdict says what the check found.
    axes : ndarray (p, n)
        One-sigma steps along the axes, as columns.
    chi2 : ndarray (n, 2)
        At minus and plus one sigma; inf where the model fails, nan outside of bounds.
    nfev : int
    """

    fisher: FisherResult
    axes: Array
    chi2: Array
    nfev: int

    @property
    def off(self) -> Array:
        """How far chi-square is from 1, for each axis (n,)."""
        return np.asarray(np.nanmax(np.abs(self.chi2 - 1), axis=1, initial=0.0))

    @property
    def verdict(self) -> Verdict:
        """The worst verdict that applies."""
        return self.fisher.verdict

    @property
    def message(self) -> str:
        """The verdict in one sentence, with the direction that is not Gaussian."""
        worst_axis = int(np.argmax(self.off)) if self.off.size else 0
        if not self.off.size or self.off[worst_axis] <= MOST_OFF:
            return self.fisher.message
        step = self.axes[:, worst_axis]
        moves = ", ".join(
            f"{name} {move:+.2g}"
            for name, move, sigma in zip(self.fisher.free, step, self._sizes, strict=True)
            if abs(move) > 0.1 * sigma
        )
        low, high = self.chi2[worst_axis]
        return (
            f"not Gaussian: chi-square is {high:.3g} at ({moves}) and {low:.3g} opposite, not 1; "
            "use dali_result(), a sampler, or other parameters"
        )

    @property
    def _sizes(self) -> Array:
        return np.asarray(np.linalg.norm(self.axes, axis=1))

    @property
    def formats(self) -> dict[str, str]:
        """How the numbers of the table's columns are written."""
        return dict.fromkeys(self.rows()[0], "{:.4g}") if len(self.chi2) else {}

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: a dict for each axis."""
        return [
            {
                **dict(zip(self.fisher.free, map(float, step), strict=True)),
                "chi2 at -1 sigma": float(low),
                "chi2 at +1 sigma": float(high),
            }
            for step, (low, high) in zip(self.axes.T, self.chi2, strict=True)
        ]


def checked(
    fisher: FisherResult, chi2: Callable[[Array], Array], *, calls: bool = True
) -> GaussianCheck:
    """Return the check of a forecast.

    ``chi2`` takes steps (n, p0) and returns inf where the model fails. ``calls`` says whether it
    calls the model, for ``nfev``.
    """
    information = fisher.information
    axes = information.root
    places = [fisher.point.index(name) for name in fisher.free]
    steps = np.concatenate([-axes.T, axes.T])
    x = fisher.point.values[places] + steps
    limits = fisher.bounds[places]
    inside = ((x >= limits[:, 0]) & (x <= limits[:, 1])).all(axis=1)
    found = np.full(len(steps), np.nan)
    found[inside] = chi2(steps[inside] @ information.basis.T)
    found += np.sum((steps @ information.prior.T) ** 2, axis=1)
    both = found.reshape(2, -1).T
    off = np.abs(both - 1)
    gaussian = Verdict.TRUSTWORTHY if not (off > MOST_OFF).any() else Verdict.NOT_GAUSSIAN
    if not inside.any():
        gaussian = Verdict.NOT_CHECKED
    nfev = int(inside.sum()) if calls else 0
    seen = replace(fisher, gaussian=gaussian, nfev=fisher.nfev + nfev)
    return GaussianCheck(seen, axes, both, nfev)


@dataclass(frozen=True, eq=False)
class Posterior(Pickled):
    """The exact log-density of a kit's data at its own fiducial means, for any sampler.

    Attributes
    ----------
    names : tuple of p str
    x0 : ndarray (p,)
    bounds : ndarray (p, 2)
    chi2 : callable
        Steps (n, p) -> (n,), inf where the model fails.
    root : callable
        Returns a root (p, p) of the Gaussian forecast's covariance, to propose samples with.
    """

    names: tuple[str, ...]
    x0: Array
    bounds: Array
    chi2: Callable[[Array], Array]
    root: Callable[[], Array]

    def log_density(self, theta: Any) -> Any:
        """Return it at points (..., p), each a call of the model; 0 at the fiducial point."""
        points = check_points("theta", theta, self.names)
        flat = points.reshape(-1, len(self.names))
        inside = ((flat >= self.bounds[:, 0]) & (flat <= self.bounds[:, 1])).all(axis=1)
        log = np.full(len(flat), -np.inf)
        if inside.any():
            log[inside] = 0.0 - 0.5 * self.chi2(flat[inside] - self.x0)
        return log.reshape(points.shape[:-1])[()]

    def sample(self, n: int = SAMPLES, seed: int | None = None) -> Samples:
        """Return importance samples; each takes three or a few more calls of the model.

        The proposal is the Gaussian forecast's, widened, and then shaped to the samples; see
        `derivkit.forecast.samples.importance_samples`. A sampler needs fewer calls where there
        are many parameters.
        """
        return importance_samples(
            self.log_density, self.x0, self.root(), n, seed, names=self.names, bounds=self.bounds
        )

    def layer(self, label: str = "exact") -> Layer:
        """Return the exact contours as a layer of a picture, from importance samples."""
        return self.sample(seed=0).layer(label)
