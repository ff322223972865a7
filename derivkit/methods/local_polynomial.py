"""Local polynomial fit with robust trimming: samples that do not belong to the others are removed.

This module decides where the samples lie; `fit.outliers` trims them, `fit.sampled` judges the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.fit.outliers import kept_samples
from derivkit.methods.fit.sampled import (
    Fit,
    FitQuestion,
    Sampled,
    conclude,
    nothing_defined,
    sampled,
)
from derivkit.methods.protocol import Line
from derivkit.methods.stencil.placement import on_grid
from derivkit.methods.together import Course, CourseMethod
from derivkit.validation import check_count, check_not_negative, finite_numbers, shown

__all__ = ["LocalPolynomial"]

Array: TypeAlias = NDArray[np.float64]

# Denser near x0; with twelve samples beside x0 a polynomial of degree 6 leaves six to tell an
# outlier by.
DEFAULT_STEPS = (0.01, 0.02, 0.03, 0.04, 0.06, 0.08)

TINY = float(np.finfo(float).tiny)  # closer together than this, samples are none

SPARE = 2  # samples beyond those that determine the polynomial, to tell an outlier by

DEGREE_BEYOND_ORDER = 5  # of the polynomial that outliers are told by: for a gradient, degree 6


@dataclass(frozen=True)
class LocalPolynomial(CourseMethod):
    r"""Least-squares polynomial through samples around x0, outliers removed.

    Parameters
    ----------
    degree : int, optional
        Of the polynomial, at least the order of the derivative. By default, for each output the
        one that leaves the least error; outliers are told by one of the order plus 5.
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
    the edge, which bends the fit towards itself, cannot hide. See `derivkit.methods.fit.outliers`.

    The samples lie where ``rel_steps`` puts them: structure finer than their distances may pass
    for a smooth function, with too small an error. ``auto`` and ``finite`` with several levels look
    closer.

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
        for name, least in (("degree", 1), ("min_samples", 2), ("max_trim", 0)):
            if getattr(self, name) is not None or name == "max_trim":
                check_count(name, getattr(self, name), least=least)
        for name in ("tol_rel", "tol_abs"):
            check_not_negative(name, getattr(self, name))
        steps = finite_numbers("rel_steps", self.rel_steps)
        if min(steps) <= 0:
            raise ValueError(f"`rel_steps` must be positive numbers, got {shown(self.rel_steps)}")
        object.__setattr__(self, "rel_steps", steps)

    def course(self, line: Line, order: int) -> Course:
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
        groups, group_of = np.unique(self._kept(samples, order), axis=0, return_inverse=True)
        fits = []
        for kept in map(samples.where, groups):
            fit = yield FitQuestion(kept, order, line, self.degree)
            fits.append(fit)
        return conclude(samples, _chosen(fits, group_of.ravel()), reach=reach)

    def _places(self, line: Line) -> Array:
        """Return the samples on both sides; where the bounds cut them off, they are drawn in."""
        steps = np.array(self.rel_steps) * line.scale
        farthest = max(float(steps.max()), TINY)
        sides = []
        for sign, room in ((-1.0, -line.lower), (1.0, line.upper)):
            shrink = min(1.0, room / farthest)
            unit, _ = on_grid(farthest * shrink, abs(line.origin) + farthest)
            sides.append(sign * unit * (steps / farthest))
        return np.unique(np.concatenate(sides))

    def _kept(self, samples: Sampled, order: int) -> NDArray[np.bool_]:
        """Return which samples (q, m) each output keeps."""
        count = len(samples.t)
        degree = self.degree or max(order, min(order + DEGREE_BEYOND_ORDER, count - 1 - SPARE))
        least = max(self.min_samples or degree + 1 + SPARE, degree + 1)
        most = min(self.max_trim, count - least)
        columns = np.nan_to_num(samples.values).T
        tolerances = self.tol_abs + self.tol_rel * np.abs(columns).max(axis=1)
        rows = zip(columns, tolerances, strict=True)
        return np.array([kept_samples(samples.t, y, degree, most, bar) for y, bar in rows])


def _chosen(fits: list[Fit], which: NDArray[np.intp]) -> Fit:
    """Return for each output what the fit of its own group of samples says."""
    outputs = np.arange(len(which))
    return Fit(*(np.array(parts)[which, outputs] for parts in zip(*fits, strict=True)))
