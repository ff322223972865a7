"""The conformance suite: what every method must do, as named checks for yours as for ours.

Methods are driven by hand, without engine or model. A check raises AssertionError and says what
broke. In a test file::

    import pytest
    from derivkit.testing import METHOD_CHECKS

    @pytest.mark.parametrize("check", METHOD_CHECKS.values(), ids=METHOD_CHECKS)
    def test_my_method_conforms(check):
        check(MyMethod())
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.protocol import BudgetSpentError, Estimate, Line, solvers
from derivkit.status import Status
from derivkit.validation import check_count, check_function, has, shown, typed

__all__ = ["METHOD_CHECKS", "Function", "Run", "check_method", "follow"]

Function: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
"""Takes places t (m,), returns outputs (m,) or (m, q)."""

MOST_REQUESTS = 200  # of one line; a method that asks more often does not end
MOST_REFUSALS = 16  # the engine's patience with a method whose budget is spent

NO_DEFAULT_ERROR = 1e-3  # relative error that a smooth, well scaled function must come out below
LENIENCE = 10.0  # on the error in noise: single cases may lie outside, but not far

SMOOTH: dict[str, tuple[Function, float]] = {  # f(t) and its derivative at 0
    "exp": (np.exp, 1.0),
    "sin(1 + t)": (lambda t: np.sin(1.0 + t), float(np.cos(1.0))),
    "1 / (2 + t)": (lambda t: 1.0 / (2.0 + t), -0.25),
    "cos": (np.cos, 0.0),
    "3 t - 2": (lambda t: 3.0 * t - 2.0, 3.0),
    "t**2 + t": (lambda t: t**2 + t, 1.0),
}


@dataclass
class Run:
    """A method's dealings with one function on one line.

    Attributes
    ----------
    requests : list of ndarray
        The places asked for, request by request.
    estimate : Estimate or None
        None where it raised `BudgetSpentError`.
    """

    requests: list[NDArray[Any]] = field(default_factory=list)
    estimate: Estimate | None = None

    @property
    def places(self) -> NDArray[Any]:
        """All places asked for, and x0."""
        return np.concatenate([[0.0], *self.requests])

    @property
    def answer(self) -> Estimate:
        """The estimate, which there must be."""
        assert self.estimate is not None, "the method must return an Estimate"  # noqa: S101
        return self.estimate


@typed
def follow(
    method: Any, function: Function, line: Line | None = None, order: int = 1, *, grants: int = 999
) -> Run:
    """Drive a method by hand.

    Parameters
    ----------
    method : method value
    function : callable
        Takes places t (m,), returns outputs (m,) or (m, q); nan where undefined.
    line : Line, optional
    order : int
    grants : int
        How many requests are answered; the others are refused by `BudgetSpentError`.

    Examples
    --------
    >>> from derivkit.methods import Finite
    >>> run = follow(Finite(stepsize=0.5, num_points=3), lambda t: t**2 + t)
    >>> run.places.tolist(), run.answer.value.tolist()
    ([0.0, 0.0, -0.5, 0.5, -1.0, 1.0], [1.0])
    """
    if isinstance(method, type) or not has(method, "solve"):
        raise TypeError(f"`method` must be a method value such as Finite(), got {shown(method)}")
    check_function("function", function)
    if not isinstance(line, (Line, type(None))):
        raise TypeError(f"`line` must be a Line, got {shown(line)}")
    run, solver = Run(), method.solve(line or Line(), check_count("order", order))
    try:
        points = next(solver)
        for _ in range(MOST_REQUESTS):
            if len(run.requests) < grants:
                run.requests.append(points)
                points = solver.send(_values(function, points))
            else:
                points = solver.throw(BudgetSpentError())
    except StopIteration as stop:
        run.estimate = stop.value
    except BudgetSpentError:
        run.estimate = None
    else:
        raise AssertionError(f"{method!r} still asks after {MOST_REQUESTS} requests")
    return run


def _followed_together(
    method: Any, functions: Sequence[Function], lines: Sequence[Line], order: int, *, last: bool
) -> list[Estimate]:
    """Drive lines at the same time: the first that can go on always does, or the last."""
    running = dict(enumerate(solvers(method, lines, order)))
    wanted: dict[int, Any] = {k: next(solver) for k, solver in running.items()}
    found: dict[int, Estimate] = {}
    for _ in range(MOST_REQUESTS * len(lines)):
        ready = [k for k in sorted(running) if not callable(wanted[k]) or wanted[k]()]
        ready = ready or sorted(running)  # nobody is left to wait for
        k = ready[-1] if last else ready[0]
        rests = callable(wanted[k]) or not len(wanted[k])
        values = np.empty((0, 1)) if rests else _values(functions[k], wanted[k])
        try:
            wanted[k] = running[k].send(values)
        except StopIteration as stop:
            found[k] = stop.value
            del running[k]
        if not running:
            return [found[k] for k in sorted(found)]
    raise AssertionError(f"{method!r} still asks after {MOST_REQUESTS} requests a line")


def _values(function: Function, points: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(all="ignore"):
        values = np.asarray(function(points))
    values = values[:, None] if values.ndim == 1 else values
    return np.where(np.isfinite(values), values, np.nan)


def _covered(run: Run, exact: NDArray[Any] | float, lenience: float = 1.0) -> bool:
    """Tell whether every output is unresolved or within its error, up to the last digit."""
    estimate, exact = run.answer, np.asarray(exact)
    error = lenience * estimate.error + np.spacing(np.abs(exact))
    return bool((np.isposinf(estimate.error) | (np.abs(estimate.value - exact) <= error)).all())


def value_is_immutable_and_survives_copying(method: Any) -> None:
    """Check that options are set once, and that workers get an equal copy."""
    _must(copy.deepcopy(method) == method, method, "must equal a copy of itself")
    _must(pickle.loads(pickle.dumps(method)) == method, method, "must survive pickling")  # noqa: S301
    for name in getattr(method, "__dataclass_fields__", {}):
        try:
            setattr(method, name, getattr(method, name))
        except AttributeError:
            continue
        _must(False, method, f"must be frozen, but {name} can be set")


def requests_are_finite_vectors(method: Any) -> None:
    """Check that every request is an array (m,) of finite numbers."""
    for points in follow(method, np.exp).requests:
        right = isinstance(points, np.ndarray) and points.ndim == 1
        _must(right and bool(np.isfinite(points).all()), method, f"asked for {points!r}")


def same_values_give_same_requests(method: Any) -> None:
    """Check that requests and answer depend on the values alone, to the bit."""
    one, other = follow(method, np.exp), follow(method, np.exp)
    same = len(one.requests) == len(other.requests) and all(
        np.array_equal(a, b) for a, b in zip(one.requests, other.requests, strict=True)
    )
    _must(same, method, "asked for other places the second time")
    _must(bool((one.answer.value == other.answer.value).all()), method, "gave another value")


def smooth_functions_come_out_right(method: Any) -> None:
    """Check that errors for smooth functions hold and are small."""
    for name, (function, exact) in SMOOTH.items():
        run = follow(method, function)
        _must(_covered(run, exact), method, f"misses its error for {name}: {run.answer}")
        small = run.answer.error <= NO_DEFAULT_ERROR * max(abs(exact), 1.0)
        _must(bool(small.all()), method, f"has a large error for {name}: {run.answer}")


def error_is_not_zero_by_default(method: Any) -> None:
    """Check that no error of 0 is claimed for exp, whose result is not exact."""
    error = follow(method, np.exp).answer.error
    _must(bool((error > 0).all()), method, f"reports an error of {error} for exp")


def constant_has_derivative_zero(method: Any) -> None:
    """Check that it is 0 within its error; nothing may be divided by the spread of the values."""
    run = follow(method, lambda t: 0.0 * t + 7.0)
    _must(_covered(run, 0.0) and bool(np.isfinite(run.answer.error).all()), method, f"{run.answer}")


def estimate_is_complete(method: Any) -> None:
    """Check that each output has a value, an error and a status, and reach, if told, is right."""
    run = follow(method, lambda t: np.stack([np.exp(t), t, 1.0 + 0.0 * t], axis=1))
    estimate = run.answer
    shapes = {np.shape(estimate.value), np.shape(estimate.error), (len(estimate.statuses()),)}
    _must(shapes == {(3,)}, method, f"gave shapes {shapes} for three outputs")
    known = all(isinstance(status, Status) for status in estimate.statuses())
    _must(known and not (estimate.error < 0).any(), method, f"gave {estimate}")
    reach = float(np.abs(run.places).max())
    told = np.isnan(estimate.reach) or abs(estimate.reach - reach) <= 1e-6 * reach
    _must(bool(told), method, f"reached {reach}: {estimate}")


def outputs_do_not_disturb_each_other(method: Any) -> None:
    """Check that outputs twelve decades apart are each as accurate as if alone."""
    sizes = np.array([1e-6, 1.0, 1e6])
    run = follow(method, lambda t: np.exp(t)[:, None] * sizes)
    _must(_covered(run, sizes), method, f"misses its error: {run.answer}")
    small = run.answer.error <= NO_DEFAULT_ERROR * sizes
    _must(bool(small.all()), method, f"has a large error: {run.answer}")


def undefined_output_is_alone(method: Any) -> None:
    """Check that an output which is nan everywhere is marked, and the others come out right."""
    run = follow(method, lambda t: np.stack([np.exp(t), np.nan * t], axis=1))
    estimate = run.answer
    _must(_covered(Run(estimate=_only(estimate, 0)), 1.0), method, f"{estimate}")
    _must(
        bool(np.isfinite(estimate.error[0])), method, f"lost the output that is defined: {estimate}"
    )
    _must(bool(estimate.error[1] == np.inf), method, f"knows the undefined output: {estimate}")
    _must(not estimate.statuses()[1].resolved, method, f"calls it resolved: {estimate}")


def _only(estimate: Estimate, k: int) -> Estimate:
    return Estimate(estimate.value[k : k + 1], estimate.error[k : k + 1])


BOUNDS = [(-1e-3, 1.0), (0.0, 1.0), (-1.0, 0.0), (-1e-6, 2e-6), (-np.inf, 1e-9)]


def samples_stay_inside_bounds(method: Any) -> None:
    """Check that no place outside the line's interval is ever asked for, x0 on its end or not."""
    for lower, upper in BOUNDS:
        scale = min(1.0, (upper - lower) / 2)
        try:
            run = follow(method, np.exp, Line(scale, lower, upper))
        except ValueError:  # the user's own grid does not fit
            continue
        t = np.real(run.places)
        inside = bool((t >= lower).all() and (t <= upper).all())
        _must(inside, method, f"asked for {t.min()}..{t.max()} outside {lower}..{upper}")
        _must(_covered(run, 1.0), method, f"misses its error within {lower}..{upper}: {run.answer}")


def walls_are_met_with_an_honest_error(method: Any) -> None:
    """Check that beside a wall the answer holds or is said to be unknown."""
    for wall in (0.3, 1e-2, 1e-4):
        run = follow(method, _exp_up_to(wall))
        _must(_covered(run, 1.0), method, f"misses its error at a wall: {run.answer}")
        known = np.isfinite(run.answer.error)
        _must(bool(np.isfinite(run.answer.value[known]).all()), method, f"knows nan: {run.answer}")


def undefined_surroundings_are_unresolved(method: Any) -> None:
    """Check that nothing is claimed to be known of a model that is defined at x0 alone."""
    run = follow(method, lambda t: np.where(t == 0, 1.0 + 0.0 * t, np.nan))
    _must(bool((run.answer.error == np.inf).all()), method, f"knows {run.answer}")
    _must(not run.answer.statuses()[0].resolved, method, f"calls it resolved: {run.answer}")


def noise_is_in_the_error(method: Any) -> None:
    """Check that with noise of 1e-6 in f the error still holds."""
    for seed in range(5):
        run = follow(method, _noisy_exp(seed))
        _must(_covered(run, 1.0, LENIENCE), method, f"misses its error in noise: {run.answer}")


def _exp_up_to(wall: float) -> Function:
    return lambda t: np.where(np.real(t) < wall, np.exp(t), np.nan)


def _noisy_exp(seed: int) -> Function:
    return lambda t: np.exp(t) * (1.0 + 1e-6 * _noise(t, seed))


def _noise(t: NDArray[Any], seed: int) -> NDArray[np.float64]:
    """Return noise that depends on the place alone."""
    keys = np.ascontiguousarray(np.real(t), dtype=float).view(np.uint64)
    return np.array([np.random.default_rng([seed, int(k)]).standard_normal() for k in keys])


def lines_together_do_not_depend_on_arrival(method: Any) -> None:
    """Check that lines give the same bits in whatever order their values come.

    They may depend on which lines there are: one may show the others the noise of the model.
    """
    lines = [Line(scale=2.0**k) for k in range(4)]
    for noisy in (False, True):
        functions = [_noisy_exp(seed) if noisy else np.exp for seed in range(len(lines))]
        one, other = (
            _followed_together(method, functions, lines, 1, last=last) for last in (False, True)
        )
        same = all(
            np.array_equal(getattr(a, name), getattr(b, name))
            for a, b in zip(one, other, strict=True)
            for name in ("value", "error")
        )
        _must(same, method, "gave other bits where values came in another order")


def values_scale_with_the_function(method: Any) -> None:
    """Check that 2**10 times the function has 2**10 times the derivative and the error."""
    factor = 2.0**10
    one, other = follow(method, np.exp).answer, follow(method, lambda t: factor * np.exp(t)).answer
    same = np.allclose(other.value, factor * one.value, rtol=1e-12, atol=0)
    _must(same, method, f"gave {other.value}, not {factor} times {one.value}")
    same = np.allclose(other.error, factor * one.error, rtol=1e-6, atol=0)
    _must(same, method, f"gave the error {other.error}, not {factor} times {one.error}")


def spent_budget_is_accepted(method: Any) -> None:
    """Check that, refused at any time, it returns what it has or gives up, and does not insist."""
    for grants in range(len(follow(method, np.exp).requests)):
        run = follow(method, np.exp, grants=grants)
        honest = run.estimate is None or _covered(run, 1.0)
        _must(honest, method, f"misses its error with a small budget: {run.estimate}")


def second_derivatives_hold_or_are_refused(method: Any) -> None:
    """Check that a second derivative is right within its error, or refused by ValueError."""
    for name, function, exact in (
        ("exp", np.exp, 1.0),
        ("t**2 + t", SMOOTH["t**2 + t"][0], 2.0),
    ):
        try:
            run = follow(method, function, order=2)
        except ValueError:
            return
        _must(_covered(run, exact), method, f"misses its error for {name}'': {run.answer}")


METHOD_CHECKS: dict[str, Callable[[Any], None]] = {
    check.__name__: check
    for check in (
        value_is_immutable_and_survives_copying,
        requests_are_finite_vectors,
        same_values_give_same_requests,
        smooth_functions_come_out_right,
        error_is_not_zero_by_default,
        constant_has_derivative_zero,
        estimate_is_complete,
        outputs_do_not_disturb_each_other,
        undefined_output_is_alone,
        samples_stay_inside_bounds,
        walls_are_met_with_an_honest_error,
        undefined_surroundings_are_unresolved,
        noise_is_in_the_error,
        lines_together_do_not_depend_on_arrival,
        values_scale_with_the_function,
        spent_budget_is_accepted,
        second_derivatives_hold_or_are_refused,
    )
}
"""The checks by name; each takes a method value and raises AssertionError."""


def check_method(method: Any) -> None:
    """Run all checks on a method: a value, or a class that can be built without arguments.

    Parameters
    ----------
    method : method value or class

    Raises
    ------
    AssertionError
        Naming the first check that fails, and how.
    TypeError
        If it is no method that asks for samples.

    Examples
    --------
    >>> from derivkit.methods import Finite
    >>> check_method(Finite)
    """
    value = method() if isinstance(method, type) else method
    if not has(value, "solve"):
        raise TypeError(f"`method` must have a method solve(line, order), got {shown(method)}")
    for name, check in METHOD_CHECKS.items():
        try:
            check(value)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def _must(holds: bool, method: Any, otherwise: str) -> None:
    if not holds:
        raise AssertionError(f"{method!r} {otherwise}")
