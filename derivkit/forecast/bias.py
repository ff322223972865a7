"""Biases: how far a neglected systematic shifts the parameters, and whether that is linear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.engine.plain_numbers import output_numbers
from derivkit.errors import ModelError
from derivkit.forecast.covariance import Whitener
from derivkit.forecast.information import Array, Information
from derivkit.forecast.report import Judged
from derivkit.forecast.verdict import Verdict, warn_of

__all__ = ["BiasResult", "Data", "bias_of", "check_delta_nu"]

MOST_OF_FIRST, MOST_OF_SIGMA = 0.2, 0.3
"""A second-order shift above this fraction of the first-order one, or of sigma, is outside the
linear range."""

NEGLIGIBLE = 1e-2
"""A second-order shift below this fraction of sigma is ignored, however small the first-order one
is."""


MOST_STEPS, SETTLED = 30, 1e-3
"""Most Gauss-Newton steps of a refit; a step of less than this fraction of sigma ends it."""


@dataclass(frozen=True, eq=False)
class Data:
    """The data behind a forecast: their whitener, and the model where it can be called again.

    Attributes
    ----------
    m : int
        Data of the mean, as the user counts them.
    kept : ndarray (m,) of bool
        Those that take part.
    whitener : Whitener
        Of those that do.
    departure : callable or None
        Takes a step (p0,), returns f(theta0 + step) - f(theta0) (m,).
    """

    m: int
    kept: Any
    whitener: Whitener
    departure: Callable[[Array], Array] | None = None

    def whitened(self, delta: Array) -> tuple[Array, Array]:
        """Return W delta (n,) and C^-1 delta for differences (m,) of the data."""
        rows, dual = self.whitener.both(delta[self.kept, None])
        return rows[:, 0], dual[:, 0]


@dataclass(frozen=True, eq=False, repr=False)
class BiasResult(Judged):
    """Shifts of parameters, with errors.

    Attributes
    ----------
    names : tuple of k str
    vector : ndarray (p,)
        J^T C^-1 delta_nu, of the free parameters.
    shift, error : ndarray (k,)
        Biased minus unbiased parameters, and the errors of these differences.
    in_sigma : ndarray (k,)
        The shifts over the standard deviations.
    second_order : ndarray (k,) or None
        What the model's curvature adds to the shifts, to lowest order.
    refit : ndarray (k,) or None
        The shifts of a fit, by Gauss-Newton steps with the same derivatives; nan if they do not
        settle. None unless asked for.
    verdict : Verdict
    """

    names: tuple[str, ...]
    vector: Array
    shift: Array
    error: Array
    in_sigma: Array
    second_order: Array | None
    refit: Array | None
    verdict: Verdict

    @property
    def message(self) -> str:
        """The verdict in one sentence."""
        text = _TEXTS.get(self.verdict, self.verdict.text)
        if self.refit is None or not np.isfinite(self.refit).all():
            return text
        moved = zip(self.names, self.refit.tolist(), strict=True)
        text = text.removesuffix("; refit instead")
        return f"{text}; refitted, " + ", ".join(f"{name} moves by {x:.4g}" for name, x in moved)

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: a dict for each parameter."""
        columns = zip(self.names, self.shift, self.error, self.in_sigma, strict=True)
        return [
            {"parameter": n, "shift": float(s), "error": float(e), "in sigma": float(i)}
            for n, s, e, i in columns
        ]


_TEXTS = {
    Verdict.TRUSTWORTHY: "the model is linear over the shift",
    Verdict.NOT_CHECKED: "whether the model is linear over the shift was not checked",
}


def check_delta_nu(delta_nu: Any, m: int) -> Array:
    """Return a difference of data vectors (m,), 2-D ones flattened in C order."""
    array = output_numbers("delta_nu", delta_nu)
    if np.iscomplexobj(array):
        array = np.concatenate([array.real.ravel(), array.imag.ravel()])
    array = array.astype(float).ravel()
    if array.size != m:
        raise ValueError(f"`delta_nu` must have {m} entries, one a datum, got {array.size}")
    if not np.isfinite(array).all():
        raise FloatingPointError("`delta_nu` must be finite, got an entry that is not")
    return array


def bias_of(
    names: tuple[str, ...],
    free: tuple[str, ...],
    information: Information,
    sigma: Array,
    data: Data,
    delta_nu: Any,
    *,
    second_order: bool,
    refit: bool = False,
) -> BiasResult:
    """Return the shifts that differences of the data cause; see `FisherResult.bias`."""
    delta = check_delta_nu(delta_nu, data.m)
    residuals, duals = data.whitened(delta)
    vector = information.basis.T @ (information.rows[: len(residuals)].T @ residuals)
    step, _ = information.shift(residuals, duals, np.eye(len(free)))
    shift, error = information.shift(residuals, duals, information.outputs)
    unknown = information.unconstrained
    shift = np.where(unknown, np.nan, shift)
    error = np.where(information.doubtful, np.inf, error)
    curved = None
    if second_order and data.departure is not None:
        curved = _second_order(information, data, information.basis @ step)
    verdict = _verdict(information, shift, error, curved, sigma)
    fitted = _refitted(information, data, delta, sigma) if refit else None
    with np.errstate(invalid="ignore"):
        result = BiasResult(names, vector, shift, error, shift / sigma, curved, fitted, verdict)
    warn_of(verdict, f"{_where(result)}: {result.message}")
    return result


def _refitted(information: Information, data: Data, delta: Array, sigma: Array) -> Array:
    """Return the shifts (k,) of a fit by Gauss-Newton steps, with the derivatives at hand."""
    every = np.eye(information.basis.shape[1])
    step, moved = np.zeros(len(every)), np.zeros(data.m)
    for _ in range(MOST_STEPS):
        residuals, duals = data.whitened(delta - moved)
        more, _ = information.shift(residuals, duals, every, at=step)
        step = step + more
        if (np.abs(information.outputs @ more) <= SETTLED * sigma).all():
            return information.outputs @ step
        try:
            place = information.basis @ step
            moved = np.zeros(0) if data.departure is None else data.departure(place)
        except (ModelError, ValueError, ArithmeticError):
            break
        if not moved.size or not np.isfinite(moved[data.kept]).all():
            break
    return np.full(len(information.outputs), np.nan)


def _second_order(information: Information, data: Data, step: Array) -> Array:
    """Return the shifts (k,) that the model's departure from its tangent at the step causes.

    A fit makes up for what the tangent leaves out. The shifts are inf where the model fails at the
    shifted point.
    """
    if data.departure is None or not step.any():
        return np.zeros(len(information.outputs))
    try:
        moved = data.departure(step)
    except (ModelError, ValueError, ArithmeticError):
        moved = np.full(data.m, np.nan)
    if not np.isfinite(moved[data.kept]).all():
        return np.full(len(information.outputs), np.inf)
    residuals, duals = data.whitened(moved)
    tangent = information.rows[: len(residuals)] @ step
    return -information.shift(residuals - tangent, duals, information.outputs)[0]


def _verdict(
    information: Information, shift: Array, error: Array, curved: Array | None, sigma: Array
) -> Verdict:
    if information.unconstrained.any():
        return Verdict.UNCONSTRAINED
    if not np.isfinite(error).all():
        return Verdict.UNRESOLVED
    if curved is None:
        return Verdict.NOT_CHECKED
    size = np.abs(curved)
    bent = (size > MOST_OF_SIGMA * sigma) | (
        (size > MOST_OF_FIRST * np.abs(shift)) & (size > NEGLIGIBLE * sigma)
    )
    return Verdict.OUTSIDE_LINEAR_RANGE if bent.any() else Verdict.TRUSTWORTHY


def _where(result: BiasResult) -> str:
    return ", ".join(result.names)
