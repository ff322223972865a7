"""Derived parameters: functions of theta, with their values, derivatives and errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from derivkit.calculus_kit import CalculusKit
from derivkit.forecast.information import Array
from derivkit.forecast.inputs import Point, known_name
from derivkit.status import Status
from derivkit.validation import shown

__all__ = ["Functions", "change_of", "differentiated"]

Functions = Mapping[str, Callable[[Any], float] | str]

MOST_CONDITION = 1e12
"""New parameters whose scaled Jacobian has a larger condition number do not determine the old."""


def differentiated(
    functions: Functions, point: Point, free: Sequence[str], bounds: Array, sigmas: Array
) -> tuple[Array, Array, Array]:
    """Return values (k,) of functions of theta, their Jacobian (k, p), and its errors.

    A function may be the name of a free parameter; ``bounds`` are of all parameters of the point.
    ``sigmas`` (p,) are the lengths over which the data tell each free one: steps for those at 0,
    whose size tells none.
    """
    if not functions:
        raise ValueError("`functions` must be at least one parameter, got none")
    for name, function in functions.items():
        if isinstance(function, str):
            known_name(name, function, free)
        elif not callable(function):
            raise TypeError(
                f"`functions` must be functions or names, got {shown(function)} for {name!r}"
            )
    places = [point.index(name) for name in free]
    start = point.values.copy()

    def together(x: Array) -> Array:
        theta = start.copy()
        theta[places] = x
        given = point.given(theta)
        return np.array(
            [
                theta[point.index(f)] if isinstance(f, str) else _number(name, f(given))
                for name, f in functions.items()
            ]
        )

    value = together(start[places])
    for name, here in zip(functions, value.tolist(), strict=True):
        if not math.isfinite(here):
            raise ValueError(f"`functions` must be finite at theta0, got {here} for {name!r}")
    limits = [(low, high) for low, high in bounds[places].tolist()]
    at_zero = np.flatnonzero((start[places] == 0) & np.isfinite(sigmas) & (sigmas > 0)).tolist()
    scale = {free[i]: float(sigmas[i]) for i in at_zero}
    kit = CalculusKit(together, start[places], names=free, bounds=limits, scale=scale)
    result = kit.jacobian_result()
    still = (result.status == Status.CONSTANT).all(axis=1)
    if still.any():
        name = list(functions)[int(np.flatnonzero(still)[0])]
        raise ValueError(
            f"`functions` must depend on {', '.join(free)}, got {name!r}, which does not"
        )
    return value, result.value, result.error


def change_of(
    jacobian: Array, error: Array, steps: Array, free: Sequence[str], functions: Functions
) -> tuple[Array, Array]:
    """Return the inverse of a Jacobian (p, p) and its errors; steps move the data by one sigma.

    Raises
    ------
    ValueError
        If the functions do not determine the free parameters.
    """
    lengths = np.linalg.norm(jacobian * steps, axis=1)
    scaled = jacobian * steps / np.where(lengths > 0, lengths, 1.0)[:, None]
    if not lengths.all() or np.linalg.cond(scaled) > MOST_CONDITION:
        raise ValueError(
            f"`functions` must determine {', '.join(free)}, got {', '.join(functions)}, "
            "which do not"
        )
    change = steps[:, None] * np.linalg.inv(scaled) / lengths
    size = np.abs(change)
    return change, size @ error @ size


def _number(name: str, value: Any) -> float:
    """Return what a function of theta returned as a number."""
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "iuf":
        raise TypeError(f"`functions` must return a real number, got {shown(value)} for {name!r}")
    return float(array.reshape(()))
