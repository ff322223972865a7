"""An epidemic model fitted to a table of cases: an ODE model, noisy as its solver's tolerance.

The SIR model of influenza in a boarding school of 763 boys,

    dS/dt = -beta S I / N,   dI/dt = beta S I / N - gamma I,

with the counts of boys in bed as Poisson numbers around I. The solver works to a relative
tolerance of 1e-6, so that the log-likelihood is a rough function at that level: derivkit finds
the noise and steps over it.

    derivkit gradient examples/epidemic.py:log_likelihood --at beta=1.66 gamma=0.45
    derivkit gradient examples/epidemic.py:log_likelihood --at beta=1.66 gamma=0.45 --workers 2

Source
------
Anonymous (1978), Influenza in a boarding school, British Medical Journal 1, 587 (4 March):
boys confined to bed, 22 January to 4 February 1978.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.special import gammaln

IN_BED = np.array([3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4])
DAYS = np.arange(IN_BED.size, dtype=float)
BOYS = 763.0
FIRST_INFECTED = 3.0
TOLERANCE = 1e-6
NEAR_THE_BEST = {"beta": 1.66, "gamma": 0.45}


def infected(theta: NDArray[Any], tolerance: float = TOLERANCE) -> NDArray[Any]:
    """Return the number of infected boys on each day, for the rates beta, gamma per day."""
    beta, gamma = theta

    def rates(_: float, state: NDArray[Any]) -> list[float]:
        new = beta * state[0] * state[1] / BOYS
        return [-new, new - gamma * state[1]]

    start = [BOYS - FIRST_INFECTED, FIRST_INFECTED]
    run = solve_ivp(
        rates, (0.0, DAYS[-1]), start, t_eval=DAYS, rtol=tolerance, atol=1e-3 * tolerance
    )
    if not run.success:
        raise ArithmeticError(run.message)  # undefined here, says derivkit
    return run.y[1]


def log_likelihood(theta: NDArray[Any], tolerance: float = TOLERANCE) -> float:
    """Return the Poisson log-likelihood of the counts; nan where the model is not positive."""
    expected = infected(theta, tolerance)
    with np.errstate(invalid="ignore"):
        return float(np.sum(IN_BED * np.log(expected) - expected - gammaln(IN_BED + 1.0)))


if __name__ == "__main__":
    from derivkit import CalculusKit

    print(CalculusKit(log_likelihood, NEAR_THE_BEST, bounds=[(0, None)] * 2).gradient_result())
