"""How far a forecast can be trusted: the verdicts, each with its text, from best to worst."""

# ruff: noqa: ISC004 - of each member a word, then its sentence
from __future__ import annotations

import warnings
from collections.abc import Iterable

from derivkit.errors import ForecastWarning, UnresolvedWarning, level_of_user
from derivkit.status import Spoken

__all__ = ["NEAR_A_BOUND", "Verdict", "quiet", "warn_of", "worst"]

NEAR_A_BOUND = 2.0
"""A point within this many sigma of a bound has a Gaussian that is cut off."""


class Verdict(Spoken):
    """How far a forecast can be trusted; members stand from best to worst.

    The value is the short name; ``text`` says what it means and what to do.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import ForecastKit
    >>> result = ForecastKit(lambda t: [t[0], t[0]], [1.0], np.eye(2)).fisher_result()
    >>> str(result.verdict), result.success
    ('not checked', True)
    """

    TRUSTWORTHY = (
        "trustworthy",
        "derivatives are resolved, all parameters are constrained, and the likelihood is "
        "Gaussian out to one sigma",
    )
    NOT_CHECKED = (
        "not checked",
        "derivatives are resolved and all parameters are constrained; whether the likelihood "
        "is Gaussian was not checked: call check_gaussian()",
    )
    NOT_GAUSSIAN = (
        "not Gaussian",
        "the likelihood is not Gaussian at one sigma; use dali_result(), a sampler, or other "
        "parameters",
    )
    OUTSIDE_LINEAR_RANGE = (
        "outside the linear range",
        "the model is not linear over the shift; refit instead",
    )
    TRUNCATED = (
        "truncated",
        "the fiducial point is within two sigma of a bound, where a Gaussian is cut off; use "
        "the one-sided limit, or a sampler",
    )
    UNCONSTRAINED = (
        "unconstrained",
        "the data do not constrain every parameter; give a prior, fix a parameter, or choose "
        "other parameters",
    )
    UNRESOLVED = (
        "unresolved",
        "derivatives are not known well enough for these errors; look at the model's noise "
        "near the fiducial point, or fix the parameter",
    )

    @property
    def rank(self) -> int:
        """Its place from best (0) to worst."""
        return list(Verdict).index(self)

    @property
    def success(self) -> bool:
        """Whether the numbers are what they say they are; a Gaussian may still not be."""
        return self.rank <= Verdict.NOT_GAUSSIAN.rank

    @property
    def hatched(self) -> bool:
        """Whether pictures are hatched and the command line exits with 1."""
        return self.rank >= Verdict.NOT_GAUSSIAN.rank


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of some verdicts."""
    return max(verdicts, key=lambda verdict: verdict.rank)


def warn_of(verdict: Verdict, message: str) -> None:
    """Warn at the user's own line if a verdict is worse than not Gaussian."""
    if not verdict.success:
        kind = UnresolvedWarning if verdict is Verdict.UNRESOLVED else ForecastWarning
        warnings.warn(message, kind, stacklevel=level_of_user())


class quiet(warnings.catch_warnings):  # noqa: N801 - a context
    """Silence warnings of unresolved derivatives: the forecast's verdict reports them."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore", UnresolvedWarning)
