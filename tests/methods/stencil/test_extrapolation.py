"""Sequences of steps as linear functionals, and the process that extrapolates them."""

import math

import numpy as np
import pytest

from derivkit.methods.stencil.extrapolation import (
    balanced_step,
    gauss_richardson,
    plain_stencil,
    powers_of,
    step_sequence,
)

CENTRAL = (-2, -1, 0, 1, 2)
ONE_SIDED = (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("offsets", "order", "powers"),
    [
        ((-1, 0, 1), 1, (2, 2)),
        ((-1, 0, 1), 2, (2, 2)),
        (CENTRAL, 1, (4, 2)),
        (CENTRAL, 2, (4, 2)),
        (CENTRAL, 3, (2, 2)),
        (CENTRAL, 4, (2, 2)),
        (ONE_SIDED, 1, (4, 1)),
        (ONE_SIDED, 2, (3, 1)),
    ],
)
def test_the_error_of_a_stencil_falls_with_its_powers_of_the_step(offsets, order, powers):
    assert powers_of(offsets, order) == powers
    nodes = np.array(offsets, dtype=float)
    sequence = step_sequence(offsets, order, 2)
    monomial = sequence.nodes ** (order + powers[0])
    coarse, fine = sequence.rungs @ monomial
    assert coarse / fine == pytest.approx(2.0 ** powers[0])
    assert nodes.size == np.count_nonzero(np.isin(sequence.nodes, nodes))


@pytest.mark.parametrize("offsets", [CENTRAL, ONE_SIDED])
@pytest.mark.parametrize("levels", [2, 3, 5])
def test_each_level_makes_higher_polynomials_exact(offsets, levels):
    sequence = step_sequence(offsets, 1, levels)
    first, gap = sequence.powers
    values = sequence.functionals[: sequence.candidates]
    full = values[sequence.diagonal[-1]]
    for power in range(first + gap * (levels - 1) + 1):
        exact = 1.0 if power == 1 else 0.0
        assert full @ sequence.nodes**power == pytest.approx(exact, abs=1e-9)


def test_amplification_is_the_norm_of_the_weights():
    sequence = plain_stencil((-1, 0, 1), CENTRAL, 1)
    assert sequence.amplification[0, 0] == pytest.approx(math.sqrt(0.5))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("points", [3, 5, 7])
def test_the_balanced_step_is_about_the_best_for_exp(points, order):
    offsets = np.arange(-(points // 2), points // 2 + 1)
    sequence = plain_stencil(tuple(offsets.tolist()), tuple(offsets.tolist()), order)

    def error(h):  # mean over some places
        x = np.linspace(0, 1, 50)[:, None]
        values = np.exp(x + sequence.nodes * h) @ sequence.functionals[0] / h**order
        return np.mean(np.abs(values / np.exp(x[:, 0]) - 1))

    best = min(error(10.0**e) for e in np.linspace(-6, 0, 61))
    assert error(balanced_step(points, order)) < 10 * best


def test_the_process_extrapolates_to_the_limit_within_its_deviation():
    sequence = step_sequence(CENTRAL, 1, 4)
    h = 0.3
    samples = np.stack([np.exp(h * sequence.nodes), np.sin(1 + h * sequence.nodes)], axis=1)
    value, deviation, amplification = gauss_richardson(
        sequence, samples - samples[0], np.full(2, 1e-16)
    )
    exact = np.array([1.0, math.cos(1)])
    assert (np.abs(value / h - exact) <= 3 * deviation / h + 1e-15 * amplification / h).all()
    assert (np.abs(value / h - exact) < 1e-10).all()


def test_two_rungs_which_like_all_lengths_alike_do_not_let_rounding_choose():
    sequence = step_sequence(CENTRAL, 1, 2)
    steps = np.geomspace(0.01, 0.5, 200)
    samples = np.exp(steps * sequence.nodes[:, None]) - 1.0
    value, deviation, _ = gauss_richardson(sequence, samples, np.full(200, 1e-16))
    share = (value - sequence.rungs[0] @ samples) / (np.diff(sequence.rungs, axis=0)[0] @ samples)
    np.testing.assert_allclose(share, share[0], rtol=1e-3)
    assert (np.abs(value / steps - 1.0) <= deviation / steps + 1e-13).all()


def test_the_process_averages_what_noise_rules():
    sequence = step_sequence(CENTRAL, 1, 4)
    noise = 1e-3
    rng = np.random.default_rng(2)
    samples = 1e-6 * sequence.nodes[:, None] + noise * rng.standard_normal(
        (len(sequence.nodes), 500)
    )
    value, _, amplification = gauss_richardson(sequence, samples, np.full(500, noise))
    assert np.std(value) == pytest.approx(noise * np.median(amplification), rel=0.3)
    finest = np.linalg.norm(sequence.rungs[-1])
    assert np.median(amplification) < 0.3 * finest
