"""A cosmological likelihood on public data: distances of 1048 supernovae in 40 redshift bins.

The apparent magnitude of a standard candle at redshift z in a flat universe of matter
(Omega_m) and dark energy with equation of state w is

    m(z) = M + 5 log10( (1 + z) * integral from 0 to z of dz' / E(z') ),
    E(z)^2 = Omega_m (1 + z)^3 + (1 - Omega_m) (1 + z)^(3 (1 + w)).

    derivkit gradient examples/supernovae.py:log_likelihood --at Omega_m=0.3 w=-1 M=23.81
    derivkit hessian  examples/supernovae.py:log_likelihood --at Omega_m=0.3 w=-1 M=23.81

Source
------
Binned Pantheon sample: Scolnic, D. M., et al. (2018), ApJ 859, 101, doi:10.3847/1538-4357/aab9bb;
table Binned_data/lcparam_DS17f.txt of the release, MIT licence, copyright 2018 Daniel Scolnic.
Magnitudes are rounded to 1e-4; the errors are the statistical ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# redshift z, apparent magnitude m, standard error of m
MEASURED = np.array(
    [
        [0.0140, 14.5700, 0.03110],
        [0.0194, 15.2280, 0.02645],
        [0.0264, 15.9341, 0.02310],
        [0.0329, 16.4218, 0.02350],
        [0.0396, 16.8364, 0.02845],
        [0.0475, 17.2346, 0.03340],
        [0.0560, 17.5758, 0.03215],
        [0.0640, 17.9105, 0.04390],
        [0.0721, 18.1780, 0.03865],
        [0.0811, 18.5544, 0.04225],
        [0.0889, 18.7007, 0.03635],
        [0.1001, 19.0388, 0.03515],
        [0.1071, 19.1720, 0.03355],
        [0.1195, 19.3711, 0.02600],
        [0.1278, 19.5555, 0.02635],
        [0.1396, 19.8186, 0.02335],
        [0.1519, 19.9445, 0.02370],
        [0.1635, 20.0643, 0.02585],
        [0.1778, 20.3389, 0.01965],
        [0.1906, 20.5047, 0.02205],
        [0.2067, 20.6854, 0.02140],
        [0.2216, 20.8610, 0.02330],
        [0.2405, 21.0518, 0.02220],
        [0.2558, 21.2038, 0.02025],
        [0.2762, 21.3636, 0.02210],
        [0.2972, 21.5790, 0.02160],
        [0.3215, 21.8133, 0.02140],
        [0.3453, 21.9666, 0.02340],
        [0.3708, 22.1429, 0.02145],
        [0.4049, 22.3799, 0.03225],
        [0.4355, 22.5579, 0.02540],
        [0.4738, 22.7974, 0.02935],
        [0.5174, 23.0012, 0.02685],
        [0.5742, 23.3004, 0.02450],
        [0.6299, 23.5036, 0.03100],
        [0.7240, 23.8666, 0.02700],
        [0.8210, 24.2446, 0.02480],
        [0.9511, 24.6411, 0.02760],
        [1.2336, 25.3040, 0.05635],
        [1.6123, 25.9260, 0.07350],
    ]
)
REDSHIFT, MAGNITUDE, SIGMA = MEASURED.T

# The integrand is smooth: 20 Gauss-Legendre nodes give it to rounding over 0 < z < 1.7.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)
FIDUCIAL = {"Omega_m": 0.3, "w": -1.0, "M": 23.81}


def expansion_rate(z: Any, omega_m: Any, w: Any) -> Any:
    """Return E(z) = H(z) / H0 of a flat universe; nan where E^2 is negative."""
    squared = omega_m * (1 + z) ** 3 + (1 - omega_m) * (1 + z) ** (3 * (1 + w))
    return np.sqrt(squared)


def magnitudes(theta: NDArray[Any]) -> NDArray[Any]:
    """Return the model's magnitudes (40,) for the parameters Omega_m, w, M."""
    omega_m, w, offset = theta
    z = 0.5 * REDSHIFT[:, None] * (NODES + 1.0)
    distance = 0.5 * REDSHIFT * ((1.0 / expansion_rate(z, omega_m, w)) @ WEIGHTS)
    return offset + 5.0 * np.log10((1.0 + REDSHIFT) * distance)


def log_likelihood(theta: NDArray[Any]) -> Any:
    """Return the Gaussian log-likelihood, up to a constant."""
    return -0.5 * np.sum(((MAGNITUDE - magnitudes(theta)) / SIGMA) ** 2)


if __name__ == "__main__":
    from derivkit import CalculusKit

    kit = CalculusKit(log_likelihood, FIDUCIAL, call="array")
    print(kit.gradient_result(), end="\n\n")
    information = -kit.hessian_result().value
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    print("standard errors at the fiducial point, from the Hessian:")
    for name, error in zip(FIDUCIAL, errors, strict=True):
        print(f"  {name:8} {error:.4f}")
