"""Derivatives with their error bars

Three parameters of a model with noise; `result.plot()`. The panel at the right has the errors
relative to the derivatives, since most bars are shorter than their points.
"""

import numpy as np

from derivkit import CalculusKit


def model(theta):
    seed = np.frombuffer(theta.tobytes(), dtype=np.uint32)
    noise = 1e-6 * np.random.default_rng(seed).standard_normal()
    return np.sin(3 * theta[0]) * np.exp(theta[1]) + np.log(theta[2]) / 1e3 + noise


names = ["H0", "ombh2", "tau"]
kit = CalculusKit(model, [0.7, 0.3, 1e-3], names=names, bounds={"tau": (0.0, None)})
ax = kit.gradient_result().plot()
