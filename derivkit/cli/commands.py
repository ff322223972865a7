"""What each sub-command does with its arguments; returns whether all is well."""

from __future__ import annotations

import ast
import sys
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from derivkit.calculus_kit import CalculusKit
from derivkit.check.claims import check_gradient, check_hessian, check_jacobian
from derivkit.check.comparison import CheckResult
from derivkit.cli.completion import completion
from derivkit.cli.doctor import diagnosis
from derivkit.cli.models import load_function
from derivkit.cli.output import written
from derivkit.methods.registry import available_methods, load_class, option_names
from derivkit.models.program import Program
from derivkit.results.result import DerivativeResult
from derivkit.validation import shown

__all__ = [
    "CHECKS",
    "call_options",
    "check",
    "complete",
    "doctor",
    "kit_options",
    "methods",
    "model_of",
    "number",
    "point_of",
    "tensor",
    "write",
]

Point: TypeAlias = list[float] | dict[str, float]

FEW_DIGITS = range(1, 11)  # significant digits that are too few for a default derivative
MANY = 4  # different outputs, beyond which their few digits are no chance

CHECKS: dict[str, Callable[..., CheckResult]] = {
    "gradient": check_gradient,
    "jacobian": check_jacobian,
    "hessian": check_hessian,
}


def tensor(arguments: Namespace) -> bool:
    """Compute a gradient, Jacobian or Hessian and print it."""
    if arguments.plot:
        from derivkit.plot.canvas import ready_for  # noqa: PLC0415 - an extra

        ready_for(arguments.plot)  # before the calls are spent
    kit = CalculusKit(model_of(arguments), point_of(arguments.at), **kit_options(arguments))
    own = {key: vars(arguments)[key] for key in ("order",) if key in arguments}
    along = [point_of(arguments.along)] if "along" in arguments else []
    if getattr(arguments, "compare", None):
        own["compare"] = model_of(arguments, arguments.compare)
    result = arguments.compute(kit, *along, arguments.method, **own, **call_options(arguments))
    write(written(result, arguments.format), arguments.output)
    if arguments.plot:
        result.plot().figure.savefig(arguments.plot, bbox_inches="tight")
    return bool(result.success) and _reads_its_parameters(result)


def _reads_its_parameters(result: DerivativeResult) -> bool:
    """Tell the user of an output that never changes, or that is printed with few digits."""
    rows = [] if result.evaluations is None else result.evaluations.rows()
    outputs = np.array([np.asarray(row["value"], dtype=float).ravel() for row in rows])
    if len(outputs) > 1 and (outputs == outputs[0]).all():
        warnings.warn(
            f"the output is the same in all {len(outputs)} calls: does the model read its "
            "parameters?",
            UserWarning,
            stacklevel=2,
        )
        return False
    changing = np.unique(outputs[np.isfinite(outputs)])
    digits = next((d for d in FEW_DIGITS if all(float(f"{y:.{d}g}") == y for y in changing)), None)
    if digits and len(changing) > MANY and not (changing == np.round(changing)).all():
        warnings.warn(
            f"the model prints {digits} digits: print 17, or derivatives lose theirs",
            UserWarning,
            stacklevel=2,
        )
    return True


def write(text: str, path: str | None) -> None:
    """Write to a file, or to standard output."""
    if path is None:
        sys.stdout.write(text)
    else:
        Path(path).write_text(text, encoding="utf-8")


def check(arguments: Namespace) -> bool:
    """Compare the user's derivatives with measured ones and print the verdicts."""
    verdict = CHECKS[arguments.what](
        load_function(arguments.model),
        load_function(arguments.claim),
        point_of(arguments.at),
        arguments.method,
        n_workers=arguments.workers,
        **kit_options(arguments),
        **dict(_option(word) for word in arguments.option),
    )
    write(written(verdict, arguments.format), arguments.output)
    return bool(verdict.success)


def methods(_: Namespace) -> bool:
    """List the methods with their aliases and options."""
    for name, aliases in available_methods().items():
        options = ", ".join(option_names(load_class(name))) or "none"
        others = ", ".join(aliases) or "none"
        sys.stdout.write(f"{name}\n    aliases: {others}\n    options: {options}\n")
    return True


def doctor(_: Namespace) -> bool:
    """Print what is installed and whether it works."""
    lines, well = diagnosis()
    sys.stdout.write("\n".join(lines) + "\n")
    return well


def complete(parser: ArgumentParser, shell: str) -> bool:
    """Print the script that completes this command in a shell."""
    sys.stdout.write(completion(parser, shell))
    return True


def model_of(arguments: Namespace, other: str | None = None) -> Any:
    """Return the function or the program that was named, or another of the same kind."""
    if (arguments.model is None) == (arguments.program is None):
        raise ValueError("give either a model (file.py:function) or --exec COMMAND")
    if arguments.program is None:
        return load_function(other or arguments.model)
    at = point_of(arguments.at)
    names = list(at) if isinstance(at, dict) else None
    return Program(other or arguments.program, names, arguments.output_pattern)


def point_of(words: list[str]) -> Point:
    """Return the point as typed: numbers, or a dict of name=number."""
    pairs = _pairs("--at", words)
    named = [bool(equals) for _, equals, _ in pairs]
    if any(named) and not all(named):
        raise ValueError(f"`--at` must be numbers, or name=number for each, got {' '.join(words)}")
    numbers = [number("--at", word) for _, _, word in pairs]
    if not any(named):
        return numbers
    names = [name.strip() for name, _, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"`--at` must name each parameter once, got {' '.join(words)}")
    return dict(zip(names, numbers, strict=True))


def _pairs(option: str, words: list[str]) -> list[tuple[str, str, str]]:
    """Return name, "=" and value of each word; both are empty where it has no name.

    A name may have a comma, "W[0,1]"; a value has none.
    """
    pairs = [word.rpartition("=") for word in words]
    for word, (name, _, value) in zip(words, pairs, strict=True):
        if "=" in name or "," in value:
            raise ValueError(
                f"`{option}` must be separated by spaces, and have decimal points, got "
                f"{shown(word.strip())}"
            )
    return pairs


def number(option: str, word: str) -> float:
    """Return a word as a number."""
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"`{option}` must be numbers, got {shown(word.strip())}") from None


def kit_options(arguments: Namespace) -> dict[str, Any]:
    """Return the keywords of a kit."""
    options: dict[str, Any] = {"call": arguments.call, "vectorized": arguments.vectorized}
    if arguments.bounds:
        options["bounds"] = _each("--bounds", arguments.bounds, _bound)
    if arguments.scale:
        scale = _each("--scale", arguments.scale, _length)
        options["scale"] = scale[0] if isinstance(scale, list) and len(scale) == 1 else scale
    if getattr(arguments, "held", None):
        options["bounds"] = _held(arguments, options.get("bounds"))
    if getattr(arguments, "log", None):
        options["transform"] = {_own_name(arguments, word): "log" for word in arguments.log}
    if getattr(arguments, "accuracy", None) is not None:
        options["accuracy"] = arguments.accuracy
    if arguments.timeout is not None:
        options["timeout"] = arguments.timeout
    if getattr(arguments, "checkpoint", None):
        options |= {
            "checkpoint": arguments.checkpoint,
            "version": arguments.model_version,
            "checkpoint_mismatch": arguments.checkpoint_mismatch,
        }
    return options


def _held(arguments: Namespace, bounds: Any) -> dict[str, Any]:
    """Return bounds by name, with those of the parameters that do not vary on their values."""
    at = point_of(arguments.at)
    named = at if isinstance(at, dict) else {f"x[{i}]": value for i, value in enumerate(at)}
    known = bounds if isinstance(bounds, dict) else dict(zip(named, bounds or [], strict=False))
    names = [_own_name(arguments, word) for word in arguments.held]
    check = [name for name in names if name not in named]
    if check:
        raise ValueError(f"`--fix` must name parameters among {', '.join(named)}, got {check[0]}")
    return known | {name: (named[name], named[name]) for name in names}


def _own_name(arguments: Namespace, word: str) -> str:
    """Return a parameter's name; of parameters without names it is x[i], typed so or as i."""
    named = isinstance(point_of(arguments.at), dict)
    return word if named or not word.isdigit() else f"x[{word}]"


def _each(option: str, words: list[str], parsed: Callable[[str], Any]) -> Any:
    """Return a value for each word, or a dict of them where they are typed as name=value."""
    pairs = _pairs(option, words)
    if not any(equals for _, equals, _ in pairs):
        return [parsed(word) for word in words]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError(
            f"`{option}` must be values, or name=value for each, got {' '.join(words)}"
        )
    return {name.strip(): parsed(text) for name, _, text in pairs}


def _length(word: str) -> float:
    return number("--scale", word)


def _bound(word: str) -> tuple[float | None, float | None]:
    low, colon, high = word.partition(":")
    if not colon:
        raise ValueError(
            f"`--bounds` must be LOW:HIGH for each parameter, got {shown(word.strip())}"
        )
    return (
        number("--bounds", low) if low.strip() else None,
        number("--bounds", high) if high.strip() else None,
    )


def call_options(arguments: Namespace) -> dict[str, Any]:
    """Return the keywords of a call."""
    options = dict(_option(word) for word in arguments.option)
    options |= {"n_workers": arguments.workers, "max_evaluations": arguments.max_evaluations}
    if arguments.progress:
        options["progress"] = True
    return options


def _option(word: str) -> tuple[str, Any]:
    """Return key and value; the value is a Python literal where it is one, else text."""
    key, equals, text = word.partition("=")
    if not equals:
        raise ValueError(f"`--option` must be KEY=VALUE, got {shown(word)}")
    try:
        return key, ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return key, text
