"""Model calls that somebody else makes: ask for points, tell their values."""

from derivkit.plan.plan import Plan
from derivkit.plan.point_table import PointTable

__all__ = ["Plan", "PointTable"]
