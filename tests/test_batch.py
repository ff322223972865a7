import tracemalloc

import numpy as np
import pandas as pd
import pytest

from derivkit import CalculusKit, ModelError, UnresolvedWarning, gradients


def smooth(x):
    return float(np.sin(x[0]) * np.exp(x[1]) + x[2] ** 3)


def waves(x):
    return np.array([np.sin(x[0] + x[1]), np.cos(x[2])])


POINTS = np.random.default_rng(2).uniform(0.5, 2.0, (12, 3))


@pytest.mark.parametrize("n_workers", [1, 2])
@pytest.mark.parametrize(
    ("function", "what", "arguments"),
    [
        (smooth, "gradient", {}),
        (smooth, "gradient", {"method": "finite"}),
        (smooth, "hessian", {"method": "finite"}),
        (waves, "jacobian", {}),
    ],
)
def test_many_points_give_the_bits_of_each_alone(n_workers, function, what, arguments):
    found = CalculusKit(function, POINTS[0]).at_many(what, POINTS, n_workers=n_workers, **arguments)
    for x0, value in zip(POINTS, found, strict=True):
        alone = getattr(CalculusKit(function, x0), what)(**arguments)
        assert value.tobytes() == alone.tobytes()


def test_gradients_are_one_array():
    found = gradients(smooth, POINTS, "finite", stepsize=1e-3, bounds=[(0, 3)] * 3)
    assert found.shape == (12, 3)
    alone = CalculusKit(smooth, POINTS[3], bounds=[(0, 3)] * 3)
    assert found[3].tobytes() == alone.gradient("finite", stepsize=1e-3).tobytes()


def test_results_carry_errors_and_what_each_would_have_cost_alone():
    found = CalculusKit(smooth, POINTS[0]).at_many("gradient_result", POINTS)
    for x0, result in zip(POINTS, found, strict=True):
        alone = CalculusKit(smooth, x0).gradient_result()
        assert result.error.tobytes() == alone.error.tobytes()
        assert (result.nfev, result.x0.tolist()) == (alone.nfev, x0.tolist())


def test_a_round_of_all_points_is_one_call_of_a_vectorised_function():
    sizes = []

    def model(x):
        sizes.append(len(x))
        return np.sin(x).sum(axis=1)

    kit = CalculusKit(model, POINTS[0], vectorized=True)
    alone = kit.gradient_result(method="finite").nfev
    rounds = len(sizes)
    sizes.clear()
    kit.at_many("gradient", POINTS, method="finite")
    assert len(sizes) <= 2 * rounds
    assert sum(sizes) >= 10 * alone


def test_a_point_that_several_need_is_evaluated_once():
    calls = []

    def model(x):
        calls.append(x)
        return smooth(x)

    kit = CalculusKit(model, POINTS[0])
    kit.gradient()
    alone = len(calls)
    calls.clear()
    found = kit.at_many("gradient", [POINTS[0]] * 5)
    assert len(calls) == alone
    assert all(value.tobytes() == found[0].tobytes() for value in found)


def test_each_point_has_its_own_budget():
    most = 40
    found = CalculusKit(smooth, POINTS[0]).at_many("gradient_result", POINTS, max_evaluations=most)
    assert all(result.nfev <= most for result in found)


def test_labelled_points_give_labelled_derivatives():
    kit = CalculusKit(smooth, {"a": 1.0, "b": 1.0, "c": 1.0}, call="array")
    assert list(kit.at_many("gradient", [{"a": 1.0, "b": 2.0, "c": 0.5}])[0]) == ["a", "b", "c"]
    frame = pd.DataFrame(POINTS, columns=["a", "b", "c"])
    found = kit.at_many("gradient", [row for _, row in frame.iterrows()])
    assert pd.DataFrame(found).shape == (12, 3)
    one, same = kit.at_many(
        "gradient", [{"a": 1.0, "b": 2.0, "c": 0.5}, {"b": 2.0, "a": 1.0, "c": 0.5}]
    )
    assert one == same
    with pytest.raises(ValueError, match=r"`points\[0\]` must be labelled a, b, c, got a, b, d"):
        kit.at_many("gradient", [{"a": 2.0, "b": 1.0, "d": 0.5}])


def test_the_first_point_is_named_like_the_others():
    for k in (0, 1):
        points = [[1.0, 2.0, 0.5], [1.0, 2.0, 0.5]]
        points[k][1] = np.nan
        with pytest.raises(ValueError, match=rf"`points\[{k}\]` must be finite"):
            gradients(smooth, points)


def fails(x):
    if x[0] > 1.5:
        raise OSError("no licence")
    return smooth(x)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_model_that_fails_at_one_point_is_an_error_that_names_it(n_workers):
    points = [[1.0, 1.0, 1.0], [1.7, 1.0, 1.0], [1.1, 1.0, 1.0]]
    with pytest.raises(ModelError, match="no licence") as caught:
        CalculusKit(fails, points[0]).at_many("gradient", points, n_workers=n_workers)
    assert caught.value.__notes__[-1] == "at points[1]"
    assert caught.value.x[0] > 1.5


def test_on_request_the_others_go_on():
    points = [[1.0, 1.0, 1.0], [1.7, 1.0, 1.0], [1.1, 1.0, 1.0]]
    first, failed, last = CalculusKit(fails, points[0]).at_many(
        "gradient", points, return_exceptions=True
    )
    assert isinstance(failed, ModelError)
    assert first.tobytes() == CalculusKit(smooth, points[0]).gradient().tobytes()
    assert last.tobytes() == CalculusKit(smooth, points[2]).gradient().tobytes()


def test_after_a_failure_no_further_point_is_called():
    calls = []

    def model(x):
        calls.append(x)
        return fails(x)

    with pytest.raises(ModelError):
        CalculusKit(model, POINTS[0]).at_many("gradient", [[1.7, 1.0, 1.0], *POINTS])
    assert len(calls) == 1


def test_where_the_others_go_on_a_call_that_has_failed_costs_no_more():
    calls = []

    def model(x):
        calls.append(x)
        return fails(x)

    points = [[1.7, 1.0, 1.0], [1.0, 1.0, 1.0]]
    kit = CalculusKit(model, points[0])
    kit.at_many("gradient", points, return_exceptions=True)
    assert sum(x[0] > 1.5 for x in calls) == 1


@pytest.mark.parametrize("n_workers", [1, 2])
@pytest.mark.parametrize(
    ("error", "shown"), [(OSError, ModelError), (KeyboardInterrupt, KeyboardInterrupt)]
)
def test_what_had_finished_when_it_was_cut_short_is_not_called_again(error, shown, n_workers):
    calls = []
    away = True

    def model(x):
        calls.append(x.tobytes())
        if away and len(calls) > 30:
            raise error("the licence server is away")
        return smooth(x)

    kit = CalculusKit(model, POINTS[0], executor="threads" if n_workers > 1 else None)
    with pytest.raises(shown):
        kit.at_many("gradient", POINTS, n_workers=n_workers)
    before, away = calls[:30], False
    calls.clear()
    found = kit.at_many("gradient", POINTS, n_workers=n_workers)
    # replies that were on their way when the failure came may be lost
    assert len(set(before) & set(calls)) <= (0 if n_workers == 1 else 3 * n_workers)
    np.testing.assert_array_equal(found, CalculusKit(smooth, POINTS[0]).at_many("gradient", POINTS))


def test_an_interrupt_of_many_says_how_many_are_kept(tmp_path):
    def model(x):
        if x[0] > 1.0:
            raise KeyboardInterrupt
        return smooth(x)

    points = [[0.5, 1.0, 1.0], [1.7, 1.0, 1.0]]
    kit = CalculusKit(model, points[0])
    with pytest.raises(KeyboardInterrupt) as caught:
        kit.at_many("gradient", points)
    assert len(caught.value.__notes__) == 1
    assert "finished evaluations are kept in the kit: the same call" in caught.value.__notes__[0]
    kit = CalculusKit(model, points[0], checkpoint=tmp_path / "run.db")
    with pytest.raises(KeyboardInterrupt) as caught:
        kit.at_many("gradient", points)
    assert "run.db: the same call goes on from there" in caught.value.__notes__[0]


def test_progress_counts_all_points_together():
    seen = []
    CalculusKit(smooth, POINTS[0]).at_many("gradient", POINTS, progress=seen.append)
    assert seen[-1].done == seen[-1].expected == len(seen)
    assert seen[0].waiting[0].startswith("points[")


def test_bad_points_are_refused_before_any_call():
    def forbidden(x):
        raise AssertionError("called")

    kit = CalculusKit(forbidden, [0.5, 0.5], bounds=[(0, 1), (0, 1)])
    for points, text in [
        ([[0.5, 0.5, 0.5]], "2 entries, got 3"),
        ([[0.5, 0.5], [0.5, 1.5]], "inside `bounds`"),
        ([[0.5, np.nan]], "finite"),
    ]:
        with pytest.raises(ValueError, match=text):
            kit.at_many("gradient", points)
    with pytest.raises(ValueError, match="at least one point"):
        gradients(forbidden, [])
    with pytest.raises(ValueError, match="did you mean 'gradient'"):
        kit.at_many("gradiant", [[0.5, 0.5]])
    assert kit.at_many("gradient", []) == []


# -- gradients in common rounds -------------------------------------------------------------


@pytest.mark.parametrize("n_workers", [1, 2])
@pytest.mark.parametrize("method", [None, "finite", "adaptive", "complex_step"])
def test_gradients_in_common_rounds_are_those_of_each_alone(method, n_workers, monkeypatch):
    monkeypatch.setattr("derivkit.batch.LINES_AT_ONCE", 15)  # five points at a time
    calls = []

    def model(x):
        calls.append(x.tobytes())
        return np.sin(3.0 * x[0]) * np.exp(x[1]) + x[2] ** 3

    settings = {"bounds": [(0, 2.5)] * 3, "scale": 1.0}
    executor = {"executor": "threads"} if n_workers > 1 else {}
    found = gradients(model, POINTS, method, n_workers=n_workers, **settings, **executor)
    together = sorted(calls)
    calls.clear()
    for x0, value in zip(POINTS, found, strict=True):
        alone = CalculusKit(model, x0, **settings).gradient(method)
        np.testing.assert_allclose(value, alone, rtol=1e-13)
    assert together == sorted(calls)


def test_gradients_of_a_vectorised_function_take_few_calls():
    sizes = []

    def model(x):
        sizes.append(len(x))
        return np.sin(x).sum(axis=1)

    points = np.linspace(0.5, 1.4, 300).reshape(100, 3)
    np.testing.assert_allclose(gradients(model, points, vectorized=True), np.cos(points), rtol=1e-9)
    assert sizes[0] == 100 * 9  # the first line of each, which shows the others the noise
    assert sum(sizes) == 100 * (3 * 8 + 1)
    assert len(sizes) <= 4


@pytest.mark.parametrize("points", [[0.5, 2.0, 0.5], np.array([[0.5], [2.0], [0.5]])])
def test_gradients_of_a_function_of_one_parameter_take_numbers(points):
    calls = []

    def model(x):
        calls.append(float(np.squeeze(x)))  # a number where the points are numbers
        return calls[-1] ** 2

    found = gradients(model, points)
    np.testing.assert_allclose(found, [[1.0], [4.0], [1.0]], rtol=1e-12)
    assert len(calls) == len(set(calls))


def test_gradients_at_a_point_that_comes_twice_are_evaluated_once():
    calls = []

    def model(x):
        calls.append(x.tobytes())
        return smooth(x)

    found = gradients(model, [POINTS[0], POINTS[1], POINTS[0]])
    assert len(calls) == len(set(calls)) == 2 * 25
    assert found[0].tolist() == found[2].tolist() != found[1].tolist()


@pytest.mark.parametrize("p", [1, 3])
@pytest.mark.parametrize("n_workers", [1, 2])
def test_gradients_say_at_which_point_the_model_failed(n_workers, p, monkeypatch):
    monkeypatch.setattr("derivkit.batch.LINES_AT_ONCE", 6)
    points = np.linspace(1.0, 1.7, 8)[:, None].repeat(p, axis=1)

    def model(x):
        if x[0] > 1.65:
            raise OSError("no licence")
        return (x**2).sum()

    with pytest.raises(ModelError, match="no licence") as caught:
        gradients(model, points, n_workers=n_workers, executor="threads" if n_workers > 1 else None)
    i = int(caught.value.__notes__[-1].removeprefix("at points[").removesuffix("]"))
    assert abs(caught.value.x[0] - points[i, 0]) < 0.1
    assert p == 1 or caught.value.x0.tolist() == points[i].tolist()


def test_gradients_that_are_unresolved_name_parameter_and_point():
    points = [[1.0, 2.0], [0.0, 2.0], [3.0, 4.0]]
    with pytest.warns(UnresolvedWarning, match=r"x\[0\] at points\[1\] is unresolved") as caught:
        found = gradients(lambda x: abs(x[0]) + x[1], points)
    assert caught[0].filename == __file__
    np.testing.assert_allclose(found[[0, 2]], 1.0, rtol=1e-12)


def test_gradients_must_be_of_a_scalar_function():
    with pytest.raises(TypeError, match="must return a scalar for a gradient"):
        gradients(waves, POINTS)
    with pytest.raises(ValueError, match=r"x0\[1\] = 9.0 outside"):
        gradients(lambda x: x.sum(), [[1.0, 1.0], [1.0, 9.0]], bounds=[(0, 2)] * 2)
    with pytest.raises(ValueError, match="2 entries, got 3"):
        gradients(lambda x: x.sum(), [[1.0, 1.0], [1.0, 1.0, 1.0]])


def test_memory_of_many_gradients_is_that_of_some(monkeypatch):
    monkeypatch.setattr("derivkit.batch.LINES_AT_ONCE", 600)

    def peak(n):
        points = np.linspace(0.5, 2.0, n)[:, None].repeat(3, axis=1)
        tracemalloc.start()
        gradients(lambda x: x.sum(axis=1), points, vectorized=True)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(2_000) < 1.5 * peak(500)
