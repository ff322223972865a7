"""Second derivatives in planes of pairs of directions: exact, few calls, both signs."""

import numpy as np
import pytest

from derivkit import CalculusKit
from derivkit.calculus.mixed_seconds import CALLS_OF_A_PAIR, along_axes, second_derivatives
from derivkit.calculus.problem import check_problem
from derivkit.methods.registry import resolve

RNG = np.random.default_rng(7)
A = RNG.normal(size=(6, 6))
A = A + A.T


def quadratic(x):
    return float(0.5 * x @ A @ x)


def driven(generator, function):
    """Answer stages by hand: each solver is driven alone, with the function at its ray's points."""
    from derivkit.calculus.assembly import StageResults

    calls = 0
    try:
        stage = next(generator)
        while True:
            estimates, counts = [], []
            for ray, solver in zip(stage.rays, stage.solvers, strict=True):
                n = 0
                try:
                    t = next(solver)
                    while True:
                        n += np.count_nonzero(t)
                        values = [function(ray.place(each)) for each in t.tolist()]
                        t = solver.send(np.array(values, dtype=float).reshape(-1, 1))
                except StopIteration as stop:
                    estimates.append(stop.value)
                counts.append(n)
            calls += sum(counts)
            found = StageResults(estimates, (), counts, [0] * len(counts))
            stage = generator.send(found)
    except StopIteration as stop:
        return stop.value, calls


@pytest.mark.parametrize("method", ["auto", "finite", "local_polynomial"])
def test_pure_and_mixed_derivatives_of_a_quadratic_are_exact(method):
    problem = check_problem(quadratic, np.linspace(0.5, 1.5, 6))
    pairs = np.array([(i, j) for i in range(6) for j in range(i)])
    stages = second_derivatives(problem, resolve(method, {}), None, along_axes(range(6)), pairs)
    (pure, mixed), _ = driven(stages, quadratic)
    np.testing.assert_allclose(pure.value, np.diag(A), atol=1e-6)
    exact = A[tuple(pairs.T)]
    np.testing.assert_allclose(mixed.value, exact, atol=1e-6)
    assert (np.abs(mixed.value - exact) <= mixed.error).all()


def test_a_direction_that_is_no_axis_is_measured_in_its_own_length():
    problem = check_problem(quadratic, np.linspace(0.5, 1.5, 6))
    along = ((0, 2), (1.0, -0.5))
    v = np.array([1.0, 0.0, -0.5, 0.0, 0.0, 0.0])
    directions = [*along_axes([1]), along]
    method = resolve("auto", {})
    pairs = np.array([[0, 1]])
    (pure, mixed), _ = driven(
        second_derivatives(problem, method, None, directions, pairs), quadratic
    )
    np.testing.assert_allclose(pure.value, [A[1, 1], v @ A @ v], atol=1e-7)
    np.testing.assert_allclose(mixed.value, [A[1] @ v], atol=1e-7)


def test_a_pair_among_many_takes_four_calls():
    n = 10

    def model(x):
        return float(np.exp(x.sum() / 10))

    diagonal = CalculusKit(model, np.linspace(1, 2, n)).hessian_diag_result().nfev
    whole = CalculusKit(model, np.linspace(1, 2, n)).hessian_result().nfev
    assert whole <= diagonal + CALLS_OF_A_PAIR * n * (n - 1) // 2 + 1


def test_no_pairs_are_no_lines():
    problem = check_problem(quadratic, np.ones(6))
    none = np.zeros((0, 2), dtype=int)
    stages = second_derivatives(problem, resolve("auto", {}), None, along_axes([3]), none)
    (pure, mixed), _ = driven(stages, quadratic)
    assert abs(pure.value[0] - A[3, 3]) <= pure.error[0]
    assert mixed.value.shape == (0,)


def test_where_a_corner_cuts_one_diagonal_off_the_other_is_followed():
    def corner(x):  # undefined where x + y > 2.02, y - x moves freely
        return np.nan if x[0] + x[1] > 2.0 + 1e-9 else x[0] * x[1] + x[0] ** 2

    result = CalculusKit(corner, [1.0, 1.0]).hessian_result()
    exact = np.array([[2.0, 1.0], [1.0, 0.0]])
    good = np.isfinite(result.error)
    assert good.all()
    assert (np.abs(result.value - exact) <= result.error).all()
    assert result.error.max() < 1e-3
