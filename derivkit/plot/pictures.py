"""Pictures of results with matplotlib: an extra. Nothing is shown or saved unless asked.

Every function takes a result, or the `Scan` of one parameter, and an axes (a new one without), and
returns the axes. A new figure has one style, on white or, in a block of ``with theme("dark")``, on
a dark screen; axes of yours keep your own. It is pyplot's in a notebook, and where pyplot is loaded
already: ``plt.show()`` and ``plt.savefig`` find it, and ``plt.close`` frees it. Elsewhere nothing
but the axes holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from derivkit.plot.bars import draw_bars
from derivkit.plot.canvas import Drawable, readable
from derivkit.plot.convergence import Course, draw_convergence
from derivkit.plot.matrix import draw_matrix
from derivkit.plot.samples import draw_samples
from derivkit.plot.scan import Scan
from derivkit.plot.steps import draw_steps
from derivkit.plot.style import styled, theme
from derivkit.validation import has, shown, typed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_convergence", "plot_result", "plot_samples", "plot_steps", "theme"]


@typed
def plot_result(
    result: Drawable,
    ax: Axes | None = None,
    *,
    form: str = "auto",
    outputs: Sequence[Any] | None = None,
) -> Axes:
    """Draw derivatives with error bars; a Jacobian or Hessian as a matrix with its errors.

    A derivative that is not resolved is a cross, whatever its value. In a matrix, entries with an
    error above a thousandth are hatched; of a tiny entry, above a millionth of the largest of its
    row. An entry no larger than its error has no colour and is written as 0: its sign is not known.

    Parameters
    ----------
    result : DerivativeResult
    ax : matplotlib Axes, optional
        Where to draw; a new figure without.
    form : {"auto", "entries", "scaled"}
        Of a Hessian: its entries as they are, or H_ij / sqrt(abs(H_ii H_jj)), in which parameters
        of 1e-9 and of 70 are seen together. "auto" scales where the diagonal spans more than a
        factor of 1000 and all of it is resolved.
    outputs : sequence of m str or float, optional
        Names or coordinates of a Jacobian's outputs.

    Raises
    ------
    ValueError
        For a tensor of more than two axes, an unknown form, or outputs of another number.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import CalculusKit
    >>> from derivkit.plot import plot_result
    >>> kit = CalculusKit(lambda x: np.sin(x[0]) * x[1], [0.5, 2.0], names=["a", "b"])
    >>> ax = plot_result(kit.hessian_result())
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['a', 'b']
    """
    if not has(result, "value", "error"):
        raise TypeError(f"`result` must be what a ..._result() gave, got {shown(result)}")
    if np.ndim(result.value) <= 1:
        with styled(ax):
            return readable(draw_bars(result, ax))
    if np.ndim(result.value) == 2:
        with styled(ax):
            return readable(draw_matrix(result, ax, form, outputs))
    raise ValueError(
        f"a picture needs a vector or a matrix, got shape {np.shape(result.value)}; "
        "use to_frame() for the table"
    )


@typed
def plot_steps(scan: Scan, ax: Axes | None = None) -> Axes:
    """Draw the error of differences against their step, and why the chosen step was chosen.

    Each point is the plain difference of two samples, compared with the answer: central where
    both sides of x0 were sampled at the same distance, else forward or backward from x0. The
    error of such differences falls with the step as long as truncation rules, and rises again
    where noise does; the answer, which combines the samples, does better than any one of them.

    Parameters
    ----------
    scan : Scan
        The samples of one parameter, from ``result.scan(parameter)``.
    ax : matplotlib Axes, optional
        As for `plot_result`.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import CalculusKit
    >>> from derivkit.plot import plot_steps
    >>> result = CalculusKit(lambda x: np.sin(x[0]), [0.5], names=["a"]).gradient_result()
    >>> plot_steps(result.scan("a")).get_xlabel()
    'step in a'
    """
    return _of_scan(draw_steps, scan, ax)


@typed
def plot_samples(scan: Scan, ax: Axes | None = None) -> Axes:
    """Draw the samples along one parameter, the tangent at x0, and a local fit through them.

    Samples much farther away than those that were used are counted in the title. The bars on the
    samples are the noise of the model, where the method has measured it. Arguments as for
    `plot_steps`.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import CalculusKit
    >>> from derivkit.plot import plot_samples
    >>> result = CalculusKit(lambda x: np.sin(x[0]), [0.5], names=["a"]).gradient_result()
    >>> plot_samples(result.scan("a")).get_xlabel()
    'a'
    """
    return _of_scan(draw_samples, scan, ax)


def _of_scan(draw: Callable[[Scan, Axes | None], Axes], scan: Scan, ax: Axes | None) -> Axes:
    """Draw the samples of one parameter."""
    if not isinstance(scan, Scan):
        raise TypeError(f"`scan` must be what result.scan() gave, got {shown(scan)}")
    with styled(ax):
        return readable(draw(scan, ax))


@typed
def plot_convergence(courses: Sequence[Course], title: str, ax: Axes | None = None) -> Axes:
    """Draw how the answer came together: its distance against model calls, as they were made.

    For each parameter, a plain polynomial through the samples that had come by then; the method
    judges more finely, and the dot at the end is the error that it claims. No call is made.
    ``result.plot_convergence()`` makes the courses, and calls this.

    Parameters
    ----------
    courses : sequence of Course
        What is known of each parameter after each call.
    title : str
        What stands above the picture.
    ax : matplotlib Axes, optional
        As for `plot_result`.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import CalculusKit
    >>> result = CalculusKit(lambda x: np.sin(x[0]), [0.5]).gradient_result()
    >>> result.plot_convergence().get_xlabel()
    'model calls'
    """
    with styled(ax):
        return readable(draw_convergence(courses, title, ax))
