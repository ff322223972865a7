"""Pictures against those kept in ``baseline/``: all but text, whose shapes differ between machines.

What is drawn is of fixed numbers, not of a method's answer, so that only a change of the drawing
changes a picture; text is left out with the room that it takes, so that matplotlib 3.8 to 3.11 draw
the same to the pixel. To make them anew: ``python tests/plot/test_images.py``; look at them, then
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
from derivkit.plot import plot_convergence, theme
from derivkit.plot.convergence import Course
from derivkit.plot.corner import draw_corner
from derivkit.plot.ellipse import Layer, draw_plane
from derivkit.plot.style import LIGHT

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
    kit = CalculusKit(model, {"a": 0.5, "b": 2.0}, call="array")
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


def scaled():
    """Return a Hessian whose diagonal spans sixteen decades."""
    s = np.array([1e-1, 1e7, 3.0])
    value = np.array([[-1.0, 0.6, 1e-3], [0.6, -1.0, -0.3], [1e-3, -0.3, 1.0]]) * np.outer(s, s)
    error = np.array([[1e-9, 1e-9, 1e-2], [1e-9, 1e-9, 1e-9], [1e-2, 1e-9, 1e-9]]) * np.outer(s, s)
    return fixed((3, 3), value=value, error=error, names=("a", "b", "c"), parameter_axes=2)


def convergence():
    """Draw two courses: of samples in pairs, and one with a place where the model is undefined."""
    t = np.concatenate([[0.0], np.repeat(STEPS, 2) * np.tile([1.0, -1.0], STEPS.size)])
    calls = np.arange(1, t.size + 1)
    noise = 1e-6 * np.cos(7.0 * calls)  # that the ends of the curves are not of rounding
    smooth, holed = np.sin(3.0 * t) + noise, np.where(t > 0.1, np.nan, np.exp(t) + noise)
    known = {"calls": calls, "t": t, "reach": 0.25}
    return plot_convergence(
        [
            Course("a", values=smooth, value=3.0, error=1e-4, **known),
            Course("b", values=holed, value=1.0, error=1e-5, **known),
        ],
        "two courses",
    )


def forecasts():
    """Return a forecast with loose sigmas, one that is not to be trusted, and one of samples."""
    names, centre = ("a", "b"), np.array([0.3, 2e-9])
    s = np.array([0.1, 4e-10])
    wide, narrow = np.array([[1.0, -0.7], [-0.7, 1.0]]), np.array([[0.2, 0.1], [0.1, 0.3]])
    u, v = (axis.ravel() for axis in np.meshgrid(*[np.linspace(-4, 4, 161)] * 2))
    banana = np.stack([u, v - 0.3 * u**2], axis=1)
    sampled = {"points": centre + s * banana, "weights": np.exp(-0.5 * (u**2 + v**2))}
    none = np.zeros(2)
    return [
        Layer("loose", names, centre, wide * np.outer(s, s), np.array([0.1, 0.05])),
        Layer("hatched", names, centre, narrow * np.outer(s, s), none, hatched=True),
        Layer("sampled", names, centre, wide * np.outer(s, s), none, **sampled),
    ]


def ellipse():
    return draw_plane(forecasts(), "a", "b", {})


def corner():
    return draw_corner(forecasts(), ["a", "b"], {}, truth={"a": 0.35, "b": 1.9e-9})[1, 0]


PICTURES = {
    "bars": lambda: bars().plot(),
    "bars_dark": lambda: bars().plot(),
    "matrix": lambda: matrix().plot(),
    "matrix_dark": lambda: matrix().plot(),
    "scaled": lambda: scaled().plot(),
    "steps": lambda: gradient().plot_steps("a"),
    "steps_dark": lambda: gradient().plot_steps("a"),
    "samples": lambda: gradient().plot_samples("a"),
    "convergence": convergence,
    "convergence_dark": convergence,
    "ellipse": ellipse,
    "ellipse_dark": ellipse,
    "corner": corner,
    "corner_dark": corner,
}


def picture(name):
    """Return the axes of a picture, in its theme."""
    with theme("dark" if name.endswith("_dark") else "light"):
        return PICTURES[name]()


def drawn(name, path, spoil=lambda ax: None):
    """Draw a picture without its text into a file; return its axes."""
    with mpl.style.context("default"):
        ax = picture(name)
        spoil(ax)
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
        ("bars", lambda ax: next(each for each in ax.lines if each.get_marker() == "x").remove()),
        ("matrix", lambda ax: ax.patches[0].remove()),
        ("steps", lambda ax: ax.lines[2].remove()),
        ("samples", lambda ax: ax.lines[2].remove()),
        ("scaled", lambda ax: ax.patches[0].remove()),
        ("convergence", lambda ax: ax.lines[-1].remove()),
        ("bars_dark", lambda ax: ax.lines[0].set_color(LIGHT.believed)),
        ("convergence_dark", lambda ax: ax.set_facecolor(LIGHT.paper)),
        ("ellipse", lambda ax: ax.collections[0].remove()),
        ("corner", lambda ax: [patch.set_hatch(None) for patch in ax.patches]),
        ("corner", lambda ax: ax.figure.axes[0].lines[-1].remove()),
    ],
    ids=[
        "a_cross",
        "a_hatched_cell",
        "a_dashed_line",
        "a_dotted_line",
        "a_hatched_cell_of_a_hessian",
        "a_claimed_error",
        "the_colour_of_the_dark",
        "the_paper_of_the_dark",
        "the_contours_of_samples",
        "the_hatching_of_what_is_not_trusted",
        "a_curve_over_the_diagonal",
    ],
)
def test_a_picture_with_a_mark_missing_or_miscoloured_is_told_from_the_kept_one(
    name, spoil, tmp_path
):
    path = tmp_path / f"{name}.png"
    drawn(name, path, spoil)
    assert compare_images(str(BASELINE / path.name), str(path), TOLERANCE) is not None


if __name__ == "__main__":
    BASELINE.mkdir(exist_ok=True)
    for each in PICTURES:
        drawn(each, BASELINE / f"{each}.png")
