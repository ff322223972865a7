"""A second derivative from part of what another method would ask first, if that is enough.

Along most of many axes the noise of the model is known already, from the first few. Then the
outer samples of a method's first ladder tell enough, and the inner ones, which are there to find
the noise, need not be taken. If they do not tell enough, the method goes on as it would have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.protocol import Estimate, Line, Method, Solver
from derivkit.methods.weights import unit_weights
from derivkit.status import Status

__all__ = ["BriefSecond"]

PAIRS = 3  # of samples at ±t: the least that shows how fast two successive terms fall
DEVIATIONS = 3.0  # of the noise in the error: covers 99.7 % of a normal distribution
TAIL_SAFETY = 4.0  # on the first term left out, guessed from those before it
GOOD_ENOUGH = 1e-8  # of the value: an error that is accepted; the true one is usually far less
ROUNDING = 2.0**-46  # of the outputs: noise below this cannot be averaged away by other steps
SYMMETRIC = 2.0**-8  # the two sides may differ by this part
DOUBLING = 0.3  # steps that double to about this are what the terms are read from


@dataclass(frozen=True, eq=False)
class BriefSecond:
    r"""The second derivative from the three outer pairs of a symmetric ladder.

    Parameters
    ----------
    noise : ndarray (q,)
        Standard deviation of the model's noise, per output.
    otherwise : Method
        Whose first request is cut short, and which goes on where that is not enough.

    Notes
    -----
    :math:`v_k` is the second derivative of the polynomial through x0 and the k inner pairs. The
    differences :math:`v_2 - v_1` and :math:`v_3 - v_2` show the terms of order 2 and 4; the error
    of :math:`v_3` is the term of order 6, taken to be smaller than the one before it by the slowest
    ratio of two successive ones.
    """

    noise: NDArray[np.float64]
    otherwise: Method

    def solve(self, line: Line, order: int) -> Solver:
        """Differentiate twice; see the class."""
        t = _outer_pairs(next(self.otherwise.solve(line, order)))
        if order != 2 or t is None:
            return (yield from self.otherwise.solve(line, order))
        values = yield t
        if not np.isfinite(values).all():
            return (yield from self.otherwise.solve(line, order))
        value, noise, tail = self._judged(t, values)
        quiet = self.noise <= ROUNDING * np.max(np.abs(values), axis=0)
        good = noise + tail <= GOOD_ENOUGH * np.abs(value)
        if not (good | (quiet & (tail <= noise))).all():
            return (yield from self.otherwise.solve(line, order))
        reach = float(np.abs(t[0]))
        return Estimate(value, noise + tail, Status.CONVERGED, reach, self.noise, reach)

    def _judged(
        self, t: NDArray[np.float64], values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the value, what noise does to it, and the first term left out."""
        unit = float(np.max(np.abs(t)))
        scaled = (t / unit).tolist()  # few kinds of ladders: their weights are kept
        weights = [unit_weights(tuple(scaled[2 * k :]), 2) / unit**2 for k in range(PAIRS)]
        v3, v2, v1 = (w @ values[2 * k :] for k, w in enumerate(weights))
        noise = [DEVIATIONS * self.noise * float(np.linalg.norm(w)) for w in weights]
        wide, middle, narrow = np.abs(t[:-1:2])
        to_second = (wide / narrow) ** 2  # from the terms seen to those at the widest step
        to_fourth = (wide / narrow * wide / middle) ** 2
        second = to_second * np.maximum(np.abs(v2 - v1) - noise[2], 0.0)
        fourth = to_fourth * np.maximum(np.abs(v3 - v2) - noise[1], 0.0)
        ratio = np.maximum(_ratio(fourth, second), _ratio(second, np.abs(v3)))
        return v3, noise[0], TAIL_SAFETY * ratio * fourth / to_fourth


def _ratio(later: NDArray[np.float64], earlier: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return later / earlier, at most 1."""
    return np.divide(later, earlier, out=np.ones_like(later), where=earlier > later)


def _outer_pairs(t: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the outermost pairs of a ladder, from the outside in, and 0; None if it is none."""
    up, down = np.sort(t[t > 0])[::-1], np.sort(-t[t < 0])[::-1]
    if up.size <= PAIRS or up.size != down.size or np.iscomplexobj(t):
        return None
    up, down = up[:PAIRS], down[:PAIRS]
    if (np.abs(up - down) > SYMMETRIC * up).any() or (
        np.abs(up[:-1] / up[1:] - 2) > DOUBLING
    ).any():
        return None
    return np.append(np.column_stack([-down, up]).ravel(), 0.0)
