"""What samples show of how noise goes together, and of what is no noise."""

import numpy as np

from derivkit import CalculusKit, Status
from derivkit.forecast.noise import _contrasts, noise_patterns

T = np.linspace(-1, 1, 13)


def noisy(curve, m=4000):
    """Return m data with noise of 1 that share a curve, and the noise."""
    noise = np.random.default_rng(0).standard_normal((T.size, m))
    return curve[:, None] + noise, np.ones(m)


def test_what_all_data_share_below_their_noise_is_in_the_changes():
    values, sigma = noisy(T + 0.5 * T**3)
    contrasts, change = _contrasts(T, values, sigma)
    assert len(contrasts) == T.size - 2  # single data look like lines
    off_by = -0.5 * np.sum(T**4) / np.sum(T**2)  # the slope of a line through 0.5 t^3
    assert abs(np.mean(change) - off_by) < 4 * np.std(change) / np.sqrt(change.size)
    assert abs(off_by) > 10 * np.std(change) / np.sqrt(change.size)


def test_without_a_curve_the_changes_are_noise():
    values, sigma = noisy(T)
    change = _contrasts(T, values, sigma)[1]
    assert abs(np.mean(change)) < 4 * np.std(change) / np.sqrt(change.size)


def test_contrasts_make_no_datum_noisier_than_its_bar_says():
    x, generator = np.linspace(0.0, 1.0, 20), np.random.default_rng(0)

    def decay(t):
        return np.exp(-x * t[0]) + 1e-4 * generator.standard_normal(x.size)

    result = CalculusKit(decay, [0.7]).jacobian_result()
    noisy = result.status == Status.NOISE_LIMITED
    patterns = noise_patterns(result, noisy)
    assert noisy.any()
    np.testing.assert_allclose(np.sum(patterns[:-1] ** 2, axis=0)[noisy], 1.0)  # the last: changes
