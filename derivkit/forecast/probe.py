"""A probe: one model with the covariance of its data, and its derivatives as a forecast needs them.

A model gives means with a covariance (`DataBlock`), rates of counts (`Poisson`), or a mean and a
covariance that both depend on theta (`GaussianMeanCov`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

from derivkit.batch import outputs_at
from derivkit.calculus.problem import check_problem
from derivkit.calculus_kit import CalculusKit
from derivkit.forecast.blocks import DataBlock, GaussianMeanCov, Mean, Pair, Poisson
from derivkit.forecast.complex_data import is_hermitian
from derivkit.forecast.covariance import Whitener, joined, lengths_of_units, size_of, whitener_of
from derivkit.forecast.covariance_of_theta import (
    divergence,
    entries_of,
    of_some_data,
    whitener_of_half,
    whole_of,
)
from derivkit.forecast.derivatives import Derivatives
from derivkit.forecast.information import Array
from derivkit.forecast.inputs import Model, OneByOne, Point, chosen_method
from derivkit.forecast.verdict import quiet
from derivkit.methods.protocol import OffersOneVector
from derivkit.validation import check_flag, check_function, shown

__all__ = ["Probe", "one_by_one", "probe_of", "probes_of"]

HESSIAN = 2  # above this order there are many lines: they are judged by all data together

SHARE = 3e-8
"""Above the second order, derivatives are wanted to this fraction of their length over all data."""


@dataclass(frozen=True, eq=False)
class Probe:
    """A model, its covariance, and the point, as part of a forecast.

    Attributes
    ----------
    model : callable or None
        Theta to means of any shape.
    cov : object
        As `whitener_of` takes it; None for the model's own (counts).
    pair : GaussianMeanCov or None
        Where the covariance depends on theta.
    point : Point
    options : dict
        Keywords of `CalculusKit`.
    """

    model: Callable[..., Any] | None
    cov: Any
    point: Point
    options: Mapping[str, Any]
    pair: GaussianMeanCov | None = None
    _kinds: set[str] = field(default_factory=set)  # of the outputs seen so far: "complex"

    @cached_property
    def kit(self) -> CalculusKit:
        """The derivative kit of the mean."""
        if self.model is None:
            raise ValueError(
                "`function` must be given for the mean's part of a forecast, got None; where only "
                "the covariance depends on theta, use gaussian_fisher_result()"
            )
        vectorized = check_flag("vectorized", self.options.get("vectorized", False))
        return self._kit(Model(self.model, self.point, vectorized, kinds=self._kinds))

    @cached_property
    def pair_kit(self) -> CalculusKit:
        """The derivative kit of mean and covariance together."""
        return self._kit(Model(Pair(self._pair, self._entries), self.point, numeric=True))

    @cached_property
    def _entries(self) -> Any:
        C = self.covariance_here
        return entries_of(C) if C.ndim == 2 else None

    @property
    def _pair(self) -> GaussianMeanCov:
        if self.pair is None:
            raise ValueError("`cov` must be a function of theta here, got one that is not")
        if self.options.get("vectorized"):
            raise ValueError(
                "`vectorized` must be False where the covariance depends on theta: it is called "
                "for one theta at a time"
            )
        return self.pair

    def _kit(self, model: Model) -> CalculusKit:
        return CalculusKit(model, self.point.values, names=self.point.names, **self.options)

    @property
    def is_called(self) -> bool:
        """Whether the mean, if there is one, is known without a call."""
        return self.model is None or ("kit" in vars(self) and len(self.kit._memo) > 0)  # noqa: SLF001

    @cached_property
    def mean(self) -> Array:
        """The model's outputs (m,) at the fiducial point."""
        with quiet():  # a datum that is not a number is left out, with a note
            return np.asarray(self.kit.hyper_hessian(order=0))

    def call(self) -> int:
        """Call the model at theta0, unless that is done; return how many calls that took."""
        with quiet():
            return self.kit.hyper_hessian_result(order=0).nfev

    def values(self, points: Array, n_workers: int | None = None) -> Array:
        """Return the outputs (n, m) at n points (n, p); nan where the model fails."""
        problem, memo = self.kit._problem, self.kit._memo  # noqa: SLF001 - no derivatives there
        found = outputs_at(problem, points, memo, n_workers)
        return np.broadcast_to(found, (len(points), self.mean.size))

    def departures(self, values: Array) -> Array:
        """Return outputs (n, m) less the fiducial ones, so that whitened they give chi-square.

        For counts, chi-square is the deviance: these are its signed roots times sqrt(mean),
        by which the whitener divides.
        """
        away = values - self.mean
        if self.cov is not None or self.pair is not None:
            return np.asarray(away)
        with np.errstate(divide="ignore", invalid="ignore"):
            deviance = 2 * (away - self.mean * np.log(values / self.mean))
        deviance = np.where(values > 0, np.maximum(deviance, 0), np.nan)
        return np.asarray(np.sign(away) * np.sqrt(deviance * self.mean))

    def jacobian(self, method: Any, **keywords: Any) -> Derivatives:
        """Return the derivatives of the mean."""
        with quiet():
            return Derivatives.of(self.kit.jacobian_result(method, **keywords))

    def tensor(self, order: int, method: Any, **keywords: Any) -> Derivatives:
        """Return the distinct derivatives of an order of the mean, a column for each."""
        with quiet():
            if order > HESSIAN and self.mean.size > 1:
                method, keywords = self._for_one_vector(method, keywords)
            result = self.kit.hyper_hessian_result(method, order=order, **keywords)
        every = Derivatives.of(result)
        p = len(self.point.names)
        index = np.array(list(combinations_with_replacement(range(p), order))).T
        distinct = np.zeros(p**order, dtype=bool)
        distinct[np.ravel_multi_index(index, (p,) * order)] = True
        return every.of_columns(distinct)

    def _for_one_vector(
        self, method: Any, keywords: Mapping[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Return a method that looks at all data together, if there is one, and a run's keywords.

        A third derivative has many lines, and some of many data always have a derivative near 0:
        resolving its digits would cost calls, and no forecast depends on them.
        """
        chosen, run = chosen_method(method, keywords)
        if not isinstance(chosen, OffersOneVector):
            return chosen, run
        whitener = self.whitener()

        def length(x: Array) -> float:
            return float(np.linalg.norm(whitener.whiten(x[:, None])))

        return chosen.of_one_vector(length, lengths_of_units(whitener), SHARE), run

    def pair_jacobian(self, method: Any, **keywords: Any) -> tuple[Derivatives, Derivatives]:
        """Return the derivatives of the mean, and of the half of the covariance, in one go."""
        with quiet():
            every = Derivatives.of(self.pair_kit.jacobian_result(method, **keywords))
        of_mean = np.arange(len(every.value)) < (0 if self.model is None else self.mean.size)
        return every.of_rows(of_mean), replace(every.of_rows(~of_mean), nfev=0)

    def divergences(
        self, points: Array, kept: NDArray[np.bool_], factor: float, n_workers: int | None = None
    ) -> Array:
        """Return the counterpart of chi-square (n,) where the covariance depends on theta.

        At points (n, p), twice `derivkit.forecast.covariance_of_theta.divergence` from the fiducial
        point, of the data that are kept, with C^-1 multiplied by a factor; inf where the model
        fails.
        """
        problem, memo = self.pair_kit._problem, self.pair_kit._memo  # noqa: SLF001
        C0 = self.covariance_here
        start = self.mean if self.model is not None else np.zeros(0)
        kept = kept if self.model is not None else np.ones(C0.shape[0], dtype=bool)
        C0, found = of_some_data(C0, kept), np.full(len(points), np.inf)
        for k, row in enumerate(outputs_at(problem, points, memo, n_workers)):
            if not np.isfinite(row).all():
                continue
            moved = row[: start.size] - start if start.size else np.zeros(kept.size)
            C = whole_of(row[start.size :], self.covariance_here, self._entries)
            try:
                moved = np.sqrt(factor) * moved[kept]
                found[k] = divergence(of_some_data(C, kept), C0, moved)
            except ValueError:  # not positive definite: no covariance of any data
                continue
        return found

    @cached_property
    def limits(self) -> Array:
        """Lower and upper bounds (p, 2) of the probe's parameters."""
        bounds = self.options.get("bounds")
        problem = check_problem(
            len, self.point.values, names=self.point.names, bounds=bounds
        )  # no model is called for it
        return np.stack([problem.lower, problem.upper], axis=1)

    def check_covariance(self) -> None:
        """Raise a ValueError if `cov` is no covariance, before the model is called."""
        size = None if self.cov is None else size_of(self.cov)
        if size is not None:
            whitener_of(self.cov, size)

    @cached_property
    def is_complex(self) -> bool:
        """Whether the model's outputs are complex."""
        if self.model is None:
            return False
        size = None if self.cov is None or self.pair is not None else size_of(self.cov)
        if not self.mean.size or self._kinds:
            return "complex" in self._kinds
        if size is not None:  # no call was made: a checkpoint keeps real and imaginary parts
            return is_hermitian(self.cov) or self.mean.size == 2 * size
        options = {key: each for key, each in self.options.items() if key != "checkpoint"}
        replace(self, options=options).kit.hyper_hessian(order=0)
        return "complex" in self._kinds

    @property
    def is_counts(self) -> bool:
        """Whether the variance of the data is their mean."""
        return self.cov is None and self.pair is None

    def is_same(self, other: Probe) -> bool:
        """Return whether another probe has the same model and the same covariance."""
        pairs = [None if p.pair is None else (p.pair.mu, p.pair.cov) for p in (self, other)]
        models = [None if p.pair is not None else p.model for p in (self, other)]
        return models[0] == models[1] and pairs[0] == pairs[1] and _is_same(self.cov, other.cov)

    def dense_covariance(self) -> Array:
        """Return the covariance as a matrix, where data are correlated across probes."""
        m = self.mean.size
        C = self.mean if self.cov is None else self.cov
        C = np.asarray(C.toarray() if hasattr(C, "toarray") else C)
        if self.pair is not None or C.dtype == object or self.is_complex:
            raise TypeError("`cross` must be between real data with variances or matrices")
        return np.diag(np.broadcast_to(C, m)) if C.ndim < 2 else C

    def whitener(self) -> Whitener:
        """Return the whitener of the mean."""
        if self.pair is not None:
            return whitener_of(self.covariance_here, self.mean.size)
        if self.cov is None:
            if self.is_complex:
                raise ValueError("the rates of counts must be real, got complex numbers")
            return _of_rates(self.mean)
        m = self.mean.size
        if np.ndim(self.cov) == 0 and np.isscalar(self.cov):
            return whitener_of(self.cov, m)
        return _of_complex(self.cov, m // 2) if self.is_complex else whitener_of(self.cov, m)

    def half_whitener(self) -> Whitener:
        """Return the whitener of the covariance's half."""
        return whitener_of_half(self.covariance_here)

    @cached_property
    def covariance_here(self) -> Any:
        """Variances (m,) or matrix (m, m), sparse or not, at the fiducial point."""
        return Pair(self._pair).parts(self.point.given(self.point.values.copy()))[1]


def _is_same(a: Any, b: Any) -> bool:
    """Return whether two covariances are one, or the same numbers."""
    if a is b:
        return True
    both = [np.asarray(each) for each in (a, b) if isinstance(each, (np.ndarray, list, float, int))]
    return len(both) == 2 and np.array_equal(both[0], both[1])


def _of_complex(cov: Any, m: int) -> Whitener:
    """Return the whitener of real parts and imaginary parts after them; C Hermitian, or real."""
    if is_hermitian(cov):
        return whitener_of(cov, 2 * m)  # of both parts
    return joined([whitener_of(cov, m)] * 2)


def _of_rates(rates: Array) -> Whitener:
    bad = np.flatnonzero(~(np.isfinite(rates) & (rates > 0)))
    if bad.size:
        raise ValueError(
            f"the rates of counts must be positive, got {rates[bad[0]]:g} at datum {bad[0]}; "
            "leave out data that are always 0"
        )
    return whitener_of(rates, rates.size)


def one_by_one(given: Any, call: str, names: tuple[str, ...]) -> Any:
    """Return a function, or a block's functions, that take parameters one by one, if they do."""
    if call not in {"positional", "keywords"} or isinstance(given, (LinearOperator, Probe)):
        return given
    if isinstance(given, Mapping):
        return {name: one_by_one(each, call, names) for name, each in given.items()}
    if isinstance(given, (DataBlock, Poisson, GaussianMeanCov)):
        parts = {each.name: getattr(given, each.name) for each in fields(given)}
        return replace(given, **{n: one_by_one(part, call, names) for n, part in parts.items()})
    return OneByOne(given, names, call) if callable(given) else given


def _check_no_second_covariance(blocks: Iterable[Any], cov: Any) -> None:
    """Raise a ValueError for a covariance that no block uses."""
    kinds = {type(each) for each in blocks}
    said_twice = isinstance(cov, str) and kinds == {Poisson}  # "poisson" for Poisson
    if cov is not None and not said_twice and kinds <= {DataBlock, Poisson, GaussianMeanCov}:
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise ValueError(
            f"`cov` must be None beside {names}, got {shown(cov)}; they have their own"
        )


def probes_of(
    function: Any, point: Point, cov: Any, options: Mapping[str, Any]
) -> dict[str, Probe]:
    """Return the probes of what a user gave as model, or as models by name, and covariance."""
    blocks = function if isinstance(function, Mapping) else {"": function}
    if not blocks:
        raise ValueError("`function` must be a function or at least one block, got none")
    _check_no_second_covariance(blocks.values(), cov)
    return {name: probe_of(each, point, cov, options) for name, each in blocks.items()}


def probe_of(function: Any, point: Point, cov: Any, options: Mapping[str, Any]) -> Probe:
    """Return the probe of what a user gave as model and covariance."""
    if isinstance(function, Probe):
        return function
    if isinstance(function, DataBlock):
        function, cov = function.model, function.cov
    if isinstance(function, Poisson):
        return Probe(function.rate, None, point, options)
    if isinstance(cov, str):
        if cov != "poisson":
            raise ValueError(f"`cov` must be a covariance or 'poisson', got {shown(cov)}")
        return Probe(function, None, point, options)
    given = callable(cov) and not isinstance(cov, LinearOperator)
    if given and not isinstance(function, GaussianMeanCov):
        function = GaussianMeanCov(function, cov)
    if isinstance(function, GaussianMeanCov):
        mean = None if function.mu is None else Mean(function)
        return Probe(mean, None, point, options, function)
    if function is not None:
        check_function("function", function)
        if cov is None:
            raise ValueError(
                "`cov` must be the data's covariance, got None; counts are Poisson(rate)"
            )
    return Probe(function, cov, point, options)
