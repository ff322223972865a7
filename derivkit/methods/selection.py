"""Which window to believe: the windows of all radii, for any number of outputs in one go.

By Lepski's rule: the widest windows have the smallest errors, but a window that contradicts a
narrower one has stepped over something, and so have all wider ones.

References
----------
Lepskii, O. V. (1991), On a problem of adaptive estimation in Gaussian white noise, Theory Probab.
Appl. 35, 454-466, doi:10.1137/1135065.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.evidence import GOOD, VISIBLE, granular
from derivkit.methods.windows import DEEPEST, EPS, Finding, Noise, Verdict, findings, judge

__all__ = ["EPS_SINGLE", "SELECTION", "Belief", "believed"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]

EPS_SINGLE = float(np.finfo(np.float32).eps)

FEWEST, NEXT = 6, 4.0
"""A window of fewer samples says nothing if the next one, not so many times as wide, has more: of
few contrasts some are small by chance, and a wrong narrow window overrules all wider ones."""

SELECTION = 0.05
"""The least of several errors is an optimistic one: it is raised by this part a window compared.
Chosen, with `windows.UNSEEN`, so that the coverage on functions drawn at random is 98 to 99 % in
every class (see the benchmarks)."""

NEARLY = 3.0
"""A window whose error is within this factor of the best one's is nearly as good."""

NOISE_HEARD = 10.0
"""The same for windows that are asked about the noise."""

RIPPLE = 1e-4
"""A ripple on f below this part of f is taken for the model's arithmetic, not for the model."""


class Belief(NamedTuple):
    """What all windows on one output say together.

    Attributes
    ----------
    best
        The window with the least error before the first that contradicts a narrower one.
    near
        The narrowest one that is nearly as good.
    content
        Whether the best error is small enough, or worth no further calls.
    compared
        How many windows the best one was taken from.
    doubt
        How far the wider windows contradict it with a good fit.
    loudest
        The largest noise in windows not much worse than the best.
    firmest
        The noise where most contrasts tell it, and how many do.
    eps
        The precision of f.
    """

    best: Finding
    near: Finding
    content: bool
    compared: int
    doubt: float
    loudest: float
    firmest: tuple[float, float]
    eps: float


def believed(
    t: Floats,
    f: Floats,
    order: int,
    origin: float,
    noise: Noise | None,
    eps: float,
    content: Callable[[Verdict], Flags],
    *,
    grains: bool = True,
) -> list[Belief | None]:
    """Judge all windows on samples f (m, q) at places t, ascending; None where none says anything.

    Parameters
    ----------
    content
        Whether a verdict's errors (q,) are good enough.
    grains
        Whether windows in which f moves in grains are left out; and whether eps may turn out to be
        that of single precision.
    """
    lineup = _Lineup(t, f, order, origin, noise, eps)
    if not lineup.verdicts:
        return [None] * f.shape[1]
    single = lineup.single(f) if grains and eps == EPS else np.zeros(f.shape[1], dtype=bool)
    if grains:
        lineup.leave_out_grains(t, f)
    found = lineup.beliefs(f, eps, content)
    again = np.flatnonzero(single)
    if again.size:
        known = noise and Noise(noise.level[again], noise.freedoms[again])
        better = believed(t, f[:, again], order, origin, known, EPS_SINGLE, content)
        for j, belief in zip(again.tolist(), better, strict=True):
            found[j] = belief
    return found


class _Lineup:
    """The verdicts of all windows, the narrowest first, and which of them count."""

    def __init__(
        self, t: Floats, f: Floats, order: int, origin: float, noise: Noise | None, eps: float
    ) -> None:
        windows = _windows(np.abs(t), order)
        self.verdicts = [judge(t[w], f[w], order, origin, noise, eps) for w in windows]
        if not self.verdicts:
            return
        self._error = self._stacked("error")
        self._value = self._stacked("value")
        self._valid = np.isfinite(self._error)
        self._outputs = np.arange(f.shape[1])

    def _stacked(self, name: str) -> Floats:
        return np.array([getattr(v, name) for v in self.verdicts])

    def single(self, f: Floats) -> Flags:
        """Return which outputs show something, and are in single precision to the last value."""
        widest = self.pick(_last(self._valid))
        shows = self._valid.any(axis=0) & (widest.sigma > VISIBLE * widest.floor)
        if not shows.any():
            return shows
        with np.errstate(over="ignore"):
            return np.asarray(shows & (f == f.astype(np.float32)).all(axis=0))

    def leave_out_grains(self, t: Floats, f: Floats) -> None:
        """Leave out an output's narrowest windows if they show nothing but grains."""
        kept = self._valid.copy()
        open_ = np.ones(len(self._outputs), dtype=bool)
        for k, v in enumerate(self.verdicts):
            asked = np.flatnonzero(open_ & self._valid[k])
            inside = np.abs(t) <= v.radius
            grainy = granular(t[inside], f[np.ix_(inside, asked)])
            kept[k, asked[grainy]] = False
            open_[asked[~grainy]] = False
            if not open_.any():
                break
        some = kept.any(axis=0)
        self._valid[:, some] = kept[:, some]

    def beliefs(
        self, f: Floats, eps: float, content: Callable[[Verdict], Flags]
    ) -> list[Belief | None]:
        """Return what to believe of each output; None where nothing."""
        consistent = self._valid & ~self._contradicting()
        known = consistent.any(axis=0)
        error = np.where(consistent, self._error, np.inf)
        k = error.argmin(axis=0)
        least = error[k, self._outputs]
        best = self.pick(k)
        near = self.pick((consistent & (error <= NEARLY * least)).argmax(axis=0))
        heard = consistent & (error <= NOISE_HEARD * least)
        sigma, freedoms = self._stacked("sigma"), self._stacked("freedoms")
        firmest = np.where(heard, freedoms, -1.0).argmax(axis=0), self._outputs
        rows: zip[Any] = zip(
            findings(best),
            findings(near),
            content(best).tolist(),
            consistent.sum(axis=0).tolist(),
            self._doubt(consistent, best.value, f).tolist(),
            np.where(heard, sigma, 0.0).max(axis=0).tolist(),
            zip(sigma[firmest].tolist(), freedoms[firmest].tolist(), strict=True),
            strict=True,
        )
        sound = np.asarray(known).tolist()
        return [
            Belief._make((*row, eps)) if ok else None for ok, row in zip(sound, rows, strict=True)
        ]

    def _contradicting(self) -> Flags:
        """Return the windows that contradict a narrower one, and all wider ones."""
        low = np.where(self._valid, self._value - self._error, -np.inf)
        high = np.where(self._valid, self._value + self._error, np.inf)
        np.maximum.accumulate(low, axis=0, out=low)
        np.minimum.accumulate(high, axis=0, out=high)
        return np.asarray(low > high)

    def _doubt(self, consistent: Flags, value: Floats, f: Floats) -> Floats:
        """Return how far the best of the windows that contradict a narrower one lies from it.

        Only if it is a good fit, to a ripple so low that it is the model's arithmetic: jumps of an
        integrator that changes its steps, or of an iteration that stops. Between the jumps f is
        smooth, but its slope there is not the model's.
        """
        wider = self._valid & ~consistent
        if not wider.any():
            return np.zeros(len(self._outputs))
        ripple = RIPPLE * np.max(np.abs(f), axis=0)
        good = self._error < GOOD * self._stacked("size")
        fair = wider & (self._stacked("sigma") < ripple) & good
        k = np.where(fair, self._error, np.inf).argmin(axis=0)
        gap = np.abs(self._value[k, self._outputs] - value)
        return np.where(fair.any(axis=0), gap, 0.0)

    def pick(self, k: Indices) -> Verdict:
        """Return the verdict of window k (q,) for each output."""
        taken = {
            name: self._stacked(name)[k, self._outputs]
            for name in Finding._fields
            if name not in {"radius", "sides"}
        }
        radius = self._stacked("radius")[k]
        return Verdict(**taken, radius=radius, sides=self._stacked("sides")[k].astype(int))


def _last(valid: Flags) -> Indices:
    """Return the widest window (q,) that is valid."""
    return np.asarray(len(valid) - 1 - valid[::-1].argmax(axis=0))


def _windows(distance: Floats, order: int) -> list[Flags]:
    """Return which samples each window holds, for windows that can say something."""
    radii = np.unique(distance)
    windows = [
        (distance <= radius) & ((distance >= radius / DEEPEST) | (distance == 0))
        for radius in radii
    ]
    counts = [int(np.count_nonzero(w)) for w in windows]
    enough = order + 3 if max(counts) >= order + 3 else order + 2  # one contrast at least
    chosen = []
    for k, count in enumerate(counts):
        followed = k + 1 < len(radii) and radii[k + 1] <= NEXT * radii[k]
        small = count < FEWEST and followed and counts[k + 1] >= FEWEST
        if count >= enough and not small:
            chosen.append(windows[k])
    return chosen
