"""Polynomials fitted to samples: their bases, the error of a fit, and what is left out."""
