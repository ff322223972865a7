"""The picture of the samples along one parameter, with the tangent and a local fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.plot.canvas import given_or_new
from derivkit.plot.scan import Scan
from derivkit.plot.style import headline, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_samples"]

FARTHEST = 4.0  # times the reach of the samples used: what lies beyond is counted, not drawn
SMALL = 1e-3  # of x0, or of the model there: smaller ranges are drawn as distances from it
MARGIN = 0.08  # of what is seen
VISIBLE = 0.01  # of the heights seen: less noise is not drawn
POWERS_BEYOND = -3, 5  # of ten, which are taken out of the numbers of an axis
PLACES_OF_CURVES = 200
CAPTION = "The slope at x0 is the answer; the curve through the samples used is a plain fit."


def draw_samples(scan: Scan, ax: Axes | None) -> Axes:
    """Draw the samples near those used, and what was made of them."""
    ax, colours = given_or_new(ax), palette()
    seen = np.abs(scan.t) <= FARTHEST * scan.used
    defined = np.isfinite(scan.values)
    used = defined & (np.abs(scan.t) <= scan.used)
    origin, zero = _origins(scan, seen & defined)
    shift = zero - scan.at_x0
    x, y = origin + scan.t, scan.values + shift
    _dots(ax, x, y, used=used, others=seen & defined & ~used, noise=scan.noise)
    for place in x[seen & ~defined]:
        ax.axvline(
            place, color=colours.unresolved, lw=0.9, ls=":", label=_once(ax, "model undefined")
        )
    t = np.linspace(scan.t[seen].min(), scan.t[seen].max(), PLACES_OF_CURVES)
    ax.plot(origin + t, scan.tangent(t) + shift, color=colours.limit, lw=1.2, label="tangent at x0")
    near = t[np.abs(t) <= scan.used]
    ax.plot(origin + near, scan.fit(near) + shift, color=colours.believed, lw=1, label="local fit")
    ax.set_ylim(*_limits(np.concatenate([y[seen & defined], scan.fit(near) + shift])))
    beyond = int((~seen).sum())
    note = f"; {beyond} farther away" if beyond else ""
    headline(ax, f"{scan.name}: samples around x0{note}", CAPTION)
    ax.set(
        xlabel=_less(scan.name, scan.origin - origin),
        ylabel=_less("model", -shift),
    )
    ax.ticklabel_format(useOffset=False, scilimits=POWERS_BEYOND)
    ax.legend()
    return ax


def _origins(scan: Scan, seen: NDArray[np.bool_]) -> tuple[float, float]:
    """Return where x0 and the model there are drawn: as they are, or at 0 to magnify."""
    width = float(np.max(np.abs(scan.t[seen])))
    height = float(np.max(np.abs(scan.values[seen] - scan.at_x0)))
    origin = scan.origin if width > SMALL * abs(scan.origin) else 0.0
    return origin, scan.at_x0 if height > SMALL * abs(scan.at_x0) or height == 0 else 0.0


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
    colours = palette()
    if others.any():
        ax.plot(x[others], y[others], "o", mfc="none", color=colours.quiet, label="other samples")
    noisy = bool(0 < VISIBLE * np.ptp(y[used]) < noise)
    label = "samples used, ± noise" if noisy else "samples used"
    ax.plot(x[used], y[used], "o", color=colours.believed, label=label)
    if noisy:
        ax.errorbar(x[used], y[used], yerr=noise, fmt="none", ecolor=colours.believed, elinewidth=1)


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
