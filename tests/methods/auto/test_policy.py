"""The default method's probes come to an end, also where a place was probed before."""

import numpy as np

from derivkit import CalculusKit


def test_a_second_probe_beside_the_first_is_found():
    def model(theta):  # fast, and noisy at 1e-6: the search probes twice at one depth
        seed = np.frombuffer(theta.tobytes(), dtype=np.uint32)
        noise = 1e-6 * np.random.default_rng(seed).standard_normal()
        return np.sin(30.0 * theta[0]) * (1.0 + noise)

    x = 0.972738177482267
    result = CalculusKit(model, [x]).gradient_result()
    assert abs(result.value[0] - 30.0 * np.cos(30.0 * x)) <= result.error[0] < 0.1
