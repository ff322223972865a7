"""Signatures: written once for several functions, and asked of the arguments of a call.

A function can take another's parameters, or its keywords: checkers and editors see them, and so do
`inspect.signature` and `help`. `typed` asks the type of every argument by its annotation.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from os import PathLike
from typing import Any, ParamSpec, TypeVar

import numpy as np

from derivkit.validation.kinds import has, is_count, is_real, is_sequence
from derivkit.validation.words import ADVICE, ALMOST, shown

__all__ = ["called_like", "typed", "with_keywords_of"]

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")
Function = TypeVar("Function", bound=Callable[..., Any])


def called_like(
    template: Callable[Parameters, Any],
) -> Callable[[Callable[..., Returned]], Callable[Parameters, Returned]]:
    """Give a function the parameters of a template; what it returns stays its own."""

    def dressed(function: Callable[..., Returned]) -> Callable[Parameters, Returned]:
        returned = inspect.signature(function).return_annotation
        like = inspect.signature(template).replace(return_annotation=returned)
        vars(function)["__signature__"] = like
        return function

    return dressed


def with_keywords_of(
    *templates: Callable[..., Any], but: tuple[str, ...] = ()
) -> Callable[[Function], Function]:
    """Show the keywords of templates where a function has ``**keywords`` and hands them on.

    These stay at the end, for what else they take, unless their annotation is an ``Unpack``, from
    which checkers know them all. ``but`` are keywords that it does not take.
    """

    def dressed(function: Function) -> Function:
        signature = inspect.signature(function)
        *own, others = signature.parameters.values()
        known = {
            p.name: p for each in templates for p in inspect.signature(each).parameters.values()
        }
        for name in (*signature.parameters, *but):
            known.pop(name, None)
        added = [p for p in known.values() if p.kind == p.KEYWORD_ONLY]
        last = [] if str(others.annotation).startswith("Unpack") else [others]
        every = [*own, *added, *last]
        vars(function)["__signature__"] = signature.replace(parameters=every)
        return function

    return dressed


KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {  # annotation: words, and a test
    "None": ("None", lambda value: value is None),
    "bool": ("True or False", lambda value: isinstance(value, (bool, np.bool_))),
    "int": ("a whole number", is_count),
    "float": ("a number", is_real),
    "str": ("text", lambda value: isinstance(value, str)),
    "Callable": ("callable", callable),
    "Mapping": ("a mapping", lambda value: isinstance(value, Mapping)),
    "Sequence": ("a sequence", is_sequence),
    "Axes": ("matplotlib's axes", lambda value: has(value, "transAxes")),
    "PathLike": ("a path", lambda value: isinstance(value, PathLike)),
}


def typed(function: Function) -> Function:
    """Ask the type of every argument, by its annotation, before the function is called.

    Annotations are alternatives of the words in `KINDS`; arguments of other annotations are left
    to the function.

    Raises
    ------
    TypeError
        Of one sentence that names the argument.
    """
    code = function.__code__
    order = code.co_varnames[: code.co_argcount]
    allowed = {
        name: found for name, note in function.__annotations__.items() if (found := _kinds(note))
    }
    own = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    passes_on = bool(code.co_flags & inspect.CO_VARKEYWORDS)

    @wraps(function)
    def asked(*args: Any, **kwargs: Any) -> Any:
        for name, value in [*zip(order, args, strict=False), *kwargs.items()]:
            kinds = allowed.get(name)
            if kinds and not any(_is(test, value) for _, test in kinds):
                words = " or ".join(words for words, _ in kinds)
                raise TypeError(f"`{name}` must be {words}, got {shown(value)}")
        # else it would be taken for a method's option
        passed_on = kwargs.keys() - {*own, *ADVICE} if passes_on else ()
        for name in passed_on:
            near = difflib.get_close_matches(name, own, n=1, cutoff=ALMOST)
            if near:
                raise TypeError(
                    f"{function.__name__}() has no keyword {name!r}; did you mean {near[0]!r}?"
                )
        return function(*args, **kwargs)

    return asked  # type: ignore[return-value]


def _kinds(note: str) -> list[tuple[str, Callable[[Any], bool]]]:
    """Return what an annotation allows; nothing where it allows what is not in `KINDS`."""
    heads = [part.split("[")[0].strip().rpartition(".")[2] for part in _alternatives(note)]
    return [KINDS[head] for head in heads] if all(head in KINDS for head in heads) else []


def _alternatives(note: str) -> list[str]:
    depth, parts = 0, [""]
    for c in str(note):
        depth += (c == "[") - (c == "]")
        if c == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return parts


def _is(test: Callable[[Any], bool], value: Any) -> bool:
    try:
        return test(value)
    except Exception:  # noqa: BLE001 - what raises when it is asked is none
        return False
