"""LocalPolynomial: the trimming removes what does not belong, and nothing else."""

import math
from itertools import combinations

import numpy as np
import pytest

from derivkit.methods import LocalPolynomial
from derivkit.methods.fit.outliers import kept_samples
from derivkit.methods.protocol import Line
from derivkit.status import Status
from derivkit.testing import follow

PLACES = np.array([0.0, *(s * k for s in (-1, 1) for k in (0.01, 0.02, 0.03, 0.04, 0.06, 0.08))])


def spoiled(function, wrong, size):
    """Return the function with wrong values near some places."""

    def model(t):
        off = np.isclose(np.subtract.outer(t, wrong), 0, atol=1e-3).any(axis=1)
        return function(t) + size * off

    return model


@pytest.mark.parametrize("wrong", PLACES[1:])
@pytest.mark.parametrize("size", [1e-4, -0.1, 30.0])
def test_one_outlier_is_removed_wherever_it_is(wrong, size):
    method = LocalPolynomial()
    answer = follow(method, spoiled(lambda t: np.sin(0.7 + t), [wrong], size)).answer
    assert abs(answer.value[0] - math.cos(0.7)) <= answer.error[0] < 1e-7


@pytest.mark.parametrize("wrong", list(combinations(PLACES[1:], 2))[::5])
def test_two_outliers_do_not_hide_each_other(wrong):
    answer = follow(LocalPolynomial(), spoiled(np.exp, wrong, 1.0)).answer
    assert abs(answer.value[0] - 1) <= answer.error[0] < 1e-5


def test_without_trimming_an_outlier_spoils_the_answer_but_not_the_error():
    answer = follow(LocalPolynomial(max_trim=0), spoiled(np.exp, [0.08], 1.0)).answer
    assert abs(answer.value[0] - 1) > 1e-3
    assert abs(answer.value[0] - 1) <= answer.error[0]


def test_a_tolerance_above_the_outlier_keeps_it():
    values = np.sin(PLACES)
    values[-1] += 1e-3
    assert kept_samples(PLACES, values, 6, 3, 1e-6).sum() == len(PLACES) - 1
    assert kept_samples(PLACES, values, 6, 3, 1.0).all()


def test_clean_and_noisy_samples_are_kept():
    noise = np.random.default_rng(5)
    assert kept_samples(PLACES, np.exp(PLACES), 6, 3, 1e-10).all()
    kept = [
        kept_samples(PLACES, noise.standard_normal(len(PLACES)), 6, 3, 0.0).all()
        for _ in range(200)
    ]
    assert np.mean(kept) > 0.9


def test_each_output_loses_its_own_outlier():
    def model(t):
        one, other = (spoiled(np.exp, [w], 1.0)(t) for w in (-0.08, 0.01))
        return np.stack([one, other, np.exp(t)], axis=1)

    answer = follow(LocalPolynomial(), model).answer
    assert (np.abs(answer.value - 1) <= answer.error).all()
    assert (answer.error < 1e-5).all()


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_orders_one_to_four_within_the_error(order):
    answer = follow(LocalPolynomial(), lambda t: np.sin(0.7 + t), order=order).answer
    exact = math.sin(0.7 + order * math.pi / 2)
    assert abs(answer.value[0] - exact) <= answer.error[0] < 1e-3


def test_a_polynomial_of_the_given_degree_is_exact():
    method = LocalPolynomial(degree=3, rel_steps=[0.1, 0.2, 0.3])
    answer = follow(method, lambda t: 1 + 2 * t - t**2 + 4 * t**3).answer
    assert abs(answer.value[0] - 2) <= answer.error[0] < 1e-12


def test_calls_are_two_for_each_step_in_units_of_the_scale():
    run = follow(LocalPolynomial(rel_steps=[0.1, 0.2]), np.exp, Line(scale=10.0))
    assert sorted(set(run.places.tolist())) == pytest.approx([-2, -1, 0, 1, 2])


def test_at_a_bound_samples_lie_on_one_side():
    run = follow(LocalPolynomial(), np.exp, Line(lower=0.0))
    assert run.places.min() == 0.0
    assert abs(run.answer.value[0] - 1) <= run.answer.error[0]


def test_a_model_defined_at_x0_alone_is_undefined():
    answer = follow(LocalPolynomial(), lambda t: np.where(t == 0, 1.0, np.nan)).answer
    assert answer.statuses() == (Status.UNDEFINED,)


BAD = [
    ({"degree": 0}, "degree"),
    ({"degree": 2.5}, "degree"),
    ({"rel_steps": []}, "rel_steps"),
    ({"rel_steps": [0.1, -0.1]}, "rel_steps"),
    ({"tol_rel": -1.0}, "tol_rel"),
    ({"tol_abs": "small"}, "tol_abs"),
    ({"min_samples": 1}, "min_samples"),
    ({"max_trim": -1}, "max_trim"),
]


@pytest.mark.parametrize(("options", "name"), BAD)
def test_a_bad_option_is_named_in_one_sentence(options, name):
    with pytest.raises(ValueError, match=f"`{name}` must be ") as caught:
        LocalPolynomial(**options)
    assert "\n" not in str(caught.value)


def test_a_degree_below_the_order_is_refused_before_any_call():
    with pytest.raises(ValueError, match="`degree` must be at least the order"):
        next(LocalPolynomial(degree=1).solve(Line(), 2))
