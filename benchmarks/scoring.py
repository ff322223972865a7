"""Turns outcomes into the figures of the tables: digits, calls, failures, certified, coverage."""

import re
from dataclasses import dataclass

import numpy as np

HALF_ULP = 2.0**-53
MOST_DIGITS = 16.0


@dataclass(frozen=True)
class Component:
    """One derivative: exact, found and claimed; `unit` makes errors relative (see Problem.unit)."""

    problem: object
    outcome: object
    index: int
    exact: float
    value: float
    claimed: float  # inf: said to be unresolved; nan: no claim
    unit: float

    @property
    def error(self):
        """Relative true error; inf for nan."""
        error = abs(self.value - self.exact) / self.unit
        return error if np.isfinite(error) else np.inf

    @property
    def failed(self):
        return not self.error <= self.problem.fail

    @property
    def silent(self):
        """Failed with a number that claims less than a tenth of its error, or claims nothing."""
        if not (self.failed and np.isfinite(self.value)):
            return False
        return not self.claimed >= 0.1 * self.error * self.unit

    @property
    def covered(self):
        """Whether the claimed error holds, up to the rounding of the reference itself."""
        slack = HALF_ULP * abs(self.exact)
        return bool(abs(self.value - self.exact) <= self.claimed + slack) or self.claimed == np.inf

    @property
    def certified(self):
        """Covered, by a bar small enough to be of use."""
        useful = self.claimed <= self.problem.fail * self.unit
        return bool(self.covered and useful and np.isfinite(self.value))

    @property
    def digits(self):
        if not np.isfinite(self.error):
            return 0.0
        return float(np.clip(-np.log10(max(self.error, 1e-300)), 0, MOST_DIGITS))

    @property
    def overestimate(self):
        """Claimed over true error, the latter at least half an ulp; nan without a claim."""
        truth = max(abs(self.value - self.exact), HALF_ULP * self.unit)
        return float(self.claimed) / float(truth) if np.isfinite(self.claimed) else np.nan


def components(problems, outcomes):
    """Return the components of all problems, each with what was found."""
    return [
        Component(p, o, i, p.gradient[i], o.value[i], _claim(o, i), p.unit[i])
        for p, o in zip(problems, outcomes, strict=True)
        for i in range(p.size)
    ]


def _claim(outcome, i):
    return np.nan if outcome.error is None else outcome.error[i]


@dataclass(frozen=True)
class Score:
    """The figures of one method on one group of components; shares in per cent."""

    n: int
    digits: float
    calls: float
    fails: float
    silent: float
    coverage: float
    certified: float
    overestimate: float

    @property
    def row(self):
        return [
            str(self.n),
            f"{self.digits:z.1f}",
            f"{self.calls:.0f}",
            f"{self.fails:.1f}",
            f"{self.silent:.1f}",
            _or_dash(self.coverage, "{:.1f}"),
            _or_dash(self.certified, "{:.1f}"),
            _or_dash(self.overestimate, "{:.2g}"),
        ]


HEADER = ["n", "digits", "calls", "fails %", "silent %", "coverage %", "certified %", "over-est."]


def claims_errors(group):
    """Tell whether the method that gave these claims an error at all."""
    return any(not np.isnan(c.claimed) for c in group)


def score(group, claims):
    """Return the Score of a list of components; `claims`: whether the method claims errors."""
    over = [c.overestimate for c in group if np.isfinite(c.overestimate)]
    return Score(
        n=len(group),
        digits=float(np.median([c.digits for c in group])),
        calls=float(np.median([c.outcome.calls / c.problem.p for c in group])),
        fails=_percent(c.failed for c in group),
        silent=_percent(c.silent for c in group),
        coverage=_percent(c.covered for c in group) if claims else np.nan,
        certified=_percent(c.certified for c in group) if claims else np.nan,
        overestimate=float(np.median(over)) if over else np.nan,
    )


def mean(scores):
    """Return the mean over classes of every figure (n is summed)."""
    figures = {
        name: float(np.mean([getattr(s, name) for s in scores]))
        for name in Score.__dataclass_fields__
        if name != "n"
    }
    return Score(n=sum(s.n for s in scores), **figures)


def _percent(flags):
    return 100.0 * float(np.mean(list(flags)))


def _or_dash(value, form):
    return form.format(value) if np.isfinite(value) else "–"


def table(header, rows):
    """Return a Markdown table with aligned columns."""
    widths = [max(len(r[k]) for r in [header, *rows]) for k in range(len(header))]
    lines = [_line(header, widths), "|" + "|".join("-" * (w + 2) for w in widths) + "|"]
    return "\n".join(lines + [_line(row, widths) for row in rows])


def _line(cells, widths):
    return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |"


def written(result, title, text, *head):
    """Put a part into a file of results, in the place of its predecessor, below the head."""
    old = result.read_text() if result.exists() else ""
    found = re.findall("^### .*?(?=^### |\\Z)", old, flags=re.MULTILINE | re.DOTALL)
    parts = {part.splitlines()[0]: part for part in found}
    parts[f"### {title}"] = text
    result.write_text("\n".join([*head, *(part.strip() + "\n" for part in parts.values())]))
