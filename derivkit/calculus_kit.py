"""CalculusKit: a function and a point, and every derivative there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Protocol,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
)

import numpy as np
from numpy.typing import NDArray

from derivkit.batch import at_many, memo_of
from derivkit.calculus import operators
from derivkit.calculus.assembly import Tensor
from derivkit.calculus.driver import check_run, run, run_together
from derivkit.calculus.problem import ProblemKeywords, check_problem
from derivkit.calculus.sparsity import Pattern
from derivkit.engine.model import Reply
from derivkit.engine.points import Seconds
from derivkit.engine.progress import Show
from derivkit.methods.registry import MethodLike
from derivkit.plan.plan import Plan
from derivkit.results.labels import Labels
from derivkit.results.result import DerivativeResult
from derivkit.results.sparse_result import SparseResult
from derivkit.results.table import Shown, rows_of
from derivkit.validation import called_like, check_known, typed, with_keywords_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import LinearOperator
    from typing_extensions import TypeVar as WithDefault

    from derivkit.engine.checkpoint.checkpoint import Checkpoint

    Labelled = WithDefault("Labelled", default=NDArray[np.float64])
else:
    Labelled = TypeVar("Labelled")  # what derivatives come as: an array, or what x0 is

__all__ = [
    "CalculusKit",
    "CheckpointKeywords",
]


def _dense_hessian(
    self: Any,
    method: MethodLike = None,
    *,
    sparsity: None = None,
    from_gradient: bool = False,
    n_workers: int | None = None,
    max_evaluations: int | None = None,
    progress: bool | Show | None = None,
    **options: Any,
) -> Any:
    """Show how a Hessian is asked for that is not sparse."""


def _of_run(n_workers: Any, max_evaluations: Any, progress: Any) -> dict[str, Any]:
    """Return the keywords of a run that stand in the signatures, for those it is handed on to."""
    return {"n_workers": n_workers, "max_evaluations": max_evaluations, "progress": progress}


class CheckpointKeywords(TypedDict, total=False):
    """Keywords that say where finished evaluations are kept."""

    checkpoint: Any
    version: str | None
    checkpoint_mismatch: str


class Settings(ProblemKeywords, CheckpointKeywords, total=False):
    """Keywords of `CalculusKit`."""


class _PandasLike(Protocol):
    def to_numpy(self) -> NDArray[Any]: ...


class _DataclassLike(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


class CalculusKit(Shown, Generic[Labelled]):
    """Derivatives of ``function`` with respect to its parameters, at ``x0``.

    Parameters
    ----------
    function : callable
        The model: takes what ``x0`` is and returns a number – or an array, a dict, a tuple, a
        Series …, nested or not, for Jacobians. It must be deterministic. What it gets is fresh
        each call.
    x0 : float, array_like, mapping, pandas Series, or these nested
        The point. Copied. The function is called with the same kind of thing, and derivatives
        come back in its structure: outputs outside, parameters inside. Parameters are named
        ``cosmo.h``, ``bias[0]``.
    bounds : sequence of (lower, upper), scipy.optimize.Bounds or mapping, optional
        No point is ever outside. None or ±inf for an open side. A parameter whose bounds are
        one number is fixed: it takes no calls, and its status says so.
    scale : float, array_like or mapping, optional
        Length over which the function varies with each parameter. Not needed, but it saves calls
        where abs(x0) says little.
    vectorized : bool
        The function takes (n, p) and returns (n,) or (n, m): a round is one call. Where x0 is
        more than an array, each leaf of points and outputs gets a first axis n.
    batch : int, optional
        With ``vectorized``: each call has exactly this many points, rows that are left over repeat
        x0. So a compiled function is compiled once, and a call's memory is bounded.
    names : sequence of str, optional
        The parameters' names, for results and messages.
    undefined : exception type or sequence of them, optional
        What the function raises where it is undefined, beside what ``errors`` says.
    executor : concurrent.futures.Executor or str, optional
        Where the calls run, if not as ``n_workers`` and joblib's configuration say: an executor
        (of a process or MPI pool, a Dask client's, a `RayExecutor`), or "processes", "threads" or
        "fork" for as many as ``n_workers``. Beside an executor ``n_workers`` tells its size.
    timeout : float, optional
        Most seconds for one call of the function; beyond, a ModelError names the point, unless
        TimeoutError is in ``undefined``.
    speculate : bool
        Workers that have nothing to do call the function where the method may want it next. That
        saves waiting and costs calls, counted in ``nfev``; it changes no derivative. For more
        workers than points, and calls of seconds or more.
    hedge : bool
        Where nothing else is left to do, workers make the calls that have been running longest
        once more, and the first answer counts. Against machines that hang or are slow; not
        counted in ``nfev``.
    call : {"same", "keywords", "positional", "array"}
        How the function is called: f(x) with what x0 is, f(**x), f(*x), or f(array) whatever x0
        is.
    args, kwargs : tuple, dict, optional
        Handed to the function behind the parameters, in every call.
    errors : {"undefined", "raise"}
        What an exception away from x0 means, unless it is a programming error (TypeError,
        NameError, LookupError, OSError …), which always ends the run: that the function is
        undefined there, noted in the result; or, with "raise", the same as a programming error,
        but for ValueError, ArithmeticError and numpy.linalg.LinAlgError.
    has_aux : bool
        The function returns a pair (output, aux); a result's ``aux`` is that at x0.
    period : float or array_like, optional
        After which outputs begin anew: 360 for angles in degrees. Between x0 and a step they may
        turn by half of it; methods that choose their steps see where they turn by more.
    wrt : str, int or sequence of them, optional
        The parameters to differentiate with respect to, by name, branch or index; results hold
        those alone.
    accuracy : float or array_like, optional
        To what part of itself an output is right, such as a solver's relative tolerance; one
        number, or one an output. What that may do to a derivative is added to its error.
    transform : dict, str or sequence, optional
        Parameters to be followed in another coordinate, by name, branch or index: with
        ``{"As": "log"}`` derivatives, their errors and steps are with respect to ln As, which is
        then named ``ln(As)``; "log10" likewise. The function, x0, ``bounds`` and ``scale`` are as
        ever.
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

    Named parameters:

    >>> kit = CalculusKit(lambda p: p["cosmo"]["h"] ** 2 * p["bias"][1],
    ...                   {"cosmo": {"h": 0.5}, "bias": np.array([1.0, 3.0])})
    >>> gradient = kit.gradient()
    >>> round(gradient["cosmo"]["h"], 6), gradient["bias"].round(6).tolist()
    (3.0, [0.0, 0.25])
    """

    @overload
    def __init__(
        self: CalculusKit[dict[Any, Any]],
        function: Callable[..., Any],
        x0: Mapping[Any, Any],
        **settings: Unpack[Settings],
    ) -> None: ...

    @overload
    def __init__(
        self: CalculusKit[NDArray[np.float64]],
        function: Callable[..., Any],
        x0: float | Sequence[float] | NDArray[Any],
        **settings: Unpack[Settings],
    ) -> None: ...

    @overload
    def __init__(
        self: CalculusKit[Any],
        function: Callable[..., Any],
        x0: _PandasLike | _DataclassLike | list[Any] | tuple[Any, ...],
        **settings: Unpack[Settings],
    ) -> None: ...

    @with_keywords_of(check_problem)
    def __init__(
        self,
        function: Callable[..., Any],
        x0: Any,
        *,
        checkpoint: Any = None,
        version: str | None = None,
        checkpoint_mismatch: str = "refuse",
        **problem: Unpack[ProblemKeywords],
    ) -> None:
        for key in problem:
            check_known("keyword", key, list(Settings.__annotations__), TypeError)
        self._problem = check_problem(function, x0, **problem)
        self._memo, self._checkpoint = memo_of(
            self._problem, "the kit", checkpoint, version, checkpoint_mismatch
        )
        self._cut_short: tuple[dict[bytes, Reply], Seconds] = {}, {}  # of at_many: what it had

    def _shown(self) -> tuple[list[dict[str, Any]], str]:
        calls = len(self._memo)
        kept = f"{calls} finished calls in {self._memo.where}" if calls else "no call yet"
        title = f"{type(self).__name__}: {self._problem.p} parameters, {kept}"
        problem = self._problem
        bounds = {"lower": problem.lower.tolist(), "upper": problem.upper.tolist()}
        return rows_of(parameter=problem.names, x0=problem.x0.tolist(), **bounds), title

    @property
    def labels(self) -> Labels:
        """The names of the parameters and the structure of x0."""
        return self._problem.labels

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The open checkpoint: its path, and how many evaluations were stored and reused."""
        return self._checkpoint

    @with_keywords_of(run_together)
    def gradient(
        self,
        method: MethodLike = None,
        *,
        n_workers: int | None = None,
        max_evaluations: int | None = None,
        progress: bool | Show | None = None,
        **options: Any,
    ) -> Labelled:
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
            ``max_seconds``, after which no further call is begun and the best honest answer is
            returned; ``side``: +1 or -1 for one-sided derivatives at a kink or a wall, for all
            parameters or by name; ``start``: the result at a point nearby, with whose steps to
            begin; and the method's own options, where it is given by name.

        Raises
        ------
        TypeError
            If the function is vector-valued, or an option is unknown.
        ValueError
            If the method is unknown or an option has a bad value.
        ModelError
            If the model fails at x0, or raises what is not `undefined` elsewhere.
        """
        tensor = operators.gradient(self._problem)
        options |= _of_run(n_workers, max_evaluations, progress)
        return self._values(tensor, method, **options)

    @called_like(gradient)
    def gradient_result(self, method: MethodLike = None, **keywords: Any) -> DerivativeResult:
        """Return the gradient with errors, statuses and costs; arguments as for `gradient`.

        Parameters
        ----------
        start : DerivativeResult, optional
            Of a gradient, a Jacobian or a Hessian with respect to the same parameters at a point
            nearby: ``"auto"`` begins with the steps that it found there. That takes fewer calls
            where f is noisy or its scale is not that of x0; what the samples say is judged as
            ever. A method that is told its steps has no use for it.
        compare : callable, optional
            The same model at a tighter setting of its solver, of its grid …: its own smooth error
            is what no sample shows. It is called at the final samples; what its derivatives differ
            by is the result's ``gap``. Since it is not exact either, one and a half times the gap
            is added to the error. Its calls count.

        Examples
        --------
        >>> from derivkit import CalculusKit
        >>> def model(x, error=1e-3):
        ...     return (1 + error) * x[0] ** 2
        >>> kit = CalculusKit(model, [3.0])
        >>> result = kit.gradient_result(compare=lambda x: model(x, error=0.0))
        >>> result.value.round(4).tolist(), result.gap.round(4).tolist(), str(result.status[0])
        ([6.006], [0.006], 'model-limited')
        """
        return self._result(operators.gradient(self._problem), method, **keywords)

    @overload
    def jacobian(
        self, method: MethodLike = None, *, sparsity: Pattern, **keywords: Any
    ) -> csr_array: ...

    @overload
    @called_like(gradient)
    def jacobian(self, method: MethodLike = None, **keywords: Any) -> Labelled: ...

    @with_keywords_of(gradient)
    def jacobian(
        self, method: MethodLike = None, *, sparsity: Pattern | None = None, **keywords: Any
    ) -> Labelled | csr_array:
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
        return self._values(operators.jacobian(self._problem, sparsity), method, **keywords)

    @overload
    def jacobian_result(
        self, method: MethodLike = None, *, sparsity: Pattern, **keywords: Any
    ) -> SparseResult: ...

    @overload
    @called_like(gradient)
    def jacobian_result(self, method: MethodLike = None, **keywords: Any) -> DerivativeResult: ...

    @with_keywords_of(gradient)
    def jacobian_result(
        self, method: MethodLike = None, *, sparsity: Pattern | None = None, **keywords: Any
    ) -> DerivativeResult | SparseResult:
        """Return the Jacobian with errors, statuses and costs; arguments as for `jacobian`.

        ``compare`` as for `gradient_result`. With ``sparsity`` it is a
        `derivkit.results.sparse_result.SparseResult`.
        """
        return self._result(operators.jacobian(self._problem, sparsity), method, **keywords)

    @overload
    def hessian(
        self, method: MethodLike = None, *, sparsity: Pattern, **keywords: Any
    ) -> csr_array: ...

    @overload
    @called_like(_dense_hessian)
    def hessian(self, method: MethodLike = None, **keywords: Any) -> Labelled: ...

    @with_keywords_of(gradient)
    def hessian(
        self,
        method: MethodLike = None,
        *,
        sparsity: Pattern | None = None,
        from_gradient: bool = False,
        **keywords: Any,
    ) -> Labelled | csr_array:
        """Return the Hessian (p, p), exactly symmetric; arguments as for `gradient`.

        A function with outputs of shape ``out`` gives ``(*out, p, p)``.

        With ``sparsity`` – a symmetric pattern or a bandwidth – only the entries inside are
        computed, and the Hessian is a `scipy.sparse.csr_array`. Every pair takes calls of its own,
        since a call returns one number; where you have the gradient, its sparse Jacobian is far
        cheaper: ``CalculusKit(gradient, x0).jacobian(sparsity=…)``.

        With ``from_gradient`` the kit's function is the gradient (p,) of another: its Jacobian is
        symmetrised, and the result's ``asymmetry`` is what the two halves differed by.

        Examples
        --------
        >>> import numpy as np
        >>> from derivkit import CalculusKit
        >>> kit = CalculusKit(lambda x: np.sin(x[0]) + x[0] * x[1] + x[1] ** 2, [0.5, 2.0])
        >>> print(np.round(kit.hessian(), 6))
        [[-0.479426  1.      ]
         [ 1.        2.      ]]
        """
        tensor = operators.hessian(self._problem, sparsity, from_gradient)
        return self._values(tensor, method, **keywords)

    @overload
    def hessian_result(
        self, method: MethodLike = None, *, sparsity: Pattern, **keywords: Any
    ) -> SparseResult: ...

    @overload
    @called_like(_dense_hessian)
    def hessian_result(self, method: MethodLike = None, **keywords: Any) -> DerivativeResult: ...

    @with_keywords_of(gradient)
    def hessian_result(
        self,
        method: MethodLike = None,
        *,
        sparsity: Pattern | None = None,
        from_gradient: bool = False,
        **keywords: Any,
    ) -> DerivativeResult | SparseResult:
        """Return the Hessian with errors, statuses and costs; arguments as for `hessian`.

        ``compare`` as for `gradient_result`. With ``sparsity`` it is a
        `derivkit.results.sparse_result.SparseResult`.
        """
        tensor = operators.hessian(self._problem, sparsity, from_gradient)
        return self._result(tensor, method, **keywords)

    @called_like(gradient)
    def hessian_diag(self, method: MethodLike = None, **keywords: Any) -> Labelled:
        """Return the Hessian's diagonal, (p,) or (*out, p); arguments as for `gradient`."""
        return self._values(operators.hessian_diag(self._problem), method, **keywords)

    @called_like(gradient)
    def hessian_diag_result(self, method: MethodLike = None, **keywords: Any) -> DerivativeResult:
        """Return the Hessian's diagonal with errors; arguments as for `gradient`."""
        return self._result(operators.hessian_diag(self._problem), method, **keywords)

    @with_keywords_of(run_together)
    def hyper_hessian(
        self,
        method: MethodLike = None,
        *,
        order: int = 3,
        n_workers: int | None = None,
        max_evaluations: int | None = None,
        progress: bool | Show | None = None,
        **options: Any,
    ) -> Labelled:
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
        tensor = operators.hyper_hessian(self._problem, order)
        options |= _of_run(n_workers, max_evaluations, progress)
        return self._values(tensor, method, **options)

    @called_like(hyper_hessian)
    def hyper_hessian_result(
        self, method: MethodLike = None, *, order: int = 3, **keywords: Any
    ) -> DerivativeResult:
        """Return all derivatives of an order with errors; arguments as for `hyper_hessian`."""
        return self._result(operators.hyper_hessian(self._problem, order), method, **keywords)

    @with_keywords_of(run_together)
    def directional(
        self,
        v: Any,
        method: MethodLike = None,
        *,
        order: int = 1,
        n_workers: int | None = None,
        max_evaluations: int | None = None,
        progress: bool | Show | None = None,
        **options: Any,
    ) -> Labelled:
        """Return d^n/dt^n f(x0 + t v) at t = 0, for v of any length; arguments as for `gradient`.

        One line only, however many parameters there are; at a corner of the bounds, where v leads
        out both ways, the derivatives with respect to the parameters that it moves.
        """
        tensor = operators.directional(self._problem, v, order)
        options |= _of_run(n_workers, max_evaluations, progress)
        return self._values(tensor, method, **options)

    @called_like(directional)
    def directional_result(
        self, v: Any, method: MethodLike = None, *, order: int = 1, **keywords: Any
    ) -> DerivativeResult:
        """Return a directional derivative with its error; arguments as for `directional`."""
        return self._result(operators.directional(self._problem, v, order), method, **keywords)

    @with_keywords_of(run_together)
    def hvp(
        self,
        v: Any,
        method: MethodLike = None,
        *,
        n_workers: int | None = None,
        max_evaluations: int | None = None,
        progress: bool | Show | None = None,
        **options: Any,
    ) -> Labelled:
        """Return the product H v (p,) of the Hessian with v; arguments as for `gradient`.

        It takes 2 p + 1 lines, where the whole Hessian takes p (p + 1) / 2.
        """
        tensor = operators.hvp(self._problem, v)
        options |= _of_run(n_workers, max_evaluations, progress)
        return self._values(tensor, method, **options)

    @called_like(hvp)
    def hvp_result(self, v: Any, method: MethodLike = None, **keywords: Any) -> DerivativeResult:
        """Return the product H v with errors; arguments as for `hvp`."""
        return self._result(operators.hvp(self._problem, v), method, **keywords)

    @with_keywords_of(run_together)
    def mixed(
        self,
        *indices: int | str,
        method: MethodLike = None,
        n_workers: int | None = None,
        max_evaluations: int | None = None,
        progress: bool | Show | None = None,
        **options: Any,
    ) -> Labelled:
        """Return one mixed derivative, with respect to the given parameters in turn.

        Parameters are given by index or name: ``mixed(0, 2)`` is an entry of the Hessian,
        ``mixed("a", "a", "b")`` one of the third-order tensor. Keywords as for `gradient`.
        """
        tensor = operators.mixed(self._problem, indices)
        options |= _of_run(n_workers, max_evaluations, progress)
        return self._values(tensor, method, **options)

    @called_like(mixed)
    def mixed_result(
        self, *indices: int | str, method: MethodLike = None, **keywords: Any
    ) -> DerivativeResult:
        """Return one mixed derivative with its error; arguments as for `mixed`."""
        return self._result(operators.mixed(self._problem, indices), method, **keywords)

    @called_like(gradient)
    def value_gradient_hessian_result(
        self, method: MethodLike = None, **keywords: Any
    ) -> tuple[DerivativeResult, DerivativeResult, DerivativeResult]:
        """Return the results for f(x0), gradient and Hessian, in one plan that shares its points.

        Keywords as for `gradient`. Each result's ``nfev`` is that of all three together.
        """
        three = operators.value_gradient_hessian(self._problem)
        value, gradient, hessian = run_together(
            self._problem, self._memo, three, method, **keywords
        )
        return value, gradient, hessian

    @with_keywords_of(run_together)
    @typed
    def jacobian_operator(
        self,
        method: MethodLike = None,
        *,
        n_workers: int | None = None,
        max_evaluations: int | None = None,
        progress: bool | Show | None = None,
        **options: Any,
    ) -> LinearOperator:
        """Return the Jacobian (m, p) as a `scipy.sparse.linalg.LinearOperator`.

        A product J v is one line, however many parameters there are: for Krylov solvers and
        Gauss-Newton steps. The first product with the transpose takes the whole Jacobian, which is
        kept. Outputs, and x0 if it is more than an array, count flat; keywords as for `gradient`.

        Examples
        --------
        >>> import numpy as np
        >>> from derivkit import CalculusKit
        >>> J = CalculusKit(lambda x: np.array([x[0] * x[1], x[0]]), [2.0, 3.0]).jacobian_operator()
        >>> J.shape, (J @ [1.0, 1.0]).round(6).tolist(), (J.T @ [1.0, 0.0]).round(6).tolist()
        ((2, 2), [5.0, 1.0], [3.0, 2.0])
        """
        from scipy.sparse.linalg import LinearOperator  # noqa: PLC0415 - takes 50 ms to load

        options |= _of_run(n_workers, max_evaluations, progress)
        check_run(method, options)  # at once: the first product may be hours away
        self._problem.all_must_vary("a linear operator")
        m = self.hyper_hessian_result(order=0).value.size

        @cache
        def rows() -> NDArray[np.float64]:
            tensor = operators.hyper_hessian(self._problem, 1)
            return self._result(tensor, method, **options).value.reshape(m, -1)

        def product(v: NDArray[Any]) -> NDArray[np.float64]:
            if not np.any(v):
                return np.zeros(m)
            tensor = operators.directional(self._problem, np.ravel(v))
            return self._result(tensor, method, **options).value.ravel()

        return LinearOperator(
            (m, self._problem.p), product, lambda u: rows().T @ np.ravel(u), dtype=float
        )

    @typed
    def at_many(
        self,
        what: str,
        points: Iterable[Any],
        *,
        n_workers: int | None = None,
        return_exceptions: bool = False,
        progress: bool | Show | None = None,
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
        progress : bool or callable, optional
            As for `gradient`.
        **arguments
            The method's.

        Examples
        --------
        >>> from derivkit import CalculusKit
        >>> kit = CalculusKit(lambda x: x[0] ** 2 * x[1], [0.0, 0.0])
        >>> [g.round(6).tolist() for g in kit.at_many("gradient", [[1.0, 2.0], [3.0, 4.0]])]
        [[4.0, 1.0], [24.0, 9.0]]
        """
        found = at_many(
            self._problem,
            what,
            points,
            arguments,
            self._memo,
            self._cut_short,
            n_workers=n_workers,
            return_exceptions=return_exceptions,
            progress=progress,
        )
        self._cut_short = {}, {}
        return found

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
        return Plan.of(self._problem, what, arguments)

    def _values(self, tensor: Tensor, method: MethodLike, **keywords: Any) -> Labelled:
        values: Labelled = self._result(tensor, method, **keywords).labelled()
        return values

    def _result(self, tensor: Tensor, method: MethodLike, **keywords: Any) -> DerivativeResult:
        return run(self._problem, self._memo, tensor, method, **keywords)
