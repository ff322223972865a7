"""What is known of a covariance's structure, as a user hands it over: plain records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["BlockDiagonal", "Cholesky", "Kronecker", "Precision"]


@dataclass(frozen=True, eq=False)
class Cholesky:
    """A covariance L L^T, given by its lower factor L (m, m).

    Parameters
    ----------
    factor : array_like (m, m) or sparse
        Lower triangular.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import Cholesky, ForecastKit
    >>> kit = ForecastKit(lambda t: [t[0], t[0]], [1.0], Cholesky([[2.0, 0.0], [0.0, 2.0]]))
    >>> print(kit.fisher_result().sigma.round(6))
    [1.414214]
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
    >>> import numpy as np
    >>> from derivkit import Precision, ForecastKit
    >>> kit = ForecastKit(lambda t: [t[0], t[0]], [1.0], Precision(np.diag([0.25, 0.25])))
    >>> print(kit.fisher_result().sigma.round(6))
    [1.414214]
    """

    matrix: Any


@dataclass(frozen=True, eq=False)
class BlockDiagonal:
    """A covariance of independent blocks, each given as any covariance (not as a number).

    Parameters
    ----------
    blocks : sequence of covariances
        In the order of the data.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import BlockDiagonal, ForecastKit
    >>> kit = ForecastKit(lambda t: [t[0], t[0]], [1.0], BlockDiagonal([[4.0], [4.0]]))
    >>> print(kit.fisher_result().sigma.round(6))
    [1.414214]
    """

    blocks: Sequence[Any]


@dataclass(frozen=True, eq=False)
class Kronecker:
    """A covariance of data of shape (m1, m2), flattened: the Kronecker product of two matrices.

    Parameters
    ----------
    first, second : array_like (m1, m1) and (m2, m2)
        Along the first and the second axis of the data.

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
