"""The search for the right steps on one line: what the samples so far call for next."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from derivkit.methods.ladders import GRADED, one_sided, step_below, two_sided
from derivkit.methods.protocol import Estimate, Line
from derivkit.methods.samples import Samples
from derivkit.methods.windows import Noise, Verdict, judge_all
from derivkit.status import Status

Floats = NDArray[np.float64]

FIRST_RADIUS = (1 / 16, 1 / 16, 1 / 8, 1 / 6, 1 / 4)
"""Half-width of the first ladder in units of the scale, by order (orders above 4 as 4)."""

WIDEST = 0.5
"""How far visible noise may push the steps, in units of the scale."""

TIGHT, LOOSE = 1e-12, 1e-9
"""Errors, relative to the derivative's size, above which truncation, or noise, is worth calls."""

VISIBLE = 30.0
"""Noise this many times above rounding is the model's own."""

STALLED = 0.7
"""Coefficients that fall by less than this from degree to degree do not tell the scale."""

PROBE = 2.0**-14
"""How far below the smallest step structure is looked for."""

MOST_ROUNDS = 14
MOST_OUTPUTS = 8
"""Outputs whose wishes are heard in one round: the worst ones."""


@dataclass
class Memory:
    """What the search has learnt about one output."""

    noisy: bool = False  # visible noise has been confirmed by a probe
    probe: float = 0.0  # where the last probe was made; 0 before
    probes: int = 0
    below: float = np.inf
    disagreement: float = 0.0  # between a probe's slope and the ladder's, where it was let pass
    wall_rounds: int = 0
    last_error: float = np.inf
    failures: int = 0  # rounds that did not help
    done: bool = False
    last: str = ""


class Search:
    def __init__(self, line: Line, order: int, rtol, atol, noise) -> None:
        self.line = line
        self.order = order
        self.rtol, self.atol = rtol, atol
        self.given_noise = noise
        self.samples = Samples()
        self.memory: list[Memory] = []
        self.verdicts: list[Verdict] = []
        self.rounds = 0
        self.refused = False
        self.spent = 0

    # -- points ---------------------------------------------------------------------------
    def first(self) -> Floats:
        radius = self.line.scale * FIRST_RADIUS[min(self.order, len(FIRST_RADIUS) - 1)]
        room = min(-self.line.lower, self.line.upper)
        if radius / 16 <= room < radius:
            radius = room
        return self._fresh(np.concatenate([[0.0], self._ladder(radius)]))

    def _ladder(self, radius: float, j: int | None = None) -> Floats:
        low, high = -self.line.lower, self.line.upper
        if j is not None:
            bad_low, bad_high = self.samples.undefined(j)
            low, high = min(low, bad_low * 0.999), min(high, bad_high * 0.999)
        if min(low, high) >= radius:
            return two_sided(radius, self.line.origin)
        side = 1.0 if high >= low else -1.0
        far = min(2 * radius, max(low, high))
        return one_sided(far, self.line.origin, side)

    def _fresh(self, t: Floats) -> Floats:
        t = t[(t >= self.line.lower) & (t <= self.line.upper)]
        return self.samples.new(t)

    def take(self, t: Floats, values: Floats) -> None:
        self.samples.add(t, values)
        self.rounds += 1
        if not self.memory:
            self.memory = [Memory() for _ in range(values.shape[1])]
            if self.given_noise is not None:
                for m in self.memory:
                    m.noisy = True
        self.verdicts = [self._best(j) for j in range(values.shape[1])]

    # -- judging --------------------------------------------------------------------------
    def _best(self, j: int) -> Verdict | None:
        t, values = self.samples.column(j)
        if not np.any(t == 0):
            return None
        noise = None
        if self.given_noise is not None:
            noise = Noise(np.array([self.given_noise]), 20.0)
        verdicts = _consistent(self._judge(t, values, noise))
        if self.memory[j].noisy and noise is None and verdicts:
            most = _steadiest(verdicts)
            wide = Noise(most.sigma, float(most.freedoms[0]))
            verdicts = _consistent(self._judge(t, values, wide))
        return min(verdicts, key=lambda v: v.error[0], default=None)

    def _judge(self, t: Floats, values: Floats, noise: Noise | None) -> list[Verdict]:
        return list(judge_all(t, values, self.order, self.line.origin, noise))

    def _good(self, v: Verdict) -> bool:
        allowed = self.atol
        if self.rtol is not None:
            allowed = max(allowed, self.rtol * abs(v.value[0]))
        return bool(v.error[0] <= allowed)

    # -- deciding -------------------------------------------------------------------------
    def next(self) -> Floats:
        if self.rounds >= MOST_ROUNDS:
            return np.empty(0)
        wishes = [self._wish(j) for j in range(len(self.memory)) if not self.memory[j].done]
        return self._fresh(np.concatenate([np.empty(0), *wishes]))

    def _wish(self, j: int) -> Floats:
        m, v = self.memory[j], self.verdicts[j]
        wish = self._fresh(self._decide(j, m, v))
        if not wish.size:
            m.done = True
        return wish

    def _decide(self, j: int, m: Memory, v: Verdict | None) -> Floats:
        none = np.empty(0)
        if np.isnan(self.samples.values[np.searchsorted(self.samples.t, 0.0), j]):
            return none
        if m.last == "probe":
            wish = self._after_probe(j, m, v)
            if wish is not None:
                m.last = "structure"
                return wish
        wall = self._wall(j, m, v)
        if wall is not None:
            return wall
        if v is None or self._good(v):
            return none
        error, size = v.error[0], v.size[0]
        visible = v.sigma[0] > VISIBLE * v.floor[0]
        noise_rules = v.noise_part[0] >= v.truncation_part[0]
        if visible and not m.noisy:
            noise_rules = noise_rules and v.rate[0] > STALLED
        if error <= (LOOSE if noise_rules and not visible else TIGHT) * size:
            return none
        if m.last in ("down", "up", "structure"):
            m.failures += error > 0.7 * m.last_error
            if m.failures >= 2:
                return none
        m.last_error = min(error, m.last_error)
        if visible and not m.noisy and (noise_rules or v.rate[0] > STALLED):
            if m.probes >= 4:
                return none
            return self._probe(j, m, v)
        if not noise_rules:
            m.last = "down"
            return self._down(j, v)
        m.last = "up"
        return self._up(j, m, v, visible)

    def _probe(self, j: int, m: Memory, v: Verdict) -> Floats:
        t, _ = self.samples.column(j)
        near = np.abs(t[(t != 0) & (np.abs(t) >= v.radius / 20)])
        smallest = np.min(near)
        m.below = smallest
        side = 1.0 if np.any(t == smallest) else -1.0
        depth = float(np.clip(80 * v.floor[0] / v.sigma[0], 2.0**-30, 2.0**-6))
        m.probe = side * step_below(smallest * depth, self.line.origin)
        m.probes += 1
        m.last = "probe"
        return np.array([m.probe])

    def _after_probe(self, j: int, m: Memory, v: Verdict) -> Floats | None:
        """Return a ladder on the scale of the structure that a probe found; None if it is noise."""
        t, f = self.samples.column(j)
        where = np.searchsorted(t, m.probe)
        if where >= len(t) or t[where] != m.probe:
            return None
        rise = float((f[where] - f[np.searchsorted(t, 0.0)])[0])
        wide = _steadiest(self._judge(t, f, None))
        sigma = max(float(v.sigma[0]), float(wide.sigma[0]))
        if rise == 0 or abs(rise) > 0.1 * sigma:
            m.noisy = True
            self.verdicts[j] = self._best(j)
            return None
        if self.order != 1:
            m.noisy = True
            return None
        gap = abs(rise / m.probe - v.value[0])
        slope_error = 4 * float(v.floor[0]) / abs(m.probe)
        if gap <= 2 * v.error[0] + slope_error and v.error[0] <= 1e-2 * v.size[0]:
            if m.probes < 2:
                return self._ladder(m.below, j)
            m.noisy = True
            m.disagreement = max(0.0, gap - slope_error)
            return None
        return self._ladder(min(sigma / gap / 4, m.below), j)

    def _down(self, j: int, v: Verdict) -> Floats:
        rounding = v.floor[0] * v.noise_part[0] / v.sigma[0] if v.sigma[0] > 0 else 0.0
        wanted = max(rounding, v.noise_part[0] if self.memory[j].noisy else 0.0)
        power = 9.0
        k = np.ceil(np.log2(v.error[0] / wanted) / power) if wanted > 0 else 3.0
        return self._ladder(v.radius * 2.0 ** -float(np.clip(k, 1, 7)), j)

    def _up(self, j: int, m: Memory, v: Verdict, visible: bool) -> Floats:
        t, _ = self.samples.column(j)
        top = np.max(np.abs(t))
        need = v.error[0] / (LOOSE * v.size[0]) if v.size[0] > 0 else 16.0
        cap = WIDEST * self.line.scale
        if visible and v.error[0] > 0.1 * v.size[0]:
            cap = 16 * cap
        if not visible and v.size[0] > 0:
            cap = np.inf
        radius = min(top * (16.0 if visible else float(np.clip(need, 4, 64))), cap)
        if radius < 1.5 * top:
            return np.empty(0)
        h = step_below(radius, self.line.origin)
        return np.array([h, -h, h / 4, -h / 4])

    def _wall(self, j: int, m: Memory, v: Verdict | None) -> Floats | None:
        low, high = self.samples.undefined(j)
        if min(low, high) == np.inf:
            return None
        t, _ = self.samples.column(j)
        if np.any(t < 0) and np.any(t > 0):
            return None
        m.wall_rounds += 1
        if m.wall_rounds > 4:
            return None
        if v is not None and m.wall_rounds > 1 and v.error[0] <= 1e-9 * v.size[0]:
            return None
        wishes = [np.empty(0)]
        for side, bad in ((-1.0, low), (1.0, high)):
            if bad < np.inf:
                steps = [step_below(bad * 2.0 ** -(4 * k), self.line.origin) for k in (1, 2, 3, 4)]
                wishes.append(side * np.array(steps))
        if m.wall_rounds == 1 and np.isfinite(low) != np.isfinite(high):
            side = 1.0 if low < np.inf else -1.0
            wishes.append(one_sided(2 * self.samples.reach, self.line.origin, side))
        m.last = "wall"
        return np.concatenate(wishes)

    # -- answering ------------------------------------------------------------------------
    def estimate(self) -> Estimate:
        q = max(1, len(self.memory))
        value, error = np.full(q, np.nan), np.full(q, np.inf)
        step, noise = np.full(q, np.nan), np.full(q, np.nan)
        status = [Status.UNDEFINED] * q
        for j, v in enumerate(self.verdicts):
            if v is None:
                continue
            m = self.memory[j]
            value[j] = v.value[0]
            error[j] = v.error[0] + m.disagreement
            step[j], noise[j] = v.radius, v.sigma[0]
            status[j] = self._status(m, v)
        return Estimate(value, error, tuple(status), step, noise, self.samples.reach)

    def _status(self, m: Memory, v: Verdict) -> Status:
        if self.refused:
            return Status.BUDGET_SPENT
        if m.noisy:
            return Status.NOISE_LIMITED
        if v.sides:
            return Status.ONE_SIDED
        return Status.CONVERGED


def _steadiest(verdicts: list[Verdict]) -> Verdict:
    """Return the verdict whose estimate of the noise rests on most contrasts."""
    fair = [v for v in verdicts if v.truncation_part[0] <= v.noise_part[0]]
    return max(fair or verdicts, key=lambda v: v.freedoms[0])


def _consistent(verdicts: list[Verdict]) -> list[Verdict]:
    """Return the windows, the narrowest first, up to the first that contradicts a narrower one."""
    low, high = -np.inf, np.inf
    kept = []
    for v in reversed(verdicts):
        low = max(low, v.value[0] - v.error[0])
        high = min(high, v.value[0] + v.error[0])
        if low > high:
            break
        kept.append(v)
    return kept
