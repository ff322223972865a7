"""DerivativeKit: a function of one number, or a table, and its derivatives of any order."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.directional import check_order
from derivkit.calculus.driver import run, run_together
from derivkit.calculus.problem import CallKeywords, ProblemKeywords, check_problem
from derivkit.calculus.scalar import AtPoints, OfNumber, around_a_defined_point
from derivkit.calculus.user_function import checked_function
from derivkit.engine.memo import Memo
from derivkit.engine.progress import Show
from derivkit.engine.trees import Branch, Leaf, Tree, wrapped
from derivkit.methods.registry import MethodLike
from derivkit.models.table import Table, check_table
from derivkit.results.result import DerivativeResult
from derivkit.results.table import Shown, rows_of
from derivkit.validation import check_known, check_numbers, shown, typed, with_keywords_of

__all__ = ["DerivativeKit", "derivative"]

_OWN = ("x0", "tab_x", "tab_y", "bounds", "scale")
_OF_SEVERAL = tuple(ProblemKeywords.__annotations__.keys() - CallKeywords.__annotations__)


class DerivativeKit(Shown):
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
    undefined, executor, timeout, args, kwargs, errors, period
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

    @with_keywords_of(check_problem, but=_OF_SEVERAL)
    def __init__(
        self,
        function: Callable[[Any], Any] | None = None,
        x0: Any = None,
        *,
        tab_x: Any = None,
        tab_y: Any = None,
        bounds: Any = None,
        scale: float | None = None,
        **problem: Unpack[CallKeywords],
    ) -> None:
        for key in problem:
            check_known("keyword", key, [*_OWN, *CallKeywords.__annotations__], TypeError)
        self._table: Table | None = None
        if tab_x is not None or tab_y is not None:
            function, bounds = self._take_table(function, tab_x, tab_y)
        else:
            function = checked_function(function)
        if isinstance(scale, Mapping):
            raise TypeError(f"`scale` must be a number, got {shown(scale)}")
        self._x0 = check_numbers("x0", x0)
        of_number = OfNumber(function, problem.get("vectorized", False))
        numbers = self._x0.ravel()
        pairs = None if bounds is None else [bounds] * numbers.size
        self._scales = check_problem(of_number, numbers, bounds=pairs, scale=scale).scale
        self._problem = check_problem(
            of_number, numbers[:1], bounds=pairs and pairs[:1], scale=scale, **problem
        )
        self._memo = Memo()

    def _shown(self) -> tuple[list[dict[str, Any]], str]:
        table = self._table
        what = "a function" if table is None else f"a table of {len(table.x)} values"
        x0, problem = self._x0.ravel(), self._problem
        lower, upper = (
            np.broadcast_to(b, x0.shape).tolist() for b in (problem.lower, problem.upper)
        )
        title = f"DerivativeKit: {what}, at {x0.size} point{'s' * (x0.size > 1)}"
        return rows_of(x0=x0.tolist(), lower=lower, upper=upper), title

    def _take_table(self, function: Any, tab_x: Any, tab_y: Any) -> tuple[Table, Any]:
        """Return a table in place of the function, and the interval that it covers."""
        if function is not None:
            raise TypeError("`function` must not be given beside a table, got both")
        self._table = check_table(tab_x, tab_y)
        return self._table, (self._table.x[0], self._table.x[-1])

    @overload
    def differentiate(
        self,
        method: MethodLike = None,
        order: int = 1,
        return_error: Literal[False] = False,
        n_workers: int | None = None,
        **options: Any,
    ) -> NDArray[np.float64]: ...

    @overload
    def differentiate(
        self,
        method: MethodLike = None,
        order: int = 1,
        *,
        return_error: Literal[True],
        n_workers: int | None = None,
        **options: Any,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...

    @typed
    def differentiate(
        self,
        method: MethodLike = None,
        order: int = 1,
        return_error: bool = False,
        n_workers: int | None = None,
        *,
        max_evaluations: int | None = None,
        progress: bool | Show | None = None,
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
        max_evaluations, progress
            As for `CalculusKit.gradient`.
        **options
            The method's own.

        Returns
        -------
        float or ndarray (*shape of x0, *shape of the output)
            A dict, tuple or Series where the output is one, of such arrays.

        Raises
        ------
        TypeError, ValueError, ModelError
            As `CalculusKit.gradient`.
        """
        order = check_order(order)
        given = [*options.values(), max_evaluations]
        options |= {"max_evaluations": max_evaluations, "progress": progress}
        if self._table is not None and method is None and all(each is None for each in given):
            value, error = self._table.derivative(self._x0.ravel(), order)
            outputs = None
        else:
            value, error, outputs = self._by_method(method, order, n_workers, options)
        value, error = self._shaped(value, outputs), self._shaped(error, outputs)
        return (value, error) if return_error else value

    def _by_method(
        self, method: MethodLike, order: int, n_workers: int | None, options: dict[str, Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], Tree | None]:
        """Return value and error (n, *out) by a method of the registry; and the output's tree."""
        problem, points = self._problem, self._x0.reshape(-1, 1)

        def at(places: list[int]) -> DerivativeResult:
            first = problem if not places[0] else problem.moved_to(points[places[0]])
            memo = Memo() if places[0] else self._memo
            tensor = AtPoints(points[places], self._scales[places, None], order)
            return run(first, memo, tensor, method, n_workers=n_workers, **options)

        places, result = around_a_defined_point(len(points), at)
        found = [result]
        if result.value.shape[-1] < len(points):  # automatic: it looks at its own x0 alone
            one = AtPoints(points[:1], self._scales[:1, None], order)
            others = [problem.moved_to(points[i]) for i in places[1:]]
            found += [run(other, Memo(), one, method, **options) for other in others]
        value, error = (
            np.moveaxis(np.concatenate(arrays, axis=-1), -1, 0)
            for arrays in ([r.value for r in found], [r.error for r in found])
        )
        back = np.argsort(places)
        value, error = value[back], error[back]
        if self._table is not None:
            error = error + self._table.derivative(self._x0.ravel(), order)[1]
        return value, error, None if result.labels is None else result.labels.outputs

    def _shaped(self, rows: NDArray[np.float64], outputs: Tree | None) -> Any:
        """Return rows (n, *out) in the structure of the output, at each leaf those of x0 first."""
        shape = self._x0.shape
        if isinstance(outputs, Branch):
            starts = np.cumsum([0, *[child.count for child in outputs.children]]).tolist()
            parts = zip(starts[:-1], starts[1:], outputs.children, strict=True)
            return outputs.of([self._shaped(rows[:, a:b], child) for a, b, child in parts])
        if outputs is None or outputs.kind == "array":
            of_leaf = rows.shape[1:] if outputs is None else outputs.shape
            return rows.reshape((*shape, *of_leaf))[()]
        return wrapped(rows.reshape((*shape, *outputs.shape)), (Leaf(shape), outputs))


@with_keywords_of(DerivativeKit, run_together)
def derivative(
    function: Callable[..., Any],
    x: Any,
    order: int = 1,
    *,
    method: MethodLike = None,
    n_workers: int | None = None,
    **keywords: Any,
) -> Any:
    """Return the derivative of a function of one number, at one number or at many.

    Parameters
    ----------
    function : callable
        As for `DerivativeKit`.
    x : float or array_like
    order : int
        How often to differentiate.
    method, n_workers
        As for `CalculusKit.gradient`.
    **keywords
        Those of `DerivativeKit` (``bounds``, ``scale``, ``args``, …), and the method's options.

    Returns
    -------
    float or ndarray (*shape of x, *shape of the output)

    Examples
    --------
    >>> import numpy as np
    >>> import derivkit
    >>> print(np.round(derivkit.derivative(np.sin, [0.0, 0.5]), 6))
    [1.       0.877583]
    """
    known = set(inspect.signature(DerivativeKit).parameters) - {"x0", "function"}
    of_kit = {key: value for key, value in keywords.items() if key in known}
    options = {key: value for key, value in keywords.items() if key not in known}
    kit = DerivativeKit(function, x, **of_kit)
    return kit.differentiate(method, order, n_workers=n_workers, **options)
