"""Plots of error against calls: what each further call buys.

    python -m benchmarks.error_vs_calls [--seed 5] [--n 200]

Functions drawn from the seed. derivkit's default is asked with budgets (`max_evaluations`), its
other methods with growing sizes; the peers are single points. Writes results/error_vs_calls.png
(matplotlib).
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks import peer_names
from benchmarks.accuracy import outcomes_of
from benchmarks.environment import available
from benchmarks.held_out import draw
from benchmarks.problem import CLASSES
from benchmarks.scoring import components

RESULTS = Path(__file__).parent / "results"
CURVES = {
    "derivkit auto, by budget": [
        f"derivkit:auto:max_evaluations={n}" for n in (5, 7, 9, 11, 13, 17, 25, 41)
    ],
    "derivkit finite, by stencil": [
        f"derivkit:finite:extrapolation=None:num_points={n}" for n in (3, 5, 7, 9)
    ],
    "derivkit finite, by levels": [f"derivkit:finite:levels={n}" for n in (2, 3, 4, 5, 6)],
    "derivkit adaptive, by points": [f"derivkit:adaptive:n_points={n}" for n in (6, 8, 10, 14, 20)],
}
DIGITS_OF_NOTHING = 1.0  # relative error of a nan or of an answer with no digit right
LEAST_ERROR = 1e-16  # where the axis ends


def place(name, spec, problems):
    """Return (calls, median relative error) of one method over the problems of one parameter."""
    found = components(problems, outcomes_of(name, spec, problems))
    group = [c for c in found if c.problem.p == 1]
    errors = [min(c.error, DIGITS_OF_NOTHING) for c in group]
    calls = np.median([c.outcome.calls for c in group])
    return float(calls), max(float(np.median(errors)), LEAST_ERROR)


def panel(axes, klass, seed, n):
    """Draw one class: curves for derivkit, points for the peers."""
    spec = {"held_out": seed, "n": n, "classes": klass}
    problems = draw(seed, n, klass)
    for label, names in CURVES.items():
        axes.loglog(
            *zip(*[place(m, spec, problems) for m in names], strict=True), "o-", label=label
        )
    for name in peer_names.NAMES if available() else ():
        axes.loglog(*place(name, spec, problems), "x", label=name)
    axes.set(title=f"{klass}: {CLASSES[klass]}", xlabel="calls a parameter", ylabel="median error")


def main():
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--n", type=int, default=200, help="functions of each class")
    options = parser.parse_args()
    figure, grid = plt.subplots(2, 3, figsize=(16, 9), layout="constrained")
    for axes, klass in zip(grid.flat, CLASSES, strict=False):
        panel(axes, klass, options.seed, options.n)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    grid.flat[-1].axis("off")
    grid.flat[-1].legend(handles, labels, loc="center")
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / "error_vs_calls.png", dpi=110)
    print(f"wrote {RESULTS / 'error_vs_calls.png'}")


if __name__ == "__main__":
    main()
