"""The door: user input is checked here, once, and becomes frozen objects the rest can trust."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.choice import WHEREVER, Execution
from derivkit.engine.model import UNDEFINED_BY_DEFAULT, Model
from derivkit.labels import Labels, in_order, labels_of

__all__ = [
    "Problem",
    "check_count",
    "check_direction",
    "check_indices",
    "check_known",
    "check_numbers",
    "check_problem",
    "check_workers",
]


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
    labels : Labels or None
        What x0 was labelled with, and so the kind to return results in.
    execution : Execution
        Where and how the model is called.
    """

    model: Model
    x0: NDArray[np.float64]
    names: tuple[str, ...]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    scale: NDArray[np.float64]
    scale_given: NDArray[np.bool_]
    labels: Labels | None = None
    execution: Execution = WHEREVER

    @property
    def p(self) -> int:
        """The number of parameters."""
        return self.x0.size

    def moved_to(self, x0: Any) -> Problem:
        """Return the same problem at another point."""
        moved, names, labels = _checked_x0(x0, None)
        if moved.size != self.p:
            raise ValueError(f"`x0` must have {self.p} entries, got {moved.size}")
        if labels is not None and names != self.names:
            raise ValueError(
                f"`x0` must be labelled {', '.join(self.names)}, in this order, got "
                f"{', '.join(names)}"
            )
        _must_be_inside(moved, self.lower, self.upper)
        return replace(
            self,
            x0=moved,
            scale=np.where(self.scale_given, self.scale, _guess(moved, self.lower, self.upper)),
            labels=labels,
        )


def check_problem(
    function: Callable[..., Any],
    x0: Any,
    *,
    bounds: Any = None,
    scale: Any = None,
    vectorized: bool = False,
    names: Sequence[str] | None = None,
    undefined: Sequence[type[BaseException]] = (),
    executor: Any = None,
    timeout: float | None = None,
    speculate: bool = False,
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
    point, checked_names, labels = _checked_x0(x0, names)
    bounds = in_order("bounds", bounds, checked_names, (None, None))
    lower, upper = _checked_bounds(bounds, point)
    scales, given = _scales(scale, _guess(point, lower, upper), checked_names)
    model = Model(
        function, (*UNDEFINED_BY_DEFAULT, *_checked_undefined(undefined)), bool(vectorized)
    )
    execution = Execution(executor, timeout, speculate)
    return Problem(model, point, checked_names, lower, upper, scales, given, labels, execution)


def check_count(name: str, value: Any, *, least: int = 1) -> int:
    """Return a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"`{name}` must be a whole number of at least {least}, got {value!r}")
    return int(value)


def check_workers(n_workers: Any) -> int | None:
    """Return None, a positive number of workers, or -1 for as many as there are."""
    if n_workers is None:
        return None
    if isinstance(n_workers, bool) or not isinstance(n_workers, (int, np.integer)):
        raise TypeError(f"`n_workers` must be a whole number or None, got {n_workers!r}")
    if n_workers < 1 and n_workers != -1:
        raise ValueError(f"`n_workers` must be at least 1, or -1 for all cores, got {n_workers}")
    return int(n_workers)


def check_numbers(name: str, value: Any) -> NDArray[np.float64]:
    """Return one finite number, or an array of at least one."""
    numbers = _numbers(name, value)
    if numbers.size == 0:
        raise ValueError(f"`{name}` must be at least one number, got none")
    if not np.isfinite(numbers).all():
        raise ValueError(f"`{name}` must be finite, got {numbers}")
    return numbers


def check_direction(name: str, v: Any, p: int) -> NDArray[np.float64]:
    """Return a direction of p finite numbers that are not all 0."""
    if isinstance(v, Mapping):
        v = list(v.values())
    direction = _numbers(name, v)
    if direction.shape != (p,):
        raise ValueError(f"`{name}` must have shape ({p},), got {direction.shape}")
    if not (np.isfinite(direction).all() and direction.any()):
        raise ValueError(f"`{name}` must be finite and not all 0, got {v!r}")
    return direction


def check_indices(indices: Sequence[Any], names: Sequence[str]) -> tuple[int, ...]:
    """Return parameters, given by index or by name, as indices."""
    if not indices:
        raise ValueError("`indices` must be at least one parameter, got none")
    return tuple(_checked_index(i, names) for i in indices)


def _checked_index(i: Any, names: Sequence[str]) -> int:
    if isinstance(i, str):
        check_known("indices", i, names)
        return list(names).index(i)
    if isinstance(i, bool) or not isinstance(i, (int, np.integer)):
        raise TypeError(f"`indices` must be whole numbers or names, got {i!r}")
    if not -len(names) <= i < len(names):
        raise ValueError(f"`indices` must lie in 0..{len(names) - 1}, got {i}")
    return int(i) % len(names)


def check_known(name: str, value: Any, known: Sequence[str]) -> None:
    """Raise a ValueError that suggests the nearest name if ``value`` is not one of ``known``."""
    if value not in known:
        near = difflib.get_close_matches(str(value), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"`{name}` must be one of {', '.join(known)}, got {value!r}{hint}")


def _checked_x0(
    x0: Any, names: Sequence[str] | None
) -> tuple[NDArray[Any], tuple[str, ...], Labels | None]:
    """Return a read-only copy, the parameters' names, and the labels it came with."""
    labels = labels_of(x0)
    if labels is not None and names is None:
        names = tuple(map(str, labels.keys))
    if isinstance(x0, Mapping):
        x0 = list(x0.values())
    elif labels is not None:
        x0 = x0.to_numpy()
    point = _numbers("x0", x0)
    if point.ndim == 0:
        point = point[None]
    if point.ndim != 1 or point.size == 0:
        raise ValueError(
            f"`x0` must be one point of at least one parameter, got shape {point.shape}"
        )
    if not np.isfinite(point).all():
        raise ValueError(f"`x0` must be finite, got {point}")
    point.flags.writeable = False
    return point, _checked_names(names, point.size), labels


def _checked_names(names: Sequence[str] | None, p: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"x[{i}]" for i in range(p))
    if isinstance(names, str) or not all(isinstance(n, str) for n in names):
        raise TypeError(f"`names` must be a sequence of strings, got {names!r}")
    if len(names) != p or len(set(names)) != p:
        raise ValueError(f"`names` must be {p} different strings, got {list(names)}")
    return tuple(names)


def _numbers(name: str, value: Any) -> NDArray[np.float64]:
    """Return a fresh float array of real numbers, None and text refused."""
    try:
        array = np.array(value)
    except (ValueError, TypeError) as error:
        raise TypeError(f"`{name}` must be numbers, got {value!r}") from error
    if array.dtype.kind not in "fiu" and array.size:
        kind = type(value).__name__ if array.dtype.kind == "O" else array.dtype.name
        raise TypeError(f"`{name}` must be real numbers, got {value!r} ({kind})")
    return array.astype(float)


def _checked_bounds(bounds: Any, x0: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    p = x0.size
    if bounds is None:
        return np.full(p, -np.inf), np.full(p, np.inf)
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        lower, upper = (
            np.array(np.broadcast_to(b, p), dtype=float) for b in (bounds.lb, bounds.ub)
        )
    else:
        lower, upper = _bounds_from_pairs(bounds, p)
    if np.isnan(lower).any() or np.isnan(upper).any() or (lower >= upper).any():
        raise ValueError(f"`bounds` must be pairs with lower < upper, got {bounds!r}")
    _must_be_inside(x0, lower, upper)
    return lower, upper


def _must_be_inside(x0: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any]) -> None:
    outside = np.flatnonzero((x0 < lower) | (x0 > upper))
    if outside.size:
        i = int(outside[0])
        raise ValueError(
            f"`x0` must lie inside `bounds`, got x0[{i}] = {x0[i]} outside ({lower[i]}, {upper[i]})"
        )


def _bounds_from_pairs(bounds: Any, p: int) -> tuple[NDArray[Any], NDArray[Any]]:
    wanted = f"`bounds` must be {p} (lower, upper) pairs or a scipy.optimize.Bounds, got {bounds!r}"
    try:
        pairs = [tuple(pair) for pair in bounds]
    except TypeError as error:
        raise TypeError(wanted) from error
    if len(pairs) != p or any(len(pair) != 2 for pair in pairs):
        raise ValueError(wanted)
    lows = [-np.inf if low is None else low for low, _ in pairs]
    highs = [np.inf if high is None else high for _, high in pairs]
    return _numbers("bounds", lows), _numbers("bounds", highs)


def _scales(
    scale: Any, guess: NDArray[Any], names: Sequence[str]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the scale of every parameter, and whether the user gave it."""
    if scale is None:
        return guess, np.zeros(guess.size, dtype=bool)
    if isinstance(scale, Mapping):
        wanted = in_order("scale", scale, names, None)
        given = np.array([each is not None for each in wanted])
        scale = [g if s is None else s for s, g in zip(wanted, guess.tolist(), strict=True)]
    else:
        given = np.ones(guess.size, dtype=bool)
    return _checked_scale(scale, guess.size), given


def _checked_scale(scale: Any, p: int) -> NDArray[Any]:
    scales = _numbers("scale", scale)
    if scales.shape not in {(), (p,)}:
        raise ValueError(f"`scale` must be one number or {p}, got shape {scales.shape}")
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise ValueError(f"`scale` must be positive and finite, got {scale!r}")
    return np.array(np.broadcast_to(scales, p))


def _guess(x0: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any]) -> NDArray[Any]:
    """Return abs(x0), or 1 at 0; never more than half the width of the bounds."""
    size = np.abs(x0)
    return np.asarray(np.minimum(np.where(size > NO_SIZE, size, 1.0), 0.5 * (upper - lower)))


def _checked_undefined(undefined: Any) -> tuple[type[BaseException], ...]:
    types = (undefined,) if isinstance(undefined, type) else tuple(undefined)
    for each in types:
        if not (isinstance(each, type) and issubclass(each, Exception)):
            raise TypeError(f"`undefined` must be exception types, got {each!r}")
    return types
