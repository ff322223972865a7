"""Derivatives with respect to the logarithm of a parameter."""

import numpy as np
import pytest

import derivkit
from derivkit import CalculusKit

X0 = {"As": 2.1e-9, "ns": 0.96}
LN = np.log(X0["As"])


def model(p):
    return np.log(p["As"]) ** 2 * p["ns"] + 1e9 * p["As"]


def cubic(x):
    return x[0] ** 3 * x[1]


def test_gradient_and_hessian_are_with_respect_to_the_logarithm():
    kit = CalculusKit(model, X0, transform={"As": "log"})
    result = kit.gradient_result()
    exact = np.array([2 * LN * 0.96 + 2.1, LN**2])
    assert result.names == ("ln(As)", "ns")
    assert (np.abs(result.value - exact) <= result.error).all()
    assert result.error[0] < 1e-8
    assert result.x0[0] == LN
    assert kit.gradient() == pytest.approx(dict(zip(X0, exact, strict=True)))
    hessian = kit.hessian_result()
    second = np.array([[2 * 0.96 + 2.1, 2 * LN], [2 * LN, 0.0]])
    assert hessian.value == pytest.approx(second, abs=1e-6)
    assert "ln(As)" in str(kit)


def test_jacobians_decades_bounds_and_scales_are_taken_along():
    seen = []

    def vector(x):
        seen.append(x.copy())
        return np.array([cubic(x), np.sqrt(2.0 - x[0])]) if x[0] <= 2 else np.nan

    kit = CalculusKit(vector, [1.9, 3.0], transform={0: "log10"}, bounds=[(0.0, 2.0), (None, None)])
    J = kit.jacobian_result()
    rate = np.log(10) * 1.9
    assert J.value[0, 0] == pytest.approx(rate * 3 * 1.9**2 * 3, rel=1e-7)
    assert J.value[1, 0] == pytest.approx(-rate / (2 * np.sqrt(0.1)), rel=1e-5)
    assert J.names[0] == "log10(x[0])"
    assert max(x[0] for x in seen) <= 2.0
    on_the_bound = CalculusKit(cubic, [2.0, 3.0], transform="log", bounds=[(0, 2), (0, 3)])
    assert on_the_bound.gradient() == pytest.approx([72.0, 24.0], rel=1e-7)


def test_a_given_scale_is_in_the_units_of_the_parameter():
    def wiggly(x):
        return np.sin(x[0] / 1e-3)

    kit = CalculusKit(wiggly, [2.0], transform="log", scale=1e-3)
    assert kit.gradient() == pytest.approx([2000 * np.cos(2000.0)], rel=1e-7)


def test_many_points_and_functions_of_functions_know_it():
    exact = np.array([[3.0 * 2, 1.0], [3.0 * 27 * 4, 27.0]])
    found = derivkit.gradients(cubic, [[1.0, 2.0], [3.0, 4.0]], transform={"x[0]": "log"})
    assert found == pytest.approx(exact, rel=1e-9)
    assert derivkit.grad(cubic, transform=["log", None])([3.0, 4.0]) == pytest.approx(exact[1])
    kit = CalculusKit(cubic, [1.0, 2.0], transform={"x[0]": "log"})
    assert kit.at_many("gradient", [[3.0, 4.0]])[0] == pytest.approx(exact[1])
    assert kit.mixed("x[0]", "x[0]") == pytest.approx(18.0)
    assert kit.directional({"x[0]": 1.0}) == pytest.approx(6.0)
    shown = CalculusKit(cubic, [1.0, 2.0], transform={"x[0]": "log"}, wrt="x[0]")
    assert shown.gradient_result().names == ("ln(x[0])",)


def test_compared_models_a_checkpoint_and_workers_use_the_same_coordinates(tmp_path):
    file = tmp_path / "run.db"
    kit = CalculusKit(cubic, [3.0, 4.0], transform="log", checkpoint=file)
    result = kit.gradient_result(compare=lambda x: 1.01 * cubic(x))
    assert result.gap == pytest.approx([3.24, 1.08])
    with pytest.raises(derivkit.CheckpointMismatchError):  # ln x is another coordinate than x
        CalculusKit(cubic, [3.0, 4.0], checkpoint=file)
    threads = CalculusKit(cubic, [3.0, 4.0], transform="log", executor="threads")
    assert (threads.gradient(n_workers=2) == result.value).all()


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"x0": [-1.0, 2.0]}, "`x0` must be positive where"),
        ({"x0": [0.0, 2.0]}, "`x0` must be positive where"),
        ({"transform": {"q": "log"}}, "got q"),
        ({"transform": "lg"}, "did you mean 'log'"),
        ({"transform": ["log"]}, "one for all or 2"),
    ],
)
def test_what_has_no_logarithm_is_refused(keywords, words):
    with pytest.raises(ValueError, match=words):
        CalculusKit(cubic, **({"x0": [1.0, 2.0], "transform": "log"} | keywords))


OTHERS = {  # that need derivatives by x0 itself, or could not say what they are by
    "a plan": lambda **k: CalculusKit(cubic, [1.0, 2.0], **k).plan(),
    "a check": lambda **k: derivkit.check_gradient(cubic, [6.0, 1.0], [1.0, 2.0], **k),
    "propagate": lambda **k: derivkit.propagate(cubic, [1.0, 2.0], [0.1, 0.1], **k),
    "an adapter": lambda **k: derivkit.adapters.for_curve_fit(lambda x, a: a * x, **k)(
        np.ones(2), 1.0
    ),
    "a forecast": lambda **k: derivkit.ForecastKit(lambda x: x, [1.0, 2.0], [1.0, 1.0], **k),
}


@pytest.mark.parametrize("what", OTHERS)
def test_who_needs_derivatives_by_the_parameters_themselves_refuses_others(what):
    with pytest.raises(ValueError, match="`transform` must be None"):
        OTHERS[what](transform="log")
