"""Ask and tell: derivatives of models that run elsewhere – in job arrays, laboratories, by hand.

A plan asks for points and is told values, in any order and as they come, until it has the result.
It is the kit's own call, replayed on what has been told; see `engine.replay`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.operators import requested
from derivkit.calculus.parameters import checked_wrt, must_vary
from derivkit.calculus.problem import Problem, check_problem, checked_accuracy, checked_period
from derivkit.engine.backends.choice import Execution
from derivkit.engine.model import Failure, Model, Reply, as_output
from derivkit.engine.points import place_of
from derivkit.engine.replay import Replay
from derivkit.engine.tree_text import as_text, from_text
from derivkit.plan.point_table import PointTable
from derivkit.plan.storage import from_plain, to_plain
from derivkit.results.labels import Labels
from derivkit.results.table import Shown, rows_of
from derivkit.validation import check_texts, has, is_count, shown, text_of, typed
from derivkit.version import __version__

__all__ = ["Plan"]

FORMAT = "derivkit plan 3"


class Plan(Shown):
    """The points a derivative needs, and the derivative when their values have been told.

    Parameters
    ----------
    what : str
        The method of `CalculusKit` whose result is wanted: "gradient", "hessian_result", ….
    x0 : array_like (p,), mapping or pandas Series
    bounds, scale, names
        As in `CalculusKit`.
    **arguments
        The method's.

    Raises
    ------
    ValueError
        If there is no such method, or an argument has a bad value.

    Examples
    --------
    >>> from derivkit import Plan
    >>> plan = Plan("gradient", {"a": 1.0, "b": 2.0})
    >>> while not plan.done:
    ...     points = plan.points()  # an array (n, p); also to_csv() and to_frame()
    ...     answer = plan.tell([a**2 * b for a, b in points])
    >>> {name: round(value, 6) for name, value in answer.items()}
    {'a': 4.0, 'b': 1.0}
    """

    def __init__(
        self,
        what: str,
        x0: Any,
        *,
        bounds: Any = None,
        scale: Any = None,
        names: Sequence[str] | None = None,
        **arguments: Any,
    ) -> None:
        problem = check_problem(_elsewhere, x0, bounds=bounds, scale=scale, names=names)
        self._set_up(problem, what, arguments)

    def _set_up(self, problem: Problem, what: str, arguments: Mapping[str, Any]) -> None:
        self._problem, self._what, self._arguments = problem, what, dict(arguments)
        self._replies: dict[bytes, Reply] = {}
        self._points: list[NDArray[Any]] = []  # by number
        self._numbers: dict[bytes, int] = {}
        self._replay = Replay(requested(problem, what, arguments), self._replies)
        self._advance()

    @classmethod
    def of(cls, problem: Problem, what: str, arguments: Mapping[str, Any]) -> Plan:
        """Return a plan for a problem whose function is left alone; see `CalculusKit.plan`."""
        if problem.coordinates:
            raise ValueError("`transform` must be None in a plan, whose points are the function's")
        plan = cls.__new__(cls)
        cls._set_up(plan, replace(problem, model=Model(_elsewhere)), what, arguments)
        return plan

    def _shown(self) -> tuple[list[dict[str, Any]], str]:
        problem, told = self._problem, f"{len(self._replies)} values are told"
        wanted = "done" if self.done else f"{len(self._replay.open)} points are needed now"
        bounds = {"lower": problem.lower.tolist(), "upper": problem.upper.tolist()}
        rows = rows_of(parameter=problem.names, x0=problem.x0.tolist(), **bounds)
        return rows, f"Plan of {self._what}: {told}, {wanted}"

    @property
    def done(self) -> bool:
        """Whether nothing more is needed."""
        return self._replay.done

    def points(self, *, ahead: int = 0) -> PointTable:
        """Return the points whose values are needed now, and have not been told; (n, p).

        Parameters
        ----------
        ahead : {0, 1}
            1: also those that may be needed later, behind the others. Where each round waits a day
            in a queue, the next one is then mostly told already; values that turn out not to be
            needed change nothing.
        """
        if not is_count(ahead) or not 0 <= ahead <= 1:
            raise ValueError(f"`ahead` must be 0 or 1, got {shown(ahead)}")
        places = self._open
        if ahead and places:
            call = requested(self._problem, self._what, self._arguments, speculate=True)
            further = Replay(call, self._replies, workers=sys.maxsize)
            further.advance()
            places = places | further.open
            for x in places.values():
                self._number(x)
        rows = list(places.values())
        array = np.stack(rows) if rows else np.empty((0, self._problem.p))
        return PointTable(array, [self._numbers[k] for k in places], self._problem.names)

    @property
    def _open(self) -> dict[bytes, NDArray[Any]]:
        """Return the points that are needed now; complex ones when no real ones are missing."""
        real = {place: x for place, x in self._replay.open.items() if x.dtype.kind != "c"}
        return real or self._replay.open

    def result(self) -> Any:
        """Return what the kit's method would have returned.

        Raises
        ------
        RuntimeError
            If values are still missing.
        """
        if not self.done:
            raise RuntimeError(
                f"the plan still needs the values at {len(self._replay.open)} points; "
                "tell them first"
            )
        return self._replay.result

    def tell(self, values: Any) -> Any:
        """Tell the function's values at the points, or at some of them.

        Parameters
        ----------
        values : sequence, mapping or pandas object
            One entry for each row of `points`, in its order; or by the points' numbers: a
            mapping, a Series, or a DataFrame with an output a column. An entry is a number or an
            array; nan, inf or an exception where the function is undefined; None where it is not
            known yet.

        Returns
        -------
        PointTable or result
            The points that are needed next; the result if there are none.

        Raises
        ------
        ModelError
            If the function is undefined at x0.
        TypeError, ValueError
            If a value is not a number or has the wrong shape, or a number is not a point's.
            Nothing of what was told in this call is kept then.
        """
        told = {place: r for place, r in self._told(values).items() if r is not None}
        before = dict(self._replies)
        self._replies.update(told)
        try:
            self._advance()
        except Exception:
            self._replies.clear()
            self._replies.update(before)
            raise
        return self.result() if self.done else self.points()

    @typed
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plan to a file, as JSON; `load` goes on from it, on any machine.

        A file holds no classes: where x0 was a dataclass's or a named tuple, the derivative of a
        plan that was loaded is an array.

        Raises
        ------
        TypeError
            If an argument of the plan is neither numbers nor text nor a registered method.
        """
        problem = self._problem
        state = {
            "format": FORMAT,
            "derivkit": __version__,
            "what": self._what,
            "arguments": {k: to_plain(v, k) for k, v in self._arguments.items()},
            "names": list(problem.names),
            "structure": problem.labels.parameters and as_text(problem.labels.parameters),
            **{k: to_plain(getattr(problem, k), k) for k in (*_ARRAYS, *_SETTINGS)},
            "points": [_compact(x, problem.x0) for x in self._points],
            "values": {
                str(self._numbers[place]): to_plain(_value_of(reply), "values")
                for place, reply in self._replies.items()
            },
        }
        whole = _file(path)
        part = whole.with_name(f"{whole.name}.{token_hex(8)}.part")
        try:
            with part.open("x") as file:  # a new file: what stands there is never written through
                json.dump(state, file, allow_nan=False)
            part.replace(whole)  # all of it, or what was there before
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    @classmethod
    @typed
    def load(cls, path: str | os.PathLike[str]) -> Plan:
        """Return the plan that was saved in a file.

        Raises
        ------
        ValueError
            If the file is not a plan's.
        """
        try:
            state = json.loads(_file(path).read_text())
        except ValueError as error:
            raise ValueError(
                f"`path` must be a plan's file, got {shown(str(path))}: {error}"
            ) from error
        if not isinstance(state, dict) or state.get("format") != FORMAT:
            raise ValueError(
                f"`path` must be a plan's file of this version of derivkit, got {shown(str(path))}"
            )
        try:
            return cls._restored(state)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            told = f"KeyError: {error}" if isinstance(error, KeyError) else text_of(error)
            raise ValueError(
                f"`path` must be a plan's file, got {shown(str(path))}, which is not complete or "
                f"was changed ({' '.join(told.split())})"
            ) from error

    @classmethod
    def _restored(cls, state: Mapping[str, Any]) -> Plan:
        names, structure = check_texts("names", state["names"]), state["structure"]
        shown_ones = state["shown"] and checked_wrt(state["shown"], names, None)
        labels = Labels(
            tuple(names[i] for i in shown_ones or range(len(names))),
            structure and from_text(structure),
        )
        arrays = {k: from_plain(state[k]) for k in _ARRAYS}
        x0, lower, upper, scale = (arrays[k] for k in ("x0", "lower", "upper", "scale"))
        sizes = {each.shape for each in (x0, lower, upper, scale)}
        inside = sizes == {(len(names),)} and ((lower <= x0) & (x0 <= upper)).all()
        if not (inside and (np.isfinite(scale) & (scale > 0)).all() and np.isfinite(x0).all()):
            raise ValueError("its bounds, scale and x0 do not fit")
        must_vary(shown_ones, lower, upper, names)
        arrays["x0"].flags.writeable = False
        problem = Problem(
            Model(_elsewhere),
            names=names,
            labels=labels,
            shown=shown_ones,
            period=checked_period(from_plain(state["period"])),
            accuracy=checked_accuracy(from_plain(state["accuracy"])),
            **arrays,
        )
        plan = cls.__new__(cls)
        arguments = {k: from_plain(v) for k, v in state["arguments"].items()}
        cls._set_up(plan, problem, state["what"], arguments)
        for x in state["points"]:
            cls._number(plan, _full(x, arrays["x0"]))
        plan.tell({int(k): from_plain(v) for k, v in state["values"].items()})
        return plan

    def __reduce__(self) -> tuple[Any, ...]:
        problem = replace(self._problem, execution=Execution())
        return _again, (problem, self._what, self._arguments, self._points, dict(self._replies))

    def _advance(self) -> None:
        self._replay.advance()
        for x in self._replay.open.values():
            self._number(x)

    def _number(self, x: NDArray[Any]) -> None:
        place = place_of(x)
        if place not in self._numbers:
            self._numbers[place] = len(self._points)
            self._points.append(x)

    def _told(self, values: Any) -> dict[bytes, Reply | None]:
        """Return what was told, by place; None for what is not known yet."""
        if has(values, "index", "to_numpy"):
            values = dict(zip(values.index.tolist(), values.to_numpy(), strict=True))
        if isinstance(values, Mapping):
            unknown = [n for n in values if n not in range(len(self._points))]
            if unknown:
                raise ValueError(
                    f"`values` must be given by the numbers of points, 0 to "
                    f"{len(self._points) - 1}, got {shown(unknown[0])}"
                )
            numbered = [(self._points[int(n)], value) for n, value in values.items()]
            return {place_of(x): _reply(value, x) for x, value in numbered}
        places = self._open
        try:
            len(values)
        except Exception:  # noqa: BLE001 - a user's __len__
            raise TypeError(
                "`values` must be a list or an array with one entry for each row of points(), or a "
                f"mapping from their numbers, got {type(values).__name__}"
            ) from None
        if len(values) != len(places):
            raise ValueError(
                f"`values` must have {len(places)} entries, one for each row of points(), got "
                f"{len(values)}; put None where a value is not known yet"
            )
        return {
            place: _reply(value, x)
            for (place, x), value in zip(places.items(), values, strict=True)
        }


_ARRAYS = ("x0", "lower", "upper", "scale", "scale_given")  # the problem's, as they are saved
_SETTINGS = ("shown", "period", "accuracy")


def _file(path: Any) -> Path:
    try:
        name = os.fspath(path)
    except Exception as error:  # whatever a user's __fspath__ raises
        raise TypeError(f"`path` must be the name of a file, got {shown(path)}") from error
    if "\0" in name or not Path(name).name:
        raise ValueError(f"`path` must be the name of a file, got {shown(path)}")
    return Path(name)


def _again(
    problem: Problem,
    what: str,
    arguments: Mapping[str, Any],
    points: Sequence[NDArray[Any]],
    replies: Mapping[bytes, Reply],
) -> Plan:
    """Return a pickled plan: what was told is replayed."""
    plan = Plan.of(problem, what, arguments)
    for x in points:
        plan._number(x)  # noqa: SLF001 - its own
    plan._replies.update(replies)  # noqa: SLF001
    plan._advance()  # noqa: SLF001
    return plan


def _compact(x: NDArray[Any], x0: NDArray[Any]) -> Any:
    """Return a point as [index, coordinate, …] where it differs from x0; whole if in many."""
    where = np.flatnonzero(x != x0)
    if x.dtype.kind == "c" or 2 * where.size > x.size + 1:
        return to_plain(x, "points")
    return [each for i in where.tolist() for each in (i, float(x[i]))]


def _full(plain: Any, x0: NDArray[Any]) -> NDArray[Any]:
    if not isinstance(plain, list):
        return np.asarray(from_plain(plain))
    x = np.array(x0)
    x[plain[::2]] = plain[1::2]
    return x


def _reply(value: Any, x: NDArray[Any]) -> Reply | None:
    if value is None:
        return None
    if isinstance(value, Exception):
        return Failure(value, undefined=True)
    return as_output(value, complex_allowed=x.dtype.kind == "c")


def _value_of(reply: Reply) -> Any:
    return float("nan") if isinstance(reply, Failure) else reply


def _elsewhere(_: NDArray[Any]) -> NoReturn:
    """Stand for a function that a plan must not call."""
    raise TypeError(
        "a plan cannot call the function; choose a method that works on its values alone, such as "
        "'auto' or 'finite'"
    )
