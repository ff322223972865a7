"""What the user is told of a call that failed or was interrupted: where, why, and what to do."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType

import numpy as np

from derivkit.engine.points import Ray
from derivkit.errors import ModelError, RemoteError, WorkerDiedError
from derivkit.validation import text_of

__all__ = ["Raised", "hint", "model_error", "say_what_is_kept", "summed", "type_and_text"]

MOST_NAMED = 4  # parameters named in a message
MOST_SHOWN = 20  # coordinates of x0 in a message

ONE_ARRAY = (
    "`function` is called with one array of all parameters: write f(theta), not f(a, b), or give "
    "call='positional' – with x0 a dict, call='keywords'"
)
NO_LABELS = "`function` gets what x0 is: make x0 a dict, a Series … as it needs"
NO_ARRAY = "`function` gets what x0 is, a dict for a dict: give call='array' for the bare array"

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
    (TypeError, "'float' object is not subscriptable", "x0 is one number: make it a list of one"),
    (TypeError, "'dict' and", NO_ARRAY),
    (AttributeError, "'dict' object has no attribute", NO_ARRAY),
    (ModuleNotFoundError, "No module named", NOT_THERE),
    (IndexError, "out of bounds for axis 0", "x0 must hold every parameter that `function` uses"),
    (ValueError, "not enough values to unpack", "x0 must hold every parameter"),
    (ValueError, "too many values to unpack", "x0 holds more parameters than `function` takes"),
)


@dataclass(frozen=True, slots=True)
class Raised:
    """What the model did away from x0 that was read as "undefined there".

    Attributes
    ----------
    type : str
        The exception's, or "shape" for an output of another shape.
    text : str
        Its message at the first of the points.
    point : dict of str to float
        That point: the parameters that were moved, and where.
    count : int
        At how many points.
    """

    type: str
    text: str
    point: dict[str, complex]
    count: int

    def __str__(self) -> str:
        times = f"{self.count} times" if self.count > 1 else "once"
        at = ", ".join(f"{name} = {value!r}" for name, value in self.point.items())
        what = "gave another shape" if self.type == "shape" else f"raised {self.type}"
        return f"{what} {times}, first at {at}: {self.text}"


def summed(found: Sequence[Raised]) -> tuple[Raised, ...]:
    """Return one record a type: the first, with the number of points of all."""
    if not found:
        return ()
    first = {each.type: each for each in reversed(found)}
    counts = Counter[str]()
    for each in found:
        counts[each.type] += each.count
    return tuple(replace(first[kind], count=counts[kind]) for kind in sorted(first))


def type_and_text(error: BaseException) -> tuple[str, str]:
    """Return the type of an exception and what it says, also of one from another process."""
    if isinstance(error, RemoteError):
        kind, _, text = text_of(error).partition(": ")
        return kind, text
    return type(error).__name__, text_of(error)


def model_error(
    error: BaseException, ray: Ray, t: complex, names: Sequence[str], *, undefined: bool = False
) -> ModelError:
    """Return the error for a call that failed at place t of a ray.

    Parameters
    ----------
    error : BaseException
        What the model raised, or how its worker ended.
    ray : Ray
    t : float or complex
    names : sequence of str
        The parameters'.
    undefined : bool
        Whether away from x0 it would only mean that the model is undefined.
    """
    x = ray.place(t)
    tells_itself = isinstance(error, (RemoteError, WorkerDiedError))
    what = text_of(error) if tells_itself else f"{type(error).__name__}: {text_of(error)}"
    if isinstance(t, complex):
        what += "; the complex step needs a model that takes complex numbers: use method='auto'"
    if np.array_equal(x, ray.x0):
        point = np.array2string(x, threshold=MOST_SHOWN, max_line_width=10**6)
        where = f"the model failed at x0 = {point}"
        return ModelError(f"{where}: {what}{hint(error)}", x=x, x0=x, undefined=undefined)
    moved = ray.indices[:MOST_NAMED]
    varied = [names[i] for i in moved]
    at = ", ".join(f"{names[i]} = {x[i].item()!r}" for i in moved)
    return ModelError(
        f"the model failed while {' and '.join(varied)} was varied, at {at}: {what}",
        x=x,
        parameter=", ".join(varied),
        x0=ray.place(0.0),
    )


def say_what_is_kept(interrupt: BaseException, count: int, where: str) -> None:
    """Add to an interrupt how many finished evaluations are kept, and where."""
    if where:
        interrupt.add_note(
            f"{count} finished evaluations are kept in {where}: the same call goes on from there"
        )
    _end_briefly(interrupt)


def _end_briefly(interrupt: BaseException) -> None:
    """Let an interrupt that nobody catches end a script in two lines, not in a traceback.

    Only where no hook of the user's or of a debugger is set; any other error is shown as ever.
    IPython and Jupyter ask the exception itself what to show.
    """
    lines = [type(interrupt).__name__, *getattr(interrupt, "__notes__", ())]
    vars(interrupt)["_render_traceback_"] = lines.copy
    usual = sys.excepthook
    if usual is not sys.__excepthook__:
        return

    def hook(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        sys.excepthook = usual
        if error is not interrupt:
            usual(kind, error, traceback)
            return
        sys.stderr.write("\n".join([kind.__name__, *getattr(error, "__notes__", ())]) + "\n")

    sys.excepthook = hook


def hint(error: BaseException) -> str:
    """Return "; " and what to do, or nothing if the error is not of the usual kinds.

    Examples
    --------
    >>> hint(IndexError("index 2 is out of bounds for axis 0 with size 2"))
    '; x0 must hold every parameter that `function` uses'
    >>> hint(KeyError("H0"))
    ''
    """
    text = text_of(error)
    if isinstance(error, KeyError) and text.lstrip("-").isdigit():
        return f"; {NO_ARRAY}"
    for kind, fragment, advice in _HINTS:
        if isinstance(error, kind) and fragment in text:
            return f"; {advice}"
    return ""
