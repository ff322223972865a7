"""Models with derivkit's derivatives in other people's tools, each imported when it is used."""

from derivkit.adapters.fits import for_curve_fit, for_iminuit, for_lmfit, standard_errors
from derivkit.adapters.graphs import as_jax, as_pytensor, as_torch
from derivkit.adapters.openmdao import for_openmdao

__all__ = [
    "as_jax",
    "as_pytensor",
    "as_torch",
    "for_curve_fit",
    "for_iminuit",
    "for_lmfit",
    "for_openmdao",
    "standard_errors",
]
