"""The picture of the error of differences against their step, for one derivative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.plot.canvas import given_or_new, number
from derivkit.plot.scan import CENTRAL, Differences, Scan
from derivkit.plot.style import headline, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_steps"]

MARKERS = {"central": "o", "forward": ">", "backward": "<"}
MARGIN = 3.0  # beyond the least and the largest step
LEAST_SPAN = 100.0  # of the steps shown: two decades, so that two ticks have labels
LONG_TITLE = 52  # letters; longer ones are broken
CAPTION = "Points: plain differences. Left, noise rules; right, truncation. "
USES_ALL, LEFT_OUT = "The answer uses all.", "Not shown: probes beside x0."
WIDEST_GAP = 1e4  # between steps; what lies beyond is a probe of noise or of a kink
MOST_PROBES = 2


def draw_steps(scan: Scan, ax: Axes | None) -> Axes:
    """Draw plain differences, their truncation and noise, and the answer they led to."""
    given, ax = ax, given_or_new(ax)
    ax.set(xscale="log", yscale="log")
    found = _without_probes(everything := scan.differences())
    low, high = _span(found)
    floor, top = _bounds(found, scan.error)
    for kind, marker in MARKERS.items():
        _points(ax, found, kind, marker, floor)
    _branches(ax, scan, found, np.geomspace(low, high, 100))
    if np.isfinite(scan.error) and scan.error > 0:
        ax.axhline(scan.error, color=palette().believed, lw=1, label="error of the answer")
    if np.isfinite(scan.step) and scan.step > 0:
        ax.axvline(scan.step, color=palette().quiet, lw=1, label="reach of the samples used")
    _rug(ax, scan.t)
    ax.set(
        xlim=(low, high),
        ylim=(floor, top),
        xlabel=f"step in {scan.name}",
        ylabel="distance from the answer",
    )
    ax.xaxis.set_minor_formatter("")
    ax.yaxis.set_minor_formatter("")
    colour = None if np.isfinite(scan.error) else palette().unresolved
    left_out = everything.step.size > found.step.size
    headline(ax, _title(scan), CAPTION + (LEFT_OUT if left_out else USES_ALL), colour=colour)
    if given is None:  # below the axes, where it covers nothing
        ax.figure.legend(loc="outside lower center", ncols=2)
    else:
        ax.legend(loc="best")
    return ax


def _without_probes(found: Differences) -> Differences:
    """Return the differences, but for one or two so close to x0 that they squeeze the rest."""
    steps = np.sort(found.step)
    apart = np.flatnonzero(steps[1:] > WIDEST_GAP * steps[:-1])
    if not apart.size or apart[-1] >= MOST_PROBES:
        return found
    shown = found.step > steps[apart[-1]]
    return Differences(found.kind[shown], found.step[shown], found.gap[shown])


def _span(found: Differences) -> tuple[float, float]:
    """Return the least and the largest step to show."""
    low, high = found.step.min() / MARGIN, found.step.max() * MARGIN
    more = max(np.sqrt(LEAST_SPAN * low / high), 1.0)
    return float(low / more), float(high * more)


def _bounds(found: Differences, error: float) -> tuple[float, float]:
    """Return the limits of the distances: a decade around what is to be seen."""
    sizes = np.append(found.gap, error)
    seen = sizes[np.isfinite(sizes) & (sizes > 0)]
    if seen.size == 0:
        return 1e-16, 1.0
    return float(seen.min() / 10), float(seen.max() * 10)


def _points(ax: Axes, found: Differences, kind: str, marker: str, floor: float) -> None:
    """Draw the differences of one kind; hollow at the bottom those that are the answer."""
    here = found.kind == kind
    same = here & (found.gap == 0)
    apart = here & ~same
    style: dict[str, Any] = {"color": palette().believed, "ls": "none", "marker": marker}
    if apart.any():
        ax.plot(found.step[apart], found.gap[apart], **style, label=f"{kind} differences")
    if same.any():
        bottom = np.full(int(same.sum()), floor)
        label = f"{kind} differences equal to the answer"
        ax.plot(found.step[same], bottom, **style, mfc="white", clip_on=False, label=label)


def _branches(ax: Axes, scan: Scan, found: Differences, h: NDArray[Any]) -> None:
    """Draw what limits central differences; or one-sided ones, where there are no others."""
    central = bool((found.kind == CENTRAL).any())
    what = f"a {'central' if central else 'one-sided'} difference"
    for size, style, name in (
        (scan.truncation(h, central=central), "--", "truncation"),
        (scan.noise_of_difference(h, central=central), ":", "noise"),
    ):
        if np.isfinite(size).all() and (size > 0).all():
            ax.plot(h, size, style, color=palette().limit, lw=1.4, label=f"{name} of {what}")


def _rug(ax: Axes, t: NDArray[Any]) -> None:
    places = np.abs(t[t != 0])
    ax.plot(
        places,
        np.full(places.size, 0.015),
        "|",
        color=palette().text,
        ms=9,
        transform=ax.get_xaxis_transform(),
        label="samples",
    )


def _title(scan: Scan) -> str:
    text = number(scan.value, scan.error)
    told = text if not np.isfinite(scan.error) else f"{text}, {scan.status}"
    line = f"{scan.name}: {told}"
    return line if len(line) <= LONG_TITLE else f"{scan.name}:\n{told}"
