"""Models that are no Python function: tables of values, and external programs."""

from derivkit.models.program import Program
from derivkit.models.table import Table

__all__ = ["Program", "Table"]
