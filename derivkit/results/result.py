"""What a call returns beside the bare numbers: every derivative with its error, status and cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.failures import Raised
from derivkit.engine.plain_numbers import output_numbers
from derivkit.engine.trees import flatten
from derivkit.plot.convergence import Course
from derivkit.plot.scan import Scan
from derivkit.results import serialise as export
from derivkit.results.evaluations import Evaluations
from derivkit.results.labels import Labels
from derivkit.results.table import html_table, text_table
from derivkit.status import Status
from derivkit.validation import check_index, check_known, shown, typed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["DerivativeResult", "nothing_known"]

MOST_LISTED = 6  # parameters named in a message
MOST_ROWS = 40  # of a table in a terminal
LEAST_SAMPLES = 3  # two give a slope, and nothing to compare it with


class _WhenLookedAt:
    """A field, None by default, that may be given as a function: called when it is looked at."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, result: Any, owner: Any = None) -> Any:
        if result is None:
            return None  # the field's default
        value = vars(result)[self._name]
        if callable(value):
            value = vars(result)[self._name] = value()
        return value

    def __set__(self, result: Any, value: Any) -> None:
        vars(result)[self._name] = value


def _when_looked_at() -> Any:
    return _WhenLookedAt()


@dataclass(frozen=True, eq=False)
class DerivativeResult:
    """A derivative tensor with an error for each entry.

    Attributes
    ----------
    value : ndarray
        The derivatives, output axes first, parameter axes last: (p,) for a gradient, (m, p) for
        a Jacobian, (p, p) for a Hessian.
    error : ndarray
        Absolute error of each entry, in the same units; inf where it could not be resolved. Of the
        modulus, where outputs are complex.
    status : ndarray of Status
        How each entry came out.
    names : tuple of p str
        The parameters.
    x0 : ndarray (p,)
    method : str
        Name of the method.
    order : int
    nfev : int
        Model calls made for this result; those another result of the same kit had already made
        are not counted.
    nfev_per_parameter : ndarray (p,) or (p, p), …
        The same for each entry's own line; the call at x0 belongs to no line.
    step : ndarray
        Half-width of the samples behind each entry, in the parameter's units.
    noise : ndarray
        Absolute noise of the model's output at the scale of the samples; nan if not estimated.
    reach : ndarray (p,) or (p, p), …
        Largest distance from x0 at which the model was called.
    undefined : ndarray (p,) or (p, p), …
        How many calls found the model undefined.
    noise_error : ndarray or None
        The part of each error that is noise of the model; nan where the method does not tell.
    finite_bound : ndarray or None
        The error where that is finite; where it is inf, the largest error that can be defended,
        or inf if none can.
    hessian_diag, hessian_diag_error : ndarray or None
        Second derivatives that the same samples gave for no further call, where the method gives
        them; worked out when they are looked at.
    parameter_axes : int
        How many of the last axes of ``value`` run over the parameters.
    labels : Labels or None
        The structure of x0 and of the outputs; see `labelled`.
    evaluations : Evaluations or None
        The finished model calls of the kit; None for a result read from JSON, and for methods
        that differentiate the function itself.
    aux : object
        What the model returned beside its output at x0, with ``has_aux=True``.
    gap : ndarray or None
        With ``compare=``: abs(f' - g'), by which the derivatives of the other model differ. One
        and a half times of it is in ``error``, since that model is not exact either.
    asymmetry : ndarray (p, p) or None
        Of a Hessian from a gradient: what the Jacobian and its transpose differed by.
    raised : tuple of Raised
        What the model raised where that was taken to mean "undefined there": type, text, first
        point, count.

    Examples
    --------
    >>> from derivkit import CalculusKit
    >>> kit = CalculusKit(lambda x: x["a"] ** 2 * x["b"], {"a": 1.0, "b": 2.0})
    >>> result = kit.gradient_result("finite")
    >>> result.success, bool((abs(result.value - [4.0, 1.0]) <= result.error).all())
    (True, True)
    >>> result.message
    'all 2 derivatives are resolved, with 13 model calls'
    >>> [row["parameter"] for row in result.rows()]
    ['a', 'b']
    """

    value: NDArray[np.float64]
    error: NDArray[np.float64]
    status: NDArray[Any]
    names: tuple[str, ...]
    x0: NDArray[np.float64]
    method: str
    order: int
    nfev: int
    nfev_per_parameter: NDArray[np.int64]
    step: NDArray[np.float64]
    noise: NDArray[np.float64]
    reach: NDArray[np.float64]
    undefined: NDArray[np.int64]
    noise_error: NDArray[np.float64] | None = None
    finite_bound: NDArray[np.float64] | None = None
    hessian_diag: NDArray[np.float64] | None = _when_looked_at()  # noqa: RUF009 - a descriptor
    hessian_diag_error: NDArray[np.float64] | None = _when_looked_at()  # noqa: RUF009 - a descriptor
    parameter_axes: int = 1
    labels: Labels | None = None
    evaluations: Evaluations | None = None
    aux: Any = None
    gap: NDArray[np.float64] | None = None
    asymmetry: NDArray[np.float64] | None = None
    raised: tuple[Raised, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in vars(self)}

    @property
    def success(self) -> bool:
        """Whether every entry is resolved; those of fixed parameters are none."""
        return bool(self._known.all())

    @property
    def _known(self) -> NDArray[np.bool_]:
        known: NDArray[np.bool_] = np.isfinite(self.error)
        return known if known.all() else known | (self.status == Status.FIXED)

    @property
    def message(self) -> str:
        """One sentence on how it went, naming the parameters that did not."""
        bad = self.unresolved
        if not bad:
            n = self.value.size
            what = f"all {n} derivatives are resolved" if n > 1 else "the derivative is resolved"
            return f"{what}, with {self._cost()}{self._what_was_raised()}"
        status: Status = self.status[~self._known].flat[0]
        listed = ", ".join(bad[:MOST_LISTED]) + (", …" if len(bad) > MOST_LISTED else "")
        noun, verb = ("derivatives", "are") if len(bad) > 1 else ("derivative", "is")
        verdict = f"the {noun} with respect to {listed} {verb} {status.adjective}: {status.text}"
        return verdict + self._what_was_raised()

    def _cost(self) -> str:
        """Return how many calls were made, and how many values a checkpoint had."""
        if not self.nfev:
            return "no further model call"
        kept = 0 if self.evaluations is None else self.evaluations.reused
        if not kept or self.evaluations is None:
            return f"{self.nfev} model calls"
        return f"{self.nfev} values: {self.nfev - kept} calls, {kept} from {self.evaluations.where}"

    def _what_was_raised(self) -> str:
        notes = ", and ".join(map(str, self.raised))
        return f"; away from x0 the model {notes}" if notes else ""

    @property
    def unresolved(self) -> list[str]:
        """Names of the parameters, or pairs of them, with an entry whose error is not finite."""
        entries = _entries(self.names, self.parameter_axes)
        known = self._known.reshape(-1, len(self.names) ** self.parameter_axes)
        resolved = np.asarray(known.all(axis=0)).tolist()
        return [name for flat, name in entries if not resolved[flat]]

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: a dict for each entry (of equal ones the first), output by output."""
        entries = _entries(self.names, self.parameter_axes)
        values, errors, steps, statuses = (
            np.reshape(a, (-1, len(self.names) ** self.parameter_axes))
            for a in (self.value, self.error, self.step, self.status)
        )
        calls = np.ravel(self.nfev_per_parameter)
        return [
            {
                "parameter": name,
                **({"output": k} if len(values) > 1 else {}),
                "value": values[k, flat].item(),
                "error": float(errors[k, flat]),
                "step": float(steps[k, flat]),
                "calls": int(calls[flat]),
                "status": str(statuses[k, flat]),
            }
            for k in range(len(values))
            for flat, name in entries
        ]

    @typed
    def labelled(self, field: str = "value", *, kind: str | None = None) -> Any:
        """Return the values, or another field of their shape, labelled as x0 was.

        Parameters
        ----------
        field : str
            "value", "error", "status", "step", "noise", "noise_error", "finite_bound", "gap" or
            "asymmetry".
        kind : {"array", "dict", "pandas"}, optional
            Instead of the kind of x0.

        Returns
        -------
        ndarray, dict, pandas.Series or pandas.DataFrame
            A gradient as dict or Series; a Jacobian or Hessian as nested dict or DataFrame.
        """
        labels = (self.labels or Labels(self.names)).of_kind(kind)
        shape = np.shape(self.value)
        fields = {k: v for k in _OF_ENTRIES if (v := getattr(self, k)) is not None}
        like = [k for k, v in fields.items() if np.shape(v) == shape]
        field = check_known("field", field, like)
        return labels.given_to(fields[field], self.parameter_axes)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.value, dtype=dtype, copy=copy)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as numbers, strings, lists and dicts."""
        return export.to_dict(self)

    @typed
    def to_json(self, *, indent: int | None = 2) -> str:
        """Return all fields as JSON text that `from_json` reads back to the same bits."""
        return export.to_json(self, indent=indent)

    @classmethod
    @typed
    def from_json(cls, text: str) -> Self:
        """Return the result that `to_json` wrote."""
        return export.from_json(cls, text)

    @typed
    def to_frame(self, what: str = "entries") -> pd.DataFrame:
        """Return a table as a pandas DataFrame.

        Parameters
        ----------
        what : {"entries", "evaluations"}
            A row for each derivative, or for each finished model call: what was moved, the
            point, the value, and the seconds it took (nan where they are not known).
        """
        if what not in {"entries", "evaluations"}:
            raise ValueError(f"`what` must be 'entries' or 'evaluations', got {shown(what)}")
        if what == "entries":
            return export.to_frame(self.rows())
        return export.to_frame(self.evaluations.rows() if self.evaluations is not None else [])

    @typed
    def scan(self, parameter: str | int, output: int = 0) -> Scan:
        """Return one first derivative with the samples along its parameter.

        Raises
        ------
        ValueError
            If the parameter or output is not there, the result is of another order, or it has no
            evaluations (it was read from JSON, or the method differentiates the function itself).
        """
        if self.order != 1 or self.parameter_axes != 1:
            raise ValueError(f"the picture is of first derivatives, got order {self.order}")
        index = check_index("parameter", parameter, self.names)
        fields = (self.value, self.error, self.step, self.noise, self.status)
        entries = [np.reshape(field, (-1, len(self.names))) for field in fields]
        outputs = len(entries[0])
        if not 0 <= output < outputs:
            raise ValueError(f"`output` must lie in 0..{outputs - 1}, got {output}")
        if self.evaluations is None:
            raise ValueError("the result has no evaluations to draw; compute it again here")
        known = self.evaluations.names
        name = self.names[index]
        where = known.index(name) if name in known else index
        t, values = self.evaluations.along(where, output)
        if t.size < LEAST_SAMPLES or not np.any(t == 0):
            raise ValueError(f"there are too few samples along {self.names[index]} to draw")
        value, error, step, noise, status = (entry[output, index] for entry in entries)
        origin = float(self.x0[index])
        return Scan(self.names[index], origin, t, values, value, error, step, noise, str(status))

    @typed
    def plot(
        self,
        ax: Axes | None = None,
        *,
        form: str = "auto",
        outputs: Sequence[Any] | None = None,
    ) -> Axes:
        """Draw the derivatives with error bars, or a matrix of them; see `derivkit.plot`."""
        from derivkit.plot.pictures import plot_result  # noqa: PLC0415 - matplotlib is an extra

        return plot_result(self, ax, form=form, outputs=outputs)

    @typed
    def plot_steps(self, parameter: str | int, output: int = 0, ax: Axes | None = None) -> Axes:
        """Draw error against step for one parameter: why its step was chosen."""
        from derivkit.plot.pictures import plot_steps  # noqa: PLC0415 - matplotlib is an extra

        return plot_steps(self.scan(parameter, output), ax)

    @typed
    def plot_samples(self, parameter: str | int, output: int = 0, ax: Axes | None = None) -> Axes:
        """Draw the samples along one parameter, with the tangent and a local fit."""
        from derivkit.plot.pictures import plot_samples  # noqa: PLC0415 - matplotlib is an extra

        return plot_samples(self.scan(parameter, output), ax)

    @typed
    def plot_convergence(self, output: int = 0, ax: Axes | None = None) -> Axes:
        """Draw how the derivatives came together, against model calls as they were made."""
        from derivkit.plot.pictures import plot_convergence  # noqa: PLC0415 - an extra

        courses = []
        for index, name in enumerate(self.names):
            scan = self.scan(index, output)  # checks, too, that there is something to draw
            assert self.evaluations is not None  # noqa: S101 - as scan has found
            course = self.evaluations.course(index, output)
            courses.append(Course(name, *course, scan.value, scan.error, scan.used))
        title = f"{self.method}, {self.nfev} model calls"
        return plot_convergence(courses, title, ax)

    def __str__(self) -> str:
        rows = self.rows()
        if len(rows) > MOST_ROWS:  # those that need a look come first
            rows.sort(key=lambda row: np.isfinite(row["error"]))
        title = f"{self.method}: {self.message}"
        return text_table(rows, title, _FORMATS, MOST_ROWS, where="; to_frame() has them all")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self.rows(), f"{self.method}: {self.message}", _FORMATS)


def nothing_known(like: Any, x0: NDArray[Any] | None) -> Any:
    """Return what says nothing, in the form of another point's result or bare derivatives."""
    if isinstance(like, tuple) and all(isinstance(each, DerivativeResult) for each in like):
        return tuple(nothing_known(each, x0) for each in like)
    if isinstance(like, DerivativeResult):
        status = np.full(like.status.shape, Status.UNDEFINED, dtype=object)
        return replace(
            like,
            value=np.full_like(like.value, np.nan),
            error=np.full_like(like.error, np.inf),
            status=status,
            x0=like.x0 if x0 is None else x0,
            nfev=1,
            evaluations=None,
        )
    if hasattr(like, "tocsr"):
        return like * np.nan
    flat, tree = flatten(like, "derivatives", output_numbers)
    return tree.build(np.full(flat.shape, np.nan))


def _entries(names: tuple[str, ...], axes: int) -> list[tuple[int, str]]:
    """Return the distinct entries of a symmetric tensor: place in the flat array, and name."""
    if axes == 0:
        return [(0, "the direction")]
    if axes == 1:
        return list(enumerate(names))
    p = len(names)
    return [
        (int(np.ravel_multi_index(index, (p,) * axes)), f"({', '.join(names[i] for i in index)})")
        for index in combinations_with_replacement(range(p), axes)
    ]


_OF_ENTRIES = (
    *("value", "error", "status", "step", "noise"),
    *("noise_error", "finite_bound", "gap", "asymmetry"),
)

_FORMATS = {"value": "{:.10g}", "error": "{:.2g}", "step": "{:.3g}"}
