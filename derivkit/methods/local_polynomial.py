"""Local polynomial fit with robust trimming: samples that do not belong to the others are removed.

The trimming is in `trimming`; here stands where samples lie and what is made of those kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.fitting import Sampled, concluded, fitted, only_if_explained, sampled
from derivkit.methods.options import finite_numbers, is_count, is_not_negative
from derivkit.methods.placement import on_grid
from derivkit.methods.protocol import Estimate, Line, Solver
from derivkit.methods.trimming import kept_samples
from derivkit.methods.verdict import Verdict, nothing_defined

__all__ = ["LocalPolynomial"]

Array: TypeAlias = NDArray[np.float64]

# Denser near x0; with twelve samples beside x0 a polynomial of degree 6 leaves six to tell an
# outlier by.
DEFAULT_STEPS = (0.01, 0.02, 0.03, 0.04, 0.06, 0.08)

SPARE = 2  # samples beyond those that determine the polynomial, to tell an outlier by

DEGREE_BEYOND_ORDER = 5  # of the default fit: for a gradient, degree 6


@dataclass(frozen=True)
class LocalPolynomial:
    r"""Least-squares polynomial through samples around x0, outliers removed.

    Parameters
    ----------
    degree : int, optional
        Of the polynomial, at least the order of the derivative. By default the order plus 5, less
        where samples are few, and for each output the lower degree that leaves the least error.
    rel_steps : sequence of float
        Distances of the samples from x0, on both sides, in units of the line's scale (abs(x0)
        unless told otherwise).
    tol_rel, tol_abs : float
        A sample within ``tol_abs + tol_rel * max(abs(f))`` of what the others predict for it is
        never removed.
    min_samples : int, optional
        How many samples must be left; degree + 3 by default.
    max_trim : int
        Most samples to be removed.

    Notes
    -----
    A sample is judged by what the polynomial through the *others* predicts for it, so that one at
    the edge, which bends the fit towards itself, cannot hide. See `derivkit.methods.trimming`.

    The samples lie where ``rel_steps`` puts them: structure finer than their distances may pass
    for a smooth function, with too small an error. ``auto`` and ladders of steps look closer.

    *Calls*: two for each of ``rel_steps``; those outside the bounds or where the model is
    undefined are left out.

    References
    ----------
    Cook, R. D. & Weisberg, S. (1982), Residuals and Influence in Regression, Chapman & Hall.
    Rousseeuw, P. J. (1984), Least median of squares regression, J. Am. Stat. Assoc. 79, 871-880,
    doi:10.1080/01621459.1984.10477105.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import CalculusKit
    >>> def model(x):
    ...     return np.sin(x[0]) + (5.0 if x[0] > 0.75 else 0.0)  # wrong at the last sample
    >>> result = CalculusKit(model, [0.7]).gradient_result("local_polynomial")
    >>> bool(abs(result.value - np.cos(0.7)) < result.error < 1e-8)
    True
    """

    degree: int | None = None
    rel_steps: Any = DEFAULT_STEPS
    tol_rel: float = 1e-10
    tol_abs: float = 0.0
    min_samples: int | None = None
    max_trim: int = 3

    def __post_init__(self) -> None:
        if self.degree is not None and (not is_count(self.degree) or self.degree < 1):
            raise ValueError(f"`degree` must be None or at least 1, got {self.degree!r}")
        steps = finite_numbers("rel_steps", self.rel_steps)
        if min(steps) <= 0:
            raise ValueError(f"`rel_steps` must be positive numbers, got {self.rel_steps!r}")
        object.__setattr__(self, "rel_steps", steps)
        for name in ("tol_rel", "tol_abs"):
            if not is_not_negative(getattr(self, name)):
                raise ValueError(
                    f"`{name}` must be a number of at least 0, got {getattr(self, name)!r}"
                )
        if self.min_samples is not None and not (
            is_count(self.min_samples) and self.min_samples >= 2
        ):
            raise ValueError(f"`min_samples` must be None or at least 2, got {self.min_samples!r}")
        if not is_count(self.max_trim) or self.max_trim < 0:
            raise ValueError(f"`max_trim` must be an integer of at least 0, got {self.max_trim!r}")

    def solve(self, line: Line, order: int) -> Solver:
        """Differentiate ``order`` times with respect to t, at t = 0."""
        if self.degree is not None and self.degree < order:
            raise ValueError(
                f"`degree` must be at least the order of the derivative, {order}, got {self.degree}"
            )
        samples = yield from sampled(self._places(line))
        reach = samples.reach
        samples = samples.where(~samples.undefined_places)
        needed = (order if self.degree is None else self.degree) + 1
        if len(samples.t) < needed or not samples.defined.any():
            return nothing_defined(samples.values.shape[1], reach)
        return self._fit(samples, order, line, reach)

    def _places(self, line: Line) -> Array:
        """Return the samples on both sides; where the bounds cut them off, they are drawn in."""
        steps = np.array(self.rel_steps) * line.scale
        farthest = float(steps.max())
        sides = []
        for sign, room in ((-1.0, -line.lower), (1.0, line.upper)):
            shrink = min(1.0, room / farthest)
            unit, _ = on_grid(farthest * shrink, abs(line.origin) + farthest)
            sides.append(sign * unit * (steps / farthest))
        return np.unique(np.concatenate(sides))

    def _fit(self, samples: Sampled, order: int, line: Line, reach: float) -> Estimate:
        """Fit every output to the samples that it keeps."""
        count = len(samples.t)
        degree = self.degree or max(order, min(order + DEGREE_BEYOND_ORDER, count - 1 - SPARE))
        least = max(self.min_samples or degree + 1 + SPARE, degree + 1)
        kept = np.array(
            [self._kept(samples.t, y, degree, least) for y in np.nan_to_num(samples.values).T]
        )
        groups, group_of = np.unique(kept, axis=0, return_inverse=True)
        fixed = {"degree": degree} if self.degree else {"highest": degree}
        parts = [samples.where(group) for group in groups]
        verdicts = [only_if_explained(fitted(p, order, line, **fixed), p) for p in parts]
        return concluded(samples, _chosen(verdicts, group_of.ravel()), reach=reach)

    def _kept(self, t: Array, values: Array, degree: int, least: int) -> NDArray[np.bool_]:
        tolerance = self.tol_abs + self.tol_rel * float(np.abs(values).max())
        most = min(self.max_trim, len(t) - least)
        return kept_samples(t, values, degree, most=most, tolerance=tolerance)


def _chosen(verdicts: list[Verdict], which: NDArray[np.intp]) -> Verdict:
    """Return for each output what the verdict of its own group of samples says."""
    outputs = np.arange(len(which))

    def pick(name: str) -> Array:
        return np.asarray(np.array([getattr(v, name) for v in verdicts])[which, outputs])

    return Verdict(pick("value"), pick("truncation"), pick("carried"), pick("noise"), pick("floor"))
