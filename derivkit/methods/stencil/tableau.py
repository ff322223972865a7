"""What a sequence of steps says: the values of the extrapolation tableau, and which to believe.

Each value has the two parts of its error: truncation, from its difference to the value of one order
less, and what the noise that is seen within its own window makes of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.fit.orthogonal import Basis, combined
from derivkit.methods.fit.sampled import Fit, grains, two_faced, unexplained
from derivkit.methods.fit.window import DEVIATIONS, EPS, ROUNDING, least_noise, truncation_of
from derivkit.methods.stencil.extrapolation import StepSequence, gauss_richardson
from derivkit.methods.weights import per_power

__all__ = [
    "Tableau",
    "TableauQuestion",
    "filled",
    "full_extrapolation",
    "least_error",
    "limit_of_process",
]

Array: TypeAlias = NDArray[np.float64]

GAP_SAFETY = 2.0  # times the difference to the value of one order less

LEAST = 2.5  # units of rounding of f: a bound on the noise of one sample is never less

GRAIN = 1.5  # grains: the same where f moves in grains, whose errors all have the same sign

PROCESS_SAFETY = 3.0  # standard deviations of the Gaussian process …
PROCESS_SHARE = 0.3  # … whose error is at least this much of that of the best value of the tableau

UNRESOLVED = 0.5  # truncation beyond this part of the value, not falling with the step, is no error
FEWEST_TO_DIVERGE = 3  # levels that show whether results approach each other


class TableauQuestion(NamedTuple):
    """What does a sequence of steps with samples (N, q) say? Answered with a `Fit`.

    Attributes
    ----------
    sequence
    samples
        At the sequence's nodes, all defined.
    order
    step
        The largest.
    origin
        Of the line, if the points are rounded; else 0.
    extrapolation
        As in `Finite`.
    fixed
        Whether the number of levels is the user's.
    """

    sequence: StepSequence
    samples: Array
    order: int
    step: float
    origin: float
    extrapolation: str | None
    fixed: bool

    @property
    def kind(self) -> Hashable:
        """What questions have in common that are answered together."""
        return self.sequence, self.order, self.samples.shape[1], self.extrapolation, self.fixed

    @np.errstate(all="ignore")  # beyond the range of floats an error is inf or nan: no claim
    def answered(self, alike: Sequence[TableauQuestion]) -> list[Fit]:
        """Return the answers to questions of this kind."""
        q = self.samples.shape[1]
        step, origin = np.repeat([(one.step, one.origin) for one in alike], q, axis=0).T
        samples = np.concatenate([one.samples for one in alike], axis=1)
        tableau = filled(self.sequence, samples, self.order, step, origin)
        if self.extrapolation == "richardson":
            fit = full_extrapolation(tableau, fixed=self.fixed)
        elif self.extrapolation in {"gauss-richardson", "gre"}:
            fit = limit_of_process(tableau)
        else:
            fit = least_error(tableau)
        return fit.by_line(q)


@dataclass(frozen=True, slots=True)
class Tableau:
    """The candidates of a sequence of steps, in units of the derivative.

    Attributes
    ----------
    sequence, order, step, origin
        As in `TableauQuestion`, step and origin for each output.
    changes : ndarray (N, q)
        The samples' differences from f(x0), in units of ``amplitude``.
    amplitude : ndarray (q,)
        A power of two: the size of f, so that squares of large and small f stay in range.
    per : ndarray (q,)
        The amplitude over the largest step to the power of the order.
    values, gaps, carried : ndarray (E, q)
        For each candidate: its value, its truncation, what noise makes of it.
    noise : ndarray (E, q)
        A bound on the noise of one sample in a candidate's window, in units of the amplitude.
    rounding : ndarray (q,)
        A unit of rounding of f, in the same units.
    """

    sequence: StepSequence
    order: int
    step: Array
    origin: Array
    changes: Array
    amplitude: Array
    per: Array
    values: Array
    gaps: Array
    carried: Array
    noise: Array
    rounding: Array

    def fit(self, k: NDArray[np.intp]) -> Fit:
        """Return the fit that takes candidate k (q,) for each output."""
        q = np.arange(len(k))
        value, gap, carried = self.values[k, q], self.gaps[k, q], self.carried[k, q]
        unresolved = self._unlike_a_polynomial(self.sequence.reach[k, 0], value, gap + carried)
        if len(self.sequence.rungs) >= FEWEST_TO_DIVERGE:
            unresolved |= self._diverging & (gap > np.maximum(carried, UNRESOLVED * np.abs(value)))
        sigma, rounding = self.noise[k, q] / DEVIATIONS, self.rounding
        return Fit.of(
            value, gap, carried, sigma * self.amplitude, rounding * self.amplitude, unresolved
        )

    def _unlike_a_polynomial(self, reach: Array, value: Array, error: Array) -> NDArray[np.bool_]:
        """Tell where the samples within a candidate's reach (q,) show noise alone, or a kink."""
        found = np.zeros(len(reach), dtype=bool)
        nodes, order = np.sort(self.sequence.nodes), self.order
        changes, size = self.changes[np.argsort(self.sequence.nodes)], self.amplitude
        for far in np.unique(reach):
            inside, q = np.abs(nodes) <= far, np.flatnonzero(reach == far)
            unit, f = tuple((nodes[inside] / far).tolist()), changes[np.ix_(inside, q)]
            rounding, radius = self.rounding[q], self.step[q] * far
            claim = value[q] / size[q], error[q] / size[q]
            found[q] = unexplained(unit, f, order, rounding) | two_faced(
                unit, radius, f, order, self.origin[q], *claim, rounding
            )
        return found

    @property
    def _diverging(self) -> NDArray[np.bool_]:
        """Where the stencil's results do not approach each other as the step falls."""
        coarse = self.sequence.diagonal[0]
        fine = self.sequence.candidates - len(self.sequence.rungs) + 1  # both extrapolated once
        return np.asarray(self.gaps[fine] > self.gaps[coarse])


def filled(
    sequence: StepSequence, samples: Array, order: int, step: Array, origin: Array
) -> Tableau:
    """Return the tableau of samples (N, q), to the same bits for any q.

    Parameters
    ----------
    sequence : StepSequence
    samples : ndarray (N, q)
        At the sequence's nodes, all defined.
    order : int
    step, origin : ndarray (q,)
        As in `TableauQuestion`.
    """
    largest = np.abs(samples).max(axis=0)
    amplitude = np.where(largest > 0, np.ldexp(1.0, np.frexp(largest)[1] - 1), 1.0)
    per = per_power(amplitude, step, order)
    changes = (samples - samples[0]) / amplitude  # weights of a derivative add up to 0
    found = combined(sequence.functionals, changes)
    n = sequence.candidates
    gaps = GAP_SAFETY * np.abs(found[n : 2 * n])
    if sequence.whole is not None:
        beyond = _beyond_all(sequence.whole, changes) / np.abs(sequence.nodes).max() ** order
        gaps[-1] = np.minimum(gaps[-1], beyond)
    rounding = EPS * largest / amplitude
    ascending = np.argsort(sequence.nodes)
    grain = grains(sequence.nodes[ascending], changes[ascending])
    floor = ROUNDING * np.maximum(rounding, grain)
    floor = floor + _rounding_of_x(sequence, changes, step, origin)
    noise = least_noise(found[2 * n :].reshape(n, -1, found.shape[1]), floor, sequence.told)
    least = np.maximum(LEAST * rounding, GRAIN * grain)
    noise = np.maximum(noise, np.maximum(noise[-1], least))  # the last one sees all samples
    carried = sequence.amplification * noise * per
    values, gaps = found[:n] * per, gaps * per
    own = sequence, order, step, origin
    return Tableau(*own, changes, amplitude, per, values, gaps, carried, noise, rounding)


def _rounding_of_x(sequence: StepSequence, changes: Array, step: Array, origin: Array) -> Array:
    """Return what the rounding of x0 + t makes of the samples (q,)."""
    slopes = np.abs(changes[1:]) / np.abs(sequence.nodes[1:, None] * step)
    return np.asarray(slopes.max(axis=0) * EPS * np.abs(origin))


def _beyond_all(b: Basis, changes: Array) -> Array:
    """Return what the polynomial through all samples leaves out (q,), by how its terms fall."""
    g = combined(b.rows, changes)
    beyond, _ = truncation_of(b.slopes * g, np.abs(g) * b.leads, b)
    return np.asarray(beyond[-1])


def least_error(tableau: Tableau) -> Fit:
    """Return the value with the least error that no finer value excludes (Ridders).

    A window whose steps meet the period of f, or straddle a narrow feature, may look smooth and
    sure of a wrong value. Where one of smaller steps excludes it, error against error, it goes,
    and all that reach as far.
    """
    reach = tableau.sequence.reach
    error = tableau.gaps + tableau.carried
    open_to_choice, q = error, np.arange(error.shape[1])
    k = error.argmin(axis=0)
    for _ in range(len(tableau.sequence.rungs)):
        apart = np.abs(tableau.values - tableau.values[k, q]) > error + error[k, q]
        excluded = (apart & (reach < reach[k, 0])).any(axis=0)
        if not excluded.any():
            break
        open_to_choice = np.where(excluded & (reach >= reach[k, 0]), np.inf, open_to_choice)
        k = open_to_choice.argmin(axis=0)
    return tableau.fit(k)


def full_extrapolation(tableau: Tableau, *, fixed: bool) -> Fit:
    """Return the value extrapolated from all levels, or from as many as leave the least error."""
    diagonal = tableau.sequence.diagonal
    if fixed:
        k = np.full(tableau.values.shape[1], diagonal[-1])
    else:
        k = diagonal[(tableau.gaps + tableau.carried)[diagonal].argmin(axis=0)]
    return _unless_excluded(tableau.fit(k), least_error(tableau))


def limit_of_process(tableau: Tableau) -> Fit:
    """Return the limit of a Gaussian process through the levels (Gauss-Richardson)."""
    noise, best = tableau.noise[-1], least_error(tableau)
    value, deviation, amplification = gauss_richardson(
        tableau.sequence, tableau.changes, noise / DEVIATIONS
    )
    carried = amplification * noise * tableau.per
    truncation = np.maximum(
        PROCESS_SAFETY * deviation * tableau.per, PROCESS_SHARE * best.bar - carried
    )
    unresolved = best.error == np.inf
    found = Fit.of(value * tableau.per, truncation, carried, best.sigma, best.floor, unresolved)
    return _unless_excluded(found, best)


def _unless_excluded(fit: Fit, best: Fit) -> Fit:
    """Return the fit, its error raised to what the best value says it must be."""
    apart = np.abs(fit.value - best.value)
    excluded = apart > fit.bar + best.bar
    if not excluded.any():
        return fit
    truncation = np.where(excluded, apart + best.bar, fit.truncation)
    unresolved = fit.error == np.inf
    return Fit.of(fit.value, truncation, fit.carried, fit.sigma, fit.floor, unresolved)
