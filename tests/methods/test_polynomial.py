"""Orthonormal polynomials on any nodes, and what their coefficients tell."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derivkit.methods.polynomial import basis_of, fit, noise_bound, tail_factors, tail_of

distinct_nodes = st.lists(st.integers(-64, 64), min_size=3, max_size=12, unique=True).map(
    lambda ks: np.array(ks) / 64
)


@settings(max_examples=100, deadline=None)
@given(distinct_nodes)
def test_contrasts_are_orthonormal(nodes):
    rows = basis_of(nodes, 1).contrasts
    assert rows @ rows.T == pytest.approx(np.eye(len(nodes)), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(distinct_nodes, st.integers(0, 2))
def test_the_full_fit_interpolates_and_differentiates_polynomials(nodes, order):
    degree = min(len(nodes) - 1, 5)
    samples = np.array([nodes**k for k in range(degree + 1)]).T
    found = fit(nodes, samples, order).values[-1]
    exact = [math.factorial(order) if k == order else 0.0 for k in range(degree + 1)]
    basis = basis_of(nodes, order)
    size = (np.abs(basis.derivatives[order]) @ np.abs(basis.contrasts)).sum()
    assert found == pytest.approx(exact, abs=1e-12 * max(size, 1.0))


def test_truncation_is_told_by_the_terms_behind_a_degree():
    nodes = np.linspace(-1, 1, 12)
    found = fit(nodes, np.exp(nodes)[:, None], 1)
    true = np.abs(found.values[:, 0] - 1)
    assert (true[1:9] <= found.truncation[1:9, 0]).all()
    assert (found.truncation[1:9, 0] < 50 * np.maximum(true[1:9], 1e-9)).all()


@pytest.mark.parametrize("level", [1e-150, 1e-9, 1.0, 1e150])
def test_the_noise_of_white_samples_is_bounded_at_any_size(level):
    rng = np.random.default_rng(0)
    tail = tail_of(level * rng.standard_normal((11, 2000)))
    bound = noise_bound(tail, tail_factors(len(tail)))
    noise = level * np.abs(rng.standard_normal(2000))
    assert np.mean(noise <= bound) > 0.96
    assert 2 < np.median(bound) / level < 6


def test_signal_that_decays_is_not_taken_for_noise():
    nodes = np.linspace(-0.1, 0.1, 11)
    spectrum = basis_of(nodes * 10, 0).contrasts @ np.exp(nodes)[:, None]
    tail = tail_of(spectrum)
    assert noise_bound(tail, tail_factors(len(tail)))[0] < 1e-14
