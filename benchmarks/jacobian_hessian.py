"""Hessians and Jacobians beside the peers: digits, calls, failures, coverage, by class.

    python -m benchmarks.jacobian_hessian [--tensor hessian] [--only derivkit] [--detail]

An entry of a Hessian is measured against sqrt(|H_ii H_jj|), an entry of a Jacobian against itself.
Calls are given per parameter.
"""

import argparse
from pathlib import Path

from benchmarks import peer_names
from benchmarks.accuracy import details, outcomes_of, tables
from benchmarks.problem import CLASSES
from benchmarks.problem_sets import load
from benchmarks.scoring import claims_errors, components, score

RESULTS = Path(__file__).parent / "results"


def measure(tensor, names, *, detail):
    """Return the Markdown of one tensor; print what failed where that is asked for."""
    spec = {"tensor": tensor}
    problems = load(**spec)
    present = "".join(k for k in CLASSES if any(p.klass == k for p in problems))
    scored = {}
    for name in names:
        group = components(problems, outcomes_of(name, spec, problems))
        claims = claims_errors(group)
        scored[name] = {
            k: score([c for c in group if c.problem.klass == k], claims) for k in present
        }
        if detail:
            print(f"\n{name} in detail\n\n{details(group)}\n")
    return f"## {tensor.capitalize()}\n\n{tables(scored, present)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tensor", choices=["hessian", "jacobian"])
    parser.add_argument("--only", metavar="NAMES", help="methods, comma-separated")
    parser.add_argument("--detail", action="store_true", help="list what failed or is not covered")
    options = parser.parse_args()
    parts = []
    for tensor in [options.tensor] if options.tensor else ["hessian", "jacobian"]:
        every = ["derivkit", *peer_names.TENSORS[tensor]]
        names = options.only.split(",") if options.only else every
        parts.append(measure(tensor, names, detail=options.detail))
    text = "\n".join(parts)
    print(text)
    if not (options.only or options.tensor):
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "jacobian_hessian.md").write_text(text)


if __name__ == "__main__":
    main()
