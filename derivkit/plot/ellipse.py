"""Contours of forecasts in the plane of two parameters: ellipses, and densities of samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.stats import chi2, norm

from derivkit.plot.canvas import given_or_new, readable
from derivkit.plot.style import headline, imported, palette, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LEVELS", "Layer", "curve", "draw_plane", "name_axis", "plane", "power_of", "reach"]

LEVELS = 0.683, 0.954
FILL = 0.65, 0.22
"""Share of a layer's colour inside one and two sigma; the rest is paper. Nothing shines through, so
layers over each other keep their colours; outlines lie above all of them."""

TURN = np.linspace(0, 2 * np.pi, 200)
VISIBLE = 0.02
"""An error of a sigma is drawn, as an inner and an outer ellipse, from this part of it."""

BINS, SMOOTH = 100, 2.2  # of a histogram of samples, and its smoothing in bins
MARGIN = 0.3  # of samples around the picture, in which contours close
SIGMAS = 3.2  # how far a picture reaches
OUTER = float(np.sqrt(chi2.ppf(LEVELS[1], 2)))  # sigmas, of the outer contour


@dataclass(frozen=True, eq=False)
class Layer:
    """A forecast in a picture.

    Attributes
    ----------
    label : str
    names : tuple of k str
    centre : ndarray (k,)
    covariance : ndarray (k, k)
        Not finite for parameters that are not constrained.
    slack : ndarray (k,)
        What the standard deviations may be off, as a part of them.
    hatched : bool
        Whether its verdict is so bad that it is not to be trusted.
    points, weights : ndarray (n, k), (n,), optional
        Samples, if it is not Gaussian.
    """

    label: str
    names: tuple[str, ...]
    centre: NDArray[np.float64]
    covariance: NDArray[np.float64]
    slack: NDArray[np.float64]
    hatched: bool = False
    points: NDArray[np.float64] | None = None
    weights: NDArray[np.float64] | None = None

    def has(self, *names: str) -> bool:
        """Return whether it constrains some parameters."""
        return all(n in self.names and np.isfinite(self.sigma(n)) for n in names)

    def at(self, name: str) -> float:
        """Return the centre of a parameter."""
        return float(self.centre[self.names.index(name)])

    def sigma(self, name: str) -> float:
        """Return the standard deviation of a parameter."""
        i = self.names.index(name)
        return float(np.sqrt(self.covariance[i, i]))


def plane(ax: Axes, layer: Layer, a: str, b: str, colour: str) -> None:
    """Draw one and two sigma of a layer into a plane."""
    if layer.points is not None:
        _contours(ax, layer, a, b, colour)
        return
    which = [layer.names.index(a), layer.names.index(b)]
    scale = np.sqrt(np.diag(layer.covariance))[which]
    correlation = layer.covariance[np.ix_(which, which)] / np.outer(scale, scale)
    values, vectors = np.linalg.eigh(correlation)
    axes = scale[:, None] * vectors * np.sqrt(np.maximum(values, 0))
    slack = float(np.max(layer.slack[which]))
    for level, fill in zip(reversed(LEVELS), reversed(FILL), strict=True):
        size = np.sqrt(chi2.ppf(level, 2))
        x, y = layer.centre[which][:, None] + size * axes @ np.stack([np.cos(TURN), np.sin(TURN)])
        hatch = "////" if layer.hatched and level == LEVELS[0] else None
        ax.fill(x, y, facecolor=_tint(colour, fill), lw=0, zorder=2)
        ax.fill(x, y, facecolor="none", edgecolor=colour, hatch=hatch, lw=1.2, zorder=3)
        if VISIBLE < slack < 1:
            for factor in (1 - slack, 1 + slack):
                near = (np.stack([x, y]) - layer.centre[which][:, None]) * factor
                places = layer.centre[which][:, None] + near
                ax.plot(*places, color=colour, lw=0.7, ls=":", zorder=3)


def _tint(colour: str, share: float) -> tuple[float, ...]:
    """Return a colour with paper in it."""
    ink, paper = (np.array(imported("colors").to_rgb(c)) for c in (colour, palette().paper))
    return tuple((share * ink + (1 - share) * paper).tolist())


def _contours(ax: Axes, layer: Layer, a: str, b: str, colour: str) -> None:
    """Draw contours of weighted samples that hold the levels."""
    if layer.points is None:
        return
    x, y = (layer.points[:, layer.names.index(n)] for n in (a, b))
    ends = [reach([layer], n) for n in (a, b)]
    box = [(low - MARGIN * (high - low), high + MARGIN * (high - low)) for low, high in ends]
    counts, *edges = np.histogram2d(x, y, BINS, range=box, weights=layer.weights)
    smooth = gaussian_filter(counts, SMOOTH)
    ordered = np.sort(smooth.ravel())[::-1]
    share = np.cumsum(ordered) / ordered.sum()
    heights = [float(ordered[np.searchsorted(share, level)]) for level in reversed(LEVELS)]
    middles = [0.5 * (e[1:] + e[:-1]) for e in edges]
    style: dict[str, Any] = {"colors": [colour], "zorder": 4, "linewidths": 1.4}
    ax.contour(*middles, smooth.T, levels=heights, linestyles=["--", "-"], **style)
    if layer.hatched:
        inner: dict[str, Any] = {"levels": [heights[1], np.inf], "colors": "none", "zorder": 3}
        filled = ax.contourf(*middles, smooth.T, hatches=["////"], **inner)
        filled.set_edgecolor(colour)


def curve(ax: Axes, layer: Layer, name: str, colour: str) -> None:
    """Draw the density of one parameter, its highest point 1."""
    low, high = reach([layer], name)
    if layer.points is None:
        x = np.linspace(low, high, 300)
        y = np.exp(-0.5 * ((x - layer.at(name)) / layer.sigma(name)) ** 2)
        ax.fill_between(x, y, color=_tint(colour, FILL[1]), lw=0, zorder=2)
        ax.plot(x, y, color=colour, zorder=3)
        return
    values = layer.points[:, layer.names.index(name)]
    edges = np.linspace(low, high, BINS + 1)
    more = np.arange(1, round(MARGIN * BINS) + 1) * (edges[1] - edges[0])
    edges = np.concatenate([low - more[::-1], edges, high + more])  # lest it end in the air
    counts, edges = np.histogram(values, edges, weights=layer.weights)
    smooth = gaussian_filter1d(counts, SMOOTH)
    ax.plot(0.5 * (edges[1:] + edges[:-1]), smooth / smooth.max(), color=colour, ls="-", zorder=3)


def reach(layers: list[Layer], name: str) -> tuple[float, float]:
    """Return the limits of an axis: a bit more than three sigma of the widest layer.

    Samples reach as much farther than their outer contour as a Gaussian does; tails beyond that
    would leave the picture empty.
    """
    spans = []
    for layer in layers:
        if layer.points is not None and layer.weights is not None:
            values = layer.points[:, layer.names.index(name)]
            order = np.argsort(values)
            share = np.cumsum(layer.weights[order])
            found = np.searchsorted(share / share[-1], norm.cdf([-OUTER, 0.0, OUTER]))
            low, middle, high = values[order][np.minimum(found, len(order) - 1)].tolist()
            more = SIGMAS / OUTER
            spans.append((middle + more * (low - middle), middle + more * (high - middle)))
        elif layer.has(name):
            half = SIGMAS * layer.sigma(name)
            spans.append((layer.at(name) - half, layer.at(name) + half))
    return min(low for low, _ in spans), max(high for _, high in spans)


def power_of(low: float, high: float) -> int:
    """Return the power of ten that ticks have in common, 0 where they are written out."""
    size = max(abs(low), abs(high))
    power = int(np.floor(np.log10(size))) if size > 0 else 0
    return power if not -3 < power < 4 else 0


def name_axis(axis: Any, name: str, label: str | None) -> None:
    """Name an axis; a power of ten common to its ticks goes into the name."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415 - optional

    power = power_of(*axis.get_view_interval())
    axis.set_major_locator(MaxNLocator(4, prune="both"))

    def written(x: float, _: Any) -> str:
        """Write a tick with as many decimals as the one that has most."""
        ticks = [f"{tick / 10.0**power:.6g}" for tick in axis.get_majorticklocs()]
        return f"{x / 10.0**power:.{max(len(t.partition('.')[2]) for t in ticks)}f}"

    axis.set_major_formatter(FuncFormatter(written))
    text = name if label is None else f"${label}$"
    axis.set_label_text(text if power == 0 else rf"{text}  [$10^{{{power}}}$]")


def draw_plane(
    layers: list[Layer], a: str, b: str, latex: dict[str, str], ax: Axes | None = None
) -> Axes:
    """Draw forecasts over each other in the plane of two parameters."""
    with styled(ax):
        ax = given_or_new(ax)
        colours = palette()
        cycle = [colours.believed, colours.limit, colours.unresolved, colours.quiet]
        shown = [layer for layer in layers if layer.has(a, b)]
        if not shown:
            raise ValueError(f"{a} and {b} must be constrained to be drawn, got sigma = inf")
        coloured = [(layer, cycle[k % len(cycle)]) for k, layer in enumerate(shown)]
        for layer, colour in sorted(coloured, key=lambda pair: -pair[0].sigma(a)):
            plane(ax, layer, a, b, colour)  # the narrow ones over the wide ones
        for layer, colour in coloured:
            ax.plot([], [], color=colour, lw=4, label=layer.label)
        ax.plot(shown[0].at(a), shown[0].at(b), marker="+", color=colours.text, ls="none")
        ax.set_xlim(reach(shown, a))
        ax.set_ylim(reach(shown, b))
        name_axis(ax.xaxis, a, latex.get(a))
        name_axis(ax.yaxis, b, latex.get(b))
        hatched = "; hatched: not to be trusted" if any(each.hatched for each in shown) else ""
        headline(ax, "Forecast", f"68.3 and 95.4 %, all else marginalised{hatched}")
        if len(shown) > 1:
            ax.legend()
        return readable(ax)
