"""Progress of a call: what a callback, the bar and the log are told; nobody is by default."""

import io
import itertools
import logging
from functools import partial

import numpy as np
import pytest

from derivkit import CalculusKit, ModelError
from derivkit.engine.progress import Progress, _Bar


def f(theta):
    return np.sin(theta[0]) + theta[1] ** 2


def test_a_callback_is_told_after_every_call_and_counts_them_all():
    told = []
    result = CalculusKit(f, {"H0": 0.5, "ns": 2.0}, call="array").gradient_result(
        progress=told.append
    )
    assert [p.done for p in told] == list(range(1, result.nfev + 1))
    assert told[-1].expected == result.nfev
    assert told[-1].waiting == ()
    assert {name for p in told for name in p.waiting} <= {"x0", "H0", "ns"}


def test_the_parameter_with_most_calls_to_come_is_named_first():
    waiting = Progress(2, 9, 1, 1.0, ("ns", "H0"))
    assert str(waiting) == "2/9 calls, round 1, waiting for ns, H0"
    assert waiting.rate == 2.0


def test_points_that_are_known_already_are_not_waited_for():
    kit = CalculusKit(f, [0.5, 2.0])
    kit.gradient()
    told = []
    kit.gradient(progress=told.append)
    assert told == []


def test_workers_are_watched_too():
    told = []
    result = CalculusKit(f, [0.5, 2.0]).gradient_result(n_workers=2, progress=told.append)
    assert told[-1].done == result.nfev


def test_the_bar_shows_calls_and_rate_on_standard_error(capsys):
    CalculusKit(f, [0.5, 2.0]).gradient(progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "gradient: 100%" in err
    assert "call/s" in err


def test_nothing_is_shown_and_nothing_is_logged_by_default(capsys, caplog):
    CalculusKit(f, [0.5, 2.0]).gradient()
    assert capsys.readouterr() == ("", "")
    assert caplog.records == []


def test_the_log_tells_of_the_call_and_in_detail_of_its_rounds(caplog):
    with caplog.at_level(logging.DEBUG, logger="derivkit"):
        result = CalculusKit(f, {"H0": 0.5, "ns": 2.0}, call="array").gradient_result()
    whole = [r.getMessage() for r in caplog.records if r.levelno == logging.INFO]
    assert len(whole) == 1
    assert whole[0].startswith(f"gradient: {result.nfev} calls in ")
    rounds = [r.getMessage() for r in caplog.records if r.levelno == logging.DEBUG]
    assert rounds[0].startswith("round 1: ")
    assert "H0" in rounds[0]


@pytest.mark.parametrize("progress", ["yes", 1.5, []])
def test_another_kind_of_progress_is_refused_before_any_call(progress):
    calls = []
    with pytest.raises(TypeError, match="`progress` must be True, False or a callable"):
        CalculusKit(calls.append, [1.0]).gradient(progress=progress)
    assert calls == []


def test_the_bar_is_closed_when_the_model_fails(capsys):
    with pytest.raises(ModelError):
        CalculusKit(lambda _: {}["no"], [1.0]).gradient(progress=True)
    assert "gradient" in capsys.readouterr().err


@pytest.mark.parametrize("waiting", [(), ("x[3]", "x[4]", "x[5]", "x[6]"), ("a_long_name_of_one",)])
def test_a_bar_of_many_calls_has_room_in_80_columns(waiting, monkeypatch):
    tqdm = pytest.importorskip("tqdm").tqdm
    monkeypatch.setattr("tqdm.std._screen_shape_wrapper", lambda: lambda _: (80, 24))
    monkeypatch.setattr("tqdm.std.time", itertools.count(1.0).__next__)  # 140 calls in a second
    shown = io.StringIO()
    bar = _Bar(partial(tqdm, file=shown, mininterval=0, ascii=True), "gradient")
    bar.show(Progress(10, 161, 1, 1.0, waiting))
    bar.show(Progress(150, 161, 1, 9.0, waiting))
    line = shown.getvalue().split("\r")[-1]
    assert line.count("#") >= 6
    assert ", ]" not in line
    bar.close()
