"""DerivativeKit: numbers and arrays of them, any order, tables."""

import numpy as np
import pytest

from derivkit import DerivativeKit, ModelError, UnresolvedWarning


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("x0", [0.0, 0.7, -3.0])
def test_any_order_comes_with_an_error_that_holds(order, x0):
    value, error = DerivativeKit(np.exp, x0).differentiate(order=order, return_error=True)
    assert abs(value - np.exp(x0)) <= max(error, 1e-13)
    assert error < 1e-5 * np.exp(x0)


def test_a_number_gives_a_number_and_a_vector_function_an_array():
    assert np.ndim(DerivativeKit(np.sin, 0.7).differentiate()) == 0
    both = DerivativeKit(lambda x: np.array([np.sin(x), x**2]), 0.7).differentiate()
    np.testing.assert_allclose(both, [np.cos(0.7), 1.4], rtol=1e-12)


def test_x0_may_have_any_shape():
    x0 = np.linspace(0.1, 1, 6).reshape(2, 3)
    np.testing.assert_allclose(DerivativeKit(np.sin, x0).differentiate(), np.cos(x0), rtol=1e-12)
    outer = DerivativeKit(lambda x: np.outer([x, 1], [x, x]), x0).differentiate()
    assert outer.shape == (2, 3, 2, 2)
    np.testing.assert_allclose(outer[..., 0, 0], 2 * x0, rtol=1e-12)


def test_all_points_share_their_rounds():
    """Each round of a vectorised function is one call, however many x0 there are."""
    sizes = []

    def f(x):
        sizes.append(len(x))
        return np.sin(x)

    x0 = np.linspace(0.5, 2, 40)
    value = DerivativeKit(f, x0, vectorized=True).differentiate("finite", extrapolation=None)
    np.testing.assert_allclose(value, np.cos(x0), rtol=1e-9)
    assert len(sizes) <= 3
    assert max(sizes) >= 40


def test_several_workers_give_the_same_bits():
    x0 = [0.1, 0.7]
    serial = DerivativeKit(np.sin, x0).differentiate("finite")
    np.testing.assert_array_equal(
        DerivativeKit(np.sin, x0).differentiate("finite", n_workers=2), serial
    )


def test_the_same_point_is_asked_once():
    calls = []

    def f(x):
        calls.append(float(x))
        return x**2

    kit = DerivativeKit(f, [1.0, 1.0, 2.0])
    kit.differentiate()
    kit.differentiate()
    assert len(calls) == len(set(calls))


def test_no_point_is_outside_the_bounds():
    def f(x):
        assert 0 <= x <= 2
        return x**1.5 + 1

    value, error = DerivativeKit(f, [0.3, 2.0], bounds=(0, 2)).differentiate(return_error=True)
    assert (np.abs(value - 1.5 * np.sqrt([0.3, 2.0])) <= error).all()


def test_a_number_at_which_it_fails_is_named_and_the_others_are_right():
    kit = DerivativeKit(abs, [0.0, 1.0])
    with pytest.warns(UnresolvedWarning, match=r"x = 0\.0") as caught:
        value, error = kit.differentiate(return_error=True)
    assert caught[0].filename == __file__
    assert error[0] == np.inf
    assert abs(value[1] - 1) < 1e-12


def test_a_budget_covers_all_points():
    calls = []

    def f(x):
        calls.append(x)
        return np.sin(x)

    DerivativeKit(f, [0.5, 1.0]).differentiate("finite", max_evaluations=40)
    assert len(calls) <= 40


def test_automatic_differentiation_covers_all_points():
    pytest.importorskip("autograd")
    import autograd.numpy as anp

    x0 = np.array([0.1, 0.7, 2.0])
    value = DerivativeKit(anp.sin, x0).differentiate("autograd", order=2)
    np.testing.assert_allclose(value, -np.sin(x0), rtol=1e-14)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("method", [None, "finite", "adaptive"])
def test_derivatives_of_a_table_are_right_within_their_error(order, method):
    x = np.linspace(0, 3, 61)
    kit = DerivativeKit(x0=[0.4, 1.51, 2.6], tab_x=x, tab_y=np.sin(x))
    value, error = kit.differentiate(method, order=order, return_error=True)
    exact = np.sin(np.array([0.4, 1.51, 2.6]) + order * np.pi / 2)
    assert (np.abs(value - exact) <= error).all()
    assert error.max() < [1e-6, 1e-4, 1e-2][order - 1]


def test_a_table_may_be_unsorted_uneven_and_have_columns():
    rng = np.random.default_rng(0)
    x = rng.permutation(np.geomspace(1, 10, 60))
    y = np.column_stack([np.log(x), x**2])
    value = DerivativeKit(x0=[2.0, 5.0], tab_x=x, tab_y=y).differentiate()
    np.testing.assert_allclose(value, [[0.5, 4], [0.2, 10]], rtol=1e-5)


def test_x0_may_lie_on_the_ends_of_a_table():
    x = np.linspace(0, 1, 21)
    value = DerivativeKit(x0=[0.0, 1.0], tab_x=x, tab_y=np.exp(x)).differentiate()
    np.testing.assert_allclose(value, [1, np.e], rtol=1e-5)


def test_a_short_table_has_an_error_too():
    x = np.array([0.0, 1.0, 2.0, 3.0])
    value, error = DerivativeKit(x0=1.5, tab_x=x, tab_y=x**3).differentiate(return_error=True)
    assert abs(value - 6.75) <= error < 10
    assert DerivativeKit(x0=0.5, tab_x=x[:2], tab_y=x[:2]).differentiate(return_error=True) == (
        1.0,
        np.inf,
    )


def below_two(x):
    if x > 2:
        raise LookupError("beyond the wall")
    return np.sqrt(x)


@pytest.mark.parametrize("method", [None, "finite", "adaptive"])
@pytest.mark.parametrize(
    ("x0", "function", "message"),
    [
        ([1.0, 3.0], below_two, r"failed .*3\.0: LookupError: beyond the wall"),
        ([7.0], lambda x: np.log(6 - x) if x < 6 else np.nan, "must be defined at x0"),
    ],
)
def test_a_model_that_fails_at_any_x0_says_at_which(method, x0, function, message):
    with pytest.raises(ModelError, match=message) as raised:
        DerivativeKit(function, x0).differentiate(method)
    assert raised.value.x.tolist() == [x0[-1]]
