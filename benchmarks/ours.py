"""derivkit as one adapter among the peers."""

from functools import partial

import numpy as np

from benchmarks.running import Answer


def ask(f, x0, bounds, tensor="gradient", method=None, scale=None, **options):
    """Ask derivkit for a gradient, Jacobian, Hessian or higher tensor with one of its methods."""
    from derivkit import CalculusKit

    kit = CalculusKit(f, x0, bounds=bounds, scale=scale)
    result = getattr(kit, f"{tensor}_result")(method, **options)
    return Answer(result.value, result.error, [str(s) for s in np.ravel(result.status)])


def adapter(name, tensor="gradient"):
    """Return the adapter of a name like "derivkit" or "derivkit:finite:levels=4"."""
    _, _, method = name.partition(":")
    method, options = named(method) if method else (None, {})
    return partial(ask, tensor=tensor, method=method, **options)


def named(text):
    """Return the method and its options from "finite:levels=4"."""
    method, *options = text.split(":")
    return method, {k: _literal(v) for k, v in (option.split("=", 1) for option in options)}


def _literal(text):
    """Read an option's value: a number, None, or a word."""
    if text == "None":
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if np.isclose(number, round(number)) and "." not in text else number
