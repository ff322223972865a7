"""Derivatives of clean samples by finite differences: `numpy.gradient`, and beyond it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from derivkit.sampled.grids import numeric, read_axes, read_grids
from derivkit.sampled.labels import is_jax, read_samples
from derivkit.sampled.result import SampledResult
from derivkit.sampled.stencils import difference_stencil, interior_width, stencil

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from derivkit.sampled.grids import Grid
    from derivkit.sampled.labels import Samples
    from derivkit.sampled.stencils import Stencil

    Array = NDArray[Any]

__all__ = ["gradient", "gradient_result"]

_ACCURACIES = (2, 4, 6, 8)
