"""The conformance suite passes every method, and fails what should fail."""

from dataclasses import dataclass

import numpy as np
import pytest

from derivkit.methods import Adaptive, Finite, Fornberg, LocalPolynomial
from derivkit.methods.protocol import BudgetSpentError, Estimate
from derivkit.methods.registry import available_methods, load_class
from derivkit.testing import METHOD_CHECKS, check_method

AUTODIFF = {"autodiff", "jax", "torch", "tensorflow", "autograd"}  # they take no samples

VARIANTS = [
    *(load_class(name)() for name in available_methods() if name not in AUTODIFF),
    *(
        Finite(extrapolation=e, levels=levels)
        for e in ("richardson", "ridders", "gre")
        for levels in (None, 2, 4)
    ),
    *(Finite(num_points=n, extrapolation=e) for n in (3, 7, 9) for e in (None, "ridders")),
    Finite(stepsize=1e-2),
    Adaptive(n_points=12, ridge=1e-10),
    Adaptive(spacing=0.02),
    Fornberg([-0.02, -0.01, 0.01, 0.02, 0.03]),
    LocalPolynomial(degree=4),
]


@pytest.mark.parametrize("check", METHOD_CHECKS.values(), ids=METHOD_CHECKS)
@pytest.mark.parametrize("method", VARIANTS, ids=str)
def test_every_method_conforms(method, check):
    check(method)


@dataclass(frozen=True)
class Central:
    """A textbook formula, with a knob for each way to break it."""

    step: float = 1e-3
    error: float = 1e-4
    beyond: bool = False
    greedy: bool = False

    def solve(self, line, order):
        if order != 1:
            raise ValueError("order")
        h = self.step if self.beyond else min(self.step, -line.lower, line.upper)
        places = np.array([0.0, -h, h])
        try:
            values = yield places
        except BudgetSpentError:
            if not self.greedy:
                raise
            while True:
                try:
                    yield places
                except BudgetSpentError:
                    continue
        value = (values[2] - values[1]) / (2 * h)
        return Estimate(value, np.abs(value) * self.error, reach=h)


class FirstComeFirstServed(Central):
    """The line that is answered first gets the smallest step."""

    def solve_together(self, lines, order):
        served = []

        def follow(line):
            yield np.zeros(1)
            served.append(line)
            return (yield from Central(step=1e-3 * len(served)).solve(line, order))

        return [follow(line) for line in lines]


@pytest.mark.parametrize(
    ("method", "check"),
    [
        (FirstComeFirstServed(), "lines_together_do_not_depend_on_arrival"),
        (Central(error=0.0), "error_is_not_zero_by_default"),
        (Central(error=1e-12), "smooth_functions_come_out_right"),
        (Central(error=10.0), "smooth_functions_come_out_right"),
        (Central(beyond=True), "samples_stay_inside_bounds"),
        (Central(step=1e-12), "noise_is_in_the_error"),
        (Central(), "undefined_output_is_alone"),
        (Central(), "undefined_surroundings_are_unresolved"),
        (Central(greedy=True), "spent_budget_is_accepted"),
    ],
)
def test_a_method_that_breaks_a_rule_fails_its_check(method, check):
    with pytest.raises(AssertionError):
        METHOD_CHECKS[check](method)


class Forgetful(Central):
    def solve(self, line, order):
        values = yield np.array([-1e-3, 1e-3]) * np.random.default_rng().uniform(0.5, 1)
        return Estimate(values[1] - values[0], values[0])


def test_the_failed_check_is_named():
    with pytest.raises(AssertionError, match=r"smooth_functions_come_out_right: Central"):
        check_method(Central(error=10.0))
    with pytest.raises(AssertionError, match="same_values_give_same_requests"):
        check_method(Forgetful())


def test_a_class_is_built_and_anything_else_is_refused():
    check_method(Finite)
    with pytest.raises(TypeError, match="solve"):
        check_method("finite")
