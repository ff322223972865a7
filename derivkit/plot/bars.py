"""Derivatives with error bars, one parameter a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.plot.canvas import (
    MOST_LABELLED,
    WIDTH,
    Drawable,
    decades,
    given_or_new,
    number,
    quantity,
    title,
)
from derivkit.plot.style import headline, imported, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_bars"]

MANY_DECADES = 1e3  # spread of sizes beyond which a linear axis hides the small ones
MOST_DECADES = 1e-12  # of the largest: what is smaller is drawn near zero
SHORT_NAME, INCHES_PER_LETTER = 6, 0.085  # longer names widen the figure
LEAST_RELATIVE = 1e-16  # where the panel of relative errors ends: one rounding
NUMBERS_WIDE, PANELS = 2.0, (2.2, 1.0)  # inches for the numbers; widths of the two panels
CAPTION = "Bars: absolute errors. Right: the same errors relative to the derivatives."


def draw_bars(result: Drawable, ax: Axes | None) -> Axes:
    """Draw a vector of derivatives; their numbers stand at the right.

    A figure of our own has a second panel of relative errors, since most bars are shorter than
    their points.
    """
    value, error = np.atleast_1d(result.value), np.atleast_1d(result.error)
    names = _names(result, value.size)
    few = value.size <= MOST_LABELLED
    panel = None
    if ax is None:
        ax, panel = _panels(value.size, max(map(len, names)) if few else 0)
    _points(ax, value, error)
    _scale(ax, value, error)
    ax.set(ylim=(value.size - 0.5, -0.5), xlabel=quantity(result))
    headline(ax, title(result), CAPTION if panel is not None else "")
    if few:
        ax.set_yticks(np.arange(value.size), names)
    else:
        _some_names(ax, names)
    if panel is not None:
        _relative(panel, value, error)
    if few:
        _numbers(ax.twinx() if panel is None else panel, ax.get_ylim(), value, error)
    return ax


def _panels(rows: int, letters: int) -> tuple[Axes, Axes]:
    """Return the axes of a new figure: for the derivatives, and for their relative errors."""
    wide = WIDTH + NUMBERS_WIDE + INCHES_PER_LETTER * max(letters - SHORT_NAME, 0)
    figure = given_or_new(None, wide, 1.5 + 0.34 * min(max(rows, 2), MOST_LABELLED)).figure
    figure.clear()
    left, right = figure.subplots(1, 2, width_ratios=PANELS)
    return left, right


def _points(ax: Axes, value: NDArray[Any], error: NDArray[Any]) -> None:
    rows, colours = np.arange(value.size), palette()
    known = np.isfinite(error) & np.isfinite(value)
    doubted = ~known & np.isfinite(value)
    style: dict[str, Any] = {"fmt": "o", "color": colours.believed, "capsize": 3}
    ax.errorbar(value[known], rows[known], xerr=error[known], **style)
    ax.plot(value[doubted], rows[doubted], "x", color=colours.unresolved, ms=8)


def _relative(ax: Axes, value: NDArray[Any], error: NDArray[Any]) -> None:
    """Draw relative errors as bars from one rounding up; none where either is not known."""
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.maximum(error / np.abs(value), LEAST_RELATIVE)
    known = np.isfinite(size)
    rows = np.arange(value.size)
    start = np.full(int(known.sum()), LEAST_RELATIVE)
    ax.hlines(rows[known], start, size[known], color=palette().believed, lw=5, alpha=0.6)
    ax.set_xscale("log")
    top = max(1.0, float(size[known].max(initial=0.0)))
    ax.set(xlim=(LEAST_RELATIVE, 3 * top), xlabel="relative error", yticks=[])
    labels = ["$10^{-16}$", "", "$10^{-8}$", "", "$10^{0}$"]  # all five would touch each other
    ax.set_xticks([1e-16, 1e-12, 1e-8, 1e-4, 1.0], labels)
    ax.xaxis.set_minor_locator(_none())
    ax.yaxis.tick_right()


def _names(result: Drawable, size: int) -> list[str]:
    return list(result.names) if len(result.names) == size else [str(k) for k in range(size)]


def _numbers(
    ax: Axes, limits: tuple[float, float], value: NDArray[Any], error: NDArray[Any]
) -> None:
    """Write value and error at the right of each row."""
    ax.set(ylim=limits)
    texts = [number(v, e) for v, e in zip(value.tolist(), error.tolist(), strict=True)]
    ax.set_yticks(np.arange(value.size), texts, family="monospace", fontsize="small")
    ax.tick_params(axis="y", right=False)
    colours = palette()
    for label, resolved in zip(ax.get_yticklabels(), np.isfinite(error), strict=True):
        label.set_color(colours.text if resolved else colours.unresolved)


def _some_names(ax: Axes, names: list[str]) -> None:
    """Name those of many parameters at which matplotlib sets its ticks."""

    def name(place: float, _: Any = None) -> str:
        nearest = round(place)
        return names[nearest] if nearest == place and 0 <= nearest < len(names) else ""

    ax.yaxis.set_major_formatter(name)
    ax.locator_params(axis="y", integer=True)


def _scale(ax: Axes, value: NDArray[Any], error: NDArray[Any]) -> None:
    """Let the axis be linear, or of decades where sizes differ much; of both signs if need be."""
    clear = np.isfinite(value) & (np.abs(value) > error)
    sizes = np.abs(value[clear])
    if sizes.size == 0 or sizes.max() <= MANY_DECADES * sizes.min():
        ax.axvline(0.0, color=palette().quiet, lw=0.8)
        return
    if clear[np.isfinite(value)].all() and np.all(value[clear] > 0):
        ax.set_xscale("log")
        return
    most = float(sizes.max())
    least = 10.0 ** np.floor(np.log10(max(float(sizes.min()), MOST_DECADES * most)))
    ax.set_xscale("symlog", linthresh=least)
    ax.axvline(0.0, color=palette().quiet, lw=0.8)
    ticks = decades(least, most, ax.get_xlim())
    ax.set_xticks(list(ticks), list(ticks.values()))
    ax.xaxis.set_minor_locator(_none())


def _none() -> Any:
    return imported("ticker").NullLocator()
