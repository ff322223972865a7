"""Pictures of results with matplotlib: an extra. Nothing is shown or saved unless asked.

Every function takes a result and an axes (a new one without), and returns the axes. Colours say
one thing everywhere: blue what is believed, orange what limits it, red what is not resolved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.stories import story_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from derivkit.result import DerivativeResult

__all__ = ["plot_result", "plot_samples", "plot_steps"]

BELIEVED, LIMIT, UNRESOLVED, QUIET = "#1f5f8b", "#d9822b", "#c23b3b", "0.55"
MANY_DECADES = 1e3  # spread of sizes beyond which a linear axis hides the small ones
ROUGH = 1e-3  # relative error from which a cell of a matrix is shaded
LEAST_COLOUR = 1e-6  # of the largest entry: below, colours fade to white
MOST_WRITTEN = 64  # entries of a matrix whose values are written into it
MOST_LABELLED = 40  # parameters named on an axis
WIDTH = 6.4  # inches


def plot_result(result: DerivativeResult, ax: Axes | None = None) -> Axes:
    """Draw derivatives with error bars; a Jacobian or Hessian as a matrix with its errors.

    Raises
    ------
    ValueError
        For a tensor of more than two axes.
    """
    if np.ndim(result.value) <= 1:
        return _bars(result, ax)
    if np.ndim(result.value) == 2:
        return _matrix(result, ax)
    raise ValueError(
        f"a picture needs a vector or a matrix, got shape {np.shape(result.value)}; "
        "use to_frame() for the table"
    )


def plot_steps(
    result: DerivativeResult, parameter: str | int, output: int = 0, ax: Axes | None = None
) -> Axes:
    """Draw the error of differences against their step, and why the chosen step was chosen.

    Each point is the plain central difference of two samples, compared with the answer. The
    error of such differences falls with the step as long as truncation rules, and rises again
    where noise does; the answer, which combines the samples, does better than any one of them.
    """
    story = story_of(result, parameter, output)
    ax = _axes(ax)
    h, gap = story.differences()
    ax.loglog(h, gap, "o", color=BELIEVED, label="central differences of the samples")
    grid = np.geomspace(h.min() / 3, h.max() * 3, 100)
    truncation, noise = story.truncation(grid), story.noise_of_difference(grid)
    _branch(ax, grid, truncation, "--", "their truncation")
    _branch(ax, grid, noise, ":", "their noise")
    if np.isfinite(story.error) and story.error > 0:
        ax.axhline(story.error, color=BELIEVED, lw=1, label="error of the answer")
    if np.isfinite(story.step) and story.step > 0:
        ax.axvline(story.step, color=QUIET, lw=1, label="reach of the samples used")
    _rug(ax, story.t)
    _bounded(ax, np.concatenate([gap, [story.error]]))
    ax.set(
        xlabel=f"step in {story.name}",
        ylabel="distance from the answer",
        title=f"{story.name}: {story.value:.8g} ± {story.error:.1g}, {story.status}",
    )
    ax.legend(fontsize="small", loc="best")
    return ax


def plot_samples(
    result: DerivativeResult, parameter: str | int, output: int = 0, ax: Axes | None = None
) -> Axes:
    """Draw the samples along one parameter, the tangent at x0, and a local fit through them."""
    story = story_of(result, parameter, output)
    ax = _axes(ax)
    defined = np.isfinite(story.values)
    x = story.origin + story.t
    used = defined & (np.abs(story.t) <= story.used)
    ax.plot(x[defined & ~used], story.values[defined & ~used], "o", mfc="none", color=QUIET)
    ax.plot(x[used], story.values[used], "o", color=BELIEVED, label="samples used")
    for place in x[~defined]:
        ax.axvline(place, color=UNRESOLVED, lw=0.8, ls=":")
    t = np.linspace(story.t.min(), story.t.max(), 200)
    ax.plot(story.origin + t, story.tangent(t), color=LIMIT, lw=1, label="tangent at x0")
    near = t[np.abs(t) <= story.used]
    ax.plot(story.origin + near, story.fit(near), color=BELIEVED, lw=1, label="local fit")
    ax.set(xlabel=story.name, ylabel="model", title=f"{story.name}: samples around x0")
    ax.ticklabel_format(useOffset=False)
    ax.legend(fontsize="small")
    return ax


def _bars(result: DerivativeResult, ax: Axes | None) -> Axes:
    value, error = np.atleast_1d(result.value), np.atleast_1d(result.error)
    names = _names(result, value.size)
    ax = _axes(ax, height=1.2 + 0.36 * min(value.size, MOST_LABELLED))
    rows = np.arange(value.size)
    known = np.isfinite(error)
    ax.errorbar(value[known], rows[known], xerr=error[known], fmt="o", color=BELIEVED, capsize=3)
    shown = np.where(np.isfinite(value), value, 0.0)
    ax.plot(shown[~known], rows[~known], "x", color=UNRESOLVED, ms=8)
    _spread(ax, shown)
    if value.size <= MOST_LABELLED:
        texts = [_number(v, e) for v, e in zip(value, error, strict=True)]
        ax.set_yticks(rows, names)
        twin = ax.twinx()
        twin.set(ylim=(value.size - 0.5, -0.5))
        twin.set_yticks(rows, texts, family="monospace", fontsize="small")
        twin.tick_params(right=False)
    ax.set(ylim=(value.size - 0.5, -0.5), xlabel="derivative", title=_title(result))
    return ax


def _matrix(result: DerivativeResult, ax: Axes | None) -> Axes:
    value, error = np.asarray(result.value), np.asarray(result.error)
    ax = _axes(ax, height=1.5 + 0.45 * min(len(value), 12))
    norm = _colours(value, error)
    image = ax.imshow(value, cmap="RdBu_r", norm=norm, aspect="auto")
    rough = _rough(value, error)
    for row, column in np.argwhere(rough).tolist():
        _shade(ax, column, row, resolved=bool(np.isfinite(error[row, column])))
    if value.size <= MOST_WRITTEN:
        _write(ax, value, norm)
    names = list(result.names)
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right")
    if result.parameter_axes == 2:
        ax.set_yticks(range(len(names)), names)
    else:
        ax.set_ylabel("output")
        ax.locator_params(axis="y", integer=True)
    ax.figure.colorbar(image, ax=ax, label="derivative")
    note = f"; hatched: error above {ROUGH:g} of the entry" if rough.any() else ""
    ax.set_title(_title(result) + note, fontsize="medium")
    return ax


def _colours(value: NDArray[Any], error: NDArray[Any]) -> Any:
    """Return colours by sign and logarithm of size, from the least entry that stands out."""
    from matplotlib.colors import SymLogNorm  # noqa: PLC0415 - optional

    clear = np.abs(value[np.isfinite(value) & (np.abs(value) > error)])
    top = float(clear.max(initial=0.0)) or 1.0
    least = max(float(clear.min(initial=top)), LEAST_COLOUR * top)
    return SymLogNorm(linthresh=least, vmin=-top, vmax=top)


def _rough(value: NDArray[Any], error: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where an error is large beside its entry, or beside a part of its row's largest."""
    largest = np.max(np.abs(np.nan_to_num(value)), axis=1, keepdims=True)
    size = np.maximum(np.abs(np.nan_to_num(value)), ROUGH * largest)
    return np.asarray((error > ROUGH * size) | ~np.isfinite(error))


def _write(ax: Axes, value: NDArray[Any], norm: Any) -> None:
    for (row, column), each in np.ndenumerate(value):
        dark = abs(float(norm(each)) - 0.5) > 0.3  # of a scale from 0 to 1 with white in the middle
        colour = "white" if dark else "black"
        ax.text(column, row, f"{each:.4g}", ha="center", va="center", color=colour, size="small")


def _shade(ax: Axes, column: int, row: int, *, resolved: bool) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - optional

    hatch, colour = ("///", QUIET) if resolved else ("xxx", UNRESOLVED)
    corner = (column - 0.5, row - 0.5)
    ax.add_patch(Rectangle(corner, 1, 1, fill=False, hatch=hatch, ec=colour, lw=0))


def _axes(ax: Axes | None, height: float = 4.2) -> Axes:
    if ax is not None:
        return ax
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ImportError(
            "pictures need matplotlib, which is not installed; pip install 'derivkit[plot]'"
        ) from error
    axes: Axes = _new_figure(Figure, height).subplots()
    return axes


def _new_figure(figure: Any, height: float) -> Any:
    """Return a figure: pyplot's where the user has it loaded, so that a notebook shows it."""
    import sys  # noqa: PLC0415

    size = {"figsize": (WIDTH, height), "layout": "constrained"}
    pyplot = sys.modules.get("matplotlib.pyplot")
    return pyplot.figure(**size) if pyplot else figure(**size)


def _branch(ax: Axes, h: NDArray[Any], size: NDArray[Any], style: str, label: str) -> None:
    if np.isfinite(size).all() and (size > 0).all():
        ax.plot(h, size, style, color=LIMIT, lw=1.2, label=label)


def _rug(ax: Axes, t: NDArray[Any]) -> None:
    places = np.abs(t[t != 0])
    ax.plot(
        places,
        np.full(places.size, 0.015),
        "|",
        color="0.2",
        ms=9,
        transform=ax.get_xaxis_transform(),
        label="samples",
    )


def _bounded(ax: Axes, sizes: NDArray[Any]) -> None:
    seen = sizes[np.isfinite(sizes) & (sizes > 0)]
    if seen.size:
        ax.set_ylim(seen.min() / 10, seen.max() * 10)


def _spread(ax: Axes, value: NDArray[Any]) -> None:
    sizes = np.abs(value[value != 0])
    if sizes.size == 0 or sizes.max() <= MANY_DECADES * sizes.min():
        ax.axvline(0.0, color=QUIET, lw=0.8)
    elif np.all(value > 0):
        ax.set_xscale("log")
    else:
        ax.set_xscale("symlog", linthresh=float(sizes.min()))
        ax.axvline(0.0, color=QUIET, lw=0.8)


def _names(result: DerivativeResult, size: int) -> list[str]:
    return list(result.names) if len(result.names) == size else [str(k) for k in range(size)]


def _number(value: float, error: float) -> str:
    if not np.isfinite(error):
        return "unresolved"
    return f"{value:.6g} ± {error:.1g}"


def _title(result: DerivativeResult) -> str:
    return f"{result.method}, {result.nfev} model calls"
