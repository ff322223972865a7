"""What can be said of a derivative: the statuses and their texts, in one table."""

from __future__ import annotations

from enum import Enum

__all__ = ["Status"]


class Status(Enum):
    """How an estimate came out. The value is the short name; ``text`` says what it means."""

    EXACT = "exact"
    CONVERGED = "converged"
    NOISE_LIMITED = "noise-limited"
    ONE_SIDED = "one-sided"
    BUDGET_SPENT = "budget spent"
    UNRESOLVED = "unresolved"
    UNDEFINED = "undefined"
    NOT_ANALYTIC = "not analytic"

    @property
    def text(self) -> str:
        """One sentence: what it means and, where it is not good news, what to try."""
        return _TEXTS[self]

    @property
    def resolved(self) -> bool:
        """Whether the estimate is a number to be used, within its error."""
        return self not in _UNRESOLVED

    def __str__(self) -> str:
        return self.value


_UNRESOLVED = frozenset({Status.UNRESOLVED, Status.UNDEFINED, Status.NOT_ANALYTIC})

_TEXTS = {
    Status.EXACT: "the derivative follows from the function itself, to rounding",
    Status.CONVERGED: "truncation and rounding are both at the level of the error",
    Status.NOISE_LIMITED: "the noise of the model limits the accuracy, not the method; "
    "a smoother or tighter model would give more digits",
    Status.ONE_SIDED: "samples were taken on one side only, because of a bound or a wall",
    Status.BUDGET_SPENT: "the allowed evaluations were spent before the error stopped falling; "
    "raise max_evaluations for a smaller error",
    Status.UNRESOLVED: "the samples do not determine the derivative: a kink, a jump, or structure "
    "finer than the steps tried; give `scale` for this parameter, or look at the model near x0",
    Status.UNDEFINED: "the model is undefined (nan, inf or a domain error) too close to x0; "
    "move x0 inside the domain, or give `bounds`",
    Status.NOT_ANALYTIC: "the complex step and real samples disagree: the model takes abs, conj, "
    "the real part or a comparison of its complex argument on the way; use method='auto'",
}
