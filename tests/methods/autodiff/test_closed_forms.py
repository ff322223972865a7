"""Every library against derivatives by hand, directly and through the kit."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from derivkit import CalculusKit, Status

pytestmark = pytest.mark.filterwarnings(
    "ignore:`torch.jit.script` is deprecated:DeprecationWarning"  # by torch itself
)

NUMPY = SimpleNamespace(
    sin=np.sin, cos=np.cos, exp=np.exp, sqrt=np.sqrt, tanh=np.tanh, log=np.log, sum=np.sum
)
X0 = np.array([0.5, 2.0])
ROUNDING = 1e-13


def sine(n, a, b):
    return n.sin(a) * b**2


def sine_by_hand(a, b):
    s, c = np.sin(a), np.cos(a)
    return [c * b**2, 2 * s * b], [[-s * b**2, 2 * c * b], [2 * c * b, 2 * s]]


def exponential(n, a, b):
    return n.exp(a * b)


def exponential_by_hand(a, b):
    e = np.exp(a * b)
    return [b * e, a * e], [[b * b * e, e * (1 + a * b)], [e * (1 + a * b), a * a * e]]


def logarithm(n, a, b):
    return n.log(a + b**2)


def logarithm_by_hand(a, b):
    u = a + b**2
    cross = -2 * b / u**2
    return [1 / u, 2 * b / u], [[-1 / u**2, cross], [cross, 2 / u - 4 * b**2 / u**2]]


def cubic(_, a, b):
    return a**3 + 2 * a * b + b**2


def cubic_by_hand(a, b):
    return [3 * a**2 + 2 * b, 2 * a + 2 * b], [[6 * a, 2], [2, 2]]


def radius(n, a, b):
    return n.sqrt(a * a + b * b)


def radius_by_hand(a, b):
    r = np.hypot(a, b)
    return [a / r, b / r], np.array([[b * b, -a * b], [-a * b, a * a]]) / r**3


def step(n, a, b):
    return n.tanh(a - b)


def step_by_hand(a, b):
    t, s = np.tanh(a - b), np.cosh(a - b) ** -2
    return [s, -s], -2 * t * s * np.array([[1, -1], [-1, 1]])


def ratio(_, a, b):
    return a / b


def ratio_by_hand(a, b):
    return [1 / b, -a / b**2], [[0, -1 / b**2], [-1 / b**2, 2 * a / b**3]]


def rosenbrock(_, a, b):
    return 100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2


def rosenbrock_by_hand(a, b):
    gradient = [-400 * a * (b - a * a) - 2 * (1 - a), 200 * (b - a * a)]
    return gradient, [[-400 * (b - 3 * a * a) + 2, -400 * a], [-400 * a, 200]]


def plane(_, a, b):
    return 3.0 * a - 2.0 * b


def plane_by_hand(_a, _b):
    return [3, -2], [[0, 0], [0, 0]]


def wave(n, a, b):
    return n.cos(a) * n.exp(-b)


def wave_by_hand(a, b):
    s, c, e = np.sin(a), np.cos(a), np.exp(-b)
    return [-s * e, -c * e], [[-c * e, s * e], [s * e, c * e]]


TABLE = [
    (sine, sine_by_hand),
    (exponential, exponential_by_hand),
    (logarithm, logarithm_by_hand),
    (cubic, cubic_by_hand),
    (radius, radius_by_hand),
    (step, step_by_hand),
    (ratio, ratio_by_hand),
    (rosenbrock, rosenbrock_by_hand),
    (plane, plane_by_hand),
    (wave, wave_by_hand),
]
GRADIENTS = np.array([by_hand(*X0)[0] for _, by_hand in TABLE])
HESSIANS = np.array([by_hand(*X0)[1] for _, by_hand in TABLE])


def of_vector(f, namespace):
    return lambda x: f(namespace, x[0], x[1])


def all_of(functions, namespace):
    return lambda x: [f(namespace, x[0], x[1]) for f in functions]


def assert_equal_to_rounding(value, exact):
    assert value.shape == np.shape(exact)
    assert np.all(np.abs(value - exact) <= ROUNDING * np.maximum(1.0, np.abs(exact)))


@pytest.mark.parametrize(("f", "by_hand"), TABLE)
def test_gradient_and_hessian_equal_the_closed_form(library, f, by_hand):
    for order, exact in enumerate(by_hand(*X0), start=1):
        answer = library.method.value_and_derivatives(of_vector(f, library), X0, order)
        assert_equal_to_rounding(answer.tensor, exact)
        assert_equal_to_rounding(answer.value, f(NUMPY, *X0))
        assert answer.tensor.dtype == np.float64


@pytest.mark.parametrize("outputs", [1, 2, 10])
def test_jacobian_equals_the_closed_form_for_few_and_for_many_outputs(library, outputs):
    f = all_of([f for f, _ in TABLE[:outputs]], library)
    answer = library.method.value_and_derivatives(f, X0, 1)
    assert_equal_to_rounding(answer.tensor, GRADIENTS[:outputs])
    assert answer.value.shape == (outputs,)


def test_hessian_of_a_vector_function_has_the_output_index_first(library):
    answer = library.method.value_and_derivatives(all_of([f for f, _ in TABLE], library), X0, 2)
    assert_equal_to_rounding(answer.tensor, HESSIANS)


def test_third_and_fourth_derivatives_equal_the_closed_form(library):
    third = library.method.value_and_derivatives(of_vector(cubic, library), X0, 3)
    expected = np.zeros((2, 2, 2))
    expected[0, 0, 0] = 6
    assert_equal_to_rounding(third.tensor, expected)
    fourth = library.method.value_and_derivatives(of_vector(exponential, library), X0, 4)
    assert_equal_to_rounding(fourth.tensor[0, 0, 0, 0], 16 * np.e)


@pytest.mark.parametrize(("f", "by_hand"), TABLE)
def test_kit_gives_the_closed_form_within_its_error(library, f, by_hand):
    kit = CalculusKit(of_vector(f, library), X0)
    gradient, hessian = by_hand(*X0)
    for result, exact in [
        (kit.gradient_result(library.name), gradient),
        (kit.hessian_result(library.name), hessian),
    ]:
        assert_equal_to_rounding(result.value, exact)
        assert np.all(np.abs(result.value - exact) <= result.error)
        assert np.all(result.error <= ROUNDING * np.maximum(1.0, np.abs(exact)))
        assert set(result.status.flat) == {Status.EXACT}
        assert result.method == library.name


def test_default_method_agrees_within_its_error_bar(library):
    for f, _ in TABLE:
        exact = CalculusKit(of_vector(f, library), X0).gradient_result(library.name)
        numerical = CalculusKit(of_vector(f, NUMPY), X0).gradient_result()
        assert np.all(np.abs(numerical.value - exact.value) <= numerical.error + exact.error)


def test_jacobian_through_the_kit_equals_the_default_method(library):
    functions = [f for f, _ in TABLE]
    exact = CalculusKit(all_of(functions, library), X0).jacobian(library.name)
    numerical = CalculusKit(all_of(functions, NUMPY), X0).jacobian_result()
    assert_equal_to_rounding(exact, GRADIENTS)
    assert np.all(np.abs(numerical.value - exact) <= numerical.error + ROUNDING * np.abs(exact))
