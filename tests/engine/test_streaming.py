"""Lines go on at the pace of their own points; idle workers may work ahead; no answer changes."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from derivkit import CalculusKit, ModelError
from derivkit.engine.backends.serial import serial
from derivkit.engine.backends.threads import DaemonThreads, ThroughThreads
from derivkit.engine.checkpoint import recording
from derivkit.engine.evaluation import Evaluation
from derivkit.engine.memo import Memo
from derivkit.engine.model import Model
from derivkit.engine.points import AxisRay, ObliqueRay
from derivkit.engine.rounds import drive
from derivkit.engine.streaming import stream
from derivkit.methods.protocol import BudgetSpentError, Estimate, Wait

PATIENCE = 120.0  # seconds after which something that should happen is taken not to


class TwoRounds:
    """Asks for one step, and when it has been answered, for its double."""

    def solve(self, line, order):
        near = yield np.array([0.0, line.scale / 8])
        far = yield np.array([line.scale / 4])
        return Estimate((far[0] - near[0]) * 4 / line.scale, np.zeros(1))


def test_a_line_goes_on_while_another_still_waits():
    second_round_of_the_first = threading.Event()

    def model(x):
        if x[0] == 1.25:
            second_round_of_the_first.set()
        if x[1] == 1.125 and not second_round_of_the_first.wait(PATIENCE):
            raise RuntimeError("the first line has waited for the second")
        return x[0] + x[1]

    kit = CalculusKit(model, [1.0, 1.0], executor="threads")
    np.testing.assert_array_equal(kit.gradient(TwoRounds(), n_workers=3), [1.0, 1.0])


class PointByPoint:
    """Asks for one point after another, for other ones of each parameter."""

    def __init__(self, *places):
        self.places = places

    def solve(self, line, order):
        total = np.zeros(1)
        for t in self.places[int(line.origin)]:
            values = yield np.array([0.0, t])
            total = total + values[1]
        return Estimate(total, np.zeros(1))


def test_what_a_checkpoint_knows_waits_for_no_worker(tmp_path):
    fourth_round_of_the_first = threading.Event()

    def model(x):
        if x[0] == 1.0:
            fourth_round_of_the_first.set()
        if x[1] == 1.25 and not fourth_round_of_the_first.wait(PATIENCE):
            raise RuntimeError("the first line has waited for the second")
        return x[0] + x[1]

    options = {"checkpoint": tmp_path / "run.db", "version": "1"}
    known = CalculusKit(model, [0.0, 1.0], **options)
    known.gradient(PointByPoint([0.25, 0.5, 0.75], [0.0]))
    kit = CalculusKit(model, [0.0, 1.0], executor="threads", **options)
    kit.gradient(PointByPoint([0.25, 0.5, 0.75, 1.0], [0.25]), n_workers=2)
    assert kit.checkpoint.reused == 4
    assert kit.checkpoint.stored == 2


def test_what_another_run_has_written_meanwhile_is_not_called_again(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "REFRESH", -1.0)
    options = {"checkpoint": tmp_path / "run.db", "version": "1"}
    calls = []

    def model(x):
        calls.append(x[0])
        if x[0] == 0.25:
            CalculusKit(model, [0.0], **options).gradient(PointByPoint([0.5]))
        return x[0]

    kit = CalculusKit(model, [0.0], executor="threads", **options)
    kit.gradient(PointByPoint([0.25, 0.5]), n_workers=2)
    assert calls.count(0.5) == 1


def test_many_points_go_on_while_another_still_waits():
    second_round_of_the_first = threading.Event()

    def model(x):
        if x[0] == 1.25:
            second_round_of_the_first.set()
        if x[0] == 2.25 and not second_round_of_the_first.wait(PATIENCE):
            raise RuntimeError("the first point has waited for the second")
        return 3 * x[0]

    kit = CalculusKit(model, [1.0], executor="threads")
    found = kit.at_many("gradient", [[1.0], [2.0]], method=TwoRounds(), n_workers=3)
    np.testing.assert_array_equal(found, [[3.0], [3.0]])


# -- the same as in rounds, for solvers of all kinds ----------------------------------------


def asking(requests):
    """Return a solver that asks for these and returns the sum of what it is told."""

    def solver():
        total = 0.0
        for t in requests:
            values = yield np.array(t, dtype=float)
            assert values.shape == (len(t), 1)
            total += float(np.nansum(values))
        return total

    return solver()


def model(x):
    time.sleep(abs(np.sin(1e6 * x[0])) * 1e-3)  # replies come in any order
    return np.nan if x[1] > 2.5 else x[0] + 10 * x[1]


STEPS = st.lists(st.sampled_from([-1.0, 0.0, 1.0, 2.0]), max_size=3)
LINES = st.lists(st.lists(STEPS, max_size=4), min_size=1, max_size=5)
X0 = np.array([1.0, 1.0])
RAYS = [
    AxisRay(X0, 0, 1.0),
    AxisRay(X0, 1, 1.0),
    ObliqueRay(X0, (0, 1), np.array([1.0, 0.0]), np.full(2, -np.inf), np.full(2, np.inf)),
    ObliqueRay(X0, (0, 1), np.array([1.0, 1.0]), np.full(2, -np.inf), np.full(2, np.inf)),
]


@settings(max_examples=60, deadline=None)
@given(LINES, st.integers(1, 4), st.booleans())
def test_answers_and_costs_are_those_of_rounds(lines, workers, ahead):
    rays = [RAYS[k % len(RAYS)] for k in range(len(lines))]
    in_rounds = Evaluation(Model(model, (), False), rays, serial, Memo(), ("a", "b"))
    expected = drive(
        [asking(line) for line in lines], in_rounds, budget=None, refusal=BudgetSpentError
    )
    threads = ThroughThreads(DaemonThreads(workers), workers)
    streaming = Evaluation(Model(model, (), False), rays, threads, Memo(), ("a", "b"))
    likely = (lambda _: np.array([2.0, 5.0])) if ahead else None
    assert stream([asking(line) for line in lines], streaming, likely) == expected
    assert streaming.nfev_of == in_rounds.nfev_of
    assert streaming.undefined_of == in_rounds.undefined_of
    assert streaming.nfev >= in_rounds.nfev if ahead else streaming.nfev == in_rounds.nfev


def test_who_asks_for_nothing_goes_on_when_those_with_values_have_them_and_waits_for_no_call():
    told = []

    def rests(name, place):
        yield np.array([place])
        told.append(f"{name} has values")
        yield np.empty(0)
        told.append(f"{name} has rested")

    rays = [AxisRay(X0, i, 1.0) for i in (0, 1, 0)]
    threads = ThroughThreads(DaemonThreads(1), 1)
    evaluation = Evaluation(Model(model, (), False), rays, threads, Memo(), ("a", "b"))
    stream([rests("first", 0.0), rests("second", 1.0), rests("third", 0.0)], evaluation)
    assert told[:2] == ["first has values", "third has values"]  # of one call
    assert told[2:4] == ["first has rested", "third has rested"]
    assert told[4:] == ["second has values", "second has rested"]


def test_who_waits_for_others_goes_on_once_they_have_been_told_enough():
    told = []

    def first():
        for t in (1.0, 2.0, 3.0):
            told.extend((yield np.array([t])))

    def waits():
        yield lambda: len(told) >= 3
        return len(told)

    rays = [AxisRay(X0, i, 1.0) for i in (0, 1)]
    threads = ThroughThreads(DaemonThreads(1), 1)
    evaluation = Evaluation(Model(model, (), False), rays, threads, Memo(), ("a", "b"))
    assert stream([first(), waits()], evaluation) == [None, 3]


def test_what_will_be_asked_for_in_any_case_is_called_while_others_are_waited_for():
    early, told, calls = threading.Event(), [], []

    def model(x):
        calls.append(x.tolist())
        if x[1] == 1.5:
            early.set()
        if x[0] == 2.0 and not early.wait(PATIENCE):
            raise RuntimeError("the second line has waited for the first")
        return x[0] + x[1]

    def first():
        told.append((yield np.array([1.0])))

    def second():
        yield Wait(lambda: bool(told), meanwhile=np.array([0.5]))
        return (yield np.array([0.5, 0.75])).ravel().tolist()

    x0 = np.array([1.0, 1.0])
    rays = [AxisRay(x0, i, 1.0) for i in (0, 1)]
    threads = ThroughThreads(DaemonThreads(2), 2)
    evaluation = Evaluation(Model(model, (), False), rays, threads, Memo(), ("a", "b"))
    assert stream([first(), second()], evaluation) == [None, [2.5, 2.75]]
    assert len(calls) == 4  # x0 among them
    assert evaluation.nfev_of == [1, 2]


def test_who_waits_for_nobody_goes_on_in_the_end_and_may_ask_for_more():
    def waits():
        yield lambda: False
        return (yield np.array([0.5])).tolist()

    def other():
        yield np.array([1.0])

    for i, solvers in enumerate([[waits(), other()], [other(), waits()]]):
        rays = [AxisRay(X0, k, X0[k]) for k in (0, 1)]
        threads = ThroughThreads(DaemonThreads(1), 1)
        evaluation = Evaluation(Model(model, (), False), rays, threads, Memo(), ("a", "b"))
        assert stream(solvers, evaluation)[i] == [[model(X0 + 0.5 * np.eye(len(X0))[i])]]


# -- working ahead --------------------------------------------------------------------------


def wiggly(x):
    return np.sin(9.0 * x[0])  # the first ladder is too wide: a second round


def noisy(x):
    return np.sin(x[0]) + 1e-6 * np.sin(1e9 * x[0] * x[0])


@pytest.mark.parametrize("f", [wiggly, noisy])
def test_speculation_changes_no_bit_and_no_count_of_a_parameter(f):
    alone = CalculusKit(f, [1.0]).gradient_result()
    ahead = CalculusKit(f, [1.0], executor="threads", speculate=True)
    found = ahead.gradient_result(n_workers=16)
    for name in ("value", "error", "status", "nfev_per_parameter", "step", "noise"):
        np.testing.assert_array_equal(getattr(found, name), getattr(alone, name))
    assert found.nfev >= alone.nfev


def all_at_once(f, calls, patience=PATIENCE):
    """Return f, none of whose first calls returns before so many run; and the later calls."""
    meet = threading.Barrier(calls)
    met = threading.Event()
    later = []

    def held(x):
        if met.is_set():
            later.append(x)
        else:
            meet.wait(patience)
            met.set()
        return f(x)

    return held, later


def test_idle_workers_work_ahead_if_they_may_and_spare_the_second_round():
    f, later = all_at_once(wiggly, 21)
    kit = CalculusKit(f, [1.0], executor="threads", speculate=True)
    assert kit.gradient_result(n_workers=21).success
    assert later == []
    assert CalculusKit(wiggly, [1.0]).gradient_result().nfev > 9


def test_idle_workers_stay_idle_unless_they_may_work_ahead():
    f, _ = all_at_once(wiggly, 10, patience=0.2)
    kit = CalculusKit(f, [1.0], executor="threads")
    with pytest.raises(ModelError, match="BrokenBarrierError"):
        kit.gradient(n_workers=16)


def test_with_fewer_workers_than_points_no_call_is_spent():
    alone = CalculusKit(np.prod, [1.0, 2.0]).gradient_result()
    kit = CalculusKit(np.prod, [1.0, 2.0], executor="threads", speculate=True)
    assert kit.gradient_result(n_workers=1).nfev == alone.nfev


def breaks_far_away(x):
    if abs(x[0] - 1.0) > 0.1:
        raise RuntimeError("outside of what the simulator can do")
    return np.sin(x[0])


def test_a_failure_where_nobody_asked_is_nobodys_failure():
    kit = CalculusKit(breaks_far_away, [1.0], executor="threads", speculate=True)
    result = kit.gradient_result(n_workers=20)
    assert result.value == pytest.approx(np.cos(1.0), abs=1e-12)


def test_a_failure_ahead_is_told_once_the_method_gets_there():
    def fails_near(x):
        if 0 < abs(x[0] - 1.0) < 0.007:
            raise RuntimeError("the simulator has a hole there")
        return np.sin(9.0 * x[0])

    with pytest.raises(ModelError, match="hole"):
        CalculusKit(fails_near, [1.0], errors="raise").gradient()
    kit = CalculusKit(fails_near, [1.0], executor="threads", speculate=True, errors="raise")
    with pytest.raises(ModelError, match="hole"):
        kit.gradient(n_workers=16)


def test_spare_calls_are_not_waited_for():
    def endless_far_away(x):
        if abs(x[0] - 1.0) > 0.1:
            time.sleep(600)
        return float(np.sin(x[0]))

    kit = CalculusKit(endless_far_away, [1.0], speculate=True)
    start = time.monotonic()
    assert kit.gradient(n_workers=14)[0] == pytest.approx(np.cos(1.0), abs=1e-12)
    assert time.monotonic() - start < 300


def test_speculate_is_true_or_false():
    with pytest.raises(TypeError, match="`speculate` must be True or False, got 2"):
        CalculusKit(wiggly, [1.0], speculate=2)


def test_the_last_call_that_was_wanted_is_told_of_though_others_are_ended():
    told = []
    kit = CalculusKit(wiggly, [1.0], executor="threads", speculate=True)
    expected = CalculusKit(wiggly, [1.0]).gradient_result().nfev
    found = kit.gradient_result(n_workers=12, progress=told.append)
    assert told[-1].done == found.nfev >= expected


def test_a_model_that_need_not_be_called_need_not_be_sent_either():
    lock = threading.Lock()

    def model(x):
        with lock:
            return np.sin(x[0])

    kit = CalculusKit(model, [1.0])
    alone = kit.gradient()
    np.testing.assert_array_equal(kit.gradient(n_workers=2), alone)


@pytest.mark.parametrize(("executor", "n"), [(None, 1), ("threads", 2)])
def test_an_interrupt_while_a_method_thinks_says_what_is_kept(executor, n):
    class Interrupted:
        def solve(self, line, order):
            yield np.array([0.0, 0.5])
            raise KeyboardInterrupt

    kit = CalculusKit(np.prod, [1.0], executor=executor)
    with pytest.raises(KeyboardInterrupt) as caught:
        kit.gradient(Interrupted(), n_workers=n)
    assert "2 finished evaluations are kept in the kit" in caught.value.__notes__[0]
