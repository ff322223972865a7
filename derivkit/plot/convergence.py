"""How the answer came together: distance from it against model calls, as they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import NDArray

from derivkit.plot.canvas import given_or_new
from derivkit.plot.style import headline, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Course", "draw_convergence"]

MOST_DEGREE = 14  # of the polynomial through the samples so far
MOST_NAMED = 8  # curves that have a name at their end
LEAST_SAMPLES = 2  # a slope
CAPTION = "Each curve: a plain polynomial through the samples so far. Dots: the claimed errors."


@dataclass(frozen=True, eq=False)
class Course:
    """The samples along one parameter in the order in which they came.

    Attributes
    ----------
    name : str
    calls : ndarray of int (n,)
        How many calls of the model, of all parameters, had been made with each sample.
    t, values : ndarray (n,)
        Distances from x0, and the model there; nan where it was undefined.
    value, error, reach : float
        The answer's; the samples within the reach are behind it.
    """

    name: str
    calls: NDArray[np.int64]
    t: NDArray[np.float64]
    values: NDArray[np.float64]
    value: float
    error: float
    reach: float

    def distances(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return calls, and the distance from the answer of what the samples so far give."""
        known = np.isfinite(self.values) & (np.abs(self.t) <= self.reach * (1 + 1e-9))
        calls, t, y = self.calls[known], self.t[known], self.values[known]
        ends = np.arange(LEAST_SAMPLES, t.size + 1)
        gaps = [abs(_slope(t[:n], y[:n]) - self.value) for n in ends.tolist()]
        return calls[ends - 1], np.array(gaps)


def _slope(t: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the slope at 0 of a fit, of the degree at which two more change it least.

    Two, since samples in pairs around 0 make even terms cancel.
    """
    size = float(np.abs(t).max())
    degrees = range(1, min(t.size - 1, MOST_DEGREE) + 1)
    fits = [Chebyshev.fit(t, y, d, [-size, size], full=True)[0] for d in degrees]  # no warnings
    slopes = np.array([float(fit.deriv()(0.0)) for fit in fits])
    changes = np.abs(slopes[2:] - slopes[:-2])
    return float(slopes[int(np.argmin(changes)) + 2] if changes.size else slopes[-1])


def draw_convergence(courses: Sequence[Course], title: str, ax: Axes | None) -> Axes:
    """Draw a curve for each parameter, and its claimed error at its last call."""
    ax = given_or_new(ax)
    colours = palette()
    ends = []
    for course in courses:
        calls, gaps = course.distances()
        shown = gaps > 0
        if shown.any():
            ax.plot(calls[shown], gaps[shown], "-", color=colours.quiet, lw=1, marker=".", ms=3)
        last = int(course.calls.max(initial=1))
        if np.isfinite(course.error) and course.error > 0:
            ax.plot(last, course.error, "o", color=colours.believed)
            ends.append((course.name, last, course.error))
    ax.set_yscale("log")
    for name, last, error in ends if len(ends) <= MOST_NAMED else ():
        style: dict[str, Any] = {"fontsize": "small", "color": colours.text}
        ax.annotate(name, (last, error), (6, 0), textcoords="offset points", va="center", **style)
    ax.set(xlabel="model calls", ylabel="distance from the answer")
    headline(ax, title, CAPTION)
    return ax
