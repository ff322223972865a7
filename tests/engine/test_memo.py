"""The memo: every point once, for all calls of a kit, and where missing ones come from."""

import numpy as np

from derivkit import CalculusKit
from derivkit.engine.backends.serial import serial
from derivkit.engine.evaluation import Evaluation
from derivkit.engine.memo import ForwardingMemo, Memo
from derivkit.engine.model import Model
from derivkit.engine.points import AxisRay

X0 = np.array([1.0])
RAY = AxisRay(X0, 0, 1.0)


def ask(memo, calls, t):
    def f(x):
        calls.append(x.tolist())
        return float(x[0])

    evaluation = Evaluation(Model(f), [RAY], serial, memo, ["a"])
    return evaluation.ask({0: np.array(t)})[0].ravel().tolist()


def test_a_point_in_the_memo_is_not_called_again_by_a_later_evaluation():
    memo, calls = Memo(), []
    ask(memo, calls, [1.0])
    assert ask(memo, calls, [1.0, 2.0]) == [2.0, 3.0]
    assert calls == [[1.0], [2.0], [3.0]]  # x0 comes first


def test_seconds_are_noted_for_every_call():
    memo = Memo()
    ask(memo, [], [1.0, 2.0])
    assert memo.seconds.keys() == memo.keys()
    assert all(0 <= s < 60 for s in memo.seconds.values())


def test_what_a_forwarding_memo_misses_goes_the_way_it_says():
    def ten_times(model, points, seconds):
        for key, x in points:
            yield key, 10.0 * x[0]

    calls = []
    memo = ForwardingMemo(lambda _: ten_times, where="elsewhere")
    assert ask(memo, calls, [1.0]) == [20.0]
    assert calls == []
    assert memo.where == "elsewhere"


def test_a_plain_memo_leaves_the_backend_as_it_was_chosen():
    assert Memo().route(serial) is serial


def test_two_kits_share_nothing():
    calls = []

    def f(x):
        calls.append(1)
        return x[0] ** 2

    for _ in range(2):
        CalculusKit(f, [1.0]).gradient("finite", stepsize=0.5, num_points=3)
    first, second = len(calls) // 2, len(calls) - len(calls) // 2
    assert first == second > 0
