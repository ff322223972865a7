"""A regression on measured data: NIST's dental adsorption study Misra1a.

Fourteen measurements of volume against pressure, the model y = b1 (1 - exp(-b2 x)), and the
parameters that NIST certifies to eleven digits. Start from this file: put your own table and
your own formula in, and ask ::

    derivkit gradient examples/misra1a.py:log_likelihood --at b1=250 b2=5e-4

Source
------
Misra, D., NIST (1978), Dental Research Monomolecular Adsorption Study; dataset Misra1a of the
NIST Statistical Reference Datasets (nonlinear regression), doi:10.18434/T43G6C, public domain.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# y (volume), x (pressure)
MEASURED = np.array(
    [
        [10.07, 77.6],
        [14.73, 114.9],
        [17.94, 141.1],
        [23.93, 190.8],
        [29.61, 239.9],
        [35.18, 289.0],
        [40.02, 332.8],
        [44.82, 378.4],
        [50.76, 434.8],
        [55.05, 477.3],
        [61.01, 536.8],
        [66.40, 593.1],
        [75.47, 689.1],
        [81.78, 760.0],
    ]
)
VOLUME, PRESSURE = MEASURED.T

CERTIFIED = {"b1": 2.3894212918e02, "b2": 5.5015643181e-04}
CERTIFIED_STANDARD_ERRORS = {"b1": 2.7070075241e00, "b2": 7.2668688436e-06}
CERTIFIED_RESIDUAL_SD = 1.0187876330e-01
CERTIFIED_RSS = 1.2455138894e-01


def predicted(theta: NDArray[Any]) -> NDArray[Any]:
    """Return the model's volumes (14,) for the parameters b1, b2."""
    b1, b2 = theta
    return b1 * -np.expm1(-b2 * PRESSURE)


def residuals(theta: NDArray[Any]) -> NDArray[Any]:
    """Return measured minus predicted volumes (14,)."""
    return VOLUME - predicted(theta)


def rss(theta: NDArray[Any]) -> Any:
    """Return the residual sum of squares, which the certified parameters minimise."""
    return np.sum(residuals(theta) ** 2)


def log_likelihood(theta: NDArray[Any]) -> Any:
    """Return the Gaussian log-likelihood with the certified residual standard deviation."""
    pulls = residuals(theta) / CERTIFIED_RESIDUAL_SD
    norm = PRESSURE.size * np.log(CERTIFIED_RESIDUAL_SD * np.sqrt(2.0 * np.pi))
    return -0.5 * np.sum(pulls**2) - norm


if __name__ == "__main__":
    from derivkit import CalculusKit

    for label, at in (("certified", CERTIFIED), ("NIST's start 2", {"b1": 250.0, "b2": 5e-4})):
        print(f"at the {label} parameters:")
        print(CalculusKit(log_likelihood, at).gradient_result(), end="\n\n")
