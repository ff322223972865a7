"""The result of a sparse Jacobian or Hessian: matrices of values and errors."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.results.table import MOST_ROWS, Shown, rows_of
from derivkit.status import Status

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["SparseResult"]

MOST_LISTED = 6  # entries named in a message


@dataclass(frozen=True, eq=False, repr=False)
class SparseResult(Shown):
    """A sparse derivative matrix with an error for each entry of its pattern.

    Attributes
    ----------
    value, error : scipy.sparse.csr_array (m, p)
        Of one pattern; errors are absolute, inf where an entry could not be resolved.
    noise_error : scipy.sparse.csr_array (m, p)
        The part of each error that is noise of the model; nan where the method does not tell.
    finite_bound : scipy.sparse.csr_array (m, p)
        The error where that is finite; where it is inf, the largest error that can be defended,
        or inf if none can.
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

    Examples
    --------
    >>> from derivkit import CalculusKit
    >>> result = CalculusKit(lambda x: x**2, [1.0, 2.0, 3.0]).jacobian_result(sparsity=0)
    >>> result.value.toarray().diagonal().round(6).tolist(), result.value.nnz
    ([2.0, 4.0, 6.0], 3)
    """

    value: csr_array
    error: csr_array
    noise_error: csr_array
    finite_bound: csr_array
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
        noise_error: NDArray[Any],
        finite_bound: NDArray[Any],
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

        def matrix(entries: NDArray[Any]) -> csr_array:
            return csr_array((entries, (rows, columns)), shape=shape)

        return cls(
            value=matrix(value),
            error=matrix(error),
            noise_error=matrix(noise_error),
            finite_bound=matrix(finite_bound),
            statuses=_counted(status.tolist()),
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

    def _shown(self) -> tuple[list[dict[str, Any]], str]:
        """Return the entries, those that need a look first, and the sentence above them."""
        m, p = self.value.shape
        counts = ", ".join(f"{n} {status}" for status, n in self.statuses.items())
        what = f"{self.method}, {m} x {p} with {self.value.nnz} entries ({counts})"
        value, error = self.value.tocoo(), self.error.tocoo()
        order = np.argsort(np.isfinite(error.data), kind="stable")[:MOST_ROWS]
        names = [self.names[j] for j in value.col[order].tolist()]
        rows = rows_of(
            output=value.row[order].tolist(),
            parameter=names,
            value=value.data[order].tolist(),
            error=error.data[order].tolist(),
        )
        first = f"; the first {MOST_ROWS}, unresolved ones before others:"
        return rows, f"{what}: {self.message}{first if order.size < value.nnz else ''}"


def _counted(statuses: list[Status]) -> dict[str, int]:
    """Return how often each comes; of millions, as the few objects they are."""
    which = {id(each): str(each) for each in Status}
    return {which[each]: n for each, n in Counter(map(id, statuses)).items()}
