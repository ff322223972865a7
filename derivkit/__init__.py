"""Derivatives of model functions with respect to their parameters, each with an error bar."""

__version__ = "0.1.0"
