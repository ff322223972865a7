"""What is pickled together with the functions that it holds, be they lambdas or closures.

Forecasts hold the user's model and what whitens the data. Samplers send `posterior.log_density` to
their workers, and results are kept in files.
"""

from __future__ import annotations

from typing import Any

from derivkit.engine.backends.worker import cloudpickle

__all__ = ["Pickled"]


class Pickled:
    """Whose instances are pickled with all that they hold."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), cloudpickle().dumps(vars(self)))


def _again(kind: type, data: bytes) -> Any:
    """Return the instance that was pickled."""
    thing: Any = object.__new__(kind)
    vars(thing).update(cloudpickle().loads(data))
    return thing
