"""Covariances estimated from simulations: what their own noise does to a forecast."""

from __future__ import annotations

__all__ = ["factor_of_simulations"]


def factor_of_simulations(n: int, m: int, p: int, correction: str) -> tuple[float, str]:
    """Return the factor for the inverse of an estimated covariance, and a note that says so.

    Parameters
    ----------
    n : int
        Simulations of m data that it was estimated from.
    m, p : int
        Data and free parameters.
    correction : {"hartlap", "percival"}
        See `ForecastKit`.

    Raises
    ------
    ValueError
        If there are too few simulations.
    """
    more = 2 if correction == "hartlap" else 4
    if n <= m + more:
        raise ValueError(f"`cov_samples` must be more than {m + more} for {m} data, got {n}")
    hartlap = (n - m - 2) / (n - 1)
    note = f"multiplied by Hartlap's factor {hartlap:.4g}"
    if correction == "hartlap":
        return hartlap, note
    both = (n - m - 1) * (n - m - 4)
    A, B = 2 / both, (n - m - 2) / both
    percival = (1 + B * (m - p)) / (1 + A + B * (p + 1))
    return hartlap / percival, f"{note}, divided by Percival's {percival:.4g}"
