"""What can be said of a derivative: the statuses, each with its text, in one table."""

# ruff: noqa: ISC004 - of each member a word, then its sentence
from __future__ import annotations

from enum import Enum
from typing import Self

__all__ = ["Spoken", "Status"]


class Spoken(Enum):
    """Words for what happened, each with a sentence: a member is ``NAME = "word", "sentence"``.

    Attributes
    ----------
    text : str
        What it means and, where it is not good news, what to try.
    """

    _value_: str
    text: str

    def __new__(cls, word: str, text: str = "") -> Self:
        """Make a member, whose value is the word."""
        member = object.__new__(cls)
        member._value_, member.text = word, text
        return member

    def __str__(self) -> str:
        return str(self.value)


class Status(Spoken):
    """How an estimate came out. The value is the short name; ``text`` says what it means.

    Examples
    --------
    >>> from derivkit import CalculusKit
    >>> result = CalculusKit(lambda x: x[0] ** 2, [3.0]).gradient_result()
    >>> status = result.status[0]
    >>> str(status), status.resolved
    ('converged', True)
    """

    EXACT = "exact", "the derivative follows from the function itself, to rounding"
    CONVERGED = "converged", "truncation and rounding are both at the level of the error"
    NOISE_LIMITED = (
        "noise-limited",
        "the noise of the model limits the accuracy, not the method; a smoother or tighter "
        "model would give more digits",
    )
    ONE_SIDED = "one-sided", "samples were taken on one side only, because of a bound or a wall"
    BUDGET_SPENT = (
        "budget spent",
        "the allowed evaluations or seconds were spent before the error stopped falling; "
        "raise max_evaluations or max_seconds for a smaller error",
    )
    CONSTANT = (
        "constant",
        "the output is the same to the last bit at every step tried, up to `scale` or "
        "max(|x0|, 1), or up to a threshold beside x0; if it should depend on this parameter,"
        " look at how the model uses it",
    )
    UNRESOLVED = (
        "unresolved",
        "the samples do not determine the derivative: structure finer than the steps tried, "
        "or mixed with noise; give `scale` for this parameter, or look at the model near x0",
    )
    KINK = (
        "kink",
        "the model has a kink at x0: the derivatives on the two sides differ; move x0, or "
        "give `bounds` to take the derivative on one side",
    )
    JUMP = (
        "jump",
        "the model jumps at x0; move x0, or give `bounds` to stay on one side of the jump",
    )
    TREADS = (
        "treads",
        "the model moves in treads: it is constant near x0 and varies farther out, as with "
        "rounded parameters or tables; give a `scale` of many treads, or a smoother model",
    )
    LOST_IN_ROUNDING = (
        "lost in rounding",
        "the model varies too little over the steps tried to be told from rounding; give the "
        "`scale` over which it varies with this parameter",
    )
    UNDEFINED = (
        "undefined",
        "the model is undefined (nan, inf or a domain error) too close to x0; move x0 inside "
        "the domain, or give `bounds`",
    )
    NOT_ANALYTIC = (
        "not analytic",
        "the complex step and real samples disagree: the model takes abs, conj, the real part"
        " or a comparison of its complex argument on the way; use method='auto'",
    )
    MODEL_LIMITED = (
        "model-limited",
        "the model's own error, as another model or `accuracy` tells it, is larger than what "
        "its samples show; a tighter model would give more digits",
    )
    FIXED = "fixed", "the parameter does not vary: its bounds are one number"

    @property
    def adjective(self) -> str:
        """The short name in a sentence; what is no adjective is a reason to be unresolved."""
        nouns = (Status.KINK, Status.JUMP, Status.TREADS)
        return str(Status.UNRESOLVED if self in nouns else self)

    @property
    def resolved(self) -> bool:
        """Whether the estimate is a number to be used, within its error."""
        return self not in _UNRESOLVED


_UNRESOLVED = frozenset(
    {
        Status.UNRESOLVED,
        Status.KINK,
        Status.JUMP,
        Status.TREADS,
        Status.LOST_IN_ROUNDING,
        Status.UNDEFINED,
        Status.NOT_ANALYTIC,
        Status.FIXED,
    }
)
