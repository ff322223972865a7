"""The way of a call past a checkpoint: known points from the file, others written at once."""

import numpy as np
import pytest

from derivkit.engine.checkpoint import recording
from derivkit.engine.checkpoint.checkpoint import open_checkpoint
from derivkit.engine.checkpoint.recording import CheckpointBackend, open_memo
from derivkit.engine.model import Model

POINTS = [((i,), np.array([float(i)])) for i in range(6)]


def square(x):
    return float(x[0] ** 2)


def backend_of(path, calls):
    """A checkpoint before a backend that keeps which points reach it."""

    def plain(model, points, seconds):
        for key, x in points:
            calls.append(key[0])
            yield key, model.reply(x)

    return CheckpointBackend(open_checkpoint(path, square, version="1"), plain)


def test_points_that_the_file_holds_do_not_reach_the_backend(tmp_path):
    first, second = [], []
    done = dict(backend_of(tmp_path / "run.db", first)(Model(square), iter(POINTS[:4]), {}))
    again = dict(backend_of(tmp_path / "run.db", second)(Model(square), iter(POINTS), {}))
    assert first == [0, 1, 2, 3]
    assert second == [4, 5]
    assert again == done | {(4,): 16.0, (5,): 25.0}


def test_a_reply_is_in_the_file_before_it_is_passed_on(tmp_path):
    replies = backend_of(tmp_path / "run.db", [])(Model(square), iter(POINTS), {})
    key, _ = next(replies)
    other = []
    dict(backend_of(tmp_path / "run.db", other)(Model(square), iter(POINTS), {}))
    assert key[0] not in other
    replies.close()


def test_what_another_process_has_finished_meanwhile_is_not_called_again(tmp_path, monkeypatch):
    """Points are looked up some at a time, and those that come next once more."""
    monkeypatch.setattr(recording, "REFRESH", 0.0)
    one, other = [], []
    replies = backend_of(tmp_path / "run.db", one)(Model(square), iter(POINTS), {})
    done = dict([next(replies)])
    dict(backend_of(tmp_path / "run.db", other)(Model(square), iter(POINTS), {}))
    done |= dict(replies)
    assert sorted(one + other) == [0, 1, 2, 3, 4, 5]
    assert done == {(i,): float(i**2) for i in range(6)}


def test_an_interrupt_in_the_model_leaves_what_had_finished(tmp_path):
    def interrupted(model, points, seconds):
        for key, x in points:
            if key[0] == 3:
                raise KeyboardInterrupt
            yield key, model.reply(x)

    checkpoint = open_checkpoint(tmp_path / "run.db", square, version="1")
    with pytest.raises(KeyboardInterrupt):
        dict(CheckpointBackend(checkpoint, interrupted)(Model(square), iter(POINTS), {}))
    rest = []
    dict(backend_of(tmp_path / "run.db", rest)(Model(square), iter(POINTS), {}))
    assert rest == [3, 4, 5]


def test_a_memo_of_a_checkpoint_says_where_evaluations_are_kept(tmp_path):
    memo, checkpoint = open_memo(tmp_path / "run.db", square, version="1")
    assert memo.where == checkpoint.path == str(tmp_path / "run.db")
    assert isinstance(memo.route(lambda *_: iter(())), CheckpointBackend)
