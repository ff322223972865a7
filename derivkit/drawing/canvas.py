"""What the pictures share: figures, colours, and numbers as text and as ticks.

Colours say one thing everywhere: blue what is believed, orange what limits it, wine what is not
resolved. For all kinds of colour vision they differ from each other by 30 or more (CIE76), and
from white by a contrast of 3.9 or more.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from derivkit.result import DerivativeResult

__all__ = [
    "BELIEVED",
    "LIMIT",
    "MOST_LABELLED",
    "QUIET",
    "UNRESOLVED",
    "WIDTH",
    "decades",
    "given_or_new",
    "number",
    "quantity",
    "ready_for",
    "title",
]

BELIEVED, LIMIT, UNRESOLVED, QUIET = "#0072b2", "#d55e00", "#882255", "0.55"
WIDTH, HEIGHT = 6.4, 4.6  # inches
MOST_LABELLED = 40  # parameters named on an axis
MOST_DIGITS = 8
MOST_TICKS = 3  # on each side of zero of an axis of signs and decades


def given_or_new(ax: Axes | None, width: float = WIDTH, height: float = HEIGHT) -> Axes:
    """Return the user's axes, or those of a new figure of this size in inches."""
    if ax is not None:
        return ax
    figure = _imported("figure").Figure if not _is_shown_by_pyplot() else _imported("pyplot").figure
    axes: Axes = figure(figsize=(width, height), layout="constrained").subplots()
    return axes


def ready_for(file: str) -> None:
    """Let pictures go to a file: no windows in this process, and a file that can be written.

    Raises
    ------
    ValueError
        If matplotlib does not know the ending, or the folder does not exist.
    """
    figure = _imported("pyplot" if "matplotlib.pyplot" in sys.modules else "figure").Figure
    sys.modules["matplotlib"].use("Agg")
    path = Path(file).absolute()
    endings = figure().canvas.get_supported_filetypes()
    if path.suffix and path.suffix[1:].lower() not in endings:
        raise ValueError(f"a picture's file must end in one of .{', .'.join(endings)}, got {file}")
    if not path.parent.is_dir():
        raise ValueError(f"a picture's folder must exist, got {file}")


def _is_shown_by_pyplot() -> bool:
    """Return whether figures are pyplot's: where the user has loaded it, and in notebooks.

    There, nothing else shows them; elsewhere, pyplot would keep them until they are closed.
    """
    if "matplotlib.pyplot" in sys.modules:
        return True
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _imported(module: str) -> Any:
    from importlib import import_module  # noqa: PLC0415 - only pictures need it

    try:
        return import_module(f"matplotlib.{module}")
    except ImportError as error:
        raise ImportError(
            "pictures need matplotlib, which is not installed; pip install 'derivkit[plot]'"
        ) from error


def title(result: DerivativeResult) -> str:
    """Return what stands over the picture of a whole result."""
    return f"{result.method}, {result.nfev} model calls"


def quantity(result: DerivativeResult) -> str:
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

    The powers, of either sign, lie between the least and the most; the ticks within the limits.

    >>> decades(1.0, 2e9, (-1e4, 2e9))
    {-1.0: '$-10^{0}$', 0.0: '0', 1.0: '$10^{0}$', 100000.0: '$10^{5}$'}
    """
    low = int(np.ceil(np.log10(least) - 1e-9))
    high = int(np.floor(np.log10(most) + 1e-9))
    stride = max(-(-(high - low) // (MOST_TICKS - 1)), 1)
    right = {10.0**k: f"$10^{{{k}}}$" for k in range(low, high + 1, stride)}
    left = {-place: label.replace("$1", "$-1") for place, label in reversed(right.items())}
    ticks = left | {0.0: "0"} | right
    return {place: label for place, label in ticks.items() if within[0] <= place <= within[1]}
