"""A forecast of three parameters

What a spectrum tells about its amplitude, tilt and damping, and what a prior on the damping makes of
it; `result.plot_corner(others=…, truth=…)`. Contours hold 68.3 and 95.4 %, and the numbers above are
the first forecast's.
"""

import numpy as np

from derivkit import ForecastKit

k = np.linspace(0.01, 1, 50)


def spectrum(theta):
    return 1e9 * theta["As"] * k ** (theta["ns"] - 1) * np.exp(-theta["tau"] * k)


fiducial = {"As": 2.1e-9, "ns": 0.965, "tau": 0.3}
latex = {"As": "A_s", "ns": "n_s", "tau": r"\tau"}
kit = ForecastKit(spectrum, fiducial, (0.01 * spectrum(fiducial)) ** 2, latex=latex)
alone = kit.fisher_result()
narrow = alone.with_prior(tau=0.005)
[[ax, *_], *_] = alone.plot_corner(
    label="the spectrum alone", others={"with a prior on τ": narrow}, truth=fiducial
)
