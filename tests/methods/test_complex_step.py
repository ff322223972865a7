"""The complex step: exact to rounding where its duty is met, and loud where it is not."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, strategies as st

from derivkit import CalculusKit, ModelError, Status, UnresolvedWarning
from derivkit.methods.complex_step import ComplexStep
from derivkit.methods.protocol import Line
from derivkit.methods.registry import resolve

EXACT = [  # function of one number, the same in mpmath, x0
    (np.sin, mpmath.sin, 0.7),
    (np.sin, mpmath.sin, 100.0),
    (np.exp, mpmath.exp, -30.0),
    (np.log, mpmath.log, 1e-8),
    (np.sqrt, mpmath.sqrt, 1e12),
    (np.tanh, mpmath.tanh, 0.0),
    (lambda x: 1 / x, lambda x: 1 / x, 1e-3),
    (lambda x: x**5 - x, lambda x: x**5 - x, -1.3),
    (lambda x: np.exp(x) / (np.sin(x) ** 3 + np.cos(x) ** 3), None, 1.5),
    (lambda x: np.arctan(x * 50.0), lambda x: mpmath.atan(x * 50), 0.2),
]


@pytest.mark.parametrize(("f", "same", "x0"), EXACT)
def test_first_derivative_is_exact_to_rounding_and_inside_its_error(f, same, x0):
    same = same or (lambda x: mpmath.exp(x) / (mpmath.sin(x) ** 3 + mpmath.cos(x) ** 3))
    with mpmath.workdps(40):
        exact = float(mpmath.diff(same, mpmath.mpf(x0)))
    result = CalculusKit(lambda x: f(x[0]), [x0]).gradient_result("complex_step")
    assert abs(result.value[0] - exact) <= result.error[0]
    assert result.error[0] <= 2e-14 * abs(exact)
    assert result.status[0] is Status.EXACT


def test_a_parameter_takes_five_calls_beside_x0():
    result = CalculusKit(lambda x: np.sin(x[0]) * np.exp(x[1]), [0.5, 2.0]).gradient_result("cs")
    assert result.nfev == 11
    assert result.nfev_per_parameter.tolist() == [5, 5]


def not_analytic_abs(x):
    return abs(x[0]) ** 2 + x[1]


def not_analytic_conj(x):
    return np.conj(x[0]) * 3 + x[1]


def not_analytic_real(x):
    return np.exp(np.real(x[0])) + x[1]


def not_analytic_in_a_small_part(x):
    return np.exp(x[0]) + 1e-5 * abs(x[0]) + x[1]


def not_analytic_far_from_zero(x):
    return 1e6 + np.real(x[0]) + x[1]


def not_analytic_and_fast(x):
    return np.sin(300.0 * np.real(x[0])) + x[1]


@pytest.mark.parametrize(
    "f",
    [
        not_analytic_abs,
        not_analytic_conj,
        not_analytic_real,
        not_analytic_in_a_small_part,
        not_analytic_far_from_zero,
        not_analytic_and_fast,
    ],
)
@pytest.mark.parametrize("start", [0.5, 3.0, -10.0])
def test_code_that_is_not_analytic_is_said_and_has_no_error_bar(f, start):
    with pytest.warns(UnresolvedWarning, match=r"x\[0\] is not analytic.*method='auto'"):
        result = CalculusKit(f, [start, 2.0]).gradient_result("complex_step")
    assert result.status[0] is Status.NOT_ANALYTIC
    assert np.isinf(result.error[0])
    assert result.success is False
    assert np.isfinite(result.error[1])


def test_only_the_outputs_that_are_not_analytic_are_unresolved():
    kit = CalculusKit(lambda x: np.array([x[0] ** 2, abs(x[0]) + 0 * x[0]]), [0.5])
    with pytest.warns(UnresolvedWarning):
        result = kit.jacobian_result("complex_step")
    assert result.status[:, 0].tolist() == [Status.EXACT, Status.NOT_ANALYTIC]
    assert result.value[0, 0] == 1.0


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sin(3000.0 * x[0]),  # faster than its scale suggests
        lambda x: np.exp(200.0 * x[0]),
        lambda x: 1e9 + x[0],  # real differences say little
        lambda x: (1 - np.cos(1e-3 * x[0])) * 1e6,  # and move in stairs
        lambda x: (x[0] - 0.5) ** 2,  # zero derivative
        lambda x: (x[0] - 0.5) ** 3 + 5.0,
        lambda x: 3.0 + 0 * x[0],
        lambda _: 3.0,
        lambda x: np.sqrt(x[0] - 0.49999),  # a wall near by
        lambda x: np.maximum(x[0], 0.2) ** 2,  # comparisons away from their point
        lambda x: 1e-300 * x[0],  # an imaginary part that underflows
    ],
)
def test_analytic_functions_are_never_called_not_analytic(f):
    with np.errstate(invalid="ignore"):
        result = CalculusKit(f, [0.5]).gradient_result("complex_step")
    assert result.success
    assert result.status[0] in {Status.EXACT, Status.CONVERGED}


@given(
    coefficients=st.lists(st.floats(-10, 10, allow_subnormal=False), min_size=2, max_size=6),
    x0=st.floats(-5, 5).filter(lambda x: x == 0 or abs(x) > 1e-100),  # below, f itself underflows
)
def test_polynomials_are_inside_their_error(coefficients, x0):
    powers = range(len(coefficients) - 1, 0, -1)
    terms = [
        mpmath.mpf(c) * k * mpmath.mpf(x0) ** (k - 1)
        for c, k in zip(coefficients[:-1], powers, strict=True)
    ]
    exact = float(mpmath.fsum(terms))
    result = CalculusKit(lambda x: np.polyval(coefficients, x[0]), [x0]).gradient_result("cs")
    size = np.polyval(np.abs(np.polyder(coefficients)), abs(x0))
    assert abs(result.value[0] - exact) <= max(1e-14 * size, result.error[0])
    assert result.success


def test_real_samples_stay_inside_the_bounds():
    seen = []

    def model(x):
        seen.append(complex(x[0]).real)
        return np.sqrt(x[0]) * 3

    result = CalculusKit(model, [1.0], bounds=[(1.0, 5.0)]).gradient_result("complex_step")
    assert min(seen) >= 1.0
    assert result.value[0] == pytest.approx(1.5, rel=1e-15)


@pytest.mark.filterwarnings("ignore::derivkit.errors.UnresolvedWarning")  # only bounds are asked
@pytest.mark.parametrize(("x0", "room"), [(0.3, 1e-15), (0.3, 1e-8), (0.0, 5e-324), (1e300, 1e285)])
def test_bounds_hold_however_narrow_they_are(x0, room):
    low, high = x0 - room, x0 + 3 * room

    def model(x):
        assert low <= x[0].real <= high
        return np.cos(x[0] / max(x0, 1.0))

    kit = CalculusKit(model, [x0], bounds=[(low, high)])
    for side in (None, 1, -1):
        result = kit.gradient_result("complex_step", side=side)
        exact = -np.sin(x0 / max(x0, 1.0)) / max(x0, 1.0)
        assert not abs(result.value[0] - exact) > result.error[0]


def test_real_and_complex_points_are_asked_for_in_rounds_of_their_own():
    solver = ComplexStep().solve(Line(scale=2.0, origin=1.0), 1)
    t = next(solver)
    assert t.dtype == float
    assert 0.0 in t
    t = solver.send(np.exp(1.0 + t)[:, None])
    assert np.all(t.imag != 0)
    with pytest.raises(StopIteration) as stop:
        solver.send(np.exp(1.0 + t)[:, None])
    assert abs(stop.value.value.value[0] - np.e) <= stop.value.value.error[0]


def test_higher_orders_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match="first derivatives, got order 2; use method='auto'"):
        CalculusKit(lambda x: x[0] ** 2, [1.0]).hessian("complex_step")


def test_a_model_that_refuses_complex_numbers_is_told_what_to_use():
    kit = CalculusKit(lambda x: np.arctan2(x[0], 1.0), [0.5])
    with pytest.raises(ModelError, match="takes complex numbers: use method='auto'"):
        kit.gradient("complex_step")


def test_a_vectorized_model_gets_all_complex_points_in_one_call():
    shapes = []

    def model(x):
        shapes.append((x.shape, x.dtype.kind))
        return np.sin(x[:, 0]) * x[:, 1]

    gradient = CalculusKit(model, [0.5, 2.0], vectorized=True).gradient("complex_step")
    np.testing.assert_allclose(gradient, [2 * np.cos(0.5), np.sin(0.5)], rtol=1e-15)
    assert shapes == [((5, 2), "f"), ((6, 2), "c")]


def test_two_workers_give_the_same_bits():
    def model(x):
        return np.exp(np.sin(x[0]) * x[1])

    alone = CalculusKit(model, [0.5, 2.0]).gradient("complex_step")
    shared = CalculusKit(model, [0.5, 2.0]).gradient("complex_step", n_workers=2)
    np.testing.assert_array_equal(alone, shared)


@pytest.mark.parametrize("alias", ["complex", "cs", "Complex Step"])
def test_it_goes_by_its_aliases(alias):
    assert resolve(alias, {}) == ComplexStep()
