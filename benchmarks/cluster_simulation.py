"""What call time a cluster of 1,000 or 10,000 workers needs: simulated, with measured overheads.

    python -m benchmarks.cluster_simulation [--workers 1000 10000] [--write]

The question, put before anything was run: the shortest of four call times at which the workers
reach 95 % of the efficiency that they have with the longest one. What they miss there is the end of
the gradient, when few lines are left, and no matter of the engine.

Virtual time: the gradient of a model with two parameters a worker, calls of lognormal length, one
in ten lines with a second round, one call in 10,000 that ends its worker for half a minute. Who
hands tasks out (scheduler and parent) does so one after the other, at the rates that were measured
on clusters of 12 workers with calls that sleep. How many points go into a task is decided by the
code that decides it in derivkit, on the virtual clock.
"""

import argparse
import heapq
import math
from collections import deque
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.scoring import table
from derivkit.engine.backends.pace import MOST, Pace
from derivkit.engine.backends.pools import AHEAD

RESULTS = Path(__file__).parent / "results"
CALLS = (0.1, 1.0, 10.0, 100.0)  # mean seconds
SPREAD = 0.5  # of the logarithm of a call's seconds
LINES = 2  # parameters a worker
FIRST, SECOND = 8, 6  # points of a line's rounds
GO_ON = 0.1  # part of the lines that have a second round
DEATHS, RESTART = 1e-4, 30.0  # per call; seconds until a worker is back
GOOD = 0.95  # of what the longest calls reach


@dataclass(frozen=True)
class Engine:
    """What a task and each of its points cost whoever hands it out, and tasks ahead a worker."""

    name: str
    task: float
    point: float
    ahead: int


ENGINES = (
    Engine("Ray", 1.4e-3, 0.2e-3, 16),
    Engine("MPI", 1.7e-3, 0.2e-3, 3),
    Engine("Dask", 4.0e-3, 0.1e-3, 16),
)


class Run:
    """One gradient on a virtual cluster."""

    def __init__(self, engine, workers, mean, most, seed=0):
        self.engine, self.workers = engine, workers
        rng = np.random.default_rng(seed)
        self.now = self.server = self.work = 0.0
        self.pace = Pace(most, clock=lambda: self.now)
        lines = LINES * workers
        self.missing = [FIRST] * lines
        self.goes_on = (rng.random(lines) < GO_ON).tolist()
        calls = lines * (FIRST + SECOND)
        median = mean * math.exp(-(SPREAD**2) / 2)
        self.seconds = iter((median * np.exp(SPREAD * rng.standard_normal(calls))).tolist())
        self.chance = iter(rng.random((calls, 2)).tolist())
        self.waiting = deque(np.repeat(np.arange(lines), FIRST).tolist())
        self.free = [0.0] * workers
        self.out = []  # (end, number, lines of the points, seconds of the calls)
        self.number = 0

    def efficiency(self):
        """Return the work that was to be done over what the workers could have done."""
        self.hand_out()
        while self.out:
            self.now, _, lines, seconds = heapq.heappop(self.out)
            self.server = max(self.server, self.now)
            told = ((each,) for each in seconds)
            self.pace.heard(told, self.workers, waiting=len(self.out) >= self.workers)
            for line in lines:
                self.missing[line] -= 1
                if self.missing[line] == 0 and self.goes_on[line]:
                    self.goes_on[line], self.missing[line] = False, SECOND
                    self.waiting.extend([line] * SECOND)
            self.hand_out()
        return self.work / self.workers / self.now

    def hand_out(self):
        ahead = self.engine.ahead if self.pace.known else min(self.engine.ahead, AHEAD)
        room = max(ahead * self.workers - len(self.out), 0)
        count = min(len(self.waiting), room * self.pace.points)
        jobs = [self.waiting.popleft() for _ in range(count)]
        for lines in self.pace.shared(jobs, self.workers, room):
            self.server = max(self.server, self.now)
            self.server += self.engine.task + len(lines) * self.engine.point
            self.run(lines)

    def run(self, lines):
        """Give a task to the worker that is free first; one that dies does it again later."""
        seconds = list(islice(self.seconds, len(lines)))
        whole = sum(seconds)
        self.work += whole
        start = max(self.free[0], self.server)
        dies, when = next(self.chance)
        if dies < DEATHS * len(lines):
            start += RESTART + whole * when
        end = start + whole
        heapq.heapreplace(self.free, end)
        self.number += 1
        heapq.heappush(self.out, (end, self.number, lines, seconds))


def rows(workers):
    """Return efficiencies by engine, with one point a task and with as many as derivkit gives."""
    found = []
    for engine in ENGINES:
        for most, what in ((1, "one point a task"), (MOST, "derivkit")):
            each = [Run(engine, workers, mean, most).efficiency() for mean in CALLS]
            needs = next(c for c, e in zip(CALLS, each, strict=True) if e >= GOOD * each[-1])
            found.append([f"{engine.name}, {what}", *(f"{e:.2f}" for e in each), f"{needs:g}"])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the tables in results/")
    parser.add_argument("--workers", type=int, nargs="+", default=[1000], help="10000 take minutes")
    asked = parser.parse_args()
    heads = [*(f"{c:g} s" for c in CALLS), "needs, s"]
    parts = [table([f"efficiency, {n} workers", *heads], rows(n)) for n in asked.workers]
    text = "\n\n".join(parts)
    print(text)
    if asked.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "cluster_simulation.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
