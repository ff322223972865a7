"""What a first-time error usually means: the table of hints that follow a failure at x0."""

from __future__ import annotations

__all__ = ["hint"]

ONE_ARRAY = "`function` is called with one array of all parameters: write f(theta), not f(a, b)"
NO_LABELS = (
    "`function` gets a bare array, also where x0 is labelled: unpack it inside, a, b = theta"
)

NOT_THERE = (
    "what `function` imports must be found where it runs: in worker processes, install it or put "
    "its folder on PYTHONPATH"
)

_HINTS: tuple[tuple[type[BaseException], str, str], ...] = (
    # what was raised, what its text holds, what to do
    (TypeError, "required positional argument", ONE_ARRAY),
    (TypeError, "takes 0 positional arguments", ONE_ARRAY),
    (IndexError, "only integers, slices", NO_LABELS),
    (AttributeError, "'numpy.ndarray' object has no attribute", NO_LABELS),
    (ModuleNotFoundError, "No module named", NOT_THERE),
    (IndexError, "out of bounds for axis 0", "x0 must hold every parameter that `function` uses"),
    (ValueError, "not enough values to unpack", "x0 must hold every parameter"),
    (ValueError, "too many values to unpack", "x0 holds more parameters than `function` takes"),
)


def hint(error: BaseException) -> str:
    """Return "; " and what to do, or nothing if the error is not of the usual kinds.

    Examples
    --------
    >>> hint(IndexError("index 2 is out of bounds for axis 0 with size 2"))
    '; x0 must hold every parameter that `function` uses'
    >>> hint(KeyError("H0"))
    ''
    """
    text = str(error)
    for kind, fragment, advice in _HINTS:
        if isinstance(error, kind) and fragment in text:
            return f"; {advice}"
    return ""
