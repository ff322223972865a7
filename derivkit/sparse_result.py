"""The result of a sparse Jacobian or Hessian: matrices of values and errors."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["SparseResult"]

MOST_LISTED = 6  # entries named in a message


@dataclass(frozen=True, eq=False)
class SparseResult:
    """A sparse derivative matrix with an error for each entry of its pattern.

    Attributes
    ----------
    value, error : scipy.sparse.csr_array (m, p)
        Of one pattern; errors are absolute, inf where an entry could not be resolved.
    names : tuple of p str
    x0 : ndarray (p,)
    method : str
    order : int
    nfev : int
        Model calls made for this result.
    statuses : dict
        How many entries came out in each way.
    unresolved : list of (row, column)
        Entries whose error is inf.
    evaluations : Evaluations
        The model calls behind it.
    """

    value: csr_array
    error: csr_array
    names: tuple[str, ...]
    x0: NDArray[np.float64]
    method: str
    order: int
    nfev: int
    statuses: dict[str, int]
    unresolved: list[tuple[int, int]]
    evaluations: Any = None

    @classmethod
    def of(
        cls,
        *,
        value: NDArray[Any],
        error: NDArray[Any],
        status: NDArray[Any],
        rows: NDArray[Any],
        columns: NDArray[Any],
        shape: tuple[int, int],
        **fields: Any,
    ) -> SparseResult:
        """Return the result for entries (nnz,) at rows and columns."""
        from scipy.sparse import csr_array  # noqa: PLC0415 - only sparse results need it

        bad = np.flatnonzero(~np.isfinite(error))
        kept = {name: fields[name] for name in ("names", "x0", "method", "order", "nfev")}
        return cls(
            value=csr_array((value, (rows, columns)), shape=shape),
            error=csr_array((error, (rows, columns)), shape=shape),
            statuses=dict(Counter(map(str, status.tolist()))),
            unresolved=list(zip(rows[bad].tolist(), columns[bad].tolist(), strict=True)),
            **kept,
        )

    @property
    def success(self) -> bool:
        """Whether every entry is resolved."""
        return not self.unresolved

    @property
    def message(self) -> str:
        """One sentence on how it went, naming the first parameters that did not."""
        if self.success:
            return f"all {self.value.nnz} entries are resolved, with {self.nfev} model calls"
        listed = ", ".join(f"({i}, {self.names[j]})" for i, j in self.unresolved[:MOST_LISTED])
        more = ", …" if len(self.unresolved) > MOST_LISTED else ""
        return f"{len(self.unresolved)} entries could not be resolved: {listed}{more}"

    def labelled(self) -> csr_array:
        """Return the matrix of values."""
        return self.value

    def __str__(self) -> str:
        m, p = self.value.shape
        counts = ", ".join(f"{n} {status}" for status, n in self.statuses.items())
        return f"{self.method}, {m} x {p} with {self.value.nnz} entries ({counts}): {self.message}"

    __repr__ = __str__
