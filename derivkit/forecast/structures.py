"""Covariances with a known structure, as users give them: plain records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.validation import check_sequence, has

__all__ = ["BlockDiagonal", "Cholesky", "Kronecker", "Precision", "as_matrix"]


@dataclass(frozen=True, eq=False)
class Cholesky:
    """A covariance L L^T, given by its lower factor L (m, m).

    Parameters
    ----------
    factor : array_like (m, m) or sparse
        Lower triangular.

    Examples
    --------
    Two data with variance 4 and covariance 1 know their common mean to within sqrt(2.5):

    >>> import numpy as np
    >>> from derivkit import Cholesky, ForecastKit
    >>> L = np.linalg.cholesky([[4.0, 1.0], [1.0, 4.0]])
    >>> ForecastKit(lambda t: [t[0], t[0]], [1.0], Cholesky(L)).fisher().round(6).tolist()
    [[0.4]]
    """

    factor: Any


@dataclass(frozen=True, eq=False)
class Precision:
    """A covariance given by its inverse (m, m): an array, sparse, or a LinearOperator.

    Parameters
    ----------
    matrix : array_like (m, m), sparse or LinearOperator
        The inverse of the covariance.

    Examples
    --------
    A sparse one, of data that are correlated with their neighbours only, given those:

    >>> from derivkit import ForecastKit, Precision
    >>> from scipy import sparse
    >>> P = sparse.diags([-0.5, 1.0, -0.5], [-1, 0, 1], shape=(1000, 1000))
    >>> kit = ForecastKit(lambda t: [t[0]] * 1000, [1.0], Precision(P))
    >>> print(kit.fisher_result().sigma.round(6))
    [1.]
    """

    matrix: Any


@dataclass(frozen=True, eq=False)
class BlockDiagonal:
    """A covariance of independent blocks, each given as any covariance; a number is of one datum.

    Parameters
    ----------
    blocks : sequence of covariances
        In the order of the data.

    Raises
    ------
    TypeError
        If it is no sequence, or one square table of numbers, whose rows would be variances.
    ValueError
        If there are none.

    Examples
    --------
    One datum by itself, and two that are correlated:

    >>> from derivkit import BlockDiagonal, ForecastKit
    >>> C = BlockDiagonal([4.0, [[1.0, 0.5], [0.5, 1.0]]])
    >>> kit = ForecastKit(lambda t: [t[0], t[1], t[1]], [1.0, 1.0], C)
    >>> print(kit.fisher_result().sigma.round(6))
    [2.       0.866025]
    """

    blocks: Sequence[Any]

    def __post_init__(self) -> None:
        is_array = has(self.blocks, "shape")  # the entries of a pandas table are its columns
        given = np.asarray(self.blocks) if is_array else self.blocks
        blocks = check_sequence("blocks", given, "covariances")
        if not blocks:
            raise ValueError("`blocks` must be at least one covariance, got none")
        if _is_one_matrix(given):
            raise TypeError(
                "`blocks` must be a sequence of covariances, got one square table of numbers; give "
                "[matrix], or for rows of variances an array of each"
            )
        object.__setattr__(self, "blocks", tuple(blocks))


@dataclass(frozen=True, eq=False)
class Kronecker:
    """A covariance of data of shape (m1, m2), flattened: the Kronecker product of two matrices.

    Parameters
    ----------
    first, second : array_like (m1, m1) and (m2, m2)
        Along the first and the second axis of the data; variances where they have fewer axes.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import Kronecker, ForecastKit
    >>> kit = ForecastKit(lambda t: [t[0], t[0]], [1.0], Kronecker([[4.0]], np.eye(2)))
    >>> print(kit.fisher_result().sigma.round(6))
    [1.414214]
    """

    first: Any
    second: Any


def as_matrix(factor: Any) -> Any:
    """Return a factor of a product as a matrix; variances are its diagonal."""
    factor = np.asarray(factor)
    return factor if factor.ndim > 1 else np.diag(np.atleast_1d(factor))


def _is_one_matrix(blocks: Any) -> bool:
    """Return whether blocks are the rows of one square table of numbers."""
    n = len(blocks)
    if n == 1 or isinstance(blocks, np.ndarray):
        return n > 1 and blocks.shape == (n, n)
    return all(
        isinstance(row, (list, tuple)) and len(row) == n and not any(map(np.iterable, row))
        for row in blocks
    )
