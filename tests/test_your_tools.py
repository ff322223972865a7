"""Tools of one line, and what optimisers and many points get where a model is undefined."""

import numpy as np
import pandas as pd
import pytest
import scipy.optimize

import derivkit
from derivkit import CalculusKit, DerivativeKit, ModelError, UnresolvedWarning


def barrier(x):
    """Return x - log x - log y + y: undefined (nan) beyond the walls, least at (1, 1)."""
    if min(x) <= 0:
        return np.nan
    return x[0] - np.log(x[0]) + 10 * x[1] - 10 * np.log(x[1])


def raising(x):
    if min(x) <= 0:
        raise RuntimeError("no logarithm")
    return barrier(x)


def test_where_the_function_is_undefined_grad_and_its_kin_give_nan():
    bad = [-1.0, 2.0]
    np.testing.assert_array_equal(derivkit.grad(barrier)(bad), [np.nan, np.nan])
    np.testing.assert_array_equal(derivkit.grad(raising)(bad), [np.nan, np.nan])
    value, gradient = derivkit.value_and_grad(lambda x: -np.inf if x[0] < 0 else x[0])([-1.0])
    assert value == -np.inf
    assert np.isnan(gradient).all()
    assert derivkit.hessian(barrier)(bad).shape == (2, 2)
    assert derivkit.jacobian(lambda x: x[0] * np.full(3, np.nan))(bad).shape == (3, 2)
    nested = derivkit.grad(lambda p: np.nan)({"a": 1.0, "v": [1.0, 2.0]})
    assert np.isnan(nested["a"])
    assert nested["v"].shape == (2,)
    for function in (barrier, raising):
        with pytest.raises(ModelError):
            derivkit.grad(function, at_undefined="raise")(bad)
        with pytest.raises(ModelError):
            CalculusKit(function, bad).gradient()


def test_at_a_point_that_is_nan_grad_and_its_kin_give_nan():
    value, gradient = derivkit.value_and_grad(lambda x: x @ x)([np.nan, 1.0])
    assert np.isnan(value)
    np.testing.assert_array_equal(gradient, [np.nan, np.nan])
    nested = derivkit.grad(lambda p: p["a"], bounds={"a": (0.0, None)})({"a": np.inf})
    np.testing.assert_array_equal(nested["a"], np.nan)
    both = derivkit.grad(lambda a, b: a * b, argnums=(0, 1))(np.nan, 1.0)
    assert np.isnan(both).all()
    for keywords, x in (({"at_undefined": "raise"}, [np.nan]), ({"bounds": [(0, 1)]}, [3.0])):
        with pytest.raises(ValueError, match="`x0` must"):
            derivkit.grad(lambda x: x[0], **keywords)(x)


def test_a_jacobian_that_was_seen_before_gives_nan_where_the_function_raises():
    def residuals(x):
        if x[0] < 0:
            raise RuntimeError("outside")
        return np.array([x[0], x[1], 1.0])

    jacobian = derivkit.jacobian(residuals)
    with pytest.raises(ModelError):
        jacobian([-1.0, 2.0])
    assert jacobian([1.0, 2.0]).shape == (3, 2)
    assert np.isnan(jacobian([-1.0, 2.0])).all()


SHAPES_OF_NAN = {  # derivative of a function, at a point that is nan or undefined: what is due
    "a Hessian": (derivkit.hessian(lambda x: x @ x), [np.nan, 1.0], np.full((2, 2), np.nan)),
    "a Jacobian": (derivkit.jacobian(lambda x: x**2), [np.inf, 1.0], np.full((2, 2), np.nan)),
    "a Hessian where the function raises": (
        derivkit.hessian(raising),
        [-1.0, 2.0],
        np.full((2, 2), np.nan),
    ),
    "by keywords": (
        derivkit.jacobian(lambda a, b: np.array([a, b, a]), call="keywords"),
        {"a": np.nan, "b": 1.0},
        {"a": np.full(3, np.nan), "b": np.full(3, np.nan)},
    ),
    "of outputs that are a dict": (
        derivkit.jacobian(lambda p: {"u": p["a"] * p["v"], "w": p["a"]}),
        {"a": np.nan, "v": [1.0, 2.0]},
        {
            "u": {"a": np.full(2, np.nan), "v": np.full((2, 2), np.nan)},
            "w": {"a": np.nan, "v": np.full(2, np.nan)},
        },
    ),
    "with more arguments": (
        derivkit.jacobian(lambda x, k: k * x, args=(2.0,)),
        [np.nan],
        np.full((1, 1), np.nan),
    ),
    "in ln x": (derivkit.hessian(lambda x: x[0], transform="log"), [np.nan], np.array([[np.nan]])),
}


@pytest.mark.parametrize("case", SHAPES_OF_NAN)
def test_nan_has_the_shape_of_the_derivative_at_the_first_call(case):
    derivative, x, expected = SHAPES_OF_NAN[case]
    np.testing.assert_equal(derivative(x), expected)


def test_nan_keeps_the_structure_of_outputs_seen_before():
    def model(p):
        if p["a"] < 0:
            raise RuntimeError("outside")
        return {"u": p["a"] * p["v"]}

    for model_of, at in ((model, -1.0), (lambda p: {"u": np.log(p["a"]) * p["v"]}, np.nan)):
        jacobian = derivkit.jacobian(model_of)
        jacobian({"a": 1.0, "v": [1.0, 2.0]})
        found = jacobian({"a": at, "v": [1.0, 2.0]})
        expected = {"u": {"a": np.full(2, np.nan), "v": np.full((2, 2), np.nan)}}
        np.testing.assert_equal(found, expected)


@pytest.mark.parametrize("x", [[np.nan, 1.0, 2.0], [-1.0, 1.0, 2.0]], ids=str)
def test_sparse_derivatives_are_nan_in_their_pattern(x):
    def model(x):
        if not x[0] > 0:
            raise ValueError("outside")
        return np.log(x)

    for first in ([], [[1.0, 1.0, 2.0]]):
        jacobian = derivkit.jacobian(model, sparsity=1)
        for each in first:
            jacobian(each)
        found = jacobian(x)
        assert found.nnz == 7
        assert np.isnan(found.data).all()
    hessian = derivkit.hessian(lambda x: model(x).sum(), sparsity=0)(x)
    np.testing.assert_equal(hessian.toarray()[[0, 0], [0, 1]], [np.nan, 0.0])
    detected = derivkit.jacobian(model, sparsity="detect")
    assert detected([1.0, 1.0, 2.0]).nnz == detected(x).nnz == 3


def test_no_point_beyond_bounds_is_called_to_learn_the_shape():
    def model(x):
        assert (x >= 0).all()
        return x

    with pytest.raises(ModelError, match="`x0` must be finite"):
        derivkit.jacobian(model, bounds=[(0, 1)])([np.nan])


def test_the_point_is_an_argument_by_position():
    with pytest.raises(TypeError, match="must be given by position"):
        derivkit.grad(lambda x: x[0])(x=[1.0])


def test_a_bug_at_the_point_is_shown_and_not_nan():
    with pytest.raises(ModelError, match="KeyError"):
        derivkit.grad(lambda x: {}["a"])([1.0])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_line_search_goes_through_the_undefined_as_with_scipys_own_differences():
    start = [3.0, 0.2]
    own = scipy.optimize.minimize(barrier, start, method="L-BFGS-B")
    ours = scipy.optimize.minimize(
        derivkit.value_and_grad(barrier), start, jac=True, method="L-BFGS-B"
    )
    np.testing.assert_allclose(ours.x, own.x, atol=1e-4)
    np.testing.assert_allclose(ours.x, [1.0, 1.0], atol=1e-4)


POINTS = [[1.0, 2.0], [-1.0, 2.0], [3.0, 1.0]]


@pytest.mark.parametrize("function", [barrier, raising])
@pytest.mark.parametrize("order", [[0, 1, 2], [1, 0, 2], [0, 2, 1]], ids=str)
def test_many_points_give_nan_for_the_bad_one_and_one_warning_that_names_it(function, order):
    points = [POINTS[i] for i in order]
    bad = order.index(1)
    with pytest.warns(UnresolvedWarning, match=rf"points\[{bad}\]") as warned:
        found = derivkit.gradients(function, points)
    assert len(warned) == 1
    exact = [[1 - 1 / x, 10 - 10 / y] if x > 0 else [np.nan] * 2 for x, y in points]
    np.testing.assert_allclose(found, exact, atol=1e-8)
    with pytest.warns(UnresolvedWarning, match=rf"points\[{bad}\]") as warned:
        results = CalculusKit(function, [1.0, 1.0]).at_many("gradient_result", points)
    assert len(warned) == 1
    assert np.isinf(results[bad].error).all()
    assert {str(s) for s in results[bad].status} == {"undefined"}
    np.testing.assert_allclose([r.value for r in results], exact, atol=1e-8)
    with pytest.warns(UnresolvedWarning):
        hessians = CalculusKit(function, [1.0, 1.0]).at_many("hessian", points)
    assert np.isnan(hessians[bad]).all()
    errors = CalculusKit(function, [1.0, 1.0]).at_many("gradient", points, return_exceptions=True)
    assert isinstance(errors[bad], ModelError)


@pytest.mark.parametrize("nested", [False, True])
def test_complex_outputs_are_nan_at_a_bad_point(nested):
    def model(x):
        z = 1j * np.log(x[0]) if x[0] > 0 else np.nan
        return {"z": z, "r": x[0] + z.real} if nested else z * x

    kit = CalculusKit(model, [1.0])
    with pytest.warns(UnresolvedWarning, match=r"points\[1\]"):
        found = kit.at_many("jacobian", [[1.0], [-1.0]])
    assert np.isnan(found[1]["z"] if nested else found[1]).all()


@pytest.mark.parametrize(
    "x", [[1.0, -1.0, 2.0], [-1.0, 1.0, 2.0], [[-3.0, -1.0], [1.0, 2.0]]], ids=str
)
def test_a_derivative_at_many_numbers_is_nan_where_the_function_is_undefined(x):
    def f(t):
        return np.log(t) if t > 0 else np.nan

    with pytest.warns(UnresolvedWarning, match="x = -1.0"):
        value, error = DerivativeKit(f, x).differentiate(return_error=True)
    exact = np.where(np.array(x) > 0, 1 / np.array(x), np.nan)
    np.testing.assert_allclose(value, exact, rtol=1e-8)
    np.testing.assert_array_equal(np.isinf(error), np.isnan(exact))
    with pytest.raises(ModelError):
        DerivativeKit(f, [-1.0, -2.0]).differentiate()


def test_functions_of_several_arguments():
    def f(a, b, *, k=1.0):
        return k * a**2 * b

    assert derivkit.grad(f)(3.0, 2.0) == pytest.approx(12.0)
    assert derivkit.grad(f, argnums=1)(3.0, 2.0, k=2.0) == pytest.approx(18.0)
    assert derivkit.grad(f, argnums=-1)(3.0, 2.0) == pytest.approx(9.0)
    both = derivkit.grad(f, argnums=(0, 1))(3.0, 2.0)
    assert isinstance(both, tuple)
    assert both == pytest.approx((12.0, 9.0))
    H = derivkit.hessian(f, argnums=(0, 1))(3.0, 2.0)
    np.testing.assert_allclose(
        np.array([list(row) for row in H]), [[4.0, 6.0], [6.0, 0.0]], atol=1e-7
    )
    value, swapped = derivkit.value_and_grad(f, argnums=(1, 0))(3.0, 2.0)
    assert value == 18.0
    assert swapped == pytest.approx((9.0, 12.0))
    arrays = derivkit.grad(lambda u, v: u @ v, argnums=(0, 1))(np.ones(2), np.arange(2.0))
    np.testing.assert_allclose(arrays[0], [0.0, 1.0], atol=1e-8)
    with pytest.raises(TypeError, match="`argnums` = 2 names, got 2"):
        derivkit.grad(f, argnums=2)(1.0, 2.0)
    with pytest.raises(TypeError, match=r"`argnums` must be .*whole numbers"):
        derivkit.grad(f, argnums="a")


def test_what_comes_beside_goes_where_jax_puts_it():
    def f(x):
        return x[0] ** 2, {"x": x[0]}

    assert derivkit.value_and_grad(f, has_aux=True)([3.0])[0] == (9.0, {"x": 3.0})
    gradient, aux = derivkit.grad(f, has_aux=True)([3.0])
    np.testing.assert_allclose(gradient, [6.0])
    assert aux == {"x": 3.0}
    J, aux = derivkit.jacobian(lambda x: (x**2, "note"), has_aux=True)([3.0])
    np.testing.assert_allclose(J, [[6.0]])
    assert aux == "note"


def test_the_derivative_of_a_function_of_one_number():
    assert derivkit.derivative(np.sin, 0.5) == pytest.approx(np.cos(0.5), abs=1e-10)
    found = derivkit.derivative(
        lambda t, k: np.sin(k * t), [0.0, 0.5], 2, args=(2.0,), method="finite"
    )
    np.testing.assert_allclose(found, -4 * np.sin([0.0, 1.0]), atol=1e-6)


def test_uncertainty_is_propagated_by_j_c_j_t():
    def f(x):
        return np.array([x[0] * x[1], x[0] ** 2])

    J = np.array([[2.0, 3.0], [6.0, 0.0]])
    C = np.array([[0.01, 0.002], [0.002, 0.04]])
    found = derivkit.propagate(f, [3.0, 2.0], C)
    np.testing.assert_allclose(found.value, [6.0, 9.0])
    np.testing.assert_allclose(found.covariance, J @ C @ J.T, rtol=1e-9)
    np.testing.assert_allclose(found.standard_errors, np.sqrt(np.diag(J @ C @ J.T)), rtol=1e-9)
    assert (np.abs(found.covariance - J @ C @ J.T) <= found.error).all()
    assert (found.error < 1e-8).all()
    variances = derivkit.propagate(f, [3.0, 2.0], [0.01, 0.04])
    np.testing.assert_allclose(variances.covariance, J @ np.diag([0.01, 0.04]) @ J.T, rtol=1e-9)
    one = derivkit.propagate(lambda p: p["a"] * p["b"], {"a": 3.0, "b": 2.0}, {"b": 0.04})
    assert one.standard_errors == pytest.approx(0.6)
    assert derivkit.propagate(lambda t: t**2, 3.0, 0.01).covariance == pytest.approx(0.36)
    with pytest.raises(ValueError, match="no negative eigenvalue"):
        derivkit.propagate(f, [3.0, 2.0], [[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(ValueError, match=r"`cov` must be a number, \(2,\) variances"):
        derivkit.propagate(f, [3.0, 2.0], [1.0, 2.0, 3.0])


def test_what_is_propagated_is_labelled_and_prints_as_its_outputs_are():
    x0 = {"a": 3.0, "b": 2.0}
    found = derivkit.propagate(lambda p: {"u": p["a"] * p["b"], "w": p["a"]}, x0, [0.01, 0.04])
    assert found.standard_errors == pytest.approx({"u": 0.4**0.5, "w": 0.1})
    assert str(found).splitlines() == ["u: 6 ± 0.632", "w: 3 ± 0.1"]
    assert ">w</td>" in found._repr_html_()
    series = derivkit.propagate(lambda x: pd.Series({"u": x[0]}), [3.0], 0.01)
    assert str(series) == "u: 3 ± 0.1"


def test_the_covariance_of_a_fit_is_propagated_by_its_names():
    fit = CalculusKit(lambda p: 50 * p["a"] ** 2 + 12.5 * p["b"] ** 2, {"a": 3.0, "b": 2.0})
    cov = derivkit.covariance(fit.hessian_result())
    found = derivkit.propagate(lambda p: p["a"] * p["b"], {"b": 2.0, "a": 3.0}, cov)
    assert found.covariance == pytest.approx(4 * 0.01 + 9 * 0.04)
    with pytest.raises(ValueError, match="`cov` must be that of a, got one of a, b"):
        derivkit.propagate(lambda p: p["a"], {"a": 3.0}, cov)


def test_what_bounds_hold_fixed_is_exact():
    found = derivkit.propagate(
        lambda x: x[0] * x[1], [3.0, 2.0], 0.01, bounds=[(3.0, 3.0), (None, None)]
    )
    assert found.covariance == pytest.approx(0.09)
    assert np.isfinite(found.error)


def test_a_derivative_has_the_structure_of_the_output():
    found = derivkit.derivative(lambda t: {"a": t**2, "v": np.array([t, 3 * t])}, [3.0, 2.0])
    np.testing.assert_allclose(found["a"], [6.0, 4.0])
    np.testing.assert_allclose(found["v"], [[1.0, 3.0], [1.0, 3.0]])
    one, error = DerivativeKit(lambda t: (1j * t, t**2), 3.0).differentiate(return_error=True)
    assert one == pytest.approx((1j, 6.0))
    assert max(error) < 1e-8
    series = derivkit.derivative(lambda t: pd.Series({"u": t**2, "w": t}), 3.0)
    assert series.to_dict() == pytest.approx({"u": 6.0, "w": 1.0})
    frame = derivkit.derivative(lambda t: pd.Series({"u": t**2, "w": t}), [3.0, 2.0])
    np.testing.assert_allclose(frame["u"], [6.0, 4.0])


def test_gradients_are_one_sided_too():
    found = derivkit.gradients(lambda x: abs(x[0]) + x[1], [[0.0, 1.0], [2.0, 1.0]], side=-1)
    np.testing.assert_allclose(found, [[-1.0, 1.0], [1.0, 1.0]])


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[1.0, 2.0], [np.nan, 1.0]], r"`points\[1\]` must be finite"),
        ([{"a": 1.0}, {"a": np.nan}], r"`points\[1\]` must be finite"),
        ([[1.0, 2.0], [1.0]], r"`points\[1\]` must have 2 entries"),
    ],
    ids=str,
)
def test_a_point_that_is_none_is_named(points, message):
    with pytest.raises(ValueError, match=message):
        derivkit.gradients(lambda x: 1.0, points)
    with pytest.raises(ValueError, match=message):
        CalculusKit(lambda x: 1.0, points[0]).at_many("gradient", points)


def test_products_with_the_jacobian():
    def f(p):
        return {"u": p["a"] * p["v"], "w": p["a"] ** 2}

    x0 = {"a": 3.0, "v": np.array([1.0, 2.0])}
    value, along = derivkit.jvp(f, x0, {"a": 1.0, "v": [0.0, 1.0]})
    np.testing.assert_allclose(value["u"], [3.0, 6.0])
    np.testing.assert_allclose(along["u"], [1.0, 5.0], atol=1e-8)
    assert along["w"] == pytest.approx(6.0)
    assert derivkit.jvp(f, x0, {"a": 1.0})[1]["w"] == pytest.approx(6.0)
    value, pulled_back = derivkit.vjp(f, x0)
    found = pulled_back({"u": [1.0, 10.0], "w": 2.0})
    assert found["a"] == pytest.approx(1.0 + 20.0 + 12.0)
    np.testing.assert_allclose(found["v"], [3.0, 30.0], atol=1e-7)
    with pytest.raises(ValueError, match="`u` must hold 3 numbers, got 1"):
        pulled_back([1.0])


def test_a_dict_or_series_means_its_outputs_by_name_in_any_order():
    x0 = {"a": 3.0, "v": np.array([1.0, 2.0])}
    _, pulled_back = derivkit.vjp(lambda p: {"u": p["a"] * p["v"], "w": p["a"] ** 2}, x0)
    found = pulled_back({"w": 2.0, "u": [1.0, 10.0]})
    assert found["a"] == pytest.approx(1.0 + 20.0 + 12.0)
    assert pulled_back({"w": 2.0})["a"] == pytest.approx(12.0)
    with pytest.raises(ValueError, match=r"`u` must be given for outputs among .*, got q"):
        pulled_back({"q": 1.0})
    _, of_series = derivkit.vjp(lambda s: s * s.a, pd.Series({"a": 3.0, "b": 2.0}))
    found = of_series(pd.Series({"b": 1.0, "a": 0.0}))
    assert found.to_dict() == pytest.approx({"a": 2.0, "b": 3.0})


def test_what_comes_beside_comes_third_as_in_jax():
    def f(x):
        return x * x[0], "note"

    _, along, aux = derivkit.jvp(f, [3.0, 2.0], [1.0, 0.0], has_aux=True)
    np.testing.assert_allclose(along, [6.0, 2.0])
    assert aux == "note"
    _, pulled_back, aux = derivkit.vjp(f, [3.0, 2.0], has_aux=True)
    np.testing.assert_allclose(pulled_back([0.0, 1.0]), [2.0, 3.0])
    assert aux == "note"


@pytest.mark.parametrize("as_series", [False, True])
def test_a_gradient_in_another_order_is_no_hessian(as_series):
    def gradient(p):
        found = {"b": p["a"] ** 2, "a": 2 * p["a"] * p["b"]}
        return pd.Series(found) if as_series else found

    x0 = {"a": 3.0, "b": 2.0}
    kit = CalculusKit(gradient, pd.Series(x0) if as_series else x0)
    with pytest.raises(TypeError, match="a, b, in this order, got b, a"):
        kit.hessian(from_gradient=True)


def test_a_hessian_from_a_gradient_tells_its_asymmetry():
    def gradient(x):
        return np.array([2 * x[0] * x[1], x[0] ** 2 + 1e-3 * x[0]])

    result = CalculusKit(gradient, [3.0, 2.0]).hessian_result(from_gradient=True)
    np.testing.assert_allclose(result.value, [[4.0, 6.0005], [6.0005, 0.0]], atol=1e-8)
    np.testing.assert_allclose(result.asymmetry, [[0.0, -1e-3], [1e-3, 0.0]], atol=1e-8)
    assert (result.order, result.parameter_axes) == (2, 2)
    with pytest.raises(TypeError, match=r"must return the gradient \(2,\)"):
        CalculusKit(lambda x: x[0], [3.0, 2.0]).hessian(from_gradient=True)


def test_a_covariance_of_a_hessian_from_a_gradient_and_of_the_wrong_sign():
    kit = CalculusKit(lambda x: np.array([4.0 * x[0], x[1]]), [0.0, 0.0])
    found = derivkit.covariance(kit.hessian_result(from_gradient=True))
    np.testing.assert_allclose(found.value, np.diag([0.25, 1.0]), atol=1e-10)
    maximum = CalculusKit(lambda x: -(x[0] ** 2) - x[1] ** 2, [0.0, 0.0]).hessian_result()
    with pytest.raises(ValueError, match="pass the negative log-likelihood"):
        derivkit.covariance(maximum)


def test_one_sided_derivatives_at_a_kink():
    kit = CalculusKit(lambda p: abs(p["a"]) * 2 + p["b"], {"a": 0.0, "b": 1.0})
    assert kit.gradient(side=+1)["a"] == pytest.approx(2.0)
    assert kit.gradient(side=-1)["a"] == pytest.approx(-2.0)
    assert kit.gradient(side={"a": -1}) == pytest.approx({"a": -2.0, "b": 1.0})
    assert CalculusKit(abs, 0.0).gradient("finite", side=1) == pytest.approx(1.0)
    assert derivkit.grad(lambda x: abs(x[0]), side=-1)([0.0])[0] == pytest.approx(-1.0)
    with pytest.raises(ValueError, match=r"`side` must be \+1 or -1"):
        kit.gradient(side=2)


def test_a_side_into_a_bound_is_refused():
    kit = CalculusKit(lambda p: p["a"] ** 2, {"a": 1.0}, bounds={"a": (None, 1.0)})
    assert kit.gradient(side=-1)["a"] == pytest.approx(2.0)
    with pytest.raises(ValueError, match=r"got a on its upper bound with side=\+1"):
        kit.gradient(side=+1)


def test_a_covariance_with_labels_is_taken_by_them():
    x0 = {"a": 3.0, "b": 2.0}
    C = pd.DataFrame([[0.02, 0.003], [0.003, 0.01]], index=["b", "a"], columns=["b", "a"])
    found = derivkit.propagate(lambda p: p["a"] * p["b"], x0, C)
    assert found.covariance == pytest.approx(4 * 0.01 + 9 * 0.02 + 2 * 6 * 0.003)
    with pytest.raises(ValueError, match="`cov` must have rows and columns a, b"):
        derivkit.propagate(lambda p: p["a"] * p["b"], x0, C.rename(index={"b": "c"}))
    with pytest.raises(TypeError, match="got complex ones"):
        derivkit.propagate(lambda x: 1j * x[0], [3.0], 0.01)


def test_rows_of_a_frame_are_points():
    points = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    found = derivkit.gradients(lambda p: p["a"] ** 2 * p["b"], points)
    np.testing.assert_allclose(found, [[6.0, 1.0], [16.0, 4.0]], atol=1e-8)


def test_an_argument_is_differentiated_by_once():
    with pytest.raises(ValueError, match="`argnums` must be different arguments"):
        derivkit.grad(lambda x, y: x * y, argnums=(0, 0))


def noisy(level):
    """Return a function with noise that is the same at the same point, and a count of its calls."""
    calls = [0]

    def function(x):
        calls[0] += 1
        own = np.random.default_rng(list(np.asarray(x).tobytes()))
        return np.exp(np.sin(x[0])) + x[0] * x[1] ** 2 + level * own.standard_normal()

    return function, calls


def test_a_start_takes_fewer_calls_in_noise_and_its_bar_holds():
    function, _ = noisy(1e-4)
    walk = np.random.default_rng(4)
    x, last, cold, warm, held, wider = np.array([1.0, 2.0]), None, 0, 0, [], []
    for _ in range(25):
        x = x + walk.normal(0.0, 0.02, 2)
        kit = CalculusKit(function, x)
        first, last = kit.gradient_result(), CalculusKit(function, x).gradient_result(start=last)
        cold, warm = cold + first.nfev, warm + last.nfev
        exact = [np.cos(x[0]) * np.exp(np.sin(x[0])) + x[1] ** 2, 2 * x[0] * x[1]]
        held.append(abs(last.value - exact) <= last.error)
        wider.append(last.error / first.error)
    assert warm < 0.85 * cold
    assert np.mean(held) >= 0.9
    assert np.median(wider) <= 1.0


def test_a_start_that_found_a_far_scale_spares_the_search_for_it():
    def model(x):
        return np.sin(1e6 * x[0]) + x[1]

    there = CalculusKit(model, [1.0, 2.0]).gradient_result()
    here = [1.0 + 1e-7, 2.0]
    cold = CalculusKit(model, here).gradient_result()
    again = CalculusKit(model, here).gradient_result(start=there)
    assert again.nfev < cold.nfev
    np.testing.assert_allclose(again.value, cold.value, rtol=1e-8)


def test_a_start_at_the_same_point_asks_for_the_same_points():
    kit = CalculusKit(lambda x: np.exp(x[0] * x[1]), [1.0, 0.3])
    first = kit.gradient_result()
    again = kit.gradient_result(start=first)
    assert again.nfev == 0
    assert again.value.tobytes() == first.value.tobytes()


def test_a_start_of_some_parameters_or_of_another_tensor_is_taken_as_far_as_it_goes():
    function, _ = noisy(1e-4)

    def model(p):
        return function(list(p.values()))

    labelled = {"a": 1.0, "b": 2.0}
    kit = CalculusKit(model, labelled)
    hessian = kit.hessian_result()
    found = CalculusKit(model, labelled, wrt=["b"]).gradient_result(start=hessian)
    assert abs(found.value[0] - 4.0) <= found.error[0]
    assert CalculusKit(model, labelled).gradient_result(start=found).success
    assert kit.directional_result([1.0, 1.0], start=hessian).success
    assert kit.gradient_result("finite", start=hessian).success


def test_what_is_no_start_is_refused():
    kit = CalculusKit(lambda x: x[0] ** 2, [1.0])
    for bad in (3, kit.gradient(), kit.directional_result([1.0])):
        with pytest.raises(TypeError, match="`start` must be the result of a gradient"):
            kit.gradient(start=bad)
    other = CalculusKit(lambda p: p["a"], {"a": 1.0}).gradient_result()
    with pytest.raises(ValueError, match=r"`start` must be a result for x\[0\], got one for a"):
        kit.gradient(start=other)


def test_an_optimiser_in_noise_takes_fewer_calls_with_warm():
    def spent(warm):
        function, calls = noisy(1e-5)
        gradient = derivkit.grad(function, warm=warm)
        points = np.linspace([0.5, 1.0], [0.7, 1.3], 10)
        values = [gradient(x) for x in points]
        return calls[0], np.array(values)

    (cold, first), (warm, second) = spent(False), spent(True)
    assert warm < cold
    np.testing.assert_allclose(second, first, atol=1e-2)
    with pytest.raises(TypeError, match="`warm`"):
        derivkit.grad(abs, warm=1)
    with pytest.raises(ValueError, match="`warm` must be False with `sparsity`"):
        derivkit.jacobian(abs, warm=True, sparsity=np.eye(2))
    known = CalculusKit(noisy(1e-5)[0], [0.5, 1.0]).gradient_result()
    begun = derivkit.grad(noisy(1e-5)[0], warm=True, start=known)  # the first point has a start too
    for _ in range(2):
        np.testing.assert_allclose(begun([0.5, 1.0]), first[0], atol=1e-2)
    gradient = derivkit.grad(lambda p: sum(v**2 for v in p.values()), warm=True)
    assert gradient({"a": 1.0}) == pytest.approx({"a": 2.0})
    assert gradient({"b": 3.0}) == pytest.approx({"b": 6.0})  # nothing is known of b
