"""The search on one line: its first ladder, its budget, and whose wishes are granted."""

import math

import numpy as np
import pytest

from derivkit.methods.auto import search as module
from derivkit.methods.auto.criteria import Goal
from derivkit.methods.auto.ladder import one_sided, spread, two_sided
from derivkit.methods.auto.lepski import SELECTION
from derivkit.methods.auto.moves import first_radius
from derivkit.methods.auto.search import HIGHEST_ON_RUNGS, Search
from derivkit.methods.fit.window import judge
from derivkit.methods.protocol import Line
from derivkit.methods.together import at_once
from derivkit.status import Status

BEST = Goal(None, 0.0)


def begun(line=None, order=1, *, goal=BEST, noise=None):
    return Search(line or Line(), order, goal, noise)


def run(search, f, *, most=99):
    """Let the search go on; return how many places it asked for in each round."""
    rounds = []
    wanted = search.first()
    while wanted.size and len(rounds) < most:
        rounds.append(wanted)
        search.take(wanted, np.array([np.ravel(f(t)) for t in wanted]))
        wanted = at_once(search.next())
    return rounds


def noisy(f, level):
    """Return f with noise that is the same at the same place."""

    def model(t):
        rng = np.random.default_rng(np.array([t]).view(np.uint32).tolist())
        y = np.ravel(f(t))
        return y + level * rng.standard_normal(y.shape)

    return model


# -- the first ladder ------------------------------------------------------------------------


def first(line, order=1):
    t = begun(line, order).first()
    assert t[0] == 0.0
    return t[1:].tolist()


def test_the_first_ladder_has_two_sides_and_the_width_of_its_order():
    for order in (1, 2, 4):
        assert first(Line(3.0), order) == two_sided(3 * first_radius(order), 0.0).tolist()


def test_high_orders_have_denser_places_and_more_of_them():
    order = HIGHEST_ON_RUNGS + 1
    assert first(Line(), order) == spread(first_radius(order), 0.0, 6).tolist()
    assert len(first(Line(), order + 4)) == 2 * 8


def test_a_bound_that_is_near_makes_the_ladder_narrower_and_one_that_is_close_one_sided():
    radius = first_radius(1)
    assert first(Line(lower=-radius / 4)) == two_sided(radius / 4, 0.0).tolist()
    assert first(Line(lower=-radius / 20)) == one_sided(2 * radius, 0.0, 1.0).tolist()
    assert first(Line(upper=0.0)) == one_sided(2 * radius, 0.0, -1.0).tolist()
    close = first(Line(lower=-1e-3, upper=2e-3, scale=1e3))
    assert close == one_sided(2e-3, 0.0, 1.0).tolist()


def test_a_budget_cuts_the_first_ladder_short():
    whole = first(Line())
    assert first(Line(budget=3)) == whole[:3]
    assert first(Line(budget=0)) == []
    assert first(Line(budget=8)) == whole


# -- going on --------------------------------------------------------------------------------


def test_what_the_first_ladder_settles_is_over():
    search = begun()
    assert len(run(search, math.exp)) == 1
    assert at_once(search.estimate()).statuses() == (Status.CONVERGED,)


@pytest.mark.parametrize("budget", [9, 11, 14])
def test_no_more_places_are_asked_for_than_the_budget_has(budget):
    search = begun(Line(budget=budget))
    rounds = run(search, lambda t: math.sin(300 * t))
    assert sum(map(len, rounds)) - 1 <= budget
    assert at_once(search.estimate()).statuses() == (Status.BUDGET_SPENT,)


def test_places_are_inside_the_bounds_and_each_is_asked_for_once():
    search = begun(Line(lower=-0.3, upper=0.2))
    places = np.concatenate(run(search, noisy(np.exp, 1e-3)))
    assert len(set(places.tolist())) == len(places)
    assert places.min() >= -0.3
    assert places.max() <= 0.2


def test_a_search_ends_after_so_many_rounds_or_samples(monkeypatch):
    f = lambda t: math.sin(1e9 * t)
    whole = run(begun(), f)
    assert len(whole) > 3
    monkeypatch.setattr(module, "MOST_ROUNDS", 3)
    assert len(run(begun(), f)) == 3
    monkeypatch.undo()
    monkeypatch.setattr(module, "MOST_SAMPLES", 9)
    samples = np.cumsum([len(places) for places in run(begun(), f)])
    assert (samples[:-1] <= 9).all()
    assert len(samples) < len(whole)


def test_a_known_noise_is_not_looked_for():
    f = noisy(np.exp, 1e-6)
    told = sum(map(len, run(begun(noise=1e-6), f)))
    assert told <= sum(map(len, run(begun(), f)))


# -- many outputs ----------------------------------------------------------------------------


def test_an_output_of_many_that_does_not_move_is_settled_and_one_alone_is_followed():
    flat = lambda t: np.append(np.exp(t * np.linspace(0.1, 1, 9)), 3.0)
    search = begun()
    assert len(run(search, flat)) == 1
    estimate = at_once(search.estimate())
    assert estimate.value[-1] == 0
    assert len(run(begun(), lambda t: 3.0)) > 1


def test_so_few_of_many_outputs_that_are_nearly_good_enough_get_no_calls():
    fast = lambda q: lambda t: np.append(np.exp(t * np.linspace(0.1, 1, q)), math.sin(9 * t + 1))
    assert len(run(begun(), fast(200))) == 1
    assert len(run(begun(), fast(50))) > 1


def test_an_output_that_is_far_from_good_enough_gets_calls_among_however_many():
    fast = lambda t: np.append(np.exp(t * np.linspace(0.1, 1, 200)), math.sin(300 * t + 1))
    search = begun()
    assert len(run(search, fast)) > 1
    assert at_once(search.estimate()).error[-1] < 1e-3


def granted(*wishes):
    return [wish.tolist() for wish in module._most_wanted([np.array(wish) for wish in wishes])]


def test_up_to_four_wishes_are_all_granted():
    wishes = [[0.1 * k, 1.0] for k in range(4)]
    assert granted(*wishes) == wishes


def test_of_more_wishes_those_are_granted_that_most_outputs_share():
    popular, shared, rare = [0.1, 0.2], [0.3, 0.4], [0.5, 0.6]
    wishes = [popular] * 5 + [shared] * 3 + [rare] * 2
    assert granted(*wishes) == [popular, shared]
    different = [[float(k), 9.0] for k in range(6)]
    assert len(granted(*different)) == module.MOST_HEARD


def test_probes_come_first_where_most_outputs_want_one_and_few_at_a_time():
    ladder = [0.1, 0.2, 0.3]
    assert granted([1.0], [1.0], [1.0], ladder, ladder, ladder) == [[1.0]]
    assert granted([1.0], ladder, ladder, ladder, ladder, ladder) == [ladder]
    assert len(granted([1.0], [2.0], [3.0], [4.0], [5.0])) == module.MOST_PROBED


def test_outputs_are_told_whether_their_wish_was_granted(monkeypatch):
    search = begun()
    places = search.first()
    search.take(places, np.sin(np.outer(places, np.linspace(30, 300, 6)) + 1))
    popular = np.array([0.31, 0.32])
    wishes = dict.fromkeys(range(4), popular) | {4: np.array([0.5]), 5: np.array([0.31])}

    def asked():
        yield from ()
        return wishes

    monkeypatch.setattr(search, "_wishes", asked)
    assert at_once(search.next()).tolist() == popular.tolist()
    told = {j: reply.name for j, reply in search._told.items()}
    assert told == dict.fromkeys((0, 1, 2, 3, 5), "SERVED") | {4: "DEFERRED"}


def test_the_output_that_knows_least_of_its_derivative_speaks_first():
    search = begun()
    places = search.first()
    search.take(places, np.sin(np.outer(places, [12.0, 300.0, 40.0]) + 1) * [1e9, 1.0, 1e-3])
    assert list(search._told) == [1, 2, 0]


# -- the answer ------------------------------------------------------------------------------


def test_an_answer_names_what_it_rests_on():
    search = begun()
    places = np.concatenate(run(search, lambda t: [math.exp(t), math.sin(200 * t)]))
    estimate = at_once(search.estimate())
    assert estimate.reach == np.abs(places).max()
    smooth, fast = estimate.step
    assert fast < 0.5 * smooth <= estimate.reach
    assert (estimate.noise > 0).all()
    assert (estimate.noise_error <= estimate.error).all()
    assert np.array_equal(estimate.finite_bound, estimate.error)


def test_samples_on_one_side_are_named():
    search = begun(Line(lower=0.0))
    run(search, math.exp)
    assert at_once(search.estimate()).statuses() == (Status.ONE_SIDED,)


def test_what_the_first_ladder_settles_has_the_error_of_its_window_with_a_share_for_the_choice():
    search = begun()
    run(search, math.exp)
    estimate, t = at_once(search.estimate()), search.samples.t
    v = judge(t, search.samples.values, 1, 0.0)
    assert estimate.value[0] == v.value[0]
    assert estimate.error[0] == v.error[0] * (1 + SELECTION)
    assert estimate.noise_error[0] == v.noise_part[0] * (1 + SELECTION)
    assert estimate.noise[0] == v.sigma[0]


def test_one_sample_beside_x0_gives_a_chord_that_claims_nothing():
    search = begun(Line(budget=1))
    ((_, h),) = run(search, math.exp)
    estimate = at_once(search.estimate())
    assert estimate.value[0] == pytest.approx((math.exp(h) - 1) / h, rel=1e-9)
    assert np.isinf(estimate.error[0])
    assert estimate.statuses() == (Status.BUDGET_SPENT,)


def test_without_a_sample_nothing_is_known():
    search = begun()
    search.first()
    search.refuse()
    estimate = at_once(search.estimate())
    assert estimate.statuses() == (Status.BUDGET_SPENT,)
    assert np.isnan(estimate.value[0])
    assert np.isinf(estimate.error[0])


def test_another_order_is_told_by_the_same_samples():
    search = begun()
    run(search, lambda t: [math.exp(t), math.sin(20 * t + 1), math.nan])
    value, error = at_once(search.other_order(2))
    exact = np.array([1.0, -400 * math.sin(1.0)])
    assert (np.abs(value[:2] - exact) <= error[:2]).all()
    assert (error[:2] < 1e-2 * np.abs(exact)).all()
    assert np.isnan(value[2])
    assert np.isinf(error[2])


def test_the_second_derivative_comes_along_for_one_output_only():
    one, two = begun(), begun()
    run(one, lambda t: math.sin(20 * t + 1))
    run(two, lambda t: [math.exp(t), math.sin(20 * t)])
    value, error = at_once(one.estimate()).also[2]
    assert abs(value[0] + 400 * math.sin(1.0)) <= error[0]
    assert not at_once(two.estimate()).also
