"""A Fisher forecast: sigmas with errors, what is not constrained, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.names import labels_of, matrix_in_order
from derivkit.forecast.bias import BiasResult, Data, bias_of
from derivkit.forecast.derived import Functions, change_of, differentiated
from derivkit.forecast.factors import semidefinite_root
from derivkit.forecast.figures import KINDS, Ellipse, Measured, Pivot, limit_beside_a_bound
from derivkit.forecast.information import Array, Information
from derivkit.forecast.inputs import (
    Point,
    check_names,
    check_points,
    check_sigmas,
    check_two,
    known_name,
)
from derivkit.forecast.report import Judged
from derivkit.forecast.verdict import NEAR_A_BOUND, Verdict, worst
from derivkit.plot.corner import draw_corner
from derivkit.plot.ellipse import Layer, draw_plane
from derivkit.results.labels import Labels
from derivkit.validation import check_known, check_sequence, has, shown, typed

__all__ = ["FisherResult"]

NEAR_FLAT = 1e-5
"""A direction whose singular value is below this fraction of the largest is reported, though it is
constrained."""

FIELDS = ("value", "error", "covariance", "correlation", "sigma", "sigma_error")

LEAST_SHARE = 1e-3
"""A direction names the parameters that move by at least this fraction of the largest move."""


@dataclass(frozen=True, eq=False, repr=False)
class FisherResult(Judged):
    """A Gaussian forecast of k parameters, every number with an error.

    Attributes
    ----------
    names : tuple of k str
        The parameters shown.
    x0 : ndarray (k,)
        Their fiducial values.
    information : Information
        Whitened derivatives, their errors, and priors: all that the numbers follow from.
    point : Point
        All parameters of the model, the fixed and the marginalised ones too.
    free : tuple of str
        Those that are not fixed.
    bounds : ndarray (len(point.names), 2)
    fixed : dict
        The values of those held fixed.
    nfev : int
        Model calls made.
    gaussian : Verdict
        Whether the likelihood is Gaussian, as far as that was checked.
    notes : tuple of str
        What else there is to say, such as data left out.
    latex : dict
        Labels for pictures.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import ForecastKit
    >>> kit = ForecastKit(lambda t: [t["a"], t["b"]], {"a": 1.0, "b": 2.0}, np.diag([0.25, 4.0]))
    >>> result = kit.fisher_result()
    >>> print(result.sigma.round(6), result.names)
    [0.5 2. ] ('a', 'b')
    >>> print(result.with_prior(b=2.0).sigma.round(6))
    [0.5      1.414214]
    """

    names: tuple[str, ...]
    x0: Array
    information: Information
    point: Point
    free: tuple[str, ...]
    bounds: Array
    fixed: dict[str, float] = field(default_factory=dict)
    nfev: int = 0
    gaussian: Verdict = Verdict.NOT_CHECKED
    notes: tuple[str, ...] = ()
    latex: dict[str, str] = field(default_factory=dict)
    data: Data | None = field(default=None, metadata={"data": False})  # `bias` needs the data again

    shown = (
        "value", "error", "sigma", "sigma_error", "covariance", "verdict", "message",
        "unconstrained",
    )  # fmt: skip

    # -- the numbers -----------------------------------------------------------------------------

    @property
    def value(self) -> Array:
        """The Fisher matrix (k, k): the inverse of the covariance."""
        return self.information.fisher

    @property
    def error(self) -> Array:
        """Errors of the Fisher matrix's entries (k, k)."""
        return self.information.fisher_error

    @property
    def covariance(self) -> Array:
        """The covariance (k, k); inf on the diagonal where a parameter is not constrained."""
        return self.information.covariance

    @property
    def covariance_error(self) -> Array:
        """Errors of the covariance's entries (k, k)."""
        return self.information.covariance_error

    @cached_property
    def sigma(self) -> Array:
        """Standard deviations (k,), all other parameters marginalised."""
        lengths = np.linalg.norm(self.information.outputs @ self.information.root, axis=1)
        return np.where(self.information.unconstrained, np.inf, lengths)

    @cached_property
    def sigma_error(self) -> Array:
        """Errors of the standard deviations (k,); inf where they are not bounded."""
        with np.errstate(invalid="ignore"):
            error = 0.5 * np.diag(self.covariance_error) / self.sigma
        return np.where(np.isfinite(error), error, np.inf)

    @cached_property
    def sigma_fixed(self) -> Array:
        """Standard deviations (k,), all other parameters shown held fixed."""
        diagonal = np.diag(self.value)
        with np.errstate(divide="ignore"):
            return np.asarray(1 / np.sqrt(np.maximum(diagonal, 0)))

    @property
    def correlation(self) -> Array:
        """The correlation matrix (k, k); nan where a parameter is not constrained."""
        scale = np.where(np.isfinite(self.sigma), self.sigma, 1.0)
        correlation = np.asarray(self.covariance / np.outer(scale, scale))
        np.fill_diagonal(correlation, 1.0)
        return correlation

    @cached_property
    def unconstrained(self) -> list[dict[str, Any]]:
        """Directions that the data constrain barely or not at all, each with its sigma.

        A direction is a dict from each parameter that moves to its component, in its own units.
        """
        values, _ = self.information._svd  # noqa: SLF001 - the same algebra
        found = []
        near = self.information.flat | (values < NEAR_FLAT * values[0])
        for k in np.flatnonzero(near):
            mask = np.arange(len(values)) == k
            direction = self.information.directions(mask)[:, 0]
            share = np.abs(direction) * self.information.scale
            named = share > LEAST_SHARE * share.max()
            length = np.linalg.norm(direction * self.information.scale)
            sigma = math.inf if self.information.flat[k] else float(1 / (values[k] * length))
            chosen = zip(self.free, direction.tolist(), named.tolist(), strict=True)
            found.append({"direction": {n: d for n, d, yes in chosen if yes}, "sigma": sigma})
        return found

    @property
    def root(self) -> Array:
        """A root K (k, k) of the covariance C = K K^T: K times standard normal numbers is a sample.

        A parameter that is not constrained is taken to be uniform between its bounds.
        """
        widths = np.diff(self.bounds, axis=1).ravel() / np.sqrt(12)
        loose = self.information.unconstrained
        rows = []
        for name in np.array(self.names)[loose].tolist():
            width = widths[self.point.names.index(name)] if name in self.point.names else np.inf
            if not np.isfinite(width):
                raise ValueError(
                    f"{name} is not constrained; give bounds, or a prior, to sample it"
                )
            rows.append(self._row_of(name) / width)
        held = self._with_rows(np.array(rows)) if rows else self
        K = held.information.outputs @ held.information.root
        u, s, _ = np.linalg.svd(K / held.sigma[:, None], full_matrices=False)
        return np.asarray(held.sigma[:, None] * u * s)

    def log_density(self, theta: Any) -> Any:
        """Return the Gaussian log-density at points (..., k); 0 at the fiducial point."""
        points = check_points("theta", theta, self.names)
        d = points.reshape(-1, len(self.names)) - self.x0
        F = self.value
        scale = np.sqrt(np.maximum(np.diag(F), 0))
        u, s, _ = np.linalg.svd(
            F / np.outer(np.where(scale > 0, scale, 1), np.where(scale > 0, scale, 1))
        )
        log = -0.5 * np.sum(((d * scale) @ (u * np.sqrt(s))) ** 2, axis=1)
        return log.reshape(points.shape[:-1])[()]

    # -- the verdict -----------------------------------------------------------------------------

    @cached_property
    def _findings(self) -> list[tuple[Verdict, list[str]]]:
        """The verdicts that apply, each with its parameters."""
        unknown = (self.information.outputs != 0) @ self.information.unknown
        flat = self.information.unconstrained & ~unknown  # what is not known may well constrain
        unresolved = ~np.isfinite(self.sigma_error) & ~flat
        cut = self._near_a_bound()
        each = [
            (Verdict.UNRESOLVED, unresolved),
            (Verdict.UNCONSTRAINED, flat),
            (Verdict.TRUNCATED, cut),
        ]
        return [
            (verdict, [n for n, yes in zip(self.names, which.tolist(), strict=True) if yes])
            for verdict, which in each
            if which.any()
        ]

    def _near_a_bound(self) -> NDArray[np.bool_]:
        below, above = self._distances()
        sigma = np.where(np.isfinite(self.sigma), self.sigma, 0.0)
        return np.asarray(np.minimum(below, above) < NEAR_A_BOUND * sigma)

    def _distances(self) -> tuple[Array, Array]:
        """Return how far each parameter shown is from its bounds."""
        places = [self.point.names.index(n) if n in self.point.names else -1 for n in self.names]
        limits = np.array([self.bounds[i] if i >= 0 else (-np.inf, np.inf) for i in places])
        return self.x0 - limits[:, 0], limits[:, 1] - self.x0

    @property
    def verdict(self) -> Verdict:
        """The worst verdict that applies."""
        return worst([self.gaussian, *(verdict for verdict, _ in self._findings)])

    @property
    def message(self) -> str:
        """What the verdict means, and for which parameters."""
        said = [
            f"{', '.join(names)}: {verdict}, {verdict.text}" for verdict, names in self._findings
        ]
        if not said:
            said = [f"{self.verdict}: {self.verdict.text}"]
        return "; ".join([*said, *map(_of_direction, self.unconstrained), *self.notes])

    # -- other parameters ------------------------------------------------------------------------

    def fix(self, *names: str) -> FisherResult:
        """Return the forecast with some parameters held at their fiducial values."""
        gone = check_names("names", names, self.free)
        kept = np.array([i for i, name in enumerate(self.free) if name not in gone], dtype=int)
        if not kept.size:
            raise ValueError("`names` must leave a parameter free, got all of them to fix")
        stay = self.information.outputs[:, kept].any(axis=1)
        values = dict(zip(self.point.names, self.point.values.tolist(), strict=True))
        return replace(
            self,
            names=tuple(np.array(self.names)[stay].tolist()),
            x0=self.x0[stay],
            free=tuple(self.free[i] for i in kept),
            fixed=self.fixed | {name: values[name] for name in gone},
            information=self.information.restricted(kept),
        )

    def marginalise(self, *names: str) -> FisherResult:
        """Return the forecast of the other parameters, these left free and not shown."""
        gone = check_names("names", names, self.names)
        kept = [i for i, name in enumerate(self.names) if name not in gone]
        if not kept:
            raise ValueError("`names` must leave a parameter, got all of them to marginalise")
        return replace(
            self,
            names=tuple(self.names[i] for i in kept),
            x0=self.x0[kept],
            information=self.information.showing(
                self.information.outputs[kept], self.information.outputs_error[kept]
            ),
        )

    marginalize = marginalise

    @typed
    def with_prior(self, sigmas: Mapping[str, float] | None = None, **more: float) -> FisherResult:
        """Return the forecast with independent Gaussian priors at the fiducial point, by name."""
        wanted = {**(sigmas or {}), **more}
        check_sigmas("sigma", wanted)
        rows = [self._row_of(name) / sigma for name, sigma in wanted.items()]
        return self._with_rows(np.array(rows).reshape(-1, len(self.free)))

    def with_information(self, matrix: Any, names: Any = None) -> FisherResult:
        """Return the forecast with a known Fisher matrix added, such as another experiment's.

        Parameters
        ----------
        matrix : array_like (n, n)
            Positive semi-definite.
        names : sequence of n str, optional
            The parameters it is about; by default the labels of a DataFrame, or all that are shown.
        """
        labels = labels_of(matrix) if names is None else None
        chosen = self.names if names is None else check_names("names", names, self._all_names)
        if labels is not None:
            chosen = check_names("label of matrix", labels, self._all_names)
        root = semidefinite_root("matrix", matrix_in_order("matrix", matrix, chosen), len(chosen))
        return self._with_rows(root @ np.array([self._row_of(name) for name in chosen]))

    @property
    def _all_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self.names, *self.free]))

    def _row_of(self, name: str) -> Array:
        """Return how a parameter shown, or marginalised, moves with the free ones."""
        known_name("parameter", name, self._all_names)
        if name in self.names:
            return np.asarray(self.information.outputs[self.names.index(name)])
        return np.asarray(np.eye(len(self.free))[self.free.index(name)])

    def _with_rows(self, rows: Array) -> FisherResult:
        return replace(self, information=self.information.with_rows(rows))

    @typed
    def derived(self, functions: Mapping[str, Callable[[Any], float] | str]) -> FisherResult:
        """Return the forecast of derived parameters alone.

        Parameters
        ----------
        functions : mapping
            Name to function of theta, given as theta0 was (an array, or a dict); or the name of a
            parameter, to have it as well.

        Examples
        --------
        >>> import numpy as np
        >>> from derivkit import ForecastKit
        >>> kit = ForecastKit(lambda t: [t[0], t[1]], [2.0, 1.0], 0.01, names=["a", "b"])
        >>> product = kit.fisher_result().derived({"ab": lambda t: t[0] * t[1]})
        >>> print(product.names, product.sigma.round(6))
        ('ab',) [0.223607]
        """
        value, jacobian, error = self._differentiated(functions)
        return replace(
            self,
            names=tuple(functions),
            x0=value,
            information=self.information.showing(jacobian, error),
        )

    @typed
    def reparametrise(self, functions: Mapping[str, Callable[[Any], float] | str]) -> FisherResult:
        """Return the forecast in other parameters, as many as are shown.

        Parameters
        ----------
        functions : mapping
            New name to function of theta, or to the name of a parameter that stays.

        Raises
        ------
        ValueError
            If they are not as many, or do not determine the old ones.
        """
        hidden = {name: name for name in self.free if name not in self.names}
        if len(functions) + len(hidden) != len(self.free):
            raise ValueError(
                f"`functions` must be {len(self.free) - len(hidden)} parameters for "
                f"{', '.join(self.names)}, got {len(functions)}; use derived(...) for fewer"
            )
        every = {**functions, **hidden}
        value, jacobian, error = self._differentiated(every)
        steps = np.asarray(1 / self.information.scale)
        change, error = change_of(jacobian, error, steps, self.free, functions)
        new = tuple(every)
        outputs = np.eye(len(new))[: len(functions)]
        point = Point((*new, *self.fixed), np.r_[value, list(self.fixed.values())], None)
        if isinstance(self.point.like, Mapping):
            point = replace(point, like=dict(zip(point.names, point.values.tolist(), strict=True)))
        limits = np.array(
            [self._bounds_of(every[name]) for name in new] + [(-np.inf, np.inf)] * len(self.fixed)
        )
        return replace(
            self,
            names=tuple(functions),
            x0=value[: len(functions)],
            information=self.information.in_basis(change, error).showing(
                outputs, np.zeros_like(outputs)
            ),
            point=point,
            free=new,
            bounds=limits,
        )

    def _differentiated(self, functions: Functions) -> tuple[Array, Array, Array]:
        steps = np.asarray(1 / self.information.scale)
        return differentiated(functions, self.point, self.free, self.bounds, steps)

    def _bounds_of(self, function: Any) -> tuple[float, float]:
        if not isinstance(function, str):
            return -math.inf, math.inf
        low, high = self.bounds[self.point.names.index(function)].tolist()
        return low, high

    # -- what follows ----------------------------------------------------------------------------

    @typed
    def figure_of_merit(self, *names: str, kind: str = "detf") -> Measured:
        """Return a figure of merit of two parameters (or any number), all others marginalised.

        Parameters
        ----------
        *names : str
            By default all that are shown.
        kind : {"detf", "area", "det"}
            1 / sqrt(det C); 1 / (area of the 95.4 % ellipse), which is the former over 6.18 pi;
            or 1 / det C.
        """
        wanted = check_names("names", names, self.names)
        if len(wanted) < len(names):
            raise ValueError(f"`names` must be different parameters, got {shown(list(names))}")
        chosen = self.marginalise(*(n for n in self.names if n not in wanted)) if wanted else self
        known_name("kind", kind, list(KINDS))
        return Measured.of_merit(*chosen.information.log_det_root(), kind)

    @typed
    def pivot(self, w0: str, wa: str) -> Pivot:
        """Return where w0 + (1 - a) wa is best known, w there, and its sigma."""
        i, j = (self.names.index(n) for n in check_two((w0, wa), self.names))
        K = self.information.outputs @ self.information.root
        return Pivot.of(
            self.x0[[i, j]], K[[i, j]], float(-self.covariance[i, j] / self.covariance[j, j])
        )

    @typed
    def ellipse(self, a: str, b: str, level: float = 0.683) -> Ellipse:
        """Return the contour of two parameters that holds a probability, others marginalised."""
        if not 0 < level < 1:
            raise ValueError(f"`level` must be a probability between 0 and 1, got {level}")
        which = [self.names.index(n) for n in check_two((a, b), self.names)]
        scale = self.sigma[which]
        if not np.isfinite(scale).all():
            raise ValueError(f"{a} and {b} must be constrained to have an ellipse, got sigma = inf")
        K = (self.information.outputs @ self.information.root)[which]
        return Ellipse.of(self.x0[which], K, scale, level)

    @typed
    def limits(self, level: float = 0.95) -> dict[str, float]:
        """Return one-sided limits of the parameters whose Gaussian is cut off at a bound."""
        below, above = self._distances()
        found = {}
        for i in np.flatnonzero(self._near_a_bound()).tolist():
            sides = below[i], above[i]
            found[self.names[i]] = limit_beside_a_bound(self.x0[i], self.sigma[i], *sides, level)
        return found

    @typed
    def bias(self, delta_nu: Any, *, second_order: bool = True, refit: bool = False) -> BiasResult:
        """Return how far a neglected systematic shifts the parameters.

        Parameters
        ----------
        delta_nu : array_like (m,)
            Biased data minus unbiased ones.
        second_order : bool
            Also call the model once at the shifted point, to check that it is linear that far.
        refit : bool
            Also fit the biased data by Gauss-Newton steps with the same derivatives, one call a
            step: for models that are not linear that far.

        Raises
        ------
        ValueError
            If ``delta_nu`` does not have one entry a datum, or the forecast was read from JSON.
        FloatingPointError
            If ``delta_nu`` is not finite.
        """
        if self.data is None:
            raise ValueError("bias needs the forecast's data, which one read from JSON has not")
        return bias_of(
            self.names,
            self.free,
            self.information,
            self.sigma,
            self.data,
            delta_nu,
            second_order=second_order,
            refit=refit,
        )

    # -- pictures --------------------------------------------------------------------------------

    @typed
    def layer(self, label: str = "Fisher") -> Layer:
        """Return the forecast as a layer of a picture."""
        with np.errstate(invalid="ignore"):
            slack = self.sigma_error / self.sigma
        hatched = self.verdict.hatched
        return Layer(label, self.names, self.x0, self.covariance, slack, hatched)

    @typed
    def plot(
        self, a: str | None = None, b: str | None = None, ax: Any = None, *, others: Any = ()
    ) -> Any:
        """Draw the contours of two parameters, 68.3 and 95.4 %; returns the matplotlib Axes.

        Parameters
        ----------
        a, b : str, optional
            By default the first two.
        ax : matplotlib Axes, optional
        others : mapping of str to result, or sequence
            Forecasts to draw on top, DALI results included, by label.
        """
        first, second = (*self.names, *self.names)[:2]
        a, b = first if a is None else a, second if b is None else b
        check_names("names", (a, b), self.names)
        return draw_plane([self.layer(), *_layers(others)], a, b, self.latex, ax)

    @typed
    def plot_corner(
        self,
        params: Sequence[str] | None = None,
        *,
        truth: Mapping[str, float] | None = None,
        others: Any = (),
        label: str = "Fisher",
    ) -> Any:
        """Draw every plane of two parameters, and each by itself; returns the Axes (k, k).

        Parameters
        ----------
        params : sequence of str, optional
            By default all that are constrained.
        truth : mapping of str to float, optional
            Values to mark.
        others : mapping of str to result, or sequence
            Forecasts to draw on top, DALI results included, by label.
        label : str
            Label of this forecast.
        """
        constrained = [n for n, s in zip(self.names, self.sigma, strict=True) if np.isfinite(s)]
        chosen = constrained if params is None else check_names("params", params, self.names)
        check_names("truth", truth or {}, self.names)
        layers = [self.layer(label), *_layers(others)]
        return draw_corner(layers, chosen, self.latex, truth)

    # -- as text and data --------------------------------------------------------------------------

    @typed
    def labelled(self, field: str = "value", *, kind: str | None = None) -> Any:
        """Return the Fisher matrix, or another field, labelled as theta0 was.

        Parameters
        ----------
        field : str
            "value", "error", "covariance", "correlation", "sigma" or "sigma_error".
        kind : {"array", "dict", "pandas"}, optional
            Instead of the kind of theta0.

        Returns
        -------
        ndarray, dict, pandas.Series or pandas.DataFrame
            Matrices as nested dict or DataFrame.
        """
        like = self.point.like
        if kind is None and isinstance(like, Mapping):
            kind = "dict"
        elif kind is None and has(like, "index", "to_numpy"):
            kind = "pandas"
        array = np.asarray(getattr(self, check_known("field", field, FIELDS)))
        return Labels(self.names).of_kind(kind).given_to(array, array.ndim)

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: a dict for each parameter."""
        limits = self.limits()
        columns = zip(
            self.names, self.x0, self.sigma, self.sigma_error, self.sigma_fixed, strict=True
        )
        return [
            {
                "parameter": name,
                "value": float(x),
                "sigma": float(sigma),
                "error": float(error),
                "others fixed": float(alone),
                **({"95 % limit": limits.get(name, math.nan)} if limits else {}),
            }
            for name, x, sigma, error, alone in columns
        ]


def _layers(others: Any) -> list[Layer]:
    """Return the layers of results, given by label or in a row."""
    if not isinstance(others, Mapping):
        several = check_sequence("others", others, "forecasts")
        others = {f"forecast {k}": each for k, each in enumerate(several, 2)}
    for each in others.values():
        if not has(each, "layer"):
            raise TypeError(f"`others` must be forecasts, got {shown(each)}")
    return [each.layer(label) for label, each in others.items()]


def _of_direction(found: Mapping[str, Any]) -> str:
    """Return a direction as words."""
    moves = ", ".join(f"{name} {size:+.2g}" for name, size in found["direction"].items())
    if np.isinf(found["sigma"]):
        return f"nothing is known along ({moves})"
    return f"least is known along ({moves}), with sigma {found['sigma']:.2g}"
