"""What to differentiate with respect to: some parameters, and not those that are fixed."""

import numpy as np
import pytest

import derivkit
from derivkit import CalculusKit, Status

NESTED = {"cosmo": {"h": 0.7, "Om": 0.3}, "bias": np.array([1.0, 2.0])}


def cubic(x):
    return x[0] ** 2 * x[1] + x[2] ** 3 * x[0]


def nested(p):
    return p["cosmo"]["h"] ** 2 * p["cosmo"]["Om"] * (p["bias"] ** 2).sum()


X0 = [3.0, 2.0, 1.0]
GRADIENT = np.array([13.0, 9.0, 9.0])
HESSIAN = np.array([[4.0, 6.0, 3.0], [6.0, 0.0, 0.0], [3.0, 0.0, 18.0]])


def counted(f):
    seen = []

    def model(x):
        seen.append(np.array(x))
        return f(x)

    return model, seen


@pytest.mark.parametrize(
    ("wrt", "indices"),
    [([0, 2], [0, 2]), ([2, 0], [2, 0]), (1, [1]), ("c", [2]), (["a", -1], [0, 2])],
)
def test_results_hold_the_parameters_that_are_asked_for_alone(wrt, indices):
    model, seen = counted(cubic)
    kit = CalculusKit(model, X0, names=["a", "b", "c"], wrt=wrt)
    result = kit.gradient_result()
    np.testing.assert_allclose(result.value, GRADIENT[indices], atol=1e-8)
    assert result.names == tuple("abc"[i] for i in indices)
    np.testing.assert_array_equal(result.x0, np.array(X0)[indices])
    others = [i for i in range(3) if i not in indices]
    assert (np.array(seen)[:, others] == np.array(X0)[others]).all()
    np.testing.assert_allclose(kit.hessian(), HESSIAN[np.ix_(indices, indices)], atol=1e-6)
    np.testing.assert_allclose(kit.hessian_diag(), np.diag(HESSIAN)[indices], atol=1e-6)
    third = kit.hyper_hessian(order=3)
    assert third.shape == (len(indices),) * 3
    result.scan(result.names[0])  # finds its samples


def test_a_branch_may_be_asked_for_and_comes_in_its_structure():
    kit = CalculusKit(nested, NESTED, wrt="cosmo")
    assert kit.gradient()["cosmo"]["h"] == pytest.approx(2 * 0.7 * 0.3 * 5)
    assert list(kit.gradient()) == ["cosmo"]
    some = CalculusKit(nested, NESTED, wrt=["bias[1]", "cosmo.Om"]).gradient()
    assert list(some["cosmo"]) == ["Om"]
    np.testing.assert_allclose(some["bias"], [0.49 * 0.3 * 4.0])
    assert derivkit.grad(nested, wrt="cosmo.h")(NESTED)["cosmo"] == pytest.approx({"h": 2.1})


def test_bad_wishes_are_refused():
    with pytest.raises(ValueError, match=r"`wrt` must be one of .*did you mean 'cosmo\.h'"):
        CalculusKit(nested, NESTED, wrt="cosmo.g")
    with pytest.raises(ValueError, match="`wrt` must be different parameters"):
        CalculusKit(cubic, X0, wrt=[0, 0])
    with pytest.raises(ValueError, match="hvp needs every parameter"):
        CalculusKit(cubic, X0, wrt=[0]).hvp([1.0, 0.0, 0.0])


def test_bounds_of_one_number_hold_a_parameter_fixed():
    model, seen = counted(cubic)
    kit = CalculusKit(model, X0, bounds=[(None, None), (2.0, 2.0), (0.0, 5.0)])
    result = kit.gradient_result()
    np.testing.assert_allclose(result.value, [13.0, np.nan, 9.0], atol=1e-8)
    assert result.status[1] is Status.FIXED
    assert result.success
    assert result.nfev_per_parameter[1] == 0
    assert {x[1] for x in seen} == {2.0}
    H = kit.hessian_result()
    assert H.success
    np.testing.assert_allclose(H.value[::2, ::2], HESSIAN[::2, ::2], atol=1e-6)
    assert np.isnan(H.value[1]).all()
    assert {str(s) for s in H.status[1]} == {"fixed"}
    with pytest.raises(ValueError, match="leave a parameter that varies"):
        CalculusKit(cubic, X0, bounds=[(x, x) for x in X0])


def test_a_fixed_parameter_is_fixed_for_many_points_and_for_other_methods():
    bounds = [(None, None), (2.0, 2.0), (None, None)]
    found = derivkit.gradients(cubic, [X0, [1.0, 2.0, 1.0]], bounds=bounds)
    np.testing.assert_allclose(found, [[13.0, np.nan, 9.0], [5.0, np.nan, 3.0]], atol=1e-8)
    pytest.importorskip("jax")
    kit = CalculusKit(cubic, X0, bounds=bounds, wrt=[0, 1])
    result = kit.gradient_result("jax")
    np.testing.assert_allclose(result.value, [13.0, np.nan])
    assert (result.names, result.success) == (("x[0]", "x[1]"), True)
    tree = CalculusKit(lambda p: p["a"] ** 2 * p["v"].sum(), {"a": 3.0, "v": [1.0, 2.0]})
    assert tree.gradient("jax")["a"] == pytest.approx(18.0)


def test_a_point_a_few_last_digits_outside_its_bound_is_on_it():
    bound = 0.3
    x0 = 0.1 * 3  # 0.30000000000000004
    model, seen = counted(lambda x: x[0] ** 2)
    found = CalculusKit(model, [x0], bounds=[(None, bound)]).gradient()
    np.testing.assert_allclose(found, [0.6], rtol=1e-8)
    assert max(x[0] for x in seen) <= bound
    with pytest.raises(ValueError, match="`x0` must lie inside `bounds`"):
        CalculusKit(model, [0.3 * (1 + 1e-12)], bounds=[(None, bound)])


def test_a_covariance_leaves_fixed_parameters_out():
    kit = CalculusKit(
        lambda x: x[0] ** 2 * 2 + x[1] ** 2 + x[2] ** 2 / 2,
        {"a": 0.0, "b": 0.0, "c": 0.0},
        bounds={"b": (0.0, 0.0)},
        call="array",
    )
    found = derivkit.covariance(kit.hessian_result())
    assert found.names == ("a", "c")
    np.testing.assert_allclose(found.value, np.diag([0.25, 1.0]), atol=1e-9)


@pytest.mark.parametrize("steps", [{"a": 1e-3, "b": 0.5}, [1e-3, 0.5], (1e-3, 0.5)])
def test_a_step_may_be_given_for_each_parameter(steps):
    kit = CalculusKit(lambda p: np.exp(p["a"]) * p["b"] ** 2, {"a": 1.0, "b": 2.0})
    step = [kit.gradient_result("finite", stepsize=h).step for h in (1e-3, 0.5)]
    result = kit.gradient_result("finite", stepsize=steps)
    assert result.step.tolist() == [step[0][0], step[1][1]]
    assert (
        kit.gradient_result(derivkit.Finite(stepsize=steps)).step.tolist() == result.step.tolist()
    )
    assert kit.hessian("finite", stepsize=steps)["a"]["b"] == pytest.approx(4 * np.e, rel=1e-4)


def test_a_step_for_some_parameters_leaves_the_others_to_the_method():
    kit = CalculusKit(cubic, X0)
    free = kit.gradient_result("finite")
    mixed = kit.gradient_result("finite", stepsize={"x[1]": 0.25})
    assert mixed.step[[0, 2]].tolist() == free.step[[0, 2]].tolist()
    assert mixed.step[1] != free.step[1]
    points = derivkit.gradients(cubic, [X0, [1.0, 2.0, 3.0]], "finite", stepsize={"x[1]": 0.25})
    assert points[0] == pytest.approx(GRADIENT, abs=1e-8)


@pytest.mark.parametrize("steps", [[1.0], [1.0, -1.0, 1.0], {"q": 1.0}, {"x[0]": 0.0}, [], "large"])
def test_bad_steps_are_refused(steps):
    with pytest.raises(ValueError, match="stepsize"):
        CalculusKit(cubic, X0).gradient("finite", stepsize=steps)
