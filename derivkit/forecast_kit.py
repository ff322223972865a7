"""ForecastKit: a model, a fiducial point and a covariance, and what an experiment will tell."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Unpack

import numpy as np
from scipy.sparse.linalg import LinearOperator

from derivkit.calculus.problem import ModelKeywords, check_problem
from derivkit.calculus.signatures import with_keywords_of
from derivkit.calculus_kit import CalculusKit, CheckpointKeywords
from derivkit.engine.calling import CALLS
from derivkit.engine.names import matrix_in_order
from derivkit.engine.plain_numbers import output_numbers
from derivkit.errors import ForecastWarning, level_of_user
from derivkit.forecast.bias import Data, check_delta_nu
from derivkit.forecast.check import GaussianCheck, Posterior, checked
from derivkit.forecast.covariance import Whitener, joined, scaled, whitener_of, without
from derivkit.forecast.covariance_of_theta import whitener_of_half
from derivkit.forecast.dali import LETTERS, DaliResult, exact_indices, multi_indices
from derivkit.forecast.density_calls import DensityCalls
from derivkit.forecast.derivatives import Derivatives
from derivkit.forecast.fisher import FisherResult
from derivkit.forecast.information import Array, Information
from derivkit.forecast.inputs import (
    Point,
    check_calls,
    check_keywords,
    check_names,
    check_sigmas,
    known_name,
)
from derivkit.forecast.probe import Probe, check_no_second_covariance, one_by_one, probe_of
from derivkit.forecast.probe_table import ProbeTable
from derivkit.forecast.simulations import factor_of_simulations
from derivkit.forecast.verdict import warn_of
from derivkit.forecast.xy import Places, effective
from derivkit.results.table import Shown, rows_of
from derivkit.validation import is_count, real_numbers, shown, typed

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


class ForecastKit(Shown, DensityCalls):
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
        check_keywords(problem, (*inspect.signature(ForecastKit).parameters, *_WITHOUT_EFFECT))
        options = {key: value for key, value in problem.items() if key not in _WITHOUT_EFFECT}
        self._options = options
        known_name("call", call, CALLS)
        if options.pop("transform", None) is not None:
            raise ValueError(
                "`transform` must be None here: fisher_result().reparametrise(…) gives a forecast "
                "in other parameters"
            )
        self.point, self._call = Point.of(theta0, names), call
        if call == "array":
            self.point = replace(self.point, like=None)
        wrt = options.pop("wrt", None)
        if wrt is not None:  # the others are fixed, by bounds with lower == upper
            options["bounds"] = _bounds_around(self.point, options.get("bounds"), wrt)
        blocks = function if isinstance(function, Mapping) else {"": function}
        if not blocks:
            raise ValueError("`function` must be a function or at least one block, got none")
        check_no_second_covariance(blocks.values(), cov)
        self.function, self.theta0, self.cov = function, self.point.values.copy(), cov
        taken = {name: self._taken(each) for name, each in blocks.items()}
        self.probes = {
            name: probe_of(each, self.point, self._taken(cov), options)
            for name, each in taken.items()
        }
        self.cross = _checked_cross(cross, list(self.probes))
        self.priors, self.latex = dict(priors or {}), dict(latex or {})
        check_names("priors", self.priors, self.point.names)
        check_sigmas("priors", self.priors)
        check_names("latex", self.latex, self.point.names)
        self.circular, self.cov_samples = circular, cov_samples
        self._correction = known_name("cov_correction", cov_correction, ("hartlap", "percival"))
        for probe in self.probes.values():
            probe.check_covariance()

    def _shown(self) -> tuple[list[dict[str, Any]], str]:
        names = self.point.names
        prior = [float(self.priors.get(name, np.inf)) for name in names]
        called = all(probe.is_called for probe in self.probes.values())
        data = f"{self._mean.size} data" if called else "model not called yet"
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
        return self._mean.size

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
        part = self._each(lambda probe: probe.jacobian(method, **keywords))
        if self._varies:
            self._warn_of_mean_alone("gaussian_fisher() has both")
        notes = (*((MEAN_ALONE,) if self._varies else ()), *self._notes)
        return self._forecast(part, self._whitener, with_priors=with_priors, notes=notes)

    def _warn_of_mean_alone(self, instead: str) -> None:
        warnings.warn(f"{MEAN_ALONE}; {instead}", ForecastWarning, stacklevel=level_of_user())

    @property
    def _varies(self) -> bool:
        """Whether a covariance depends on theta."""
        return any(probe.pair is not None for probe in self.probes.values())

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
        calls = self._called()
        means, halves = [], []
        for probe in self.probes.values():
            if probe.pair is None:
                means.append(self._placed(probe, probe.jacobian(method, **keywords)))
                continue
            mean, half = (
                self._placed(probe, each) for each in probe.pair_jacobian(method, **keywords)
            )
            means.append(mean)
            halves.append(half)
        others = [p.half_whitener() for p in self.probes.values() if p.pair is not None]
        every = Derivatives.below([*means, *halves])
        return self._forecast(
            replace(every, nfev=every.nfev + calls),
            self._whitener,
            others,
            with_priors=with_priors,
            notes=self._notes,
        )

    def _called(self) -> int:
        """Return how many calls at the fiducial point tell whether the covariances suit the data.

        What does not is refused then, before all other calls.
        """
        calls = sum(probe.call() for probe in self.probes.values() if probe.model is not None)
        _ = self._whitener
        return calls

    def _each(self, derivatives_of: Callable[[Probe], Derivatives], order: int = 1) -> Derivatives:
        """Return the derivatives of the data of all probes, with respect to all parameters."""
        calls = self._called()
        every = Derivatives.below(
            [self._placed(probe, derivatives_of(probe), order) for probe in self.probes.values()]
        )
        return replace(every, nfev=every.nfev + calls)

    def _placed(self, probe: Probe, found: Derivatives, order: int = 1) -> Derivatives:
        """Return a probe's derivatives among columns for the parameters of all probes."""
        place = {index: k for k, index in enumerate(exact_indices(len(self.point.names), order))}
        here = [self.point.names.index(name) for name in probe.point.names]
        own = exact_indices(len(here), order)
        places = [place[tuple(sorted(here[i] for i in index))] for index in own]
        return found.among(len(place), places)

    @cached_property
    def _whitener(self) -> Whitener:
        """The whitener of all means, one probe after the other."""
        if self.cross:
            joint = whitener_of(self._joint_covariance(), self._mean.size, name="cov with cross")
            return scaled(joint, next(iter(self._factors.values()))[0])
        factors = self._factors.items()
        parts = [scaled(self.probes[name].whitener(), factor) for name, (factor, _) in factors]
        return joined(parts) if parts else whitener_of(1.0, 0)

    def _joint_covariance(self) -> Array:
        sizes = [probe.mean.size for probe in self.probes.values()]
        starts = dict(zip(self.probes, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))
        C = np.zeros((sum(sizes), sum(sizes)))
        for name, probe in self.probes.items():
            here = slice(starts[name], starts[name] + probe.mean.size)
            C[here, here] = probe.dense_covariance()
        for (a, b), block in self.cross.items():
            rows, columns = self.probes[a].mean.size, self.probes[b].mean.size
            given = np.asarray(block, dtype=float)
            if given.shape != (rows, columns):
                raise ValueError(
                    f"`cross` of {a} and {b} must have shape ({rows}, {columns}), got {given.shape}"
                )
            i, j = starts[a], starts[b]
            C[i : i + rows, j : j + columns] = given
            C[j : j + columns, i : i + rows] = given.T
        return C

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
            information=_information(every, whole.of_rows(~gone), lost, int(gone.sum())),
            point=self.point,
            free=self.point.names,
            bounds=self._bounds,
            nfev=whole.nfev if nfev is None else nfev,
            notes=notes,
            latex=self.latex,
            data=Data(m, ~gone[:m], whitener, self._departure if called else None),
        )
        if with_priors and self.priors:
            result = result.with_prior(self.priors)
        held = [name for name in self.point.names if name not in self.varied.names]
        result = result.fix(*held) if held else result
        warn_of(result.verdict, result.message)
        return result

    @cached_property
    def _factors(self) -> dict[str, tuple[float, str]]:
        """The factor on C^-1 of each probe, with a note; correlated probes share one.

        Counts and real data have no circular noise, and counts no estimated covariance.
        """
        probes = {name: p for name, p in self.probes.items() if p.model is not None}
        found = {}
        for name, probe in probes.items():
            m = self._mean.size if self.cross else probe.mean.size
            factor, note = 2.0 if self.circular and probe.is_complex else 1.0, ""
            if self.cov_samples is not None and not probe.is_counts:
                p = len(self.varied.names)
                of_c, note = factor_of_simulations(self.cov_samples, m, p, self._correction)
                factor *= of_c
            found[name] = factor, note
        if self.circular and not any(p.is_complex for p in probes.values()):
            raise ValueError("`circular` must be False for real data, got True")
        if self.cov_samples is not None and all(p.is_counts for p in probes.values()):
            raise ValueError(
                f"`cov_samples` must be None for counts, whose variance is their mean, "
                f"got {self.cov_samples}"
            )
        return found

    @property
    def _notes(self) -> tuple[str, ...]:
        """What C^-1 was multiplied by, and for which probe, unless it is the same for all."""
        notes = {name: note for name, (_, note) in self._factors.items() if note}
        if len(set(notes.values())) == 1:
            return (f"C^-1 is {next(iter(notes.values()))}",)
        return tuple(f"C^-1 of {name} is {note}" for name, note in notes.items())

    @cached_property
    def _bounds(self) -> Array:
        """Lower and upper bounds (p, 2)."""
        found = np.tile([-np.inf, np.inf], (len(self.point.names), 1))
        for probe in self.probes.values():
            for name, (low, high) in zip(probe.point.names, probe.limits, strict=True):
                i = self.point.names.index(name)
                found[i] = max(found[i, 0], low), min(found[i, 1], high)
        return found

    @cached_property
    def varied(self) -> Point:  # type: ignore[override]  # not a stub there
        """The point without fixed parameters: those with lower == upper, or left out by ``wrt``."""
        free = self._bounds[:, 0] < self._bounds[:, 1]
        if free.all():
            return self.point
        names = tuple(np.array(self.point.names)[free].tolist())
        return Point(names, self.point.values[free], None)

    def _of_all(self, steps: Array) -> Array:
        """Return steps (n, k) of the parameters that vary as steps (n, p) of all."""
        whole = np.zeros((len(steps), len(self.point.names)))
        whole[:, [self.point.index(name) for name in self.varied.names]] = steps
        return whole

    def _departure(self, step: Array) -> Array:
        """Return f(theta0 + step) - f(theta0), of all means."""
        return np.asarray(self._departures(step[None], raw=True)[0])

    @cached_property
    def _mean(self) -> Array:
        means = [probe.mean for probe in self.probes.values() if probe.model is not None]
        return np.concatenate([np.empty(0), *means])

    def _departures(
        self, steps: Array, n_workers: int | None = None, *, raw: bool = False
    ) -> Array:
        """Return means at steps (n, p) less those at theta0 (n, m); nan where a model fails.

        For counts see `Probe.departures`. Where the covariance depends on theta they are 0:
        `Probe.divergences` has both mean and covariance.
        """
        rows = [np.empty((len(steps), 0))]
        for probe in self.probes.values():
            if probe.model is None:
                continue
            if probe.pair is not None and not raw:
                rows.append(np.zeros((len(steps), probe.mean.size)))
                continue
            values = probe.values(self._points(probe, steps), n_workers)
            rows.append(values - probe.mean if raw else probe.departures(values))
        return np.concatenate(rows, axis=1)

    def _points(self, probe: Probe, steps: Array) -> Array:
        """Return a probe's own parameters (n, p1) at steps (n, p) of all."""
        places = [self.point.names.index(name) for name in probe.point.names]
        return np.asarray(probe.point.values + steps[:, places])

    def by_probe(self, method: Any = None, **keywords: Any) -> ProbeTable:
        """Return the forecast of each probe alone and of all together, without further model calls.

        Keywords as for `fisher_result`. A covariance that depends on theta counts, priors do not.
        """
        alone = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ForecastWarning)  # one probe often is not enough
            for name, probe in self.probes.items():
                kit = ForecastKit(
                    {name: probe},
                    probe.point.as_dict(),
                    circular=self.circular and probe.is_complex,
                    cov_samples=None if probe.is_counts else self.cov_samples,
                    cov_correction=self._correction,
                )
                alone[name or "data"] = kit._whole_result(method=method, **keywords)
        kit = ForecastKit(
            self.probes,
            self.point.as_dict(),
            cross=self.cross,
            circular=self.circular,
            cov_samples=self.cov_samples,
            cov_correction=self._correction,
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
        if self.circular:
            raise ValueError("`circular` must be False for data with errors in x, got True")
        part, R = effective(places, self.point, self._bounds, method, **keywords)
        factor, notes = 1.0, list[str]()
        if self.cov_samples is not None:
            size, p = len(places.x0) + len(R), len(self.varied.names)
            factor, note = factor_of_simulations(self.cov_samples, size, p, self._correction)
            notes.append(f"C^-1 is {note}")
        return self._forecast(
            part,
            scaled(whitener_of(R, len(R)), factor),
            [whitener_of_half(R)],
            with_priors=with_priors,
            notes=tuple(notes),
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
        if self._varies:
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
        if self._varies:
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
        parts = [self._each(lambda probe: probe.jacobian(method, **keywords))]
        for k in range(2, order + 1):
            tensor = partial(Probe.tensor, order=k, method=method, **keywords)
            parts.append(self._each(tensor, k))
        every = Derivatives.beside(parts)
        fisher = self._forecast(parts[0], self._whitener, nfev=every.nfev, notes=self._notes)
        data: Any = fisher.data
        places = {self.point.index(name) for name in fisher.names}
        varied = [places.issuperset(i) for i in multi_indices(len(self.point.names), order)]
        kept = every.of_rows(data.kept).of_columns(np.array(varied))
        unknown = np.asarray(~np.isfinite(kept.error).all(axis=0))
        columns = _information(data.whitener, kept, unknown)
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
        return checked(fisher, partial(self._chi2, data=fisher.data, n_workers=n_workers))

    @property
    def posterior(self) -> Posterior:
        """The exact log-density with priors, for any sampler: one model call a point.

        The data are the means at theta0, so it is 0 there, its maximum. Where the covariance
        depends on theta, ``-ln det C / 2`` is included.
        """
        if not any(probe.model or probe.pair for probe in self.probes.values()):
            raise ValueError("`function` must be given to the kit for its posterior, got None")
        m = self._mean.size
        kept = np.isfinite(self._mean)
        data = Data(m, kept, without(self._whitener, ~kept))
        places = [self.point.names.index(name) for name in self.priors]
        sigmas = np.array(list(self.priors.values()))
        point = self.varied
        bounds = self._bounds[[self.point.index(name) for name in point.names]]

        def chi2(varied: Array) -> Array:
            steps = self._of_all(varied)
            prior = np.sum((steps[:, places] / sigmas) ** 2, axis=1)
            return np.asarray(self._chi2(steps, data=data) + prior)

        def root() -> Array:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ForecastWarning)  # of bounds
                return self._whole_result().root

        return Posterior(point.names, point.values, bounds, chi2, root)

    def _chi2(self, steps: Array, data: Data, n_workers: int | None = None) -> Array:
        """Return chi-square (n,) at steps (n, p) from theta0; the data are the means at theta0."""
        away = self._departures(steps, n_workers)[:, data.kept]
        failed = np.asarray(~np.isfinite(away).all(axis=1))
        rows = np.where(failed[:, None], 0.0, away).T
        found = np.sum(data.whitener.whiten(rows) ** 2, axis=0)
        sizes = [0 if p.model is None else p.mean.size for p in self.probes.values()]
        kept = np.split(data.kept, np.cumsum(sizes)[:-1])
        for (name, probe), own in zip(self.probes.items(), kept, strict=True):
            if probe.pair is not None:
                points = self._points(probe, steps)
                factor, _ = self._factors.get(name, (1.0, ""))
                found = found + probe.divergences(points, own, factor, n_workers)
        return np.asarray(np.where(failed, np.inf, found))

    def _whole_result(self, **keywords: Any) -> FisherResult:
        """Return the forecast from means, and from covariances where these depend on theta."""
        return (self.gaussian_fisher_result if self._varies else self.fisher_result)(**keywords)

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
        return check_delta_nu(biased - unbiased, self._mean.size)

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
        delta_nu = check_delta_nu(delta_nu, self._mean.size)
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
        values: dict[str, float] = {}
        probes: dict[str, Probe] = {}
        known = dict(cross or {})
        for name, kit in kits.items():
            if not isinstance(kit, ForecastKit):
                raise TypeError(f"{name!r} must be a ForecastKit, got {type(kit).__name__}")
            for parameter, value in zip(kit.point.names, kit.theta0.tolist(), strict=True):
                if values.setdefault(parameter, value) != value:
                    raise ValueError(
                        f"the fiducial value of {parameter} must be the same in all kits, got "
                        f"{values[parameter]} and {value}"
                    )
            for inner, probe in kit.probes.items():
                whole = f"{name}.{inner}" if inner else name
                same = [
                    other
                    for other, each in probes.items()
                    if each.is_same(probe) and not {(other, whole), (whole, other)} & {*known}
                ]
                if same:
                    raise ValueError(
                        f"{whole} and {same[0]} hold the same data, which must not count twice; if "
                        "they are other data of the same kind, give their covariance in `cross`"
                    )
                probes[whole] = probe
            known |= {(f"{name}.{a}", f"{name}.{b}"): C for (a, b), C in kit.cross.items()}
        return cls(
            probes,
            values,
            cross=known,
            priors=_common_priors(kits),
            circular=_common_noise(kits),
            latex={n: s for kit in kits.values() for n, s in kit.latex.items()},
        )


def _checked_cross(
    cross: Mapping[tuple[str, str], Any] | None, blocks: list[str]
) -> dict[tuple[str, str], Any]:
    """Return covariances between blocks, one for each pair."""
    found = dict(cross or {})
    for pair in found:
        if len(check_names("cross", pair, blocks)) != 2 or len(pair) != 2:
            raise ValueError(f"`cross` must be between two blocks, got {shown(pair)}")
        if pair[::-1] in found:
            raise ValueError(f"`cross` must have each two blocks once, got {shown(pair)} twice")
    return found


def _information(whitener: Whitener, part: Derivatives, lost: Any, gone: int = 0) -> Information:
    """Return the information of derivatives; parameters that are lost contribute no error.

    Each of the ``gone`` data left out is assumed to tell no more than the best of the others.
    """
    error = np.where(lost, 0.0, part.error)
    rows, dual = whitener.both(part.value)
    size = whitener.size(error)
    missing = np.sqrt(gone) * np.abs(rows).max(axis=0)
    of_noise = part.noise, part.patterns
    return Information.of(rows, dual, error, size, *of_noise, missing, lost)


MEAN_ALONE = "the covariance depends on theta, and this is what the mean tells alone"

AGREES = 1e-9
"""Fisher matrices agree if they differ by less than this fraction of the diagonal, plus errors."""


def _common_priors(kits: Mapping[str, ForecastKit]) -> dict[str, float]:
    """Return the priors of kits, which agree on those they share."""
    found: dict[str, float] = {}
    for kit in kits.values():
        for name, sigma in kit.priors.items():
            if found.setdefault(name, sigma) != sigma:
                raise ValueError(
                    f"the prior of {name} must be the same in all kits, got {found[name]} and "
                    f"{sigma}"
                )
    return found


def _common_noise(kits: Mapping[str, ForecastKit]) -> bool:
    """Return whether the noise of all kits is circular."""
    for name, kit in kits.items():
        if kit.cov_samples is not None:
            raise ValueError(
                f"`cov_samples` must be None in kits to combine, got {kit.cov_samples} in {name}; "
                "multiply its covariance by (n - 1) / (n - m - 2) instead"
            )
    if not any(kit.circular for kit in kits.values()):
        return False
    for kit in kits.values():
        if not kit.circular and any(probe.is_complex for probe in kit.probes.values()):
            raise ValueError("`circular` must be the same in all kits, got True and False")
    return True


def _bounds_around(point: Point, bounds: Any, wrt: Any) -> list[tuple[float, float]]:
    """Return bounds that fix all parameters except those in ``wrt``."""
    problem = check_problem(len, point.values, names=point.names, bounds=bounds, wrt=wrt)
    lower, upper = np.array(point.values), np.array(point.values)
    lower[problem.free], upper[problem.free] = (
        problem.lower[problem.free],
        problem.upper[problem.free],
    )
    return list(zip(lower.tolist(), upper.tolist(), strict=True))
