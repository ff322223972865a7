"""The door of a forecast: what the user hands over is checked here, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.parameters import checked_names
from derivkit.engine.names import in_order
from derivkit.engine.plain_numbers import output_numbers
from derivkit.engine.progress import check_progress
from derivkit.methods.registry import resolve
from derivkit.validation import (
    check_count,
    check_known,
    check_sequence,
    check_workers,
    has,
    is_positive,
    real_numbers,
    shown,
)

__all__ = [
    "Model",
    "OneByOne",
    "Point",
    "check_calls",
    "check_keywords",
    "check_names",
    "check_points",
    "check_sigmas",
    "check_two",
    "check_vector",
    "chosen_method",
    "known_name",
    "must_be_functions",
]

Array = NDArray[np.float64]

RUN = ("n_workers", "max_evaluations", "max_seconds", "progress")
"""Keywords of a run; all others are options of the method."""


@dataclass(frozen=True, eq=False)
class Point:
    """A fiducial point: names and values, and the kind of thing the user's functions are given.

    Attributes
    ----------
    names : tuple of p str
    values : ndarray (p,)
    like : object
        What the user gave: a dict, a Series, or a sequence.
    """

    names: tuple[str, ...]
    values: Array
    like: Any

    @classmethod
    def of(cls, theta0: Any, names: Sequence[str] | None = None) -> Point:
        """Check what was given for theta0."""
        values, keys = theta0, None
        if isinstance(theta0, Mapping):
            keys, values = list(theta0), list(theta0.values())
            nested = [key for key, value in theta0.items() if np.ndim(value) or has(value, "keys")]
            if nested:
                raise TypeError(
                    f"`theta0` must be one number a parameter, got {shown(theta0[nested[0]])} for "
                    f"{nested[0]!r}; give its numbers names of their own"
                )
        elif has(theta0, "index", "to_numpy"):
            keys, values = list(theta0.index), theta0.to_numpy()
        if names is None and keys is not None:
            names = tuple(map(str, keys))
        array = check_vector("theta0", values)
        if names is None:
            names = [f"p{i}" for i in range(array.size)]
        return cls(checked_names(names, array.size), array, theta0)

    def as_dict(self) -> dict[str, float]:
        """Return the values by name."""
        return dict(zip(self.names, self.values.tolist(), strict=True))

    def given(self, values: Array) -> Any:
        """Return values as the user's functions expect them."""
        if isinstance(self.like, Mapping):
            numbers = values.tolist() if isinstance(values, np.ndarray) else list(values)
            return dict(zip(self.like, numbers, strict=True))
        if hasattr(self.like, "index") and hasattr(self.like, "to_numpy"):
            return type(self.like)(values, index=self.like.index)
        return values

    @property
    def _keys(self) -> Iterable[Any]:
        """The keys of the parameters in theta0, as the user gave it."""
        if isinstance(self.like, Mapping):
            return self.like
        return self.like.index if has(self.like, "index", "to_numpy") else self.names

    def moved(self, name: str, theta: Any) -> Point:
        """Return another point of the same parameters, given as theta0 was, or as a sequence."""
        if isinstance(theta, Mapping) or (has(theta, "to_dict") and has(self.like, "to_dict")):
            given = theta if isinstance(theta, Mapping) else theta.to_dict()
            values = {str(key): value for key, value in given.items()}
            keys = [str(key) for key in self._keys]
            for key in values:
                known_name(f"parameter of {name}", key, keys)
            if len(values) < len(keys):
                gone = ", ".join(key for key in keys if key not in values)
                raise ValueError(f"`{name}` must have all parameters, got none for {gone}")
            theta = [values[key] for key in keys]
        return replace(self, values=check_vector(name, theta, len(self.names)))

    def index(self, name: str, what: str = "parameter") -> int:
        """Return the place of a parameter; raise a TypeError with the nearest name if unknown."""
        return self.names.index(known_name(what, name, self.names))


@dataclass(frozen=True, eq=False)
class Model:
    """The user's model as the derivative kit needs it: an array in, one row of real numbers out.

    Outputs of any shape are flattened in C order; of complex ones the real parts come first, then
    the imaginary ones. Automatic differentiation may follow it, and the complex step where outputs
    are real, unless it is ``numeric``.
    """

    function: Callable[..., Any]
    point: Point
    vectorized: bool = False
    numeric: bool = False
    kinds: set[str] = field(default_factory=set)  # "complex" or "real", once an output was

    def __call__(self, theta: Array, *args: Any, **keywords: Any) -> Array:
        """Return the outputs (m,), or (n, m) of a vectorised model."""
        followed = not isinstance(theta, np.ndarray) or np.iscomplexobj(theta)
        if followed and self.numeric:
            raise TypeError(
                "a covariance of theta is differentiated numerically: use method='auto'"
            )
        given = theta if self.vectorized else self.point.given(theta)
        returned = self.function(given, *args, **keywords)
        if not isinstance(theta, np.ndarray):
            return self._traced(returned, len(theta))
        out = output_numbers("function", returned)
        rows = out.reshape(len(theta), -1) if self.vectorized else out.reshape(-1)
        if followed:
            if "complex" in self.kinds:
                raise TypeError(
                    "`function` must return real numbers for the complex step, got complex data; "
                    "use method='auto'"
                )
            return rows
        self.kinds.add("complex" if np.iscomplexobj(rows) else "real")
        if np.iscomplexobj(rows):
            rows = np.concatenate([rows.real, rows.imag], axis=-1)
        return rows

    def _traced(self, out: Any, n: int) -> Any:
        """Return what automatic differentiation follows, flat; lists are joined there."""
        if not hasattr(out, "reshape"):
            return out
        parts = [out.real, out.imag] if "complex" in self.kinds else [out]
        shape = (n, -1) if self.vectorized else (-1,)
        flat = [part.reshape(shape) for part in parts]
        return flat if len(flat) > 1 else flat[0]


@dataclass(frozen=True)
class OneByOne:
    """A function that takes its parameters one by one, as a function of theta."""

    function: Callable[..., Any]
    names: tuple[str, ...]
    call: str

    def __call__(self, theta: Any, *args: Any, **keywords: Any) -> Any:
        """Return the function's output at theta (p,), or its outputs (n, p) of many."""
        several = np.ndim(theta) > 1
        values = theta.values() if isinstance(theta, Mapping) else theta.T if several else theta
        if self.call == "positional":
            return self.function(*values, *args, **keywords)
        return self.function(*args, **dict(zip(self.names, values, strict=True)), **keywords)


def known_name(what: str, name: Any, known: Sequence[str]) -> str:
    """Return a name that is known; raise a TypeError that suggests the nearest if it is not."""
    return check_known(what, name, known, TypeError)


def check_names(what: str, names: Iterable[Any], known: Sequence[str]) -> list[str]:
    """Return names that are all known, each once."""
    given = list(names) if isinstance(names, Mapping) else check_sequence(what, names, "names")
    return list(dict.fromkeys(known_name(what, name, known) for name in given))


def check_two(names: Iterable[Any], known: Sequence[str]) -> list[str]:
    """Return the names of a plane: two known ones that differ."""
    given = list(names)
    found = check_names("names", given, known)
    if len(found) != 2:
        raise ValueError(f"`names` must be two different parameters, got {shown(given)}")
    return found


def check_sigmas(what: str, sigmas: Mapping[str, Any]) -> None:
    """Raise a ValueError for a standard deviation that is not positive and finite."""
    for name, sigma in sigmas.items():
        if not is_positive(sigma):
            raise ValueError(f"`{what}` of {name} must be positive and finite, got {shown(sigma)}")


def check_keywords(given: Iterable[str], known: Sequence[str]) -> None:
    """Raise a TypeError for the first keyword that is not known."""
    for key in given:
        known_name("keyword", key, sorted(known))


def check_calls(method: Any, keywords: Mapping[str, Any]) -> None:
    """Check how derivatives are to be taken, before the first model call."""
    _, run = chosen_method(method, keywords)
    check_progress(run.get("progress"))
    check_workers(run.get("n_workers"))
    if run.get("max_evaluations") is not None:
        check_count("max_evaluations", run["max_evaluations"])


def chosen_method(method: Any, keywords: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return a method with its options, and what keywords are left for a run."""
    run = {name: keywords[name] for name in RUN if name in keywords}
    options = {name: value for name, value in keywords.items() if name not in RUN}
    return resolve(method, options), run


def must_be_functions(**given: Any) -> None:
    """Raise a TypeError for what is neither a function nor None."""
    for name, function in given.items():
        if not (function is None or callable(function)):
            raise TypeError(f"`{name}` must be a function, got {shown(function)}")


def check_points(name: str, theta: Any, names: Sequence[str]) -> Array:
    """Return points (..., p) as an array; a mapping, Series or frame goes by its names."""
    named = _by_name(theta)
    if named is not None:
        found = in_order(name, named, names, None)
        gone = [own for own, each in zip(names, found, strict=True) if each is None]
        if gone:
            raise ValueError(f"`{name}` must have all parameters, got none for {', '.join(gone)}")
        theta = np.stack(np.broadcast_arrays(*found), axis=-1)
    points = real_numbers(name, theta)
    if points.shape[-1:] != (len(names),):
        raise ValueError(f"`{name}` must have shape (..., {len(names)}), got {points.shape}")
    return points


def _by_name(points: Any) -> dict[str, Any] | None:
    """Return what points have for each parameter; None where they only number them."""
    if isinstance(points, Mapping):
        return dict(points)
    if not has(points, "loc"):
        return None
    own = list(points.columns if has(points, "columns") else points.index)
    if own == list(range(len(own))):
        return None
    return {str(each): np.asarray(points[each]) for each in own}


def check_vector(name: str, values: Any, size: int | None = None) -> Array:
    """Return finite real numbers as a vector (size,)."""
    array = np.atleast_1d(real_numbers(name, values))
    if array.ndim != 1 or array.size == 0 or (size is not None and array.size != size):
        wanted = "a vector of at least one" if size is None else f"{size}"
        raise ValueError(f"`{name}` must be {wanted} numbers, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be finite, got {array}")
    return array
