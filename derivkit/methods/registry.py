"""The names of the methods: from "finite", an alias or a value to a method with its options.

Names are compared without case, spaces and punctuation. Other packages add methods through the
entry-point group ``derivkit.methods`` or `register_method`.
"""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from typing import Any, Literal, TypeAlias

from derivkit.methods.autodiff.protocol import WholeMethod
from derivkit.methods.protocol import Method
from derivkit.validation import check_texts, did_you_mean, has, shown, suggestion

__all__ = [
    "MethodLike",
    "available_methods",
    "canonical_name",
    "load_class",
    "name_of",
    "option_names",
    "register_method",
    "resolve",
]

BuiltIn: TypeAlias = Literal[
    "auto",
    "finite",
    "adaptive",
    "local_polynomial",
    "fornberg",
    "complex_step",
    "autodiff",
    "jax",
    "torch",
    "tensorflow",
    "autograd",
]

MethodLike: TypeAlias = BuiltIn | str | Method | WholeMethod | None
"""What names a method: a name or an alias, a value such as ``Finite()``, or None for "auto"."""

CALL_OPTIONS = ("n_workers", "max_evaluations", "max_seconds", "progress", "side")
"""What every call takes beside a method's options."""

ENTRY_POINT_GROUP = "derivkit.methods"

_BUILT_IN: dict[str, tuple[str, tuple[str, ...]]] = {
    # name: (module:class, aliases)
    "auto": ("derivkit.methods.auto.auto:Auto", ("default",)),
    "finite": (
        "derivkit.methods.finite:Finite",
        ("finite-difference", "finite_difference", "fd", "findiff", "finite_diff"),
    ),
    "adaptive": (
        "derivkit.methods.adaptive:Adaptive",
        ("adaptive-fit", "adaptive_fit", "ad", "adapt"),
    ),
    "local_polynomial": (
        "derivkit.methods.local_polynomial:LocalPolynomial",
        ("local-polynomial", "lp", "localpoly", "local_poly", "polyfit"),
    ),
    "fornberg": (
        "derivkit.methods.fornberg:Fornberg",
        ("fb", "forn", "fornberg-fd", "fornberg_fd", "fornberg_weights"),
    ),
    "complex_step": ("derivkit.methods.complex_step:ComplexStep", ("complex", "cs")),
    "autodiff": ("derivkit.methods.autodiff.choice:Autodiff", ()),
    "jax": ("derivkit.methods.autodiff.jax:Jax", ("jax-autodiff", "jd")),
    "torch": ("derivkit.methods.autodiff.torch:Torch", ()),
    "tensorflow": ("derivkit.methods.autodiff.tensorflow:TensorFlow", ()),
    "autograd": ("derivkit.methods.autodiff.autograd:Autograd", ()),
}

_classes: dict[str, Callable[..., Any]] = {}  # registered by hand or loaded, by name
_aliases: dict[str, tuple[str, ...]] = {name: names for name, (_, names) in _BUILT_IN.items()}


def available_methods() -> dict[str, list[str]]:
    """Return the names of all methods, each with its aliases.

    Examples
    --------
    >>> from derivkit import available_methods
    >>> available_methods()["complex_step"]
    ['complex', 'cs']
    """
    _load_entry_points()
    return {name: list(names) for name, names in _aliases.items()}


def register_method(name: str, cls: Callable[..., Any], *, aliases: Iterable[str] = ()) -> None:
    """Add a method under ``name``, so that it can be chosen by keyword.

    Parameters
    ----------
    name : str
        Must not be taken; case, spaces and punctuation do not matter.
    cls : type
        A class that follows `derivkit.methods.protocol.Method`; its constructor's keywords are
        the method's options.
    aliases : iterable of str

    Raises
    ------
    ValueError
        If the name or an alias is taken.
    TypeError
        If the class does not follow the protocol.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from derivkit import CalculusKit, Finite, register_method
    >>> @dataclass(frozen=True)
    ... class Coarse:
    ...     step: float = 0.25
    ...
    ...     def solve(self, line, order):
    ...         return (yield from Finite(stepsize=self.step).solve(line, order))
    >>> register_method("coarse", Coarse)
    >>> CalculusKit(lambda x: x[0] ** 2, [3.0]).gradient("coarse", step=0.5).round(6).tolist()
    [6.0]
    """
    if not isinstance(name, str):
        raise TypeError(f"`name` must be text, got {shown(name)}")
    names = (name, *check_texts("aliases", aliases))
    _load_entry_points()
    taken = _index()
    for each in names:
        if _plain(each) in taken:
            raise ValueError(
                f"the method name {each!r} is taken by {taken[_plain(each)]!r}; choose another"
            )
    _must_follow_protocol(cls)
    _classes[name] = cls
    _aliases[name] = names[1:]
    _index.cache_clear()


def resolve(method: object, options: dict[str, Any]) -> Any:
    """Return the method value for a name, an alias, None (auto), or a value as it stands.

    Raises
    ------
    ValueError
        For an unknown name or a bad option value.
    TypeError
        For an unknown option, for options beside a method value, or for another kind of thing.
    """
    if method is None:
        return _build("auto", options)
    if isinstance(method, str):
        return _build(canonical_name(method), options)
    if isinstance(method, type) or not (has(method, "solve") or _whole(method)):
        raise TypeError(
            f"`method` must be a name, None, or a method value such as Finite(), got "
            f"{shown(method)}"
        )
    if options:
        raise TypeError(
            f"options ({', '.join(options)}) go with a method's name; a method value such as "
            f"{type(method).__name__}(...) already holds its own"
        )
    return method


def name_of(method: object) -> str:
    """Return the name a method value goes by: its registered one, else its class's."""
    cls = type(method)
    for name, known in _classes.items():
        if cls is known:
            return name
    home = f"{cls.__module__}:{cls.__qualname__}"
    return next((name for name, (place, _) in _BUILT_IN.items() if place == home), cls.__name__)


ELSEWHERE = {
    **dict.fromkeys(("central", "3point", "threepoint"), "'finite'"),
    **dict.fromkeys(("forward", "backward", "2point", "onesided"), "'finite' with side=+1 or -1"),
    **{name: f"'finite' with extrapolation={name!r}" for name in ("richardson", "ridders")},
    **dict.fromkeys(("5point", "fivepoint"), "'finite'"),
    **dict.fromkeys(("numdifftools", "jacobi", "numeric", "numerical"), "'auto'"),
}
"""What a method is called elsewhere, plainly: what to choose here."""


def canonical_name(name: str) -> str:
    """Return the method's own name for a name or an alias of it."""
    found = _index().get(_plain(name))
    if found is None:
        _load_entry_points()  # slow, so only for names that are not built in
        found = _index().get(_plain(name))
    if found is None:
        raise ValueError(
            f"`method` must be one of {', '.join(_aliases)}, got {shown(name)}"
            + (
                f"; choose {ELSEWHERE[_plain(name)]}"
                if _plain(name) in ELSEWHERE
                else suggestion(name, [*_aliases, *(a for n in _aliases.values() for a in n)])
            )
        )
    return found


def load_class(name: str) -> Callable[..., Any]:
    """Return the class registered under a method's own name, imported when first needed."""
    if name not in _classes:
        module, _, attribute = _BUILT_IN[name][0].partition(":")
        cls = getattr(import_module(module), attribute)
        _must_follow_protocol(cls)
        _classes[name] = cls
    return _classes[name]


def option_names(cls: Callable[..., Any]) -> list[str]:
    """Return the keywords that a method's constructor takes."""
    if dataclasses.is_dataclass(cls):
        return [f.name for f in dataclasses.fields(cls) if f.init]
    return list(inspect.signature(cls).parameters)


def _build(name: str, options: dict[str, Any]) -> Any:
    cls = load_class(name)
    if options:
        known = option_names(cls)
        for key in options:
            if key not in known:
                raise TypeError(
                    f"the method {name!r} has no option {key!r}; it has "
                    f"{', '.join(known) or 'none'}, and each call {', '.join(CALL_OPTIONS)}"
                    + did_you_mean(key, [*known, *CALL_OPTIONS])
                )
    return cls(**options)


def _must_follow_protocol(cls: object) -> None:
    if not isinstance(cls, type) or not (callable(getattr(cls, "solve", None)) or _whole(cls)):
        raise TypeError(
            f"`cls` must be a class with a method solve(line, order), got {shown(cls)}; "
            "see derivkit.methods.protocol"
        )


def _whole(method: object) -> bool:
    """Whether it differentiates the callable itself (automatic differentiation)."""
    return has(method, "value_and_derivatives")


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


@cache
def _index() -> dict[str, str]:
    """Map every plain name and alias to the method's own name."""
    return {_plain(each): name for name, names in _aliases.items() for each in (name, *names)}


@cache
def _load_entry_points() -> None:
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow, and needed once

    for point in entry_points(group=ENTRY_POINT_GROUP):
        taken = _index().get(_plain(point.name))
        if taken is None:
            _BUILT_IN[point.name] = (point.value, ())
            _aliases[point.name] = ()
            _index.cache_clear()
        elif _BUILT_IN.get(taken, ("", ()))[0] != point.value:
            warnings.warn(
                f"the method {point.name!r} of {point.value!r} is ignored, as that name is taken "
                f"by {taken!r}",
                stacklevel=3,
            )
