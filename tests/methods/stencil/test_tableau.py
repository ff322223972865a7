"""What a sequence of steps says: which value is believed, and what its error holds."""

import math

import numpy as np
import pytest

from derivkit.methods.stencil.extrapolation import plain_stencil, step_sequence
from derivkit.methods.stencil.tableau import TableauQuestion

CENTRAL = (-2, -1, 0, 1, 2)


def ask(function, step=0.05, order=1, extrapolation="ridders", levels=3, fixed=False):
    """Return the fit to a function on a central sequence of steps."""
    if extrapolation is None:
        sequence = plain_stencil(CENTRAL, (-3, *CENTRAL, 3), order)
    else:
        sequence = step_sequence(CENTRAL, order, levels)
    values = function(step * sequence.nodes)[:, None]
    question = TableauQuestion(sequence, values, order, step, 0.0, extrapolation, fixed)
    [fit] = question.answered([question])
    return fit


@pytest.mark.parametrize("extrapolation", [None, "richardson", "ridders", "gre"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_a_smooth_function_is_differentiated_within_its_error(extrapolation, order):
    fit = ask(lambda t: np.sin(0.7 + t), order=order, extrapolation=extrapolation)
    exact = math.sin(0.7 + order * math.pi / 2)
    assert abs(fit.value[0] - exact) <= fit.error[0] < 10.0 ** (2 * order - 7)


@pytest.mark.parametrize("size", [1e-250, 1.0, 1e250])
def test_the_size_of_f_does_not_matter(size):
    small, fit = ask(np.exp), ask(lambda t: size * np.exp(t))
    assert fit.value[0] / size == pytest.approx(small.value[0], rel=1e-14)
    assert fit.error[0] / size == pytest.approx(small.error[0], rel=1e-6)


def test_a_wide_value_that_finer_ones_exclude_is_not_believed():
    period = 0.05  # of a wave that the widest step steps over
    fit = ask(lambda t: np.sin(2 * math.pi * t / period), step=0.05, levels=6)
    assert abs(fit.value[0] - 2 * math.pi / period) <= fit.bar[0]


@pytest.mark.parametrize("ratio", [-1.0, 0.5, 2.0])
def test_a_kink_at_x0_is_unresolved(ratio):
    assert ask(lambda t: np.where(t < 0, t, ratio * t), levels=4).error[0] == np.inf


def test_rounded_output_is_noise_of_the_size_of_its_grain():
    fit = ask(lambda t: np.round(np.exp(t), 3))
    assert abs(fit.value[0] - 1) <= fit.error[0]
    assert fit.noisy[0]
    assert 1e-4 < fit.sigma[0] < 1e-2


def test_noise_is_no_less_where_only_inner_samples_are_calm():
    rng = np.random.default_rng(0)
    fit = ask(lambda t: np.exp(t) + 1e-6 * rng.standard_normal(t.size))
    assert 2e-7 < fit.sigma[0] < 2e-5


def test_the_number_of_levels_that_a_user_fixed_is_used():
    fixed, free = (ask(np.exp, extrapolation="richardson", fixed=f) for f in (True, False))
    assert abs(fixed.value[0] - 1) <= fixed.error[0]
    assert free.error[0] <= fixed.error[0]
