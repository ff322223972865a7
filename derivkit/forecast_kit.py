"""ForecastKit: a model, a fiducial point and a covariance, and what an experiment will tell."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

import numpy as np
from scipy.sparse.linalg import LinearOperator

from derivkit.calculus.problem import ModelKeywords, check_problem
from derivkit.calculus_kit import CalculusKit, CheckpointKeywords
from derivkit.engine.calling import CALLS
from derivkit.engine.names import matrix_in_order
from derivkit.engine.plain_numbers import output_numbers
from derivkit.errors import ForecastWarning, level_of_user
from derivkit.forecast.bias import Data, check_delta_nu
from derivkit.forecast.check import GaussianCheck, Posterior, checked
from derivkit.forecast.covariance import Whitener, joined, scaled, whitener_of, without
from derivkit.forecast.covariance_of_theta import whitener_of_half
from derivkit.forecast.dali import LETTERS, DaliResult, multi_indices
from derivkit.forecast.density_calls import DensityCalls
from derivkit.forecast.derivatives import Derivatives
from derivkit.forecast.experiment import Experiment
from derivkit.forecast.fisher import FisherResult
from derivkit.forecast.information import Array
from derivkit.forecast.inputs import Point, check_calls, check_keywords, check_names, known_name
from derivkit.forecast.pickled import Pickled
from derivkit.forecast.probe import Probe, one_by_one, probes_of
from derivkit.forecast.probe_table import ProbeTable
from derivkit.forecast.verdict import warn_of
from derivkit.forecast.xy import Places, effective
from derivkit.results.table import Shown, rows_of
from derivkit.validation import is_count, real_numbers, shown, typed, with_keywords_of

__all__ = ["ForecastKit"]

_WITHOUT_EFFECT = (  # DerivKit's: here every kit keeps its evaluations
    "use_input_cache",
    "cache_number_decimal_places",
    "cache_maxsize",
    "cache_copy",
    "thread_safe",
    "thread_lock",
)


class ForecastKeywords(ModelKeywords, CheckpointKeywords, total=False):
    """Keywords of `ForecastKit` for the model that it calls."""


class ForecastKit(Pickled, Shown, DensityCalls):
    """Forecasts for data with a Gaussian or Poisson likelihood, with errors and a verdict.

    Parameters
    ----------
    function : callable, Poisson, DataBlock, GaussianMeanCov, mapping of them, or None
        The model: takes theta as theta0 was given, and returns means of any shape, real or
        complex. A mapping holds independent blocks of data by name. None where only the covariance
        depends on theta.
    theta0 : array_like (p,), mapping or pandas Series
        The fiducial point; a mapping names the parameters.
    cov : float, array_like, sparse, LinearOperator, callable or "poisson"
        The data's covariance: one variance, variances (m,), a matrix (m, m), a
        `scipy.sparse` one, a LinearOperator that whitens (C^(-1/2)), `Cholesky`, `Precision`,
        `BlockDiagonal` or `Kronecker`, or a function of theta that returns variances or a matrix.
    names : sequence of str, optional
        The parameters' names; by default the mapping's keys, or p0, p1, ….
    priors : mapping of str to float, optional
        Standard deviations of independent Gaussian priors; in `fisher_result`, not in `fisher`.
    latex : mapping of str to str, optional
        Labels for pictures.
    cross : mapping of (str, str) to array_like (m1, m2), optional
        Covariances between the data of two blocks; others are independent.
    circular : bool
        The noise of complex data is circular, with covariance C = E[n n^H]: their information
        counts twice, that of real blocks once.
    cov_samples : int, optional
        Number of simulations that the covariance (of each block by itself) was estimated from.
    cov_correction : {"hartlap", "percival"}
        How to correct for the noise of an estimated covariance. "hartlap" multiplies its inverse by
        the factor that makes it unbiased (Hartlap et al. 2007, doi:10.1051/0004-6361:20066170).
        "percival" also divides it by the factor by which the remaining noise enlarges the
        parameters' variances (Percival et al. 2014, doi:10.1093/mnras/stu112, eq. 18).
    call : {"same", "array", "positional", "keywords"}
        What functions of theta get: the type of theta0, or an array. Models, covariances and
        posteriors may also take the parameters one by one, by place or by name.
    **problem
        Keywords of `CalculusKit`: ``bounds``, ``scale``, ``vectorized``, ``checkpoint``, ….

    Raises
    ------
    TypeError
        For an unknown keyword, or something of the wrong kind.
    ValueError
        For a covariance that is not symmetric, positive definite and finite.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import ForecastKit
    >>> kit = ForecastKit(lambda t: [t[0], t[1], t[0] + 2 * t[1]], [1.0, 2.0], np.eye(3))
    >>> print(kit.fisher().round(6))
    [[2. 2.]
     [2. 5.]]
    """

    @with_keywords_of(CalculusKit, but=("has_aux",))
    @typed
    def __init__(
        self,
        function: Any,
        theta0: Any,
        cov: Any = None,
        *,
        names: Sequence[str] | None = None,
        priors: Mapping[str, float] | None = None,
        latex: Mapping[str, str] | None = None,
        cross: Mapping[tuple[str, str], Any] | None = None,
        circular: bool = False,
        cov_samples: int | None = None,
        cov_correction: str = "hartlap",
        call: str = "same",
        **problem: Unpack[ForecastKeywords],
    ) -> None:
        self.point, self._call = Point.of(theta0, names), known_name("call", call, CALLS)
        if call == "array":
            self.point = replace(self.point, like=None)
        self._options = _options_of_models(problem, self.point)
        taken = self._taken(function), self.point, self._taken(cov)
        probes = probes_of(*taken, self._options)
        self.function, self.theta0, self.cov = function, self.point.values.copy(), cov
        self.latex = dict(latex or {})
        check_names("latex", self.latex, self.point.names)
        known, of_parameters = dict(cross or {}), dict(priors or {})
        self.experiment = Experiment(
            self.point, probes, known, of_parameters, circular, cov_samples, cov_correction
        )

    def _shown(self) -> tuple[list[dict[str, Any]], str]:
        names, experiment = self.point.names, self.experiment
        prior = [float(experiment.priors.get(name, np.inf)) for name in names]
        data = f"{self.n_observables} data" if experiment.is_called else "model not called yet"
        rows = rows_of(parameter=names, fiducial=self.point.values.tolist(), prior=prior)
        return rows, f"ForecastKit: {len(names)} parameters, {data}"

    @property
    def cov_fn(self) -> Callable[..., Any] | None:
        """The function that returns the data's covariance, where it depends on theta."""
        return self.cov if callable(self.cov) and not isinstance(self.cov, LinearOperator) else None

    @property
    def cov0(self) -> Any:
        """The data's covariance at theta0."""
        known = self._taken(self.cov)
        return known if self.cov_fn is None else known(self.point.given(self.theta0))

    def _taken(self, given: Any) -> Any:
        """Return functions of theta as they are to be called, and anything else as it is."""
        return one_by_one(given, self._call, self.point.names)

    @property
    def n_observables(self) -> int:
        """Number of data; a complex one counts twice."""
        return self.experiment.mean.size

    @property
    def varied(self) -> Point:  # type: ignore[override]  # not a stub there
        """The point without fixed parameters: those with lower == upper, or left out by ``wrt``."""
        return self.experiment.varied

    # -- Fisher ----------------------------------------------------------------------------------

    def fisher(self, method: Any = None, **keywords: Any) -> Array:
        """Return the Fisher matrix (p, p) of the data, without priors; else as `fisher_result`.

        Where the covariance depends on theta, this is the part that the mean contributes, and a
        UserWarning says so; `gaussian_fisher` has both parts.
        """
        return self._fisher_result(method, with_priors=False, **keywords).value

    def fisher_result(
        self,
        method: Any = None,
        *,
        n_workers: int | None = None,
        max_evaluations: int | None = None,
        progress: Any = None,
        **options: Any,
    ) -> FisherResult:
        """Return the forecast with errors, a verdict, and all that follows from it.

        Parameters
        ----------
        method : str or method value, optional
            How to differentiate, as in `CalculusKit.gradient`.
        n_workers, max_evaluations, progress
            As in `CalculusKit.gradient`.
        **options
            The method's own.

        Warns
        -----
        UnresolvedWarning, ForecastWarning
            If the verdict is worse than "not Gaussian"; the text names the parameters.
        """
        return self._fisher_result(
            method,
            n_workers=n_workers,
            max_evaluations=max_evaluations,
            progress=progress,
            **options,
        )

    def _fisher_result(
        self, method: Any, *, with_priors: bool = True, **keywords: Any
    ) -> FisherResult:
        check_calls(method, keywords)
        experiment = self.experiment
        part = experiment.derivatives(lambda probe: probe.jacobian(method, **keywords))
        if experiment.varies:
            self._warn_of_mean_alone("gaussian_fisher() has both")
        notes = (*((MEAN_ALONE,) if experiment.varies else ()), *experiment.notes)
        return self._forecast(part, experiment.whitener, with_priors=with_priors, notes=notes)

    def _warn_of_mean_alone(self, instead: str) -> None:
        warnings.warn(f"{MEAN_ALONE}; {instead}", ForecastWarning, stacklevel=level_of_user())

    def gaussian_fisher(self, method: Any = None, **keywords: Any) -> Array:
        """Return the Fisher matrix (p, p) of mean and covariance, without priors."""
        return self._gaussian_result(method, with_priors=False, **keywords).value

    def gaussian_fisher_result(self, method: Any = None, **keywords: Any) -> FisherResult:
        """Return the forecast for a mean and a covariance that depend on theta.

        It adds tr(C^-1 dC C^-1 dC) / 2 to the mean's information. Keywords as for `fisher_result`.
        """
        return self._gaussian_result(method, **keywords)

    def _gaussian_result(
        self, method: Any, *, with_priors: bool = True, **keywords: Any
    ) -> FisherResult:
        check_calls(method, keywords)
        experiment = self.experiment
        every, others = experiment.pair_derivatives(method, **keywords)
        return self._forecast(
            every, experiment.whitener, others, with_priors=with_priors, notes=experiment.notes
        )

    def _forecast(
        self,
        whole: Derivatives,
        whitener: Whitener,
        others: Sequence[Whitener] = (),
        *,
        with_priors: bool = True,
        nfev: int | None = None,
        notes: tuple[str, ...] = (),
        called: bool = True,
    ) -> FisherResult:
        """Whiten the derivatives of all means, then of covariances, and make a forecast of them.

        ``whitener`` is for the means, ``others`` are for the covariances. ``called``: whether the
        means can be called again, for a bias or a check.
        """
        m = whitener.m
        gone, lost = whole.lost()
        if gone.any() and any(each.without is None for each in (whitener, *others)):
            gone = np.zeros_like(gone)
            lost = np.asarray(~np.isfinite(whole.error).all(axis=0))
        elif gone.any():
            ends = np.cumsum([m, *(each.m for each in others)])
            of_others = zip(others, np.split(gone, ends)[1:-1], strict=True)
            whitener, others = without(whitener, gone[:m]), [without(w, g) for w, g in of_others]
            n = int(gone.sum())
            text = "data are left out, as their derivatives are not resolved"
            notes = (*notes, f"{n} of {gone.size} {text}: the information is a lower bound")
        every = joined([whitener, *others])
        result = FisherResult(
            names=self.point.names,
            x0=self.point.values,
            information=whole.of_rows(~gone).whitened(every, lost, int(gone.sum())),
            point=self.point,
            free=self.point.names,
            bounds=self.experiment.bounds,
            nfev=whole.nfev if nfev is None else nfev,
            notes=notes,
            latex=self.latex,
            data=Data(m, ~gone[:m], whitener, self.experiment.departure if called else None),
        )
        if with_priors and self.experiment.priors:
            result = result.with_prior(self.experiment.priors)
        held = [name for name in self.point.names if name not in self.varied.names]
        result = result.fix(*held) if held else result
        warn_of(result.verdict, result.message)
        return result

    def by_probe(self, method: Any = None, **keywords: Any) -> ProbeTable:
        """Return the forecast of each probe alone and of all together, without further model calls.

        Keywords as for `fisher_result`. A covariance that depends on theta counts, priors do not.
        """
        whole, alone = self.experiment, {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ForecastWarning)  # one probe often is not enough
            for name, probe in whole.probes.items():
                kit = ForecastKit(
                    {name: probe},
                    probe.point.as_dict(),
                    circular=whole.circular and probe.is_complex,
                    cov_samples=None if probe.is_counts else whole.cov_samples,
                    cov_correction=whole.cov_correction,
                )
                alone[name or "data"] = kit._whole_result(method=method, **keywords)
        kit = ForecastKit(
            whole.probes,
            self.point.as_dict(),
            cross=whole.cross,
            circular=whole.circular,
            cov_samples=whole.cov_samples,
            cov_correction=whole.cov_correction,
        )
        return ProbeTable.of(alone, kit._whole_result(method=method, **keywords))

    # -- errors in x -----------------------------------------------------------------------------

    @typed
    def xy_fisher(
        self,
        *,
        x0: Any,
        mu_xy: Callable[[Array, Any], Any],
        cov_xy: Any,
        method: Any = None,
        rcond: float | None = None,
        symmetrize_dcov: bool = True,
        **keywords: Any,
    ) -> Array:
        """Return the Fisher matrix (p, p) of data with errors in x; see `xy_fisher_result`.

        ``rcond`` and ``symmetrize_dcov`` have no effect: nothing is pseudo-inverted, and
        derivatives of a covariance are symmetric.
        """
        del rcond, symmetrize_dcov
        return self._xy_result(x0, mu_xy, cov_xy, method, with_priors=False, **keywords).value

    @typed
    def xy_fisher_result(
        self,
        *,
        x0: Any,
        mu_xy: Callable[[Array, Any], Any],
        cov_xy: Any,
        method: Any = None,
        **keywords: Any,
    ) -> FisherResult:
        """Return the forecast of data (x, y) with errors in x and in y.

        Parameters
        ----------
        x0 : array_like (n,)
            The measured x.
        mu_xy : callable
            (x, theta) -> means of y (m,).
        cov_xy : array_like (n + m, n + m)
            The covariance of x followed by y.
        method, **keywords
            As for `fisher_result`.
        """
        return self._xy_result(x0, mu_xy, cov_xy, method, **keywords)

    def _xy_result(
        self,
        x0: Any,
        mu_xy: Any,
        cov_xy: Any,
        method: Any,
        *,
        with_priors: bool = True,
        **keywords: Any,
    ) -> FisherResult:
        check_calls(method, keywords)
        places = Places.of(mu_xy, x0, cov_xy)
        if self.experiment.circular:
            raise ValueError("`circular` must be False for data with errors in x, got True")
        part, R = effective(places, self.point, self.experiment.bounds, method, **keywords)
        factor, note = self.experiment.factor_of(len(places.x0) + len(R))
        return self._forecast(
            part,
            scaled(whitener_of(R, len(R)), factor),
            [whitener_of_half(R)],
            with_priors=with_priors,
            notes=(f"C^-1 is {note}",) if note else (),
            called=False,
        )

    # -- beyond Gaussian -------------------------------------------------------------------------

    @typed
    def dali(
        self,
        method: Any = None,
        *,
        forecast_order: int = 2,
        symmetrize: bool = True,
        **keywords: Any,
    ) -> dict[int, tuple[Array, ...]]:
        """Return DALI's tensors as DerivKit does: {1: (F,), 2: (D1, D2), 3: (T1, T2, T3), …}.

        Symmetrised over all indices, which changes no density, unless ``symmetrize=False``.
        `dali_result` has errors, densities and samples, and is far smaller at order 3. Where the
        covariance depends on theta these are the mean's tensors, and a UserWarning says so.
        """
        if self.experiment.varies:
            self._warn_of_mean_alone("posterior.log_density has both")
        result = self._dali(forecast_order, method, symmetrize=symmetrize, **keywords)
        return result.as_derivkit()

    @typed
    def dali_result(self, order: int = 2, method: Any = None, **keywords: Any) -> DaliResult:
        """Return the non-Gaussian forecast from derivatives up to ``order``, 1 to 4.

        The Hessian shares the samples of `fisher_result`. Keywords as there.

        Raises
        ------
        ValueError
            If a covariance depends on theta, whose derivatives DALI's tensors have no place for.
        """
        if self.experiment.varies:
            raise ValueError(
                "`cov` must not depend on theta for dali_result(), got one that does; "
                "gaussian_fisher_result() has it, and posterior.log_density at any theta"
            )
        return self._dali(order, method, **keywords)

    def _dali(
        self, order: int, method: Any, *, symmetrize: bool = True, **keywords: Any
    ) -> DaliResult:
        if not is_count(order) or order not in LETTERS:
            raise ValueError(f"`forecast_order` must be 1, 2, 3 or 4, got {shown(order)}")
        check_calls(method, keywords)
        experiment = self.experiment
        parts = [experiment.derivatives(lambda probe: probe.jacobian(method, **keywords))]
        for k in range(2, order + 1):
            tensor = partial(Probe.tensor, order=k, method=method, **keywords)
            parts.append(experiment.derivatives(tensor, k))
        every = Derivatives.beside(parts)
        fisher = self._forecast(
            parts[0], experiment.whitener, nfev=every.nfev, notes=experiment.notes
        )
        data: Any = fisher.data
        places = {self.point.index(name) for name in fisher.names}
        varied = [places.issuperset(i) for i in multi_indices(len(self.point.names), order)]
        kept = every.of_rows(data.kept).of_columns(np.array(varied))
        unknown = np.asarray(~np.isfinite(kept.error).all(axis=0))
        columns = kept.whitened(data.whitener, unknown)
        lengths = np.where(unknown, np.inf, columns.size)
        error = columns.fisher_error
        return DaliResult(order, fisher, columns.triangle, error, lengths, symmetrize)

    @typed
    def check_gaussian(
        self, fisher: FisherResult | None = None, *, n_workers: int | None = None, **keywords: Any
    ) -> GaussianCheck:
        """Return chi-square at plus and minus one sigma along the axes: 2 p calls of the model.

        It is minus twice the log-density of `posterior`, whether a covariance depends on theta
        or not.

        Parameters
        ----------
        fisher : FisherResult, optional
            The forecast to check; by default that of `fisher_result`, or of
            `gaussian_fisher_result` where a covariance depends on theta. Keywords are theirs.
        n_workers : int, optional
            As in `CalculusKit.gradient`.
        """
        if fisher is None:
            fisher = self._whole_result(n_workers=n_workers, **keywords)
        if not isinstance(fisher, FisherResult):
            raise TypeError(f"`fisher` must be what fisher_result() gave, got {shown(fisher)}")
        if fisher.data is None:
            raise ValueError("`fisher` must be of this kit, got one that was read from JSON")
        if fisher.data.departure is None:
            raise ValueError("`fisher` must be of the kit's own model, got one of errors in x")
        return checked(fisher, partial(self.experiment.chi2, data=fisher.data, n_workers=n_workers))

    @property
    def posterior(self) -> Posterior:
        """The exact log-density with priors, for any sampler: one model call a point.

        The data are the means at theta0, so it is 0 there, its maximum. Where the covariance
        depends on theta, ``-ln det C / 2`` is included.
        """
        experiment = self.experiment
        if not experiment.has_model:
            raise ValueError("`function` must be given to the kit for its posterior, got None")
        data = experiment.data(np.isfinite(experiment.mean))
        places = [self.point.names.index(name) for name in experiment.priors]
        sigmas = np.array(list(experiment.priors.values()))
        point = self.varied
        bounds = experiment.bounds[[self.point.index(name) for name in point.names]]

        def chi2(varied: Array) -> Array:
            steps = experiment.of_all(varied)
            prior = np.sum((steps[:, places] / sigmas) ** 2, axis=1)
            return np.asarray(experiment.chi2(steps, data) + prior)

        def root() -> Array:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ForecastWarning)  # of bounds
                return self._whole_result().root

        return Posterior(point.names, point.values, bounds, chi2, root)

    def _whole_result(self, **keywords: Any) -> FisherResult:
        """Return the forecast from means, and from covariances where these depend on theta."""
        return (self.gaussian_fisher_result if self.experiment.varies else self.fisher_result)(
            **keywords
        )

    # -- bias ------------------------------------------------------------------------------------

    def delta_nu(self, data_unbiased: Any, data_biased: Any) -> Array:
        """Return biased minus unbiased data (m,); 2-D data are flattened in C order.

        Raises
        ------
        ValueError
            If the shapes differ, or have more than two axes.
        FloatingPointError
            If a difference is not finite.
        """
        unbiased = output_numbers("data_unbiased", data_unbiased)
        biased = output_numbers("data_biased", data_biased)
        if unbiased.shape != biased.shape or unbiased.ndim > 2:
            raise ValueError(
                "`data_unbiased` and `data_biased` must have one shape of at most two axes, got "
                f"{unbiased.shape} and {biased.shape}"
            )
        return check_delta_nu(biased - unbiased, self.n_observables)

    @typed
    def fisher_bias(
        self,
        *,
        fisher_matrix: Any,
        delta_nu: Any,
        method: Any = None,
        n_workers: int | None = None,
        rcond: float | None = None,
        **options: Any,
    ) -> tuple[Array, Array]:
        """Return the bias vector J^T C^-1 delta_nu (p,) and the shifts of the parameters (p,).

        `FisherResult.bias` also has errors. ``rcond`` has no effect: nothing is pseudo-inverted.

        Raises
        ------
        ValueError
            If ``fisher_matrix`` is not (p, p), not positive definite, or ``delta_nu`` not (m,).
        FloatingPointError
            If ``delta_nu`` is not finite.
        """
        names, p = self.varied.names, len(self.varied.names)
        given = real_numbers(
            "fisher_matrix", matrix_in_order("fisher_matrix", fisher_matrix, names)
        )
        if given.shape != (p, p):
            raise ValueError(f"`fisher_matrix` must have shape ({p}, {p}), got {given.shape}")
        check_calls(method, {"n_workers": n_workers, **options})
        delta_nu = check_delta_nu(delta_nu, self.n_observables)
        del rcond
        result = self._fisher_result(method, with_priors=False, n_workers=n_workers, **options)
        bias = result.bias(delta_nu, second_order=False)
        scale = result.information.scale
        off = np.abs(given - result.value) / np.outer(scale, scale)
        known = result.error / np.outer(scale, scale)
        if (off <= known + AGREES).all():
            return bias.vector, bias.shift
        warnings.warn(
            f"`fisher_matrix` differs from the one of this model by up to {off.max():.2g} of its "
            "diagonal, and is used as it is; for priors, use fisher_result().with_prior(...)"
            ".bias(...)",
            ForecastWarning,
            stacklevel=level_of_user(),
        )
        size = np.sqrt(np.abs(np.diag(given)))
        scaled_given = given / np.outer(size, size)
        if not (np.isfinite(scaled_given).all() and np.linalg.eigvalsh(scaled_given)[0] > 0):
            raise ValueError("`fisher_matrix` must be positive definite, got one that is not")
        return bias.vector, np.linalg.solve(scaled_given, bias.vector / size) / size

    # -- several probes --------------------------------------------------------------------------

    @classmethod
    def combine(
        cls, *unnamed: Any, cross: Mapping[tuple[str, str], Any] | None = None, **kits: ForecastKit
    ) -> ForecastKit:
        """Return the kit of several probes together; parameters of the same name are the same.

        Parameters
        ----------
        cross : mapping of (str, str) to array_like (m1, m2), optional
            Covariances between the data of two kits; others are independent.
        **kits
            Kits by name.

        Raises
        ------
        ValueError
            If kits disagree on a shared parameter's fiducial value or prior, or on ``circular``;
            hold the same data; or have ``cov_samples``.
        TypeError
            If kits come without a name.
        """
        if unnamed:
            raise TypeError(
                f"`kits` must be given by name, got {len(unnamed)} without; write "
                "ForecastKit.combine(sn=kit1, bao=kit2)"
            )
        if not kits:
            raise ValueError("`kits` must be at least one, got none")
        for name, kit in kits.items():
            if not isinstance(kit, ForecastKit):
                raise TypeError(f"{name!r} must be a ForecastKit, got {type(kit).__name__}")
        whole = Experiment.combined({name: kit.experiment for name, kit in kits.items()}, cross)
        return cls(
            whole.probes,
            whole.point.as_dict(),
            cross=whole.cross,
            priors=whole.priors,
            circular=whole.circular,
            latex={n: s for kit in kits.values() for n, s in kit.latex.items()},
        )


MEAN_ALONE = "the covariance depends on theta, and this is what the mean tells alone"

AGREES = 1e-9
"""Fisher matrices agree if they differ by less than this fraction of the diagonal, plus errors."""


def _options_of_models(given: Mapping[str, Any], point: Point) -> dict[str, Any]:
    """Return the keywords with which the kits of models are made; ``wrt`` becomes bounds."""
    check_keywords(given, (*inspect.signature(ForecastKit).parameters, *_WITHOUT_EFFECT))
    options = {key: value for key, value in given.items() if key not in _WITHOUT_EFFECT}
    if options.pop("transform", None) is not None:
        raise ValueError(
            "`transform` must be None here: fisher_result().reparametrise(…) gives a forecast "
            "in other parameters"
        )
    wrt = options.pop("wrt", None)
    if wrt is not None:  # the others are fixed, by bounds with lower == upper
        options["bounds"] = _bounds_around(point, options.get("bounds"), wrt)
    return options


def _bounds_around(point: Point, bounds: Any, wrt: Any) -> list[tuple[float, float]]:
    """Return bounds that fix all parameters except those in ``wrt``."""
    problem = check_problem(len, point.values, names=point.names, bounds=bounds, wrt=wrt)
    lower, upper = np.array(point.values), np.array(point.values)
    lower[problem.free], upper[problem.free] = (
        problem.lower[problem.free],
        problem.upper[problem.free],
    )
    return list(zip(lower.tolist(), upper.tolist(), strict=True))
