"""Pictures of forecasts: what they show, by what is on the axes."""

import numpy as np
import pytest

from derivkit import ForecastKit, ForecastWarning

pytest.importorskip("matplotlib")

X = np.linspace(0, 1, 20)
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


def test_what_is_not_trusted_is_hatched(result):
    curved = ForecastKit(lambda t: [t[0] + t[0] ** 2, t[1]], [0.0, 1.0], 1.0, names=["a", "b"])
    fisher = curved.check_gaussian().fisher
    grid = fisher.plot_corner(others={"DALI": curved.dali_result(2)})
    assert any(patch.get_hatch() for patch in grid[1, 0].patches)
    assert not any(patch.get_hatch() for patch in result.plot("b", "c").patches)


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
