"""The numbers behind the pictures of one derivative: its samples, in pairs; and their fit."""

import numpy as np
import pytest

from derivkit.methods.auto.ladder import LEFT
from derivkit.plot.scan import Scan


def scan(t, values, *, origin=0.0, value=1.0, noise=np.nan, step=np.nan):
    t, values = np.array(t, dtype=float), np.array(values, dtype=float)
    order = np.argsort(t)
    return Scan("a", origin, t[order], values[order], value, 1e-9, step, noise, "converged")


def kinds(told):
    found = told.differences()
    return list(zip(found.kind.tolist(), found.step.tolist(), strict=True))


def test_samples_at_the_same_distance_make_a_central_difference():
    told = scan([-0.2, 0, 0.2], [-1.0, 0.0, 1.5], value=6.0)
    found = told.differences()
    assert kinds(told) == [("central", 0.2)]
    np.testing.assert_allclose(found.gap, abs(2.5 / 0.4 - 6.0))


ORIGINS, STEPS = [1.0, 1.003, 64.0, 67.4, -0.125, 1e-9], [1e-2, 1e-4, 1e-6]  # relative steps


def rounded(origin, h):
    return (origin - h * origin) - origin, (origin + h * origin) - origin


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("h", STEPS)
def test_steps_that_differ_by_the_rounding_of_x0_plus_h_are_the_same_step(origin, h):
    left, right = rounded(origin, h)
    told = scan([left, 0.0, right], [left**2, 0.0, right**2], origin=origin, value=0.0)
    (kind, step), *others = kinds(told)
    assert kind == "central"
    assert not others
    np.testing.assert_allclose(step, abs(h * origin), rtol=1e-6)


def test_some_of_these_steps_do_differ():
    both = [rounded(origin, h) for origin in ORIGINS for h in STEPS]
    assert sum(left != -right for left, right in both) >= 3


def test_steps_that_differ_by_more_are_one_sided():
    told = scan([-0.2, 0.0, 0.21], [-0.2, 0.0, 0.21])
    assert [kind for kind, _ in kinds(told)] == ["backward", "forward"]


def test_the_slope_of_a_parabola_is_exact_though_its_two_steps_differ_a_little():
    t = np.array([-0.2 * LEFT, 0.0, 0.2])
    told = scan(t, t + 7.0 * t**2, value=1.0)
    assert [kind for kind, _ in kinds(told)] == ["central"]
    np.testing.assert_allclose(told.differences().gap, [0.0], atol=1e-14)


def test_each_sample_is_in_one_difference_also_where_steps_are_as_small_as_ulps():
    ulp = np.spacing(1.0)
    told = scan(np.array([-3, -2, 0, 2, 3]) * ulp, [-3, -2, 0, 2, 3], origin=1.0)
    assert kinds(told) == [("central", 2 * ulp), ("central", 3 * ulp)]


def test_where_one_side_is_undefined_the_other_is_told_as_what_it_is():
    told = scan([-0.2, -0.1, 0.0, 0.1, 0.2], [np.nan, -0.1, 0.0, np.nan, 0.3], value=1.0)
    assert kinds(told) == [("backward", 0.1), ("forward", 0.2)]
    np.testing.assert_allclose(told.differences().gap, [0.0, 0.5], atol=1e-12)


def test_where_both_sides_are_undefined_there_is_no_difference():
    told = scan([-0.2, -0.1, 0.0, 0.1, 0.2], [np.nan, -0.1, 0.0, 0.1, np.nan])
    assert kinds(told) == [("central", 0.1)]


def test_truncation_and_noise_are_those_of_the_kind_of_difference():
    t = np.linspace(-1.0, 1.0, 9)
    told = scan(t, t + 3.0 * t**2 + 5.0 * t**3, noise=1e-12)
    h = np.array([0.1, 0.2])
    np.testing.assert_allclose(told.truncation(h), 5.0 * h**2)
    np.testing.assert_allclose(told.truncation(h, central=False), 3.0 * h)
    np.testing.assert_allclose(told.noise_of_difference(h), 1e-12 / (np.sqrt(2.0) * h))
    np.testing.assert_allclose(told.noise_of_difference(h, central=False), np.sqrt(2.0) * 1e-12 / h)


def test_a_fit_of_noise_does_not_wiggle():
    t = np.array([-4.0, -1.0, -0.3, -0.1, -0.03, 0.0, 0.03, 0.1, 0.3, 1.0, 4.0])
    values = np.random.default_rng(1).standard_normal(t.size)
    between = scan(t, values, noise=1.0).fit(np.linspace(-4.0, 4.0, 100))
    assert np.abs(between).max() < 2.5  # of a standard normal sample


def test_a_line_has_no_truncation():
    t = np.linspace(-1.0, 1.0, 9)
    assert np.isnan(scan(t, 2.0 * t, noise=1e-15).truncation(t)).all()


def test_one_defined_sample_is_a_story_too():
    told = scan([-0.1, 0.0, 0.1], [np.nan, 2.0, np.nan], value=0.0)
    assert kinds(told) == []
    assert told.fit(np.array([0.05])) == pytest.approx(2.0)
