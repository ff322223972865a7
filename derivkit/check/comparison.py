"""What a gradient check concludes: claimed derivatives beside measured ones, number by number.

Pure arithmetic and text; how the measured ones come about is `check`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from derivkit.results.table import text_table

__all__ = ["TELLING", "CheckResult", "Comparison", "Verdict", "compare", "margin"]

FALSE_ALARM = 1e-2  # chance that one look calls a right derivative wrong; two must, before it is
TAIL = 3.0  # degrees of freedom: error bars rest on few samples, so their tails are Student's
COVERAGE = 0.97  # what one error bar covers
TELLING = 0.5  # of a derivative: a wider bar could hide a factor of two
MOST_ROWS = 20  # of a printed table


class Verdict(Enum):
    """What can be said of one derivative."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    UNKNOWN = "cannot be told"

    def __str__(self) -> str:
        return self.value


def margin(comparisons: int) -> float:
    """Return how many error bars apart two numbers must be to disagree, given the number compared.

    The bar that covers 97 % of Student's t with 3 degrees of freedom is stretched to cover all
    comparisons together with probability 1 - FALSE_ALARM (Bonferroni).

    Examples
    --------
    >>> round(margin(1), 1), round(margin(100), 1)
    (1.5, 7.2)
    """
    one = stdtrit(TAIL, 0.5 + 0.5 * COVERAGE)
    return float(stdtrit(TAIL, 1.0 - 0.5 * FALSE_ALARM / comparisons) / one)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Claimed numbers beside measured ones; all arrays have one shape.

    Attributes
    ----------
    claimed, reference : ndarray
    error : ndarray
        Absolute error of their difference: of the measured number and of the rounding of the
        claimed one.
    allowed : float
        How many of these errors they may be apart.
    verdict : ndarray of Verdict
    negligible : ndarray
        A bar below it is good enough whatever the derivative.
    alike : ndarray
        Two numbers closer than this are the same, whatever the bar.
    """

    claimed: NDArray[np.float64]
    reference: NDArray[np.float64]
    error: NDArray[np.float64]
    allowed: float
    verdict: NDArray[Any]
    negligible: NDArray[np.float64] | float = 0.0
    alike: NDArray[np.float64] | float = 0.0

    @property
    def bar(self) -> NDArray[np.float64]:
        """The least fault that is sure to be found, if the measured numbers keep their errors."""
        return np.maximum((self.allowed + 1.0) * self.error, self.alike + self.error)

    @property
    def apart(self) -> NDArray[np.float64]:
        """The distance of the two in error bars; 0 where they are equal, nan where unknown."""
        distance = np.abs(self.claimed - self.reference)
        with np.errstate(divide="ignore", invalid="ignore"):
            bars = distance / self.error
        return np.where(distance == 0, 0.0, np.where(np.isfinite(self.error), bars, np.nan))

    def judged_with(self, error: NDArray[np.float64]) -> Comparison:
        """Return the same numbers with these errors and the verdicts that follow from them."""
        bar = self.allowed * error
        distance = np.abs(self.claimed - self.reference)
        known = np.isfinite(error) & np.isfinite(self.reference)
        size = np.maximum(np.abs(self.claimed), np.abs(self.reference))
        with np.errstate(invalid="ignore"):
            useful = (bar <= TELLING * size) | (bar <= self.negligible)
        verdict = np.full(self.claimed.shape, Verdict.AGREES, dtype=object)
        verdict[~(known & useful)] = Verdict.UNKNOWN
        verdict[known & ~(distance <= np.maximum(bar, self.alike))] = Verdict.DISAGREES
        return replace(self, error=error, verdict=verdict)

    def where(self, verdict: Verdict) -> NDArray[np.bool_]:
        """Return the places of one verdict."""
        return np.asarray(self.verdict == verdict)


def compare(
    claimed: NDArray[np.float64],
    reference: NDArray[np.float64],
    error: NDArray[np.float64],
    *,
    comparisons: int,
    negligible: NDArray[np.float64] | float = 0.0,
    alike: NDArray[np.float64] | float = 0.0,
) -> Comparison:
    """Give a verdict on each claimed number.

    ``comparisons`` is how many there are in the whole check; for the others see `Comparison`.
    """
    nothing = np.full(np.shape(claimed), Verdict.UNKNOWN, dtype=object)
    least, same = (np.broadcast_to(each, np.shape(claimed)) for each in (negligible, alike))
    blank = Comparison(claimed, reference, error, margin(comparisons), nothing, least, same)
    return blank.judged_with(error)


@dataclass(frozen=True, eq=False)
class CheckResult:
    """The outcome of a check; prints as a table, the worst first.

    Attributes
    ----------
    what : str
        "gradient", "jacobian" or "hessian".
    names : tuple of p str
    entries : Comparison
        One verdict for each derivative, in the shape of the tensor. The reference is nan where the
        derivative was not measured on its own, but settled by the directions.
    directions : Comparison
        The derivatives along random directions, (*out, n); n is 0 for few parameters.
    method : str
        What measured the reference.
    nfev : int
        Model calls.
    """

    what: str
    names: tuple[str, ...]
    entries: Comparison
    directions: Comparison
    method: str
    nfev: int

    @property
    def success(self) -> bool:
        """Whether nothing disagrees, and something could be told at all."""
        wrong = (self.entries, self.directions)
        if any(each.where(Verdict.DISAGREES).any() for each in wrong):
            return False
        return bool(self.entries.where(Verdict.AGREES).any())

    @property
    def verdict(self) -> NDArray[Any]:
        """The verdict on each derivative."""
        return self.entries.verdict

    @property
    def message(self) -> str:
        """One sentence: how many agree, and the names of those that do not."""
        count = {v: int(self.entries.where(v).sum()) for v in Verdict}
        text = f"{count[Verdict.AGREES]} of {self.entries.claimed.size} derivatives agree"
        if count[Verdict.UNKNOWN]:
            text += f", {count[Verdict.UNKNOWN]} cannot be told"
        if count[Verdict.DISAGREES]:
            labels = self._labels()[self.entries.where(Verdict.DISAGREES)]
            text += f", {len(labels)} disagree: {', '.join(labels[:8])}"
        elif self.directions.where(Verdict.DISAGREES).any():
            text += ", but derivatives along random directions disagree"
        return text

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: a dict for each derivative, the worst first, and each direction."""
        entries = _rows(self._labels(), self.entries)
        n = self.directions.claimed.shape[-1] if self.directions.claimed.ndim else 0
        shape = self.directions.claimed.shape
        labels = [f"direction {k}" for k in range(n)]
        along = _rows(np.broadcast_to(np.array(labels, dtype=object), shape), self.directions)
        return [*entries, *along]

    def __str__(self) -> str:
        title = f"{self.what} against {self.method}, {self.nfev} model calls: {self.message}"
        rows = [row | {"error bars apart": _apart(row)} for row in self.rows()]
        return text_table(rows, title, _FORMATS, MOST_ROWS)

    __repr__ = __str__

    def _labels(self) -> NDArray[Any]:
        """Return the name of each derivative, in the shape of the tensor."""
        axes = 2 if self.what == "hessian" else 1
        shape = self.entries.claimed.shape
        labels = np.empty(shape, dtype=object)
        for index in np.ndindex(shape):
            outputs, parameters = index[: len(shape) - axes], index[len(shape) - axes :]
            name = ", ".join(self.names[i] for i in parameters)
            labels[index] = f"f{list(outputs)} {name}" if outputs else name
        return labels


def _rows(labels: NDArray[Any], comparison: Comparison) -> list[dict[str, Any]]:
    severity = {Verdict.DISAGREES: 0, Verdict.UNKNOWN: 1, Verdict.AGREES: 2}
    apart = np.nan_to_num(comparison.apart, nan=-1.0, posinf=np.inf)
    columns = zip(
        labels.flat,
        comparison.claimed.flat,
        comparison.reference.flat,
        comparison.error.flat,
        apart.flat,
        comparison.verdict.flat,
        strict=True,
    )
    rows = sorted(columns, key=lambda row: (severity[row[5]], -row[4]))
    keys = ("derivative", "claimed", "measured", "error", "error bars apart", "verdict")
    return [dict(zip(keys, row, strict=True)) for row in rows]


_FORMATS = {"claimed": "{:.10g}", "measured": "{:.10g}", "error": "{:.2g}"}


def _apart(row: dict[str, Any]) -> str:
    return "" if row["error bars apart"] < 0 else f"{row['error bars apart']:.2g}"
