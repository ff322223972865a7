"""What each sub-command does with its arguments; returns whether all is well."""

from __future__ import annotations

import ast
import sys
from argparse import Namespace
from typing import Any

from derivkit.calculus_kit import CalculusKit
from derivkit.cli.models import load_function
from derivkit.cli.output import written
from derivkit.methods.registry import available_methods, load_class, option_names
from derivkit.program import Program

__all__ = ["check", "methods", "tensor"]


def tensor(arguments: Namespace) -> bool:
    """Compute a gradient, Jacobian or Hessian and print it."""
    if arguments.plot:
        from derivkit.drawing.canvas import ready_for  # noqa: PLC0415 - an extra

        ready_for(arguments.plot)  # before the calls are spent
    kit = CalculusKit(_model(arguments), _point(arguments.at), **_kit_options(arguments))
    compute = getattr(kit, f"{arguments.tensor.replace('-', '_')}_result")
    result = compute(arguments.method, **_call_options(arguments))
    sys.stdout.write(written(result, arguments.format))
    if arguments.plot:
        result.plot().figure.savefig(arguments.plot, bbox_inches="tight")
    return bool(result.success)


def check(arguments: Namespace) -> bool:
    """Compare the user's derivatives with measured ones and print the verdicts."""
    from derivkit import check as checks  # noqa: PLC0415 - the other commands need it not

    verdict = getattr(checks, f"check_{arguments.what}")(
        load_function(arguments.model),
        load_function(arguments.claim),
        _point(arguments.at),
        arguments.method,
        n_workers=arguments.workers,
        **_kit_options(arguments),
        **dict(_option(word) for word in arguments.option),
    )
    sys.stdout.write(written(verdict, arguments.format))
    return bool(verdict.success)


def methods(_: Namespace) -> bool:
    """List the methods with their aliases and options."""
    for name, aliases in available_methods().items():
        options = ", ".join(option_names(load_class(name))) or "none"
        sys.stdout.write(f"{name}\n    aliases: {', '.join(aliases)}\n    options: {options}\n")
    return True


def _model(arguments: Namespace) -> Any:
    if (arguments.model is None) == (arguments.program is None):
        raise ValueError("give either a model (file.py:function) or --exec COMMAND")
    return Program(arguments.program) if arguments.program else load_function(arguments.model)


def _point(words: list[str]) -> list[float] | dict[str, float]:
    """Return the point as typed: numbers, or a dict of name=number."""
    pairs = [word.rpartition("=") for word in words]
    named = [bool(equals) for _, equals, _ in pairs]
    if any(named) and not all(named):
        raise ValueError(f"`--at` must be numbers, or name=number for each, got {' '.join(words)}")
    numbers = [_number("--at", number) for _, _, number in pairs]
    if not any(named):
        return numbers
    names = [name.strip() for name, _, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"`--at` must name each parameter once, got {' '.join(words)}")
    return dict(zip(names, numbers, strict=True))


def _number(option: str, word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"`{option}` must be numbers, got {word.strip()!r}") from None


def _kit_options(arguments: Namespace) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if arguments.bounds:
        options["bounds"] = [_bound(word) for word in arguments.bounds]
    if arguments.scale:
        scale = arguments.scale
        options["scale"] = scale[0] if len(scale) == 1 else scale
    if getattr(arguments, "checkpoint", None):
        options["checkpoint"] = arguments.checkpoint
    return options


def _bound(word: str) -> tuple[float | None, float | None]:
    low, colon, high = word.partition(":")
    if not colon:
        raise ValueError(f"`--bounds` must be LOW:HIGH for each parameter, got {word.strip()!r}")
    return (
        _number("--bounds", low) if low.strip() else None,
        _number("--bounds", high) if high.strip() else None,
    )


def _call_options(arguments: Namespace) -> dict[str, Any]:
    options = dict(_option(word) for word in arguments.option)
    options |= {"n_workers": arguments.workers, "max_evaluations": arguments.max_evaluations}
    if arguments.progress:
        options["progress"] = True
    return options


def _option(word: str) -> tuple[str, Any]:
    """Return key and value; the value is a Python literal where it is one, else text."""
    key, equals, text = word.partition("=")
    if not equals:
        raise ValueError(f"`--option` must be KEY=VALUE, got {word!r}")
    try:
        return key, ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return key, text
