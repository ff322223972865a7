"""Every search ends, whatever the model says: an alarm on computing time stands by each case."""

import contextlib
import math
import signal

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from derivkit import CalculusKit
from derivkit.methods.auto.auto import Auto
from derivkit.methods.protocol import Line

MOST_CALLS = 200  # along one line


@contextlib.contextmanager
def alarm(seconds=10):
    """Fail the case if it has computed for so many seconds; other programs do not count."""

    def late(*_):
        raise AssertionError("the search does not end")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def hashed(x):
    """Return a number in [-1, 1) that is the same at the same place."""
    seed = np.frombuffer(np.float64(x).tobytes(), dtype=np.uint32)
    return float(np.random.default_rng(seed).uniform(-1, 1))


SHAPES = {
    "smooth": lambda u, x, noise: math.cos(u) + noise * hashed(x),
    "fast": lambda u, x, noise: math.cos(u) + 1e-7 * math.sin(1e9 * u) + noise * hashed(x),
    "front": lambda u, x, noise: math.tanh(3e3 * u) + math.exp(-u * u) + noise * hashed(x),
    "step": lambda u, x, noise: float(u > 0) + noise * hashed(x),
    "treads": lambda u, x, noise: round(math.sin(u), 3) + noise,
    "noise": lambda u, x, noise: hashed(x),
    "wall": lambda u, x, noise: math.log(u + 1e-12) if u > -1e-12 else math.nan,
    "huge": lambda u, x, noise: math.exp(min(700.0, abs(u))) * 1e3,
    "single": lambda u, x, noise: float(np.float32(math.sin(u))),
    "island": lambda u, x, noise: math.nan if u else 1.0,
}

anywhere = st.one_of(
    st.just(0.0),
    st.builds(lambda s, e: s * 10.0**e, st.sampled_from([-1.0, 1.0]), st.floats(-300, 300)),
)
sizes = st.one_of(st.none(), st.floats(-300, 300).map(lambda e: 10.0**e))
rooms = st.one_of(st.just(math.inf), st.just(0.0), st.floats(-20, 3).map(lambda e: 10.0**e))


def unit(x0, scale):
    return scale or abs(x0) or 1.0


@settings(max_examples=300, deadline=None)
@given(
    x0=anywhere,
    scale=sizes,
    wave=st.floats(-15, 3),
    level=st.sampled_from([0.0, 1e-12, 1e-6, 1e-2]),
    below=rooms,
    above=rooms,
    order=st.integers(1, 9),
    shape=st.sampled_from(sorted(SHAPES)),
)
def test_a_line_ends_whatever_its_origin_scale_room_and_noise(
    x0, scale, wave, level, below, above, order, shape
):
    s = unit(x0, scale)
    line = Line(s, -below * s, above * s, x0, scale is not None)

    def f(t):
        with np.errstate(all="ignore"):
            u = (x0 + t - x0) / s / 10.0**wave
        return SHAPES[shape](u, x0 + t, level) if math.isfinite(u) else math.nan

    solver, calls = Auto().solve(line, order), 0
    with alarm(), contextlib.suppress(StopIteration):
        t = next(solver)
        while True:
            calls += len(t)
            assert calls <= MOST_CALLS
            assert ((t >= line.lower) & (t <= line.upper)).all()
            t = solver.send(np.array([[f(x)] for x in t.tolist()]))


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=40, deadline=None)
@example(x0=0.0, scale=1e-150, shape="step")  # products of two steps that are 0
@example(x0=0.0, scale=1e-156, shape="front")
@example(x0=0.0, scale=1e-295, shape="huge")
@given(x0=anywhere, scale=sizes, shape=st.sampled_from(sorted(SHAPES)))
def test_a_kit_ends_whatever_its_point_and_scale(x0, scale, shape):
    s = unit(x0, scale)

    def f(x):
        u = (float(x[0]) - x0) / s
        return SHAPES[shape](u, float(x[0]), 1e-6) if math.isfinite(u) else math.nan

    with alarm():
        assert CalculusKit(f, [x0], scale=scale).gradient_result().nfev <= MOST_CALLS


@pytest.mark.filterwarnings("ignore")
def test_a_step_of_a_few_ulp_is_left_for_a_wider_one():
    def f(x):
        return np.cos(x[0] - 1.7e9) + 1e-7 * np.sin(1e9 * x[0])

    with alarm():
        CalculusKit(f, [1.7e9], scale=5.0).gradient_result()
