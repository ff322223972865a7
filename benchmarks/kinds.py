"""Everyday kinds of models, drawn from a seed: where a method is right, silent, or honest.

    python -m benchmarks.kinds --seed 7 --n 40                     # every family, `auto`
    python -m benchmarks.kinds --seed 7 --n 200 --only kink,text   # some families
    python -m benchmarks.kinds --method finite:levels=3            # another method
    python -m benchmarks.kinds --only epoch --detail               # what is not certified

One line a family (`families.py` says what they are) and the mean over families. An entry counts as
claimed if its status is resolved and its error finite.

truth "exact"
    fails: error above the threshold, nan, an exception. certified: covered, by a bar below the
    threshold.
truth "none" (a kink)
    fails: claimed, an exception. covered: no claim, or the bar reaches both one-sided derivatives.
    certified: not claimed.
truth "hidden" (the samples cannot tell)
    fails: claimed and not covered; a claimed 0 with a bar beyond the truth; an exception.
    certified: all else.

Silent: a number is claimed with a bar below a tenth of its true error, and it fails. "digits" are
of the exact entries, "calls" the median per draw.
"""

import argparse
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks import ours
from benchmarks.families import FAMILIES, Draw, Output, drawn
from benchmarks.problem import Problem
from benchmarks.running import Outcome, run
from benchmarks.scoring import HALF_ULP, MOST_DIGITS, table

RESOLVED = (
    *("exact", "converged", "noise-limited", "one-sided", "budget spent"),
    *("constant", "model-limited"),
)
TENSORS = {1: "gradient", 2: "hessian"}
HEADER = ["family", "n", "digits", "calls", "fails %", "silent %", "coverage %", "certified %"]


@dataclass(frozen=True)
class Entry:
    """One derivative that was asked for: what is true, and what was said."""

    draw: Draw
    output: Output
    value: float
    bar: float  # inf where nothing is claimed
    outcome: Outcome

    @property
    def claimed(self):
        return bool(np.isfinite(self.bar) and np.isfinite(self.value))

    @property
    def error(self):
        """The true error; from the farther side where no derivative exists."""
        return float(np.max(np.abs(self.value - np.array(self.output.exact))))

    @property
    def covered(self):
        slack = HALF_ULP * float(np.max(np.abs(self.output.exact)))
        return not self.claimed or self.error <= self.bar + slack

    @property
    def failed(self):
        if self.outcome.crash:
            return True
        if self.output.truth == "exact":
            return not self.error <= self.output.fail * self.output.unit
        if self.output.truth == "none":
            return self.claimed
        return not self.covered or self._empty

    @property
    def _empty(self):
        """Whether a claim says nothing: 0 with a bar beyond the truth."""
        return self.claimed and self.value == 0 and self.bar > np.max(np.abs(self.output.exact)) > 0

    @property
    def silent(self):
        return self.failed and self.claimed and not self.bar >= 0.1 * self.error

    @property
    def certified(self):
        if self.output.truth == "exact":
            useful = self.bar <= self.output.fail * self.output.unit
            return bool(self.claimed and self.covered and useful)
        return not self.failed

    @property
    def digits(self):
        """Correct digits; nan where the entry has none to give."""
        if self.output.truth != "exact":
            return np.nan
        error = self.error / self.output.unit
        return float(np.clip(-np.log10(error), 0, MOST_DIGITS)) if error > 0 else MOST_DIGITS


def problem_of(draw, name):
    """Return the draw as a problem that `running.solve` can ask."""
    exact = np.zeros(len(draw.outputs))  # the scoring here knows better: only the size counts
    x0 = np.array([draw.x0])
    bounds = draw.options.get("bounds")
    return Problem(name, "K", draw.f, x0, exact, exact, 0.0, kind=draw.family, bounds=bounds)


def asked(draw, method, options):
    """Return the adapter that asks for the draw's derivative."""
    tensor = TENSORS.get(draw.order, "hyper_hessian")
    if len(draw.outputs) > 1:
        tensor = "jacobian"
    order = {"order": draw.order} if tensor == "hyper_hessian" else {}
    scale = draw.options.get("scale")
    return partial(ours.ask, tensor=tensor, method=method, scale=scale, **order, **options)


def entries(draws, method=None, **options):
    """Ask for every draw; return its entries."""
    found = []
    for i, draw in enumerate(draws):
        (outcome,) = run(asked(draw, method, options), [problem_of(draw, f"{draw.family}-{i}")])
        for k, output in enumerate(draw.outputs):
            bar = np.inf if outcome.error is None else outcome.error[k]
            resolved = outcome.status is not None and outcome.status[k] in RESOLVED
            found.append(
                Entry(draw, output, outcome.value[k], bar if resolved else np.inf, outcome)
            )
    return found


def figures(group):
    """Return digits, calls and the four shares of a group of entries, in per cent."""
    digits = [e.digits for e in group if np.isfinite(e.digits)]
    shares = [100.0 * np.mean([getattr(e, what) for e in group]) for what in SHARES]
    calls = {id(e.outcome): e.outcome.calls for e in group}
    return [np.median(digits) if digits else np.nan, np.median(list(calls.values())), *shares]


SHARES = ("failed", "silent", "covered", "certified")


def row(name, n, values):
    digits, calls, *shares = values
    shown = "–" if np.isnan(digits) else f"{digits:.1f}"
    return [name, str(n), shown, f"{calls:.0f}", *(f"{share:.1f}" for share in shares)]


def details(group):
    """List the entries that are not certified."""
    header = ["draw", "truth", "x0", "order", "exact", "value", "bar", "unit", "calls", "why"]
    rows = [_detail(e) for e in group if not e.certified]
    return table(header, rows)


def _detail(e):
    exact = ", ".join(f"{v:.6g}" for v in np.atleast_1d(e.output.exact))
    why = [w for w in ("failed", "silent") if getattr(e, w)] + ["uncovered"] * (not e.covered)
    numbers = [f"{e.value:.6g}", f"{e.bar:.1e}", f"{e.output.unit:.1e}", str(e.outcome.calls)]
    text = e.outcome.crash or " ".join(why) or "no claim" * (not e.claimed) or "wide bar"
    where = [e.outcome.name, e.output.truth, repr(e.draw.x0), str(e.draw.order)]
    return [*where, exact, *numbers, text]


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--n", type=int, default=40, help="draws a family")
    parser.add_argument("--only", default="", metavar="FAMILIES", help="comma-separated")
    parser.add_argument("--method", default="auto", help="a name, or name:option=value")
    parser.add_argument("--detail", action="store_true", help="list what is not certified")
    return parser.parse_args(argv)


def main(argv=None):
    options = arguments(argv)
    names = options.only.split(",") if options.only else list(FAMILIES)
    method, settings = ours.named(options.method)
    rows, all_figures, total, listings = [], [], 0, []
    for name in names:
        draws = [drawn(name, options.seed, i) for i in range(options.n)]
        group = entries(draws, method, **settings)
        all_figures.append(figures(group))
        rows.append(row(name, len(group), all_figures[-1]))
        total += len(group)
        listings.append(details(group))
    rows.append(row("mean", total, np.nanmean(all_figures, axis=0)))
    print(table(HEADER, rows))
    if options.detail:
        print("\n" + "\n\n".join(listings))


if __name__ == "__main__":
    main()
