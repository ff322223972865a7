"""Pictures against those kept in ``baseline/``: all but text, whose shapes differ between machines.

What is drawn is of fixed numbers, not of a method's answer, so that only a change of the drawing
changes a picture; text is left out with the room that it takes, so that matplotlib 3.8 to 3.11 draw
the same to the pixel. To make them anew: ``python tests/test_plot_images.py``; look at them, then
commit them.
"""

import dataclasses
from pathlib import Path

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.legend import Legend
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text
from matplotlib.ticker import NullFormatter

from derivkit import CalculusKit, Status

BASELINE = Path(__file__).parent / "baseline"
TOLERANCE = 1.0  # root mean square of 255: half of what the least mark taken away below makes
DOTS_PER_INCH = 60

STEPS = 2.0 ** -np.arange(2.0, 9.0)  # exact around x0, so that samples come in pairs
GRID = np.sort(np.concatenate([-STEPS, [0.0], STEPS]))
NOISE = dict(zip(GRID.tolist(), 1e-6 * np.cos(7.0 * np.arange(GRID.size)), strict=True))


def model(x):
    """Return a sine with noise, undefined at the rightmost sample of a; and a parabola."""
    nearest = min(NOISE, key=lambda t: abs(t - (x[0] - 0.5)))
    a = np.nan if x[0] > 0.74 else np.sin(3.0 * x[0]) + NOISE[nearest]
    return float(a + 0.1 * x[1] ** 2)


def fixed(shape, **fields):
    """Return a result of these fields, with samples on the grid behind it."""
    kit = CalculusKit(model, {"a": 0.5, "b": 2.0})
    measured = kit.gradient_result("fornberg", grid=GRID)
    known = {
        "status": np.full(shape, Status.CONVERGED),
        "step": np.full(shape, 0.125),
        "noise": np.full(shape, 1e-6),
        "nfev": 29,
    }
    return dataclasses.replace(measured, **known | fields)


def gradient():
    return fixed(2, value=np.array([0.21221, 0.4]), error=np.array([2e-5, 1e-9]))


def bars():
    value, error = np.array([0.2, -0.4, 0.3, 0.1]), np.array([0.05, 0.1, np.inf, 0.01])
    return fixed(4, value=value, error=error, names=("a", "b", "c", "d"))


def matrix():
    value = np.array([[1.0, -30.0, 0.0], [2e-3, 0.5, -4.0]])
    error = np.array([[1e-9, 1.0, 1e-12], [1e-3, np.inf, 1e-9]])
    return fixed((2, 3), value=value, error=error, names=("a", "b", "c"))


PICTURES = {
    "bars": lambda: bars().plot(),
    "matrix": lambda: matrix().plot(),
    "steps": lambda: gradient().plot_steps("a"),
    "samples": lambda: gradient().plot_samples("a"),
}


def drawn(name, path):
    """Draw a picture without its text into a file; return its axes."""
    with mpl.style.context("default"):
        ax = PICTURES[name]()
        save(ax, path)
    return ax


def save(ax, path):
    figure = ax.figure
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(NullFormatter())
            axis.set_minor_formatter(NullFormatter())
    for legend in figure.findobj(Legend):
        legend.remove()  # with the room that it takes, which is of text
    for text in figure.findobj(Text):
        text.set_visible(False)
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_drawn_as_it_was(name, tmp_path):
    path = tmp_path / f"{name}.png"
    drawn(name, path)
    difference = compare_images(str(BASELINE / path.name), str(path), TOLERANCE)
    assert difference is None, difference


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("bars", lambda ax: ax.lines[-2].remove()),
        ("matrix", lambda ax: ax.patches[0].remove()),
        ("steps", lambda ax: ax.lines[2].remove()),
        ("samples", lambda ax: ax.lines[2].remove()),
    ],
    ids=["a_cross", "a_hatched_cell", "a_dashed_line", "a_dotted_line"],
)
def test_a_picture_that_lacks_a_mark_is_told_from_the_kept_one(name, spoil, tmp_path):
    path = tmp_path / f"{name}.png"
    with mpl.style.context("default"):
        ax = PICTURES[name]()
        spoil(ax)
        save(ax, path)
    assert compare_images(str(BASELINE / path.name), str(path), TOLERANCE) is not None


if __name__ == "__main__":
    BASELINE.mkdir(exist_ok=True)
    for each in PICTURES:
        drawn(each, BASELINE / f"{each}.png")
