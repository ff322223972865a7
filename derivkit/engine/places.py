"""The identity of a point beyond one x0: its exact bytes, the same on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["place_of", "point_at"]


def place_of(x: NDArray[Any]) -> bytes:
    """Return the bytes of a point, little-endian; −0 is 0, and a complex point is marked."""
    if x.dtype.kind == "c":
        return (x + 0.0).astype("<c16", copy=False).tobytes() + b"c"
    return (x + 0.0).astype("<f8", copy=False).tobytes()


def point_at(place: bytes) -> NDArray[Any]:
    """Return the point as a fresh array."""
    if len(place) % 8:
        return np.frombuffer(place[:-1], dtype="<c16").astype(complex)
    return np.frombuffer(place, dtype="<f8").astype(float)
