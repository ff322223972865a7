"""The noise of a model is learnt once: the first line through x0 shows it to the others.

Noise mostly belongs to what the model returns, not to a parameter. A line that knows of it does
without near samples, which say nothing in noise: seven calls instead of thirteen, x0 apart. One of
them is a probe at the resolution of x. Where that shows no noise, the line is followed as if it
were alone; where the fit leaves more than noise, closer in.

Workers do not stand idle: meanwhile they take the pairs that the others need either way.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.auto.diagnosis import LOUD
from derivkit.methods.auto.output import Level
from derivkit.methods.auto.search import NOTHING_HEARD, Search

__all__ = ["SharedNoise"]

Floats = NDArray[np.float64]

SINGLE_PLACES = 3
"""Probes ask for at most this many places in a round; ladders and pairs for more."""

AWAITED = 2
"""Rounds of probes that are waited for: one shows noise, at x0 = 0 two do. Structure may take ten,
and they tell the others nothing."""

MOSTLY = 0.5
"""Lines do without near samples where at least this part of the outputs, which share them, are
noisy."""


class SharedNoise:
    """What the first of the lines through x0 shows of the noise.

    Attributes
    ----------
    awaited : bool
        Whether the first line may still show noise.
    alone : bool
        Whether none of the others has come as far as its first ladder.
    noisy : bool
        Whether so many of the outputs are that near samples say nothing.
    levels : dict of int to Level
        The noise of those outputs.
    """

    def __init__(self) -> None:
        self.awaited = self.alone = True
        self.noisy = False
        self.levels: dict[int, Level] = {}
        self._rounds = 0

    def is_known(self) -> bool:
        """Whether the others need not wait any longer."""
        return not self.awaited

    def has_company(self) -> bool:
        """Whether another line has come as far as its first ladder."""
        return not self.alone

    def learn(self, search: Search, places: int) -> None:
        """Take what the search on the first line knows, when it asks for so many places."""
        self._rounds += 1
        probing = 0 < places <= SINGLE_PLACES
        if self.awaited and not (probing and self._rounds <= AWAITED):
            self.awaited = False
            self.levels = search.noise_levels()
            self.noisy = len(self.levels) >= MOSTLY * search.samples.values.shape[1] > 0

    def confirmed(self, moved: Floats) -> Mapping[int, Level]:
        """Return the levels if a probe on another line moves most of the outputs by as much."""
        loud = sum(bool(moved[j] > LOUD * level) for j, (level, _) in self.levels.items())
        return self.levels if loud >= MOSTLY * len(self.levels) else NOTHING_HEARD
