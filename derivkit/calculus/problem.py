"""The door: user input is checked here, once, and becomes frozen objects the rest can trust."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.coordinates import Coordinates
from derivkit.engine.backends.choice import WHEREVER, Execution
from derivkit.engine.calling import CALLS, Calling
from derivkit.engine.model import UNDEFINED_BY_DEFAULT, Model
from derivkit.engine.names import in_order, meant_by, within
from derivkit.engine.trees import Branch, Leaf, Tree, flatten
from derivkit.results.labels import Labels
from derivkit.results.result import DerivativeResult
from derivkit.status import Status
from derivkit.validation import (
    check_count,
    check_flag,
    check_index,
    check_known,
    check_printable,
    check_sequence,
    has,
    real_numbers,
    shown,
)

__all__ = [
    "ModelKeywords",
    "Problem",
    "ProblemKeywords",
    "check_bounds",
    "check_problem",
    "must_be_inside",
    "put_inside",
    "split_keywords",
]


A_FEW_ULP = 4.0
"""How far outside a bound rounding may have put a point that lies on it."""

GRAIN = 2.0**-10
"""Steps that are taken over are widened by this part: they were rounded to what x0 + t could hold,
and a step just below one that a method knows would be taken for the next below."""

NO_SIZE = 1e-150
"""A coordinate below this says nothing about a scale: squares of steps beside it underflow."""


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
    coordinates : Coordinates or None
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
    coordinates: Coordinates | None = None
    steps: tuple[float | None, ...] | None = None
    begins: tuple[float | None, ...] | None = None

    @property
    def given_names(self) -> tuple[str, ...]:
        """The parameters as the user calls them: "As", where the coordinate is "ln(As)"."""
        return self.names if self.coordinates is None else self.coordinates.names

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
        """Return another function as one of the flat array, called as the model's is."""
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
        known = dict(zip(names, _half_widths(start), strict=True))
        if known.keys().isdisjoint(wanted):
            raise ValueError(
                f"`start` must be a result for {', '.join(wanted)}, got one for {', '.join(names)}"
            )
        return replace(self, begins=tuple(map(known.get, self.names)))

    def moved_to(self, x0: Any, called: str = "x0") -> Problem:
        """Return the same problem at another point, which messages call so."""
        moved, names, tree = _checked_x0(x0, None, called)
        if moved.size != self.p:
            raise ValueError(f"`{called}` must have {self.p} entries, got {moved.size}")
        labelled = isinstance(tree, Branch) or (tree is not None and tree.kind != "array")
        if labelled and names != self.given_names:
            raise ValueError(
                f"`{called}` must be labelled {', '.join(self.given_names)}, in this order, got "
                f"{', '.join(names)}"
            )
        given = moved if self.coordinates is None else self.coordinates.point(moved)
        moved = put_inside(given, self.lower, self.upper)
        must_be_inside(moved, self.lower, self.upper, called)
        return replace(
            self,
            x0=moved,
            scale=np.where(self.scale_given, self.scale, self._guess(moved)),
        )

    def _guess(self, x0: NDArray[np.float64]) -> NDArray[np.float64]:
        guess = _guess(x0, self.lower, self.upper)
        if self.coordinates is None:
            return guess
        return self.coordinates.lengths(x0, guess, np.zeros(self.p, dtype=bool))

    def starts(self, points: Sequence[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return many points like x0, checked, and the scales there: (n, p) each."""
        tree = self.labels.parameters
        plain = tree is None or (isinstance(tree, Leaf) and tree.kind == "array")
        x0 = _as_table(points, self.p) if plain else None
        if x0 is None:
            named = enumerate(points)
            x0 = np.stack([self.moved_to(point, f"points[{i}]").x0 for i, point in named])
        elif self.coordinates is not None:
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


class ModelKeywords(TypedDict, total=False):
    """Keywords of every face: what is known of a model, and where it is called."""

    bounds: Any
    scale: Any
    vectorized: bool
    batch: int | None
    undefined: Any
    executor: Any
    timeout: float | None
    speculate: bool
    hedge: bool
    args: Sequence[Any]
    kwargs: Mapping[str, Any] | None
    errors: str
    period: Any
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
    if not callable(function):
        raise TypeError(
            f"`function` must be callable, got {type(function).__name__}; "
            "the order of arguments is (function, x0)"
        )
    for name, flag in {"speculate": speculate, "hedge": hedge}.items():
        check_flag(name, flag)
    vectorized = check_flag("vectorized", vectorized)
    has_aux = check_flag("has_aux", has_aux)
    point, checked_names, tree = _checked_x0(x0, names)
    bounds = None if bounds is None else in_order("bounds", bounds, checked_names, (None, None))
    lower, upper = _checked_bounds(bounds, point)
    point = point if bounds is None else put_inside(point, lower, upper)
    coordinates = Coordinates.of(transform, checked_names)
    chosen = None if wrt is None else _shown(wrt, checked_names, tree)
    names_shown, moved = checked_names, {}
    scales, given = _scales(scale, _guess(point, lower, upper), checked_names)
    if coordinates is not None:
        scales, moved = coordinates.lengths(point, scales, given), coordinates.inside(lower, upper)
        point, lower, upper = coordinates.point(point), coordinates.at(lower), coordinates.at(upper)
        point.flags.writeable = False
        names_shown = coordinates.shown()
    shown_names, shown_tree = names_shown, tree
    kinds = () if coordinates is None else coordinates.in_order(chosen)
    if chosen is not None:
        shown_names = tuple(names_shown[i] for i in chosen)
        shown_tree = None if tree is None else tree.only(set(chosen))
    errors = check_known("errors", errors, ("undefined", "raise"))
    if has_aux and vectorized:
        raise ValueError("`has_aux` must be False with a vectorized `function`, got True")
    if batch is not None and not vectorized:
        raise TypeError(
            f"`batch` must be None unless vectorized=True, got {shown(batch)}: it is how many "
            "points a vectorized function gets in each call"
        )
    model = Model(
        _called(function, tree, checked_names, call, args, kwargs, moved),
        (*UNDEFINED_BY_DEFAULT, *_checked_undefined(undefined)),
        vectorized,
        None if batch is None else check_count("batch", batch),
        errors == "raise",
        has_aux,
    )
    return Problem(
        model,
        point,
        names_shown,
        lower,
        upper,
        scales,
        given,
        Labels(shown_names, shown_tree, coordinates=kinds),
        Execution(executor, timeout, speculate, hedge),
        _checked_period(period),
        chosen,
        _checked_accuracy(accuracy),
        coordinates,
    )


def _called(
    function: Callable[..., Any],
    tree: Tree | None,
    names: tuple[str, ...],
    call: str,
    args: Any,
    kwargs: Any,
    moved: Mapping[int, Any],
) -> Callable[..., Any]:
    """Return the function as one of a flat array; itself where it takes one anyway."""
    call = check_known("call", call, CALLS)
    check_arguments(args, kwargs)
    if call == "keywords":
        _must_be_keywords(tree, names, kwargs or {})
    kept = None if call == "array" else tree
    if kept is None and call in {"same", "array"} and not (args or kwargs or moved):
        return function
    return Calling(function, kept, call, names, tuple(args), dict(kwargs or {}), moved)


def check_arguments(args: Any, kwargs: Any) -> None:
    """Raise a TypeError if these are not what can be handed on to a function."""
    if isinstance(args, (str, bytes)) or not isinstance(args, Sequence):
        raise TypeError(f"`args` must be a tuple of arguments, got {shown(args)}")
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise TypeError(f"`kwargs` must be a dict of arguments by name, got {shown(kwargs)}")
    if any(not isinstance(key, str) for key in kwargs or ()):
        raise TypeError(f"`kwargs` must be a dict of arguments by name, got {shown(kwargs)}")


def _must_be_keywords(tree: Tree | None, names: tuple[str, ...], others: Mapping[str, Any]) -> None:
    keys: tuple[Any, ...] = names if tree is None else ()
    if isinstance(tree, Branch):
        keys = tree.keys
    elif isinstance(tree, Leaf) and tree.kind == "series":
        keys = tuple(tree.labels[0])
    bad = [key for key in keys if not (isinstance(key, str) and key.isidentifier())]
    if bad or not keys:
        got = f"the name {bad[0]!r}" if bad else "numbers without names"
        raise ValueError(
            f"`x0` must be a dict of names for call='keywords', or `names` be given, got {got}"
        )
    twice = [key for key in keys if key in others]
    if twice:
        raise ValueError(f"`kwargs` must not name parameters of x0, got {', '.join(twice)}")


def _checked_period(period: Any) -> NDArray[np.float64] | Mapping[Any, Any] | None:
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


def _checked_accuracy(accuracy: Any) -> NDArray[np.float64] | Mapping[Any, Any] | None:
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


def check_start(start: Any) -> DerivativeResult:
    """Return a result whose steps others may begin with."""
    if not isinstance(start, DerivativeResult) or not start.parameter_axes:
        raise TypeError(
            f"`start` must be the result of a gradient, a Jacobian or a Hessian, got {shown(start)}"
        )
    return start


def _half_widths(start: DerivativeResult) -> list[float | None]:
    """Return for each parameter the middle half-width behind its outputs; None if none is known."""
    p, axes = len(start.names), start.parameter_axes
    own = np.arange(p) * sum(p**k for k in range(axes))  # of a matrix, its diagonal
    steps, errors, statuses = (
        np.reshape(each, (-1, p**axes))[:, own] for each in (start.step, start.error, start.status)
    )
    good = np.isfinite(errors) & (steps > 0) & (statuses != Status.CONSTANT)
    columns = [h[told] for h, told in zip(steps.T, good.T, strict=True)]
    return [float(np.median(told)) * (1 + GRAIN) if told.size else None for told in columns]


def check_side(side: Any) -> NDArray[np.float64]:
    """Return the sides of some parameters, flat."""
    given = list(side.values()) if isinstance(side, Mapping) else side
    sides = real_numbers("side", given).ravel()
    if not np.isin(sides, (-1.0, 0.0, 1.0)).all():
        raise ValueError(f"`side` must be +1 or -1, 0 for both sides, got {shown(side)}")
    return sides


def split_keywords(keywords: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return those keywords that `check_problem` takes, and the others."""
    of_problem = {
        key: value for key, value in keywords.items() if key in ProblemKeywords.__annotations__
    }
    return of_problem, {key: value for key, value in keywords.items() if key not in of_problem}


def _checked_x0(
    x0: Any, names: Sequence[str] | None, called: str = "x0"
) -> tuple[NDArray[Any], tuple[str, ...], Tree | None]:
    """Return a read-only copy, flat, the parameters' names, and the structure of x0.

    The structure of an array of one axis is None.
    """
    tree: Tree | None = None
    if type(x0) is np.ndarray and x0.ndim == 1 and x0.dtype.kind in "fiu":
        point = x0.astype(float)  # the usual case costs nothing for trees
    else:
        point, tree = flatten(x0, called, real_numbers)
    if point.size == 0:
        raise ValueError(f"`{called}` must be one point of at least one parameter, got none")
    if not np.isfinite(point).all():
        raise ValueError(f"`{called}` must be finite, got {point}")
    point.flags.writeable = False
    if isinstance(tree, Leaf) and tree.kind == "array" and len(tree.shape) == 1:
        tree = None
    if names is not None:
        return point, _checked_names(names, point.size), tree
    if tree is None:
        return point, tuple([f"x[{i}]" for i in range(point.size)]), None
    return point, _own_names(tree, point.size), tree


def _own_names(tree: Tree, p: int) -> tuple[str, ...]:
    """Return the names that x0 itself gives, each of one parameter alone.

    With the keys "a.b" and "a" beside each other, of which that is a dict, "a" would name both.
    """
    names = tree.names()
    places: dict[str, set[int]] = {}
    for branch, inside in _branches(tree, "", 0):
        places.setdefault(branch, set()).update(inside)
    doubtful = [name for name in names if names.count(name) > 1] or [
        name
        for branch, inside in places.items()
        for i, name in enumerate(names)
        if i not in inside and within(name, branch)
    ]
    if doubtful:
        raise ValueError(
            f"`x0` must name each parameter differently, got {doubtful[0]!r} by two ways; rename "
            "a key, or give `names`"
        )
    return _checked_names(names, p)


def _branches(tree: Tree, root: str, start: int) -> Iterator[tuple[str, range]]:
    """Yield the names of branches and arrays, and which parameters are theirs."""
    if root and (isinstance(tree, Branch) or tree.shape):
        yield root, range(start, start + tree.count)
    if not isinstance(tree, Branch):
        return
    for key, child in zip(tree.keys, tree.children, strict=True):
        yield from _branches(child, tree.name_of(key, root), start)
        start += child.count


def _checked_names(names: Sequence[str], p: int) -> tuple[str, ...]:
    names = check_printable("names", names)
    if len(names) != p or len(set(names)) != p:
        raise ValueError(f"`names` must be {p} different strings, got {shown(list(names))}")
    return names


def _checked_bounds(bounds: Any, x0: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    p = x0.size
    if bounds is None:
        return np.full(p, -np.inf), np.full(p, np.inf)
    lower, upper = check_bounds(bounds, p)
    if np.isnan(lower).any() or np.isnan(upper).any() or (lower > upper).any():
        raise ValueError(f"`bounds` must be pairs with lower <= upper, got {shown(bounds)}")
    if (lower == upper).all():
        raise ValueError("`bounds` must leave a parameter that varies, got lower == upper for all")
    must_be_inside(put_inside(x0, lower, upper), lower, upper)
    return lower, upper


def put_inside(x0: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any]) -> NDArray[Any]:
    """Return a point that rounding put a few last digits outside its bounds as one on them."""
    on = np.clip(x0, lower, upper)
    near = np.abs(on - x0) <= A_FEW_ULP * np.spacing(np.abs(on))
    point = np.where(near, on, x0)
    point.flags.writeable = False
    return point


def _shown(wrt: Any, names: Sequence[str], tree: Tree | None) -> tuple[int, ...]:
    """Return the parameters that are asked for, by name, branch or index; in the order of x0.

    Of a bare array they keep the order in which they were asked for.
    """
    found: list[int] = []
    for each in [wrt] if isinstance(wrt, (str, int)) else check_sequence("wrt", wrt, "parameters"):
        word = str.__str__(each) if isinstance(each, str) else None
        whole = [] if word is None else meant_by(word, names)
        found += whole or [check_index("wrt", each, names)]
    if not found:
        raise ValueError("`wrt` must name at least one parameter, got none")
    if len(set(found)) < len(found):
        raise ValueError(f"`wrt` must be different parameters, got {shown(wrt)}")
    return tuple(found if tree is None else sorted(found))


def must_be_inside(
    x0: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any], called: str = "x0"
) -> None:
    """Raise a ValueError for a point outside its bounds."""
    outside = np.flatnonzero((x0 < lower) | (x0 > upper))
    if outside.size:
        i = int(outside[0])
        raise ValueError(
            f"`{called}` must lie inside `bounds`, got x0[{i}] = {x0[i]} outside "
            f"({lower[i]}, {upper[i]})"
        )


def check_bounds(bounds: Any, p: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the lower and the upper ones of p pairs, or of a scipy.optimize.Bounds."""
    if has(bounds, "lb", "ub"):
        each = (np.broadcast_to(np.ravel(b), p) for b in (bounds.lb, bounds.ub))
        bounds = list(zip(*(b.tolist() for b in each), strict=True))
    wanted = (
        f"`bounds` must be {p} (lower, upper) pairs or a scipy.optimize.Bounds, got {shown(bounds)}"
    )
    try:
        pairs = [tuple(check_sequence("bounds", pair)) for pair in check_sequence("bounds", bounds)]
    except TypeError as error:
        raise TypeError(wanted) from error
    if len(pairs) != p or any(len(pair) != 2 for pair in pairs):
        raise ValueError(wanted)
    lows = [-np.inf if low is None else low for low, _ in pairs]
    highs = [np.inf if high is None else high for _, high in pairs]
    lower, upper = real_numbers("bounds", lows), real_numbers("bounds", highs)
    if {lower.shape, upper.shape} != {(p,)}:
        raise ValueError(wanted)
    return lower, upper


def _scales(
    scale: Any, guess: NDArray[Any], names: Sequence[str]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the scale of every parameter, and whether the user gave it."""
    if scale is None:
        return guess, np.zeros(guess.size, dtype=bool)
    if isinstance(scale, Mapping) or has(scale, "to_dict", "index"):
        wanted = in_order("scale", scale, names, None)
        given = np.array([each is not None for each in wanted])
        scale = [g if s is None else s for s, g in zip(wanted, guess.tolist(), strict=True)]
    else:
        given = np.ones(guess.size, dtype=bool)
    return _checked_scale(scale, guess.size), given


def _checked_scale(scale: Any, p: int) -> NDArray[Any]:
    scales, tree = flatten(scale, "scale", real_numbers)
    if scales.size != p and not (isinstance(tree, Leaf) and tree.shape == ()):
        raise ValueError(f"`scale` must be one number or {p}, got {scales.size}")
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise ValueError(f"`scale` must be positive and finite, got {shown(scale)}")
    return np.array(np.broadcast_to(scales, p))


def _guess(x0: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any]) -> NDArray[Any]:
    """Return abs(x0), or 1 at 0; never more than half the width of the bounds."""
    size = np.abs(x0)
    width = np.where(lower < upper, upper - lower, np.inf)
    return np.asarray(np.minimum(np.where(size > NO_SIZE, size, 1.0), 0.5 * width))


def _checked_undefined(undefined: Any) -> tuple[type[BaseException], ...]:
    single = isinstance(undefined, type)
    types = (undefined,) if single else tuple(check_sequence("undefined", undefined, "types"))
    for each in types:
        if not (isinstance(each, type) and issubclass(each, Exception)):
            raise TypeError(f"`undefined` must be exception types, got {shown(each)}")
    return types
