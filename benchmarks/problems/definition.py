"""How a hand-written problem is declared, and how its reference is found.

A problem is a function ``body(x, m)`` in the elementary functions of ``m`` (see
`benchmarks.taylor`) with the points at which it is asked::

    @problem("A", [0.5, 2.0], [1.0, 1.0])
    def rosenbrock(x, m):
        return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2

A numerical model (an ODE solver, a table) gives `model`, what the methods differentiate; the
decorated body is then the mathematical function it approximates.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.problem import FAIL, FAIL_COARSE, Problem, guarded, with_noise
from benchmarks.taylor import DIGITS, FLOATS, partials

HERE = Path(__file__).parent
CACHE = HERE.parent / "_cache"
ZERO = 10.0 ** (10 - DIGITS)  # a derivative this far below its unit is an exact zero

DECLARED: list["Declared"] = []


@dataclass(frozen=True)
class Declared:
    """One function at one point, before its reference is known."""

    name: str
    klass: str
    kind: str
    body: Callable
    x0: tuple[float, ...]
    model: Callable | None = None
    noise: float = 0.0
    deviate: str = "normal"
    bounds: list[tuple[float, float]] | None = None
    inside: Callable | None = None
    outside: str = "nan"
    reference: Callable | None = None  # x0 -> (f, gradient, second), where the body cannot tell

    def as_problem(self, reference):
        value, gradient, second = reference
        return Problem(
            name=self.name,
            klass=self.klass,
            kind=self.kind,
            f=self.function(),
            x0=np.array(self.x0),
            gradient=np.array(gradient),
            second=np.array(second),
            value=value,
            noise=self.noise,
            bounds=self.bounds,
            fail=FAIL_COARSE if self.noise >= FAIL else FAIL,
            tags=(f"noise {self.noise:.0e}",) if self.noise else (),
        )

    def function(self):
        body = self.body
        f = self.model or (lambda x: body(x, FLOATS))
        if self.noise and self.model is None:
            f = with_noise(f, self.noise, self.deviate)
        return f if self.inside is None else guarded(f, self.inside, self.outside)


def problem(klass, *points, kind=None, **settings):
    """Declare the decorated body(x, m) as a problem of this class at each of the points."""

    def declare(body):
        for k, x0 in enumerate(points):
            name = f"{klass}-{body.__name__}" + (f"-{k + 1}" if len(points) > 1 else "")
            sort = kind or body.__module__.rsplit(".", 1)[-1]
            if any(d.name == name for d in DECLARED):
                name += f"-{sort.replace(' ', '-')}"
            point = tuple(float(v) for v in np.atleast_1d(x0))
            DECLARED.append(Declared(name, klass, sort, body, point, **settings))
        return body

    return declare


def noisy(body, *, klass="E", **settings):
    """Declare an already declared body again, with other settings (noise, a precision, another
    class).
    """
    chosen = [d for d in DECLARED if d.body is body and d.klass != klass]
    for d in chosen:
        label = settings.get("kind", f"noise {settings.get('noise', 0):.0e}")
        name = f"{klass}-{d.name[2:]}-{label.replace(' ', '-')}"
        DECLARED.append(replace(d, name=name, klass=klass, **{"kind": label, **settings}))


def with_references():
    """Return the declared problems with their exact derivatives, from the disk where they have not
    changed.
    """
    path = CACHE / f"hand-written-{fingerprint()}.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    missing = [d for d in DECLARED if d.name not in known]
    known.update({d.name: _reference(d) for d in missing})
    if missing:
        CACHE.mkdir(exist_ok=True)
        path.write_text(json.dumps(known))
    return [d.as_problem(known[d.name]) for d in DECLARED]


def fingerprint():
    sources = [*sorted(HERE.glob("*.py")), HERE.parent / "taylor.py"]
    return hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()[:12]


def _reference(declared):
    """Return (f, gradient, second derivatives) at the exact binary64 point."""
    if declared.reference is not None:
        value, gradient, second = declared.reference(np.array(declared.x0))
        return float(value), list(map(float, gradient)), list(map(float, second))
    rows = np.array([[float(v) for v in row] for row in partials(declared.body, declared.x0, 2)])
    unit = abs(rows[0, 0]) or 1.0
    rows[np.abs(rows) < ZERO * unit] = 0.0
    return float(rows[0, 0]), rows[:, 1].tolist(), rows[:, 2].tolist()
