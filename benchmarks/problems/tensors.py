"""Hessians of the hand-written functions, and Jacobians of the vector-valued ones, with exact
references.
"""

import json
from dataclasses import replace

import numpy as np

from benchmarks.problem import FAIL, FAIL_COARSE, Problem
from benchmarks.problems import hand_written
from benchmarks.problems.definition import CACHE, DECLARED, fingerprint
from benchmarks.taylor import FLOATS, along, hessian

MOST_PARAMETERS = 10
NOISY = 1e-8  # second derivatives above this noise have two or three digits to give


def load(tensor):
    """Return the problems of a tensor, the matrices flattened into `gradient`."""
    return {"hessian": hessians, "jacobian": jacobians}[tensor]()


def hessians():
    """Return the Hessian problems: two to ten parameters, of a known function, noise up to 1e-6."""
    problems = {p.name: p for p in hand_written()}
    chosen = [d for d in DECLARED if _fits(d)]
    exact = _cached("hessians", chosen, lambda d: hessian(d.body, d.x0))
    return [_hessian_problem(problems[d.name], np.array(exact[d.name])) for d in chosen]


def _fits(declared):
    if declared.reference is not None or declared.noise > 1e-6:
        return False
    return 2 <= len(declared.x0) <= MOST_PARAMETERS


def _hessian_problem(problem, H):
    """Return the problem with its Hessian; an entry's unit is sqrt(|H_ii H_jj|), or itself if
    larger.
    """
    scale = np.where(problem.x0 == 0, 1.0, np.abs(problem.x0))
    natural = (abs(problem.value) or 1.0) / np.outer(scale, scale)
    diagonal = np.sqrt(np.abs(np.diag(H)))
    unit = np.maximum(np.outer(diagonal, diagonal), np.abs(H))
    unit = np.where(unit == 0, natural, unit)
    fail = FAIL_COARSE if problem.noise > NOISY else FAIL
    return replace(problem, gradient=H.ravel(), given_unit=unit.ravel(), fail=fail)


def jacobians():
    """Return the Jacobian problems."""
    from benchmarks.problems.vectors import VECTORS

    exact = _cached("jacobians", VECTORS, _jacobian)
    return [_jacobian_problem(d, np.array(exact[d.name])) for d in VECTORS]


def _jacobian(declared):
    """Return the exact values and Jacobian as rows (f_k, ∂f_k/∂x_1, …)."""
    columns = [along(declared.body, declared.x0, e, 1) for e in np.eye(len(declared.x0))]
    values = [d[0] for d in columns[0]]
    return [[v, *(column[k][1] for column in columns)] for k, v in enumerate(values)]


def _jacobian_problem(declared, rows):
    values, J, x0 = rows[:, 0], rows[:, 1:], np.array(declared.x0)
    scale = np.where(x0 == 0, 1.0, np.abs(x0))
    natural = np.outer(np.where(values == 0, 1.0, np.abs(values)), 1 / scale)
    unit = np.where(J == 0, natural, np.abs(J))
    return Problem(
        name=declared.name,
        klass=declared.klass,
        kind=declared.kind,
        f=_as_array(declared),
        x0=x0,
        gradient=J.ravel(),
        second=np.full(J.size, np.nan),
        value=float(values[0]),
        noise=declared.noise,
        bounds=declared.bounds,
        given_unit=unit.ravel(),
    )


def _as_array(declared):
    """Return the model as a function to an array; outside of its domain all outputs are nan."""
    body, outputs = declared.body, len(declared.body(np.array(declared.x0), FLOATS))
    dressed = replace(declared, body=lambda x, m: np.array(body(x, m), dtype=float)).function()

    def f(x):
        y = dressed(x)
        return np.full(outputs, y) if np.ndim(y) == 0 else y

    return f


def _cached(kind, declared, exact):
    """Return {name: matrix of floats}, computed once for this version of the problems."""
    path = CACHE / f"{kind}-{fingerprint()}.json"
    if not path.exists():
        matrices = {d.name: [[float(v) for v in row] for row in exact(d)] for d in declared}
        CACHE.mkdir(exist_ok=True)
        path.write_text(json.dumps(matrices))
    return json.loads(path.read_text())
