"""What can be said of a derivative: the statuses and their texts, in one table."""

from __future__ import annotations

from enum import Enum

__all__ = ["Status"]


class Status(Enum):
    """How an estimate came out. The value is the short name; ``text`` says what it means.

    Examples
    --------
    >>> from derivkit import CalculusKit
    >>> result = CalculusKit(lambda x: x[0] ** 2, [3.0]).gradient_result()
    >>> status = result.status[0]
    >>> str(status), status.resolved
    ('converged', True)
    """

    EXACT = "exact"
    CONVERGED = "converged"
    NOISE_LIMITED = "noise-limited"
    ONE_SIDED = "one-sided"
    BUDGET_SPENT = "budget spent"
    CONSTANT = "constant"
    UNRESOLVED = "unresolved"
    KINK = "kink"
    JUMP = "jump"
    TREADS = "treads"
    LOST_IN_ROUNDING = "lost in rounding"
    UNDEFINED = "undefined"
    NOT_ANALYTIC = "not analytic"
    MODEL_LIMITED = "model-limited"
    FIXED = "fixed"

    @property
    def text(self) -> str:
        """One sentence: what it means and, where it is not good news, what to try."""
        return _TEXTS[self]

    @property
    def adjective(self) -> str:
        """The short name in a sentence; what is no adjective is a reason to be unresolved."""
        nouns = (Status.KINK, Status.JUMP, Status.TREADS)
        return Status.UNRESOLVED.value if self in nouns else self.value

    @property
    def resolved(self) -> bool:
        """Whether the estimate is a number to be used, within its error."""
        return self not in _UNRESOLVED

    def __str__(self) -> str:
        return self.value


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

_TEXTS = {
    Status.EXACT: "the derivative follows from the function itself, to rounding",
    Status.CONVERGED: "truncation and rounding are both at the level of the error",
    Status.NOISE_LIMITED: "the noise of the model limits the accuracy, not the method; "
    "a smoother or tighter model would give more digits",
    Status.ONE_SIDED: "samples were taken on one side only, because of a bound or a wall",
    Status.BUDGET_SPENT: "the allowed evaluations or seconds were spent before the error stopped "
    "falling; raise max_evaluations or max_seconds for a smaller error",
    Status.CONSTANT: "the output is the same to the last bit at every step tried, up to `scale` or "
    "max(|x0|, 1), or up to a threshold beside x0; if it should depend on this parameter, look at "
    "how the model uses it",
    Status.UNRESOLVED: "the samples do not determine the derivative: structure finer than the "
    "steps tried, or mixed with noise; give `scale` for this parameter, or look at the model near "
    "x0",
    Status.KINK: "the model has a kink at x0: the derivatives on the two sides differ; move x0, or "
    "give `bounds` to take the derivative on one side",
    Status.JUMP: "the model jumps at x0; move x0, or give `bounds` to stay on one side of the jump",
    Status.TREADS: "the model moves in treads: it is constant near x0 and varies farther out, as "
    "with rounded parameters or tables; give a `scale` of many treads, or a smoother model",
    Status.LOST_IN_ROUNDING: "the model varies too little over the steps tried to be told from "
    "rounding; give the `scale` over which it varies with this parameter",
    Status.UNDEFINED: "the model is undefined (nan, inf or a domain error) too close to x0; "
    "move x0 inside the domain, or give `bounds`",
    Status.NOT_ANALYTIC: "the complex step and real samples disagree: the model takes abs, conj, "
    "the real part or a comparison of its complex argument on the way; use method='auto'",
    Status.MODEL_LIMITED: "the model's own error, as another model or `accuracy` tells it, is "
    "larger than what its samples show; a tighter model would give more digits",
    Status.FIXED: "the parameter does not vary: its bounds are one number",
}
