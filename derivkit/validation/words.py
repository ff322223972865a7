"""What messages say: a value in one line, and the name that a misspelt one may be."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Sequence

import numpy as np

__all__ = [
    "ADVICE",
    "ALMOST",
    "LONGEST_SHOWN",
    "LONGEST_TEXT",
    "did_you_mean",
    "shown",
    "suggestion",
    "text_of",
]

NEAR = 0.6  # similarity at which a word may be a misspelt one
ALMOST = 0.8  # similarity at which a misspelt word is meant, whatever else it means elsewhere
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
ADVICE = {word: advice for advice, words in _CALLED_HERE.items() for word in words.split()}


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
        elsewhere = difflib.get_close_matches(word, ADVICE, n=1, cutoff=ALMOST)
        if elsewhere:
            return f"; {ADVICE[elsewhere[0]].replace('{}', elsewhere[0])}"
    return ""
