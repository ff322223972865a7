"""The exceptions and warnings that derivkit raises. Nothing here knows how they come about."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

__all__ = [
    "CheckpointError",
    "CheckpointMismatchError",
    "CheckpointWarning",
    "ModelError",
    "TracingError",
    "UnresolvedWarning",
]


class ModelError(RuntimeError):
    """The user's model failed where it must not: at x0, or with an exception that is a bug.

    The model's own exception is its ``__cause__``.

    Attributes
    ----------
    x : ndarray (p,) or None
        The point at which the model failed.
    parameter : str or None
        The parameter that was moved away from x0; None at x0 itself.
    """

    def __init__(
        self, message: str, *, x: NDArray[Any] | None = None, parameter: str | None = None
    ) -> None:
        super().__init__(message)
        self.x = x
        self.parameter = parameter


class TracingError(ModelError):
    """The model runs, but automatic differentiation cannot follow what it does."""


class UnresolvedWarning(UserWarning):
    """A derivative could not be resolved; its error is inf. The text names the parameter."""


class CheckpointError(RuntimeError):
    """The checkpoint file cannot be used. Raised before any call of the model."""


class CheckpointMismatchError(CheckpointError):
    """The checkpoint file holds the evaluations of another model than the one given."""


class CheckpointWarning(UserWarning):
    """Finished evaluations cannot be written to the checkpoint file; they are kept in memory."""


class WorkerDiedError(RuntimeError):
    """A worker process ended while it called the model, and did so again in a process of its own.

    Add it to ``undefined=`` to have such points worked around.
    """


class RemoteError(RuntimeError):
    """What a model raised in a worker, where the exception itself could not be brought back."""
