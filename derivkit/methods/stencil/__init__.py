"""Finite-difference stencils: where their points lie, and how steps are extrapolated to 0."""
