"""Results in a terminal and in a notebook: short, wrapped, sortable, and what they cost."""

import re

import numpy as np
import pytest

from derivkit import CalculusKit, DerivativeKit, ForecastKit, LikelihoodKit, UnresolvedWarning
from derivkit.results.table import html_table, text_table

ROWS = [{"name": "b", "value": 2.0}, {"name": "a", "value": np.inf}, {"name": "c", "value": 10.0}]


def many(theta):
    return float(np.sum(np.sin(theta)))


def kinked(theta):
    return float(np.sum(np.sin(theta)) + abs(theta[150]))


@pytest.fixture(scope="module")
def long():
    with pytest.warns(UnresolvedWarning):
        return CalculusKit(kinked, np.zeros(200)).gradient_result()


def test_a_long_result_is_shortened_and_says_where_the_rest_is(long):
    lines = str(long).splitlines()
    assert len(lines) < 50
    assert lines[-1] == "… 160 more; to_frame() has them all"


def test_what_is_unresolved_comes_first_in_a_long_result(long):
    table = str(long).split("parameter ")[1].splitlines()
    assert table[1].startswith("x[150]")
    assert table[1].endswith("kink")


def test_a_short_result_is_shown_whole_in_the_order_of_its_parameters():
    lines = str(CalculusKit(many, np.zeros(40)).gradient_result()).splitlines()
    assert [line.split()[0] for line in lines[2:]] == [f"x[{k}]" for k in range(40)]


def test_a_long_title_is_broken_between_words(long):
    title = str(long).split("parameter ")[0].splitlines()
    assert len(title) > 1
    assert max(map(len, title)) <= 79
    assert " ".join(title) == f"auto: {long.message}".rstrip()


def test_an_html_table_folds_and_every_number_has_what_it_is_sorted_by():
    html = html_table(ROWS, "three <rows>", {"value": "{:.1f}"})
    assert html.startswith("<details open><summary>three &lt;rows&gt;</summary>")
    assert re.findall(r'data-v="([^"]+)"', html) == ["2.0", "1.7e308", "10.0"]
    assert html.count("<button") == 2


def test_of_many_rows_the_html_table_scrolls_and_takes_the_keyboard():
    assert "overflow-y" not in html_table(ROWS, "", {})
    scrolling = html_table(ROWS * 20, "", {})
    assert "overflow-y: auto" in scrolling
    assert 'tabindex="0"' in scrolling


def test_text_is_cut_after_the_most_rows():
    assert text_table(ROWS, "t", {}, 2, where=" there").splitlines()[-1] == "… 1 more there"


def test_a_kit_shows_its_parameters_bounds_and_what_it_has(tmp_path):
    kit = CalculusKit(many, [0.5, 2.0], names=["a", "b"], bounds=[(0, None), (None, 3)])
    assert repr(kit).splitlines() == [
        "CalculusKit: 2 parameters, no call yet",
        "parameter  x0   lower  upper",
        "a          0.5  0      inf",
        "b          2    -inf   3",
    ]
    calls = kit.gradient_result().nfev
    assert f"{calls} finished calls in the kit" in repr(kit)
    assert "<table>" in kit._repr_html_()


def shown(kit):
    assert kit._repr_html_().startswith("<details open>")
    return repr(kit).splitlines()


def test_a_kit_of_one_number_shows_where_it_differentiates():
    assert shown(DerivativeKit(np.sin, [0.5, 1.0], bounds=(0, 3))) == [
        "DerivativeKit: a function, at 2 points",
        "x0   lower  upper",
        "0.5  0      3",
        "1    0      3",
    ]
    table = DerivativeKit(x0=1.5, tab_x=[1.0, 2.0, 3.0], tab_y=[1.0, 4.0, 9.0])
    assert shown(table)[0] == "DerivativeKit: a table of 3 values, at 1 point"


def test_a_forecast_shows_its_priors_and_how_many_data_it_has_and_calls_nothing():
    calls = []

    def model(theta):
        calls.append(theta)
        return np.array([theta[0], theta[1], theta[0] * theta[1]])

    kit = ForecastKit(model, {"a": 1.0, "b": 2.0}, 0.1, priors={"b": 0.5}, call="array")
    made = len(calls)
    assert shown(kit) == [
        "ForecastKit: 2 parameters, model not called yet",
        "parameter  fiducial  prior",
        "a          1         inf",
        "b          2         0.5",
    ]
    assert len(calls) == made
    kit.fisher()
    assert shown(kit)[0] == "ForecastKit: 2 parameters, 3 data"


def test_likelihoods_show_the_shapes_and_ranges_of_their_data():
    assert shown(LikelihoodKit(data=[[0.5], [-0.25]], model_parameters=[0.0, 1.0])) == [
        "LikelihoodKit: 2 data, 2 means",
        "name              shape   least  greatest",
        "data              (2, 1)  -0.25  0.5",
        "model_parameters  (2,)    0      1",
    ]


def test_a_plan_shows_what_is_told_and_what_it_needs():
    plan = CalculusKit(many, [0.5, 2.0], names=["a", "b"]).plan("gradient", method="finite")
    points = plan.points()
    assert (
        shown(plan)[0]
        == f"Plan of gradient: 0 values are told, {len(points)} points are needed now"
    )
    assert shown(plan)[2].split() == ["a", "0.5", "-inf", "inf"]
    while not plan.done:
        plan.tell([many(x) for x in plan.points()])
    assert shown(plan)[0].endswith("values are told, done")


def test_a_sparse_result_shows_its_entries_the_unresolved_first():
    kit = CalculusKit(lambda x: np.where(np.arange(30) == 25, abs(x), x**2), np.zeros(30))
    with pytest.warns(UnresolvedWarning):
        result = kit.jacobian_result(sparsity=0)
    head, table = repr(result).split("output ")
    assert "the first 20, unresolved ones before others:" in " ".join(head.split())
    rows = table.splitlines()[1:]
    assert len(rows) == 20
    assert rows[0].split()[:2] == ["25", "x[25]"]
    assert rows[0].split()[-1] == "inf"
    assert "<td" in result._repr_html_()


def test_a_hundred_thousand_rows_do_not_all_go_into_a_page():
    html = html_table(ROWS * 1000, "long", {})
    assert html.count("<tr>") == 1001
    assert "… 2000 more" in html


def test_a_resumed_result_tells_calls_from_values_that_the_file_had(tmp_path):
    file = tmp_path / "run.db"
    CalculusKit(many, [0.5, 2.0], checkpoint=file).gradient("finite", num_points=3)
    result = CalculusKit(many, [0.5, 2.0], checkpoint=file).gradient_result("finite", num_points=3)
    assert f"with {result.nfev} values: 0 calls, {result.nfev} from {file}" in result.message
    fresh = CalculusKit(many, [0.6, 2.0], checkpoint=file).gradient_result("finite", num_points=3)
    assert fresh.message.endswith(f"with {fresh.nfev} model calls")
