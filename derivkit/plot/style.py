"""One look for all pictures: colours, fonts and captions, on white paper or on a dark screen.

Colours say one thing everywhere: blue what is believed, orange what limits it, wine (on dark, rose)
what is not resolved. For all kinds of colour vision they differ from each other by 28 or more
(CIE76), and from the paper by a contrast of 3.9 or more.

A picture's own figure takes the style; axes of the user's keep his, and only the colours are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from derivkit.validation import check_known, has, optional, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DARK", "LIGHT", "Palette", "headline", "imported", "palette", "styled", "theme"]


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a theme, by what they say.

    Attributes
    ----------
    believed, limit, unresolved : str
        The three that carry meaning.
    quiet, text, paper : str
        Help lines and captions; letters; what is behind them.
    cold, warm : str
        Ends of the map for entries below and above zero, which have the paper's colour.
    """

    believed: str
    limit: str
    unresolved: str
    quiet: str
    text: str
    paper: str
    cold: str
    warm: str


COLOURS = {  # on white, on a dark screen
    "believed": ("#0072b2", "#56b4e9"),
    "limit": ("#d55e00", "#f0a030"),
    "unresolved": ("#882255", "#f08fb8"),
    "quiet": ("#6b7280", "#9aa4b2"),
    "text": ("#1a1a1a", "#e6e6e6"),
    "paper": ("#ffffff", "#131416"),
    "cold": ("#2b6ca3", "#4aa3df"),
    "warm": ("#b8432f", "#e07a5f"),
}
LIGHT = Palette(**{name: light for name, (light, _) in COLOURS.items()})
DARK = Palette(**{name: dark for name, (_, dark) in COLOURS.items()})
THEMES = {"light": LIGHT, "dark": DARK}
_theme: ContextVar[str] = ContextVar("theme", default="light")

_SHARED: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 10.0,
    "axes.titlesize": 11.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10.0,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.08,
    "lines.linewidth": 1.4,
    "lines.markersize": 5.5,
    "hatch.linewidth": 0.6,
    "savefig.dpi": 200.0,
    "pdf.fonttype": 42,  # text stays text: journals ask for it
    "ps.fonttype": 42,
}
_TEXT = ("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color")


def imported(module: str = "") -> Any:
    """Return matplotlib, or a module of it."""
    return optional(f"matplotlib.{module}" if module else "matplotlib", "a picture")


def theme(name: str) -> AbstractContextManager[None]:
    """Draw the pictures of a block on white paper ("light") or on a dark screen ("dark").

    Parameters
    ----------
    name : {"light", "dark"}
        What to draw for.

    Returns
    -------
    context manager

    Raises
    ------
    ValueError
        If there is no such theme.

    Examples
    --------
    >>> with theme("dark"):
    ...     palette().paper
    '#131416'
    """
    return _themed(check_known("name", name, tuple(THEMES)))


@contextmanager
def _themed(name: str) -> Iterator[None]:
    token = _theme.set(name)
    try:
        yield
    finally:
        _theme.reset(token)


def palette() -> Palette:
    """Return the colours of the theme that is on.

    Examples
    --------
    >>> palette().believed
    '#0072b2'
    """
    return THEMES[_theme.get()]


def styled(ax: Axes | None) -> AbstractContextManager[Any]:
    """Return the context to draw in: our style for a figure of our own, the user's for his axes.

    Examples
    --------
    >>> import matplotlib
    >>> with styled(None):
    ...     matplotlib.rcParams["axes.spines.top"]
    False
    """
    if ax is not None:
        if not has(ax, "transAxes"):
            raise TypeError(f"`ax` must be matplotlib's axes, got {shown(ax)}")
        return nullcontext()
    colours = palette()
    settings = _SHARED | dict.fromkeys(_TEXT, colours.text)
    settings |= dict.fromkeys(("axes.edgecolor", "grid.color"), colours.quiet)
    settings |= dict.fromkeys(("figure.facecolor", "axes.facecolor"), colours.paper)
    context: AbstractContextManager[Any] = imported().rc_context(settings)
    return context


def headline(ax: Axes, title: str, caption: str = "", *, colour: str | None = None) -> None:
    """Write a title, and under it the one line that says how to read the picture."""
    colours = palette()
    ax.set_title(title, color=colour or colours.text, pad=22 if caption else 6)
    if caption:
        above: dict[str, Any] = {"xytext": (0, 7), "textcoords": "offset points", "va": "bottom"}
        place: dict[str, Any] = {"xy": (0, 1), "xycoords": "axes fraction"}
        ax.annotate(caption, **place, **above, fontsize="small", color=colours.quiet)
