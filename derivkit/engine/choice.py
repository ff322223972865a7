"""Which backend a call runs on: the user's n_workers, else joblib's active configuration."""

from __future__ import annotations

import sys

from derivkit.engine.backends import serial, vectorised
from derivkit.engine.evaluation import Backend
from derivkit.engine.model import Model

__all__ = ["choose_backend"]


def choose_backend(model: Model, n_workers: int | None) -> Backend:
    """Return how the model is to be called; serial unless something else was asked for."""
    if model.vectorized:
        return vectorised
    n = _configured_workers() if n_workers is None else n_workers
    if n == 1:
        return serial
    from derivkit.engine.processes import joblib_backend  # noqa: PLC0415 - joblib is slow to load

    return joblib_backend(n)


def _configured_workers() -> int:
    """Return n_jobs of the active `joblib.parallel_config`; 1 without one."""
    if "joblib" not in sys.modules:
        return 1
    from joblib.parallel import get_active_backend  # noqa: PLC0415

    return int(get_active_backend()[1] or 1)
