"""The finished model calls behind a result: as a table, or along one parameter for a picture.

A view of the kit's memo: no point is copied until it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.points import Key

__all__ = ["Evaluations"]


@dataclass(frozen=True, eq=False)
class Evaluations:
    """Finished model calls around one x0.

    Attributes
    ----------
    memo : mapping of Key to output
        Shared with the kit, so that it grows with further calls.
    names : tuple of p str
    x0 : ndarray (p,)
    seconds : mapping of Key to float
        What the calls took, where it is known; shared likewise.
    reused : int
        How many of the values of this call a checkpoint had.
    where : str
        The checkpoint, for messages.
    """

    memo: Mapping[Key, Any]
    names: tuple[str, ...]
    x0: NDArray[np.float64]
    seconds: Mapping[Key, float]
    reused: int = 0
    where: str = ""

    def __len__(self) -> int:
        return len(self.memo)

    def __reduce__(self) -> tuple[Any, ...]:
        plain = (dict(self.memo), self.names, self.x0, dict(self.seconds), self.reused, self.where)
        return Evaluations, plain

    def rows(self) -> list[dict[str, Any]]:
        """Return a dict for each call: what was moved, the point, the value, and the seconds.

        The seconds are those that the model took, where it ran; a vectorised call's are shared out
        evenly over its points. They are nan where they are not known: of calls that an earlier
        session left in a checkpoint, and of values that were told to a plan.

        Complex points, and those that differ from x0 in many coordinates, of which only a digest
        is kept, are left out.
        """
        listed = ((key, _moved(key), output) for key, output in self.memo.items())
        return [
            self._row(moved, output, self.seconds.get(key, math.nan))
            for key, moved, output in listed
            if moved is not None
        ]

    def _row(self, moved: dict[int, float], output: Any, seconds: float) -> dict[str, Any]:
        point = dict(enumerate(self.x0.tolist())) | moved
        return {
            "parameter": " ".join(self.names[i] for i in moved) or "x0",
            **dict(zip(self.names, point.values(), strict=True)),
            "value": output,
            "seconds": seconds,
        }

    def course(
        self, index: int, output: int = 0
    ) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[Any]]:
        """Return the samples along a parameter as they came: calls so far, places and values.

        Each (n,); the call at x0 is among them.
        """
        start = float(self.x0[index])
        found = [
            (call, moved.get(index, start) - start, np.ravel(value))
            for call, (key, value) in enumerate(self.memo.items(), 1)
            if (moved := _moved(key)) is not None and set(moved) <= {index}
        ]
        calls, t, values = zip(*found, strict=True) if found else ((), (), ())
        flat = [y[min(output, y.size - 1)] for y in values]
        return np.array(calls, dtype=np.int64), np.array(t), np.array(flat, dtype=float)

    def along(self, index: int, output: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the places (n,), ascending, and values (n,) where one parameter alone moved.

        Parameters
        ----------
        index : int
            The parameter.
        output : int
            Which output of a vector-valued model, counted flat.

        Returns
        -------
        t, values : ndarray (n,)
            Distances from x0 in the parameter's units, x0 itself (t = 0) among them; nan where
            the model was undefined.
        """
        start = float(self.x0[index])
        samples = {
            moved.get(index, start) - start: value
            for key, value in self.memo.items()
            if (moved := _moved(key)) is not None and set(moved) <= {index}
        }
        t = np.array(sorted(samples))
        flat = [np.ravel(samples[each]) for each in t.tolist()]
        return t, np.array([y[min(output, y.size - 1)] for y in flat], dtype=float)

    def outputs_along(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the places (n,), ascending, and all outputs (n, m) there, as `along` does one."""
        start = float(self.x0[index])
        samples = {
            moved.get(index, start) - start: np.ravel(np.asarray(value))
            for key, value in self.memo.items()
            if (moved := _moved(key)) is not None and set(moved) <= {index}
        }
        t = np.array(sorted(samples))
        m = max((y.size for y in samples.values()), default=0)
        return t, np.array([np.broadcast_to(samples[each], m) for each in t.tolist()])


def _moved(key: Key) -> dict[int, float] | None:
    """Return the coordinates in which a point differs from x0; None if they are not kept."""
    if isinstance(key, bytes) or any(isinstance(each, complex) for each in key):
        return None
    real = [each.real for each in key]
    return {int(i): c for i, c in zip(real[::2], real[1::2], strict=True)}
