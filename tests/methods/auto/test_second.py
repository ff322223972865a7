"""The brief second derivative: six of a ladder's samples, where they are enough."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from derivkit.methods.auto.ladder import one_sided, two_sided
from derivkit.methods.auto.second import BriefSecond
from derivkit.methods.protocol import Estimate, Line
from derivkit.methods.weights import fornberg_weights
from derivkit.status import Status

LADDER = two_sided(0.25, 0.0)
OTHERWISE = 99.0


@dataclass(frozen=True)
class Fallback:
    """Asks for some places, and returns a value that can be told from all others."""

    places: tuple = tuple(LADDER.tolist())

    def solve(self, line, order):
        values = yield np.append(0.0, self.places)
        q = values.shape[1]
        return Estimate(np.full(q, OTHERWISE), np.full(q, 0.5))


def played(f, *, noise=1e-16, otherwise=None, order=2):
    """Return the estimate, and the requests."""
    noise = np.atleast_1d(noise)
    solver = BriefSecond(noise, otherwise or Fallback()).solve(Line(), order)
    requests = []
    points = next(solver)
    while True:
        requests.append(points.tolist())
        try:
            points = solver.send(np.array([np.atleast_1d(f(t)) for t in points]))
        except StopIteration as stop:
            return stop.value, requests


SMOOTH = [
    (math.exp, 1.0),
    (lambda t: math.sin(t + 0.7), -math.sin(0.7)),
    (lambda t: 1 / (2 + t), 0.25),
    (lambda t: math.log(1.5 + t), -1 / 2.25),
]


@pytest.mark.parametrize(("f", "exact"), SMOOTH)
def test_the_outer_three_pairs_and_x0_are_enough_where_noise_is_known(f, exact):
    radius = 0.02  # of a scale of 1: the term of order 6 is below what is good enough
    ladder = two_sided(radius, 0.0)
    estimate, requests = played(f, otherwise=Fallback(tuple(ladder.tolist())))
    assert [sorted(r) for r in requests] == [sorted([0.0, *ladder[:6].tolist()])]
    assert abs(estimate.value[0] - exact) <= estimate.error[0] <= 1e-8 * abs(exact)
    assert estimate.statuses() == (Status.CONVERGED,)
    assert estimate.reach == estimate.step == pytest.approx(ladder.max(), rel=1e-3)


def test_the_error_is_the_noise_and_the_first_term_left_out():
    ladder = Fallback(tuple(two_sided(0.1, 0.0).tolist()))
    quiet, small, large = (
        played(math.exp, noise=level, otherwise=ladder)[0] for level in (0.0, 1e-14, 3e-14)
    )
    assert 0 < quiet.error[0] < small.error[0] < 1e-8
    assert small.noise.tolist() == [1e-14]
    by_noise = small.error[0] - quiet.error[0]
    assert large.error[0] - quiet.error[0] == pytest.approx(3 * by_noise, rel=0.1)


def test_the_error_covers_what_noise_of_the_level_that_is_known_does():
    rng, q, level = np.random.default_rng(0), 300, 1e-14
    model = lambda t: math.exp(t) + level * rng.standard_normal(q)
    ladder = Fallback(tuple(two_sided(0.1, 0.0).tolist()))
    estimate, _ = played(model, noise=np.full(q, level), otherwise=ladder)
    parts = np.abs(estimate.value - 1) / estimate.error
    assert np.mean(parts <= 1) > 0.98
    assert np.median(parts) > 0.03


def test_a_term_left_out_that_is_too_large_is_for_the_other_method():
    estimate, requests = played(lambda t: math.exp(8 * t))
    assert estimate.value[0] == OTHERWISE
    assert [len(r) for r in requests] == [7, 9]


def test_an_error_of_mere_rounding_is_enough_however_small_the_derivative():
    """Other steps would not average it away."""
    flat = lambda t: 1.0 + 1e-9 * t * t
    assert played(flat, noise=1e-16)[0].value[0] == pytest.approx(2e-9, rel=1e-4)
    assert played(flat, noise=1e-13)[0].value[0] == OTHERWISE


def test_one_output_of_several_that_it_is_not_enough_for_is_enough_to_go_on():
    both = lambda t: [1e-3 * t * t + t, math.exp(8 * t)]
    assert played(both, noise=[1e-18, 1e-18])[0].value.tolist() == [OTHERWISE] * 2


@pytest.mark.parametrize(
    "places",
    [
        one_sided(0.5, 0.0, 1.0),  # bounds, or a wall
        LADDER[:6],  # nothing would be saved
        LADDER * 1j,  # another kind of method
        LADDER * np.array([1.0, 0.9] * 4),  # sides too far apart for even weights
        LADDER[::2],
    ],
)
def test_what_is_no_symmetric_ladder_is_left_to_the_other_method(places):
    estimate, requests = played(
        lambda t: math.exp(abs(t)), otherwise=Fallback(tuple(places.tolist()))
    )
    assert estimate.value[0] == OTHERWISE
    assert requests == [[0.0, *places.tolist()]]


def test_steps_that_do_not_double_tell_no_terms():
    thirds = [side * 0.25 * 3.0**-k for k in range(4) for side in (1, -1)]
    estimate, requests = played(math.exp, otherwise=Fallback(tuple(thirds)))
    assert estimate.value[0] == OTHERWISE
    assert len(requests) == 1


def test_other_orders_and_models_that_are_undefined_are_left_to_the_other_method():
    assert played(math.exp, order=1)[0].value[0] == OTHERWISE
    walled = lambda t: math.exp(t) if t < 0.1 else math.nan
    estimate, requests = played(walled)
    assert estimate.value[0] == OTHERWISE
    assert [len(r) for r in requests] == [7, 9]


def test_noise_counts_three_times_and_an_error_of_a_hundred_millionth_is_enough():
    outer = np.append(0.0, two_sided(0.1, 0.0)[:6])
    norm = float(np.linalg.norm(fornberg_weights(outer, 2)))
    ladder = Fallback(tuple(two_sided(0.1, 0.0).tolist()))
    for part, enough in ((0.9, True), (1.1, False)):
        estimate, _ = played(math.exp, noise=part * 1e-8 / (3 * norm), otherwise=ladder)
        assert (estimate.value[0] != OTHERWISE) == enough
        if enough:
            assert estimate.error[0] == pytest.approx(part * 1e-8, rel=0.01)


@pytest.mark.parametrize("f", [math.exp, lambda t: 1 / (2 - t)])
def test_without_noise_the_error_is_the_term_left_out_and_not_much_more(f):
    exact = 1.0 if f is math.exp else 0.25
    estimate, _ = played(f, noise=0.0, otherwise=Fallback(tuple(two_sided(0.12, 0.0).tolist())))
    off = abs(estimate.value[0] - exact)
    assert off <= estimate.error[0] < 100 * off


@pytest.mark.parametrize(("factor", "calls"), [(1.75, 7), (2.25, 7), (1.65, 9), (2.35, 9)])
def test_steps_need_not_double_exactly(factor, calls):
    steps = [side * 0.02 * factor**-k for k in range(4) for side in (1, -1)]
    _, requests = played(math.exp, otherwise=Fallback(tuple(steps)))
    assert len(requests[0]) == calls
