"""Faults of DerivKit 1.4, numbered as in its users' list: each is a test that it failed."""

import os
import threading

import numpy as np
import pytest

from derivkit import CalculusKit, available_methods

NUMERICAL = ["finite", "adaptive", "fornberg", "local_polynomial"]
EXTRAPOLATIONS = ["richardson", "ridders", "gauss-richardson", "gre"]

EXPLICIT = [
    ("finite", {}),
    *(("finite", {"extrapolation": e}) for e in EXTRAPOLATIONS),
    ("adaptive", {}),
    ("fornberg", {}),
    ("local_polynomial", {}),
]


class Stateful:
    """A model that keeps state between its lines: wrong as soon as two calls overlap."""

    def __init__(self):
        self.x = None
        self.where = set()

    def __call__(self, x):
        self.where.add((os.getpid(), threading.get_ident()))
        self.x = x[0]
        for _ in range(20):
            assert self.x == x[0]
        return np.sin(self.x) + x[1] ** 2


@pytest.mark.parametrize("method", NUMERICAL)
@pytest.mark.parametrize("n_workers", [None, 1])
def test_1_one_worker_is_one_call_at_a_time_in_the_callers_thread(method, n_workers):
    model = Stateful()
    gradient = CalculusKit(model, [0.5, 2.0]).gradient(method, n_workers=n_workers)
    assert gradient == pytest.approx([np.cos(0.5), 4.0], rel=1e-7)
    assert model.where == {(os.getpid(), threading.get_ident())}


@pytest.mark.parametrize("method", NUMERICAL)
def test_2_a_model_may_change_its_argument(method):
    def model(x):
        x *= 2.0
        return float(np.sin(x[0]) + x[1])

    gradient = CalculusKit(model, [0.5, 2.0]).gradient(method)
    assert gradient == pytest.approx([2 * np.cos(1.0), 2.0], rel=1e-7)


@pytest.mark.parametrize("method", NUMERICAL)
def test_2_a_model_may_return_the_same_buffer_each_time(method):
    buffer = np.zeros(1)

    def model(x):
        buffer[0] = np.sin(x[0]) * x[1]
        return buffer

    gradient = CalculusKit(model, [0.5, 2.0]).gradient(method)
    assert gradient == pytest.approx([2 * np.cos(0.5), np.sin(0.5)], rel=1e-7)


@pytest.mark.parametrize("method", NUMERICAL)
def test_2_the_caller_may_change_x0_afterwards(method):
    x0 = np.array([0.5, 2.0])
    kit = CalculusKit(lambda x: np.sin(x[0]) * x[1], x0)
    x0[:] = 99.0
    assert kit.gradient(method) == pytest.approx([2 * np.cos(0.5), np.sin(0.5)], rel=1e-7)


HARD = [  # function, x0, derivative, suitable step
    (np.sin, 100.0, np.cos(100.0), 0.1),
    (lambda x: np.sin(2 * np.pi * x), 2024.3, 2 * np.pi * np.cos(2 * np.pi * 0.3), 0.01),
    (lambda x: np.sin(100 * x), 1.0, 100 * np.cos(100.0), 1e-3),
    (np.exp, 50.0, np.exp(50.0), 0.05),
    (lambda x: 1 / x, 1e-3, -1e6, 5e-5),
]


def with_step(method, step):
    """Return the options that give a method this step."""
    return {
        "finite": {"stepsize": step},
        "adaptive": {"spacing": 4 * step},
        "fornberg": {"grid": step * np.arange(-4, 5)},
    }[method]


@pytest.mark.parametrize("case", range(len(HARD)))
@pytest.mark.parametrize("method", ["finite", "adaptive", "fornberg"])
def test_4_hard_functions_come_out_right_with_a_suitable_step(method, case):
    function, x0, exact, step = HARD[case]
    kit = CalculusKit(lambda x: function(x[0]), [x0])
    result = kit.gradient_result(method, **with_step(method, step))
    assert result.value[0] == pytest.approx(exact, rel=1e-4)
    assert abs(result.value[0] - exact) <= result.error[0]


TOO_FINE = ("local_polynomial", 1)  # thirteen fixed samples over 300 periods: no noise, no signal


@pytest.mark.parametrize(
    ("method", "options", "case"),
    [(m, o, c) for m, o in EXPLICIT for c in range(len(HARD)) if (m, c) != TOO_FINE],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::derivkit.UnresolvedWarning")
def test_4_without_one_a_wrong_answer_is_not_claimed_to_be_right(method, options, case):
    function, x0, exact, _ = HARD[case]
    result = CalculusKit(lambda x: function(x[0]), [x0]).gradient_result(method, **options)
    assert not abs(result.value[0] - exact) > 10 * result.error[0]


@pytest.mark.parametrize("side", ["left", "right", "both"])
@pytest.mark.parametrize("spacing", ["auto", "50%", 3.0])
def test_6_no_sample_leaks_out_of_the_domain(side, spacing):
    asked = []

    def model(x):
        asked.append(x[0])
        return np.cos(x[0])

    domain = {"left": (1.9, 50.0), "right": (-50.0, 2.1), "both": (1.99, 2.005)}[side]
    gradient = CalculusKit(model, [2.0]).gradient("adaptive", spacing=spacing, domain=domain)
    assert min(asked) >= domain[0]
    assert max(asked) <= domain[1]
    assert gradient == pytest.approx([-np.sin(2.0)], rel=1e-3)


@pytest.mark.parametrize("extrapolation", EXTRAPOLATIONS)
@pytest.mark.parametrize("levels", [None, 2, 3, 4, 6])
def test_7_extrapolation_never_reports_an_error_of_zero(extrapolation, levels):
    kit = CalculusKit(lambda x: np.sin(x[0]), [0.7])
    result = kit.gradient_result(
        "finite", stepsize=1e-2, extrapolation=extrapolation, levels=levels
    )
    assert 0 < result.error[0] < 1e-6
    assert abs(result.value[0] - np.cos(0.7)) <= result.error[0]


def test_8_one_outlier_at_the_edge_of_the_grid_is_removed():
    def model(x):
        return np.sin(x[0]) + (3.0 if x[0] > 0.7 * 1.07 else 0.0)

    result = CalculusKit(model, [0.7]).gradient_result("local_polynomial")
    assert result.value[0] == pytest.approx(np.cos(0.7), rel=1e-8)
    assert abs(result.value[0] - np.cos(0.7)) <= result.error[0]


@pytest.mark.parametrize("method", sorted(available_methods()))
def test_9_a_misspelt_keyword_is_an_error_before_any_call(method):
    def model(x):
        raise AssertionError("called")

    with pytest.raises(TypeError, match="has no option 'stpsize'"):
        CalculusKit(model, [1.0]).gradient(method, stpsize=1e-2)
