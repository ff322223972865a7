"""The tables that turn pure derivatives into tensors."""

from itertools import combinations, product
from math import comb, factorial, prod

import numpy as np
import pytest

from derivkit.calculus.directions import compositions, directions_of, entry_table

CASES = [(k, r, inward) for k in (2, 3, 4, 5) for r in range(1, k + 1) for inward in (False, True)]


def pure(tensor, u):
    """The derivative of a homogeneous form along u: k! sum of T_a u^a / a!."""
    k = sum(next(iter(tensor)))
    return sum(
        factorial(k) * value * prod(x**n / factorial(n) for x, n in zip(u, a, strict=True))
        for a, value in tensor.items()
    )


@pytest.mark.parametrize(("order", "r", "inward"), CASES)
def test_a_random_form_is_recovered_from_its_pure_derivatives(order, r, inward):
    rng = np.random.default_rng(order * 10 + r)
    indices = [a for a in product(range(order + 1), repeat=r) if sum(a) == order]
    tensor = {a: rng.normal() for a in indices}
    table = entry_table(order, r, inward)
    values = []
    for positions, m in table.sources:
        u = np.zeros(r)
        u[list(positions)] = directions_of(order, len(positions), inward)[m]
        values.append(pure(tensor, u))
    expected = [tensor[a] for a in table.entries]
    np.testing.assert_allclose(table.weights @ values, expected, atol=1e-10)


@pytest.mark.parametrize(("order", "r", "inward"), CASES)
def test_there_are_as_many_directions_as_entries(order, r, inward):
    assert (
        len(directions_of(order, r, inward))
        == comb(order - 1, r - 1)
        == len(compositions(order, r))
    )


@pytest.mark.parametrize(("order", "r"), [(k, r) for k in (2, 3, 4) for r in range(1, k + 1)])
def test_inward_directions_never_turn_back(order, r):
    assert (directions_of(order, r, inward=True) > 0).all()


@pytest.mark.parametrize(("order", "most"), [(2, 2.0), (3, 3.7), (4, 6.5)])
def test_errors_are_amplified_little(order, most):
    for r in range(1, order + 1):
        assert np.abs(entry_table(order, r, inward=False).weights).sum(axis=1).max() <= most


def test_directions_do_not_depend_on_the_order_of_candidates():
    for r, m in combinations(range(1, 4), 2):
        assert directions_of(m, min(r, m), inward=False).shape[1] == min(r, m)
