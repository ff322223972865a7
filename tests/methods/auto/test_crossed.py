"""The two diagonals of a plane: what their second derivatives differ by, driven by hand."""

from dataclasses import replace

import numpy as np
import pytest

from derivkit.methods.auto.crossed import crossed
from derivkit.methods.auto.informed import InformedSeconds
from derivkit.methods.protocol import Line
from derivkit.status import Status

MIXED = -0.5 * np.cos(0.7)  # derivative of the wave at x0


def wave(x, y):
    return np.cos(0.5 + x + 0.5 * (0.4 + y))


def plane(noise=1e-8, q=1, leftover=1.0):
    known = (np.full((1, q), noise), np.ones((1, q)), np.full((1, q), leftover))
    return InformedSeconds(np.ones(1), *known, levels=3, otherwise=None)


def played(solvers, f):
    """The estimates of both diagonals of f(x, y), and how many places beside 0 were asked for."""
    signs, answers, asked, points = (1.0, -1.0), {}, 0, {}
    for k, solver in enumerate(solvers):
        try:
            points[k] = next(solver)
        except StopIteration as stop:
            answers[k] = stop.value
    while points:
        for k, wanted in list(points.items()):
            places = np.empty(0) if callable(wanted) else wanted  # it waits for the other
            asked += np.count_nonzero(places)
            values = [np.atleast_1d(f(t, signs[k] * t)) for t in places.tolist()]
            try:
                points[k] = solvers[k].send(np.array(values) if values else np.empty((0, 1)))
            except StopIteration as stop:
                answers[k] = stop.value
                del points[k]
    return [answers[0], answers[1]], asked


def mixed(estimates):
    """The mixed derivative, and its error."""
    one, other = estimates
    return (one.value - other.value) / 4, (one.error + other.error) / 4


def test_twelve_calls_give_a_mixed_derivative():
    estimates, asked = played(crossed(plane(1e-16), [Line(), Line()]), wave)
    value, error = mixed(estimates)
    assert asked == 12
    assert abs(value[0] - MIXED) <= error[0] < 1e-9


def test_in_noise_the_error_holds_and_is_well_below_that_of_one_diagonal():
    rng, inside = np.random.default_rng(2), []
    for _ in range(100):
        noise = {}

        def f(x, y, noise=noise):
            return wave(x, y) + noise.setdefault((x, y), 1e-8 * rng.normal())

        estimates, _ = played(crossed(plane(), [Line(), Line()]), f)
        value, error = mixed(estimates)
        inside.append(abs(value[0] - MIXED) <= error[0])
        (solver,) = plane().solvers([Line()])
        (alone, _), _ = played([solver, iter(())], f)
        assert error[0] < alone.error[0] / 2 / 1.5  # which has half its error, and the axes' too
    assert np.mean(inside) >= 0.97


def test_the_noise_of_x0_is_no_part_of_it():
    def f(x, y):
        return wave(x, y) + 1e-3 * (x == y == 0)

    (clean, _), (wrong, _) = (played(crossed(plane(), [Line(), Line()]), g) for g in (wave, f))
    assert mixed(clean)[1] == mixed(wrong)[1]
    np.testing.assert_allclose(mixed(wrong)[0], mixed(clean)[0], rtol=1e-7)


def test_each_estimate_has_the_second_derivative_of_its_own_line():
    (plus, minus), _ = played(crossed(plane(1e-16), [Line(), Line()]), wave)
    np.testing.assert_allclose(plus.value, -(1.5**2) * np.cos(0.7), rtol=1e-8)
    np.testing.assert_allclose(minus.value, -(0.5**2) * np.cos(0.7), rtol=1e-8)


@pytest.mark.parametrize("short", [0, 1])
def test_without_room_on_either_line_nothing_is_asked_and_nothing_claimed(short):
    lines = [Line(), Line()]
    lines[short] = replace(lines[short], upper=1e-6)
    estimates, asked = played(crossed(plane(), lines), wave)
    assert asked == 0
    assert [e.status for e in estimates] == [Status.UNRESOLVED] * 2
    assert np.isinf([e.error for e in estimates]).all()


@pytest.mark.parametrize(
    "f",
    [lambda x, y: np.nan if x > 0 > y else wave(x, y), lambda x, y: np.cos(900 * (x + 2 * y))],
    ids=["undefined on one line", "not as it was known to be"],
)
def test_lines_that_cannot_be_compared_are_both_unresolved(f):
    estimates, asked = played(crossed(plane(1e-16), [Line(), Line()]), f)
    assert asked == 12
    assert np.isinf([e.error for e in estimates]).all()


def test_outputs_that_need_different_steps_are_left_to_another_method():
    known = replace(plane(q=2), noise=np.array([[1e-15, 1e-6]]))
    estimates, asked = played(crossed(known, [Line(), Line()]), lambda x, y: [wave(x, y)] * 2)
    assert asked == 0
    assert np.isinf([e.error for e in estimates]).all()


def test_a_line_whose_twin_was_given_up_makes_no_claim():
    one, other = crossed(plane(), [Line(), Line()])
    places = next(one)
    next(other)
    both_are_answered = one.send(np.ones((len(places), 1)))
    assert not both_are_answered()
    other.close()
    assert both_are_answered()
    with pytest.raises(StopIteration) as stop:
        one.send(np.empty((0, 1)))
    assert stop.value.value.error.tolist() == [np.inf]
