"""Tensors of third and higher order against exact ones, with their calls."""

import faulthandler
from itertools import permutations, product

import numpy as np
import pytest

from derivkit import CalculusKit
from derivkit.calculus.hyper_hessian import build_hyper_hessian


def plane_wave(p, order, seed=0):
    """sin(w·x) with its exact tensor sin^(order)(u) w ⊗ … ⊗ w."""
    rng = np.random.default_rng(seed)
    w, x0 = rng.uniform(0.3, 1.0, p), rng.uniform(0.5, 1.5, p)
    exact = np.sin(w @ x0 + order * np.pi / 2)
    for _ in range(order):
        exact = np.multiply.outer(exact, w)
    return lambda x: float(np.sin(w @ x)), x0, exact


def quartic(x):
    return float(x[0] ** 4 + x[1] ** 4 + x[0] ** 3 * x[1] + x[0] * x[1] * x[2] ** 2 - 2 * x[2] ** 4)


def quartic_tensors(x):
    third, fourth = np.zeros((3, 3, 3)), np.zeros((3, 3, 3, 3))
    entries = {
        (0, 0, 0): 6 * x[1] + 24 * x[0],
        (1, 1, 1): 24 * x[1],
        (0, 0, 1): 6 * x[0],
        (0, 1, 2): 2 * x[2],
        (0, 2, 2): 2 * x[1],
        (1, 2, 2): 2 * x[0],
        (2, 2, 2): -48 * x[2],
        (0, 0, 0, 0): 24,
        (1, 1, 1, 1): 24,
        (0, 0, 0, 1): 6,
        (0, 1, 2, 2): 2,
        (2, 2, 2, 2): -48,
    }
    for index, value in entries.items():
        for place in permutations(index):
            (third if len(index) == 3 else fourth)[place] = value
    return third, fourth


@pytest.mark.parametrize(("order", "tolerance"), [(3, 1e-6), (4, 1e-4)])
def test_a_polynomial_has_its_tensors(order, tolerance):
    x0 = np.array([1.0, 2.0, -0.5])
    exact = quartic_tensors(x0)[order - 3]
    result = CalculusKit(quartic, x0).hyper_hessian_result(order=order)
    np.testing.assert_allclose(result.value, exact, atol=tolerance)
    assert (np.abs(result.value - exact) <= result.error).mean() > 0.95


@pytest.mark.parametrize(("order", "p", "tolerance"), [(3, 2, 1e-7), (3, 4, 1e-7), (4, 3, 1e-5)])
def test_a_plane_wave_has_its_tensors(order, p, tolerance):
    f, x0, exact = plane_wave(p, order)
    result = CalculusKit(f, x0).hyper_hessian_result(order=order)
    np.testing.assert_allclose(result.value, exact, atol=tolerance)
    assert (np.abs(result.value - exact) <= result.error).mean() > 0.95


@pytest.mark.parametrize("order", [3, 4])
def test_a_tensor_is_exactly_symmetric(order):
    f, x0, _ = plane_wave(3, order)
    T = CalculusKit(f, x0).hyper_hessian(order=order)
    for axes in permutations(range(order)):
        np.testing.assert_array_equal(T, T.transpose(axes))


def test_orders_zero_one_and_two_are_value_gradient_and_hessian():
    f, x0, _ = plane_wave(3, 3)
    kit = CalculusKit(f, x0)
    assert kit.hyper_hessian(order=0) == f(x0)
    np.testing.assert_allclose(kit.hyper_hessian(order=1), kit.gradient(), rtol=1e-13)
    np.testing.assert_array_equal(kit.hyper_hessian(order=2), kit.hessian())


def test_order_one_of_a_vector_function_is_its_jacobian():
    kit = CalculusKit(lambda x: np.array([x[0] * x[1], x[1] ** 3]), [1.0, 2.0])
    np.testing.assert_array_equal(kit.hyper_hessian(order=1), kit.jacobian())
    np.testing.assert_array_equal(kit.hyper_hessian(order=0), [2.0, 8.0])


def test_only_as_many_lines_as_distinct_entries_are_followed():
    """Ten for p = 3, order 3; a seven-point stencil takes six calls on each."""
    f, x0, exact = plane_wave(3, 3)
    options = {"method": "finite", "stepsize": 0.05, "num_points": 7, "extrapolation": None}
    result = CalculusKit(f, x0).hyper_hessian_result(**options)
    per_line = CalculusKit(f, x0).directional_result(np.eye(3)[0], order=3, **options).nfev - 1
    assert result.nfev <= 1 + 10 * per_line
    np.testing.assert_allclose(result.value, exact, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_the_work_of_a_high_order_does_not_go_as_its_factorial():
    faulthandler.dump_traceback_later(600, exit=True)
    tensor = CalculusKit(lambda x: x[0] ** 3, [1.0]).hyper_hessian_result(order=13)
    faulthandler.cancel_dump_traceback_later()
    assert tensor.value.shape == (1,) * 13


def test_parameters_of_different_scale_stand_in_one_tensor():
    s = np.array([1e-6, 1e4])
    result = CalculusKit(lambda x: float(np.exp((x / s).sum() - 2)), s).hyper_hessian_result()
    exact = np.array([1 / np.prod([s[i] for i in index]) for index in product((0, 1), repeat=3)])
    np.testing.assert_allclose(result.value.ravel(), exact, rtol=1e-6)


def test_bounds_hold_at_a_corner():
    def f(x):
        assert (x >= 0.5).all()
        return float(np.exp(x.sum()))

    kit = CalculusKit(f, [0.5, 0.5], bounds=[(0.5, None)] * 2)
    result = kit.hyper_hessian_result()
    np.testing.assert_allclose(result.value, np.e, rtol=1e-3)


@pytest.mark.parametrize("sides", list(product([-1, 0, 1], repeat=2)))
def test_odd_orders_have_their_sign_on_either_side_of_a_wall(sides):
    f, x0, exact = plane_wave(2, 3)
    ends = zip(x0, sides, strict=True)
    bounds = [{-1: (None, x), 0: (None, None), 1: (x, None)}[side] for x, side in ends]
    result = CalculusKit(f, x0, bounds=bounds).hyper_hessian_result()
    np.testing.assert_allclose(result.value, exact, atol=1e-4)
    assert (np.abs(result.value - exact) <= result.error).all()


def test_a_vector_function_gives_a_tensor_an_output():
    T = build_hyper_hessian(lambda x: np.array([x[0] ** 3, x[0] * x[1] + x[1] ** 2]), [0.5, 2.0])
    assert T.shape == (2, 2, 2, 2)
    exact = np.zeros((2, 2, 2, 2))
    exact[0, 0, 0, 0] = 6
    np.testing.assert_allclose(T, exact, atol=1e-4)


@pytest.mark.parametrize("order", [-1, 2.5, "3", None, True])
def test_an_order_that_is_no_whole_number_is_refused_before_any_call(order):
    def f(x):
        raise AssertionError

    with pytest.raises(ValueError, match="`order` must be a whole number of at least 0"):
        CalculusKit(f, [1.0]).hyper_hessian(order=order)
