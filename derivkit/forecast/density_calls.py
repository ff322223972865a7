"""What a kit does with a Fisher matrix or DALI tensors that its user holds: densities and samples.

The names and keywords are DerivKit's. Where its numbers are wrong, these are right: priors count
in samples, nothing is pseudo-inverted, parameters of any scale are sampled alike.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from derivkit.engine.names import matrix_in_order
from derivkit.errors import ForecastWarning, level_of_user
from derivkit.forecast import getdist_export as export
from derivkit.forecast.dali import LETTERS, DeltaChi2
from derivkit.forecast.information import Array
from derivkit.forecast.inputs import Point, check_points, known_name, must_be_functions
from derivkit.forecast.inverse import SKEW, inverse_of
from derivkit.forecast.laplace import LaplaceResult, laplace, scalar_kit
from derivkit.forecast.priors import Prior, build_prior, check_bounds, chosen_prior
from derivkit.forecast.samples import check_sampling, gaussian_samples, importance_samples
from derivkit.forecast.verdict import warn_of
from derivkit.validation import check_texts, has, is_count, real_numbers, shown, typed

__all__ = ["DensityCalls"]


class DensityCalls:
    """What `ForecastKit` inherits; it brings the point, its bounds and labels.

    Densities and samples are those of the parameters that vary.
    """

    point: Point
    varied: Point
    latex: dict[str, str]
    _options: dict[str, Any]
    _taken: Callable[[Any], Any]

    # -- densities -------------------------------------------------------------------------------

    def delta_chi2_fisher(self, *, theta: Any, fisher: Any) -> Any:
        """Return chi-square over its minimum at points (..., p), of a Fisher matrix (p, p)."""
        return self._along(theta, lambda d: np.einsum("ni,ij,nj->n", d, self._matrix(fisher), d))

    @typed
    def delta_chi2_dali(self, *, theta: Any, dali: Any, forecast_order: int | None = None) -> Any:
        """Return chi-square over its minimum at points (..., p), of the tensors of `dali`.

        Raises
        ------
        TypeError
            If ``dali`` is not a dict {1: (F,), 2: (D1, D2), …}.
        ValueError
            If it has no second order.
        """
        return self._along(theta, DeltaChi2(self._up_to(dali, forecast_order)))

    def logposterior_fisher(self, *, theta: Any, fisher: Any, **prior: Any) -> Any:
        """Return log prior - chi-square / 2 at points (..., p), of a Fisher matrix (p, p).

        Priors are given as ``prior_terms`` and ``prior_bounds``, or as ``logprior``.
        """
        found = self.delta_chi2_fisher(theta=theta, fisher=fisher)
        return self._with_prior(theta, found, prior)

    @typed
    def logposterior_dali(
        self, *, theta: Any, dali: Any, forecast_order: int | None = None, **prior: Any
    ) -> Any:
        """Return log prior - chi-square / 2 at points (..., p), of the tensors of `dali`."""
        found = self.delta_chi2_dali(theta=theta, dali=dali, forecast_order=forecast_order)
        return self._with_prior(theta, found, prior)

    def _with_prior(self, theta: Any, delta_chi2: Any, prior: dict[str, Any]) -> Any:
        for key in prior:
            known_name("keyword", key, ("logprior", "prior_bounds", "prior_terms"))
        chosen = self._prior(**prior)
        log = 0.0 if chosen is None else chosen(theta)
        return log - 0.5 * delta_chi2

    def _along(self, theta: Any, function: Callable[[Array], Array]) -> Any:
        points = check_points("theta", theta, self.varied.names)
        d = points.reshape(-1, points.shape[-1]) - self.varied.values
        return function(d).reshape(points.shape[:-1])[()]

    def _matrix(self, fisher: Any) -> Array:
        F = real_numbers("fisher", matrix_in_order("fisher", fisher, self.varied.names))
        p = len(self.varied.names)
        if F.shape != (p, p) or not np.isfinite(F).all():
            raise ValueError(f"`fisher` must be ({p}, {p}) finite numbers, got shape {F.shape}")
        size = np.sqrt(np.abs(np.diag(F)))
        if (np.abs(F - F.T) > SKEW * np.outer(size, size)).any():
            raise ValueError("`fisher` must be symmetric, got a matrix that is not")
        return F

    @typed
    def build_prior(self, *, terms: Sequence[Any] | None = None, bounds: Any = None) -> Prior:
        """Return the sum of log-priors, inside bounds; see `derivkit.forecast.priors`."""
        return build_prior(terms=terms, bounds=bounds)

    # -- GetDist and emcee -----------------------------------------------------------------------

    @typed
    def getdist_fisher_gaussian(
        self,
        *,
        fisher: Any,
        names: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
        label: str = "Fisher (Gaussian)",
        rcond: float | None = None,
    ) -> Any:
        """Return GetDist's Gaussian with the inverse of a Fisher matrix, about theta0.

        ``rcond`` has no effect: a matrix that cannot be inverted is an error that names the
        direction.
        """
        del rcond
        names, labels = self._names(names, labels)
        C = self._covariance(fisher, names)
        return export.gaussian(self.varied.values, C, names, labels, label)

    @typed
    def getdist_fisher_samples(
        self,
        *,
        fisher: Any,
        names: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
        n_samples: int = 30_000,
        seed: int | None = None,
        kernel_scale: float = 1.0,
        prior_terms: Any = None,
        prior_bounds: Any = None,
        logprior: Any = None,
        hard_bounds: Any = None,
        store_loglikes: bool = True,
        label: str = "Fisher (samples)",
    ) -> Any:
        """Return GetDist's samples of a Fisher matrix's Gaussian times a prior.

        Raises
        ------
        ValueError
            For wrong lengths, or ``hard_bounds`` together with a prior.
        SamplingError
            If too few samples are inside.
        """
        prior = self._prior(prior_terms, prior_bounds, logprior)
        check_sampling(seed, n_samples=n_samples, kernel_scale=kernel_scale)
        if hard_bounds is not None and prior is not None:
            raise ValueError("`hard_bounds` must not be given with a prior; use prior_bounds")
        names, labels = self._names(names, labels)
        F = self._matrix(fisher)
        density = export.Density(
            lambda x: -0.5 * self.delta_chi2_fisher(theta=x, fisher=F),
            prior,
            self._limits("prior_bounds", prior_bounds)
            if hard_bounds is None
            else self._limits("hard_bounds", hard_bounds),
        )
        root = np.asarray(np.linalg.cholesky(self._covariance(F, names)))
        if prior is None and density.bounds is None and kernel_scale == 1:
            found = gaussian_samples(self.varied.values, root, n_samples, seed, names)
        else:
            found = importance_samples(
                density, self.varied.values, root, n_samples, seed, names=names, scale=kernel_scale
            )
        return export.of_samples(found, labels, label, density.bounds, loglikes=store_loglikes)

    @typed
    def getdist_dali_importance(
        self,
        *,
        dali: Any,
        names: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
        forecast_order: int | None = None,
        n_samples: int = 50_000,
        kernel_scale: float = 1.5,
        seed: int | None = None,
        prior_terms: Any = None,
        prior_bounds: Any = None,
        logprior: Any = None,
        sampler_bounds: Any = None,
        label: str = "DALI (importance)",
    ) -> Any:
        """Return GetDist's weighted samples of a DALI density times a prior."""
        names, labels = self._names(names, labels)
        prior = self._prior(prior_terms, prior_bounds, logprior)
        check_sampling(seed, n_samples=n_samples, kernel_scale=kernel_scale)
        density, root = self._dali_density(
            dali, forecast_order, prior, prior_bounds, sampler_bounds
        )
        found = importance_samples(
            density, self.varied.values, root, n_samples, seed, names=names, scale=kernel_scale
        )
        return export.of_samples(found, labels, label, density.bounds)

    @typed
    def getdist_dali_emcee(
        self,
        *,
        dali: Any,
        names: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
        forecast_order: int | None = None,
        n_steps: int = 10_000,
        burn: int = 2_000,
        thin: int = 2,
        n_walkers: int | None = None,
        init_scale: float = 0.5,
        seed: int | None = None,
        prior_terms: Any = None,
        prior_bounds: Any = None,
        logprior: Any = None,
        sampler_bounds: Any = None,
        label: str = "DALI (emcee)",
    ) -> Any:
        """Return emcee's samples of a DALI density times a prior, for GetDist."""
        names, labels = self._names(names, labels)
        prior = self._prior(prior_terms, prior_bounds, logprior)
        walk = export.Walk(n_steps, burn, thin, n_walkers, init_scale, seed)
        density, root = self._dali_density(
            dali, forecast_order, prior, prior_bounds, sampler_bounds
        )
        found = export.chain(density, self.varied.values, root, names, walk)
        return export.of_samples(found, labels, label, density.bounds)

    def _dali_density(
        self, dali: Any, order: int | None, prior: Prior | None, bounds: Any, more: Any
    ) -> tuple[export.Density, Array]:
        """Return the density of DALI's tensors with a prior, and a root to propose steps with."""
        tensors = self._up_to(dali, order)
        limits = self._limits("prior_bounds", bounds)
        if more is not None:
            limits = self._limits("sampler_bounds", more)
        chi2 = DeltaChi2(tensors)
        density = export.Density(lambda x: -0.5 * self._along(x, chi2), prior, limits)
        F = self._matrix(tensors[1][0])
        if density.bounds is not None:  # directions that only the bounds limit
            width = np.diff(density.bounds, axis=1).ravel() / np.sqrt(12)
            F = F + np.diag(np.where(np.isfinite(width), 1 / width**2, 0.0))
        return density, np.asarray(np.linalg.cholesky(self._covariance(F, self.varied.names)))

    def _covariance(self, fisher: Any, names: Sequence[str]) -> Array:
        """Return the inverse of a Fisher matrix; a ValueError names what it does not constrain."""
        return inverse_of(self._matrix(fisher), names=names, what="`fisher`")[0]

    def _up_to(self, dali: Any, order: int | None) -> dict[int, tuple[Array, ...]]:
        """Return DALI's tensors up to an order, of these parameters."""
        p, found = len(self.varied.names), {}
        for k, tensors in _up_to(dali, order).items():
            each = [real_numbers("dali", tensor) for tensor in tensors]
            for l, tensor in enumerate(each, 1):  # noqa: E741 - as in T_kl
                if tensor.shape != (p,) * (k + l) or not np.isfinite(tensor).all():
                    raise ValueError(
                        f"`dali` must be finite tensors of {p} parameters, ({p},) * {k + l} for "
                        f"number {l} of order {k}, got shape {tensor.shape}"
                    )
            found[k] = tuple(each)
        return found

    def _limits(self, name: str, bounds: Any) -> Array | None:
        return None if bounds is None else check_bounds(name, bounds, len(self.varied.names))

    def _prior(
        self, prior_terms: Any = None, prior_bounds: Any = None, logprior: Any = None
    ) -> Prior | None:
        """Return the prior that is given; a function takes what theta0 is."""
        self._limits("prior_bounds", prior_bounds)
        must_be_functions(logprior=logprior)
        if logprior is None or not has(self.point.like, "keys"):
            return chosen_prior(prior_terms, prior_bounds, logprior)
        places = [self.point.index(name) for name in self.varied.names]

        def by_name(values: Array) -> Any:
            whole = self.point.values.copy()
            whole[places] = values
            return logprior(self.point.given(whole))

        return chosen_prior(prior_terms, prior_bounds, by_name)

    def _names(
        self, names: Sequence[str] | None, labels: Sequence[str] | None
    ) -> tuple[list[str], list[str]]:
        """Return checked names and labels; by default the kit's."""
        chosen = list(self.varied.names if names is None else check_texts("names", names))
        given = [self.latex.get(n, n) for n in chosen]
        given = given if labels is None else list(check_texts("labels", labels))
        p = len(self.varied.names)
        if len(chosen) != p or len(given) != p:
            raise ValueError(
                f"`names` and `labels` must be {p} each, got {len(chosen)} and {len(given)}"
            )
        return chosen, given

    # -- Laplace ---------------------------------------------------------------------------------

    @typed
    def negative_logposterior(self, theta: Any, *, logposterior: Callable[[Any], Any]) -> float:
        """Return minus the log-posterior at a point.

        Raises
        ------
        ValueError
            If it is not finite there.
        """
        point = self.point.moved("theta", theta)
        value = -float(logposterior(point.given(point.values)))
        if not np.isfinite(value):
            raise ValueError(f"`logposterior` must be finite at theta, got {-value}")
        return value

    @typed
    def laplace_result(
        self,
        *,
        neg_logposterior: Callable[[Any], Any],
        theta_map: Any = None,
        method: Any = None,
        **keywords: Any,
    ) -> LaplaceResult:
        """Return the Gaussian about a point of least negative log-posterior.

        Parameters
        ----------
        neg_logposterior : callable
            Theta to a number.
        theta_map : array_like (p,), optional
            By default theta0.
        method, **keywords
            As for `CalculusKit.hessian`.

        Raises
        ------
        ValueError
            If the Hessian is not positive definite: at a saddle, or where a direction has no
            influence. The text names the direction.
        TypeError
            If the function does not return a number.

        Warns
        -----
        ForecastWarning
            If the point is not the minimum; the text has the Newton step to it.
        """
        point = self.point if theta_map is None else self.point.moved("theta_map", theta_map)
        function = self._taken(neg_logposterior)
        found = laplace(function, point, self._options, method, **keywords)
        if found.success and not found.is_maximum:
            warnings.warn(found.message, ForecastWarning, stacklevel=level_of_user())
        warn_of(found.verdict, found.message)
        return found

    @typed
    def laplace_approximation(
        self,
        *,
        neg_logposterior: Callable[[Any], Any],
        theta_map: Any = None,
        method: Any = None,
        n_workers: int | None = None,
        ensure_spd: bool = True,
        rcond: float | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Return DerivKit's dict of Laplace's approximation; `laplace_result` has errors.

        ``ensure_spd`` and ``rcond`` have no effect: a Hessian that is not positive definite is an
        error, not jittered until it is; the jitter is always 0.
        """
        del ensure_spd, rcond
        found = self.laplace_result(
            neg_logposterior=neg_logposterior,
            theta_map=theta_map,
            method=method,
            n_workers=n_workers,
            **options,
        )
        return found.as_derivkit()

    @typed
    def laplace_hessian(
        self,
        *,
        neg_logposterior: Callable[[Any], Any],
        theta_map: Any = None,
        method: Any = None,
        n_workers: int | None = None,
        **options: Any,
    ) -> Array:
        """Return the Hessian (p, p) of a negative log-posterior."""
        point = self.point if theta_map is None else self.point.moved("theta_map", theta_map)
        kit = scalar_kit(self._taken(neg_logposterior), point, self._options)
        H = kit.hessian_result(method, n_workers=n_workers, **options).value
        varied = [self.point.index(name) for name in self.varied.names]
        return np.asarray(H[np.ix_(varied, varied)])

    @typed
    def laplace_covariance(self, hessian: Any, *, rcond: float | None = None) -> Array:
        """Return the inverse of a positive definite Hessian (p, p)."""
        del rcond
        names = self.varied.names
        return inverse_of(matrix_in_order("hessian", hessian, names), names=names)[0]


def _up_to(dali: Any, order: int | None) -> dict[int, tuple[Any, ...]]:
    """Return DALI's tensors up to an order, at least the second."""
    if not isinstance(dali, Mapping):
        raise TypeError(
            f"`dali` must be a dict {{1: (F,), 2: (D1, D2)}}, got {type(dali).__name__}"
        )
    if not all(map(is_count, dali)):
        raise TypeError(f"`dali` must be a dict {{1: (F,), 2: (D1, D2)}}, got {shown(dali)}")
    highest = max(dali, default=0) if order is None else order
    if highest not in LETTERS or highest < 2:
        raise ValueError(f"`forecast_order` must be 2, 3 or 4, got {shown(highest)}")
    missing = [k for k in range(1, highest + 1) if k not in dali or len(dali[k]) != k]
    if missing:
        raise ValueError(f"`dali` must have {missing[0]} tensors of order {missing[0]}, got fewer")
    return {k: dali[k] for k in range(1, highest + 1)}
