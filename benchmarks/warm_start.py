"""What `derivkit.grad(f, warm=True)` spares an optimiser, and what it does to the error bars.

Each optimiser runs twice: every gradient by itself, and each begun with the steps of the last one.
The functions have exact gradients and noise that is the same at the same point.
"""

from __future__ import annotations

import argparse
import contextlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize

from derivkit import CalculusKit, ModelError

WHERE = Path(__file__).parent / "results" / "warm_start.md"
LEVELS = (0.0, 1e-10, 1e-6, 1e-3)
HEAD = [
    "# Warm starts",
    "",
    "`python -m benchmarks.warm_start --write`: BFGS, L-BFGS-B and TNC with `derivkit.grad(f)` and",
    "with `warm=True`; noise in units of f at the start, bars in units of the largest derivative.",
    "",
]
TIMES = np.linspace(0.0, 3.0, 40)
DATA = 2.0 * np.exp(-1.3 * TIMES) + 0.5


def decay(x: Any) -> Any:
    """Return half the squares that an exponential decay leaves of its data."""
    return 0.5 * np.sum((x[0] * np.exp(-x[1] * TIMES) + x[2] - DATA) ** 2)


def slope_of_decay(x: Any) -> Any:
    """Return its gradient."""
    share = np.exp(-x[1] * TIMES)
    left = x[0] * share + x[2] - DATA
    return np.array([left @ share, -(left @ (TIMES * share)) * x[0], left.sum()])


GRID = np.linspace(4.995, 5.005, 40)
SEEN = np.exp(-0.5 * ((GRID - 5.0) / 1e-3) ** 2)


def line(x: Any) -> Any:
    """Return half the squares that a spectral line leaves: x[0] is 5,000 times its width."""
    return 0.5 * np.sum((np.exp(-0.5 * ((GRID - x[0]) / x[1]) ** 2) - SEEN) ** 2)


def slope_of_line(x: Any) -> Any:
    """Return its gradient."""
    away = (GRID - x[0]) / x[1]
    peak = np.exp(-0.5 * away**2)
    left = (peak - SEEN) * peak / x[1]
    return np.array([left @ away, left @ away**2])


PROBLEMS: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[float]]] = {
    "Rosenbrock, p = 4": (optimize.rosen, optimize.rosen_der, [-1.2, 1.0, 0.5, 1.1]),
    "decay fit, p = 3": (decay, slope_of_decay, [1.0, 1.0, 0.1]),
    "a narrow line, p = 2": (line, slope_of_line, [5.0004, 1.2e-3]),
}
OPTIMISERS = ("BFGS", "L-BFGS-B", "TNC")


class Followed:
    """A gradient for an optimiser, which notes its calls and how its bars held."""

    def __init__(self, problem: str, level: float, warm: bool) -> None:
        self.function, self.exact, self.start = PROBLEMS[problem]
        self.size = level * abs(self.function(np.array(self.start)))
        self.warm = warm
        self.last: Any = None
        self.calls: list[float] = []
        self.held: list[bool] = []
        self.bars: list[float] = []

    def value(self, x: Any) -> float:
        """Return f with its noise, which is a hash of x."""
        own = np.random.default_rng(list(np.asarray(x, dtype=float).tobytes()))
        return float(self.function(x) + self.size * own.standard_normal())

    def gradient(self, x: Any) -> Any:
        """Return the gradient at a point."""
        start = self.last if self.warm else None
        found = CalculusKit(self.value, x).gradient_result(start=start)
        exact = self.exact(np.asarray(x))
        self.last = found
        self.calls.append(found.nfev / x.size)
        self.held += (np.abs(found.value - exact) <= found.error + 1e-14 * np.abs(exact)).tolist()
        self.bars += (found.error / np.abs(exact).max()).tolist()
        return found.value

    def run(self, method: str) -> None:
        """Minimise."""
        x0, most = np.array(self.start), {"maxiter": 12}
        with contextlib.suppress(ModelError):  # an optimiser may run off to where f overflows
            optimize.minimize(self.value, x0, jac=self.gradient, method=method, options=most)


def table() -> list[str]:
    """Return the rows: calls a parameter, coverage and middle bar, by itself and warm."""
    rows = [
        "| problem | noise | calls a parameter | warm | covered % | warm | middle bar | warm |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for problem in PROBLEMS:
        for level in LEVELS:
            runs = []
            for warm in (False, True):
                followed = Followed(problem, level, warm)
                for method in OPTIMISERS:
                    followed.last = None
                    followed.run(method)
                runs.append(followed)
            columns = [
                [f"{np.mean(each.calls):.1f}" for each in runs],
                [f"{100 * np.mean(each.held):.1f}" for each in runs],
                [f"{np.median(each.bars):.1e}" for each in runs],
            ]
            cells = [cell for column in columns for cell in column]
            rows.append(f"| {problem} | {level:.0e} | " + " | ".join(cells) + " |")
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = table()
    if arguments.write:
        WHERE.write_text("\n".join([*HEAD, *rows, ""]))


if __name__ == "__main__":
    main()
