"""The style of the pictures: themes, contrast, scaled Hessians, names of outputs."""

import dataclasses

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from derivkit import CalculusKit
from derivkit.plot import theme
from derivkit.plot.style import DARK, LIGHT, palette

UNITS = {"H0": 70.0, "As": 2e-9, "Om": 0.3}


def likelihood(theta):
    h, a, m = (theta - list(UNITS.values())) / [2.0, 3e-11, 5e-3]
    return -0.5 * (h**2 + a**2 + m**2 + 0.8 * h * a)


@pytest.fixture(scope="module")
def hessian():
    return CalculusKit(likelihood, UNITS, call="array").hessian_result()


@pytest.fixture(scope="module")
def gradient():
    return CalculusKit(
        lambda x: np.sin(x[0]) + x[1] ** 3, {"a": 0.5, "b": 2.0}, call="array"
    ).gradient_result()


def luminance(colour):
    c = np.array(to_rgb(colour))
    linear = np.where(c <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_every_colour_stands_out_from_its_paper(colours):
    marks = [colours.believed, colours.limit, colours.unresolved]
    assert min(contrast(c, colours.paper) for c in marks) > 3.8
    assert min(contrast(c, colours.paper) for c in (colours.text, colours.quiet)) > 4.5


def test_a_theme_holds_for_its_block_only(gradient):
    with theme("dark"):
        dark = gradient.plot()
        assert palette() is DARK
    assert palette() is LIGHT
    assert dark.figure.get_facecolor()[:3] == pytest.approx(to_rgb(DARK.paper))
    assert gradient.plot().figure.get_facecolor()[:3] == pytest.approx(to_rgb(LIGHT.paper))


def test_an_unknown_theme_is_refused():
    with pytest.raises(ValueError, match="`name` must be one of light, dark, got 'solar'"):
        theme("solar").__enter__()


def test_the_users_settings_and_axes_stay_as_they_are(gradient):
    before = dict(mpl.rcParams)
    ax = Figure().subplots()
    gradient.plot(ax)
    gradient.plot()
    assert dict(mpl.rcParams) == before
    assert ax.spines["top"].get_visible()


def test_a_hessian_of_unlike_units_is_drawn_scaled_to_a_unit_diagonal(hessian):
    drawn = np.asarray(hessian.plot().images[0].get_array())
    np.testing.assert_allclose(np.diag(drawn), -1.0, rtol=1e-12)
    assert drawn[0, 1] == pytest.approx(-0.4, rel=1e-6)


def test_its_entries_are_drawn_as_they_are_where_asked(hessian):
    drawn = np.asarray(hessian.plot(form="entries").images[0].get_array())
    np.testing.assert_array_equal(drawn, hessian.value)


def test_nothing_is_scaled_by_a_diagonal_that_is_not_resolved(hessian):
    error = hessian.error.copy()
    error[1, 1] = np.inf
    ax = dataclasses.replace(hessian, error=error).plot(form="scaled")
    np.testing.assert_array_equal(np.asarray(ax.images[0].get_array()), hessian.value)


def test_an_unknown_form_is_refused(hessian):
    with pytest.raises(ValueError, match="`form` must be one of auto, entries, scaled, got 'log'"):
        hessian.plot(form="log")


@pytest.fixture(scope="module")
def jacobian():
    z = np.array([0.1, 0.5, 2.0])
    return CalculusKit(
        lambda x: np.sin(x[0] * z) + x[1], {"a": 1.0, "b": 2.0}, call="array"
    ).jacobian_result()


@pytest.mark.parametrize(
    ("outputs", "shown"),
    [([0.1, 0.5, 2.0], ["0.1", "0.5", "2"]), (["x", "y", "z"], ["x", "y", "z"])],
)
def test_outputs_of_a_jacobian_have_their_names_or_coordinates(jacobian, outputs, shown):
    ax = jacobian.plot(outputs=outputs)
    assert [label.get_text() for label in ax.get_yticklabels()] == shown


def test_names_for_another_number_of_outputs_are_refused(jacobian):
    with pytest.raises(ValueError, match="`outputs` must name 3 outputs, got 2"):
        jacobian.plot(outputs=["x", "y"])


def test_relative_errors_are_drawn_beside_the_derivatives(gradient):
    wide = dataclasses.replace(gradient, value=np.array([2.0, 4.0]), error=np.array([0.2, np.inf]))
    panel = wide.plot().figure.axes[1]
    (segment,) = panel.collections[0].get_segments()
    assert segment[1, 0] == pytest.approx(0.1)


def test_the_picture_of_convergence_falls_to_the_claimed_errors(gradient):
    ax = gradient.plot_convergence()
    curves = [line for line in ax.lines if line.get_linestyle() == "-" and line.get_marker() == "."]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(curves) == 2
    for curve in curves:
        gaps = curve.get_ydata()
        assert gaps[-1] < 1e-6 * gaps[0]
        assert np.all(np.diff(curve.get_xdata()) > 0)
    np.testing.assert_array_equal([d.get_ydata()[0] for d in dots], gradient.error)
    assert max(d.get_xdata()[0] for d in dots) == gradient.nfev


def test_the_picture_of_convergence_makes_no_call():
    calls = []

    def model(x):
        calls.append(x)
        return np.exp(x[0])

    result = CalculusKit(model, [0.3]).gradient_result()
    made = len(calls)
    result.plot_convergence()
    assert len(calls) == made
