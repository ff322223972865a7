"""The Hessian: second derivatives along the p axes and in the planes of every two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.assembly import Stages, stacked, wrong_output
from derivkit.calculus.builders import builder
from derivkit.calculus.lines import axes_followed
from derivkit.calculus.mixed_seconds import along_axes, second_derivatives
from derivkit.calculus.problem import Problem
from derivkit.engine.model import Shaped, is_nested
from derivkit.methods.protocol import Method

if TYPE_CHECKING:
    from derivkit.engine.model import Output

__all__ = [
    "Hessian",
    "HessianDiag",
    "HessianFromGradient",
    "build_hessian",
    "build_hessian_diag",
    "hessian_among",
]


@dataclass(frozen=True)
class HessianDiag:
    """Second derivatives (*out, p) with respect to each parameter."""

    order: int = 2

    def check_output(self, output: Output) -> None:
        """Accept every output."""

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow one line a parameter."""
        return stacked((yield axes_followed(problem, method, budget, 2)))

    def from_whole(self, whole: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take the diagonal of a Hessian (*out, p, p)."""
        return np.diagonal(whole, axis1=-2, axis2=-1)


@dataclass(frozen=True)
class Hessian:
    """Second derivatives (*out, p, p), exactly symmetric."""

    order: int = 2

    def check_output(self, output: Output) -> None:
        """Accept every output."""

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow the axes, then all pairs of them."""
        return hessian_among(problem, method, budget, problem.free)


@dataclass(frozen=True)
class HessianFromGradient:
    """Second derivatives (p, p): the Jacobian of a function that returns the gradient.

    Half the sum with its transpose; their difference is told too.
    """

    names: tuple[str, ...]
    order: int = 2

    def check_output(self, output: Output) -> None:
        """Raise a TypeError unless the output holds a number a parameter, in their order."""
        p = len(self.names)
        if np.size(output) != p:
            raise wrong_output(f"the gradient ({p},) with from_gradient=True", output)
        names = tuple(output.tree.names()) if isinstance(output, Shaped) else self.names
        if names != self.names and (is_nested(output) or set(names) == set(self.names)):
            raise TypeError(
                f"`function` must return a gradient with the entries of x0, "
                f"{', '.join(self.names)}, in this order, got {', '.join(names)}"
            )

    def stages(self, problem: Problem, method: Method, budget: int | None) -> Stages:
        """Follow one line a parameter."""
        problem.all_must_vary("from_gradient=True")
        results = yield axes_followed(problem, method, budget, 1)
        parts = stacked(replace(results, shape=(problem.p,)))
        value, status, worse = parts.value, parts.status, parts.error >= parts.error.T
        added = [name for name in _ADDED if getattr(parts, name) is not None]
        halves = {n: 0.5 * (getattr(parts, n) + getattr(parts, n).T) for n in added}
        larger = {n: np.fmax(getattr(parts, n), getattr(parts, n).T) for n in _LARGER}
        beside = {name: np.broadcast_to(getattr(parts, name), value.shape) for name in _OF_LINES}
        return replace(
            parts,
            status=np.where(worse, status, status.T),
            **(halves | larger | beside),
            extra={"parameter_axes": 2, "asymmetry": value - value.T, "labels": problem.labels},
        )

    def from_whole(self, _: NDArray[np.float64]) -> NDArray[np.float64]:
        """Refuse: second derivatives of a function that returns the gradient are third ones."""
        raise ValueError("from_gradient=True needs a numerical method, such as 'auto' or 'finite'")


_ADDED = ("value", "error", "noise_error", "finite_bound", "gap", "stated")
_LARGER = ("step", "noise")
_OF_LINES = ("nfev", "undefined", "reach")


def hessian_among(
    problem: Problem, method: Method, budget: int | None, indices: Sequence[int]
) -> Stages:
    """Return the second derivatives (*out, n, n) with respect to n of the parameters."""
    pairs = np.column_stack(np.triu_indices(len(indices), 1))
    diagonal, mixed = yield from second_derivatives(
        problem, method, budget, along_axes(indices), pairs
    )
    n, (i, j) = len(indices), pairs.T
    number = np.diag(np.arange(n))  # of each entry: those of the diagonal come first
    number[i, j] = number[j, i] = n + np.arange(len(pairs))
    return diagonal.joined(mixed).take(number, parameter_axes=2)


build_hessian = builder(
    "build_hessian",
    Hessian,
    "Return the Hessian (p, p) of a function at theta0",
    "lambda x: x[0] ** 2 * x[1]",
    "[[6.0, 4.0], [4.0, 0.0]]",
)
build_hessian_diag = builder(
    "build_hessian_diag",
    HessianDiag,
    "Return the Hessian's diagonal (p,) at theta0",
    "lambda x: x[0] ** 2 + 3 * x[1] ** 2",
    "[2.0, 6.0]",
)
