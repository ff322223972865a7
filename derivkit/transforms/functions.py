"""Functions of functions: `grad`, `value_and_grad`, `jacobian`, `hessian`; and `vjp`, `jvp`.

What the first four return takes a point and gives a derivative as nested as the point, so that it
goes straight into `scipy.optimize.minimize(jac=…, hess=…)`, `least_squares`, `root`, or a sampler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from derivkit.calculus.driver import check_run, run_together
from derivkit.calculus.problem import check_problem, split_keywords
from derivkit.calculus.sparsity import Pattern
from derivkit.calculus.user_function import check_arguments
from derivkit.calculus_kit import CalculusKit
from derivkit.engine.progress import Show
from derivkit.engine.trees import flatten, numbers_by_name
from derivkit.methods.registry import MethodLike
from derivkit.transforms.at_points import Kind, Transform, ValueAndGradient
from derivkit.validation import (
    called_like,
    check_flag,
    check_function,
    check_known,
    check_sequence,
    is_count,
    real_numbers,
    shown,
    with_keywords_of,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["grad", "hessian", "jacobian", "jvp", "value_and_grad", "vjp"]

OF_THE_CALL = ("sparsity", "from_gradient")


@with_keywords_of(check_problem, run_together)
def grad(
    function: Callable[..., Any],
    method: MethodLike = None,
    *,
    n_workers: int | None = None,
    max_evaluations: int | None = None,
    progress: bool | Show | None = None,
    argnums: int | Sequence[int] = 0,
    at_undefined: str = "nan",
    warm: bool = False,
    **keywords: Any,
) -> Transform:
    """Return the function x -> gradient, as nested as x, of a scalar function.

    Parameters
    ----------
    function : callable
        ``function(x, *args, **kwargs)`` returns a number.
    method : str or method value, optional
        As for `CalculusKit.gradient`.
    n_workers, max_evaluations, progress
        As for `CalculusKit.gradient`; the budget is that of each point.
    argnums : int or sequence of int
        Which of its arguments to differentiate with respect to; a tuple of gradients for several.
    at_undefined : {"nan", "raise"}
        What to do where the function itself is undefined at x: return nan, so that line searches
        and samplers go on – also at an x that is nan –, or raise the ModelError.
    warm : bool
        Begin at each point with the steps that suited the last one (``start`` of
        `CalculusKit.gradient_result`): fewer calls where f is noisy or its scale is not that of x,
        as an optimiser goes from point to point. The derivative at a point then depends, within its
        error, on the points before.
    **keywords
        Those of `CalculusKit` (``bounds``, ``scale``, ``has_aux``, …), ``side``, and the method's
        options. With ``has_aux=True`` it returns (gradient, aux).

    Raises
    ------
    TypeError, ValueError
        If the function is not callable, or a keyword or the method is unknown.

    Examples
    --------
    >>> import derivkit, scipy.optimize
    >>> f = scipy.optimize.rosen
    >>> found = scipy.optimize.minimize(f, [-1.2, 1.0], jac=derivkit.grad(f), method="BFGS")
    >>> bool(abs(found.x - 1).max() < 1e-5)
    True

    Several arguments:

    >>> a, b = derivkit.grad(lambda a, b: a**2 * b, argnums=(0, 1))(3.0, 2.0)
    >>> round(a, 6), round(b, 6)
    (12.0, 9.0)
    """
    keywords |= {"argnums": argnums, "at_undefined": at_undefined, "n_workers": n_workers}
    keywords |= {"max_evaluations": max_evaluations, "progress": progress, "warm": warm}
    return _transform(Transform, CalculusKit.gradient_result, 1, function, method, **keywords)


@called_like(grad)
def value_and_grad(
    function: Callable[..., Any], method: MethodLike = None, **keywords: Any
) -> ValueAndGradient:
    """Return the function x -> (value, gradient), for ``minimize(…, jac=True)``.

    The call at x is shared. Arguments as for `grad`; with ``has_aux=True`` it returns
    ((value, aux), gradient).

    Examples
    --------
    >>> import derivkit
    >>> value, gradient = derivkit.value_and_grad(lambda x: x[0] ** 2)([3.0])
    >>> value, gradient.round(6).tolist()
    (9.0, [6.0])
    """
    compute = CalculusKit.gradient_result
    return _transform(ValueAndGradient, compute, 1, function, method, **keywords)


@overload
def jacobian(
    function: Callable[..., Any], method: MethodLike = None, *, sparsity: Pattern, **keywords: Any
) -> Callable[..., csr_array]: ...


@overload
@called_like(grad)
def jacobian(
    function: Callable[..., Any], method: MethodLike = None, **keywords: Any
) -> Transform: ...


@with_keywords_of(grad)
def jacobian(
    function: Callable[..., Any],
    method: MethodLike = None,
    *,
    sparsity: Pattern | None = None,
    **keywords: Any,
) -> Any:
    """Return the function x -> Jacobian (m, p), for ``least_squares`` and ``root``.

    Arguments as for `grad`; ``sparsity`` as for `CalculusKit.jacobian`.

    Examples
    --------
    >>> import derivkit
    >>> derivkit.jacobian(lambda x: x**2)([3.0, 2.0]).round(6).tolist()
    [[6.0, 0.0], [0.0, 4.0]]
    """
    keywords["sparsity"] = sparsity
    return _transform(Transform, CalculusKit.jacobian_result, 1, function, method, **keywords)


@overload
def hessian(
    function: Callable[..., Any], method: MethodLike = None, *, sparsity: Pattern, **keywords: Any
) -> Callable[..., csr_array]: ...


@overload
@called_like(grad)
def hessian(
    function: Callable[..., Any], method: MethodLike = None, **keywords: Any
) -> Transform: ...


@with_keywords_of(grad)
def hessian(
    function: Callable[..., Any],
    method: MethodLike = None,
    *,
    sparsity: Pattern | None = None,
    **keywords: Any,
) -> Any:
    """Return the function x -> Hessian (p, p), for ``minimize(…, hess=…)``.

    Arguments as for `grad`; ``sparsity`` as for `CalculusKit.hessian`.

    Examples
    --------
    >>> import derivkit
    >>> derivkit.hessian(lambda x: x[0] ** 2 * x[1] ** 2)([3.0, 2.0]).round(6).tolist()
    [[8.0, 24.0], [24.0, 18.0]]
    """
    keywords["sparsity"] = sparsity
    return _transform(Transform, CalculusKit.hessian_result, 2, function, method, **keywords)


@with_keywords_of(check_problem, run_together)
def jvp(
    function: Callable[..., Any],
    x0: Any,
    v: Any,
    method: MethodLike = None,
    *,
    n_workers: int | None = None,
    max_evaluations: int | None = None,
    progress: bool | Show | None = None,
    **keywords: Any,
) -> tuple[Any, ...]:
    """Return (f(x0), J v): the derivative along v, one line however many parameters there are.

    With ``has_aux=True`` it returns (f(x0), J v, aux).

    Parameters
    ----------
    function, x0
        As for `CalculusKit`.
    v : as x0
        The direction.
    method, **keywords
        As for `grad`.

    Examples
    --------
    >>> import derivkit
    >>> value, along = derivkit.jvp(lambda x: x[0] * x[1], [3.0, 2.0], [1.0, 1.0])
    >>> float(value), round(float(along), 6)
    (6.0, 5.0)
    """
    keywords |= {"n_workers": n_workers, "max_evaluations": max_evaluations, "progress": progress}
    of_kit, of_call = split_keywords(keywords)
    kit = CalculusKit(function, x0, **of_kit)
    along = kit.directional(v, method, **of_call)
    return _with_aux(kit, along, of_kit)


@with_keywords_of(check_problem, run_together)
def vjp(
    function: Callable[..., Any],
    x0: Any,
    method: MethodLike = None,
    *,
    n_workers: int | None = None,
    max_evaluations: int | None = None,
    progress: bool | Show | None = None,
    **keywords: Any,
) -> tuple[Any, ...]:
    """Return f(x0) and the function u -> u J, as nested as x0; and aux with ``has_aux=True``.

    ``u`` has one number an output: flat, nested as the outputs are, or by their names, those that
    are not named being 0.

    Parameters
    ----------
    function, x0
        As for `CalculusKit`.
    method, **keywords
        As for `grad`. The Jacobian is computed once.

    Examples
    --------
    >>> import derivkit
    >>> value, pulled_back = derivkit.vjp(lambda x: x**2, [3.0, 2.0])
    >>> pulled_back([1.0, 10.0]).round(6).tolist()
    [6.0, 40.0]
    """
    keywords |= {"n_workers": n_workers, "max_evaluations": max_evaluations, "progress": progress}
    of_kit, of_call = split_keywords(keywords)
    kit = CalculusKit(function, x0, **of_kit)
    result = kit.hyper_hessian_result(method, order=1, **of_call)
    rows = result.value.reshape(-1, len(result.names))

    outputs = None if result.labels is None else result.labels.outputs

    def pulled_back(u: Any) -> Any:
        if outputs is None:
            weights, _ = flatten(u, "u", real_numbers)
        else:
            weights = numbers_by_name("u", u, outputs.names(), real_numbers, what="outputs")
        if weights.shape != (len(rows),):
            raise ValueError(f"`u` must hold {len(rows)} numbers, got {weights.size}")
        return kit.labels.given_to(weights @ rows, 1)

    return _with_aux(kit, pulled_back, of_kit)


def _with_aux(kit: CalculusKit[Any], derivative: Any, of_kit: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return (f(x0), derivative), and with ``has_aux`` what the function returns beside."""
    value = kit.hyper_hessian(order=0)
    if not of_kit.get("has_aux"):
        return value, derivative
    return value, derivative, kit.hyper_hessian_result(order=0).aux


def _transform(
    kind: type[Kind],
    compute: Callable[..., Any],
    order: int,
    function: Callable[..., Any],
    method: MethodLike,
    /,
    *,
    argnums: int | Sequence[int] = 0,
    at_undefined: str = "nan",
    warm: bool = False,
    **keywords: Any,
) -> Kind:
    check_function("function", function)
    at_undefined = check_known("at_undefined", at_undefined, ("nan", "raise"))
    single = is_count(argnums)
    several = (argnums,) if single else tuple(check_sequence("argnums", argnums, "whole numbers"))
    if not several or not all(map(is_count, several)):
        raise TypeError(f"`argnums` must be whole numbers, got {shown(argnums)}")
    if len(set(several)) < len(several):
        raise ValueError(f"`argnums` must be different arguments, got {shown(argnums)}")
    warm = check_flag("warm", warm)
    if warm and keywords.get("sparsity") is not None:
        raise ValueError("`warm` must be False with `sparsity`: columns that are moved together")
    kit, others = split_keywords(keywords)
    check_arguments(kit.get("args", ()), kit.get("kwargs"))
    options = {key: value for key, value in others.items() if key not in OF_THE_CALL}
    check_run(method, options)  # a wrong keyword is to be found here, not inside an optimiser
    where = int(several[0]) if single else several
    of_call = {"method": method, **others}
    return kind(function, order, compute, where, at_undefined, kit, of_call, warm)
