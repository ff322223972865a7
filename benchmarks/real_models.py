"""Smooth real models, cosmology, ODE fits and walls: shares within 1e-6 and 1e-3.

    python -m benchmarks.real_models [--only derivkit,five-point]

Errors are relative to the gradient's norm. The smooth models are the optimisation test functions,
likelihoods, regressions and textbook formulas of the hand-written set; "bad" is a component that is
off by more than a tenth of the gradient's norm, or nan.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks import peer_names
from benchmarks.accuracy import outcomes_of
from benchmarks.problem_sets import load
from benchmarks.scoring import table

RESULTS = Path(__file__).parent / "results"
GROUPS = {
    "smooth": ("optimisation", "likelihoods", "regressions", "smooth"),
    "cosmology": ("cosmology",),
    "ODE rtol 1e-6": ("ode 1e-06",),
    "walls": ("walls",),
}
SPEC = {"held_out": None, "n": 0, "classes": "ABCDE"}
BAD = 0.1


def errors(problems, outcomes, kinds):
    """Return the errors of all components of these kinds, relative to their gradient's norm."""
    found = [
        np.abs(np.array(o.value) - p.gradient) / np.linalg.norm(p.gradient)
        for p, o in zip(problems, outcomes, strict=True)
        if p.kind in kinds
    ]
    return np.nan_to_num(np.concatenate(found), nan=np.inf)


def row(name, problems):
    """Return one method's line of the table."""
    outcomes = outcomes_of(name, SPEC, problems)
    cells = [name]
    for kinds in GROUPS.values():
        e = errors(problems, outcomes, kinds)
        digits = -np.log10(np.clip(np.median(e), 1e-16, 1))
        shares = f"{np.mean(e < 1e-6):.3f} / {np.mean(e < 1e-3):.3f}"
        cells.append(f"{shares}, {np.sum(e > BAD)} bad, {digits:z.1f} d")
    calls = [o.calls / p.p for p, o in zip(problems, outcomes, strict=True)]
    return [*cells, f"{np.median(calls):.0f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAMES", help="methods, comma-separated")
    chosen = parser.parse_args().only
    names = chosen.split(",") if chosen else ["derivkit", *peer_names.NAMES]
    problems = load()
    sizes = [sum(p.p for p in problems if p.kind in kinds) for kinds in GROUPS.values()]
    header = [f"{g}, {n}" for g, n in zip(GROUPS, sizes, strict=True)]
    text = table(["method", *header, "calls"], [row(name, problems) for name in names])
    print(text)
    if not chosen:
        (RESULTS / "real_models.md").write_text(
            "Components within 1e-6 / 1e-3 of the gradient's norm, components that are bad (off by "
            "more than a tenth of it, or nan), median digits; calls per parameter.\n\n"
            + text
            + "\n"
        )


if __name__ == "__main__":
    main()
