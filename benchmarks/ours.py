"""derivkit as one adapter among the peers."""

from functools import partial

import numpy as np

from benchmarks.running import Answer


def ask(f, x0, bounds, tensor="gradient", method=None, **options):
    """Ask derivkit for a gradient, Jacobian or Hessian with one of its methods."""
    from derivkit import CalculusKit

    kit = CalculusKit(f, x0, bounds=bounds)
    result = getattr(kit, f"{tensor}_result")(method, **options)
    return Answer(result.value, result.error, [str(s) for s in np.ravel(result.status)])


def adapter(name, tensor="gradient"):
    """Return the adapter of a name like "derivkit" or "derivkit:finite:levels=4"."""
    _, *rest = name.split(":")
    method = rest[0] if rest else None
    options = dict(option.split("=", 1) for option in rest[1:])
    return partial(
        ask, tensor=tensor, method=method, **{k: _literal(v) for k, v in options.items()}
    )


def _literal(text):
    """Read an option's value: a number, None, or a word."""
    if text == "None":
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if np.isclose(number, round(number)) and "." not in text else number
