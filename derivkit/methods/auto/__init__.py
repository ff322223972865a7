"""The default method: `Auto`, and the parts that it follows."""

from derivkit.methods.auto.auto import Auto

__all__ = ["Auto"]
