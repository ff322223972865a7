import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

from derivkit import (
    CalculusKit,
    CheckpointError,
    CheckpointMismatchError,
    CheckpointWarning,
    ModelError,
)
from derivkit.engine.checkpoint import checkpoint as checkpoints, store
from derivkit.engine.checkpoint.checkpoint import open_checkpoint
from derivkit.engine.checkpoint.rows import bytes_of, output_of
from derivkit.engine.checkpoint.store import journal
from derivkit.engine.points import place_of, point_at

X0 = np.array([0.5, 2.0, -1.5])


def smooth(x):
    return float(np.sin(x[0]) + x[1] ** 2 * np.exp(x[2]))


class Counted:
    """A model that counts its calls where derivkit does not look."""

    def __init__(self, function=smooth):
        self.function = function

    def __call__(self, x):
        COUNTS[self.function] = COUNTS.get(self.function, 0) + 1
        return self.function(x)

    @property
    def calls(self):
        return COUNTS.get(self.function, 0)


COUNTS = {}


@pytest.fixture(autouse=True)
def fresh_counts():
    COUNTS.clear()


def kit_on(path, function=smooth, x0=X0, **settings):
    """Return a kit whose model may grow state, vouched for by its version."""
    return CalculusKit(function, x0, checkpoint=path, **{"version": "1", **settings})


def rows(path, columns="*"):
    with sqlite3.connect(path) as connection:
        found = connection.execute(f"select {columns} from evaluation order by id").fetchall()
    connection.close()
    return found


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.db"


@pytest.mark.parametrize("settings", [{}, {"method": "finite"}, {"max_evaluations": 40}])
def test_a_second_kit_calls_nothing_and_gives_the_same_bits(path, settings):
    model = Counted()
    first = kit_on(path, model).gradient_result(**settings)
    calls = model.calls
    again = kit_on(path, model)
    second = again.gradient_result(**settings)
    plain = CalculusKit(smooth, X0).gradient_result(**settings)
    assert model.calls == calls == again.checkpoint.reused
    for result in (second, plain):
        assert result.value.tobytes() == first.value.tobytes()
        assert result.error.tobytes() == first.error.tobytes()
        assert result.nfev == first.nfev


@pytest.mark.parametrize("resumed", [1, 2])
def test_another_number_of_workers_reuses_all(path, resumed):
    first = kit_on(path).gradient(n_workers=3 - resumed)
    again = kit_on(path)
    assert again.gradient(n_workers=resumed).tobytes() == first.tobytes()
    assert again.checkpoint.stored == 0


def test_another_order_or_method_reuses_the_points_that_coincide(path):
    fresh = CalculusKit(smooth, X0).hessian_diag_result(method="finite")
    kit_on(path).gradient(method="finite")
    again = kit_on(path)
    reused = again.hessian_diag_result(method="finite")
    assert reused.value.tobytes() == fresh.value.tobytes()
    assert again.checkpoint.reused > 0
    assert again.checkpoint.stored == fresh.nfev - again.checkpoint.reused


def test_a_kit_whose_file_another_model_has_taken_over_is_not_given_that_ones_values(path):
    def another(x):
        return 100.0 * smooth(x)

    kit_on(path, version="one").hessian()
    kit = kit_on(path, version="one")
    kit.gradient()  # now it knows which evaluations the file has
    kit_on(path, another, version="two", checkpoint_mismatch="discard").hessian()
    alone = CalculusKit(smooth, X0)
    alone.gradient()
    with pytest.warns(CheckpointWarning, match="a row has gone"):
        found = kit.hessian()
    assert found.tobytes() == alone.hessian().tobytes()


def test_another_x0_reuses_a_point_that_was_evaluated_on_the_way(path):
    kit_on(path).gradient()
    on_the_way = point_at(rows(path, "x")[-1][0])
    assert not np.array_equal(on_the_way, X0)
    there = kit_on(path, x0=on_the_way)
    there.gradient()
    assert there.checkpoint.reused >= 1


def test_every_evaluation_is_in_the_file_before_the_next_begins(path):
    seen = []

    def model(x):
        seen.append(len(rows(path)))
        return smooth(x)

    kit_on(path, model).gradient()
    assert seen == list(range(len(seen)))


def test_a_model_that_breaks_half_way_loses_nothing(path):
    def broken(x):
        if len(rows(path, "id")) == 7:
            raise OSError("the licence server is away")
        return smooth(x)

    with pytest.raises(ModelError, match="licence server"):
        kit_on(path, broken).gradient()
    mended = kit_on(path, Counted())
    assert mended.gradient().tobytes() == CalculusKit(smooth, X0).gradient().tobytes()
    assert mended.checkpoint.reused == 7
    assert (
        "failed",
        "OSError: the licence server is away",
    ) in rows(path, "status, message")


def test_a_kit_may_be_used_in_several_threads_at_once(path):
    kit = kit_on(path)
    expected = CalculusKit(smooth, X0).gradient().tobytes()
    begin = threading.Barrier(6)
    found = []

    def in_a_thread():
        begin.wait(60)
        found.append(kit.gradient().tobytes())

    threads = [threading.Thread(target=in_a_thread) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 6
    assert kit.checkpoint.unsaved == 0


def test_an_interrupted_run_says_where_its_evaluations_are(path):
    def interrupted(x):
        if len(rows(path, "id")) == 5:
            raise KeyboardInterrupt
        return smooth(x)

    with pytest.raises(KeyboardInterrupt) as caught:
        kit_on(path, interrupted).gradient()
    assert f"5 finished evaluations are kept in {path}" in caught.value.__notes__[0]
    assert len(rows(path)) == 5


def test_a_place_where_the_model_raised_is_asked_again_and_one_with_nan_is_not(path):
    def wall(x):
        if x[0] < 0.02:
            raise ValueError("negative")
        return float(np.sqrt(x[0] - 0.02) if x[0] < 1 else np.nan)

    kit = kit_on(path, wall, x0=[0.0201])
    first = kit.gradient()
    statuses = [status for (status,) in rows(path, "status")]
    assert "failed" in statuses
    again = kit_on(path, wall, x0=[0.0201])
    assert again.gradient().tobytes() == first.tobytes()
    assert again.checkpoint.stored == statuses.count("failed")


@pytest.mark.parametrize("output", ["array", "matrix", "complex"])
def test_outputs_of_any_shape_come_back_to_the_bit(path, output):
    def model(x):
        if output == "complex":
            return np.sin(x[0]) * np.exp(x[1])
        return np.array([np.sin(x), x**3]) if output == "matrix" else np.sin(x)

    what = "gradient" if output == "complex" else "jacobian"
    method = "complex_step" if output == "complex" else None
    first = getattr(kit_on(path, model), what)(method=method)
    again = kit_on(path, model)
    assert getattr(again, what)(method=method).tobytes() == first.tobytes()
    assert again.checkpoint.stored == 0


def test_a_vectorised_model_is_asked_only_for_what_is_missing(path):
    asked = []

    def model(x):
        asked.append(len(x))
        return np.sin(x).sum(axis=1)

    kit_on(path, model, vectorized=True).gradient(method="finite")
    first = sum(asked)
    kit_on(path, model, vectorized=True).hessian_diag(method="finite")
    assert sum(asked) == len(rows(path))
    kit_on(path, model, vectorized=True).gradient(method="finite")
    assert sum(asked) == len(rows(path)) > first


def test_many_points_go_through_one_checkpoint(path):
    points = np.linspace(0.5, 1.5, 12).reshape(4, 3)
    first = kit_on(path).at_many("gradient", points)
    again = kit_on(path)
    assert np.array_equal(again.at_many("gradient", points), first)
    assert again.checkpoint.stored == 0


def make(a):
    return lambda x: float(a * x[0] ** 2)


def test_a_changed_model_is_refused_before_any_call_and_told_what_changed(path):
    CalculusKit(make(2), [1.0], checkpoint=path).gradient()
    before = rows(path)
    with pytest.raises(CheckpointMismatchError, match=r"changed: captured a.*'discard'.*'trust'"):
        CalculusKit(make(3), [1.0], checkpoint=path)
    assert rows(path) == before


def test_a_changed_model_may_discard_what_is_there(path):
    CalculusKit(make(2), [1.0], checkpoint=path).gradient()
    kit = CalculusKit(make(3), [1.0], checkpoint=path, checkpoint_mismatch="discard")
    assert kit.gradient() == pytest.approx([6.0])
    assert kit.checkpoint.reused == 0
    assert CalculusKit(make(3), [1.0], checkpoint=path).gradient() == pytest.approx([6.0])
    with pytest.raises(CheckpointMismatchError):
        CalculusKit(make(2), [1.0], checkpoint=path)


def test_a_changed_model_may_be_trusted_from_then_on(path):
    CalculusKit(make(2), [1.0], checkpoint=path).gradient()
    same_by_another_way = lambda x: float(x[0] ** 2 + x[0] ** 2)
    for mismatch in ("trust", "refuse"):
        kit = CalculusKit(same_by_another_way, [1.0], checkpoint=path, checkpoint_mismatch=mismatch)
        assert kit.gradient() == pytest.approx([4.0])
        assert kit.checkpoint.stored == 0


def test_a_version_vouches_for_a_model_and_another_version_is_another_model(path):
    kit_on(path, make(2), [1.0], version="a").gradient()
    kit = kit_on(path, make(2.0), [1.0], version="a")
    kit.gradient()
    assert kit.checkpoint.stored == 0
    with pytest.raises(CheckpointMismatchError, match="changed: version"):
        kit_on(path, make(2), [1.0], version="b")


def test_a_log_or_cache_that_grows_while_derivkit_calls_does_not_make_another_model(path):
    cache, log, scale = {}, {}, {"a": 1.0}

    def model(x):
        log.setdefault("x", []).append(x)
        return scale["a"] * cache.setdefault(x.tobytes(), smooth(x))

    first = CalculusKit(model, X0, checkpoint=path).gradient()
    calls = len(log["x"])
    again = CalculusKit(model, X0, checkpoint=path)
    assert again.gradient().tobytes() == first.tobytes()
    assert len(log["x"]) == calls
    scale["a"] = 2.0  # by the user, not by the model
    with pytest.raises(CheckpointMismatchError, match="captured scale"):
        CalculusKit(model, X0, checkpoint=path)


def test_a_discarding_kit_does_not_mix_with_one_that_still_writes(path):
    old = CalculusKit(make(2), [1.0], checkpoint=path)
    new = CalculusKit(make(3), [1.0], checkpoint=path, checkpoint_mismatch="discard")
    assert old.gradient() == pytest.approx([4.0])
    assert new.gradient() == pytest.approx([6.0])
    assert CalculusKit(make(3), [1.0], checkpoint=path).gradient() == pytest.approx([6.0])


def test_nothing_in_the_file_is_executed_or_trusted_beyond_numbers(path):
    kit_on(path).gradient()
    with sqlite3.connect(path) as connection:
        connection.execute("update evaluation set dtype = 'O'")
    connection.close()
    kit = kit_on(path)
    with pytest.warns(match="a row has changed: its checksum is another"):
        gradient = kit.gradient()
    assert gradient.tobytes() == CalculusKit(smooth, X0).gradient().tobytes()


@pytest.mark.parametrize(
    ("value", "shape", "dtype"),
    [(b"\0" * 8, "2", "<f8"), (b"\0" * 16, "", "<f8"), (b"\0" * 8, "", "|O"), (b"", "", "<f8")],
)
def test_a_row_that_does_not_fit_its_shape_is_refused(value, shape, dtype):
    with pytest.raises(ValueError, match="numbers"):
        output_of(value, shape, dtype)


@pytest.mark.parametrize(
    "output", [1.5, -0.0, np.nan, np.inf, 1 + 2j, np.arange(6.0).reshape(2, 3), np.array([1j])]
)
def test_an_output_survives_a_row(output):
    back = output_of(*bytes_of(output))
    assert type(back) is type(output)
    assert np.asarray(back).tobytes() == np.asarray(output).tobytes()
    assert np.shape(back) == np.shape(output)


def test_a_place_is_exact_and_minus_zero_is_zero():
    assert place_of(np.array([0.0, 1.0])) == place_of(np.array([-0.0, 1.0]))
    assert place_of(np.array([1.0])) != place_of(np.array([np.nextafter(1.0, 2.0)]))
    assert place_of(np.array([1.0, 0.0])) != place_of(np.array([1.0 + 0j]))
    for x in (np.array([1.0, 2.0]), np.array([1.0 + 2.0j])):
        assert point_at(place_of(x)).tolist() == x.tolist()


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"checkpoint": 3}, TypeError, "`checkpoint` must be the name of a file, got 3"),
        ({"checkpoint_mismatch": "ignore"}, ValueError, "must be one of refuse, discard, trust"),
        ({"version": 2}, TypeError, "`version` must be a string, got 2"),
    ],
)
def test_wrong_settings_are_refused(path, settings, error, text):
    with pytest.raises(error, match=text):
        CalculusKit(smooth, X0, **{"checkpoint": path, **settings})


def test_where_the_write_ahead_log_cannot_work_the_older_journal_is_used(tmp_path):
    name = (tmp_path / "dotfile.db").as_uri()
    connection = sqlite3.connect(f"{name}?vfs=unix-dotfile", uri=True, isolation_level=None)
    connection.execute("create table t (x)")
    assert journal(connection, on_network=False) == "full"
    assert connection.execute("pragma journal_mode").fetchone() == ("delete",)
    connection.close()


def test_on_a_network_file_system_the_older_journal_is_used(path, monkeypatch):
    monkeypatch.setattr(store, "NETWORK", frozenset({store_kind(path)}))
    kit = kit_on(path)
    kit.gradient()
    assert not path.with_name("run.db-wal").exists()
    assert len(rows(path)) == kit.checkpoint.stored > 0


def store_kind(path):
    """Return the kind of file system that a path is on."""
    kinds = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        kinds[line.split()[1]] = line.split()[2]
    return next(kinds[str(p)] for p in path.resolve().parents if str(p) in kinds)


def test_a_write_costs_a_row_and_no_more(path):
    checkpoint = open_checkpoint(path, smooth)
    for i in range(100):
        checkpoint.keep(place_of(np.array([float(i)])), 1.0)
    assert checkpoint.stored == 100
    assert checkpoint.find(place_of(np.array([99.0]))) == 1.0
    assert checkpoint.find(place_of(np.array([100.0]))) is None


def test_points_whose_hashes_collide_cost_an_evaluation_and_no_wrong_value(path, monkeypatch):
    monkeypatch.setattr(checkpoints, "hash", lambda _: 1, raising=False)
    checkpoint = open_checkpoint(path, smooth)
    one, other = (place_of(np.array([x])) for x in (1.0, 2.0))
    checkpoint.keep(one, 10.0)
    checkpoint.keep(other, 20.0)
    assert checkpoint.find(other) == 20.0
    with pytest.warns(match="that point is evaluated again"):
        assert checkpoint.find(one) is None


def test_an_error_names_the_file(tmp_path):
    with pytest.raises(CheckpointError, match=r"existing folder.*no_such"):
        kit_on(tmp_path / "no_such" / "run.db")
