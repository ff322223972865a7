"""A derivative of another order than was asked for, worked out only when somebody looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["Byproduct"]

Floats = NDArray[np.float64]


class Byproduct(Mapping[int, tuple[Floats, Floats]]):
    """The one entry of `Estimate.also`: value and error (q,), by order.

    Parameters
    ----------
    order : int
    work_out : callable
        Returns the value and the error.
    """

    def __init__(self, order: int, work_out: Callable[[], tuple[Floats, Floats]]) -> None:
        self._order = order
        self._work_out = work_out

    def __getitem__(self, order: int) -> tuple[Floats, Floats]:
        """Return value and error of the derivative of this order."""
        if order != self._order:
            raise KeyError(order)
        return self._work_out()

    def __contains__(self, order: object) -> bool:
        """Whether there is a derivative of this order; nothing is worked out."""
        return order == self._order

    def __iter__(self) -> Iterator[int]:
        """Iterate over the orders."""
        return iter((self._order,))

    def __len__(self) -> int:
        """Return the number of orders."""
        return 1
