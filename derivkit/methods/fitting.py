"""From samples on a line to a verdict by polynomials: what the fitting methods have in common."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.polynomial import (
    TAIL_FACTORS,
    best_degree,
    falling,
    fit,
    noise_bound,
    rounding_floor,
    tail_factors,
    tail_of,
)
from derivkit.methods.protocol import Estimate, Line
from derivkit.methods.verdict import Verdict, conclude, unexplained

__all__ = ["Sampled", "concluded", "fitted", "only_if_explained", "sampled"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sampled:
    """Samples on a line.

    Attributes
    ----------
    t : ndarray (m,)
        The places; the first is 0.
    values : ndarray (m, q)
    """

    t: Array
    values: Array

    @property
    def defined(self) -> NDArray[np.bool_]:
        """Which outputs (q,) are defined at x0."""
        return np.asarray(~np.isnan(self.values[0]))

    @property
    def undefined_places(self) -> NDArray[np.bool_]:
        """Places (m,) at which an output that is defined at x0 is not."""
        return np.asarray(np.isnan(self.values[:, self.defined]).any(axis=1))

    @property
    def reach(self) -> float:
        """The largest distance from x0."""
        return float(np.abs(self.t).max())

    def where(self, kept: NDArray[np.bool_]) -> Sampled:
        """Return some of the samples; the first, x0, must be among them."""
        return Sampled(self.t[kept], self.values[kept])


def sampled(t: Array) -> Generator[Array, Array, Sampled]:
    """Ask for the samples at t, and at x0 first."""
    places = np.concatenate([[0.0], t[t != 0.0]])
    values = yield places
    return Sampled(places, values)


def fitted(
    samples: Sampled,
    order: int,
    line: Line,
    *,
    degree: int | None = None,
    highest: int | None = None,
    ridge: float = 0.0,
) -> Verdict:
    """Return the derivative that polynomials through the samples give, with its error.

    Parameters
    ----------
    samples : Sampled
        More of them than ``order``.
    order : int
    line : Line
    degree : int, optional
        Of the polynomial; by default, for each output, the one with the least error.
    highest : int, optional
        Where the degree is free: the highest to be considered.
    ridge : float
        See `polynomial.fit`; what it takes away from the derivative is part of the error.

    Notes
    -----
    Coordinates are scaled by the farthest sample, and the value at x0 is subtracted, so that
    neither the units of t nor a large constant in f cost digits.
    """
    unit = samples.reach
    changes = np.nan_to_num(samples.values - samples.values[0])
    floor = rounding_floor(np.where(samples.defined, samples.values, 0.0))
    found = fit(samples.t / unit, changes, order, ridge=ridge, degrees=degree or highest)
    tail = tail_of(found.spectrum)
    if len(tail) == 0:  # too few to tell noise from signal: all of the last one may be noise
        tail = found.spectrum[-1:]
    noise = noise_bound(tail, tail_factors(len(tail)))
    if degree is not None:
        noise = np.minimum(noise, falling(found.spectrum))
    noise = np.maximum(noise, floor)
    noise = np.maximum(noise, _noise_of_rest(found.spectrum[len(found.values) :]))
    noise = noise + _rounding_of_places(samples, changes, line)
    if degree is None:
        value, truncation, carried = best_degree(found, noise)
    else:
        value, truncation = found.values[-1], found.truncation[-1]
        carried = found.spread[-1] * noise
    size = unit**order
    truncation = truncation + ridge * len(samples.t) ** 2 * np.abs(value)
    return Verdict(value / size, truncation / size, carried / size, noise, floor)


def _noise_of_rest(rest: Array) -> Array | float:
    """Return the noise (q,) if all that a fit of limited degree leaves unexplained is noise."""
    if len(rest) < 2:
        return 0.0
    factor = TAIL_FACTORS[min(len(rest), len(TAIL_FACTORS)) - 1]
    return np.asarray(factor * np.sqrt(np.square(rest).mean(axis=0)))


def only_if_explained(verdict: Verdict, samples: Sampled) -> Verdict:
    """Return the verdict, unresolved where polynomials explain hardly any of the samples."""
    changes = np.nan_to_num(samples.values - samples.values[0])
    return replace(verdict, unresolved=unexplained(changes, verdict.noise, verdict.floor))


def _rounding_of_places(samples: Sampled, changes: Array, line: Line) -> Array | float:
    """Return what the rounding of x0 + t makes of the samples (q,)."""
    shift = np.abs(line.realised(samples.t) - samples.t).max()
    if shift == 0.0:
        return 0.0
    slopes = np.abs(changes[1:]) / np.abs(samples.t[1:, None])
    return np.asarray(shift * slopes.max(axis=0))


def concluded(samples: Sampled, verdict: Verdict, *, reach: float, spent: bool = False) -> Estimate:
    """Return the estimate; one-sided where no sample lies on one side of x0."""
    return conclude(
        verdict,
        defined=samples.defined,
        step=samples.reach,
        reach=reach,
        one_sided=bool(samples.t.min() == 0.0 or samples.t.max() == 0.0),
        spent=spent,
    )
