"""Samples that do not belong to the others, found by what the others predict for them."""

import numpy as np
import pytest

from derivkit.methods.fit.outliers import kept_samples

PLACES = np.array(
    [0.0, -0.08, -0.06, -0.04, -0.03, -0.02, -0.01, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08]
)


@pytest.mark.parametrize("wrong", [[1], [12], [3], [1, 12], [6, 7], [2, 5, 9]])
def test_up_to_three_wrong_samples_are_left_out_and_no_others(wrong):
    values = np.cos(3 * PLACES)
    values[wrong] += 0.1
    assert np.flatnonzero(~kept_samples(PLACES, values, 5, 3, 1e-10)).tolist() == wrong


def test_no_more_are_left_out_than_is_allowed():
    values = np.cos(3 * PLACES)
    values[[2, 9]] += 0.1
    assert (~kept_samples(PLACES, values, 5, 1, 1e-10)).sum() <= 1
    assert kept_samples(PLACES, values, 5, 0, 1e-10).all()


def test_x0_is_kept_even_if_it_is_the_one_that_does_not_belong():
    values = np.cos(3 * PLACES)
    values[0] += 1.0
    assert kept_samples(PLACES, values, 5, 3, 1e-10)[0]


@pytest.mark.parametrize("size", [1e-100, 1.0, 1e100])
def test_the_units_of_samples_and_places_do_not_matter(size):
    values = np.exp(PLACES)
    values[4] += 1e-3
    kept = kept_samples(size * PLACES, size * values, 5, 3, 0.0)
    assert np.flatnonzero(~kept).tolist() == [4]


def test_too_few_samples_tell_no_outlier():
    values = np.array([0.0, 1.0, 2.0, 30.0])
    assert kept_samples(np.array([0.0, 1.0, 2.0, 3.0]), values, 2, 3, 0.0).all()
