"""LikelihoodKit: documented numbers and shapes, and clear errors."""

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from derivkit.likelihood_kit import LikelihoodKit


def test_the_documented_gaussian_likelihood():
    kit = LikelihoodKit(data=[[0.2], [-0.1], [0.05]], model_parameters=np.zeros(3))
    grids, loglike = kit.gaussian(cov=[0.01] * 3)
    assert isinstance(grids, tuple)
    assert math.isclose(loglike, 1.5259396793681184, rel_tol=1e-13)
    assert bool(np.isfinite(loglike))
    _, density = kit.gaussian(cov=[0.01] * 3, return_log=False)
    assert math.isclose(density, 4.5994635602976315, rel_tol=1e-13)


@pytest.mark.parametrize("cov", [0.0025, [0.0025] * 2, 0.0025 * np.eye(2)])
def test_covariances_come_as_number_vector_or_matrix(cov):
    _, loglike = LikelihoodKit([[0.1], [-0.2]], [0.0, 0.0]).gaussian(cov=cov)
    assert math.isclose(loglike, -5.846412519301364, rel_tol=1e-13)


def test_values_along_each_dimension_span_a_grid():
    data = np.array([[0.0, 1.0, 2.0], [0.5, 1.5, 2.5]])
    C = np.array([[1.0, 0.3], [0.3, 2.0]])
    grids, log = LikelihoodKit(data, [1.0, 1.0]).gaussian(C)
    assert log.shape == (3, 3)
    exact = multivariate_normal([1.0, 1.0], C).logpdf(np.stack(grids, -1))
    assert np.allclose(log, exact)


def test_hundreds_of_dimensions_are_one_point():
    _, log = LikelihoodKit(np.zeros((300, 1)), np.zeros(300)).gaussian(1.0)
    assert math.isclose(log, -150 * math.log(2 * math.pi))


@pytest.mark.parametrize(
    ("cov", "says"),
    [
        ([[1, 2], [2, 1]], "positive definite"),
        ([[1, 0.5], [0.4, 1]], "symmetric"),
        ([1.0, 0.0], "positive"),
        (np.eye(3), "shape"),
    ],
)
def test_covariances_that_are_none_are_refused(cov, says):
    with pytest.raises(ValueError, match=says):
        LikelihoodKit([[0.1], [-0.2]], [0.0, 0.0]).gaussian(cov=cov)


def test_a_grid_that_would_fill_the_memory_is_refused():
    with pytest.raises(ValueError, match="at most"):
        LikelihoodKit(np.zeros((6, 100)), np.zeros(6)).gaussian(cov=1.0)


def test_the_documented_poisson_likelihood():
    kit = LikelihoodKit(np.array([1, 2, 3, 4]), [0.8, 1.6, 2.4, 3.2])
    counts, log = kit.poissonian()
    with np.printoptions(precision=8, suppress=True):
        assert str(counts) == "[[1 2 3 4]]"
        assert str(log) == "[[-1.02314355 -1.35313992 -1.56535326 -1.72545059]]"
        _, pmf = kit.poissonian(return_log=False)
        assert str(pmf) == "[[0.35946317 0.25842754 0.20901416 0.17809279]]"
    assert np.allclose(np.exp(log), pmf)


@pytest.mark.parametrize(
    ("mean", "data", "shape"),
    [
        (1.0, np.arange(4), (4,)),
        ([1.0], np.arange(4), (4, 1)),
        (np.ones(6), np.arange(6), (1, 6)),
        (np.ones((2, 3)), np.arange(12), (2, 2, 3)),
        (np.ones((2, 3)), np.arange(12).reshape(2, 2, 3), (2, 2, 3)),
    ],
)
def test_counts_take_the_shape_of_their_means(mean, data, shape):
    counts, log = LikelihoodKit(data, mean).poissonian()
    assert counts.shape == log.shape == shape


def test_counts_of_none_where_none_are_expected_are_certain():
    assert LikelihoodKit([0], 0.0).poissonian()[1] == 0


@pytest.mark.parametrize(
    ("data", "mean"),
    [
        ([-1, 2], [1.0, 1.0]),
        ([1.5, 2], [1.0, 1.0]),
        ([1, 2], [-1.0, 1.0]),
        ([1, 2, 3], [1.0, 1.0]),
        ([1, np.nan], [1.0, 1.0]),
        ([1, 2], [1.0, np.inf]),
        ([], 1.0),
    ],
)
def test_counts_and_means_that_cannot_be_are_refused(data, mean):
    with pytest.raises(ValueError, match="must"):
        LikelihoodKit(data, mean).poissonian()
