"""What a ladder of samples says: the values of the extrapolation tableau, and which to believe.

Each value has the two parts of its error: truncation, from its difference to the value of one order
less, and what the noise that is seen within its own window makes of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.contrasts import Polynomials
from derivkit.methods.extrapolation import Ladder, gauss_richardson
from derivkit.methods.polynomial import (
    DEVIATIONS_IN_BOUND,
    combined,
    cut_off,
    noise_bound,
    rounding_floor,
)
from derivkit.methods.verdict import Verdict, by_line, unexplained

__all__ = [
    "Judging",
    "Tableau",
    "filled",
    "full_extrapolation",
    "least_error",
    "limit_of_process",
]

Array: TypeAlias = NDArray[np.float64]

GAP_SAFETY = 2.0  # times the difference to the value of one order less

PROCESS_SAFETY = 3.0  # standard deviations of the Gaussian process …
PROCESS_SHARE = 0.3  # … whose error is at least this much of that of the best value of the tableau

UNRESOLVED = 0.5  # truncation beyond this part of the value, not falling with the step, is no error
FEWEST_TO_DIVERGE = 3  # levels that show whether results approach each other


class Judging(NamedTuple):
    """The question what a ladder of samples (N, q) says, answered with a `Verdict`.

    Attributes
    ----------
    ladder
    samples
        At the ladder's nodes, all defined.
    step, size
        The largest step, and its power of the order.
    rounding
        By how much the points' own rounding may have moved them.
    extrapolation
        As in `Finite`.
    fixed
        Whether the number of levels is the user's.
    """

    ladder: Ladder
    samples: Array
    step: float
    size: float
    rounding: float
    extrapolation: str | None
    fixed: bool

    @property
    def kind(self) -> Hashable:
        """What questions have in common that are answered together."""
        return self.ladder, self.samples.shape[1], self.extrapolation, self.fixed

    def answered(self, alike: Sequence[Judging]) -> list[Verdict]:
        """Return the answers to questions of this kind."""
        q = self.samples.shape[1]
        known = np.array([(j.step, j.size, j.rounding) for j in alike])
        step, size, rounding = np.repeat(known, q, axis=0).T
        samples = np.concatenate([j.samples for j in alike], axis=1)
        tableau = filled(self.ladder, samples, step, size, rounding)
        if self.extrapolation == "richardson":
            verdict = full_extrapolation(tableau, fixed=self.fixed)
        elif self.extrapolation in {"gauss-richardson", "gre"}:
            verdict = limit_of_process(tableau)
        else:
            verdict = least_error(tableau)
        return by_line(verdict, q)


@dataclass(frozen=True, slots=True)
class Tableau:
    """The candidates of a ladder, in units of the derivative.

    Attributes
    ----------
    ladder : Ladder
    changes : ndarray (N, q)
        The samples' differences from f(x0).
    size : ndarray (q,)
        The largest step to the power of the order.
    values, gaps, carried, noise : ndarray (E, q)
        For each candidate: its value, its truncation, what noise makes of it, and a bound on the
        noise of one sample in its window.
    floor : ndarray (q,)
        The least noise that rounding makes.
    """

    ladder: Ladder
    changes: Array
    size: Array
    values: Array
    gaps: Array
    carried: Array
    noise: Array
    floor: Array

    def verdict(self, k: NDArray[np.intp]) -> Verdict:
        """Return the verdict that takes candidate k (q,) for each output."""
        q = np.arange(len(k))
        value, gap, carried = self.values[k, q], self.gaps[k, q], self.carried[k, q]
        unresolved = unexplained(self.changes, self.noise[k, q], self.floor)
        if len(self.ladder.rungs) >= FEWEST_TO_DIVERGE:
            unresolved |= self._diverging & (gap > np.maximum(carried, UNRESOLVED * np.abs(value)))
        return Verdict(value, gap, carried, self.noise[k, q], self.floor, unresolved)

    @property
    def _diverging(self) -> NDArray[np.bool_]:
        """Where the stencil's results do not approach each other as the step falls."""
        coarse = self.ladder.diagonal[0]
        fine = self.ladder.candidates - len(self.ladder.rungs) + 1  # both extrapolated once
        return np.asarray(self.gaps[fine] > self.gaps[coarse])


def filled(ladder: Ladder, samples: Array, step: Array, size: Array, rounding: Array) -> Tableau:
    """Return the tableau of samples (N, q), to the same bits for any q.

    Parameters
    ----------
    ladder : Ladder
    samples : ndarray (N, q)
        At the ladder's nodes, all defined.
    step, size : ndarray (q,)
        The largest step, and its power of the order.
    rounding : ndarray (q,)
        By how much the points' own rounding may have moved them.
    """
    changes = samples - samples[0]  # weights of a derivative add up to 0
    found = combined(ladder.functionals, changes)
    n = ladder.candidates
    gaps = (GAP_SAFETY / size) * np.abs(found[n : 2 * n])
    if ladder.whole is not None:
        spectrum = combined(ladder.whole.contrasts, changes)
        gaps[-1] = np.minimum(gaps[-1], _beyond_all(ladder.whole, spectrum) / size)
    floor = rounding_floor(samples)
    noise = noise_bound(found[2 * n :].reshape(n, -1, found.shape[1]), ladder.factors)
    noise = np.maximum(noise, np.maximum(noise[-1], floor))  # the last one sees all samples
    if rounding.any():
        slopes = np.abs(changes[1:]) / np.abs(ladder.nodes[1:, None] * step)
        noise = noise + slopes.max(axis=0) * rounding
    carried = ladder.amplification * noise / size
    return Tableau(ladder, changes, size, found[:n] / size, gaps, carried, noise, floor)


def _beyond_all(basis: Polynomials, spectrum: Array) -> Array:
    """Return what the polynomial through all samples leaves out (q,), by how its terms fall."""
    order = len(basis.derivatives) - 1
    terms = spectrum * basis.derivatives[-1][:, None]
    return np.asarray(cut_off(terms, spectrum, order)[-1])


def least_error(tableau: Tableau) -> Verdict:
    """Return the value with the least error that no finer value excludes (Ridders).

    A window whose steps meet the period of f, or straddle a narrow feature, may look smooth and
    sure of a wrong value. Where one of smaller steps excludes it, error against error, it goes,
    and all that reach as far.
    """
    reach = tableau.ladder.reach
    error = tableau.gaps + tableau.carried
    open_to_choice, q = error, np.arange(error.shape[1])
    k = error.argmin(axis=0)
    for _ in range(len(tableau.ladder.rungs)):
        apart = np.abs(tableau.values - tableau.values[k, q]) > error + error[k, q]
        excluded = (apart & (reach < reach[k, 0])).any(axis=0)
        if not excluded.any():
            break
        open_to_choice = np.where(excluded & (reach >= reach[k, 0]), np.inf, open_to_choice)
        k = open_to_choice.argmin(axis=0)
    return tableau.verdict(k)


def full_extrapolation(tableau: Tableau, *, fixed: bool) -> Verdict:
    """Return the value extrapolated from all levels, or from as many as leave the least error."""
    diagonal = tableau.ladder.diagonal
    if fixed:
        k = np.full(tableau.values.shape[1], diagonal[-1])
    else:
        k = diagonal[(tableau.gaps + tableau.carried)[diagonal].argmin(axis=0)]
    return _unless_excluded(tableau.verdict(k), least_error(tableau))


def limit_of_process(tableau: Tableau) -> Verdict:
    """Return the limit of a Gaussian process through the levels (Gauss-Richardson)."""
    noise, best = tableau.noise[-1], least_error(tableau)
    value, deviation, amplification = gauss_richardson(
        tableau.ladder, tableau.changes, noise / DEVIATIONS_IN_BOUND
    )
    carried = amplification * noise / tableau.size
    truncation = np.maximum(
        PROCESS_SAFETY * deviation / tableau.size, PROCESS_SHARE * best.error - carried
    )
    found = replace(best, value=value / tableau.size, truncation=truncation, carried=carried)
    return _unless_excluded(found, best)


def _unless_excluded(verdict: Verdict, best: Verdict) -> Verdict:
    """Return the verdict, its error raised to what the best value says it must be."""
    apart = np.abs(verdict.value - best.value)
    if not (apart > verdict.error + best.error).any():
        return verdict
    excluded = apart > verdict.error + best.error
    return replace(verdict, truncation=np.where(excluded, apart + best.error, verdict.truncation))
