"""When the time is up no further call is begun, and what is known is answered honestly."""

import threading

import numpy as np
import pytest

from derivkit import CalculusKit, Status, UnresolvedWarning
from derivkit.calculus import driver
from derivkit.engine import evaluation
from derivkit.engine.backends.pools import AHEAD

X0 = np.linspace(0.5, 2.0, 12)


class Clock:
    """Stands for the module `time`: a clock that only the model's calls move."""

    def __init__(self):
        self.now, self._lock = 0.0, threading.Lock()

    def monotonic(self):
        return self.now

    def go_on(self, seconds):
        with self._lock:
            self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (driver, evaluation):
        monkeypatch.setattr(module, "time", clock)
    return clock


class Slow:
    def __init__(self, clock=None, seconds=0.0):
        self.clock, self.seconds, self.calls = clock, seconds, 0

    def __call__(self, x):
        self.calls += 1
        if self.clock is not None:
            self.clock.go_on(self.seconds)
        return float(np.sin(x).sum())


@pytest.mark.parametrize("n_workers", [1, 3])
@pytest.mark.parametrize("method", [None, "finite", "adaptive"])
def test_what_was_not_reached_is_unknown_and_the_rest_is_right(n_workers, method, clock):
    model = Slow(clock, 0.05)
    kit = CalculusKit(model, X0, executor="threads" if n_workers > 1 else None)
    with pytest.warns(UnresolvedWarning):
        result = kit.gradient_result(method, n_workers=n_workers, max_seconds=0.4)
    assert 8 <= model.calls <= 9 + n_workers * AHEAD  # those had been handed out
    known = np.isfinite(result.error)
    assert (np.abs(result.value - np.cos(X0)) <= result.error)[known].all()
    assert not known.all()
    assert set(result.status[~known]) == {Status.BUDGET_SPENT}


def test_the_same_call_goes_on_from_there_to_the_same_bits(clock):
    kit = CalculusKit(Slow(clock, 0.01), X0)
    with pytest.warns(UnresolvedWarning):
        first = kit.gradient_result(max_seconds=0.2)
    second = kit.gradient_result()
    alone = CalculusKit(Slow(), X0).gradient_result()
    assert second.value.tobytes() == alone.value.tobytes()
    assert first.nfev + second.nfev == alone.nfev


def test_lines_that_were_finished_when_the_time_was_up_are_answered(clock):
    calls = CalculusKit(Slow(), X0).gradient_result().nfev
    kit = CalculusKit(Slow(clock, 1.0), X0)
    with pytest.warns(UnresolvedWarning):
        result = kit.gradient_result(max_seconds=0.8 * calls)
    assert np.isfinite(result.error)[0]
    assert not np.isfinite(result.error).all()
    assert abs(result.value[0] - np.cos(X0[0])) <= result.error[0] < 1e-9


@pytest.mark.filterwarnings("ignore::derivkit.UnresolvedWarning")
def test_a_hessian_gives_its_diagonal_at_least(clock):
    result = CalculusKit(Slow(clock, 0.001), X0).hessian_result(max_seconds=0.25)
    known = np.isfinite(result.error)
    exact = np.diag(-np.sin(X0))
    assert (np.abs(result.value - exact) <= result.error)[known].all()


def test_time_enough_changes_nothing():
    alone = CalculusKit(Slow(), X0).gradient_result()
    for n_workers, executor in ((1, None), (2, "threads")):
        kit = CalculusKit(Slow(), X0, executor=executor)
        result = kit.gradient_result(n_workers=n_workers, max_seconds=600)
        assert result.value.tobytes() == alone.value.tobytes()
        assert result.nfev == alone.nfev


@pytest.mark.parametrize("wrong", [0, -1.0, np.inf, "soon", True])
def test_it_must_be_a_positive_number(wrong):
    with pytest.raises(ValueError, match="`max_seconds` must be a positive number"):
        CalculusKit(Slow(), X0).gradient(max_seconds=wrong)
