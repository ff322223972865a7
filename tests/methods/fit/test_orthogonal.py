"""Orthonormal polynomials on any nodes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from derivkit.methods.fit.orthogonal import basis, combined, polynomials, side_by_side

distinct_nodes = st.lists(st.integers(-64, 64), min_size=3, max_size=12, unique=True).map(
    lambda ks: tuple(k / 64 for k in ks)
)


@settings(max_examples=100, deadline=None)
@given(distinct_nodes)
def test_the_polynomials_are_orthonormal(nodes):
    rows = polynomials(nodes, 1).rows
    assert rows @ rows.T == pytest.approx(np.eye(len(nodes)), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(distinct_nodes, st.integers(0, 2))
def test_the_full_fit_interpolates_and_differentiates_polynomials(nodes, order):
    p, t = polynomials(nodes, order), np.array(nodes)
    weights = p.derivatives[order] @ p.rows
    for power in range(min(len(nodes), 6)):
        exact = math.factorial(order) if power == order else 0.0
        size = (np.abs(p.derivatives[order]) @ np.abs(p.rows)).sum()
        assert weights @ t**power == pytest.approx(exact, abs=1e-12 * max(size, 1.0))


def test_a_basis_knows_at_which_degrees_its_derivative_changes():
    b = basis(tuple(np.linspace(-1, 1, 9).tolist()), 1)
    assert b.degrees.tolist() == [1, 3, 5, 7]
    assert basis(tuple(np.linspace(0, 1, 5).tolist()), 1).degrees.tolist() == [1, 2, 3, 4]


def test_two_places_that_nearly_coincide_do_not_hide_the_derivatives_of_low_degrees():
    """Else the noise of those fits would be 0, and 0 ± 0 the answer."""
    nodes = (-1.0, -0.5 - 1e-14, -0.5, -0.2, 0.0, 0.2, 0.5, 1.0)
    assert (basis(nodes, 1).norms > 0.1).all()
    assert (basis(nodes, 2).norms > 0.1).all()


def test_what_is_combined_does_not_depend_on_how_many_columns_there_are():
    rng = np.random.default_rng(0)
    rows, samples = rng.standard_normal((5, 9)), rng.standard_normal((9, 300))
    together = combined(rows, samples)
    assert np.allclose(together, rows @ samples, rtol=1e-13)
    for k in range(0, 300, 7):
        assert combined(rows, samples[:, k : k + 1]).tobytes() == together[:, k].tobytes()


def test_of_bases_side_by_side_each_column_has_its_own():
    bases = [basis(tuple((s * np.linspace(-1, 1, 9) ** 3).tolist()), 1) for s in (1.0, 0.5, 0.9)]
    samples = np.random.default_rng(1).standard_normal((9, 7))
    together, of_column = side_by_side(bases, [2, 0, 5]), [bases[0]] * 2 + [bases[2]] * 5
    g = together.coefficients(samples)
    for k, own in enumerate(of_column):
        assert g[:, k].tobytes() == own.coefficients(samples[:, k : k + 1]).tobytes()
        for name in ("slopes", "leads", "norms", "unseen", "gaps"):
            assert getattr(together, name)[:, k].tolist() == getattr(own, name)[:, 0].tolist()
        assert (together.next_two[0][k], together.next_two[1][k]) == own.next_two
    assert side_by_side(bases, [0, 4, 0]) is bases[1]
