"""An experiment: probes about one fiducial point, and their data taken together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from derivkit.forecast.bias import Data
from derivkit.forecast.covariance import Whitener, joined, scaled, whitener_of, without
from derivkit.forecast.dali import exact_indices
from derivkit.forecast.derivatives import Derivatives
from derivkit.forecast.information import Array
from derivkit.forecast.inputs import Point, check_names, check_sigmas, known_name
from derivkit.forecast.probe import Probe
from derivkit.forecast.simulations import factor_of_simulations
from derivkit.validation import shown

__all__ = ["Cross", "Experiment"]

Cross = Mapping[tuple[str, str], Any]
"""Covariances between the data of two probes."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """Probes whose data are taken together. Steps are of all parameters, (p,), from the point.

    Attributes
    ----------
    point : Point
    probes : dict of str to Probe
    cross : mapping of (str, str) to array_like
        Covariances between the data of two probes; others are independent.
    priors : dict of str to float
        Standard deviations by parameter.
    circular : bool
    cov_samples : int or None
    cov_correction : str
        As `ForecastKit` takes them.
    """

    point: Point
    probes: dict[str, Probe]
    cross: Cross
    priors: dict[str, float]
    circular: bool = False
    cov_samples: int | None = None
    cov_correction: str = "hartlap"

    def __post_init__(self) -> None:
        known_name("cov_correction", self.cov_correction, ("hartlap", "percival"))
        check_names("priors", self.priors, self.point.names)
        check_sigmas("priors", self.priors)
        _check_cross(self.cross, list(self.probes))
        for probe in self.probes.values():
            probe.check_covariance()

    # -- the parameters --------------------------------------------------------------------------

    @cached_property
    def bounds(self) -> Array:
        """Lower and upper bounds (p, 2)."""
        found = np.tile([-np.inf, np.inf], (len(self.point.names), 1))
        for probe in self.probes.values():
            for name, (low, high) in zip(probe.point.names, probe.limits, strict=True):
                i = self.point.names.index(name)
                found[i] = max(found[i, 0], low), min(found[i, 1], high)
        return found

    @cached_property
    def varied(self) -> Point:
        """The point without fixed parameters: those with lower == upper, or left out by ``wrt``."""
        free = self.bounds[:, 0] < self.bounds[:, 1]
        if free.all():
            return self.point
        names = tuple(np.array(self.point.names)[free].tolist())
        return Point(names, self.point.values[free], None)

    def of_all(self, steps: Array) -> Array:
        """Return steps (n, k) of the parameters that vary as steps (n, p) of all."""
        whole = np.zeros((len(steps), len(self.point.names)))
        whole[:, [self.point.index(name) for name in self.varied.names]] = steps
        return whole

    def _points(self, probe: Probe, steps: Array) -> Array:
        """Return a probe's own parameters (n, p1) at steps (n, p) of all."""
        return np.asarray(probe.point.values + steps[:, self._places(probe)])

    def _places(self, probe: Probe) -> list[int]:
        return [self.point.names.index(name) for name in probe.point.names]

    # -- the data --------------------------------------------------------------------------------

    @property
    def has_model(self) -> bool:
        """Whether there is a mean, or a covariance that depends on theta."""
        return any(probe.model or probe.pair for probe in self.probes.values())

    @property
    def varies(self) -> bool:
        """Whether a covariance depends on theta."""
        return any(probe.pair is not None for probe in self.probes.values())

    @property
    def is_called(self) -> bool:
        """Whether all means are known without a call."""
        return all(probe.is_called for probe in self.probes.values())

    @cached_property
    def mean(self) -> Array:
        """The means (m,) at the fiducial point, one probe after the other."""
        means = [probe.mean for probe in self.probes.values() if probe.model is not None]
        return np.concatenate([np.empty(0), *means])

    @cached_property
    def whitener(self) -> Whitener:
        """The whitener of all means."""
        if self.cross:
            joint = whitener_of(self._joint_covariance(), self.mean.size, name="cov with cross")
            return scaled(joint, next(iter(self._factors.values()))[0])
        factors = self._factors.items()
        parts = [scaled(self.probes[name].whitener(), factor) for name, (factor, _) in factors]
        return joined(parts) if parts else whitener_of(1.0, 0)

    def data(self, kept: Any) -> Data:
        """Return the data that are kept, with all that a bias and a check need of them."""
        return Data(self.mean.size, kept, without(self.whitener, ~kept), self.departure)

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

    def factor_of(self, m: int) -> tuple[float, str]:
        """Return the factor on C^-1 of m data whose covariance is estimated, and a note on it."""
        if self.cov_samples is None:
            return 1.0, ""
        p = len(self.varied.names)
        return factor_of_simulations(self.cov_samples, m, p, self.cov_correction)

    @cached_property
    def _factors(self) -> dict[str, tuple[float, str]]:
        """The factor on C^-1 of each probe, with a note; correlated probes share one.

        Counts and real data have no circular noise, and counts no estimated covariance.
        """
        probes = {name: p for name, p in self.probes.items() if p.model is not None}
        found = {}
        for name, probe in probes.items():
            m = self.mean.size if self.cross else probe.mean.size
            factor, note = (1.0, "") if probe.is_counts else self.factor_of(m)
            found[name] = factor * (2.0 if self.circular and probe.is_complex else 1.0), note
        if self.circular and not any(p.is_complex for p in probes.values()):
            raise ValueError("`circular` must be False for real data, got True")
        if self.cov_samples is not None and all(p.is_counts for p in probes.values()):
            raise ValueError(
                f"`cov_samples` must be None for counts, whose variance is their mean, "
                f"got {self.cov_samples}"
            )
        return found

    @property
    def notes(self) -> tuple[str, ...]:
        """What C^-1 was multiplied by, and for which probe, unless it is the same for all."""
        notes = {name: note for name, (_, note) in self._factors.items() if note}
        if len(set(notes.values())) == 1:
            return (f"C^-1 is {next(iter(notes.values()))}",)
        return tuple(f"C^-1 of {name} is {note}" for name, note in notes.items())

    # -- derivatives -----------------------------------------------------------------------------

    def derivatives(
        self, derivatives_of: Callable[[Probe], Derivatives], order: int = 1
    ) -> Derivatives:
        """Return the derivatives of the data of all probes, with respect to all parameters."""
        calls = self._called()
        every = Derivatives.below(
            [self._placed(probe, derivatives_of(probe), order) for probe in self.probes.values()]
        )
        return replace(every, nfev=every.nfev + calls)

    def pair_derivatives(self, method: Any, **keywords: Any) -> tuple[Derivatives, list[Whitener]]:
        """Return the derivatives of all means, then of covariances, and whiteners of the latter."""
        calls = self._called()
        means, halves, whiteners = [], [], []
        for probe in self.probes.values():
            if probe.pair is None:
                means.append(self._placed(probe, probe.jacobian(method, **keywords)))
                continue
            mean, half = probe.pair_jacobian(method, **keywords)
            means.append(self._placed(probe, mean))
            halves.append(self._placed(probe, half))
            whiteners.append(probe.half_whitener())
        every = Derivatives.below([*means, *halves])
        return replace(every, nfev=every.nfev + calls), whiteners

    def _called(self) -> int:
        """Call the models at theta0, and refuse covariances that do not suit their data.

        Return how many calls that took. It comes before all other calls.
        """
        calls = sum(probe.call() for probe in self.probes.values() if probe.model is not None)
        _ = self.whitener
        return calls

    def _placed(self, probe: Probe, found: Derivatives, order: int = 1) -> Derivatives:
        """Return a probe's derivatives among columns for the parameters of all probes."""
        place = {index: k for k, index in enumerate(exact_indices(len(self.point.names), order))}
        here = self._places(probe)
        own = exact_indices(len(here), order)
        places = [place[tuple(sorted(here[i] for i in index))] for index in own]
        return found.among(len(place), places)

    # -- away from the fiducial point ------------------------------------------------------------

    def departure(self, step: Array) -> Array:
        """Return f(theta0 + step) - f(theta0), of all means."""
        return np.asarray(self._departures(step[None], raw=True)[0])

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

    def chi2(self, steps: Array, data: Data, n_workers: int | None = None) -> Array:
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

    # -- several together ------------------------------------------------------------------------

    @classmethod
    def combined(cls, parts: Mapping[str, Experiment], cross: Cross | None) -> Experiment:
        """Return experiments as one; parameters of the same name are the same.

        Raises
        ------
        ValueError
            If they disagree on what they share, or hold the same data.
        """
        known = dict(cross or {})
        probes: dict[str, Probe] = {}
        for name, part in parts.items():
            for inner, probe in part.probes.items():
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
            known |= {(f"{name}.{a}", f"{name}.{b}"): C for (a, b), C in part.cross.items()}
        values = _agreed("fiducial value", [part.point.as_dict() for part in parts.values()])
        priors = _agreed("prior", [part.priors for part in parts.values()])
        return cls(Point.of(values), probes, known, priors, _common_noise(parts))


def _check_cross(cross: Cross, blocks: list[str]) -> None:
    """Raise unless each covariance is between two blocks, and there is one for each two."""
    for pair in cross:
        if len(check_names("cross", pair, blocks)) != 2 or len(pair) != 2:
            raise ValueError(f"`cross` must be between two blocks, got {shown(pair)}")
        if pair[::-1] in cross:
            raise ValueError(f"`cross` must have each two blocks once, got {shown(pair)} twice")


def _agreed(what: str, several: list[dict[str, float]]) -> dict[str, float]:
    """Return numbers by parameter that experiments agree on where they share it."""
    found: dict[str, float] = {}
    for name, value in [item for each in several for item in each.items()]:
        if found.setdefault(name, value) != value:
            raise ValueError(
                f"the {what} of {name} must be the same in all kits, got {found[name]} and {value}"
            )
    return found


def _common_noise(parts: Mapping[str, Experiment]) -> bool:
    """Return whether the noise of all experiments is circular."""
    for name, part in parts.items():
        if part.cov_samples is not None:
            raise ValueError(
                f"`cov_samples` must be None in kits to combine, got {part.cov_samples} in {name}; "
                "multiply its covariance by (n - 1) / (n - m - 2) instead"
            )
    if not any(part.circular for part in parts.values()):
        return False
    for part in parts.values():
        if not part.circular and any(probe.is_complex for probe in part.probes.values()):
            raise ValueError("`circular` must be the same in all kits, got True and False")
    return True
