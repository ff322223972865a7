"""The exceptions and warnings that derivkit raises. Nothing here knows how they come about."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

__all__ = [
    "CheckpointError",
    "CheckpointMismatchError",
    "CheckpointWarning",
    "ForecastWarning",
    "ModelError",
    "RemoteError",
    "SamplingError",
    "TracingError",
    "UnresolvedWarning",
    "WorkerDiedError",
    "level_of_user",
]

_PACKAGE = str(Path(__file__).parent)


class ModelError(RuntimeError):
    """The user's model failed where it must not: at x0, or with an exception that is a bug.

    The model's own exception is its ``__cause__``.

    Attributes
    ----------
    x : ndarray (p,) or None
        The point at which the model failed.
    parameter : str or None
        The parameter that was moved away from x0; None at x0 itself.
    x0 : ndarray (p,) or None
        Where derivatives were wanted.
    undefined : bool
        Whether the model is merely undefined at x0: it returned nan or inf, or raised what would
        mean that elsewhere.
    output : object
        What it returned there; None where it raised.
    """

    def __init__(
        self,
        message: str,
        *,
        x: NDArray[Any] | None = None,
        parameter: str | None = None,
        x0: NDArray[Any] | None = None,
        undefined: bool = False,
        output: Any = None,
    ) -> None:
        super().__init__(message)
        self.x = x
        self.parameter = parameter
        self.x0 = x0
        self.undefined = undefined
        self.output = output


class TracingError(ModelError):
    """The model runs, but automatic differentiation cannot follow what it does."""


class UnresolvedWarning(UserWarning):
    """A derivative could not be resolved; its error is inf. The text names the parameter."""


class ForecastWarning(UserWarning):
    """A forecast is not what it may be taken for; the text names the parameters and what to do."""


class SamplingError(RuntimeError):
    """Importance samples say too little about their density; hand it over to a sampler."""


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


def level_of_user() -> int:
    """Return the ``stacklevel`` at which the caller's warning points at the user's own line."""
    level = 1
    frame = sys._getframe(1)  # noqa: SLF001 - the documented way to look up the stack
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    return level
