"""Weights of finite differences: exact on any nodes, for any order, in any unit."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from derivkit.methods.weights import (
    fornberg_weights,
    lagrange_derivatives,
    per_power,
    unit_weights,
    weight_table,
)

TEXTBOOK = [
    ([-2, -1, 0, 1, 2], 1, ["1/12", "-2/3", "0", "2/3", "-1/12"]),
    ([-2, -1, 0, 1, 2], 2, ["-1/12", "4/3", "-5/2", "4/3", "-1/12"]),
    ([-2, -1, 0, 1, 2], 4, ["1", "-4", "6", "-4", "1"]),
    ([0, 1, 2], 1, ["-3/2", "2", "-1/2"]),
    ([-3, -2, -1, 0, 1, 2, 3], 1, ["-1/60", "3/20", "-3/4", "0", "3/4", "-3/20", "1/60"]),
]


@pytest.mark.parametrize(("nodes", "order", "weights"), TEXTBOOK)
def test_weights_are_those_of_the_textbook(nodes, order, weights):
    exact = [float(Fraction(w)) for w in weights]
    assert fornberg_weights(nodes, order) == pytest.approx(exact, abs=1e-14)


nodes_of_any_kind = st.lists(st.integers(-40, 40), min_size=4, max_size=9, unique=True).map(
    lambda ks: np.array(ks) / 16
)


@settings(max_examples=100, deadline=None)
@given(nodes_of_any_kind)
def test_weights_are_exact_for_polynomials(nodes):
    table = weight_table(nodes, 3)
    for power in range(len(nodes)):
        for order in range(4):
            exact = math.factorial(order) if power == order else 0.0
            terms = table[order] * nodes**power
            assert abs(terms.sum() - exact) <= 1e-10 * max(1.0, np.abs(terms).sum())


@pytest.mark.parametrize("unit", [1e-200, 1e-8, 1.0, 1e8, 1e200])
def test_weights_have_the_units_of_the_nodes(unit):
    weights = fornberg_weights(unit * np.array([-1.0, 0.0, 1.0]), 1)
    assert weights * unit == pytest.approx([-0.5, 0, 0.5])


def test_weights_are_taken_at_any_place():
    nodes = np.array([0.3, 0.7, 1.1, 2.0])
    assert fornberg_weights(nodes, 2, 0.5) == pytest.approx(fornberg_weights(nodes - 0.5, 2))


def test_many_sets_of_nodes_have_the_weights_of_each():
    sets = np.random.default_rng(0).uniform(-1, 1, (5, 7))
    every = lagrange_derivatives(sets, 2)
    for i in range(7):
        assert np.allclose(every[:, :, i].T, weight_table(sets[:, i], 2), rtol=1e-9)


def test_weights_that_are_kept_cannot_be_changed():
    kept = unit_weights((-1.0, 0.0, 1.0), 2)
    assert kept is unit_weights((-1.0, 0.0, 1.0), 2)
    assert kept.tolist() == [1.0, -2.0, 1.0]
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 0.0


@pytest.mark.parametrize("order", [0, 1, 3])
def test_powers_beyond_the_range_of_floats_do_not_matter_where_the_quotient_is_inside(order):
    size, step = np.array([3.0, 1e300, 1e-200]), np.array([2.0, 1e100, 1e-60])
    exact = [Fraction(a) / Fraction(b) ** order for a, b in zip(size, step, strict=True)]
    for got, wanted in zip(per_power(size, step, order), exact, strict=True):
        assert math.isclose(got, float(wanted), rel_tol=1e-14)
