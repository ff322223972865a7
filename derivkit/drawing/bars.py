"""Derivatives with error bars, one parameter a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.drawing.canvas import (
    BELIEVED,
    MOST_LABELLED,
    QUIET,
    UNRESOLVED,
    WIDTH,
    decades,
    given_or_new,
    number,
    quantity,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from derivkit.result import DerivativeResult

__all__ = ["draw_bars"]

MANY_DECADES = 1e3  # spread of sizes beyond which a linear axis hides the small ones
MOST_DECADES = 1e-12  # of the largest: what is smaller is drawn near zero
SHORT_NAME, INCHES_PER_LETTER = 6, 0.085  # longer names widen the figure


def draw_bars(result: DerivativeResult, ax: Axes | None) -> Axes:
    """Draw a vector of derivatives; their numbers stand at the right."""
    value, error = np.atleast_1d(result.value), np.atleast_1d(result.error)
    names = _names(result, value.size)
    long = max(map(len, names)) - SHORT_NAME if value.size <= MOST_LABELLED else 0
    ax = given_or_new(
        ax,
        width=WIDTH + INCHES_PER_LETTER * max(long, 0),
        height=1.2 + 0.36 * min(max(value.size, 2), MOST_LABELLED),
    )
    rows = np.arange(value.size)
    known = np.isfinite(error) & np.isfinite(value)
    doubted = ~known & np.isfinite(value)
    ax.errorbar(value[known], rows[known], xerr=error[known], fmt="o", color=BELIEVED, capsize=3)
    ax.plot(value[doubted], rows[doubted], "x", color=UNRESOLVED, ms=8)
    _scale(ax, value, error)
    ax.set(ylim=(value.size - 0.5, -0.5), xlabel=quantity(result), title=title(result))
    if value.size <= MOST_LABELLED:
        ax.set_yticks(rows, names)
        _numbers(ax, value, error)
    else:
        _some_names(ax, names)
    return ax


def _names(result: DerivativeResult, size: int) -> list[str]:
    return list(result.names) if len(result.names) == size else [str(k) for k in range(size)]


def _numbers(ax: Axes, value: NDArray[Any], error: NDArray[Any]) -> None:
    """Write value and error at the right of each row."""
    twin = ax.twinx()
    twin.set(ylim=ax.get_ylim())
    texts = [number(v, e) for v, e in zip(value.tolist(), error.tolist(), strict=True)]
    twin.set_yticks(np.arange(value.size), texts, family="monospace", fontsize="small")
    twin.tick_params(right=False)
    for label, resolved in zip(twin.get_yticklabels(), np.isfinite(error), strict=True):
        label.set_color("black" if resolved else UNRESOLVED)


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
        ax.axvline(0.0, color=QUIET, lw=0.8)
        return
    if clear[np.isfinite(value)].all() and np.all(value[clear] > 0):
        ax.set_xscale("log")
        return
    most = float(sizes.max())
    least = 10.0 ** np.floor(np.log10(max(float(sizes.min()), MOST_DECADES * most)))
    ax.set_xscale("symlog", linthresh=least)
    ax.axvline(0.0, color=QUIET, lw=0.8)
    ticks = decades(least, most, ax.get_xlim())
    ax.set_xticks(list(ticks), list(ticks.values()))
    ax.xaxis.set_minor_locator(_none())


def _none() -> Any:
    from matplotlib.ticker import NullLocator  # noqa: PLC0415 - optional

    return NullLocator()
