"""The noise of a model is learnt once: the first line through x0 shows it, the others wait for that.

Noise belongs to what the model returns, not to a parameter. A line that knows of it need not ask
whether what its own samples leave is noise, and does without the near ones, which say nothing in
noise: eight calls instead of thirteen. It still has to find as much noise on its own samples: where
the model is calm along a line, or has structure there, the line is followed as if it were alone.

The others do not stand idle: meanwhile they take the two pairs that they need either way.
"""

from __future__ import annotations

from derivkit.methods.auto.output import Level
from derivkit.methods.auto.search import Search

__all__ = ["SharedNoise"]

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
    levels : dict of int to Level or None
        The noise of the outputs that are noisy; None where they are only kept to fewer digits.
    """

    def __init__(self) -> None:
        self.awaited = True
        self.levels: dict[int, Level | None] = {}
        self._rounds = 0

    def learn(self, search: Search, places: int) -> None:
        """Take what the search on the first line knows, when it asks for so many places."""
        self._rounds += 1
        if self.awaited and (places > SINGLE_PLACES or self._rounds > AWAITED):
            self.awaited = False
            self.levels = search.noise_levels()

    def rules(self, outputs: int) -> bool:
        """Whether so many of the outputs are noisy that near samples say nothing."""
        return len(self.levels) >= MOSTLY * outputs > 0
