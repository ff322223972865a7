"""Central finite differences on one stencil, with extrapolation to zero step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from derivkit.methods.protocol import Estimate, Line, Solver
from derivkit.methods.weights import fornberg_weights

__all__ = ["Finite"]


@dataclass(frozen=True)
class Finite:
    """PLACEHOLDER to be replaced: 5-point stencil."""

    stepsize: float | Literal["auto"] = "auto"
    num_points: int = 5
    extrapolation: str | None = None
    levels: int | None = None

    def solve(self, line: Line, order: int) -> Solver:
        h = 1e-3 * line.scale if self.stepsize == "auto" else self.stepsize
        nodes = np.arange(-2.0, 3.0) * h
        values = yield nodes
        value = fornberg_weights(nodes, order) @ values
        return Estimate(value, np.abs(value) * 1e-9, step=2 * h, reach=2 * h)
