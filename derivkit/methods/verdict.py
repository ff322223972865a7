"""From numbers to an answer: what an error consists of, and which status it deserves.

Shared by all methods that sample. Nothing here asks for points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.polynomial import DEVIATIONS_IN_BOUND
from derivkit.methods.protocol import Estimate
from derivkit.status import Status

__all__ = ["Verdict", "by_line", "conclude", "nothing_defined", "unexplained"]

Array: TypeAlias = NDArray[np.float64]

UNEXPLAINED = 2.0  # bound on the noise, three deviations, in units of the samples' variation

NOISE_SHARE = 1 / 3  # of truncation, which hears noise too, from which noise limits the accuracy

NOISY = 100.0  # units of rounding of f: below, noise is what any long computation has


class Claim(NamedTuple):
    """What a verdict amounts to.

    Attributes
    ----------
    error, noisy, sigma : ndarray (q,)
        The error, inf where nothing is known; whether noise limits it; the noise of one sample.
    plain : bool
        Whether no error is infinite, and none limited by noise.
    """

    error: Array
    noisy: NDArray[np.bool_]
    sigma: Array
    plain: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """A value with the two parts of its error, each (q,).

    Attributes
    ----------
    value, truncation, carried : ndarray (q,)
        The derivative; what the formula leaves out; what the samples' noise amounts to in it.
    noise, floor : ndarray (q,)
        Bound on the noise of one sample, and the least that rounding makes it.
    unresolved : ndarray (q,) of bool or bool
        Where the formula does not converge, so that truncation is not to be believed.
    claim : Claim, optional
        What it amounts to, where that has been worked out.
    """

    value: Array
    truncation: Array
    carried: Array
    noise: Array
    floor: Array
    unresolved: NDArray[np.bool_] | bool = False
    claim: Claim | None = None

    @property
    def error(self) -> Array:
        """The whole error."""
        return np.asarray(self.truncation + self.carried)


def unexplained(changes: Array, noise: Array, floor: Array) -> NDArray[np.bool_]:
    """Tell where noise would have to be most of what the samples show.

    Then nothing says that it is noise, and not structure finer than the samples' distances.

    Parameters
    ----------
    changes : ndarray (m, q)
        The samples' differences from f(x0).
    noise, floor : ndarray (q,)
        As in `Verdict`.
    """
    size = np.sqrt(np.einsum("mq,mq->q", changes, changes) / len(changes))
    return np.asarray((noise > UNEXPLAINED * size) & (noise > NOISY * floor))


def conclude(
    verdict: Verdict,
    *,
    defined: NDArray[np.bool_],
    step: Array | float,
    reach: float,
    one_sided: bool = False,
    spent: bool = False,
) -> Estimate:
    """Return the estimate with a status for each output.

    Parameters
    ----------
    verdict : Verdict
    defined : ndarray (q,) of bool
        Outputs that are defined at x0.
    step, reach : float
        As in `Estimate`.
    one_sided : bool
        Whether the samples had to be shifted.
    spent : bool
        Whether the budget ended the search.
    """
    claim = verdict.claim or claims(verdict, len(verdict.value))[0]
    usual = Status.ONE_SIDED if one_sided else Status.CONVERGED
    usual = Status.BUDGET_SPENT if spent else usual
    value, error, sigma = verdict.value, claim.error, claim.sigma
    if claim.plain and defined.all():
        return Estimate(value, error, usual, step, sigma, reach)
    each = tuple(
        _status(d, e, n, usual)
        for d, e, n in zip(defined.tolist(), error.tolist(), claim.noisy.tolist(), strict=True)
    )
    status = each[0] if len(set(each)) == 1 else each
    value, error = np.where(defined, value, np.nan), np.where(defined, error, np.inf)
    return Estimate(value, error, status, step, sigma, reach)


def claims(verdict: Verdict, outputs: int) -> list[Claim]:
    """Return what the verdict on several lines, of so many outputs each, claims of each line."""
    error = np.where(verdict.unresolved | ~np.isfinite(verdict.value), np.inf, verdict.error)
    noisy = (verdict.carried > NOISE_SHARE * verdict.truncation) & (
        verdict.noise > NOISY * verdict.floor
    )
    sigma = verdict.noise / DEVIATIONS_IN_BOUND
    plain = np.asarray((np.isfinite(error) & ~noisy).reshape(-1, outputs).all(axis=1))
    lines = [slice(k, k + outputs) for k in range(0, len(error), outputs)]
    return [
        Claim(error[line], noisy[line], sigma[line], bool(plain[k])) for k, line in enumerate(lines)
    ]


def by_line(v: Verdict, outputs: int) -> list[Verdict]:
    """Return the verdicts on single lines, of so many outputs each."""
    unresolved = np.broadcast_to(v.unresolved, v.value.shape)
    found = []
    for k, claim in enumerate(claims(v, outputs)):
        s = slice(k * outputs, (k + 1) * outputs)
        parts = v.value[s], v.truncation[s], v.carried[s], v.noise[s], v.floor[s], unresolved[s]
        found.append(Verdict(*parts, claim))
    return found


def _status(defined: bool, error: float, noisy: bool, usual: Status) -> Status:
    if not defined:
        return Status.UNDEFINED
    if error == np.inf:
        return Status.UNRESOLVED
    return Status.NOISE_LIMITED if noisy and usual is Status.CONVERGED else usual


def nothing_defined(outputs: int, reach: float) -> Estimate:
    """Return the answer where the model is undefined too close to x0."""
    return Estimate(
        np.full(outputs, np.nan), np.full(outputs, np.inf), Status.UNDEFINED, reach=reach
    )
