"""Derivatives of arrays of samples: what `numpy.gradient` does, and what it leaves to be wished.

===========================  =====================================================================
`gradient`                   clean samples: `numpy.gradient`, and any order and accuracy 2 to 8
`noisy_gradient`             noisy samples: smoothed as much as they themselves ask for
`spline_gradient`            exact tables, uneven ones, and derivatives between the places
``…_result`` of each         the same with an error for each value
===========================  =====================================================================

All take bare arrays, pandas Series and DataFrames and xarray DataArrays, labelled in, labelled out.
"""

from derivkit.sampled.differences import gradient, gradient_result
from derivkit.sampled.noisy import noisy_gradient, noisy_gradient_result
from derivkit.sampled.result import SampledResult
from derivkit.sampled.tables import spline_gradient, spline_gradient_result

__all__ = [
    "SampledResult",
    "gradient",
    "gradient_result",
    "noisy_gradient",
    "noisy_gradient_result",
    "spline_gradient",
    "spline_gradient_result",
]
