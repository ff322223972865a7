"""Pictures: what is drawn where, that nothing is shown unasked, and that they render."""

import dataclasses
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from matplotlib.figure import Figure

from derivkit import CalculusKit, DerivativeResult, Status

AT = {"a": 0.5, "b": 2.0}


def f(theta):
    return np.sin(theta[0]) + theta[1] ** 3


def noisy(theta):
    seed = np.frombuffer(theta.tobytes(), dtype=np.uint32)
    return f(theta) * (1.0 + 1e-6 * np.random.default_rng(seed).standard_normal())


def two(theta):
    return np.array([np.sin(theta[0]), theta[0] * theta[1] ** 2])


@pytest.fixture(scope="module")
def gradient():
    return CalculusKit(f, AT, call="array").gradient_result()


def line(ax, label):
    return next(each for each in ax.lines if each.get_label() == label)


def rendered(ax):
    """Return the picture as an array of grey values."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].mean(axis=2)


def test_the_derivatives_are_drawn_at_their_values_with_their_names(gradient):
    ax = gradient.plot()
    x, rows = ax.containers[0].lines[0].get_data()
    np.testing.assert_array_equal(x, gradient.value)
    assert list(rows) == [0, 1]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


def test_the_error_bars_are_as_long_as_the_errors(gradient):
    wide = dataclasses.replace(gradient, error=np.array([0.25, 1.0]))
    segments = wide.plot().containers[0].lines[2][0].get_segments()
    lengths = [np.ptp(segment[:, 0]) / 2 for segment in segments]
    np.testing.assert_allclose(lengths, [0.25, 1.0])


def crosses(ax):
    return list(next(each for each in ax.lines if each.get_marker() == "x").get_ydata())


def numbers(ax):
    return [label.get_text() for label in ax.figure.axes[1].get_yticklabels()]


def test_an_unresolved_derivative_is_a_cross_and_says_so(gradient):
    ax = dataclasses.replace(gradient, error=np.array([np.inf, 1.0])).plot()
    assert crosses(ax) == [0]
    assert numbers(ax) == ["unresolved", "12 ± 1"]


def test_a_derivative_without_an_estimate_is_not_drawn_anywhere(gradient):
    nothing = {"value": np.array([np.nan, 12.0]), "error": np.array([np.inf, np.inf])}
    ax = dataclasses.replace(gradient, **nothing).plot()
    assert crosses(ax) == [1]
    assert numbers(ax) == ["no estimate", "unresolved"]


@pytest.mark.parametrize(
    ("value", "error", "scale"),
    [
        ([1.0, 30.0], [0.1, 0.1], "linear"),
        ([1e-3, 30.0], [1e-6, 0.1], "log"),
        ([1e-3, 30.0], [1e-2, 0.1], "linear"),  # the small one may be anything
        ([-1e-3, 30.0], [1e-6, 0.1], "symlog"),
        ([1e-3, 30.0, 1e-9], [1e-6, 0.1, np.inf], "symlog"),
        ([1e-3, 30.0, 1e-20], [1e-6, 0.1, 1e-4], "symlog"),
    ],
)
def test_the_axis_is_of_decades_where_resolved_sizes_differ_much(gradient, value, error, scale):
    many = dataclasses.replace(gradient, value=np.array(value), error=np.array(error))
    ax = many.plot()
    assert ax.get_xscale() == scale
    rendered(ax)
    low, high = ax.get_xlim()
    assert all(low < each < high for each in value)
    assert 2 <= len([t for t in ax.get_xticks() if low <= t <= high]) <= 9


@pytest.mark.parametrize("letters", [1, 10, 40])
def test_names_of_any_length_leave_room_for_the_derivatives(gradient, letters):
    ax = dataclasses.replace(gradient, names=("a", "b" * letters)).plot()
    ax.figure.draw_without_rendering()
    assert ax.get_window_extent().width > 3.4 * ax.figure.dpi  # inches


def test_of_many_parameters_some_are_named(gradient):
    names = tuple(f"theta_{k}" for k in range(100))
    fields = {"names": names, "value": np.ones(100), "error": np.ones(100)}
    ax = dataclasses.replace(gradient, **fields).plot()
    shown = {
        round(y): text.get_text()
        for y, text in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
    }
    assert shown[20] == "theta_20"
    assert len(shown) < 30


def test_the_picture_of_steps_compares_every_pair_of_samples_with_the_answer(gradient):
    ax = gradient.plot_steps("b")
    h, gap = line(ax, "central differences").get_data()
    np.testing.assert_allclose(gap, h**2, rtol=1e-3)  # of b**3: exactly h**2 too much
    grid, truncation = line(ax, "truncation of a central difference").get_data()
    np.testing.assert_allclose(truncation, grid**2, rtol=1e-3)
    assert line(ax, "error of the answer").get_ydata()[0] == gradient.error[1]
    assert line(ax, "reach of the samples used").get_xdata()[0] == gradient.step[1]
    samples = line(ax, "samples").get_xdata()
    assert len(samples) == gradient.nfev_per_parameter[1]


def test_the_noise_branch_falls_with_the_step_at_the_level_of_the_noise():
    result = CalculusKit(noisy, AT, call="array").gradient_result()
    h, noise = line(result.plot_steps(0), "noise of a central difference").get_data()
    np.testing.assert_allclose(noise * h * np.sqrt(2), result.noise[0], rtol=1e-9)


def test_probes_right_beside_x0_do_not_squeeze_the_other_steps():
    probed = CalculusKit(noisy, AT | {"a": 0.6}, call="array").gradient_result()
    steps = probed.scan(0).differences().step
    assert steps.min() < 1e-10  # a probe, or this test shows nothing
    ax = probed.plot_steps(0)
    low, high = ax.get_xlim()
    assert low > 1000 * steps.min()
    assert high > steps.max()
    assert any("probes" in text.get_text() for text in ax.texts)


def test_the_samples_are_drawn_where_the_model_was_called(gradient):
    ax = gradient.plot_samples("a")
    x, y = line(ax, "samples used").get_data()
    np.testing.assert_allclose(y, np.sin(x) + 8.0, rtol=1e-12)
    t, tangent = line(ax, "tangent at x0").get_data()
    np.testing.assert_allclose(np.diff(tangent) / np.diff(t), np.cos(0.5), rtol=1e-6)
    t, fit = line(ax, "local fit").get_data()
    np.testing.assert_allclose(fit, np.sin(t) + 8.0, rtol=1e-6)


def test_samples_where_the_model_is_undefined_are_marked():
    def walled(theta):
        return np.sqrt(theta[0] - 0.4999) if theta[0] > 0.4999 else np.nan

    result = CalculusKit(walled, [0.5]).gradient_result()
    assert result.undefined[0] > 0
    wide = dataclasses.replace(result, step=result.reach).plot_samples(0)
    assert len([each for each in wide.lines if each.get_linestyle() == ":"]) == result.undefined[0]
    assert wide.get_legend_handles_labels()[1].count("model undefined") == 1


def test_samples_far_beyond_those_used_are_counted_and_not_drawn(gradient):
    near = dataclasses.replace(gradient, step=gradient.step / 5.0)
    ax = near.plot_samples("a")
    assert "2 farther away" in ax.get_title(loc="left")
    assert len(line(ax, "samples used").get_xdata()) == 3
    low, high = ax.get_xlim()
    assert high - low < 2.0 * gradient.step[0]


def test_samples_close_to_x0_are_drawn_at_their_distances():
    result = CalculusKit(lambda x: 1e9 + (x[0] - 67.4), [67.4]).gradient_result(
        "finite", stepsize=1e-3
    )
    ax = result.plot_samples(0)
    assert ax.get_xlabel() == "x[0] − 67.4"
    assert ax.get_ylabel() == "model − 1000000000"
    assert np.abs(line(ax, "samples used").get_data()).max() < 0.1


def test_a_jacobian_is_drawn_as_a_matrix():
    ax = CalculusKit(two, AT, call="array").jacobian_result().plot()
    np.testing.assert_allclose(
        ax.images[0].get_array(), [[np.cos(0.5), 0.0], [4.0, 2.0]], atol=1e-6
    )
    assert ax.get_ylabel() == "output"


def test_a_hessian_is_drawn_as_a_matrix_with_names_on_both_sides():
    ax = CalculusKit(f, AT, call="array").hessian_result().plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert ax.figure.axes[1].get_ylabel() == "second derivative"


def test_a_hessian_is_hatched_symmetrically():
    result = CalculusKit(f, AT, call="array").hessian_result()
    lopsided = {"value": np.diag([1e-9, 1e9]), "error": np.full((2, 2), 1e-3)}
    ax = dataclasses.replace(result, **lopsided).plot()
    assert [(patch.get_x(), patch.get_y()) for patch in ax.patches] == [(-0.5, -0.5)]


def test_entries_with_a_large_error_are_hatched_in_a_matrix():
    result = CalculusKit(two, AT, call="array").jacobian_result()
    error = np.zeros((2, 2))
    error[1, 0] = 1.0
    error[0, 1] = np.inf
    hatches = {
        (patch.get_x(), patch.get_y()): patch.get_hatch()
        for patch in dataclasses.replace(result, error=error).plot().patches
    }
    assert hatches == {(-0.5, 0.5): "///", (0.5, -0.5): "xxx"}


def test_what_may_have_either_sign_has_no_colour_and_no_digits_in_a_matrix():
    result = CalculusKit(f, AT, call="array").hessian_result()
    fields = {"value": np.diag([3.0, 2.0]), "error": np.array([[4.0, 1e-9], [1e-9, 1e-3]])}
    ax = dataclasses.replace(result, **fields).plot()
    assert [text.get_text() for text in ax.texts][:4] == ["0", "0", "0", "2"]
    (hatched,) = ax.patches
    assert (hatched.get_x(), hatched.get_y()) == (-0.5, -0.5)
    assert hatched.get_facecolor() == (1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize("draw", ["plot", "plot_steps", "plot_samples"])
def test_an_axes_of_the_users_is_drawn_into(gradient, draw):
    mine = Figure().subplots()
    arguments = () if draw == "plot" else ("a",)
    assert getattr(gradient, draw)(*arguments, ax=mine) is mine


@pytest.mark.parametrize("draw", ["plot", "plot_steps", "plot_samples"])
def test_every_picture_renders_with_something_in_it(gradient, draw):
    grey = rendered(getattr(gradient, draw)(*(() if draw == "plot" else ("b",))))
    share = np.mean(grey < 200)
    assert 0.002 < share < 0.3


def test_nothing_is_shown_and_pyplot_is_not_loaded():
    code = (
        "import sys; from derivkit import CalculusKit;"
        "CalculusKit(lambda x: x[0]**2, [1.0]).gradient_result().plot();"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pyplot_once_loaded_has_the_figure_to_show_or_save():
    code = (
        "import sys; import matplotlib.pyplot as plt; from derivkit import CalculusKit;"
        "result = CalculusKit(lambda x: x[0]**2, [1.0]).gradient_result();"
        "sys.exit(result.plot().figure is not plt.gcf())"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


NOTEBOOK = """
import nbclient, nbformat

code = "from derivkit import CalculusKit; CalculusKit(abs, 1.0).gradient_result().plot();"
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
nbclient.NotebookClient(notebook, kernel_name="python3").execute()
print([kind for output in notebook.cells[0].outputs for kind in output.get("data", {})])
"""


def test_a_notebook_shows_the_picture_also_where_it_has_not_loaded_pyplot():
    for package in ("nbclient", "nbformat", "ipykernel"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    environment = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
    command = [sys.executable, "-c", NOTEBOOK]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert "image/png" in shown.stdout


@pytest.mark.parametrize(
    ("draw", "text"),
    [
        (lambda r: r.plot_steps("c"), "`parameter` must be one of a, b, got 'c'"),
        (lambda r: r.plot_steps(2), r"`parameter` must lie in 0\.\.1, got 2"),
        (lambda r: r.plot_samples("a", output=1), r"`output` must lie in 0\.\.0, got 1"),
        (lambda r: DerivativeResult.from_json(r.to_json()).plot_steps("a"), "has no evaluations"),
        (lambda r: dataclasses.replace(r, order=2).plot_steps("a"), "of first derivatives"),
        (lambda r: dataclasses.replace(r, value=np.zeros((2, 2, 2))).plot(), "vector or a matrix"),
    ],
)
def test_what_cannot_be_drawn_is_said(gradient, draw, text):
    with pytest.raises(ValueError, match=text):
        draw(gradient)


def test_the_evaluations_are_a_table_of_every_call(gradient):
    frame = gradient.to_frame("evaluations")
    assert len(frame) == gradient.nfev
    assert frame.columns.tolist() == ["parameter", "a", "b", "value", "seconds"]
    np.testing.assert_array_equal(frame["value"], np.sin(frame["a"]) + frame["b"] ** 3)
    assert set(frame["parameter"]) == {"x0", "a", "b"}
    assert (frame["b"][frame["parameter"] == "a"] == 2.0).all()


def test_statuses_stand_in_the_title(gradient):
    assert str(Status.CONVERGED) in gradient.plot_steps("a").get_title(loc="left")


@pytest.mark.parametrize("name", [r"$\frac$", "$x^$", "a$b$c$", r"$\sigma_8$"])
def test_a_name_that_looks_like_a_formula_and_is_none_is_shown_as_it_is(name, tmp_path):
    result = CalculusKit(f, [0.5, 2.0], names=[name, "b"]).gradient_result()
    result.plot().figure.savefig(tmp_path / "bars.png")
    result.plot_steps(0).figure.savefig(tmp_path / "steps.png")
    result.plot_samples(0).figure.savefig(tmp_path / "samples.png")
    result.plot_convergence().figure.savefig(tmp_path / "convergence.png")
