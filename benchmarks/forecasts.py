"""Forecasts of seven parameters beside DerivKit 1.4, and the memory of a million data.

    python -m benchmarks.forecasts [--write]

Calls of the model, seconds of the processor that are not its own, and how far F is from the exact
one, as the largest part of sqrt(F_ii F_jj); of 1000 independent data. DerivKit runs in its own
environment (`python -m benchmarks.environment`), in the same minutes; a triplet takes it minutes.
Memory is the growth of the peak of a process of its own.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy import sparse

from benchmarks.environment import work
from benchmarks.large import in_child, peak
from benchmarks.peer_forecasts import MODELS, PARTS, VARIANCE, cost, exact_fisher
from benchmarks.scoring import table, written
from derivkit import ForecastKit, Precision

RESULT = Path(__file__).parent / "results" / "forecasts.md"
HEADER = ["", "calls", "of DerivKit 1.4", "time beside it", "error of F", "of DerivKit 1.4"]
MANY = 10**6


def beside(name, m=1000):
    """Return the rows of one model: a Fisher matrix, a doublet and a triplet."""
    exact = exact_fisher(name, m)
    size = np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    for part in PARTS:
        both = (
            cost(name, part, m),
            work("peer_forecasts.cost", name=name, part=part, m=m, dense=True),
        )
        (calls, seconds, F), (their_calls, their_seconds, their_F) = both
        off = [f"{np.max(np.abs(found - exact) / size):.0e}" for found in (F, their_F)]
        yield [part, str(calls), str(their_calls), f"1/{their_seconds / seconds:.0f}", *off]


def memory(kind, p):
    """Return by how many bytes the peak grows for a Fisher forecast of a million data."""
    every, theta = MODELS["wave and decay"]
    x, rest = np.linspace(0.0, 1.0, MANY), theta[p:]

    def model(t, x=x):
        return every([*t, *rest], x)

    theta = theta[:p]
    ForecastKit(lambda t: model(t, x[::9999]), theta, VARIANCE).fisher()  # for what is loaded late
    cov = np.full(MANY, VARIANCE)
    if kind == "a tridiagonal precision":
        beside_it = np.full(MANY - 1, -0.4 / VARIANCE)
        cov = Precision(sparse.diags_array([beside_it, 1 / cov, beside_it], offsets=[-1, 0, 1]))
    before = peak()
    result = ForecastKit(model, theta, cov).fisher_result()
    assert result.success
    return peak() - before


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"also to {RESULT.name}")
    write = parser.parse_args().write

    def tell(title, header, rows):
        text = f"### {title}\n\n{table(header, rows)}\n"
        print(text, flush=True)
        if write:
            written(RESULT, title, text)

    kinds = ("variances", "a tridiagonal precision")
    grown = [[k, *(f"{in_child(memory, k, p) / 1e6:.0f}" for p in (3, 7))] for k in kinds]
    tell("Fisher matrix of a million data: MB", ["", "3 parameters", "7 parameters"], grown)
    for name in MODELS:
        tell(f"Seven parameters, 1000 data: {name}", HEADER, list(beside(name)))


if __name__ == "__main__":
    main()
