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

    Examples
    --------
    >>> from derivkit import CalculusKit, ModelError
    >>> try:
    ...     CalculusKit(lambda x: {}["missing"], [1.0]).gradient()
    ... except ModelError as error:
    ...     print(type(error.__cause__).__name__, error.x, error.parameter)
    KeyError [1.] None
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
    """The model runs, but automatic differentiation cannot follow what it does.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import CalculusKit, TracingError
    >>> kit = CalculusKit(lambda x: float(x[0]) ** 2, [3.0])
    >>> try:
    ...     kit.gradient("autograd")
    ... except TracingError:
    ...     print("by calls:", np.round(kit.gradient(), 6))
    by calls: [6.]
    """


class UnresolvedWarning(UserWarning):
    """A derivative could not be resolved; its error is inf. The text names the parameter.

    Examples
    --------
    >>> import warnings
    >>> from derivkit import CalculusKit, UnresolvedWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", UnresolvedWarning)
    ...     try:
    ...         CalculusKit(lambda x: abs(x[0]), [0.0], names=["a"]).gradient()
    ...     except UnresolvedWarning as warning:
    ...         print(str(warning)[:40])
    the derivative with respect to a is unre
    """


class ForecastWarning(UserWarning):
    """A forecast is not what it may be taken for; the text names the parameters and what to do.

    Examples
    --------
    >>> import warnings
    >>> from derivkit import ForecastKit, ForecastWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", ForecastWarning)
    ...     try:
    ...         ForecastKit(lambda x: [x[0], 2 * x[0]], [1.0, 3.0], 1.0).fisher_result()
    ...     except ForecastWarning as warning:
    ...         print("unconstrained" in str(warning))
    True
    """


class SamplingError(RuntimeError):
    """Importance samples say too little about their density; hand it over to a sampler.

    Examples
    --------
    >>> from derivkit import ForecastKit, SamplingError
    >>> density = ForecastKit(lambda x: [x[0], x[1]], [1.0, 2.0], 1.0).dali_result(2)
    >>> try:
    ...     density.sample(50, seed=1)
    ... except SamplingError:
    ...     print("too few")
    too few
    """


class CheckpointError(RuntimeError):
    """The checkpoint file cannot be used. Raised before any call of the model.

    Examples
    --------
    >>> from derivkit import CalculusKit, CheckpointError
    >>> try:
    ...     CalculusKit(sum, [1.0], checkpoint="no/such/folder/run.db")
    ... except CheckpointError as error:
    ...     print("folder" in str(error))
    True
    """


class CheckpointMismatchError(CheckpointError):
    """The checkpoint file holds the evaluations of another model than the one given.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from derivkit import CalculusKit, CheckpointMismatchError
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "run.db"
    ...     _ = CalculusKit(lambda x: x[0] ** 2, [1.0], checkpoint=file).gradient()
    ...     try:
    ...         CalculusKit(lambda x: x[0] ** 3, [1.0], checkpoint=file)
    ...     except CheckpointMismatchError:
    ...         print("another model")
    another model
    """


class CheckpointWarning(UserWarning):
    """Finished evaluations cannot be written to the checkpoint file; they are kept in memory.

    ``warnings.simplefilter("error", CheckpointWarning)`` ends a run that must not go on without its
    file.

    Examples
    --------
    >>> from derivkit import CheckpointWarning
    >>> issubclass(CheckpointWarning, UserWarning)
    True
    """


class WorkerDiedError(RuntimeError):
    """A worker process ended while it called the model, and did so again in a process of its own.

    Add it to ``undefined=`` to have such points worked around.

    Examples
    --------
    >>> from derivkit import CalculusKit, WorkerDiedError
    >>> kit = CalculusKit(sum, [1.0, 2.0], undefined=WorkerDiedError)
    >>> print(kit.gradient(n_workers=1).round(6))
    [1. 1.]
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
