import copy
import csv
import io
import json
import pickle
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from derivkit import CalculusKit, ModelError, Plan
from derivkit.methods.finite import Finite
from derivkit.plan.point_table import PointTable

X0 = np.array([0.7, 2.0, 0.03])


def scalar(x):
    return float(np.exp(x[0]) * np.sin(x[1]) + np.cos(x[2] * x[0]))


def vector(x):
    return np.array([np.exp(x[0]) * np.sin(x[1]), x[2] ** 2, x[0] * x[2]])


def walled(x):
    """Return a value, or nan beyond a wall close to X0."""
    return float(np.sqrt(x[2] - 0.0299) * x[0]) + x[1] ** 2 if x[2] > 0.0299 else np.nan


def carried_out(plan, function):
    """Tell a plan everything it asks for; return what it gives."""
    answer = plan.points()
    while not plan.done:
        assert isinstance(answer, PointTable)
        answer = plan.tell([function(x) for x in answer])
    return plan.result()


def directly(kit, what, arguments):
    keywords = dict(arguments)
    return getattr(kit, what)(*keywords.pop("indices", ()), **keywords)


@pytest.mark.parametrize(
    ("what", "arguments"),
    [
        ("gradient", {}),
        ("gradient", {"method": "finite", "extrapolation": "ridders"}),
        ("hessian", {}),
        ("hessian_diag", {}),
    ],
)
def test_a_point_without_a_value_holds_up_its_own_parameter_only(what, arguments):
    """The others get on to their ends; what comes of it is the kit's result to the bit."""

    def sharp(x):
        return float(np.sin(30 * x).sum() + 1e-7 * np.sin(1e9 * x.sum()) + x[0] * x[1])

    plan = Plan(what, X0, **arguments)
    first = plan.points()
    missing = next(n for n, x in zip(first.numbers, first, strict=True) if x[1] != X0[1])
    later = set()
    for _ in range(30):
        asked = plan.points()
        told = {n: sharp(x) for n, x in zip(asked.numbers, asked, strict=True) if n != missing}
        if not told:
            break
        plan.tell(told)
        later |= {
            tuple(np.flatnonzero(x != X0))
            for n, x in zip(plan.points().numbers, plan.points(), strict=True)
            if n not in first.numbers
        }
    assert plan.points().numbers == (missing,)
    assert {(0,), (2,)} <= later, "the other parameters went on to further rounds"
    assert (1,) not in later, "and the one that waits did not"
    carried_out(plan, sharp)
    np.testing.assert_array_equal(plan.result(), directly(CalculusKit(sharp, X0), what, arguments))


CALLS = [
    (scalar, "gradient", {}),
    (scalar, "gradient", {"method": "finite"}),
    (scalar, "gradient", {"method": "finite", "stepsize": 1e-2, "num_points": 5}),
    (scalar, "gradient", {"method": Finite(stepsize=1e-3)}),
    (scalar, "gradient", {"max_evaluations": 40}),
    (walled, "gradient", {}),
    (scalar, "hessian", {}),
    (scalar, "hessian_diag", {}),
    (vector, "jacobian", {}),
    (vector, "jacobian", {"method": "complex_step"}),
    (vector, "hessian", {"method": "finite"}),
    (scalar, "hyper_hessian", {"method": "finite", "order": 3}),
    (scalar, "directional", {"method": "finite", "v": np.array([1.0, -1.0, 0.5])}),
    (scalar, "hvp", {"method": "finite", "v": [1.0, -1.0, 0.5]}),
    (scalar, "mixed", {"method": "finite", "indices": [0, 1]}),
]


@pytest.mark.parametrize(("function", "what", "arguments"), CALLS)
def test_a_plan_gives_the_bits_of_the_kit(function, what, arguments):
    if arguments.get("method") == "complex_step":
        function = complex_vector
    kit = CalculusKit(function, X0)
    expected = directly(kit, what, arguments)
    assert carried_out(kit.plan(what, **arguments), function).tobytes() == expected.tobytes()


def complex_vector(x):
    return np.array([np.exp(x[0]) * np.sin(x[1]), x[2] ** 2])


@pytest.mark.parametrize(("function", "what", "arguments"), CALLS)
def test_a_plan_survives_files_missing_values_and_any_order(tmp_path, function, what, arguments):
    if arguments.get("method") == "complex_step":
        function = complex_vector
    kit = CalculusKit(function, X0)
    expected = directly(kit, what, arguments)
    path = tmp_path / "plan.json"
    plan = kit.plan(what, **arguments)
    order = np.random.default_rng(1)
    while not plan.done:
        points = plan.points()
        known = order.permutation(len(points))[: order.integers(1, len(points) + 1)]
        plan.tell({points.numbers[i]: function(points[i]) for i in known})
        plan.save(path)
        plan = Plan.load(path)
    assert plan.result().tobytes() == expected.tobytes()


def test_a_result_carries_errors_and_costs_like_the_kits():
    kit = CalculusKit(scalar, X0)
    expected = kit.gradient_result()
    result = carried_out(kit.plan("gradient_result"), scalar)
    assert result.error.tobytes() == expected.error.tobytes()
    assert (result.nfev, result.method, result.names) == (
        expected.nfev,
        expected.method,
        expected.names,
    )


def test_the_points_are_a_table_with_numbers_that_stay(tmp_path):
    plan = Plan("gradient", {"mass": 0.5, "charge": 2.0})
    points = plan.points()
    assert points.shape == (len(points), 2)
    assert points.numbers == tuple(range(len(points)))
    assert points.names == ("mass", "charge")
    assert [0.5, 2.0] in points.tolist()
    for plain in (points[0], points[:, 1], points * 2, np.sin(points), next(iter(points))):
        assert type(plain) is np.ndarray
    frame = points.to_frame()
    assert frame.columns.tolist() == ["mass", "charge"]
    assert frame.index.name == "point"
    assert np.array_equal(frame.to_numpy(), points)
    path = tmp_path / "points.csv"
    points.to_csv(path)
    text = points.to_csv()
    assert path.read_text() == text
    lines = list(csv.reader(io.StringIO(text)))
    assert lines[0] == ["point", "mass", "charge"]
    assert [[float(v) for v in line[1:]] for line in lines[1:]] == points.tolist()
    loaded = np.loadtxt(path, delimiter=",", skiprows=1)
    assert loaded[:, 1:].tobytes() == np.asarray(points).tobytes()


def test_a_point_keeps_its_number_and_later_ones_go_on_counting():
    plan = CalculusKit(scalar, X0).plan()
    seen = []
    while not plan.done:
        points = plan.points()
        seen.append(set(points.numbers))
        plan.tell(
            [scalar(x) if k % 2 else None for k, x in zip(points.numbers, points, strict=True)]
        )
        if not plan.done:
            rest = plan.points()
            plan.tell([scalar(x) for x in rest])
    for before, after in pairwise(seen):
        assert max(before) < min(after)


def test_values_come_in_a_list_an_array_a_mapping_or_with_pandas():
    expected = CalculusKit(vector, X0).jacobian(method="finite")
    for told in (
        lambda points: np.array([vector(x) for x in points]),
        lambda points: {k: vector(x) for k, x in zip(points.numbers, points, strict=True)},
        lambda points: points.to_frame().apply(
            lambda row: pd.Series(vector(row.to_numpy())), axis=1
        ),
        lambda points: pd.Series([vector(x) for x in points], index=points.numbers),
        lambda points: pd.Series(  # as a merge of tables leaves the numbers
            [vector(x) for x in points], index=np.array(points.numbers, float)
        ),
    ):
        plan = CalculusKit(vector, X0).plan("jacobian", method="finite")
        while not plan.done:
            plan.tell(told(plan.points()))
        assert plan.result().tobytes() == expected.tobytes()


def test_an_exception_is_a_failed_value():
    expected = CalculusKit(walled, X0).gradient()

    def failing(x):
        value = walled(x)
        return ValueError("beyond the wall") if np.isnan(value) else value

    assert carried_out(Plan("gradient", X0), failing).tobytes() == expected.tobytes()


def test_nothing_told_changes_nothing():
    plan = Plan("gradient", X0)
    before = plan.points()
    after = plan.tell([None] * len(before))
    assert after.numbers == before.numbers
    assert plan.tell({}).numbers == before.numbers


def test_a_value_told_wrongly_can_be_told_again():
    plan = Plan("gradient", X0, method="finite")
    points = plan.points()
    plan.tell({points.numbers[0]: 1e9})
    plan.tell({k: scalar(x) for k, x in zip(points.numbers, points, strict=True)})
    expected = CalculusKit(scalar, X0).gradient(method="finite")
    assert carried_out(plan, scalar).tobytes() == expected.tobytes()


def test_labels_come_back_also_from_a_file(tmp_path):
    for x0 in ({"a": 0.7, "b": 2.0, "c": 0.03}, pd.Series(X0, index=["a", "b", "c"])):
        expected = CalculusKit(scalar, x0, call="array").gradient()
        Plan("gradient", x0).save(tmp_path / "plan.json")
        answer = carried_out(Plan.load(tmp_path / "plan.json"), scalar)
        assert type(answer) is type(expected)
        assert dict(answer) == dict(expected)


def test_bounds_and_scale_hold_and_are_saved(tmp_path):
    settings = {"bounds": [(0.7, 0.8), (None, 2.5), (0.0, 1.0)], "scale": [0.1, 1.0, 0.5]}
    expected = CalculusKit(scalar, X0, **settings).gradient()
    Plan("gradient", X0, **settings).save(tmp_path / "plan.json")
    plan = Plan.load(tmp_path / "plan.json")
    while not plan.done:
        points = plan.points()
        assert (points[:, 0] >= 0.7).all()
        plan.tell([scalar(x) for x in points])
    assert plan.result().tobytes() == expected.tobytes()


def test_what_the_kit_knows_of_parameters_and_outputs_is_saved(tmp_path):
    def f(x):
        return np.array([x["a"] ** 2 * x["b"][0], x["b"][1] * x["c"]])

    x0 = {"a": 0.7, "b": np.array([2.0, 3.0]), "c": 1.0}
    settings = {"bounds": {"c": (1.0, 1.0)}, "wrt": ["a", "b"], "accuracy": 1e-5, "period": 100.0}
    kit = CalculusKit(f, x0, **settings)
    plan, side = kit.plan("jacobian_result", side={"a": -1}), {"a": -1}
    while not plan.done:
        plan.tell([f({"a": a, "b": np.array([b0, b1]), "c": c}) for a, b0, b1, c in plan.points()])
        plan.save(tmp_path / "plan.json")
        plan = Plan.load(tmp_path / "plan.json")
    found, wanted = plan.result(), kit.jacobian_result(side=side)
    assert found.names == wanted.names
    np.testing.assert_array_equal(found.value, wanted.value)
    np.testing.assert_array_equal(found.error, wanted.error)
    assert found.labelled().keys() == wanted.labelled().keys()


def test_a_plan_of_a_kit_never_calls_its_function():
    def forbidden(x):
        raise AssertionError("called")

    kit = CalculusKit(forbidden, X0, executor="processes")
    assert carried_out(kit.plan("gradient", n_workers=2), scalar).shape == (3,)


def test_another_process_goes_on_with_the_file(tmp_path):
    path = tmp_path / "plan.json"
    plan = Plan("gradient", X0)
    plan.tell([scalar(x) for x in plan.points()])
    plan.save(path)
    script = f"""
import numpy as np
from derivkit import Plan
plan = Plan.load({str(path)!r})
while not plan.done:
    plan.tell([float(np.exp(x[0]) * np.sin(x[1]) + np.cos(x[2] * x[0])) for x in plan.points()])
print(plan.result().tobytes().hex())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == CalculusKit(scalar, X0).gradient().tobytes().hex()


def test_the_file_is_strict_json_even_with_nan(tmp_path):
    plan = Plan("gradient", X0)
    plan.tell([walled(x) for x in plan.points()])
    plan.save(tmp_path / "plan.json")

    def refuse(constant):
        raise AssertionError(constant)

    state = json.loads((tmp_path / "plan.json").read_text(), parse_constant=refuse)
    assert state["what"] == "gradient"
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]


@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        ([1.0], ValueError, r"must have \d+ entries, one for each row of points\(\), got 1"),
        ({"x": 1.0}, ValueError, "numbers of points, 0 to .*, got 'x'"),
        ({999: 1.0}, ValueError, "got 999"),
        ({0: "one"}, TypeError, "number"),
        (1.0, TypeError, r"must be a list or an array with one entry .*, got float"),
        (iter([1.0]), TypeError, "got list_iterator"),
    ],
)
def test_bad_values_are_refused_and_nothing_is_kept(values, error, text):
    plan = Plan("gradient", X0)
    before = plan.points().numbers
    with pytest.raises(error, match=text):
        plan.tell(values)
    assert plan.points().numbers == before


def test_a_vector_where_a_scalar_is_due_is_refused_and_can_be_told_again():
    plan = Plan("gradient", X0)
    points = plan.points()
    with pytest.raises(TypeError, match="scalar"):
        plan.tell([vector(x) for x in points])
    assert plan.points().numbers == points.numbers
    assert carried_out(plan, scalar).shape == (3,)


def test_a_function_undefined_at_x0_is_an_error_and_can_be_told_again():
    plan = Plan("gradient", X0)
    points = plan.points()
    with pytest.raises(ModelError, match="x0"):
        plan.tell([np.nan] * len(points))
    assert carried_out(plan, scalar).shape == (3,)


def test_a_result_before_its_time_is_refused():
    with pytest.raises(RuntimeError, match="still needs the values at"):
        Plan("gradient", X0).result()


def test_when_done_there_are_no_points():
    plan = Plan("gradient", X0)
    carried_out(plan, scalar)
    assert plan.points().shape == (0, 3)
    assert plan.points().to_csv() == "point,x[0],x[1],x[2]\n"


@pytest.mark.parametrize("what", ["gradiant", "plan", "_with", "checkpoint"])
def test_what_is_no_derivative_is_refused(what):
    with pytest.raises(ValueError, match="`what` must be one of"):
        Plan(what, X0)


@pytest.mark.parametrize("path", ["", ".", "/", "a\0b"])
def test_a_path_without_the_name_of_a_file_is_refused(path):
    for use in (Plan("gradient", X0).save, Plan.load):
        with pytest.raises(ValueError, match="`path` must be the name of a file"):
            use(path)


@pytest.mark.parametrize("content", ["", "[]", '{"format": "another"}', "\x00"])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(ValueError, match="`path` must be a plan's file"):
        Plan.load(tmp_path / "plan.json")


@pytest.mark.parametrize("path", ["", ".", "a\0b"])
def test_a_path_without_a_name_is_refused(path):
    with pytest.raises(ValueError, match="`path` must be the name of a file"):
        Plan("gradient", X0).save(path)


def test_a_method_that_cannot_be_saved_is_refused(tmp_path):
    class Own(Finite):
        pass

    plan = Plan("gradient", X0, method=Own())
    with pytest.raises(TypeError, match=r"plan with method = .* cannot be saved"):
        plan.save(tmp_path / "plan.json")


# -- working ahead, and many parameters -----------------------------------------------------


def sharp(x):
    return float(np.sin(9.0 * x[0]) + np.sin(9.0 * x[1]))


def followed(ahead):
    """The result, in how many submissions, and how many values were told."""
    plan, told, submissions = Plan("gradient_result", [1.0, 1.0]), 0, 0
    while not plan.done:
        points = plan.points(ahead=ahead)
        plan.tell({n: sharp(x) for n, x in zip(points.numbers, points, strict=True)})
        told, submissions = told + len(points), submissions + 1
    return plan.result(), submissions, told


def test_points_ahead_save_submissions_and_change_nothing():
    alone, rounds, calls = followed(0)
    result, submissions, told = followed(1)
    assert submissions < rounds
    assert told > calls
    assert result.value.tobytes() == alone.value.tobytes()
    assert result.error.tobytes() == alone.error.tobytes()


def test_points_ahead_come_behind_those_that_are_needed():
    plan = Plan("gradient", [1.0, 2.0])
    needed, ahead = plan.points(), plan.points(ahead=1)
    assert ahead.numbers[: len(needed)] == needed.numbers
    assert np.array_equal(np.asarray(ahead)[: len(needed)], np.asarray(needed))
    assert len(ahead) > len(needed)
    answer = plan.tell({n: sharp(x) for n, x in zip(needed.numbers, needed, strict=True)})
    assert len(answer) > 0
    with pytest.raises(ValueError, match="`ahead` must be 0 or 1, got 2"):
        plan.points(ahead=2)


def test_the_file_of_many_parameters_is_small_and_reads_back(tmp_path):
    x0 = np.linspace(1.0, 2.0, 300)
    plan = Plan("gradient", x0)
    points = plan.points()
    values = np.sin(np.asarray(points)).sum(axis=1)
    plan.tell(dict(zip(points.numbers[:-1], values[:-1].tolist(), strict=True)))
    plan.save(tmp_path / "plan.json")
    assert (tmp_path / "plan.json").stat().st_size < 1_000_000 / 2
    again = Plan.load(tmp_path / "plan.json")
    assert again.points().tolist() == plan.points().tolist()
    answer = again.tell([float(values[-1])])
    np.testing.assert_allclose(answer, np.cos(x0), rtol=1e-9, atol=1e-9)


def test_points_that_move_everything_are_kept_whole(tmp_path):
    plan = Plan("directional_result", [1.0, 2.0, -0.0], v=[1.0, 1.0, 1.0])
    plan.save(tmp_path / "plan.json")
    again = Plan.load(tmp_path / "plan.json")
    assert again.points().tobytes() == plan.points().tobytes()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda plan: pickle.loads(pickle.dumps(plan))])
def test_a_plan_and_its_points_are_copied_with_all_that_was_told(copied):
    plan = Plan("hessian", {"a": 0.7, "b": 2.0})
    points = plan.points()
    plan.tell(
        {n: a * np.sin(b) for n, (a, b) in list(zip(points.numbers, points, strict=True))[:3]}
    )
    twin, table = copied(plan), copied(points)
    assert (table.numbers, table.names, table.tolist()) == (
        points.numbers,
        ("a", "b"),
        points.tolist(),
    )
    assert twin.points().numbers == plan.points().numbers
    assert carried_out(twin, lambda x: x[0] * np.sin(x[1])) == carried_out(
        plan, lambda x: x[0] * np.sin(x[1])
    )


def test_a_plan_is_never_written_through_what_stands_there(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for name in ("plan.json.part", "plan.json"):
        (tmp_path / name).symlink_to(victim)
    Plan("gradient", [1.0]).save(tmp_path / "plan.json")
    assert victim.read_text() == "precious"
    assert (
        Plan.load(tmp_path / "plan.json").points().shape == Plan("gradient", [1.0]).points().shape
    )
    left = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(TypeError, match="cannot be saved"):
        Plan("gradient", [1.0], progress=print).save(tmp_path / "other.json")
    assert {path.name for path in tmp_path.iterdir()} == left


WRONG = [
    None,
    -1,
    1e400,
    "a",
    [],
    {},
    [1],
    {"array": [1.0], "shape": [3], "dtype": "<f8"},
    {"a": 1},
]


def test_a_plan_that_was_changed_anywhere_is_refused_in_one_sentence_or_is_a_plan(tmp_path):
    plan = Plan("gradient", {"a": 0.7, "b": 2.0}, method=Finite())
    plan.tell({0: 1.0})
    plan.save(tmp_path / "good.json")
    good, path, refused = (tmp_path / "good.json").read_text(), tmp_path / "bad.json", []
    for key in json.loads(good):
        for wrong in ("missing", *WRONG):
            state = json.loads(good)
            state[key] = wrong
            if wrong == "missing":
                del state[key]
            path.write_text(json.dumps(state))
            try:
                Plan.load(path).points()
            except ValueError as error:
                refused.append(str(error))
    assert len(refused) > 90
    assert all("`path`" in text and "\n" not in text for text in refused)


def test_a_name_that_a_spreadsheet_would_run_is_text_to_it():
    text = Plan("gradient", [1.0], names=["=cmd()"]).points().to_csv()
    assert text.splitlines()[0] == "point,'=cmd()"
