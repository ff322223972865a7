"""Problems that nobody has seen: functions, scales, walls and noise drawn from a seed.

>>> from benchmarks.held_out import draw
>>> problems = draw(seed=20240501, n=10, classes="AB")
>>> [problem.klass for problem in problems].count("A")
5

A draw is kept when its derivative exists and can be resolved at all: a five-point rule that is
*told* the noise and the fifth derivative must reach a third of the failure threshold. Nothing else
about a method enters.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from mpmath import mpf

from benchmarks import recipes
from benchmarks.expressions import compiled
from benchmarks.problem import (
    FAIL,
    FAIL_COARSE,
    Problem,
    guarded,
    in_float32,
    relative_unit,
    with_noise,
)
from benchmarks.taylor import FLOATS, SERIES, partials

HERE = Path(__file__).parent
CACHE = HERE / "_cache"
ORDER = 6  # of the Taylor coefficients that decide whether a draw is kept
SINGLE, DOUBLE = 6e-8, 1.2e-16  # half an ulp
LARGEST, SMALLEST = 1e60, 1e-60  # of |f| and |f'| in a kept draw
ZERO = 1e-30  # a 50-digit derivative this much below its unit is an exact zero


@dataclass(frozen=True)
class Reference:
    """A draft that was kept, with its exact derivatives: all that is stored on disk."""

    draft: recipes.Draft
    gradient: list[float]
    second: list[float]
    value: float


def draw(seed, n, classes="ABCDE"):
    """Return n problems, as many of each class, the same ones for the same seed."""
    references = _cached(seed, n, classes)
    return [_problem(f"held-out-{seed}-{i}", r) for i, r in enumerate(references)]


def _cached(seed, n, classes):
    path = CACHE / f"held-out-{seed}-{n}-{classes}-{_fingerprint()}.json"
    if path.exists():
        stored = json.loads(path.read_text())
        return [Reference(**{**r, "draft": recipes.Draft(**r["draft"])}) for r in stored]
    references = [
        _drawn(np.random.default_rng([seed, ord(klass), i]), klass)
        for klass in classes
        for i in range(n // len(classes))
    ]
    CACHE.mkdir(exist_ok=True)
    path.write_text(json.dumps([asdict(r) for r in references]))
    return references


def _fingerprint():
    """Return a hash of the sources that decide what a seed gives."""
    names = ("held_out.py", "recipes.py", "expressions.py", "taylor.py")
    return hashlib.sha256(b"".join((HERE / n).read_bytes() for n in names)).hexdigest()[:12]


def _drawn(rng, klass):
    while True:
        draft = recipes.RECIPES[klass](rng)
        reference = _reference(draft)
        if reference is not None:
            return reference


def _reference(draft):
    """Return the draft with its exact derivatives; None if undefined or beyond resolving."""
    body, x0 = compiled(draft.source), np.array(draft.x0)
    try:
        derivatives = np.array([[float(v) for v in row] for row in partials(body, draft.x0, ORDER)])
        rounding = _rounding(body, x0)
    except (ZeroDivisionError, OverflowError, ValueError, TypeError):
        return None  # complex or undefined at x0
    if not (np.isfinite(derivatives).all() and np.isfinite(rounding)):
        return None
    value = derivatives[0, 0]
    unit = relative_unit(np.zeros(len(x0)), value, x0)
    gradient = np.where(np.abs(derivatives[:, 1]) < ZERO * unit, 0.0, derivatives[:, 1])
    noise = abs(value) * max(draft.noise, rounding)
    if not all(_resolvable(draft, x0, i, derivatives[i], noise) for i in range(len(x0))):
        return None
    return Reference(draft, gradient.tolist(), derivatives[:, 2].tolist(), float(value))


def _rounding(body, x0):
    """Return the relative rounding error of f near x0, from a few neighbours."""
    errors = [DOUBLE]
    for k in range(4):
        x = x0 * (1 + k * 1e-14) + (0 if x0.all() else k * 1e-16)
        exact = body([mpf(float(v)) for v in x], SERIES)
        with np.errstate(all="ignore"):
            errors.append(float(abs((mpf(float(body(x, FLOATS))) - exact) / (exact or 1))))
    return max(errors)


def _resolvable(draft, x0, i, d, noise):
    """Tell whether a five-point rule with the best step resolves the derivative."""
    if d[1] == 0 or abs(d[1]) < SMALLEST * abs(d[0]):
        return draft.noise == 0 and 0 < abs(d[0]) < LARGEST
    if not (SMALLEST < abs(d[1]) < LARGEST and abs(d[0]) < LARGEST):
        return False
    h = draft.room[i] * np.logspace(-8, 0, 200)
    error = 1.2 * noise / h + np.abs(d[5]) * h**4 / 30 + np.abs(d[6]) * h**5 / 100
    return error.min() < threshold(draft.noise) / 3 * abs(d[1])


def threshold(noise):
    """Return the relative error that counts as a failure at this level of noise."""
    return FAIL_COARSE if noise >= FAIL else FAIL


def _problem(name, reference):
    draft, body = reference.draft, compiled(reference.draft.source)
    return Problem(
        name=f"{name}-{draft.kind}",
        klass=draft.klass,
        f=_dressed(lambda x: body(x, FLOATS), draft),
        x0=np.array(draft.x0),
        gradient=np.array(reference.gradient),
        second=np.array(reference.second),
        value=reference.value,
        kind=draft.kind,
        noise=draft.noise,
        bounds=None if draft.bounds is None else [tuple(b) for b in draft.bounds],
        fail=threshold(draft.noise),
        tags=tuple(draft.tags),
    )


def _dressed(f, draft):
    """Return f with the draft's noise, precision and walls."""
    if "float32" in draft.tags:
        f = in_float32(f)
    elif draft.noise:
        f = with_noise(f, draft.noise, draft.deviate)
    if draft.domain is None:
        return f
    low, high = (np.array(side) for side in draft.domain)
    return guarded(f, lambda x: bool(np.all((x >= low) & (x <= high))), draft.outside)


__all__ = ["Reference", "draw", "threshold"]
