"""The calls of `CalculusKit` beyond Jacobian and Hessian: higher tensors, directions, entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from derivkit.calculus.directional import Directional, HessianVector, Mixed
from derivkit.calculus.driver import run, run_together
from derivkit.calculus.gradient import Gradient
from derivkit.calculus.hessian import Hessian
from derivkit.calculus.hyper_hessian import HyperHessian
from derivkit.calculus.inputs import check_count, check_direction, check_indices

if TYPE_CHECKING:
    from derivkit.calculus.inputs import Problem
    from derivkit.engine.memo import Memo
    from derivkit.result import DerivativeResult

__all__ = ["HigherDerivatives"]


class HigherDerivatives:
    """What `CalculusKit` inherits; it brings the problem and the memo."""

    _problem: Problem
    _memo: Memo

    def hyper_hessian(self, method: Any = None, *, order: int = 3, **keywords: Any) -> Any:
        """Return all derivatives of an order, (p,) * order; arguments as for `gradient`.

        Exactly symmetric. Order 0 is f(x0), 1 the gradient or Jacobian, 2 the Hessian. A function
        with outputs of shape ``out`` gives ``(*out, p, …, p)``.

        Examples
        --------
        >>> import numpy as np
        >>> from derivkit import CalculusKit
        >>> kit = CalculusKit(lambda x: x[0] ** 3 + 2 * x[0] * x[1] + x[1] ** 2, [0.5, 2.0])
        >>> T = kit.hyper_hessian()
        >>> T.shape, round(float(T[0, 0, 0]), 6)
        ((2, 2, 2), 6.0)
        """
        return self.hyper_hessian_result(method, order=order, **keywords).labelled()

    def hyper_hessian_result(
        self, method: Any = None, *, order: int = 3, **keywords: Any
    ) -> DerivativeResult:
        """Return all derivatives of an order with errors; arguments as for `hyper_hessian`."""
        tensor = HyperHessian(check_count("order", order, least=0))
        return run(self._problem, self._memo, tensor, method, **keywords)

    def directional(self, v: Any, method: Any = None, *, order: int = 1, **keywords: Any) -> Any:
        """Return d^n/dt^n f(x0 + t v) at t = 0, for v of any length; arguments as for `gradient`.

        One line only, however many parameters there are.
        """
        return self.directional_result(v, method, order=order, **keywords).labelled()

    def directional_result(
        self, v: Any, method: Any = None, *, order: int = 1, **keywords: Any
    ) -> DerivativeResult:
        """Return a directional derivative with its error; arguments as for `directional`."""
        direction = check_direction("v", v, self._problem.p)
        tensor = Directional(direction, check_count("order", order))
        return run(self._problem, self._memo, tensor, method, **keywords)

    def hvp(self, v: Any, method: Any = None, **keywords: Any) -> Any:
        """Return the product H v (p,) of the Hessian with v; arguments as for `gradient`.

        It takes 2 p + 1 lines, where the whole Hessian takes p (p + 1) / 2.
        """
        return self.hvp_result(v, method, **keywords).labelled()

    def hvp_result(self, v: Any, method: Any = None, **keywords: Any) -> DerivativeResult:
        """Return the product H v with errors; arguments as for `hvp`."""
        tensor = HessianVector(check_direction("v", v, self._problem.p))
        return run(self._problem, self._memo, tensor, method, **keywords)

    def mixed(self, *indices: int | str, method: Any = None, **keywords: Any) -> Any:
        """Return one mixed derivative, with respect to the given parameters in turn.

        Parameters are given by index or name: ``mixed(0, 2)`` is an entry of the Hessian,
        ``mixed("a", "a", "b")`` one of the third-order tensor. Keywords as for `gradient`.
        """
        return self.mixed_result(*indices, method=method, **keywords).labelled()

    def mixed_result(
        self, *indices: int | str, method: Any = None, **keywords: Any
    ) -> DerivativeResult:
        """Return one mixed derivative with its error; arguments as for `mixed`."""
        tensor = Mixed(check_indices(indices, self._problem.names))
        return run(self._problem, self._memo, tensor, method, **keywords)

    def value_gradient_hessian_result(
        self, method: Any = None, **keywords: Any
    ) -> tuple[DerivativeResult, DerivativeResult, DerivativeResult]:
        """Return the results for f(x0), gradient and Hessian, in one plan that shares its points.

        Keywords as for `gradient`. Each result's ``nfev`` is that of all three together.
        """
        tensors = (HyperHessian(0), Gradient(), Hessian())
        value, gradient, hessian = run_together(
            self._problem, self._memo, tensors, method, **keywords
        )
        return value, gradient, hessian
