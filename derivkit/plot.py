"""Pictures of results with matplotlib: an extra. Nothing is shown or saved unless asked.

Every function takes a result and an axes (a new one without), and returns the axes. A new figure
is pyplot's in a notebook, and where pyplot is loaded already: ``plt.show()`` and ``plt.savefig``
find it, and ``plt.close`` frees it. Elsewhere nothing but the axes holds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from derivkit.drawing.bars import draw_bars
from derivkit.drawing.matrix import draw_matrix
from derivkit.drawing.samples import draw_samples
from derivkit.drawing.steps import draw_steps
from derivkit.stories import story_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from derivkit.result import DerivativeResult

__all__ = ["plot_result", "plot_samples", "plot_steps"]


def plot_result(result: DerivativeResult, ax: Axes | None = None) -> Axes:
    """Draw derivatives with error bars; a Jacobian or Hessian as a matrix with its errors.

    A derivative that is not resolved is a cross, whatever its value. In a matrix, entries with an
    error above a thousandth are hatched; of a tiny entry, above a millionth of the largest of its
    row. An entry no larger than its error has no colour and is written as 0: its sign is not known.

    Raises
    ------
    ValueError
        For a tensor of more than two axes.
    """
    if np.ndim(result.value) <= 1:
        return draw_bars(result, ax)
    if np.ndim(result.value) == 2:
        return draw_matrix(result, ax)
    raise ValueError(
        f"a picture needs a vector or a matrix, got shape {np.shape(result.value)}; "
        "use to_frame() for the table"
    )


def plot_steps(
    result: DerivativeResult, parameter: str | int, output: int = 0, ax: Axes | None = None
) -> Axes:
    """Draw the error of differences against their step, and why the chosen step was chosen.

    Each point is the plain difference of two samples, compared with the answer: central where
    both sides of x0 were sampled at the same distance, else forward or backward from x0. The
    error of such differences falls with the step as long as truncation rules, and rises again
    where noise does; the answer, which combines the samples, does better than any one of them.
    """
    return draw_steps(story_of(result, parameter, output), ax)


def plot_samples(
    result: DerivativeResult, parameter: str | int, output: int = 0, ax: Axes | None = None
) -> Axes:
    """Draw the samples along one parameter, the tangent at x0, and a local fit through them.

    Samples much farther away than those that were used are counted in the title. The bars on the
    samples are the noise of the model, where the method has measured it.
    """
    return draw_samples(story_of(result, parameter, output), ax)
