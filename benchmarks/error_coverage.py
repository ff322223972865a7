"""Do the error bars hold? Share of |true error| <= reported error for each method of derivkit.

    python -m benchmarks.error_coverage [--seed 11] [--n 240]

Functions drawn from the seed (classes A and B: smooth, of any scale), noiseless and with noise of
relative level 1e-6; one line a method and extrapolation.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from benchmarks import ours
from benchmarks.held_out import draw
from benchmarks.problem import with_noise
from benchmarks.running import run
from benchmarks.scoring import components, score, table

RESULTS = Path(__file__).parent / "results"
METHODS = (
    "derivkit:finite:extrapolation=None",
    "derivkit:finite:extrapolation=richardson",
    "derivkit:finite:extrapolation=ridders",
    "derivkit:finite:extrapolation=gauss-richardson",
    "derivkit:finite:extrapolation=richardson:levels=2",
    "derivkit:adaptive",
    "derivkit:fornberg",
    "derivkit:local_polynomial",
    "derivkit:auto",
)
NOISE = 1e-6
HEADER = ["method", "noise", "pairs", "coverage %", "over-est.", "digits", "calls"]


def noisy(problems):
    """Return the problems with normal noise of relative level 1e-6."""
    return [replace(p, f=with_noise(p.f, NOISE), noise=NOISE) for p in problems]


def row(method, problems, noise):
    """Return one line: how often the bar holds, how wide it is."""
    found = score(components(problems, run(ours.adapter(method), problems)), claims=True)
    name = method.removeprefix("derivkit:").replace("extrapolation=", "")
    figures = (f"{found.coverage:.1f}", f"{found.overestimate:.2g}", f"{found.digits:.1f}")
    return [name, noise, str(found.n), *figures, f"{found.calls:.0f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--n", type=int, default=240)
    options = parser.parse_args()
    problems = draw(options.seed, options.n, "AB")
    rows = [row(m, problems, "none") for m in METHODS]
    rows += [row(m, noisy(problems), f"{NOISE:.0e}") for m in METHODS]
    text = table(HEADER, rows)
    print(text)
    RESULTS.mkdir(exist_ok=True)
    head = f"{options.n} functions drawn from seed {options.seed}; each component is one pair.\n\n"
    (RESULTS / "error_coverage.md").write_text(head + text + "\n")


if __name__ == "__main__":
    main()
