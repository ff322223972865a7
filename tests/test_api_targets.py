"""What DerivKit's documented calls print here, beyond the gradient's."""

import numpy as np
import pytest

from derivkit import CalculusKit, DerivativeKit

X0 = [0.5, 2.0]
RIDDERS = {"stepsize": 1e-2, "num_points": 5, "extrapolation": "ridders", "levels": 4}
FIT = {"n_points": 12, "spacing": "auto", "ridge": 1e-10}


def v(theta):
    return np.array([np.sin(theta[0]) + theta[1], theta[0] * theta[1]])


def h(theta):
    return np.sin(theta[0]) + theta[0] * theta[1] + theta[1] ** 2


def k(theta):
    return theta[0] ** 3 + 2 * theta[0] * theta[1] + theta[1] ** 2


def printed(value):
    return str(np.round(value, 6) + 0.0)  # no -0


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"method": "finite", "n_workers": 2, **RIDDERS},
        {"method": "adaptive", "n_workers": 2, **FIT},
    ],
    ids=lambda keywords: keywords.get("method", "auto"),
)
def test_the_jacobian_prints_as_documented(keywords):
    J = CalculusKit(v, x0=X0).jacobian(**keywords)
    assert printed(J) == "[[0.877583 1.      ]\n [2.       0.5     ]]"


@pytest.mark.parametrize(
    "keywords", [{}, {"method": "finite", "n_workers": 4, **RIDDERS}], ids=["auto", "finite"]
)
def test_the_hessian_prints_as_documented(keywords):
    H = CalculusKit(h, x0=X0).hessian(**keywords)
    assert printed(H) == "[[-0.479426  1.      ]\n [ 1.        2.      ]]"


def test_the_hessian_diagonal_prints_as_documented():
    assert printed(CalculusKit(h, x0=X0).hessian_diag()) == "[-0.479426  2.      ]"


def test_a_scalar_function_in_jacobian_is_a_type_error():
    with pytest.raises(TypeError):
        CalculusKit(h, x0=X0).jacobian()


def test_a_vector_function_in_gradient_is_a_type_error():
    with pytest.raises(TypeError):
        CalculusKit(v, x0=X0).gradient()


def test_vector_functions_have_the_output_first():
    kit = CalculusKit(lambda t: np.array([np.sin(t[0]), t[0] * t[1] + t[1] ** 2]), x0=X0)
    assert kit.hessian().shape == (2, 2, 2)
    assert kit.hessian_diag().shape == (2, 2)


@pytest.mark.parametrize("keywords", [{}, {"method": "finite", **RIDDERS}], ids=["auto", "finite"])
def test_the_hyper_hessian_has_one_entry_that_is_not_zero(keywords):
    T = CalculusKit(k, x0=X0).hyper_hessian(**keywords)
    assert T.shape == (2, 2, 2)
    expected = np.zeros((2, 2, 2))
    expected[0, 0, 0] = 6
    np.testing.assert_array_equal(np.round(T, 4), expected)
    for axes in [(0, 2, 1), (1, 0, 2), (2, 1, 0)]:
        np.testing.assert_array_equal(T, T.transpose(axes))


def test_the_hyper_hessian_of_a_vector_function_has_the_output_first():
    kit = CalculusKit(lambda t: np.array([t[0] ** 3, t[0] * t[1] + t[1] ** 2]), x0=X0)
    assert kit.hyper_hessian().shape == (2, 2, 2, 2)


def test_low_orders_of_the_hyper_hessian():
    kit = CalculusKit(k, x0=X0)
    assert kit.hyper_hessian(order=0) == k(X0)
    assert printed(kit.hyper_hessian(order=1)) == "[4.75 5.  ]"
    assert printed(kit.hyper_hessian(order=2)) == "[[3. 2.]\n [2. 2.]]"


def test_differentiate_prints_as_documented():
    kit = DerivativeKit(np.sin, 0.7)
    print_ = np.round(kit.differentiate(method="finite", order=1, **RIDDERS), 8)
    assert str(print_) == "0.76484219"
    assert abs(kit.differentiate(order=1) - np.cos(0.7)) < 1e-12


def test_many_points_come_first_in_the_shape():
    def pair(x):
        return np.array([np.sin(x), np.cos(x)])

    points = np.array([0.1, 0.7, 2.0])
    assert DerivativeKit(pair, x0=points).differentiate().shape == (3, 2)
    assert DerivativeKit(np.sin, x0=points).differentiate().shape == (3,)


def test_a_table_is_differentiated():
    x = np.linspace(0, 3, 7)
    assert abs(DerivativeKit(x0=1.5, tab_x=x, tab_y=x**2).differentiate(order=1) - 3) < 1e-5


@pytest.mark.parametrize("method", [None, "finite", "adaptive", "fornberg", "complex_step"])
def test_every_method_gives_an_absolute_error(method):
    value, error = DerivativeKit(np.sin, 0.7).differentiate(method=method, return_error=True)
    assert abs(value - np.cos(0.7)) <= error < 1e-6


def test_the_functional_forms_have_public_paths():
    from derivkit.calculus.gradient import build_gradient
    from derivkit.calculus.hessian import build_hessian
    from derivkit.calculus.hyper_hessian import build_hyper_hessian
    from derivkit.calculus.jacobian import build_jacobian

    assert printed(build_gradient(k, X0)) == "[4.75 5.  ]"
    assert build_jacobian(v, X0, method="finite", n_workers=1).shape == (2, 2)
    assert printed(build_hessian(h, X0)) == "[[-0.479426  1.      ]\n [ 1.        2.      ]]"
    assert build_hyper_hessian(k, X0).shape == (2, 2, 2)
