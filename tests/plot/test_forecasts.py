"""Pictures of forecasts: what they show, by what is on the axes."""

from dataclasses import replace

import numpy as np
import pytest

from derivkit import ForecastKit, ForecastWarning
from derivkit.forecast.samples import gaussian_samples
from derivkit.plot.corner import draw_corner
from derivkit.plot.ellipse import Layer, draw_plane

pytest.importorskip("matplotlib")

X = np.linspace(0, 1, 20)
LAYER = Layer("samples", ("a",), np.zeros(1), np.eye(1), np.zeros(1))
LATEX = {"As": "A_s", "b": r"\beta"}


@pytest.fixture(scope="module")
def result():
    kit = ForecastKit(
        lambda t: t["As"] * 1e9 * X + np.exp(t["b"] * X) + t["c"] * np.sin(5 * X),
        {"As": 2e-9, "b": 0.5, "c": 0.3},
        1e-4,
        latex=LATEX,
    )
    return kit.fisher_result()


def test_an_ellipse_reaches_as_far_as_its_level(result):
    ax = result.plot("b", "c")
    widest = max(np.ptp(patch.get_xy()[:, 0]) for patch in ax.patches)
    assert np.isclose(widest / 2, np.sqrt(6.158) * result.sigma[1], rtol=1e-3)
    assert ax.get_xlabel() == r"$\beta$"


def test_a_power_of_ten_goes_into_the_name_of_the_axis(result):
    ax = result.plot("As", "c")
    assert ax.get_xlabel() == "$A_s$  [$10^{-9}$]"
    ax.figure.canvas.draw()
    assert all(len(tick.get_text()) < 6 for tick in ax.get_xticklabels())


def test_a_corner_has_every_plane_and_every_parameter(result):
    grid = result.plot_corner(truth={"b": 0.5}, others={"known": result.fix("c")})
    assert grid.shape == (3, 3)
    assert not grid[0, 1].axison
    assert len(grid[1, 0].patches) == 8  # two levels, filled and outlined, of two forecasts
    assert len(grid[2, 0].patches) == 4  # c is fixed in one of them
    assert "±" in grid[1, 1].get_title()


def test_forecasts_over_each_other_keep_their_colours(result):
    ax = result.plot("b", "c", others={"known": result.with_prior(b=1e-4)})
    fills = [patch for patch in ax.patches if patch.get_facecolor()[3] > 0]
    assert {patch.get_facecolor()[3] for patch in fills} == {1.0}  # nothing shines through
    outlines = [patch for patch in ax.patches if patch not in fills]
    assert min(p.get_zorder() for p in outlines) > max(p.get_zorder() for p in fills)


def test_a_long_tail_of_samples_leaves_no_picture_empty():
    generator = np.random.default_rng(0)
    points = np.stack([generator.exponential(size=40_000), generator.standard_normal(40_000)], 1)
    weights = np.full(len(points), 1 / len(points))
    layer = Layer("tail", ("a", "b"), np.zeros(2), np.eye(2), np.zeros(2), False, points, weights)
    ax = draw_plane([layer], "a", "b", {})
    farthest = max(
        path.vertices[:, 0].max() for drawn in ax.collections for path in drawn.get_paths()
    )
    assert farthest < ax.get_xlim()[1] < 1.5 * farthest  # 1.7 where the last of 1500 lies


def test_what_is_not_trusted_is_hatched(result):
    curved = ForecastKit(lambda t: [t[0] + t[0] ** 2, t[1]], [0.0, 1.0], 1.0, names=["a", "b"])
    fisher = curved.check_gaussian().fisher
    grid = fisher.plot_corner(others={"DALI": curved.dali_result(2)})
    assert any(patch.get_hatch() for patch in grid[1, 0].patches)
    assert not any(patch.get_hatch() for patch in result.plot("b", "c").patches)


def test_samples_that_are_not_trusted_are_hatched_as_their_legend_is(result):
    names = ("b", "c")
    samples = gaussian_samples(np.zeros(2), np.eye(2), 5000, 0, names)
    for hatched in (False, True):
        ax = draw_plane([samples.layer("samples", hatched=hatched)], *names, {})
        found = {mark for drawn in ax.collections for mark in getattr(drawn, "hatches", ())}
        assert ("////" in found) is hatched


def test_a_curve_of_samples_ends_on_the_axis():
    points = np.random.default_rng(0).uniform(-1, 1, size=(20_000, 1))
    weights = np.full(20_000, 1 / 20_000)
    ax = draw_corner([replace(LAYER, points=points, weights=weights)], ["a"], {})[0, 0]
    _, height = ax.lines[0].get_data()
    assert max(height[0], height[-1]) < 0.01


def test_the_ticks_of_an_axis_have_as_many_decimals_each(result):
    ax = result.plot("As", "c")
    ax.set_ylim(0.005, 0.024)
    ax.figure.canvas.draw()
    texts = [tick.get_text() for tick in ax.get_yticklabels()]
    assert len({len(text) for text in texts}) == 1
    assert "0.010" in texts


def test_what_is_not_constrained_is_not_drawn():
    kit = ForecastKit(lambda t: t[0] * X + t[1] + 0 * t[2], [1.0, 1.0, 1.0], 0.01)
    with pytest.warns(ForecastWarning):
        fisher = kit.fisher_result()
    assert fisher.plot_corner().shape == (2, 2)
    with pytest.raises(ValueError, match="p2 must be constrained"):
        fisher.plot_corner(["p0", "p2"])
    with pytest.raises(TypeError, match="did you mean"):
        fisher.plot_corner(["p00"])


@pytest.mark.parametrize("label", [r"\frac", "x^", "a$b"])
def test_a_label_that_is_no_formula_is_shown_as_it_is(label, tmp_path):
    names = [rf"${label}$", "b"]
    kit = ForecastKit(lambda t: [t[0] * 1e9, t[1]], [1e-9, 1.0], 1.0, names=names)
    fisher = kit.fisher_result()
    fisher.plot(*names).figure.savefig(tmp_path / "plane.png")
    labelled = ForecastKit(lambda t: t * 1.0, [1.0, 2.0], 1.0, latex={"p0": label})
    labelled.fisher_result().plot_corner()[0, 0].figure.savefig(tmp_path / "latex.png")
