"""What tests of the default method share: it is driven by hand."""

import numpy as np

from derivkit.methods.auto.auto import Auto
from derivkit.methods.protocol import Line


def follow(f, x0, *, order=1, method=None, scale=None, **known):
    """Drive the method by hand; return its estimate, the calls beside x0, and the rounds."""
    line = Line(scale or abs(x0) or 1.0, origin=x0, scale_given=scale is not None, **known)
    solver = (method or Auto()).solve(line, order)
    asked, rounds = [], 0
    try:
        points = next(solver)
        while True:
            asked += points.tolist()
            rounds += 1
            values = np.array([np.ravel(f(x0 + t)) for t in points])
            points = solver.send(values)
    except StopIteration as stop:
        return stop.value, len(set(asked) - {0.0}), rounds


def noisy(f, level, seed=0):
    """Return f with a relative noise that is the same at the same point."""

    def model(x):
        rng = np.random.default_rng([seed, *np.array([x]).view(np.uint32).tolist()])
        return f(x) * (1 + level * rng.standard_normal())

    return model
