"""Optimisers with derivkit's derivatives, beside the same optimisers with their own differences.

Three problems on which a fixed forward step does harm: a narrow curved valley to be followed to the
last digits, a fit whose parameters differ by nearly six orders of magnitude (NIST's Misra1a, public
domain), and an objective with noise. What is printed is how far from the known answer each ends,
and after how many calls of the model: the optimisers' own differences stop early and cheaply,
somewhere else.

Run it: ``python examples/optimiser.py``
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

import derivkit

PRESSURE = np.array(
    [
        77.6,
        114.9,
        141.1,
        190.8,
        239.9,
        289.0,
        332.8,
        378.4,
        434.8,
        477.3,
        536.8,
        593.1,
        689.1,
        760.0,
    ]
)
VOLUME = np.array(
    [
        10.07,
        14.73,
        17.94,
        23.93,
        29.61,
        35.18,
        40.02,
        44.82,
        50.76,
        55.05,
        61.01,
        66.4,
        75.47,
        81.78,
    ]
)
CERTIFIED = np.array([2.3894212918e2, 5.5015643181e-4])
NOISE = 1e-7

Floats: TypeAlias = NDArray[np.float64]


class Counted:
    """A model that counts its calls."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function, self.calls = function, 0

    def __call__(self, x: Any) -> Any:
        """Return the model's output."""
        self.calls += 1
        return self.function(x)


def valley(x: Floats) -> float:
    """Return Rosenbrock's function, least at (1, …, 1)."""
    return float(optimize.rosen(x))


def misra1a(b: Floats) -> float:
    """Return the residual sum of squares of Misra1a."""
    with np.errstate(over="ignore"):  # where a line search goes astray
        return float(np.sum((VOLUME - b[0] * (1 - np.exp(-b[1] * PRESSURE))) ** 2))


def noisy_bowl(x: Floats) -> float:
    """Return a bowl around (1, 2, 3) with noise that depends on the point, as a solver's does."""
    noise = np.random.default_rng(crc32(x.tobytes())).normal()
    return float(np.cosh(x - [1.0, 2.0, 3.0]).sum() * (1 + NOISE * noise))


PROBLEMS = {  # model, start, answer, optimiser's options
    "valley": (valley, np.array([-1.2, 1.0, 0.5]), np.ones(3), {"method": "BFGS"}),
    "misra1a": (misra1a, np.array([250.0, 5e-4]), CERTIFIED, {"method": "BFGS"}),
    "noisy bowl": (
        noisy_bowl,
        np.array([0.5, 0.5, 0.5]),
        np.array([1.0, 2.0, 3.0]),
        {"method": "BFGS", "options": {"gtol": 1e-3}},  # what its noise allows
    ),
}


def distances(name: str) -> dict[str, tuple[float, int]]:
    """Return the relative distance from the answer, and the calls, with own and our gradient."""
    function, start, answer, options = PROBLEMS[name]
    found = {}
    for whose in ("own", "derivkit"):
        model = Counted(function)
        jac = derivkit.grad(model) if whose == "derivkit" else None
        fit = optimize.minimize(model, start, jac=jac, **options)
        found[whose] = (float(np.abs(fit.x / answer - 1).max()), model.calls)
    return found


def main() -> None:
    """Print how far each ends from the answer."""
    for name in PROBLEMS:
        for whose, (distance, calls) in distances(name).items():
            print(f"{name:10}  {whose:8}  off by {distance:.0e} after {calls} calls")


if __name__ == "__main__":
    main()
