"""What the samples along one parameter tell: the numbers behind the pictures of one derivative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

if TYPE_CHECKING:
    from derivkit.result import DerivativeResult

__all__ = ["Story", "story_of"]

MOST_DEGREE = 6  # of the fit that is drawn through the samples used
LEAST_SAMPLES = 3


@dataclass(frozen=True, eq=False)
class Story:
    """One derivative and its samples.

    Attributes
    ----------
    name : str
        The parameter.
    origin : float
        Its value at x0.
    t, values : ndarray (n,)
        Distances from x0, ascending and 0 among them, and the model there.
    value, error, step, noise : float
        The answer's.
    status : str
    """

    name: str
    origin: float
    t: NDArray[np.float64]
    values: NDArray[np.float64]
    value: float
    error: float
    step: float
    noise: float
    status: str

    @property
    def at_x0(self) -> float:
        """The model at x0."""
        return float(self.values[self.t == 0][0])

    @property
    def used(self) -> float:
        """Reach of the samples behind the answer; of all where it is not known."""
        known = np.isfinite(self.step) and self.step > 0
        return float(self.step) * (1 + 1e-9) if known else float(np.abs(self.t).max())

    def differences(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the steps and the distances from the answer of all plain differences.

        Central where both sides were sampled, else from x0 to the one side.
        """
        place = dict(zip(self.t.tolist(), self.values.tolist(), strict=True))
        steps, gaps = [], []
        for h in sorted({abs(t) for t in place if t != 0}):
            right, left = place.get(h, np.nan), place.get(-h, np.nan)
            both = (right - left) / (2 * h)
            ahead, behind = (right - self.at_x0) / h, (self.at_x0 - left) / h
            found = next((d for d in (both, ahead, behind) if np.isfinite(d)), np.nan)
            if np.isfinite(found):
                steps.append(h)
                gaps.append(abs(found - self.value))
        return np.array(steps), np.array(gaps)

    def truncation(self, h: NDArray[Any]) -> NDArray[Any]:
        """Return the truncation |f'''| h**2 / 6 of a central difference, f''' from the fit."""
        third = self._fit().deriv(3)(0.0) if self._fit().degree() >= 3 else np.nan
        return np.asarray(abs(third) * h**2 / 6)

    def noise_of_difference(self, h: NDArray[Any]) -> NDArray[Any]:
        """Return the noise of a central difference, sigma / (sqrt(2) h)."""
        return np.asarray(self.noise / (np.sqrt(2.0) * h))

    def tangent(self, t: NDArray[Any]) -> NDArray[Any]:
        """Return the straight line through x0 with the answer's slope."""
        return self.at_x0 + self.value * t

    def fit(self, t: NDArray[Any]) -> NDArray[Any]:
        """Return a polynomial through the samples used."""
        return np.asarray(self._fit()(t))

    def _fit(self) -> Polynomial:
        near = np.isfinite(self.values) & (np.abs(self.t) <= self.used)
        degree = min(int(near.sum()) - 1, MOST_DEGREE)
        return Polynomial.fit(self.t[near], self.values[near], degree)


def story_of(result: DerivativeResult, parameter: str | int, output: int = 0) -> Story:
    """Return the story of one first derivative.

    Raises
    ------
    ValueError
        If the parameter or output is not there, the result is of another order, or it has no
        evaluations (it was read from JSON, or the method differentiates the function itself).
    """
    if result.order != 1 or result.parameter_axes != 1:
        raise ValueError(f"the picture is of first derivatives, got order {result.order}")
    index = _index(result.names, parameter)
    entries = {
        field: np.reshape(getattr(result, field), (-1, len(result.names)))
        for field in ("value", "error", "step", "noise", "status")
    }
    outputs = len(entries["value"])
    if not 0 <= output < outputs:
        raise ValueError(f"`output` must lie in 0..{outputs - 1}, got {output}")
    if result.evaluations is None:
        raise ValueError("the result has no evaluations to draw; compute it again in this session")
    t, values = result.evaluations.along(index, output)
    if t.size < LEAST_SAMPLES or not np.any(t == 0):
        raise ValueError(f"there are too few samples along {result.names[index]} to draw")
    value, error, step, noise, status = (each[output, index] for each in entries.values())
    origin = float(result.x0[index])
    name = result.names[index]
    return Story(name, origin, t, values, value, error, step, noise, str(status))


def _index(names: tuple[str, ...], parameter: str | int) -> int:
    if isinstance(parameter, str):
        if parameter not in names:
            raise ValueError(f"`parameter` must be one of {', '.join(names)}, got {parameter!r}")
        return names.index(parameter)
    if not -len(names) <= parameter < len(names):
        raise ValueError(f"`parameter` must lie in 0..{len(names) - 1}, got {parameter}")
    return parameter % len(names)
