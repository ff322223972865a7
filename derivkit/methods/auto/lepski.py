"""Lepski's rule: which of the windows of all radii to believe, for many outputs in one go.

The widest windows have the smallest errors, but a window that contradicts a
narrower one has stepped over something, and so have all wider ones.

References
----------
Lepskii, O. V. (1991), On a problem of adaptive estimation in Gaussian white noise, Theory Probab.
Appl. 35, 454-466, doi:10.1137/1135065.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.auto.criteria import VISIBLE, precisions
from derivkit.methods.fit.sampled import granular
from derivkit.methods.fit.samples import Columns, columns_of
from derivkit.methods.fit.window import (
    EPS,
    Finding,
    Noise,
    Part,
    WindowFit,
    findings,
    judge_parts,
    window,
)

__all__ = ["FEWEST", "SELECTION", "Selection", "select"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]

FEWEST = 6
"""A window of fewer samples says nothing beside one that has more: of few coefficients some are
small by chance, and a wrong narrow window overrules all wider ones. Probes are no window."""

SELECTION = 0.05
"""The least of several errors is an optimistic one: it is raised by this part a window compared.
Chosen, with `window.HIDDEN_SIGMA`, so that the coverage on functions drawn at random is 98 to 99 %
in every class (see the benchmarks)."""

PAIR = 1.01
"""Two distances within this factor are one step to both sides."""

NEARLY = 3.0
"""A window whose error is within this factor of the best one's is nearly as good."""

NOISE_HEARD = 10.0
"""A window whose error is within this factor of the best one's is asked about the noise."""

LOUD = 30.0
"""Noise is the same on all scales: a window that leaves more than this multiple of the noise that a
narrower one showed has met structure."""


class Selection(NamedTuple):
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
    loudest
        The most that windows not much worse than the best leave unexplained.
    limit
        The radius of the narrowest window that contradicts a narrower one; inf if none does.
    firmest
        The noise as the window with the most degrees of freedom tells it, and how many those are.
    eps
        The precision of f.
    """

    best: Finding
    near: Finding
    content: bool
    compared: int
    loudest: float
    limit: float
    firmest: tuple[float, float]
    eps: float


def select(
    lines: Sequence[Columns],
    order: int,
    noise: Noise | None,
    content: Callable[[WindowFit, Indices], Flags],
    narrowest: Floats,
    *,
    grains: bool = True,
    eps: float | Floats = EPS,
) -> list[Selection | None]:
    """Judge all windows on the samples of some lines; None where none says anything.

    Parameters
    ----------
    lines
        Their columns in a row are the outputs (q,).
    noise
        Of these.
    content
        Whether a verdict's errors on some of them (n,) are good enough.
    narrowest
        Windows of an output must be wider than this (q,). What others of many outputs called for is
        no window to it: far below the scale of f it finds noise, and a rare one by chance little of
        it; that one would overrule all wider windows.
    grains
        Whether windows in which f moves in grains are left out; and whether the values may turn out
        to be kept in larger units than those of double precision.
    """
    windows = Windows(lines, order, noise, eps)
    if not windows:
        return [None] * len(narrowest)
    windows.leave_out_below(narrowest)
    coarse = windows.units() if grains and eps is EPS else np.empty(0)
    if grains:
        windows.leave_out_grains()
    found = windows.selections(eps, content)
    again = np.flatnonzero(coarse > EPS)
    if again.size:
        some = [coarse[columns] > EPS for columns in columns_of(lines)]
        better = select(
            [c._replace(f=c.f[:, own]) for c, own in zip(lines, some, strict=True) if own.any()],
            order,
            noise and noise.of(again),
            lambda v, columns: content(v, again[columns]),
            narrowest[again],
            eps=coarse[again],
        )
        for j, selection in zip(again.tolist(), better, strict=True):
            found[j] = selection
    return found


class Windows:
    """The verdicts of all windows, of each line the narrowest first, and which of them count."""

    def __init__(
        self, lines: Sequence[Columns], order: int, noise: Noise | None, eps: float | Floats
    ) -> None:
        self._lines, self._columns = lines, columns_of(lines)
        parts, rank = [], []
        for line, columns in zip(lines, self._columns, strict=True):
            for k, inside in enumerate(_windows(np.abs(line.t), order)):
                parts.append(Part(line.t[inside], line.f[inside], line.origin, columns))
                rank.append(k)
        self._count = 1 + max(rank, default=-1)
        if not self:
            return
        self._verdicts = judge_parts(parts, order, noise, eps)
        width = [len(part.columns) for part in parts]
        self._where = np.repeat(rank, width), np.concatenate([part.columns for part in parts])
        self._outputs = np.arange(sum(len(columns) for columns in self._columns))
        self._stacks: dict[str, Floats] = {}
        self._error = self._stacked("error")
        self._value = self._stacked("value")
        self._valid = np.isfinite(self._error)
        self._noise = noise

    def __bool__(self) -> bool:
        return self._count > 0

    def _stacked(self, name: str) -> Floats:
        """Return a field of all verdicts (windows, q), nan where a line has fewer windows."""
        if name not in self._stacks:
            stack = np.full((self._count, len(self._outputs)), np.nan)
            stack[self._where] = getattr(self._verdicts, name)
            self._stacks[name] = stack
        return self._stacks[name]

    @cached_property
    def _samples(self) -> tuple[Floats, Floats]:
        """Places and values (m, q) of all outputs, nan behind those of lines that have fewer."""
        t, f = np.full((2, max(len(line.t) for line in self._lines), len(self._outputs)), np.nan)
        for line, columns in zip(self._lines, self._columns, strict=True):
            t[: len(line.t), columns], f[: len(line.t), columns] = line.t[:, None], line.f
        return t, f

    def units(self) -> Floats:
        """Return the precision of outputs that show more than rounding; EPS for the others."""
        _, f = self._samples
        widest = self.pick(_last(self._valid))
        shows = self._valid.any(axis=0) & (widest.sigma > VISIBLE * widest.floor)
        shows |= (f[1:] == f[:-1]).any(axis=0)
        units, counts = np.full(f.shape[1], EPS), np.isfinite(f).sum(axis=0)
        for m in np.unique(counts[shows]).tolist():
            some = shows & (counts == m)
            units[some] = precisions(f[:m, some])
        return units

    def leave_out_below(self, narrowest: Floats) -> None:
        """Leave out an output's windows that are narrower than this (q,), if any are wider."""
        kept = self._valid & (self._stacked("radius") > narrowest)
        self._valid = np.where(kept.any(axis=0), kept, self._valid)

    def leave_out_grains(self) -> None:
        """Leave out an output's narrowest windows if they show nothing but grains."""
        t, f = self._samples
        kept = self._valid.copy()
        asked = self._outputs
        for k, radius in enumerate(self._stacked("radius")):
            inside = window(np.abs(t[:, asked]), radius[asked])
            values = np.where(inside, f[:, asked], np.nan)
            grainy = granular(t[:, asked], values) & self._valid[k, asked]
            kept[k, asked[grainy]] = False
            asked = asked[grainy | ~self._valid[k, asked]]
            if not asked.size:
                break
        some = kept.any(axis=0)
        self._valid[:, some] = kept[:, some]

    def selections(
        self, eps: float | Floats, content: Callable[[WindowFit, Indices], Flags]
    ) -> list[Selection | None]:
        """Return what to believe of each output; None where nothing."""
        contradicting = self._valid & self._contradicting()
        consistent = self._valid & ~contradicting
        radii = np.where(contradicting, self._stacked("radius"), np.inf)
        known = consistent.any(axis=0)
        error = np.where(consistent, self._error, np.inf)
        k = error.argmin(axis=0)
        least = error[k, self._outputs]
        best = self.pick(k)
        near = self.pick((consistent & (error <= NEARLY * least)).argmax(axis=0))
        heard = consistent & (error <= NOISE_HEARD * least)
        sigma, dof = self._stacked("sigma"), self._stacked("dof")
        alike = heard & (sigma <= LOUD * np.maximum(near.sigma, near.misfit))
        firmest = np.where(alike, dof, -1.0).argmax(axis=0), self._outputs
        rows: zip[Any] = zip(
            findings(best),
            findings(near),
            content(best, self._outputs).tolist(),
            consistent.sum(axis=0).tolist(),
            np.where(heard, np.maximum(sigma, self._stacked("misfit")), 0.0).max(axis=0).tolist(),
            radii.min(axis=0).tolist(),
            zip(sigma[firmest].tolist(), dof[firmest].tolist(), strict=True),
            (eps + np.zeros(len(self._outputs))).tolist(),
            strict=True,
        )
        sound = np.asarray(known).tolist()
        return [Selection._make(row) if ok else None for ok, row in zip(sound, rows, strict=True)]

    def _contradicting(self) -> Flags:
        """Return the windows that contradict a narrower one, and all wider ones.

        So does one that leaves much more than the noise that is known: it has met structure.
        """
        low = np.where(self._valid, self._value - self._error, -np.inf)
        high = np.where(self._valid, self._value + self._error, np.inf)
        np.maximum.accumulate(low, axis=0, out=low)
        np.minimum.accumulate(high, axis=0, out=high)
        apart = low > high
        if self._noise is not None:
            misfit = self._stacked("misfit")
            narrowest = misfit[self._valid.argmax(axis=0), self._outputs]
            loud = misfit > LOUD * np.maximum(self._noise.level, narrowest)
            apart |= np.logical_or.accumulate(self._valid & loud, axis=0)
        return np.asarray(apart)

    def pick(self, k: Indices) -> WindowFit:
        """Return the verdict of window k (q,) for each output."""
        taken = {name: self._stacked(name)[k, self._outputs] for name in Finding._fields}
        sides = np.nan_to_num(taken.pop("sides")).astype(int)  # nan where a line has no window
        return WindowFit(**taken, sides=sides)


def _last(valid: Flags) -> Indices:
    """Return the widest window (q,) that is valid."""
    return np.asarray(len(valid) - 1 - valid[::-1].argmax(axis=0))


def _windows(distance: Floats, order: int) -> Flags:
    """Return which samples each window holds, for windows that can say something."""
    radii = np.unique(distance)
    radii = radii[np.append(radii[1:] > PAIR * radii[:-1], True)]  # a pair is one step
    windows = window(distance, radii[:, None])
    counts = np.count_nonzero(windows, axis=1)
    most = int(counts.max())
    enough = order + 3 if most >= order + 3 else order + 2  # one above the fit
    return np.asarray(windows[counts >= max(enough, min(FEWEST, most))])
