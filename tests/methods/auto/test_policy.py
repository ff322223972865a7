"""The default method's probes tell noise from what moves on finer scales, and come to an end."""

import math

import numpy as np
import pytest

from derivkit import CalculusKit, Status, UnresolvedWarning


def test_a_second_probe_beside_the_first_is_found():
    def model(theta):  # fast, and noisy at 1e-6: the search probes twice at one depth
        seed = np.frombuffer(theta.tobytes(), dtype=np.uint32)
        noise = 1e-6 * np.random.default_rng(seed).standard_normal()
        return np.sin(30.0 * theta[0]) * (1.0 + noise)

    x = 0.972738177482267
    result = CalculusKit(model, [x]).gradient_result()
    assert abs(result.value[0] - 30.0 * np.cos(30.0 * x)) <= result.error[0] < 0.1


def test_noise_at_zero_is_taken_for_noise_also_on_a_slope():
    # half of all noisy samples lie in order with f(0) and a steep slope: no singularity
    levels = []
    for seed in range(30):
        random, known = np.random.default_rng(seed), {}

        def model(theta, random=random, known=known):
            smooth = 3.0 * theta[0] + np.sin(theta[0])
            return known.setdefault(theta[0], smooth + 1e-2 * random.standard_normal())

        result = CalculusKit(model, [0.0]).gradient_result()
        levels.append(result.status[0] is Status.NOISE_LIMITED and abs(result.value[0] - 4) < 0.2)
    assert sum(levels) >= 29


@pytest.mark.parametrize(
    "model",
    [
        lambda t: t * math.log(abs(t)) if t else 0.0,
        lambda t: math.copysign(abs(t) ** 0.1, t),
        lambda t: 1.0 / math.log(abs(t) / 10.0) if t else 0.0,
    ],
    ids=["x log x", "a tenth power", "1 / log"],
)
def test_a_singularity_at_zero_has_no_derivative_and_is_no_noise(model):
    with pytest.warns(UnresolvedWarning, match="structure finer"):
        result = CalculusKit(lambda theta: model(theta[0]), [0.0]).gradient_result()
    assert result.status[0] is Status.UNRESOLVED
