"""A Jacobian or Hessian as a matrix of colours, numbers and hatched errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.plot.canvas import (
    MOST_LABELLED,
    WIDTH,
    Drawable,
    decades,
    given_or_new,
    quantity,
    title,
)
from derivkit.plot.style import headline, imported, palette
from derivkit.validation import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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


FORMS = ("auto", "entries", "scaled")
MANY_DECADES = 1e3  # ratio of a Hessian's scales beyond which its small entries are not seen


def draw_matrix(
    result: Drawable, ax: Axes | None, form: str = "auto", outputs: Sequence[Any] | None = None
) -> Axes:
    """Draw a matrix; entries with a large error are hatched, unresolved ones crossed.

    An entry no larger than its error, whose sign is not known, has no colour and is a 0.
    """
    if form not in FORMS:
        raise ValueError(f"`form` must be one of {', '.join(FORMS)}, got {shown(form)}")
    value, error = np.asarray(result.value), np.asarray(result.error)
    scales = _scales(result, form)
    if scales is not None:
        value, error = value * scales, error * scales
    written = value.size <= MOST_WRITTEN
    ax = given_or_new(ax, *_size(result, value.shape, written=written))
    norm, ticks = _colours(value, error, linear=scales is not None)
    style: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest"}
    image = ax.imshow(value, cmap=_colour_map(), norm=norm, **style)
    rough = _rough(value, error, symmetric=result.parameter_axes == 2)
    signed = np.abs(value) > error
    for row, column in np.argwhere(rough).tolist():
        resolved = bool(np.isfinite(error[row, column]))
        _hatch(ax, column, row, resolved=resolved, coloured=bool(signed[row, column]))
    if written:
        told = np.where(signed | ~np.isfinite(error), value, 0.0)
        _write(ax, image, told, coloured=signed, hatched=rough)
    _name(ax, result, outputs)
    what = quantity(result) if scales is None else "$H_{ij}\\,/\\sqrt{|H_{ii}H_{jj}|}$"
    bar = ax.figure.colorbar(image, ax=ax, label=what)
    bar.set_ticks(list(ticks), labels=list(ticks.values()))
    bar.minorticks_off()
    bar.outline.set_visible(False)
    ax.spines[:].set_visible(False)
    headline(ax, title(result), _caption(scaled=scales is not None, rough=bool(rough.any())))
    return ax


def _caption(*, scaled: bool, rough: bool) -> str:
    scales = "Scaled to a diagonal of ±1, so that all units are seen together." if scaled else ""
    return f"{scales} {f'Hatched: error above {ROUGH:g} of the entry.' if rough else ''}".strip()


def _scales(result: Drawable, form: str) -> NDArray[np.float64] | None:
    """Return s_i s_j with s_i = 1 / sqrt(abs(H_ii)), or None where entries are drawn as they are.

    None as well where a diagonal entry is no larger than its error: nothing can be scaled by it.
    """
    if result.parameter_axes != 2 or form == "entries":
        return None
    size, error = np.abs(np.diag(result.value)), np.diag(result.error)
    if not np.all(size > error):
        return None
    if form == "auto" and size.max() <= MANY_DECADES * size.min():
        return None
    s = 1.0 / np.sqrt(size)
    return np.asarray(np.outer(s, s))


def _colour_map() -> Any:
    """Return colours from cold through the paper's at zero to warm."""
    colours = palette()
    ends = [colours.cold, colours.paper, colours.warm]
    return imported("colors").LinearSegmentedColormap.from_list("signed", ends)


def _size(result: Drawable, shape: tuple[int, ...], *, written: bool) -> tuple[float, float]:
    """Return width and height of a new figure: of the cells, and of the names beside them."""
    letters = max(map(len, result.names))
    upright = shape[1] > MOST_SLANTED
    width = max(CELL[0] * shape[1] if written else 0.0, WIDTH - 1.8) + 1.8
    if result.parameter_axes == 2 and shape[0] <= MOST_LABELLED:
        width += ACROSS * letters
    height = 1.4 + CELL[1] * min(max(shape[0], LEAST_TALL), MOST_TALL)
    return width, height + (UPRIGHT if upright else SLANTED) * letters


def _colours(
    value: NDArray[Any], error: NDArray[Any], *, linear: bool
) -> tuple[Any, dict[float, str]]:
    """Return colours by sign and logarithm of size, from the least entry that stands out."""
    colours = imported("colors")
    clear = np.abs(value[np.isfinite(value) & (np.abs(value) > error)])
    top = float(clear.max(initial=0.0)) or 1.0
    if linear:
        ends = {-top: f"{-top:.3g}", 0.0: "0", top: f"{top:.3g}"}
        return colours.Normalize(-top, top), ends
    least = max(float(clear.min(initial=top)), LEAST_COLOUR * top)
    ticks = decades(least, top, (-top, top))
    if len(ticks) == 1:  # no power of ten between them
        ticks = {-top: f"{-top:.3g}", 0.0: "0", top: f"{top:.3g}"}
    return colours.SymLogNorm(linthresh=least, vmin=-top, vmax=top), ticks


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
    blank = imported("colors").to_rgba(palette().paper)
    for (row, column), each in np.ndenumerate(value):
        cell = image.to_rgba(each) if coloured[row, column] else blank
        dark = np.dot(cell[:3], BRIGHTNESS) < 0.5
        text = ax.text(column, row, f"{each:.3g}", ha="center", va="center", size="small")
        text.set_color("white" if dark else "black")
        if hatched[row, column]:
            text.set_bbox({"facecolor": cell, "lw": 0, "pad": 1.5})


def _hatch(ax: Axes, column: int, row: int, *, resolved: bool, coloured: bool) -> None:
    colours = palette()
    hatch, colour = ("///", colours.quiet) if resolved else ("xxx", colours.unresolved)
    corner = (column - 0.5, row - 0.5)
    cell = imported("patches").Rectangle(corner, 1, 1, hatch=hatch, ec=colour, lw=0)
    cell.set(facecolor="none" if coloured else colours.paper)
    ax.add_patch(cell)


def _name(ax: Axes, result: Drawable, outputs: Sequence[Any] | None) -> None:
    """Name the columns and the rows: all, or some of many."""
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
    elif outputs is not None:
        _outputs(ax, list(outputs), len(result.value))
    else:
        ax.set_ylabel("output")
        ax.locator_params(axis="y", integer=True)


def _outputs(ax: Axes, outputs: list[Any], rows: int) -> None:
    """Write the outputs' names, or their coordinates, beside the rows: all, or some of many."""
    if len(outputs) != rows:
        raise ValueError(f"`outputs` must name {rows} outputs, got {len(outputs)}")
    every = -(-rows // MOST_LABELLED)
    shown = [each if isinstance(each, str) else f"{each:.4g}" for each in outputs[::every]]
    ax.set_yticks(range(0, rows, every), shown, fontsize="x-small" if rows > MOST_SLANTED else None)
