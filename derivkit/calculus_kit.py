"""CalculusKit: a function and a point, and every derivative there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from derivkit.calculus.driver import run
from derivkit.calculus.gradient import Gradient
from derivkit.calculus.hessian import Hessian, HessianDiag
from derivkit.calculus.inputs import check_problem
from derivkit.calculus.jacobian import Jacobian
from derivkit.calculus.sparsity import SparseHessian, SparseJacobian, check_sparsity
from derivkit.engine.memo import Memo, RoutedMemo
from derivkit.higher_derivatives import HigherDerivatives

if TYPE_CHECKING:
    from derivkit.calculus.inputs import Problem
    from derivkit.calculus.pieces import Tensor
    from derivkit.engine.checkpoint import Checkpoint
    from derivkit.engine.model import Reply
    from derivkit.engine.progress import Show
    from derivkit.engine.rays import Seconds
    from derivkit.plan import Plan
    from derivkit.result import DerivativeResult

__all__ = ["CalculusKit"]


class CalculusKit(HigherDerivatives):
    """Derivatives of ``function`` with respect to its parameters, at ``x0``.

    Parameters
    ----------
    function : callable
        The model: takes one array of parameters (p,) and returns a number, or an array for
        Jacobians. It must be deterministic. It gets a fresh array each call.
    x0 : array_like (p,), mapping or pandas Series
        The point. Copied. Where it is labelled, so are the derivatives; the function still gets
        an array.
    bounds : sequence of (lower, upper) or scipy.optimize.Bounds, optional
        No point is ever outside. None or ±inf for an open side.
    scale : float or array_like (p,), optional
        Length over which the function varies with each parameter. Not needed, but it saves calls
        where abs(x0) says little.
    vectorized : bool
        The function takes (n, p) and returns (n,) or (n, m): a round is one call.
    names : sequence of str, optional
        The parameters' names, for results and messages.
    undefined : exception type or sequence of them, optional
        What the function raises where it is undefined, beside ValueError, ArithmeticError and
        numpy.linalg.LinAlgError.
    executor : concurrent.futures.Executor or str, optional
        Where the calls run, if not as ``n_workers`` and joblib's configuration say: an executor
        (of a process or MPI pool, a Dask client's, a `RayExecutor`), or "processes", "threads" or
        "fork" for as many as ``n_workers``.
    timeout : float, optional
        Most seconds for one call of the function; beyond, a ModelError names the point, unless
        TimeoutError is in ``undefined``.
    speculate : bool
        Workers that have nothing to do call the function where the method may want it next. That
        saves waiting and costs calls, counted in ``nfev``; it changes no derivative. For more
        workers than points, and calls of seconds or more.
    checkpoint : path-like, optional
        A file in which every finished evaluation is kept, from which a run that was killed goes
        on: made if it is not there. The checkpoint page of the documentation tells more.
    version : str, optional
        Names the model in the checkpoint, instead of its code and data.
    checkpoint_mismatch : {"refuse", "discard", "trust"}
        What to do with a checkpoint of another model: raise, delete what is in it, or use it.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import CalculusKit
    >>> kit = CalculusKit(lambda x: np.sin(x[0]) + x[1] ** 2, x0=[0.5, 2.0])
    >>> print(np.round(kit.gradient(), 6))
    [0.877583 4.      ]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        x0: Any,
        *,
        bounds: Any = None,
        scale: Any = None,
        vectorized: bool = False,
        names: Sequence[str] | None = None,
        undefined: Any = (),
        executor: Any = None,
        timeout: float | None = None,
        speculate: bool = False,
        checkpoint: Any = None,
        version: str | None = None,
        checkpoint_mismatch: str = "refuse",
    ) -> None:
        self._problem = check_problem(
            function,
            x0,
            bounds=bounds,
            scale=scale,
            vectorized=vectorized,
            names=names,
            undefined=undefined,
            executor=executor,
            timeout=timeout,
            speculate=speculate,
        )
        self._memo = Memo()
        self._cut_short: tuple[dict[bytes, Reply], Seconds] = {}, {}  # of at_many: what it had
        self._checkpoint: Checkpoint | None = None
        if checkpoint is not None:
            self._open_checkpoint(checkpoint, version, checkpoint_mismatch)

    def _open_checkpoint(self, path: Any, version: str | None, mismatch: str) -> None:
        from derivkit.engine.checkpoint import open_checkpoint  # noqa: PLC0415 - loads sqlite3

        function, names = self._problem.model.function, self._problem.names
        self._checkpoint = open_checkpoint(
            path, function, version=version, mismatch=mismatch, names=names
        )
        self._memo = RoutedMemo(self._checkpoint.through, self._checkpoint.path)

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The open checkpoint: its path, and how many evaluations were stored and reused."""
        return self._checkpoint

    def gradient(
        self,
        method: Any = None,
        *,
        n_workers: int | None = None,
        max_evaluations: int | None = None,
        progress: bool | Show | None = None,
        **options: Any,
    ) -> Any:
        """Return the gradient (p,) of a scalar function; a dict or Series where x0 is one.

        Parameters
        ----------
        method : str or method value, optional
            A name or alias (see `available_methods`), or a value such as ``Finite(...)``; None
            is ``"auto"``.
        n_workers : int, optional
            How many model calls run at a time; None follows an active
            ``joblib.parallel_config``, else 1: serial, in this thread.
        max_evaluations : int, optional
            Most model calls to be made, x0 included; never exceeded.
        progress : bool or callable, optional
            True shows a bar; a callable is told a `Progress` after every model call.
        **options
            The method's own options, where it is given by name.

        Raises
        ------
        TypeError
            If the function is vector-valued, or an option is unknown.
        ValueError
            If the method is unknown or an option has a bad value.
        ModelError
            If the model fails at x0, or raises what is not `undefined` elsewhere.
        """
        bare = Gradient(with_second=False)
        result = run(
            self._problem,
            self._memo,
            bare,
            method,
            n_workers=n_workers,
            max_evaluations=max_evaluations,
            progress=progress,
            **options,
        )
        return result.labelled()

    def gradient_result(self, method: Any = None, **keywords: Any) -> DerivativeResult:
        """Return the gradient with errors, statuses and costs; arguments as for `gradient`."""
        return run(self._problem, self._memo, Gradient(), method, **keywords)

    def jacobian(self, method: Any = None, *, sparsity: Any = None, **keywords: Any) -> Any:
        """Return the Jacobian (m, p) of a vector-valued function; arguments as for `gradient`.

        Outputs of any shape ``out`` give ``(*out, p)``. A scalar function is a TypeError.

        With ``sparsity`` – a pattern (m, p) as scipy.sparse matrix or array, the bandwidth of a
        square one, or ``"detect"`` – columns that share no row are moved together, and the
        Jacobian is a `scipy.sparse.csr_array`. Detecting takes two calls a parameter.

        Examples
        --------
        >>> import numpy as np
        >>> from derivkit import CalculusKit
        >>> kit = CalculusKit(lambda x: np.array([np.sin(x[0]) + x[1], x[0] * x[1]]), [0.5, 2.0])
        >>> print(np.round(kit.jacobian(), 6))
        [[0.877583 1.      ]
         [2.       0.5     ]]
        """
        return self.jacobian_result(method, sparsity=sparsity, **keywords).labelled()

    def jacobian_result(
        self, method: Any = None, *, sparsity: Any = None, **keywords: Any
    ) -> DerivativeResult:
        """Return the Jacobian with errors, statuses and costs; arguments as for `jacobian`.

        With ``sparsity`` it is a `derivkit.sparse_result.SparseResult`.
        """
        tensor: Tensor = Jacobian()
        if sparsity is not None:
            tensor = SparseJacobian(check_sparsity(sparsity, self._problem.p))
        return run(self._problem, self._memo, tensor, method, **keywords)

    def hessian(self, method: Any = None, *, sparsity: Any = None, **keywords: Any) -> Any:
        """Return the Hessian (p, p), exactly symmetric; arguments as for `gradient`.

        A function with outputs of shape ``out`` gives ``(*out, p, p)``.

        With ``sparsity`` – a symmetric pattern or a bandwidth – only the entries inside are
        computed, and the Hessian is a `scipy.sparse.csr_array`. Every pair takes calls of its own,
        since a call returns one number; where you have the gradient, its sparse Jacobian is far
        cheaper: ``CalculusKit(gradient, x0).jacobian(sparsity=…)``.

        Examples
        --------
        >>> import numpy as np
        >>> from derivkit import CalculusKit
        >>> kit = CalculusKit(lambda x: np.sin(x[0]) + x[0] * x[1] + x[1] ** 2, [0.5, 2.0])
        >>> print(np.round(kit.hessian(), 6))
        [[-0.479426  1.      ]
         [ 1.        2.      ]]
        """
        return self.hessian_result(method, sparsity=sparsity, **keywords).labelled()

    def hessian_result(
        self, method: Any = None, *, sparsity: Any = None, **keywords: Any
    ) -> DerivativeResult:
        """Return the Hessian with errors, statuses and costs; arguments as for `hessian`.

        With ``sparsity`` it is a `derivkit.sparse_result.SparseResult`.
        """
        tensor: Tensor = Hessian()
        if sparsity is not None:
            tensor = SparseHessian(check_sparsity(sparsity, self._problem.p, square=True))
        return run(self._problem, self._memo, tensor, method, **keywords)

    def hessian_diag(self, method: Any = None, **keywords: Any) -> Any:
        """Return the Hessian's diagonal, (p,) or (*out, p); arguments as for `gradient`."""
        return self.hessian_diag_result(method, **keywords).labelled()

    def hessian_diag_result(self, method: Any = None, **keywords: Any) -> DerivativeResult:
        """Return the Hessian's diagonal with errors; arguments as for `gradient`."""
        return run(self._problem, self._memo, HessianDiag(), method, **keywords)

    def at_many(
        self,
        what: str,
        points: Iterable[Any],
        *,
        n_workers: int | None = None,
        return_exceptions: bool = False,
        **arguments: Any,
    ) -> list[Any]:
        """Return what one of the methods gives at each of n points, all computed together.

        The calls that the n points need go into one pool, and a point that several need is
        evaluated once. Where an error or an interrupt cuts this short, the same call goes on from
        there.

        Parameters
        ----------
        what : str
            The method: "gradient", "hessian_result", ….
        points : iterable of n array_like (p,)
            Instead of x0. Bounds and a given `scale` hold for all of them.
        n_workers : int, optional
            How many model calls run at a time, of all points together.
        return_exceptions : bool
            Where the model fails, put the ModelError into the list instead of raising it.
        **arguments
            The method's, and ``progress``.

        Examples
        --------
        >>> from derivkit import CalculusKit
        >>> kit = CalculusKit(lambda x: x[0] ** 2 * x[1], [0.0, 0.0])
        >>> [g.round(6).tolist() for g in kit.at_many("gradient", [[1.0, 2.0], [3.0, 4.0]])]
        [[4.0, 1.0], [24.0, 9.0]]
        """
        from derivkit.many import at_many  # noqa: PLC0415 - it needs this module

        return at_many(
            self,
            what,
            points,
            n_workers=n_workers,
            return_exceptions=return_exceptions,
            **arguments,
        )

    def plan(self, what: str = "gradient", **arguments: Any) -> Plan:
        """Return a plan: the points where the function is needed, for whoever evaluates it.

        Parameters
        ----------
        what : str
            The method whose result is wanted: "gradient", "jacobian_result", ….
        **arguments
            The method's.

        Examples
        --------
        >>> from derivkit import CalculusKit
        >>> plan = CalculusKit(lambda x: x[0] ** 2 * x[1], [1.0, 2.0]).plan("gradient")
        >>> while not plan.done:
        ...     answer = plan.tell([x[0] ** 2 * x[1] for x in plan.points()])
        >>> answer.round(6).tolist()
        [4.0, 1.0]
        """
        from derivkit.plan import Plan  # noqa: PLC0415 - it needs this module

        return Plan.of(self._problem, what, arguments)

    def _with(self, problem: Problem, memo: Memo) -> CalculusKit:
        """Return a kit like this one for another problem."""
        twin = copy(self)
        vars(twin).update(_problem=problem, _memo=memo)
        return twin
