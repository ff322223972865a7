"""A Jacobian or Hessian as a matrix of colours, numbers and hatched errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.drawing.canvas import (
    MOST_LABELLED,
    QUIET,
    UNRESOLVED,
    WIDTH,
    decades,
    given_or_new,
    quantity,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from derivkit.result import DerivativeResult

__all__ = ["draw_matrix"]

ROUGH = 1e-3  # relative error from which a cell is hatched
LEAST_COLOUR = 1e-6  # of the largest entry: below, colours fade to white
MOST_WRITTEN = 64  # entries whose values are written into their cells
MOST_SLANTED = 12  # names at 45 degrees; more stand upright
SHORT = 8  # letters of names that need not be slanted
CELL = 0.78, 0.45  # inches; wide enough for its number
LEAST_TALL, MOST_TALL = 3, 12  # rows of that height
BRIGHTNESS = 0.299, 0.587, 0.114  # of red, green and blue
ACROSS, SLANTED, UPRIGHT = 0.085, 0.06, 0.07  # inches a letter


def draw_matrix(result: DerivativeResult, ax: Axes | None) -> Axes:
    """Draw a matrix; entries with a large error are hatched, unresolved ones crossed.

    An entry no larger than its error, whose sign is not known, has no colour and is a 0.
    """
    value, error = np.asarray(result.value), np.asarray(result.error)
    written = value.size <= MOST_WRITTEN
    ax = given_or_new(ax, *_size(result, value.shape, written=written))
    norm, ticks = _colours(value, error)
    image = ax.imshow(value, cmap="RdBu_r", norm=norm, aspect="auto", interpolation="nearest")
    rough = _rough(value, error, symmetric=result.parameter_axes == 2)
    signed = np.abs(value) > error
    for row, column in np.argwhere(rough).tolist():
        resolved = bool(np.isfinite(error[row, column]))
        _hatch(ax, column, row, resolved=resolved, coloured=bool(signed[row, column]))
    if written:
        told = np.where(signed | ~np.isfinite(error), value, 0.0)
        _write(ax, image, told, coloured=signed, hatched=rough)
    _name(ax, result)
    bar = ax.figure.colorbar(image, ax=ax, label=quantity(result))
    bar.set_ticks(list(ticks), labels=list(ticks.values()))
    bar.minorticks_off()
    note = f"; hatched: error above {ROUGH:g} of the entry" if rough.any() else ""
    ax.set_title(title(result) + note, fontsize="medium")
    return ax


def _size(
    result: DerivativeResult, shape: tuple[int, ...], *, written: bool
) -> tuple[float, float]:
    """Return width and height of a new figure: of the cells, and of the names beside them."""
    letters = max(map(len, result.names))
    upright = shape[1] > MOST_SLANTED
    width = max(CELL[0] * shape[1] if written else 0.0, WIDTH - 1.8) + 1.8
    if result.parameter_axes == 2 and shape[0] <= MOST_LABELLED:
        width += ACROSS * letters
    height = 1.4 + CELL[1] * min(max(shape[0], LEAST_TALL), MOST_TALL)
    return width, height + (UPRIGHT if upright else SLANTED) * letters


def _colours(value: NDArray[Any], error: NDArray[Any]) -> tuple[Any, dict[float, str]]:
    """Return colours by sign and logarithm of size, from the least entry that stands out."""
    from matplotlib.colors import SymLogNorm  # noqa: PLC0415 - optional

    clear = np.abs(value[np.isfinite(value) & (np.abs(value) > error)])
    top = float(clear.max(initial=0.0)) or 1.0
    least = max(float(clear.min(initial=top)), LEAST_COLOUR * top)
    ticks = decades(least, top, (-top, top))
    if len(ticks) == 1:  # no power of ten between them
        ticks = {-top: f"{-top:.3g}", 0.0: "0", top: f"{top:.3g}"}
    return SymLogNorm(linthresh=least, vmin=-top, vmax=top), ticks


def _rough(value: NDArray[Any], error: NDArray[Any], *, symmetric: bool) -> NDArray[np.bool_]:
    """Return where an error is large beside its entry, or beside a part of its row's largest."""
    size = np.abs(np.nan_to_num(value))
    largest = np.max(size, axis=1, keepdims=True)
    if symmetric:
        largest = np.maximum(largest, largest.T)
    return np.asarray((error > ROUGH * np.maximum(size, ROUGH * largest)) | ~np.isfinite(error))


def _write(
    ax: Axes, image: Any, value: NDArray[Any], *, coloured: NDArray[Any], hatched: NDArray[Any]
) -> None:
    """Write the values into their cells; on a patch without hatching where they are hatched."""
    for (row, column), each in np.ndenumerate(value):
        cell = image.to_rgba(each) if coloured[row, column] else (1.0, 1.0, 1.0, 1.0)
        dark = np.dot(cell[:3], BRIGHTNESS) < 0.5
        text = ax.text(column, row, f"{each:.3g}", ha="center", va="center", size="small")
        text.set_color("white" if dark else "black")
        if hatched[row, column]:
            text.set_bbox({"facecolor": cell, "lw": 0, "pad": 1.5})


def _hatch(ax: Axes, column: int, row: int, *, resolved: bool, coloured: bool) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - optional

    hatch, colour = ("///", QUIET) if resolved else ("xxx", UNRESOLVED)
    corner = (column - 0.5, row - 0.5)
    cell = Rectangle(corner, 1, 1, hatch=hatch, ec=colour, lw=0)
    cell.set(facecolor="none" if coloured else "white")
    ax.add_patch(cell)


def _name(ax: Axes, result: DerivativeResult) -> None:
    """Name the columns and, of a Hessian, the rows: all, or some of many."""
    names = list(result.names)
    every = -(-len(names) // MOST_LABELLED)
    places, shown = range(0, len(names), every), names[::every]
    many = len(shown) > MOST_SLANTED
    size = "x-small" if many else "medium"
    style: dict[str, Any] = {"rotation": 90} if many else {}
    if not many and max(map(len, names)) > SHORT:
        style = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(places, shown, fontsize=size, **style)
    if result.parameter_axes == 2:
        ax.set_yticks(places, shown, fontsize=size)
    else:
        ax.set_ylabel("output")
        ax.locator_params(axis="y", integer=True)
