"""A forecast that is not Gaussian

A bent likelihood: the ellipse of the Fisher matrix is hatched, since chi-square one sigma away is 2
and not 1; the contours of second derivatives (DALI) follow the bend.
`result.plot_corner(others={"DALI": doublet})`.
"""

import numpy as np

from derivkit import ForecastKit


def banana(theta):
    x, e = theta
    first = 1e2 * np.exp((x - 3 * e) ** 2) * np.exp(4 * e)
    return np.array([first, 4e1 * np.exp(0.5 * x) * (1 + 0.3 * e + 6 * e**3)])


cov = np.array([[1.0, 0.95], [0.95, 1.0]])
kit = ForecastKit(banana, [0.18, 0.02], cov, names=["x", "eps"], latex={"eps": r"\epsilon"})
fisher = kit.check_gaussian().fisher
[[ax, *_], *_] = fisher.plot_corner(others={"DALI": kit.dali_result(2)})
