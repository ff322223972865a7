"""The user's function as the engine's model: how it is called, and what it may raise; checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from derivkit.engine.calling import CALLS, Calling
from derivkit.engine.model import UNDEFINED_BY_DEFAULT, Model
from derivkit.engine.trees import Branch, Leaf, Tree
from derivkit.validation import (
    check_count,
    check_flag,
    check_function,
    check_known,
    check_sequence,
    shown,
)

__all__ = ["called_on_arrays", "check_arguments", "checked_function", "checked_model"]


def checked_function(function: Any) -> Callable[..., Any]:
    """Return a function; raise a TypeError for anything else, such as x0 in its place."""
    return check_function("function", function, "; the order of arguments is (function, x0)")


def checked_model(
    function: Callable[..., Any],
    vectorized: bool,
    batch: Any,
    undefined: Any,
    errors: Any,
    *,
    has_aux: bool,
) -> Model:
    """Return the model: a function of a flat array, and how it is called."""
    errors = check_known("errors", errors, ("undefined", "raise"))
    vectorized, has_aux = check_flag("vectorized", vectorized), check_flag("has_aux", has_aux)
    if has_aux and vectorized:
        raise ValueError("`has_aux` must be False with a vectorized `function`, got True")
    if batch is not None and not vectorized:
        raise TypeError(
            f"`batch` must be None unless vectorized=True, got {shown(batch)}: it is how many "
            "points a vectorized function gets in each call"
        )
    return Model(
        function,
        (*UNDEFINED_BY_DEFAULT, *_checked_undefined(undefined)),
        vectorized,
        None if batch is None else check_count("batch", batch),
        errors == "raise",
        has_aux,
    )


def called_on_arrays(
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


def _checked_undefined(undefined: Any) -> tuple[type[BaseException], ...]:
    single = isinstance(undefined, type)
    types = (undefined,) if single else tuple(check_sequence("undefined", undefined, "types"))
    for each in types:
        if not (isinstance(each, type) and issubclass(each, Exception)):
            raise TypeError(f"`undefined` must be exception types, got {shown(each)}")
    return types
