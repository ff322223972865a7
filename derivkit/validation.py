"""Checks of single arguments: what was given in its proper form, or a sentence on what it must be.

What belongs to a problem as a whole (x0, bounds, scale, names) is checked in `calculus.parameters`.
Nothing here trusts what it is given: a value may raise whatever it is asked.
"""

from __future__ import annotations

import difflib
import inspect
import math
import reprlib
import sys
from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set as AbstractSet,
    ValuesView,
)
from functools import wraps
from itertools import islice
from os import PathLike
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "check_count",
    "check_direction",
    "check_flag",
    "check_index",
    "check_indices",
    "check_known",
    "check_not_negative",
    "check_numbers",
    "check_printable",
    "check_sequence",
    "check_texts",
    "check_unmasked",
    "check_version",
    "check_workers",
    "did_you_mean",
    "finite_numbers",
    "from_objects",
    "has",
    "is_count",
    "is_no_list",
    "is_not_negative",
    "is_number",
    "is_positive",
    "is_text",
    "real_numbers",
    "shown",
    "suggestion",
    "text_of",
    "typed",
    "without_unit",
]

NEAR = 0.6  # similarity at which a word may be a misspelt one
ALMOST = 0.8  # similarity at which a misspelt word is meant, whatever else it means elsewhere
MISMATCH = ("refuse", "discard", "trust")
LONGEST_SHOWN = 80  # characters of a value in a message: one line of a terminal
LONGEST_TEXT = 10_000  # characters of an exception's text: some hold whole files

_short = reprlib.Repr()
_short.maxlist = _short.maxtuple = _short.maxset = _short.maxdict = _short.maxarray = 8
_short.maxstring = _short.maxother = _short.maxlong = 2 * LONGEST_SHOWN


def shown(value: object) -> str:
    """Return a value in one printable line of at most 80 characters, whatever its repr does.

    Examples
    --------
    >>> shown(np.arange(3.0)), shown({"a": [1, None]}), len(shown("a" * 1000))
    ('[0. 1. 2.]', "{'a': [1, None]}", 80)
    """
    try:
        if type(value) is np.ndarray:
            text = np.array2string(value, threshold=8, formatter={"object": _short.repr})
        else:
            text = _short.repr(value)
    except Exception:  # noqa: BLE001 - a user's __repr__, or a class that hides its name
        text = "something that cannot be shown"
    text = _printable(" ".join(text.split()))
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def text_of(error: BaseException) -> str:
    """Return what an exception says: printable, and of bounded length."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a user's __str__
        return "(its text could not be made)"
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT]}…"
    return _printable(text)


def _printable(text: str) -> str:
    """Escape what could not be written to a file or would steer a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


def has(value: object, *names: str) -> bool:
    """Whether it has these attributes; what raises when it is asked has not."""
    try:
        return all(hasattr(value, name) for name in names)
    except Exception:  # noqa: BLE001 - a user's __getattr__
        return False


def is_positive(number: object) -> bool:
    """Tell whether it is a finite number above 0."""
    if isinstance(number, np.generic):  # no float32 holds the largest float
        number = number.item()
    return (
        isinstance(number, (int, float, np.longdouble))
        and not isinstance(number, bool)
        and bool(0 < number <= sys.float_info.max)
    )


def is_text(value: object, *texts: object) -> bool:
    """Tell whether it is one of some texts."""
    return isinstance(value, str) and str.__str__(value) in texts


def is_count(number: object) -> bool:
    """Tell whether it is an integer; True and False are not."""
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)


def is_not_negative(number: object) -> bool:
    """Tell whether it is a finite number, 0 or above."""
    return is_positive(number) or (
        isinstance(number, (int, float)) and not isinstance(number, bool) and number == 0
    )


def finite_numbers(name: str, values: Any) -> tuple[float, ...]:
    """Return distinct finite numbers as a tuple, ascending.

    Raises
    ------
    ValueError
        If they are anything else, or none, or one of them comes twice.
    """
    try:
        array = real_numbers(name, values)
    except TypeError as error:
        raise ValueError(str(error)) from error
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be a list of finite numbers, got {shown(values)}")
    if np.unique(array).size != array.size:
        raise ValueError(f"`{name}` must be distinct numbers, got {shown(values)}")
    return tuple(np.sort(array).tolist())


def real_numbers(name: str, value: Any) -> NDArray[np.float64]:
    """Return what a user gives as a fresh array of real numbers.

    Raises
    ------
    TypeError
        If it is no number, or carries a unit.
    ValueError
        If some are masked.
    """
    try:
        value = without_unit(name, value)
    except RecursionError as error:
        raise TypeError(f"`{name}` must be numbers, got what holds itself") from error
    check_unmasked(name, value)
    try:
        array = np.array(value)
    except Exception as error:  # whatever a user's __array__ or __len__ raises
        ragged = "; its rows differ in length" if isinstance(value, (list, tuple)) else ""
        raise TypeError(f"`{name}` must be numbers, got {shown(value)}{ragged}") from error
    if array.dtype.kind == "O" and is_no_list(value):
        raise TypeError(f"`{name}` must be numbers, got {shown(value)}: make it a list")
    if array.dtype.kind == "O":
        array = from_objects(name, array)
    if array.dtype.kind not in "fiu" and array.size:
        kind = type(value).__name__ if array.ndim == 0 else array.dtype.name
        raise TypeError(f"`{name}` must be real numbers, got {shown(value)} ({kind})")
    return array.astype(float)


def check_unmasked(name: str, value: Any) -> None:
    """Raise a ValueError for masked numbers: what lies under a mask is no number."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(f"`{name}` must have no masked numbers, got {shown(value)}")


def without_unit(name: str, value: Any) -> Any:
    """Return numbers as they are, and dimensionless quantities as numbers.

    Raises
    ------
    TypeError
        If they carry another unit; the message has that package's conversion.
    """
    if isinstance(value, (list, tuple)):
        try:
            carries = any(map(_carries, value))
        except RecursionError as error:
            raise TypeError(f"`{name}` must be numbers, got what holds itself") from error
        return [without_unit(name, v) for v in value] if carries else value
    unit = _unit(value)
    if unit is None:
        return value
    try:
        return value.to_value("") if hasattr(value, "to_value") else value.to("").magnitude
    except Exception as error:
        how = "its package's conversion"
        if hasattr(value, "to_value"):
            how = f".to_value({str(unit)!r})"
        elif hasattr(value, "magnitude"):
            how = f".to({str(unit)!r}).magnitude"
        raise TypeError(
            f"`{name}` must be plain numbers, got a quantity in {unit}: make it a number with {how}"
        ) from error


def _carries(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_carries, value))
    return _unit(value) is not None


def _unit(value: Any) -> Any:
    """Return the unit that something carries, as pint's, astropy's and unyt's quantities do."""
    if isinstance(value, (float, int, complex, str, np.generic)) or type(value) is np.ndarray:
        return None
    if has(value, "to_numpy"):  # a label may be called "unit"; xarray may hold a quantity
        return _unit(value.data) if has(value, "dims") else None
    try:
        found = getattr(value, "units", None)
        found = getattr(value, "unit", None) if found is None else found
    except Exception:  # noqa: BLE001 - a user's __getattr__
        return None
    return None if isinstance(found, str) or callable(found) else found


def from_objects(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return an array of float or complex from one of objects that are numbers.

    Raises
    ------
    TypeError
        If one is no number.
    """
    items = array.ravel().tolist()
    for each in items:
        if not is_number(each):
            raise TypeError(f"`{name}` must be numbers, got {shown(each)} ({type(each).__name__})")
    try:
        numbers = [_number(each) for each in items]
    except Exception as error:  # a user's __float__
        raise TypeError(f"`{name}` must be numbers, got {shown(array)}") from error
    return np.array(numbers, dtype=None if items else float).reshape(array.shape)


def is_no_list(value: object) -> bool:
    """Tell whether it gives one item after the other, but is no list: a generator, a set."""
    return isinstance(value, (Iterator, AbstractSet, ValuesView))


def is_number(each: object) -> bool:
    """Tell whether it is a number of any package, or stands for a missing one."""
    if isinstance(each, (bool, str, bytes)):
        return False
    return _is_missing(each) or has(each, "__float__") or has(each, "__complex__")


def _is_missing(each: object) -> bool:
    return type(each).__name__ in {"NAType", "NaTType"}


def _number(each: Any) -> float | complex:
    if _is_missing(each):
        return math.nan
    if not hasattr(each, "__float__"):
        return complex(each)
    try:
        return float(each)
    except OverflowError:  # an integer or a fraction beyond 1.8e308
        return math.inf if each > 0 else -math.inf


def check_flag(name: str, value: Any) -> bool:
    """Return True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"`{name}` must be True or False, got {shown(value)}")
    return bool(value)


def check_sequence(name: str, value: Any, of: str = "values") -> list[Any]:
    """Return the entries of a list, a tuple, an array or the like: what has a length."""
    if isinstance(value, (str, bytes, Mapping)):
        raise TypeError(f"`{name}` must be a sequence of {of}, got {shown(value)}")
    try:
        return list(islice(iter(value), len(value)))
    except Exception as error:
        raise TypeError(f"`{name}` must be a sequence of {of}, got {shown(value)}") from error


def check_texts(name: str, value: Any) -> tuple[str, ...]:
    """Return a sequence of texts as a tuple."""
    texts = check_sequence(name, value, "strings")
    if not all(isinstance(each, str) for each in texts):
        raise TypeError(f"`{name}` must be a sequence of strings, got {shown(value)}")
    return tuple(str.__str__(each) for each in texts)


def check_printable(name: str, value: Any) -> tuple[str, ...]:
    """Return texts that steer no terminal and break no table."""
    texts = check_texts(name, value)
    odd = [text for text in texts if not text.isprintable()]
    if odd:
        raise ValueError(f"`{name}` must be of characters that can be printed, got {shown(odd[0])}")
    return texts


def check_count(name: str, value: Any, *, least: int = 1) -> int:
    """Return a whole number of at least ``least``."""
    if not is_count(value) or value < least:
        raise ValueError(f"`{name}` must be a whole number of at least {least}, got {shown(value)}")
    return int(value)


def check_not_negative(name: str, value: Any) -> float:
    """Return a finite number of at least 0."""
    if not is_not_negative(value):
        raise ValueError(f"`{name}` must be a number of at least 0, got {shown(value)}")
    return float(value)


def check_version(version: Any, mismatch: Any) -> None:
    """Raise if these are not what a checkpoint's model may be called, and what to do with it."""
    if not isinstance(version, (str, type(None))):
        raise TypeError(f"`version` must be a string, got {shown(version)}")
    check_known("checkpoint_mismatch", mismatch, MISMATCH)


MOST_WORKERS = 2**31 - 1
"""Operating systems and pools count in 32 bits."""


def check_workers(n_workers: Any) -> int | None:
    """Return None, a positive number of workers, or -1 for as many as there are."""
    if n_workers is None:
        return None
    if not is_count(n_workers):
        raise TypeError(f"`n_workers` must be a whole number or None, got {shown(n_workers)}")
    if n_workers < 1 and n_workers != -1:
        raise ValueError(f"`n_workers` must be at least 1, or -1 for all cores, got {n_workers}")
    if n_workers > MOST_WORKERS:
        raise ValueError(f"`n_workers` must be at most {MOST_WORKERS}, got {shown(n_workers)}")
    return int(n_workers)


def check_numbers(name: str, value: Any) -> NDArray[np.float64]:
    """Return one finite number, or an array of at least one."""
    numbers = real_numbers(name, value)
    if numbers.size == 0:
        raise ValueError(f"`{name}` must be at least one number, got none")
    if not np.isfinite(numbers).all():
        raise ValueError(f"`{name}` must be finite, got {numbers}")
    return numbers


def check_direction(name: str, v: Any, p: int) -> NDArray[np.float64]:
    """Return a direction of p finite numbers that are not all 0."""
    if isinstance(v, Mapping):
        v = list(v.values())
    direction = real_numbers(name, v)
    if direction.shape != (p,):
        raise ValueError(f"`{name}` must have shape ({p},), got {direction.shape}")
    if not (np.isfinite(direction).all() and direction.any()):
        raise ValueError(f"`{name}` must be finite and not all 0, got {shown(v)}")
    return direction


def check_indices(indices: Sequence[Any], names: Sequence[str]) -> tuple[int, ...]:
    """Return parameters, given by index or by name, as indices."""
    indices = check_sequence("indices", indices, "parameters")
    if not indices:
        raise ValueError("`indices` must be at least one parameter, got none")
    return tuple(check_index("indices", i, names) for i in indices)


def check_index(name: str, i: Any, names: Sequence[str]) -> int:
    """Return a parameter, given by index or by name, as an index from 0."""
    if isinstance(i, str):
        return list(names).index(check_known(name, i, names))
    if not is_count(i):
        raise TypeError(f"`{name}` must be whole numbers or names, got {shown(i)}")
    if not -len(names) <= i < len(names):
        raise ValueError(f"`{name}` must lie in 0..{len(names) - 1}, got {i}")
    return int(i) % len(names)


def check_known(
    name: str, value: Any, known: Sequence[str], kind: type[Exception] = ValueError
) -> str:
    """Return one of ``known``; raise an error that suggests the nearest name if it is not."""
    word = str.__str__(value) if isinstance(value, str) else None
    if word not in known:
        suggest = did_you_mean if kind is TypeError else suggestion
        hint = suggest(word or "", known)
        raise kind(f"`{name}` must be one of {', '.join(known)}, got {shown(value)}{hint}")
    return str(word)


def suggestion(word: object, known: Iterable[str]) -> str:
    """Return what to say of a name that is not known: the nearest one that is, if any."""
    near = difflib.get_close_matches(str(word), list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


_OF_THE_KIT = (
    "accuracy args batch bounds call checkpoint checkpoint_mismatch errors executor has_aux hedge "
    "kwargs names period scale speculate timeout transform undefined vectorized version wrt"
)
_OF_THE_CALL = (
    "compare from_gradient max_evaluations max_seconds method n_workers progress side sparsity "
    "start"
)

_CALLED_HERE = {  # what to say: to whom types one of these words, known from elsewhere
    "model calls at a time are `n_workers`, of the call": (
        "n_jobs workers num_workers max_workers nworkers n_processes num_processes processes nproc "
        "ncpu n_cpus ncores n_cores cores parallel pool threads n_threads jobs"
    ),
    "steps are found from the samples; a length on which the model varies is the kit's `scale`, a "
    "step of your own method='finite', stepsize=…": (
        "step steps h dx delta eps epsilon base_step abs_step absolute_step finite_diff_rel_step "
        "rel_step relative_step step_size stepsize initial_step step_ratio"
    ),
    "second derivatives are hessian and hessian_diag, higher ones hyper_hessian(order=…); points "
    "of a stencil method='finite', num_points=…": (
        "order n derivative_order n_points npoints stencil"
    ),
    "steps are combined by themselves; to choose, method='finite', extrapolation='richardson'": (
        "central richardson ridders extrapolate"
    ),
    "one-sided derivatives are `side=+1` or `side=-1`": "forward backward one_sided direction",
    "the most model calls are `max_evaluations`, of the call": (
        "maxiter max_iter max_nfev maxfev maxfun maxeval max_evals max_calls budget"
    ),
    "a time limit is `max_seconds`, of the call": "max_time time_limit maxtime",
    "the error at which to stop is `rtol` or `atol`": "tol tolerance ftol xtol",
    "a bar is `progress=True`, of the call": "verbose disp show_progress tqdm",
    "errors and statuses are in gradient_result, hessian_result, …": (
        "full_output return_error return_errors return_info"
    ),
    "several arguments go to derivkit.grad; some parameters are the kit's `wrt`": "argnums argnum",
    "the point is the second argument, `x0`": "theta theta0 x params parameters p0 point",
    "the model is the first argument, `function`": "f fun func model",
    "bounds are the kit's `bounds`, (lower, upper) pairs": "lower upper lb ub limits domain",
    "equal bounds hold a parameter; some parameters are the kit's `wrt`": (
        "fixed fix frozen hold mask select"
    ),
    "logarithms are the kit's transform={'name': 'log'}": "log log_params logscale",
    "a function of many points has vectorized=True": "vectorised vectorize vectorise batched",
    "`{}` belongs to the kit: CalculusKit(function, x0, {}=…)": _OF_THE_KIT,
    "`{}` belongs to the call: kit.gradient(…, {}=…)": _OF_THE_CALL,
}
_ADVICE = {word: advice for advice, words in _CALLED_HERE.items() for word in words.split()}


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return "; " and what a keyword is called here, or nothing.

    Examples
    --------
    >>> did_you_mean("n_jobs", ["rtol"])
    '; model calls at a time are `n_workers`, of the call'
    >>> did_you_mean("boundz", ["bounds"])
    "; did you mean 'bounds'?"
    """
    for cutoff in (ALMOST, NEAR):
        near = difflib.get_close_matches(word, known, n=1, cutoff=cutoff)
        if near and word not in known:
            return f"; did you mean {near[0]!r}?"
        elsewhere = difflib.get_close_matches(word, _ADVICE, n=1, cutoff=ALMOST)
        if elsewhere:
            return f"; {_ADVICE[elsewhere[0]].replace('{}', elsewhere[0])}"
    return ""


def _is_real(value: object) -> bool:
    """Tell whether it is a real number of any kind but nan; True and False are not."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not (
        isinstance(value, bool) or value != value  # noqa: PLR0124 - nan
    )


def is_sequence(value: object) -> bool:
    """Tell whether it has entries and a length, and is neither text nor a mapping."""
    return (
        isinstance(value, Iterable)
        and not isinstance(value, (str, bytes, Mapping))
        and hasattr(value, "__len__")
    )


Function = TypeVar("Function", bound=Callable[..., Any])

KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {  # annotation: words, and a test
    "None": ("None", lambda value: value is None),
    "bool": ("True or False", lambda value: isinstance(value, (bool, np.bool_))),
    "int": ("a whole number", is_count),
    "float": ("a number", _is_real),
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
        passed_on = kwargs.keys() - {*own, *_ADVICE} if passes_on else ()
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
