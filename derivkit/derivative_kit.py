"""DerivativeKit: a function of one number, or a table, and its derivatives of any order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.driver import run
from derivkit.calculus.inputs import check_count, check_numbers, check_problem
from derivkit.calculus.numbers import AtNumbers, OfNumber
from derivkit.engine.memo import Memo
from derivkit.tabulated import Table, check_table

__all__ = ["DerivativeKit"]


class DerivativeKit:
    """Derivatives of a function of one number, at ``x0``.

    Parameters
    ----------
    function : callable, optional
        Takes a number and returns a number, or an array of outputs. Deterministic.
    x0 : float or array_like
        Where to differentiate: one number, or several at once.
    tab_x, tab_y : array_like (n,), (n,) or (n, m), optional
        A table of exact values in place of the function. The spline through it is differentiated.
    bounds : (lower, upper), optional
        No evaluation is ever outside.
    scale : float, optional
        Length over which the function varies.
    vectorized : bool
        The function takes (n,) and returns (n,) or (n, m): a round is one call.
    undefined, executor, timeout
        As for `CalculusKit`.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import DerivativeKit
    >>> kit = DerivativeKit(np.sin, 0.7)
    >>> print(np.round(kit.differentiate(order=1), 8))
    0.76484219
    >>> DerivativeKit(np.sin, [0.0, 0.5, 1.0]).differentiate(order=2).shape
    (3,)

    A table:

    >>> x = np.linspace(0, 3, 7)
    >>> print(np.round(DerivativeKit(x0=1.5, tab_x=x, tab_y=x**2).differentiate(), 6))
    3.0
    """

    def __init__(
        self,
        function: Callable[[Any], Any] | None = None,
        x0: Any = None,
        *,
        tab_x: Any = None,
        tab_y: Any = None,
        bounds: Any = None,
        scale: float | None = None,
        vectorized: bool = False,
        undefined: Any = (),
        executor: Any = None,
        timeout: float | None = None,
    ) -> None:
        self._table: Table | None = None
        if tab_x is not None or tab_y is not None:
            function, bounds = self._take_table(function, tab_x, tab_y)
        elif not callable(function):
            raise TypeError(
                f"`function` must be callable, got {type(function).__name__}; "
                "the order of arguments is (function, x0)"
            )
        self._x0 = check_numbers("x0", x0)
        self._problems = [
            check_problem(
                OfNumber(function, vectorized),
                x,
                bounds=None if bounds is None else [bounds],
                scale=scale,
                vectorized=vectorized,
                undefined=undefined,
                executor=executor,
                timeout=timeout,
            )
            for x in self._x0.ravel().tolist()
        ]
        self._memo = Memo()

    def _take_table(self, function: Any, tab_x: Any, tab_y: Any) -> tuple[Table, Any]:
        """Return a table in place of the function, and the interval that it covers."""
        if function is not None:
            raise TypeError("`function` must not be given beside a table, got both")
        self._table = check_table(tab_x, tab_y)
        return self._table, (self._table.x[0], self._table.x[-1])

    def differentiate(
        self,
        method: Any = None,
        order: int = 1,
        return_error: bool = False,
        n_workers: int | None = None,
        **options: Any,
    ) -> Any:
        """Return the derivative at every x0.

        Parameters
        ----------
        method : str or method value, optional
            As for `CalculusKit.gradient`. For a table None is the spline's own derivative.
        order : int
            How often to differentiate; at least 1.
        return_error : bool
            Return (value, error); the error is absolute, in the units of the derivative.
        n_workers : int, optional
            As for `CalculusKit.gradient`; all points of all x0 are pooled.
        **options
            ``max_evaluations``, and the method's own.

        Returns
        -------
        float or ndarray (*shape of x0, *shape of the output)

        Raises
        ------
        TypeError, ValueError, ModelError
            As `CalculusKit.gradient`.
        """
        order = check_count("order", order)
        if self._table is not None and method is None and not options:
            value, error = self._table.derivative(self._x0.ravel(), order)
        else:
            value, error = self._by_method(method, order, n_workers, options)
        value, error = self._shaped(value), self._shaped(error)
        return (value, error) if return_error else value

    def _by_method(
        self, method: Any, order: int, n_workers: int | None, options: dict[str, Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return value and error (n, *out) by a method of the registry."""
        problems = self._problems
        tensor = AtNumbers(
            tuple(float(problem.x0[0]) for problem in problems),
            tuple(float(problem.scale[0]) for problem in problems),
            order,
        )
        found = [run(problems[0], self._memo, tensor, method, n_workers=n_workers, **options)]
        if found[0].value.shape[-1] < len(problems):  # automatic: it looks at its own x0 alone
            found += [run(problem, Memo(), tensor, method, **options) for problem in problems[1:]]
        value, error = (
            np.moveaxis(np.concatenate(arrays, axis=-1), -1, 0)
            for arrays in ([r.value for r in found], [r.error for r in found])
        )
        if self._table is not None:
            error = error + self._table.derivative(self._x0.ravel(), order)[1]
        return value, error

    def _shaped(self, rows: NDArray[np.float64]) -> Any:
        return rows.reshape((*self._x0.shape, *rows.shape[1:]))[()]
