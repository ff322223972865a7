"""The parameters: x0, names, bounds, scales, sides and starts, checked as the user gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.names import in_order, meant_by, within
from derivkit.engine.trees import Branch, Leaf, Tree, flatten
from derivkit.results.result import DerivativeResult
from derivkit.status import Status
from derivkit.validation import (
    check_index,
    check_printable,
    check_sequence,
    has,
    real_numbers,
    shown,
)

__all__ = [
    "check_bounds",
    "check_side",
    "check_start",
    "checked_bounds",
    "checked_names",
    "checked_scales",
    "checked_wrt",
    "checked_x0",
    "guessed_scales",
    "half_widths",
    "must_be_inside",
    "must_vary",
    "put_inside",
]

A_FEW_ULP = 4.0
"""How far outside a bound a point may lie by rounding and still count as on it."""

GRAIN = 2.0**-10
"""Steps taken from another result are widened by this fraction: they were rounded to what x0 + t
could hold, and a step just below one of a method's own steps would be rounded down to the next."""

NO_SIZE = 1e-150
"""A coordinate below this says nothing about a scale: squares of steps beside it underflow."""


def checked_x0(
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
        return point, checked_names(names, point.size), tree
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
    return checked_names(names, p)


def _branches(tree: Tree, root: str, start: int) -> Iterator[tuple[str, range]]:
    """Yield the names of branches and arrays, and which parameters are theirs."""
    if root and (isinstance(tree, Branch) or tree.shape):
        yield root, range(start, start + tree.count)
    if not isinstance(tree, Branch):
        return
    for key, child in zip(tree.keys, tree.children, strict=True):
        yield from _branches(child, tree.name_of(key, root), start)
        start += child.count


def checked_names(names: Sequence[str], p: int) -> tuple[str, ...]:
    """Return p different names."""
    names = check_printable("names", names)
    if len(names) != p or len(set(names)) != p:
        raise ValueError(f"`names` must be {p} different strings, got {shown(list(names))}")
    return names


def checked_wrt(wrt: Any, names: Sequence[str], tree: Tree | None) -> tuple[int, ...]:
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


def must_vary(
    chosen: Sequence[int] | None, lower: NDArray[Any], upper: NDArray[Any], names: Sequence[str]
) -> None:
    """Raise a ValueError where all parameters that are asked for are held fixed."""
    if not (lower < upper)[slice(None) if chosen is None else list(chosen)].any():
        which = names if chosen is None else [names[i] for i in chosen]
        raise ValueError(
            "`bounds` must leave a parameter that varies, got lower == upper for "
            + shown(", ".join(which))
        )


def checked_bounds(
    bounds: Any, x0: NDArray[Any], names: tuple[str, ...]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return x0, on a bound that rounding put it beyond, and the lower and the upper bounds."""
    p = x0.size
    if bounds is None:
        return x0, np.full(p, -np.inf), np.full(p, np.inf)
    bounds = in_order("bounds", bounds, names, (None, None))
    lower, upper = check_bounds(bounds, p)
    if np.isnan(lower).any() or np.isnan(upper).any() or (lower > upper).any():
        raise ValueError(f"`bounds` must be pairs with lower <= upper, got {shown(bounds)}")
    x0 = put_inside(x0, lower, upper)
    must_be_inside(x0, lower, upper)
    return x0, lower, upper


def check_bounds(bounds: Any, p: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the lower and the upper ones of p pairs, or of a scipy.optimize.Bounds."""
    if has(bounds, "lb", "ub"):
        each = (np.broadcast_to(np.ravel(b), p) for b in (bounds.lb, bounds.ub))
        bounds = list(zip(*(b.tolist() for b in each), strict=True))
    wanted = (
        f"`bounds` must be {p} (lower, upper) pairs or a scipy.optimize.Bounds, got {shown(bounds)}"
        "; a value twice, (0.7, 0.7), holds a parameter fixed"
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


def put_inside(x0: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any]) -> NDArray[Any]:
    """Return a point with coordinates that rounding put outside a bound back on the bound."""
    on = np.clip(x0, lower, upper)
    near = np.abs(on - x0) <= A_FEW_ULP * np.spacing(np.abs(on))
    point = np.where(near, on, x0)
    point.flags.writeable = False
    return point


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


def check_side(side: Any) -> NDArray[np.float64]:
    """Return the sides of some parameters, flat."""
    given = list(side.values()) if isinstance(side, Mapping) else side
    sides = real_numbers("side", given).ravel()
    if not np.isin(sides, (-1.0, 0.0, 1.0)).all():
        raise ValueError(f"`side` must be +1 or -1, 0 for both sides, got {shown(side)}")
    return sides


def check_start(start: Any) -> DerivativeResult:
    """Return a result whose steps others may begin with."""
    if not isinstance(start, DerivativeResult) or not start.parameter_axes:
        raise TypeError(
            f"`start` must be the result of a gradient, a Jacobian or a Hessian, got {shown(start)}"
        )
    return start


def half_widths(start: DerivativeResult) -> list[float | None]:
    """Return for each parameter the middle half-width behind its outputs; None if none is known."""
    p, axes = len(start.names), start.parameter_axes
    own = np.arange(p) * sum(p**k for k in range(axes))  # of a matrix, its diagonal
    steps, errors, statuses = (
        np.reshape(each, (-1, p**axes))[:, own] for each in (start.step, start.error, start.status)
    )
    good = np.isfinite(errors) & (steps > 0) & (statuses != Status.CONSTANT)
    columns = [h[told] for h, told in zip(steps.T, good.T, strict=True)]
    return [float(np.median(told)) * (1 + GRAIN) if told.size else None for told in columns]


def checked_scales(
    scale: Any, guess: NDArray[Any], names: Sequence[str]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the scale of every parameter, and whether the user gave it."""
    if scale is None:
        return guess, np.zeros(guess.size, dtype=bool)
    wanted = in_order("scale", scale, names, None)
    if wanted is scale:
        given = np.ones(guess.size, dtype=bool)
    else:
        given = np.array([each is not None for each in wanted])
        scale = [g if s is None else s for s, g in zip(wanted, guess.tolist(), strict=True)]
    return _checked_scale(scale, guess.size), given


def _checked_scale(scale: Any, p: int) -> NDArray[Any]:
    scales, tree = flatten(scale, "scale", real_numbers)
    if scales.size != p and not (isinstance(tree, Leaf) and tree.shape == ()):
        raise ValueError(f"`scale` must be one number or {p}, got {scales.size}")
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise ValueError(f"`scale` must be positive and finite, got {shown(scale)}")
    return np.array(np.broadcast_to(scales, p))


def guessed_scales(x0: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any]) -> NDArray[Any]:
    """Return abs(x0), or 1 at 0; never more than half the width of the bounds."""
    size = np.abs(x0)
    width = np.where(lower < upper, upper - lower, np.inf)
    return np.asarray(np.minimum(np.where(size > NO_SIZE, size, 1.0), 0.5 * width))
