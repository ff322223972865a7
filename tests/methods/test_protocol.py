"""The contract of methods: what a line tells, what an estimate says, what a method may offer."""

from dataclasses import dataclass

import numpy as np
import pytest

from derivkit.methods import Auto, Finite
from derivkit.methods.protocol import Estimate, Line, Method, OffersSeconds, likely, solvers
from derivkit.status import Status


@dataclass(frozen=True)
class Plain:
    """A method that offers nothing but `solve`."""

    def solve(self, line, order):
        values = yield np.array([-line.scale, line.scale])
        return Estimate((values[1] - values[0]) / (2 * line.scale), np.ones(values.shape[1]))


def answers(method, lines, f):
    """Drive the solvers of lines in common rounds."""
    running = dict(enumerate(solvers(method, lines, 1)))
    requests = {k: next(solver) for k, solver in running.items()}
    found = {}
    while requests:
        held = {k: places for k, places in requests.items() if callable(places)}
        values = {
            k: np.array([[f(t)] for t in places]).reshape(-1, 1)
            for k, places in requests.items()
            if k not in held
        } or {k: np.empty((0, 1)) for k, holds in held.items() if holds()}
        requests = {k: places for k, places in requests.items() if k not in values}
        for k, each in values.items():
            try:
                requests[k] = running[k].send(each)
            except StopIteration as stop:
                found[k] = stop.value
    return found


def test_steps_are_those_that_floating_point_makes():
    t = np.array([0.1, 1e-20])
    assert Line(origin=1.0).realised(t).tolist() == [(1.0 + 0.1) - 1.0, 0.0]
    assert Line().realised(t).tolist() == t.tolist()


def test_one_status_holds_for_all_outputs_and_many_are_kept():
    several = np.zeros(2)
    assert Estimate(several, several).statuses() == (Status.CONVERGED,) * 2
    kinds = [Status.KINK, Status.CONVERGED]
    assert Estimate(several, several, kinds).statuses() == tuple(kinds)


def test_what_is_not_told_is_not_known():
    told = Estimate(np.zeros(1), np.zeros(1))
    for name in ("step", "noise", "reach", "noise_error", "finite_bound"):
        assert np.isnan(getattr(told, name))
    assert told.also == {}


@pytest.mark.parametrize("method", [Plain(), Finite(), Auto()])
def test_lines_together_are_answered_as_each_alone(method):
    lines = [Line(scale) for scale in (0.5, 1.0, 2.0)]
    together = answers(method, lines, np.exp)
    for k, line in enumerate(lines):
        (alone,) = answers(method, [line], np.exp).values()
        assert together[k].value[0] == pytest.approx(alone.value[0], rel=1e-9)
        assert together[k].error[0] == pytest.approx(alone.error[0], rel=0.1)


def test_a_method_is_known_by_what_it_offers():
    assert isinstance(Plain(), Method)
    assert not isinstance(Plain(), OffersSeconds)
    assert isinstance(Auto(), OffersSeconds)
    assert not isinstance(object(), Method)


def test_places_ahead_are_told_by_those_methods_that_know_them():
    assert likely(Plain(), Line(), 1).size == 0
    ahead = likely(Auto(), Line(lower=-0.5), 1)
    assert ahead.size > 0
    assert ahead.min() >= -0.5
