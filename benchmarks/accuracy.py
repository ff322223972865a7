"""The tables by class: digits, calls, failures, silent errors, coverage, certified.

    python -m benchmarks.accuracy                           # the hand-written set, all methods
    python -m benchmarks.accuracy --held-out 7 --n 500      # functions drawn from seed 7
    python -m benchmarks.accuracy --only derivkit --detail  # what fails or is not covered
    python -m benchmarks.accuracy --only derivkit:adaptive,jacobi --classes AE

`derivkit` is its default method; `derivkit:NAME:option=value` any other. Peers run in their own
environment (`python -m benchmarks.environment` makes it).
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks import peer_names
from benchmarks.problem import CLASSES
from benchmarks.problem_sets import load
from benchmarks.running import run
from benchmarks.scoring import HEADER, claims_errors, components, mean, score, table

RESULTS = Path(__file__).parent / "results"


def outcomes_of(name, spec, problems):
    """Run one method over the set: derivkit here, a peer in the peers' environment."""
    if name.startswith("derivkit") and name != "derivkit-1.4":
        from benchmarks import ours

        return run(ours.adapter(name, spec.get("tensor", "gradient")), problems)
    from benchmarks.environment import run_peer

    return run_peer(name, spec)


def tables(scored, classes):
    """Return the Markdown: one table a class, and their mean."""
    parts = []
    for klass in classes:
        rows = [[name, *by_class[klass].row] for name, by_class in scored.items()]
        parts.append(f"### {klass}: {CLASSES[klass]}\n\n" + table(["method", *HEADER], rows))
    if len(classes) > 1:
        rows = [[name, *mean(list(s.values())).row] for name, s in scored.items()]
        parts.append(f"### Mean over {classes}\n\n" + table(["method", *HEADER], rows))
    return "\n\n".join(parts) + "\n"


def without_solvers(groups):
    """Return the table of class E without models that approximate another function.

    An ODE solver's or a root finder's own bias is smooth in the parameters: no error bar of a
    derivative can know it, so coverage there says nothing about the method.
    """
    rows = []
    for name, group in groups.items():
        kept = [c for c in group if c.problem.klass == "E" and not solver(c.problem)]
        rows.append([name, *score(kept, claims_errors(group)).row])
    title = "### E without ODE solvers and root finders, whose own bias no bar can cover"
    return title + "\n\n" + table(["method", *HEADER], rows) + "\n"


def solver(problem):
    """Tell whether the model only approximates the function whose derivative is the reference."""
    return problem.kind.startswith(("ode", "root", "iteration"))


def by_tag(group):
    """Return a table of one method's figures by tag or kind of problem."""
    tags = sorted({t for c in group for t in _labels(c.problem)})
    claims = claims_errors(group)
    chosen = {t: [c for c in group if t in _labels(c.problem)] for t in tags}
    return table(["kind", *HEADER], [[t, *score(cs, claims).row] for t, cs in chosen.items()])


def _labels(problem):
    return {*problem.tags, f"{problem.klass} {problem.kind}"}


def details(group):
    """List the components that are not certified, the worst first."""
    bad = [c for c in group if c.failed or not c.certified]
    bad.sort(key=lambda c: (c.problem.klass, not c.silent, -c.error))
    header = [
        "problem",
        "[i]",
        "x0",
        "exact",
        "value",
        "relerr",
        "claimed/unit",
        "claimed/true",
        "calls",
        "reach",
        "status",
        "why",
    ]
    return table(header, [_detail(c) for c in bad])


def _detail(c):
    status = c.outcome.crash or (c.outcome.status[c.index] if c.outcome.status else "")
    why = [w for w in ("failed", "silent") if getattr(c, w)]
    why += [] if c.covered else ["uncovered"]
    return [
        c.problem.name,
        str(c.index),
        f"{c.problem.x0[c.index % c.problem.p]:.6g}",
        f"{c.exact:.6g}",
        f"{c.value:.6g}",
        f"{c.error:.1e}",
        f"{c.claimed / c.unit:.1e}",
        f"{c.overestimate:.1e}",
        str(c.outcome.calls),
        f"{c.outcome.reach:.1e}",
        status,
        " ".join(why) or "wide bar",
    ]


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--held-out", type=int, metavar="SEED", help="draw functions from a seed")
    parser.add_argument("--n", type=int, default=500, help="how many functions to draw")
    parser.add_argument("--classes", default="ABCDE")
    parser.add_argument("--only", "--methods", metavar="NAMES", help="methods, comma-separated")
    parser.add_argument("--match", default="", help="only problems whose name or tags contain this")
    parser.add_argument("--detail", action="store_true", help="list what failed or is not covered")
    parser.add_argument("--kinds", action="store_true", help="figures by kind of problem")
    parser.add_argument("--write", metavar="NAME", help="write results/NAME.md")
    return parser.parse_args(argv)


def main(argv=None):
    options = arguments(argv)
    spec = {"held_out": options.held_out, "n": options.n, "classes": options.classes}
    problems = load(**spec)
    names = options.only.split(",") if options.only else ["derivkit", *peer_names.NAMES]
    wanted = np.array([options.match in " ".join((p.name, *p.tags)) for p in problems], dtype=bool)
    groups = {}
    for name in names:
        print(f"{name} …", file=sys.stderr)
        found = outcomes_of(name, spec, problems)
        groups[name] = components(*_chosen(problems, found, wanted))
    present = [k for k in options.classes if any(c.problem.klass == k for c in groups[names[0]])]
    scored = {
        name: {
            k: score([c for c in group if c.problem.klass == k], claims_errors(group))
            for k in present
        }
        for name, group in groups.items()
    }
    text = tables(scored, "".join(present))
    if any(solver(c.problem) for c in groups[names[0]]):
        text += "\n" + without_solvers(groups)
    print(text)
    report(groups, options)
    if options.write:
        write(text, options)


def _chosen(problems, found, wanted):
    kept = [(p, o) for p, o, w in zip(problems, found, wanted, strict=True) if w]
    return [p for p, _ in kept], [o for _, o in kept]


def report(groups, options):
    """Print the by-kind tables and the listings that were asked for."""
    for name, group in groups.items():
        if options.kinds:
            print(f"\n{name} by kind\n\n{by_tag(group)}")
        if options.detail:
            print(f"\n{name} in detail\n\n{details(group)}")


def write(text, options):
    """Write the tables as Markdown, with what they were measured on."""
    if options.held_out is None:
        source = "The hand-written problem set"
    else:
        source = f"{options.n} functions drawn at random from seed {options.held_out}"
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{options.write}.md"
    path.write_text(f"{source}; calls are per parameter.\n\n{text}")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
