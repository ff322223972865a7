"""What a call returns beside the bare numbers: every derivative with its error and its story."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from derivkit import export
from derivkit.labels import KINDS, Labels
from derivkit.status import Status

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from derivkit.evaluations import Evaluations

__all__ = ["DerivativeResult"]

MOST_LISTED = 6  # parameters named in a message


@dataclass(frozen=True, eq=False)
class DerivativeResult:
    """A derivative tensor with an error for each entry.

    Attributes
    ----------
    value : ndarray
        The derivatives, output axes first, parameter axes last: (p,) for a gradient, (m, p) for
        a Jacobian, (p, p) for a Hessian.
    error : ndarray
        Absolute error of each entry, in the same units; inf where it could not be resolved.
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
        The same for each entry's own line; the call at x0 is nobody's.
    step : ndarray
        Half-width of the samples behind each entry, in the parameter's units.
    noise : ndarray
        Absolute noise of the model's output at the scale of the samples; nan if not estimated.
    reach : ndarray (p,) or (p, p), …
        Largest distance from x0 at which the model was called.
    undefined : ndarray (p,) or (p, p), …
        How many calls found the model undefined.
    hessian_diag, hessian_diag_error : ndarray or None
        Second derivatives that the same samples gave for no further call, where the method gives
        them.
    parameter_axes : int
        How many of the last axes of ``value`` run over the parameters.
    labels : Labels or None
        What x0 was labelled with; see `labelled`.
    evaluations : Evaluations or None
        The finished model calls of the kit; None for a result read from JSON, and for methods
        that differentiate the function itself.
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
    hessian_diag: NDArray[np.float64] | None = None
    hessian_diag_error: NDArray[np.float64] | None = None
    parameter_axes: int = 1
    labels: Labels | None = None
    evaluations: Evaluations | None = None

    @property
    def success(self) -> bool:
        """Whether every entry is resolved."""
        return bool(np.isfinite(self.error).all())

    @property
    def message(self) -> str:
        """One sentence on how it went, naming the parameters that did not."""
        bad = self.unresolved
        if not bad:
            n = self.value.size
            what = f"all {n} derivatives are resolved" if n > 1 else "the derivative is resolved"
            return f"{what}, with {self.nfev} model calls"
        status: Status = self.status[~np.isfinite(self.error)].flat[0]
        listed = ", ".join(bad[:MOST_LISTED]) + (", …" if len(bad) > MOST_LISTED else "")
        return f"the derivative with respect to {listed} is {status}: {status.text}"

    @property
    def unresolved(self) -> list[str]:
        """Names of the parameters, or pairs of them, with an entry whose error is not finite."""
        entries = _entries(self.names, self.parameter_axes)
        known = np.isfinite(self.error).reshape(-1, len(self.names) ** self.parameter_axes)
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
                "value": float(values[k, flat]),
                "error": float(errors[k, flat]),
                "step": float(steps[k, flat]),
                "calls": int(calls[flat]),
                "status": str(statuses[k, flat]),
            }
            for k in range(len(values))
            for flat, name in entries
        ]

    def labelled(self, field: str = "value", *, kind: str | None = None) -> Any:
        """Return the values, or another field of their shape, labelled as x0 was.

        Parameters
        ----------
        field : str
            "value", "error", "status", "step" or "noise".
        kind : {"array", "dict", "pandas"}, optional
            Instead of the kind of x0.

        Returns
        -------
        ndarray, dict, pandas.Series or pandas.DataFrame
            A gradient as dict or Series; a Jacobian or Hessian as nested dict or DataFrame.
        """
        if kind is not None and kind not in KINDS:
            raise ValueError(f"`kind` must be one of {', '.join(KINDS)}, got {kind!r}")
        given = self.labels or Labels("array", self.names)
        labels = Labels(kind or given.kind, given.keys)
        return labels.given_to(getattr(self, field), self.parameter_axes)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as numbers, strings, lists and dicts."""
        return export.to_dict(self)

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return all fields as JSON text that `from_json` reads back to the same bits."""
        return export.to_json(self, indent=indent)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the result that `to_json` wrote."""
        return export.from_json(cls, text)

    def to_frame(self, what: str = "entries") -> pd.DataFrame:
        """Return a table as a pandas DataFrame.

        Parameters
        ----------
        what : {"entries", "evaluations"}
            A row for each derivative, or for each finished model call: what was moved, the
            point, the value, and the seconds it took (nan where they are not known).
        """
        if what not in {"entries", "evaluations"}:
            raise ValueError(f"`what` must be 'entries' or 'evaluations', got {what!r}")
        if what == "entries":
            return export.to_frame(self.rows())
        return export.to_frame(self.evaluations.rows() if self.evaluations is not None else [])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the derivatives with error bars, or a matrix of them; see `derivkit.plot`."""
        from derivkit.plot import plot_result  # noqa: PLC0415 - matplotlib is an extra

        return plot_result(self, ax)

    def plot_steps(self, parameter: str | int, output: int = 0, ax: Axes | None = None) -> Axes:
        """Draw error against step for one parameter: why its step was chosen."""
        from derivkit.plot import plot_steps  # noqa: PLC0415 - matplotlib is an extra

        return plot_steps(self, parameter, output, ax)

    def plot_samples(self, parameter: str | int, output: int = 0, ax: Axes | None = None) -> Axes:
        """Draw the samples along one parameter, with the tangent and a local fit."""
        from derivkit.plot import plot_samples  # noqa: PLC0415 - matplotlib is an extra

        return plot_samples(self, parameter, output, ax)

    def __str__(self) -> str:
        return _as_text(self.rows(), f"{self.method}: {self.message}")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _as_html(self.rows(), f"{self.method}: {self.message}")


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


_LEFT = ("parameter", "status")  # columns of text
_FORMATS = {"value": "{:.10g}", "error": "{:.2g}", "step": "{:.3g}"}


def _cells(row: dict[str, Any]) -> list[str]:
    return [_FORMATS.get(key, "{}").format(value) for key, value in row.items()]


def _as_text(rows: list[dict[str, Any]], title: str) -> str:
    table = [list(rows[0]), *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in table]
    return "\n".join([title, *lines])


def _as_html(rows: list[dict[str, Any]], caption: str) -> str:
    from html import escape  # noqa: PLC0415 - only notebooks need it

    def line(cells: list[str], tag: str) -> str:
        sides = ["left" if c in _LEFT else "right" for c in rows[0]]
        styles = [f"text-align: {side}; white-space: nowrap" for side in sides]
        each = zip(cells, styles, strict=True)
        return (
            "<tr>" + "".join(f'<{tag} style="{s}">{escape(c)}</{tag}>' for c, s in each) + "</tr>"
        )

    body = "".join(line(_cells(row), "td") for row in rows)
    head = f'<caption style="white-space: nowrap">{escape(caption)}</caption>'
    return f"<table>{head}{line(list(rows[0]), 'th')}{body}</table>"
