"""What a derivative of samples comes with: an error for each number, and how it was had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["SampledResult"]


@dataclass(frozen=True)
class SampledResult:
    """A derivative along one axis, and its uncertainty.

    Attributes
    ----------
    value : array
        The derivative at each sample, labelled as the samples were.
    error : array
        Absolute error of each value, in the same units and with the same labels: the true
        derivative is meant to lie within it for about 97 samples in 100. ``inf`` where the
        samples cannot tell.
    method : str
        The formula or the smoothness that was used.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import sampled
    >>> x = np.linspace(0, 1, 21)
    >>> result = sampled.gradient_result(x**2, x, accuracy=4)
    >>> bool(np.all(np.abs(result.value - 2 * x) <= result.error + 1e-12)), len(result.value)
    (True, 21)
    """

    value: Any
    error: Any
    method: str
