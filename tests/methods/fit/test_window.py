"""One judge: what a window of samples says of a derivative, at a chosen or a given degree."""

import math
from dataclasses import fields

import numpy as np
import pytest

from derivkit.methods.auto.ladder import one_sided, two_sided
from derivkit.methods.fit import window
from derivkit.methods.fit.window import Noise, Part, judge, judge_parts, judge_scaled, least_noise

UNIT = tuple(np.linspace(-1, 1, 9).tolist())
PLACES = np.array(UNIT)


def test_a_given_degree_is_kept_where_a_lower_one_would_be_chosen():
    rng = np.random.default_rng(0)
    noisy = (PLACES + 1e-3 * rng.standard_normal(9))[:, None]
    chosen = judge_scaled(UNIT, 1.0, noisy, 1, 0.0)
    full = judge_scaled(UNIT, 1.0, noisy, 1, 0.0, degree=8)
    interpolant = np.polynomial.Polynomial.fit(PLACES, noisy[:, 0], 8).deriv()(0.0)
    assert full.value[0] == pytest.approx(interpolant, rel=1e-9)
    assert abs(chosen.value[0] - 1) < abs(full.value[0] - 1) <= full.error[0]
    assert chosen.error[0] < full.error[0]


@pytest.mark.parametrize("degree", [2, 3, 5])
def test_all_that_a_given_low_degree_cannot_follow_is_in_its_error(degree):
    v = judge_scaled(UNIT, 1.0, np.exp(2 * PLACES)[:, None], 1, 0.0, degree=degree)
    assert abs(v.value[0] - 2) <= v.error[0] < 40 * abs(v.value[0] - 2)


def test_a_ridge_damps_the_high_coefficients():
    wave = np.sin(3 * PLACES)[:, None]
    plain, damped = (judge_scaled(UNIT, 1.0, wave, 1, 0.0, degree=8, ridge=r) for r in (0, 1e-3))
    assert 0 < plain.value[0] - damped.value[0] < 0.1


@pytest.mark.parametrize("size", [1e-280, 1.0, 1e280])
def test_columns_are_judged_to_the_bit_as_each_alone(size):
    a = np.random.default_rng(1).uniform(0.3, 3.0, 40)
    values = size * np.exp(0.1 * PLACES[:, None] * a)
    together = judge_scaled(UNIT, 0.1, values, 1, 0.0)
    for k in range(40):
        alone = judge_scaled(UNIT, 0.1, values[:, k : k + 1], 1, 0.0)
        assert alone.value[0] == together.value[k]
        assert alone.error[0] == together.error[k]


@pytest.mark.parametrize("level", [1e-9, 1.0])
def test_the_noise_of_white_samples_is_bounded(level):
    rng = np.random.default_rng(0)
    bound = least_noise(level * rng.standard_normal((6, 5000)), np.zeros(5000))
    noise = level * np.abs(rng.standard_normal(5000))
    assert np.mean(noise <= bound) > 0.96
    assert 2 < np.median(bound) / level < 6


def test_signal_that_decays_is_not_taken_for_noise_nor_missing_coefficients_for_none():
    decaying = 10.0 ** -np.arange(12.0, 6.0, -1.0)[:, None]
    assert least_noise(decaying, np.zeros(1))[0] < 50e-12
    padded = np.array([[[1.0], [1.0], [0.0]], [[1.0], [1.0], [1.0]]])
    two, three = least_noise(padded, np.zeros(1), np.array([[[2.0]], [[3.0]]]))[:, 0]
    assert two == pytest.approx(1.12 * 6.96, rel=1e-3)
    assert three == pytest.approx(1.24 * 4.54, rel=1e-3)


def test_rounding_counts_where_the_last_coefficients_are_zero_by_chance():
    assert least_noise(np.zeros((3, 1)), np.array([1e-16]))[0] == pytest.approx(2.4e-16, rel=0.5)
    assert math.isfinite(least_noise(np.full((1, 1), 1e-3), np.array([1e-16]))[0])


@pytest.mark.parametrize("known", [False, True])
def test_columns_judged_in_blocks_are_judged_to_the_bit_as_all_at_once(known, monkeypatch):
    rng = np.random.default_rng(5)
    q, unit = 23, tuple(np.linspace(-1.0, 1.0, 9).tolist())
    radius, origin = rng.uniform(0.1, 2.0, q), rng.normal(size=q)
    values = np.sin(np.outer(unit, radius) + origin) + 1e-9 * rng.normal(size=(9, q))
    noise = Noise(rng.uniform(1e-10, 1e-8, q), np.full(q, 5.0)) if known else None
    whole = judge_scaled(unit, radius, values, 1, origin, noise)
    monkeypatch.setattr(window, "BLOCK", 5)
    parts = judge_scaled(unit, radius, values, 1, origin, noise)
    for field in fields(whole):
        one, other = getattr(whole, field.name), getattr(parts, field.name)
        assert np.array_equal(one, other)
        assert np.shape(one) == np.shape(other)


def test_sums_over_rows_are_those_of_numpy_to_the_bit_however_many_columns_there_are():
    rng = np.random.default_rng(6)
    for q in (1, 30, window.MANY_COLUMNS, 300):
        rows = rng.standard_normal((9, q)) * 10.0 ** rng.uniform(-9, 9, (9, q))
        for order in (rows, rows[::-1]):
            sums = order.cumsum(axis=0)
            assert window._running_sums(order.copy()).tobytes() == sums.tobytes()


def parts_of_lines(rng, block):
    """Return samples of windows on several lines, of one to three outputs or a block of them."""
    parts, q = [], 0
    for n in range(12):
        x0 = float(rng.standard_normal() * 10.0 ** (n % 4))
        steps = [two_sided(abs(x0) * 2.0 ** -rng.integers(2, 9), x0, 3 + n % 3)]
        if n % 5 == 0:
            steps = [one_sided(abs(x0) / 8, x0, 1.0)]
        t = np.unique(np.concatenate([[0.0], *steps]))
        outputs = block if n == 7 else 1 + n % 3
        wave = np.sin(t[:, None] / x0 + rng.standard_normal(outputs))
        values = wave + 1e-9 * rng.standard_normal(wave.shape)
        parts.append(Part(t, values, x0, np.arange(q, q + outputs)))
        q += outputs
    return parts, q


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("block", [4, 40])
def test_windows_of_many_lines_are_judged_to_the_bit_as_each_alone(
    known, order, block, monkeypatch
):
    monkeypatch.setattr(window, "BLOCK", 10)
    parts, q = parts_of_lines(np.random.default_rng(3), block)
    noise = Noise(np.linspace(1e-10, 1e-8, q), np.linspace(2.0, 9.0, q)) if known else None
    eps = np.linspace(1.0, 3.0, q) * window.EPS
    together = judge_parts(parts, order, noise, eps)
    for part in parts:
        for j, k in enumerate(part.columns):
            level = noise and noise.of([k])
            alone = judge(part.t, part.values[:, [j]], order, part.origin, level, eps[[k]])
            for field in fields(together):
                own = np.broadcast_to(getattr(alone, field.name), 1)[0]
                assert getattr(together, field.name)[k] == own, field.name
