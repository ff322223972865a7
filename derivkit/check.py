"""Check derivatives somebody claims - by hand, by a library - against measured ones.

Every verdict rests on the measured derivative's own error bar, stretched for the number of
comparisons. `measured` knows how the derivatives are measured, `verdicts` what follows from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.driver import run
from derivkit.calculus.gradient import Gradient
from derivkit.calculus.hessian import Hessian
from derivkit.calculus.inputs import Problem, check_problem
from derivkit.calculus.jacobian import Jacobian
from derivkit.calculus.pieces import Tensor
from derivkit.engine.memo import Memo
from derivkit.measured import FEW_PARAMETERS, Reference, along_directions, one_by_one
from derivkit.methods.autodiff.rounding import neighbours, rounding_error
from derivkit.methods.registry import name_of, resolve
from derivkit.result import DerivativeResult
from derivkit.verdicts import CheckResult

__all__ = [
    "assert_gradient",
    "assert_hessian",
    "assert_jacobian",
    "check_gradient",
    "check_hessian",
    "check_jacobian",
]

EPS = float(np.finfo(float).eps)


def check_gradient(
    function: Callable[..., Any],
    gradient: Any,
    x0: Any,
    method: Any = None,
    *,
    n_workers: int | None = None,
    seed: int = 0,
    bounds: Any = None,
    scale: Any = None,
    vectorized: bool = False,
    names: Sequence[str] | None = None,
    undefined: Any = (),
    **options: Any,
) -> CheckResult:
    """Compare a claimed gradient of a scalar function with the measured one.

    Parameters
    ----------
    function : callable
        As for `CalculusKit`.
    gradient : callable, array_like (p,), mapping, method name or DerivativeResult
        The claim: a function of x (p,) that returns the gradient, the gradient at x0, the name of
        a method such as ``"jax"``, or a result of `CalculusKit.gradient_result`.
    x0 : array_like (p,), mapping or pandas Series
    method : str or method value, optional
        What measures the reference; not the method behind the claim.
    n_workers : int, optional
        As for `CalculusKit.gradient`.
    seed : int
        Of the random directions that many parameters are compared along.
    bounds, scale, vectorized, names, undefined
        As for `CalculusKit`.
    **options
        The method's own.

    Returns
    -------
    CheckResult
        A verdict for each parameter; prints as a table.

    Raises
    ------
    ValueError
        If the claim has the wrong shape, or both sides use the same method.

    Notes
    -----
    Two numbers disagree where they are apart by more error bars than Student's t with 3 degrees of
    freedom would make them in 1 % of such checks, and again at a second look with other steps.
    A derivative whose bar is wider than half of it cannot be told.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import check_gradient
    >>> def model(x):
    ...     return np.sin(x[0]) * x[1]
    >>> def gradient(x):
    ...     return np.array([-np.cos(x[0]) * x[1], np.sin(x[0])])
    >>> result = check_gradient(model, gradient, [0.5, 2.0])
    >>> result.message
    '1 of 2 derivatives agree, 1 disagree: x[0]'
    """
    problem = check_problem(
        function,
        x0,
        bounds=bounds,
        scale=scale,
        vectorized=vectorized,
        names=names,
        undefined=undefined,
    )
    return _check("gradient", Gradient(), problem, gradient, method, n_workers, seed, options)


def check_jacobian(
    function: Callable[..., Any],
    jacobian: Any,
    x0: Any,
    method: Any = None,
    *,
    n_workers: int | None = None,
    seed: int = 0,
    **keywords: Any,
) -> CheckResult:
    """Compare a claimed Jacobian (*out, p) with the measured one; as `check_gradient`."""
    problem, options = _split(function, x0, keywords)
    return _check("jacobian", Jacobian(), problem, jacobian, method, n_workers, seed, options)


def check_hessian(
    function: Callable[..., Any],
    hessian: Any,
    x0: Any,
    method: Any = None,
    *,
    n_workers: int | None = None,
    seed: int = 0,
    **keywords: Any,
) -> CheckResult:
    """Compare a claimed Hessian (*out, p, p) with the measured one; as `check_gradient`.

    Of more than 20 parameters only random directions are compared, and the claim with its own
    transpose.
    """
    problem, options = _split(function, x0, keywords)
    return _check("hessian", Hessian(), problem, hessian, method, n_workers, seed, options)


def assert_gradient(
    function: Callable[..., Any], gradient: Any, x0: Any, method: Any = None, **keywords: Any
) -> None:
    """Raise an AssertionError with the table unless `check_gradient` finds agreement.

    It is raised as well where nothing could be told. Arguments as for `check_gradient`.
    """
    _assert(check_gradient(function, gradient, x0, method, **keywords))


def assert_jacobian(
    function: Callable[..., Any], jacobian: Any, x0: Any, method: Any = None, **keywords: Any
) -> None:
    """Raise an AssertionError with the table unless `check_jacobian` finds agreement."""
    _assert(check_jacobian(function, jacobian, x0, method, **keywords))


def assert_hessian(
    function: Callable[..., Any], hessian: Any, x0: Any, method: Any = None, **keywords: Any
) -> None:
    """Raise an AssertionError with the table unless `check_hessian` finds agreement."""
    _assert(check_hessian(function, hessian, x0, method, **keywords))


def _assert(result: CheckResult) -> None:
    if not result.success:
        raise AssertionError(str(result))


_OF_PROBLEM = ("bounds", "scale", "vectorized", "names", "undefined")


def _split(
    function: Callable[..., Any], x0: Any, keywords: dict[str, Any]
) -> tuple[Problem, dict[str, Any]]:
    """Return the problem, and the keywords that are left for the method."""
    of_problem = {key: value for key, value in keywords.items() if key in _OF_PROBLEM}
    options = {key: value for key, value in keywords.items() if key not in _OF_PROBLEM}
    return check_problem(function, x0, **of_problem), options


def _check(
    what: str,
    tensor: Tensor,
    problem: Problem,
    claim: Any,
    method: Any,
    n_workers: int | None,
    seed: int,
    options: dict[str, Any],
) -> CheckResult:
    chosen = resolve(method, options)
    reference = Reference(problem, tensor, what, chosen, n_workers)
    claimed, rounding = _claimed(reference, claim)
    if problem.p <= FEW_PARAMETERS:
        entries, directions = one_by_one(reference, claimed, rounding)
    else:
        entries, directions = along_directions(reference, claimed, rounding, seed)
    nfev = sum(reference.calls)
    return CheckResult(what, problem.names, entries, directions, name_of(chosen), nfev)


def _claimed(reference: Reference, claim: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the claimed tensor and its own error; rounding, unless it comes with one."""
    problem = reference.problem
    if isinstance(claim, str) or hasattr(claim, "value_and_derivatives"):
        claim = run(problem, Memo(), reference.tensor, claim)
    if isinstance(claim, DerivativeResult):
        if claim.method == name_of(reference.method):
            raise ValueError(
                f"both sides of the check use {claim.method!r}; give another `method` for the "
                "reference"
            )
        return _shaped(reference, claim.value), claim.error
    value = _shaped(reference, claim(problem.x0.copy()) if callable(claim) else claim)
    beside = list(_beside(reference, claim)) if callable(claim) else []
    return value, np.where(np.isfinite(value), rounding_error(value, beside, EPS), 0.0)


def _beside(reference: Reference, claim: Callable[[Any], Any]) -> Iterator[NDArray[Any]]:
    """Yield the claimed tensor right beside x0, as far as it is defined there."""
    problem = reference.problem
    for x in neighbours(problem.x0, problem.scale, problem.lower, problem.upper, EPS):
        try:
            yield _shaped(reference, claim(x))
        except problem.model.undefined:
            return


def _shaped(reference: Reference, claim: Any) -> NDArray[np.float64]:
    """Return the claimed tensor as an array, its parameter axes checked."""
    p, what = reference.problem.p, reference.what
    if isinstance(claim, Mapping):
        claim = list(claim.values())
    value = np.array(claim, dtype=float)
    axes = (p,) * reference.tensor.order
    right = value.shape == axes if what == "gradient" else value.shape[-len(axes) :] == axes
    if not right:
        due = str(axes) if what == "gradient" else f"(..., {', '.join(map(str, axes))})"
        raise ValueError(f"`{what}` must have shape {due}, got {value.shape}")
    return value
