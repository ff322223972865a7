"""The picture of the samples along one parameter, with the tangent and a local fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.drawing.canvas import BELIEVED, LIMIT, QUIET, UNRESOLVED, given_or_new
from derivkit.stories import Story

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_samples"]

FARTHEST = 4.0  # times the reach of the samples used: what lies beyond is counted, not drawn
SMALL = 1e-3  # of x0, or of the model there: smaller ranges are drawn as distances from it
MARGIN = 0.08  # of what is seen
VISIBLE = 0.01  # of the heights seen: less noise is not drawn
POWERS_BEYOND = -3, 5  # of ten, which are taken out of the numbers of an axis
PLACES_OF_CURVES = 200


def draw_samples(story: Story, ax: Axes | None) -> Axes:
    """Draw the samples near those used, and what was made of them."""
    ax = given_or_new(ax)
    seen = np.abs(story.t) <= FARTHEST * story.used
    defined = np.isfinite(story.values)
    used = defined & (np.abs(story.t) <= story.used)
    origin, zero = _origins(story, seen & defined)
    shift = zero - story.at_x0
    x, y = origin + story.t, story.values + shift
    _dots(ax, x, y, used=used, others=seen & defined & ~used, noise=story.noise)
    for place in x[seen & ~defined]:
        ax.axvline(place, color=UNRESOLVED, lw=0.9, ls=":", label=_once(ax, "model undefined"))
    t = np.linspace(story.t[seen].min(), story.t[seen].max(), PLACES_OF_CURVES)
    ax.plot(origin + t, story.tangent(t) + shift, color=LIMIT, lw=1.2, label="tangent at x0")
    near = t[np.abs(t) <= story.used]
    ax.plot(origin + near, story.fit(near) + shift, color=BELIEVED, lw=1, label="local fit")
    ax.set_ylim(*_limits(np.concatenate([y[seen & defined], story.fit(near) + shift])))
    beyond = int((~seen).sum())
    note = f"; {beyond} farther away" if beyond else ""
    ax.set_title(f"{story.name}: samples around x0{note}", fontsize="medium")
    ax.set(
        xlabel=_less(story.name, story.origin - origin),
        ylabel=_less("model", -shift),
    )
    ax.ticklabel_format(useOffset=False, scilimits=POWERS_BEYOND)
    ax.legend(fontsize="small")
    return ax


def _origins(story: Story, seen: NDArray[np.bool_]) -> tuple[float, float]:
    """Return where x0 and the model there are drawn: as they are, or at 0 to magnify."""
    width = float(np.max(np.abs(story.t[seen])))
    height = float(np.max(np.abs(story.values[seen] - story.at_x0)))
    origin = story.origin if width > SMALL * abs(story.origin) else 0.0
    return origin, story.at_x0 if height > SMALL * abs(story.at_x0) or height == 0 else 0.0


def _dots(
    ax: Axes,
    x: NDArray[Any],
    y: NDArray[Any],
    *,
    used: NDArray[np.bool_],
    others: NDArray[np.bool_],
    noise: float,
) -> None:
    """Draw the samples; those used with the noise of the model as error bars, where known."""
    if others.any():
        ax.plot(x[others], y[others], "o", mfc="none", color=QUIET, label="other samples")
    noisy = bool(0 < VISIBLE * np.ptp(y[used]) < noise)
    label = "samples used, ± noise" if noisy else "samples used"
    ax.plot(x[used], y[used], "o", color=BELIEVED, label=label)
    if noisy:
        ax.errorbar(x[used], y[used], yerr=noise, fmt="none", ecolor=BELIEVED, elinewidth=1)


def _less(name: str, value: float) -> str:
    """Return the name of a quantity, or of its distance from a value."""
    return f"{name} − {value:.10g}".replace("− -", "+ ") if value else name


def _once(ax: Axes, label: str) -> str | None:
    """Return the label, unless the legend has it."""
    return None if label in ax.get_legend_handles_labels()[1] else label


def _limits(y: NDArray[Any]) -> tuple[float, float]:
    low, high = float(np.nanmin(y)), float(np.nanmax(y))
    margin = MARGIN * (high - low) or 0.05 * abs(low) or 1.0
    return low - margin, high + margin
