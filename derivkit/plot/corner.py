"""The corner plot: every plane of two parameters, and each parameter by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.plot.canvas import is_shown_by_pyplot, readable
from derivkit.plot.ellipse import Layer, curve, name_axis, plane, power_of, reach
from derivkit.plot.style import imported, palette, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_corner"]

CELL = 1.9  # inches
MOST = 12  # parameters in one picture


def draw_corner(
    layers: Sequence[Layer],
    names: Sequence[str],
    latex: Mapping[str, str],
    truth: Mapping[str, float] | None = None,
) -> NDArray[Any]:
    """Draw forecasts over each other, and return the axes (k, k); those above the diagonal are off.

    Parameters
    ----------
    layers : sequence of Layer
        The first gives the numbers over the diagonal.
    names : sequence of k str
    latex : mapping
        Labels by name.
    truth : mapping, optional
        Values to be marked by lines.
    """
    if not 0 < len(names) <= MOST:
        raise ValueError(f"`params` must be 1 to {MOST} parameters, got {len(names)}")
    lost = [name for name in names if not any(layer.has(name) for layer in layers)]
    if lost:
        raise ValueError(f"{', '.join(lost)} must be constrained to be drawn, got sigma = inf")
    with styled(None):
        k = len(names)
        make = imported("pyplot").figure if is_shown_by_pyplot() else imported("figure").Figure
        figure = make(figsize=(CELL * k + 1, CELL * k + 0.6), layout="constrained")
        grid = figure.subplots(k, k, squeeze=False)
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
        colours = palette()
        cycle = [colours.believed, colours.limit, colours.unresolved, colours.quiet]
        for row in range(k):
            for column in range(k):
                ax = grid[row, column]
                if column > row:
                    ax.set_axis_off()
                    continue
                shown = [names[column]] if row == column else [names[column], names[row]]
                coloured = zip(layers, cycle * len(layers), strict=False)
                holding = [pair for pair in coloured if pair[0].has(*shown)]
                for layer, colour in sorted(holding, key=lambda p: -p[0].sigma(shown[0])):
                    if row == column:  # the narrow ones over the wide ones
                        curve(ax, layer, shown[0], colour)
                    else:
                        plane(ax, layer, shown[0], shown[1], colour)
                _finish(ax, list(layers), shown, latex, truth or {}, corner=(row, column, k))
        handles = [
            imported("patches").Patch(
                color=colour,
                alpha=0.7,
                label=layer.label,
                hatch="////" if layer.hatched else None,
            )
            for layer, colour in zip(layers, cycle * len(layers), strict=False)
        ]
        if len(handles) > 1 or any(layer.hatched for layer in layers):
            hatched = any(layer.hatched for layer in layers)
            title = "hatched: not to be trusted" if hatched else None
            where = {"loc": "upper right"} if k > 1 else {"loc": "outside upper right"}
            figure.legend(handles=handles, title=title, fontsize="medium", **where)
        readable(grid[0, 0])
        return np.asarray(grid)


def _told(value: float, sigma: float, power: int) -> str:
    """Return a value to the second digit of its sigma, in units of a power of ten."""
    unit = 10.0**power
    digits = max(1 - int(np.floor(np.log10(sigma / unit))), 0)
    return f"{value / unit:.{digits}f} ± {sigma / unit:.{digits}f}"


def _finish(
    ax: Axes,
    layers: list[Layer],
    shown: list[str],
    latex: Mapping[str, str],
    truth: Mapping[str, float],
    *,
    corner: tuple[int, int, int],
) -> None:
    """Set limits, names, ticks and lines of the truth."""
    row, column, k = corner
    colours = palette()
    holding = [[each for each in layers if each.has(name)] for name in shown]
    ax.set_xlim(reach(holding[0], shown[0]))
    lines: dict[str, Any] = {"color": colours.text, "lw": 0.8, "ls": (0, (4, 3)), "zorder": 5}
    if shown[0] in truth:
        ax.axvline(truth[shown[0]], **lines)
    name_axis(ax.xaxis, shown[0], latex.get(shown[0]))
    if row == column:
        ax.set_ylim(0, 1.12)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        first = holding[0][0]
        value = _told(first.at(shown[0]), first.sigma(shown[0]), power_of(*ax.get_xlim()))
        ax.set_title(value, fontsize="small", fontweight="normal", loc="center", pad=3)
    else:
        ax.set_ylim(reach(holding[1], shown[1]))
        if shown[1] in truth:
            ax.axhline(truth[shown[1]], **lines)
        name_axis(ax.yaxis, shown[1], latex.get(shown[1]))
    if row < k - 1:
        ax.xaxis.set_label_text("")
        ax.tick_params(labelbottom=False)
    else:
        ax.tick_params(axis="x", rotation=45)
    if column > 0 and row != column:
        ax.yaxis.set_label_text("")
        ax.tick_params(labelleft=False)
