"""The forecast of each probe alone, and of all together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.forecast.fisher import FisherResult
from derivkit.forecast.information import Array
from derivkit.forecast.report import Report

__all__ = ["ProbeTable"]

TOGETHER = "together"


@dataclass(frozen=True, eq=False, repr=False)
class ProbeTable(Report):
    """Standard deviations of each probe's forecast, and of the one of all.

    Attributes
    ----------
    names : tuple of p str
        The parameters.
    probes : tuple of n str
        The last is "together".
    x0 : ndarray (p,)
    sigma, sigma_error : ndarray (n, p)
        inf where a probe does not constrain a parameter, nan where it has none of that name.
    nfev : int
        Model calls that a forecast before had not made.
    """

    names: tuple[str, ...]
    probes: tuple[str, ...]
    x0: Array
    sigma: Array
    sigma_error: Array
    nfev: int

    @classmethod
    def of(cls, alone: Mapping[str, FisherResult], together: FisherResult) -> ProbeTable:
        """Put forecasts side by side."""
        every = {**alone, TOGETHER: together}
        sigma, error = np.full((2, len(every), len(together.names)), np.nan)
        for k, each in enumerate(every.values()):
            places = [together.names.index(name) for name in each.names]
            sigma[k, places], error[k, places] = each.sigma, each.sigma_error
        nfev = sum(each.nfev for each in every.values())
        return cls(together.names, tuple(every), together.x0, sigma, error, nfev)

    @property
    def message(self) -> str:
        """What the columns are."""
        return "sigmas of each probe alone, and of all together, without priors"

    @property
    def formats(self) -> dict[str, str]:
        """How the numbers of the table's columns are written."""
        return {"value": "{:.8g}", **dict.fromkeys(self.probes, "{:.6g}")}

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: a dict for each parameter."""
        return [
            {
                "parameter": name,
                "value": float(x),
                **dict(zip(self.probes, map(float, s), strict=True)),
            }
            for name, x, s in zip(self.names, self.x0, self.sigma.T, strict=True)
        ]
