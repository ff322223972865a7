"""Why this step

The distance of plain differences from the answer against their step; `result.plot_steps("H0")`.
"""

import numpy as np

from derivkit import CalculusKit


def model(theta):
    seed = np.frombuffer(theta.tobytes(), dtype=np.uint32)
    return np.sin(3 * theta[0]) + 1e-6 * np.random.default_rng(seed).standard_normal()


ax = CalculusKit(model, [0.7], names=["H0"]).gradient_result().plot_steps("H0")
