"""What the pictures share: figures, and numbers as text and as ticks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from derivkit.plot.style import imported
from derivkit.validation import has, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "MOST_LABELLED",
    "WIDTH",
    "Drawable",
    "decades",
    "given_or_new",
    "is_shown_by_pyplot",
    "number",
    "quantity",
    "readable",
    "ready_for",
    "title",
]

WIDTH, HEIGHT = 6.4, 4.6  # inches
MOST_LABELLED = 40  # parameters named on an axis
MOST_DIGITS = 8
MOST_TICKS = 3  # on each side of zero of an axis of signs and decades
UNCROWDED = 6  # decades of each sign, between which all labels have room


class Drawable(Protocol):
    """The plain fields of a result that pictures of it need."""

    @property
    def value(self) -> NDArray[np.float64]:
        """The derivatives."""
        ...

    @property
    def error(self) -> NDArray[np.float64]:
        """Their absolute errors; inf where they are not resolved."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters."""
        ...

    @property
    def parameter_axes(self) -> int:
        """How many of the last axes run over the parameters."""
        ...

    @property
    def order(self) -> int:
        """How often the model was differentiated."""
        ...

    @property
    def method(self) -> str:
        """Name of the method."""
        ...

    @property
    def nfev(self) -> int:
        """Model calls."""
        ...


def given_or_new(ax: Axes | None, width: float = WIDTH, height: float = HEIGHT) -> Axes:
    """Return the user's axes, or those of a new figure of this size in inches."""
    if ax is not None:
        if not has(ax, "transAxes"):
            raise TypeError(f"`ax` must be matplotlib's axes, got {shown(ax)}")
        return ax
    figure = imported("figure").Figure if not is_shown_by_pyplot() else imported("pyplot").figure
    axes: Axes = figure(figsize=(width, height), layout="constrained").subplots()
    return axes


def ready_for(file: str) -> None:
    """Let pictures go to a file: no windows in this process, and a file that can be written.

    Raises
    ------
    ValueError
        If matplotlib does not know the ending, or the folder does not exist.
    """
    figure = imported("pyplot" if "matplotlib.pyplot" in sys.modules else "figure").Figure
    sys.modules["matplotlib"].use("Agg")
    path = Path(file).absolute()
    endings = figure().canvas.get_supported_filetypes()
    if path.suffix and path.suffix[1:].lower() not in endings:
        raise ValueError(f"a picture's file must end in one of .{', .'.join(endings)}, got {file}")
    if not path.parent.is_dir():
        raise ValueError(f"a picture's folder must exist, got {file}")


def is_shown_by_pyplot() -> bool:
    """Return whether figures are pyplot's: where the user has loaded it, and in notebooks.

    There, nothing else shows them; elsewhere, pyplot would keep them until they are closed.
    """
    if "matplotlib.pyplot" in sys.modules:
        return True
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def title(result: Drawable) -> str:
    """Return what stands over the picture of a whole result."""
    return f"{result.method}, {result.nfev} model calls"


def quantity(result: Drawable) -> str:
    """Return what the numbers of a result are."""
    names = {1: "derivative", 2: "second derivative"}
    return names.get(result.order, f"derivative of order {result.order}")


def number(value: float, error: float) -> str:
    """Return a value to the digit of its error, and the error; or that it is unresolved.

    >>> number(0.81373256, 0.62), number(-2496.8821, 0.037), number(0.0115, 3.0)
    ('0.8 ± 0.6', '-2496.88 ± 0.04', '0 ± 3')
    >>> number(1.0, float("inf")), number(float("nan"), float("inf"))
    ('unresolved', 'no estimate')
    """
    if not np.isfinite(value):
        return "no estimate"
    if not np.isfinite(error):
        return "unresolved"
    if error == 0 or value == 0:
        return f"{value:.{MOST_DIGITS}g} ± {error:.1g}"
    digits = int(np.floor(np.log10(abs(value))) - np.floor(np.log10(error))) + 1
    shown = f"{value:.{min(digits, MOST_DIGITS)}g}" if digits > 0 else "0"
    return f"{shown} ± {error:.1g}"


def decades(least: float, most: float, within: tuple[float, float]) -> dict[float, str]:
    """Return ticks and their labels for an axis of both signs: zero and some powers of ten.

    The powers, of either sign, lie between the least and the most; the ticks within the limits. Of
    many decades the least is a tick without a label, for it would touch that of zero.

    >>> decades(1.0, 2e3, (-1e1, 2e3))
    {-1.0: '$-10^{0}$', 0.0: '0', 1.0: '$10^{0}$', 100.0: '$10^{2}$'}
    >>> decades(1.0, 2e9, (-1e4, 2e9))
    {-1.0: '', 0.0: '0', 1.0: '', 100000.0: '$10^{5}$'}
    """
    low = int(np.ceil(np.log10(least) - 1e-9))
    high = int(np.floor(np.log10(most) + 1e-9))
    stride = max(-(-(high - low) // (MOST_TICKS - 1)), 1)
    right = {10.0**k: f"$10^{{{k}}}$" for k in range(low, high + 1, stride)}
    if high - low > UNCROWDED:
        right[10.0**low] = ""
    left = {-place: label.replace("$1", "$-1") for place, label in reversed(right.items())}
    ticks = left | {0.0: "0"} | right
    return {place: label for place, label in ticks.items() if within[0] <= place <= within[1]}


def readable(ax: Axes) -> Axes:
    """Have names that look like formulas, and cannot be set as such, shown as they are."""
    from matplotlib.mathtext import MathTextParser  # noqa: PLC0415 - an extra
    from matplotlib.text import Text  # noqa: PLC0415

    parser: Any = MathTextParser("agg")
    for text in ax.figure.findobj(Text):
        if text.get_text().count("$") > 1:
            try:
                parser.parse(text.get_text())
            except ValueError:
                text.set_parse_math(False)
    return ax
