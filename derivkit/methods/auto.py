"""The default method (placeholder, being written)."""

from derivkit.methods.finite import Finite as Auto

__all__ = ["Auto"]
