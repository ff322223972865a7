"""What a call returns, and what that can be turned into."""

from derivkit.results.evaluations import Evaluations
from derivkit.results.result import DerivativeResult
from derivkit.results.sparse_result import SparseResult

__all__ = ["DerivativeResult", "Evaluations", "SparseResult"]
