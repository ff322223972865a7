"""The door: user input is checked here, once, and becomes frozen objects the rest can trust."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.coordinates import Coordinates
from derivkit.calculus.parameters import (
    check_side,
    check_start,
    checked_bounds,
    checked_scales,
    checked_wrt,
    checked_x0,
    guessed_scales,
    half_widths,
    must_be_inside,
    must_vary,
    put_inside,
)
from derivkit.calculus.user_function import called_on_arrays, checked_function, checked_model
from derivkit.engine.backends.choice import WHEREVER, Execution
from derivkit.engine.calling import Calling
from derivkit.engine.model import Model
from derivkit.engine.names import in_order, order_of
from derivkit.engine.trees import Branch, Leaf, Tree, flatten
from derivkit.results.labels import Labels
from derivkit.validation import has, real_numbers, shown

__all__ = [
    "CallKeywords",
    "ModelKeywords",
    "Problem",
    "ProblemKeywords",
    "check_problem",
    "checked_accuracy",
    "checked_period",
    "split_keywords",
]

AS_GIVEN = Coordinates((), {})


@dataclass(frozen=True, slots=True)
class Problem:
    """A model, the point, and what is known of its parameters; checked.

    Attributes
    ----------
    model : Model
    x0 : ndarray (p,)
        A read-only copy of the user's.
    names : tuple of p str
    lower, upper : ndarray (p,)
        Bounds; ±inf where open.
    scale : ndarray (p,)
        Length over which the model is expected to vary with each parameter.
    scale_given : ndarray (p,) of bool
        Where the user gave it.
    labels : Labels
        The structure of x0, in which results are returned.
    execution : Execution
        Where and how the model is called.
    period : ndarray or None
        After which outputs begin anew.
    shown : tuple of int or None
        The parameters that results hold, where these are not all.
    accuracy : ndarray or None
        To what part of themselves the outputs are right, as the user states.
    coordinates : Coordinates
        Where parameters are followed in another coordinate than the function takes.
    steps : tuple of p float or None
        Steps that a call gives for some parameters.
    begins : tuple of p float or None
        Half-widths of the samples that suited some parameters at a point nearby.
    """

    model: Model
    x0: NDArray[np.float64]
    names: tuple[str, ...]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    scale: NDArray[np.float64]
    scale_given: NDArray[np.bool_]
    labels: Labels
    execution: Execution = WHEREVER
    period: NDArray[np.float64] | Mapping[Any, Any] | None = None
    shown: tuple[int, ...] | None = None
    accuracy: NDArray[np.float64] | Mapping[Any, Any] | None = None
    coordinates: Coordinates = AS_GIVEN
    steps: tuple[float | None, ...] | None = None
    begins: tuple[float | None, ...] | None = None

    @property
    def given_names(self) -> tuple[str, ...]:
        """The parameters as the user calls them: "As", where the coordinate is "ln(As)"."""
        return self.coordinates.names or self.names

    @property
    def free(self) -> list[int]:
        """The parameters that are differentiated with respect to: asked for, and not fixed."""
        varies = self.lower < self.upper
        if self.shown is not None:
            return [i for i in self.shown if varies[i]]
        return list(range(self.p)) if varies.all() else np.flatnonzero(varies).tolist()

    def with_steps_of(self, method: Any) -> Problem:
        """Return the same problem with a method's own step of each parameter; None: not its own."""
        given = getattr(method, "stepsize", None)
        if not isinstance(given, tuple):
            return self
        named = dict(given) if isinstance(given[0], tuple) else given
        steps = in_order("stepsize", named, self.given_names, None)
        if len(steps) != self.p:
            raise ValueError(f"`stepsize` must be one, or {self.p}, or by name, got {len(steps)}")
        return replace(self, steps=tuple(steps))

    def all_must_vary(self, what: str) -> None:
        """Raise a ValueError unless derivatives with respect to all parameters are wanted."""
        if len(self.free) < self.p:
            raise ValueError(
                f"{what} needs every parameter: no `wrt`, and no bounds with lower == upper"
            )

    @property
    def p(self) -> int:
        """The number of parameters."""
        return self.x0.size

    def as_called(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return another function as a function of the flat array, called as the model's is."""
        own = self.model.function
        return replace(own, function=function) if isinstance(own, Calling) else function

    def one_sided(self, side: Any) -> Problem:
        """Return the same problem with no point below x0 (+1), or above it (−1)."""
        wanted = check_side(in_order("side", side, self.given_names, 0))
        if wanted.size not in {1, self.p}:
            raise ValueError(f"`side` must be one for all or {self.p}, got {shown(side)}")
        sides = np.zeros(self.p) + wanted
        lower = np.where(sides > 0, self.x0, self.lower)
        upper = np.where(sides < 0, self.x0, self.upper)
        shut = np.flatnonzero((lower == upper) & (self.lower < self.upper))
        if shut.size:
            raise ValueError(
                f"`side` must lead away from a bound, got {self.given_names[shut[0]]} on its "
                f"{'upper' if sides[shut[0]] > 0 else 'lower'} bound with "
                f"side={sides[shut[0]]:+.0f}"
            )
        return replace(self, lower=lower, upper=upper)

    def begun_at(self, start: Any) -> Problem:
        """Return the same problem, to be begun with the steps of a result at a point nearby."""
        names = check_start(start).names
        wanted = [self.names[i] for i in self.free]
        known = dict(zip(names, half_widths(start), strict=True))
        if known.keys().isdisjoint(wanted):
            raise ValueError(
                f"`start` must be a result for {', '.join(wanted)}, got one for {', '.join(names)}"
            )
        return replace(self, begins=tuple(map(known.get, self.names)))

    def moved_to(self, x0: Any, called: str = "x0") -> Problem:
        """Return the same problem at another point, which messages call so."""
        moved, names, tree = checked_x0(x0, None, called)
        if moved.size != self.p:
            raise ValueError(f"`{called}` must have {self.p} entries, got {moved.size}")
        labelled = isinstance(tree, Branch) or (tree is not None and tree.kind != "array")
        if labelled and names != self.given_names:
            order = order_of(names, self.given_names)
            if order is None:
                raise ValueError(
                    f"`{called}` must be labelled {', '.join(self.given_names)}, got "
                    f"{', '.join(names)}"
                )
            moved = moved[order]
        moved = put_inside(self.coordinates.point(moved), self.lower, self.upper)
        must_be_inside(moved, self.lower, self.upper, called)
        return replace(
            self,
            x0=moved,
            scale=np.where(self.scale_given, self.scale, self._guess(moved)),
        )

    def _guess(self, x0: NDArray[np.float64]) -> NDArray[np.float64]:
        guess = guessed_scales(x0, self.lower, self.upper)
        return self.coordinates.lengths(x0, guess, np.zeros(self.p, dtype=bool))

    def starts(self, points: Sequence[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return many points like x0, checked, and the scales there: (n, p) each."""
        tree = self.labels.parameters
        plain = tree is None or (isinstance(tree, Leaf) and tree.kind == "array")
        x0 = _as_table(points, self.p) if plain else None
        if x0 is None:
            named = enumerate(points)
            x0 = np.stack([self.moved_to(point, f"points[{i}]").x0 for i, point in named])
        else:
            x0 = self.coordinates.point(x0)
        good = np.isfinite(x0) & (x0 >= self.lower) & (x0 <= self.upper)
        for wrong in np.flatnonzero(~good.all(axis=1))[:1].tolist():
            self.moved_to(points[wrong], f"points[{wrong}]")  # raises
        return x0, np.where(self.scale_given, self.scale, self._guess(x0))


def _as_table(points: Sequence[Any], p: int) -> NDArray[np.float64] | None:
    """Return points as an array (n, p), where they are plain ones without labels."""
    if not all(isinstance(point, (list, tuple, np.ndarray, int, float)) for point in points):
        return None
    try:
        table = np.asarray(points)
    except ValueError:  # of different lengths
        return None
    table = table[:, None] if table.ndim == 1 and p == 1 else table
    plain = table.dtype.kind in "fiu" and table.shape == (len(points), p)
    return np.array(table, dtype=float) if plain else None


class CallKeywords(TypedDict, total=False):
    """Keywords of every face: how a model is called, and what its outputs mean."""

    vectorized: bool
    undefined: Any
    executor: Any
    timeout: float | None
    args: Sequence[Any]
    kwargs: Mapping[str, Any] | None
    errors: str
    period: Any


class ModelKeywords(CallKeywords, total=False):
    """Keywords of every face of several parameters."""

    bounds: Any
    scale: Any
    batch: int | None
    speculate: bool
    hedge: bool
    wrt: Any
    accuracy: Any
    transform: Any


class ProblemKeywords(ModelKeywords, total=False):
    """Keywords of `check_problem`."""

    names: Sequence[str] | None
    call: str
    has_aux: bool


def check_problem(
    function: Callable[..., Any],
    x0: Any,
    *,
    bounds: Any = None,
    scale: Any = None,
    vectorized: bool = False,
    batch: int | None = None,
    names: Sequence[str] | None = None,
    undefined: Sequence[type[BaseException]] = (),
    executor: Any = None,
    timeout: float | None = None,
    speculate: bool = False,
    hedge: bool = False,
    call: str = "same",
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    errors: str = "undefined",
    has_aux: bool = False,
    period: Any = None,
    wrt: Any = None,
    accuracy: Any = None,
    transform: Any = None,
) -> Problem:
    """Check what a user handed to a face.

    Raises
    ------
    TypeError
        If something is of the wrong kind.
    ValueError
        If something has the wrong shape or value.
    """
    function = checked_function(function)
    point, own_names, tree = checked_x0(x0, names)
    point, lower, upper = checked_bounds(bounds, point, own_names)
    coordinates = Coordinates.of(transform, own_names)
    chosen = None if wrt is None else checked_wrt(wrt, own_names, tree)
    must_vary(chosen, lower, upper, own_names)
    scales, given = checked_scales(scale, guessed_scales(point, lower, upper), own_names)
    moved = coordinates.inside(lower, upper)
    called = called_on_arrays(function, tree, own_names, call, args, kwargs, moved)
    followed = coordinates.point(point)
    followed.flags.writeable = False
    return Problem(
        checked_model(called, vectorized, batch, undefined, errors, has_aux=has_aux),
        followed,
        coordinates.shown(),
        coordinates.at(lower),
        coordinates.at(upper),
        coordinates.lengths(point, scales, given),
        given,
        _labels(tree, chosen, coordinates),
        Execution(executor, timeout, speculate, hedge),
        checked_period(period),
        chosen,
        checked_accuracy(accuracy),
        coordinates,
    )


def _labels(tree: Tree | None, chosen: tuple[int, ...] | None, coordinates: Coordinates) -> Labels:
    """Return the labels of results, which hold the chosen parameters only."""
    names = coordinates.shown()
    if chosen is not None:
        names = tuple(names[i] for i in chosen)
        tree = None if tree is None else tree.only(set(chosen))
    return Labels(names, tree, coordinates=coordinates.in_order(chosen))


def checked_period(period: Any) -> NDArray[np.float64] | Mapping[Any, Any] | None:
    """Return periods of outputs, also by their keys; inf for those that have none."""
    if period is None:
        return None
    if has(period, "to_dict", "index"):
        named = period.to_dict().items()  # a Series goes by its labels, and has nan for None
        period = {key: None if each != each else each for key, each in named}  # noqa: PLR0124
    try:
        period = _with_inf(period)
    except RecursionError:
        raise TypeError(f"`period` must be numbers, got {shown(period)}") from None
    periods, _ = flatten(period, "period", real_numbers)
    if not (periods > 0).all() or not periods.size:
        raise ValueError(f"`period` must be positive, inf where there is none, got {shown(period)}")
    return period if isinstance(period, Mapping) else real_numbers("period", period)


def _with_inf(period: Any) -> Any:
    """Return periods with inf for those that are None, as bounds have it."""
    if isinstance(period, Mapping):
        return {key: _with_inf(each) for key, each in period.items()}
    if isinstance(period, (list, tuple)):
        return [_with_inf(each) for each in period]
    return np.inf if period is None else period


def checked_accuracy(accuracy: Any) -> NDArray[np.float64] | Mapping[Any, Any] | None:
    """Return the accuracies of outputs, also by their names."""
    if accuracy is None:
        return None
    if has(accuracy, "to_dict", "index"):
        accuracy = accuracy.to_dict()
    stated, _ = flatten(accuracy, "accuracy", real_numbers)
    if not ((stated >= 0) & (stated < 1)).all():
        raise ValueError(
            f"`accuracy` must lie in [0, 1), a part of the output, got {shown(accuracy)}"
        )
    return accuracy if isinstance(accuracy, Mapping) else real_numbers("accuracy", accuracy)


def split_keywords(keywords: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return those keywords that `check_problem` takes, and the others."""
    of_problem = {
        key: value for key, value in keywords.items() if key in ProblemKeywords.__annotations__
    }
    return of_problem, {key: value for key, value in keywords.items() if key not in of_problem}
