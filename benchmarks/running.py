"""Runs one adapter over many problems: counts its calls, stops what hangs, keeps what crashes."""

import signal
import time
import warnings
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import numpy as np

TIMEOUT = 20  # seconds a problem
MOST_CALLS = 200_000  # a problem; more is as good as hanging


class Stopped(BaseException):
    """A problem took too long; not an Exception, so that no package's handler stops it."""


@dataclass(frozen=True)
class Answer:
    """What an adapter returns: value (p,), claimed absolute error (p,) or None, statuses (p,)."""

    value: np.ndarray
    error: np.ndarray | None = None
    status: list[str] | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one problem; plain lists, so that it can go through JSON."""

    name: str
    value: list
    error: list | None
    calls: int
    reach: float
    seconds: float
    status: list[str] | None = None
    crash: str | None = None

    def as_dict(self):
        return asdict(self)


@dataclass
class Counted:
    """The model as an adapter sees it: counts its calls and notes how far from x0 they went."""

    f: object
    x0: np.ndarray
    calls: int = 0
    reach: float = 0.0
    unit: np.ndarray = field(init=False)

    def __post_init__(self):
        self.unit = np.where(self.x0 == 0, 1.0, np.abs(self.x0))

    def __call__(self, x):
        self.calls += 1
        if self.calls > MOST_CALLS:
            raise Stopped
        x = np.array(x, dtype=complex if np.iscomplexobj(x) else float).reshape(self.x0.shape)
        self.reach = max(self.reach, float(np.max(np.abs(x - self.x0) / self.unit)))
        return self.f(x)


@contextmanager
def time_limit(seconds):
    """Raise Stopped in the body after so many seconds."""

    def stop(signum, frame):
        raise Stopped

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # again: a callback from C may lose it
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def run(adapter, problems):
    """Return an Outcome for each problem."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return [solve(adapter, problem) for problem in problems]


def solve(adapter, problem):
    """Ask the adapter for one gradient."""
    f, start = Counted(problem.f, problem.x0), time.perf_counter()
    nothing = [float("nan")] * problem.size
    try:
        with time_limit(TIMEOUT):
            answer = adapter(f, problem.x0.copy(), problem.bounds)
        value = np.asarray(answer.value, dtype=float).reshape(problem.size).tolist()
        error = None if answer.error is None else _floats(answer.error, problem.size)
        status, crash = answer.status, None
    except Stopped:
        value, error, status, crash = nothing, None, None, "stopped: too long"
    except Exception as problem_of_adapter:
        text = f"{type(problem_of_adapter).__name__}: {problem_of_adapter}"
        value, error, status, crash = nothing, None, None, text[:200]
    seconds = time.perf_counter() - start
    return Outcome(problem.name, value, error, f.calls, f.reach, seconds, status, crash)


def _floats(error, size):
    return np.broadcast_to(np.ravel(np.asarray(error, dtype=float)), (size,)).tolist()
