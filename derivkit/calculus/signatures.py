"""Signatures that are written once: a function can take another's parameters, or its keywords.

Checkers and editors see them, and so do `inspect.signature` and `help`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

__all__ = ["called_like", "with_keywords_of"]

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
