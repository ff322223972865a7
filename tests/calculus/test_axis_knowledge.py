"""What samples along an axis teach: the step, the side with room, the noise, Taylor sizes."""

import numpy as np
import pytest

from derivkit.calculus.axis_knowledge import HIGHEST_TAYLOR, recorded, steps_of, what_is_known
from derivkit.methods.protocol import BudgetSpentError, Estimate, Line

T = np.array([-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0])


def estimate(value=1.0, error=1e-9, step=1.0, noise=0.0):
    return Estimate(np.array([value]), np.array([error]), step=step, noise=noise)


def log_of(f, t=T):
    return [(t, f(t)[:, None])]


@pytest.mark.parametrize(("step", "expected"), [(1.0, 1.0), (1.9, 1.0), (0.3, 0.25), (5.0, 4.0)])
def test_a_step_is_the_power_of_two_below_the_samples_half_width(step, expected):
    found = steps_of([estimate(step=step)], [Line()], [log_of(np.exp)])
    assert found == [(expected, False)]


def test_a_side_without_room_is_closed_and_the_step_points_to_the_other():
    at_a_wall = Line(lower=-5.0, upper=0.01)
    assert steps_of([estimate()], [at_a_wall], [log_of(np.exp, T[:5])]) == [(-1.0, True)]
    mirrored = Line(lower=-0.01, upper=5.0)
    assert steps_of([estimate()], [mirrored], [log_of(np.exp, T[4:])]) == [(1.0, True)]


def test_where_the_model_was_undefined_counts_as_a_wall():
    for nearest, closed in ((0.1, True), (0.25, False)):  # an eighth of a step is room enough
        t = T * nearest / 0.25
        values = np.where(t < 0, np.nan, t)[:, None]
        assert steps_of([estimate()], [Line()], [[(t, values)]]) == [(1.0, closed)]


def test_a_step_at_which_nothing_was_seen_is_no_longer_than_the_scale():
    unseen = estimate(value=0.0, error=1.0, step=64.0)
    assert steps_of([unseen], [Line(scale=0.5)], [log_of(np.exp)])[0][0] == 0.5


def test_taylor_coefficients_are_read_off_the_samples():
    axis = what_is_known(estimate(np.e**0), Line(), log_of(np.exp))
    exact = 1 / np.cumprod([1, *range(1, HIGHEST_TAYLOR + 1)])
    np.testing.assert_allclose(axis.taylor[:5, 0], exact[:5], rtol=2e-2)
    assert (axis.taylor[5:, 0] >= exact[5:]).all()  # from there on at least what is predicted
    assert axis.second.tolist() == [1.0]


def test_coefficients_that_parity_hides_are_not_taken_for_zero():
    axis = what_is_known(estimate(), Line(), log_of(np.cos))
    assert (axis.taylor[5:, 0] > 0).all()
    assert axis.taylor[7, 0] < axis.taylor[4, 0]


def test_noise_is_never_less_than_rounding():
    axis = what_is_known(estimate(noise=0.0), Line(), log_of(lambda t: 1e6 + t))
    assert axis.noise[0] == pytest.approx(2.0**-53 * (1e6 + 1))
    assert what_is_known(estimate(noise=0.1), Line(), log_of(np.exp)).noise.tolist() == [0.1]


def test_noise_is_the_models_own_where_it_is_well_above_rounding():
    def noisy(noise):
        return what_is_known(estimate(noise=noise), Line(), log_of(lambda t: 3.0 + t)).noisy

    assert noisy(1e-12).tolist() == [True]
    assert noisy(1e-15).tolist() == [False]  # rounding of a sum of some terms


def test_a_recorded_solver_asks_the_same_and_its_log_has_what_it_was_told():
    def solver():
        first = yield np.array([1.0, 2.0])
        second = yield first[:, 0]
        return Estimate(second[0], np.zeros(1))

    log = []
    running = recorded(solver(), log)
    assert next(running).tolist() == [1.0, 2.0]
    assert running.send(np.array([[3.0], [4.0]])).tolist() == [3.0, 4.0]
    with pytest.raises(StopIteration) as stop:
        running.send(np.array([[5.0], [6.0]]))
    assert stop.value.value.value.tolist() == [5.0]
    assert [t.tolist() for t, _ in log] == [[1.0, 2.0], [3.0, 4.0]]
    assert log[1][1].tolist() == [[5.0], [6.0]]


def test_a_spent_budget_reaches_the_recorded_solver():
    def solver():
        try:
            yield np.zeros(1)
        except BudgetSpentError:
            return "the best it has"

    log = []
    running = recorded(solver(), log)
    next(running)
    with pytest.raises(StopIteration) as stop:
        running.throw(BudgetSpentError())
    assert (stop.value.value, log) == ("the best it has", [])
