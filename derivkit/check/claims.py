"""Check derivatives somebody claims - by hand, by a library - against measured ones.

Every verdict rests on the measured derivative's own error bar, stretched for the number of
comparisons. `measurement` knows how the derivatives are measured, `comparison` what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.assembly import Tensor
from derivkit.calculus.coordinates import must_be_own
from derivkit.calculus.driver import run
from derivkit.calculus.gradient import Gradient
from derivkit.calculus.hessian import Hessian
from derivkit.calculus.hyper_hessian import HyperHessian
from derivkit.calculus.jacobian import Jacobian
from derivkit.calculus.problem import check_problem, split_keywords
from derivkit.check.comparison import CheckResult
from derivkit.check.measurement import FEW_PARAMETERS, Reference, along_directions, one_by_one
from derivkit.engine.memo import Memo
from derivkit.engine.names import order_of
from derivkit.engine.trees import Leaf, Tree, flatten
from derivkit.methods.autodiff.rounding import neighbours, rounding_error
from derivkit.methods.registry import MethodLike, name_of, resolve
from derivkit.results.labels import Labels
from derivkit.results.result import DerivativeResult
from derivkit.validation import (
    called_like,
    check_count,
    has,
    real_numbers,
    shown,
    typed,
    with_keywords_of,
)

__all__ = [
    "assert_gradient",
    "assert_hessian",
    "assert_jacobian",
    "check_gradient",
    "check_hessian",
    "check_jacobian",
]

EPS = float(np.finfo(float).eps)


@with_keywords_of(check_problem)
@typed
def check_gradient(
    function: Callable[..., Any],
    gradient: Any,
    x0: Any,
    method: MethodLike = None,
    *,
    n_workers: int | None = None,
    seed: int = 0,
    **keywords: Any,
) -> CheckResult:
    """Compare a claimed gradient of a scalar function with the measured one.

    Parameters
    ----------
    function : callable
        As for `CalculusKit`.
    gradient : callable, array_like (p,), mapping, method name or DerivativeResult
        The claim: a function that returns the gradient and is called as ``function`` is, the
        gradient at x0, the name of a method such as ``"jax"``, or a result of
        `CalculusKit.gradient_result`.
    x0 : array_like (p,), mapping or pandas Series
    method : str or method value, optional
        What measures the reference; not the method behind the claim.
    n_workers : int, optional
        As for `CalculusKit.gradient`.
    seed : int
        Of the random directions that many parameters are compared along.
    **keywords
        Those of `CalculusKit` (``bounds``, ``call``, ``args``, …), and the method's options.

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
    keywords |= {"n_workers": n_workers, "seed": seed}
    return _check("gradient", Gradient(), function, gradient, x0, method, **keywords)


@with_keywords_of(check_gradient)
@typed
def check_jacobian(
    function: Callable[..., Any],
    jacobian: Any,
    x0: Any,
    method: MethodLike = None,
    *,
    n_workers: int | None = None,
    seed: int = 0,
    **keywords: Any,
) -> CheckResult:
    """Compare a claimed Jacobian (*out, p) with the measured one; else as `check_gradient`.

    Parameters
    ----------
    jacobian : callable, array_like (*out, p), method name or DerivativeResult
        The claim.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import check_jacobian
    >>> def model(x):
    ...     return np.array([x[0] * x[1], x[0] ** 2])
    >>> result = check_jacobian(model, lambda x: [[x[1], x[0]], [2 * x[0], 0.0]], [0.5, 2.0])
    >>> result.success, result.message
    (True, '4 of 4 derivatives agree')
    """
    keywords |= {"n_workers": n_workers, "seed": seed}
    return _check("jacobian", Jacobian(), function, jacobian, x0, method, **keywords)


@with_keywords_of(check_gradient)
@typed
def check_hessian(
    function: Callable[..., Any],
    hessian: Any,
    x0: Any,
    method: MethodLike = None,
    *,
    n_workers: int | None = None,
    seed: int = 0,
    **keywords: Any,
) -> CheckResult:
    """Compare a claimed Hessian (*out, p, p) with the measured one; else as `check_gradient`.

    Of more than 20 parameters only random directions are compared, and the claim with its own
    transpose.

    Parameters
    ----------
    hessian : callable, array_like (*out, p, p), method name or DerivativeResult
        The claim.

    Examples
    --------
    >>> from derivkit import check_hessian
    >>> result = check_hessian(lambda x: x[0] ** 2 * x[1], [[2.0, 1.0], [1.0, 0.0]], [0.5, 1.0])
    >>> result.message
    '4 of 4 derivatives agree'
    """
    keywords |= {"n_workers": n_workers, "seed": seed}
    return _check("hessian", Hessian(), function, hessian, x0, method, **keywords)


@called_like(check_gradient)
def assert_gradient(*claim: Any, **keywords: Any) -> None:
    """Raise an AssertionError with the table unless `check_gradient` finds agreement.

    It is raised as well where nothing could be told. Arguments as for `check_gradient`.

    Examples
    --------
    In a test; what disagrees is named:

    >>> from derivkit import assert_gradient
    >>> assert_gradient(lambda x: x[0] ** 2, lambda x: 2 * x, [3.0])
    >>> try:
    ...     assert_gradient(lambda x: x[0] ** 2, lambda x: 3 * x, [3.0])
    ... except AssertionError as error:
    ...     print(" ".join(str(error).splitlines()[:2]))
    gradient against auto, 18 model calls: 0 of 1 derivatives agree, 1 disagree: x[0]
    """
    _assert(check_gradient(*claim, **keywords))


@called_like(check_jacobian)
def assert_jacobian(*claim: Any, **keywords: Any) -> None:
    """Raise an AssertionError with the table unless `check_jacobian` finds agreement.

    Arguments as for `check_jacobian`.

    Examples
    --------
    >>> from derivkit import assert_jacobian
    >>> assert_jacobian(lambda x: x**2, lambda x: [[2 * x[0]]], [3.0]) is None
    True
    """
    _assert(check_jacobian(*claim, **keywords))


@called_like(check_hessian)
def assert_hessian(*claim: Any, **keywords: Any) -> None:
    """Raise an AssertionError with the table unless `check_hessian` finds agreement.

    Arguments as for `check_hessian`.

    Examples
    --------
    >>> from derivkit import assert_hessian
    >>> assert_hessian(lambda x: x[0] ** 3, lambda x: [[6 * x[0]]], [2.0]) is None
    True
    """
    _assert(check_hessian(*claim, **keywords))


def _assert(result: CheckResult) -> None:
    if not result.success:
        raise AssertionError(str(result))


def _check(
    what: str,
    tensor: Tensor,
    function: Callable[..., Any],
    claim: Any,
    x0: Any,
    method: MethodLike,
    /,
    *,
    n_workers: int | None = None,
    seed: int = 0,
    **keywords: Any,
) -> CheckResult:
    check_count("seed", seed, least=0)
    of_problem, options = split_keywords(keywords)
    problem = check_problem(function, x0, **of_problem)
    must_be_own(problem.coordinates or None, "a claim is a derivative by x0 itself")
    chosen = resolve(method, options)
    if len(problem.free) < len(problem.labels.names):  # fixed parameters have no derivatives
        names = tuple(problem.names[i] for i in problem.free)
        problem = replace(problem, shown=tuple(problem.free), labels=Labels(names))
    reference = Reference(problem, tensor, what, chosen, n_workers)
    claimed, rounding = _claimed(reference, claim)
    if problem.p <= FEW_PARAMETERS or problem.shown is not None:
        entries, directions = one_by_one(reference, claimed, rounding)
    else:
        entries, directions = along_directions(reference, claimed, rounding, seed)
    nfev = sum(reference.calls)
    return CheckResult(what, problem.labels.names, entries, directions, name_of(chosen), nfev)


def _claimed(reference: Reference, claim: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the claimed tensor and its own error; rounding, unless it comes with one."""
    problem = reference.problem
    if isinstance(claim, str) or has(claim, "value_and_derivatives"):
        claim = run(problem, Memo(), reference.tensor, claim)
    if isinstance(claim, DerivativeResult):
        if claim.method == name_of(reference.method):
            raise ValueError(
                f"both sides of the check use {claim.method!r}; give another `method` for the "
                "reference"
            )
        return _shaped(reference, claim.value), claim.error
    if isinstance(claim, type):
        raise TypeError(f"`{reference.what}` must be derivatives or a function, got {shown(claim)}")
    if callable(claim):
        claim = problem.as_called(claim)
    value = _shaped(reference, claim(problem.x0.copy()) if callable(claim) else claim)
    beside = list(_beside(reference, claim)) if callable(claim) else []
    return value, np.where(np.isfinite(value), rounding_error(value, beside, EPS), 0.0)


def _by_names(
    reference: Reference, claim: Any, flat: NDArray[Any], tree: Tree
) -> NDArray[Any] | None:
    """Return a claim that names its entries in our order; None if it does not, or otherwise."""
    if isinstance(tree, Leaf) and tree.kind not in {"series", "frame"}:
        return None  # it has no names
    problem, order = reference.problem, reference.tensor.order
    if reference.what == "gradient":
        of_all = (problem.labels.own_names, problem.given_names)
        orders = [order_of(tree.names(), names) for names in of_all]
        return next((flat[each] for each in orders if each is not None), None)
    at_x0 = run(problem, reference.memo, HyperHessian(0))
    labels = problem.labels if at_x0.labels is None else at_x0.labels
    shape = (*at_x0.value.shape, *(len(labels.names),) * order)
    return labels.taken_back(claim, reference.what, shape, order)


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
    problem, what = reference.problem, reference.what
    p = len(problem.labels.names)
    axes = (p,) * reference.tensor.order
    value, tree = flatten(claim, what, real_numbers)
    named = _by_names(reference, claim, value, tree)
    if named is not None:
        value = named
    elif isinstance(tree, Leaf):
        value = value.reshape(tree.shape)
    if problem.shown is not None and value.shape[-1:] == (problem.p,):  # of all parameters
        for axis in range(-reference.tensor.order, 0):
            value = np.take(value, problem.shown, axis)
    if value.size == p and what == "gradient":
        value = value.ravel()  # as nested as x0 is
    right = value.shape == axes if what == "gradient" else value.shape[-len(axes) :] == axes
    if not right:
        due = str(axes) if what == "gradient" else f"(..., {', '.join(map(str, axes))})"
        raise ValueError(f"`{what}` must have shape {due}, got {value.shape}")
    return value
