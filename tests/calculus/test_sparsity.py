"""Sparse Jacobians and Hessians: equal to dense ones, few calls, memory of the non-zeros."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from derivkit import CalculusKit
from derivkit.calculus.sparsity import grouped


def chain(x):
    y = np.sin(x)
    y[1:] += x[:-1] * x[1:]
    y[:-1] += x[1:] ** 2
    return y


def chain_jacobian(x):
    below, above = x[1:], 2 * x[1:]
    middle = np.cos(x) + np.concatenate([[0], x[:-1]])
    return sparse.csr_array(sparse.diags([below, middle, above], offsets=[-1, 0, 1]))


def energy(x):
    return float(np.sin(x).sum() + (x[1:] * x[:-1] ** 2).sum())


def energy_hessian(x):
    n = x.size
    H = np.diag(-np.sin(x))
    for i in range(n - 1):
        H[i, i] += 2 * x[i + 1]
        H[i, i + 1] = H[i + 1, i] = 2 * x[i]
    return H


X0 = np.linspace(0.5, 2.0, 12)


@pytest.mark.parametrize(
    "sparsity",
    [
        1,
        "detect",
        sparse.diags([1.0, 1.0, 1.0], offsets=[-1, 0, 1], shape=(12, 12)),
        np.tri(12, 12, 1) * np.tri(12, 12, 1).T,
    ],
    ids=["bandwidth", "detected", "sparse", "dense array"],
)
def test_a_sparse_jacobian_is_the_dense_one(sparsity):
    result = CalculusKit(chain, X0).jacobian_result(sparsity=sparsity)
    exact = chain_jacobian(X0)
    assert sparse.issparse(result.value)
    assert result.value.nnz == exact.nnz
    difference = np.abs((result.value - exact).toarray())
    assert difference.max() < 1e-11
    assert (difference <= result.error.toarray()).all()
    assert result.success


def test_calls_do_not_grow_with_the_number_of_parameters():
    calls = [
        CalculusKit(chain, np.linspace(0.5, 2, n)).jacobian_result(sparsity=1).nfev
        for n in (20, 200)
    ]
    assert max(calls) <= 40


def test_many_parameters_take_memory_of_the_non_zeros():
    x0 = np.linspace(0.5, 2, 20_000)
    tracemalloc.start()
    J = CalculusKit(chain, x0).jacobian(sparsity=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.abs((J - chain_jacobian(x0)).data).max() < 1e-10
    assert peak < 100e6  # a dense one would take 3.2 GB


def test_no_point_is_outside_the_bounds_of_any_column_of_a_group():
    low = np.where(np.arange(12) % 2, X0, -np.inf)
    high = np.where(np.arange(12) % 3, np.inf, X0 + 1e-3)

    def f(x):
        assert (x >= low).all()
        assert (x <= high).all()
        return chain(x)

    pairs = list(zip(low, high, strict=True))
    J = CalculusKit(f, X0, bounds=pairs).jacobian(sparsity=1)
    assert np.abs((J - chain_jacobian(X0)).toarray()).max() < 1e-6


@pytest.mark.parametrize("settings", [{}, {"executor": "threads"}], ids=str)
def test_columns_on_an_upper_bound_are_followed_wherever_calls_run(settings):
    x0 = np.array([0.3, 1.0])
    kit = CalculusKit(
        lambda x: np.array([np.sin(x[0]) + x[1] ** 2, x[0] * x[1]]),
        x0,
        bounds=[(None, 0.3), (None, 1.0)],
        **settings,
    )
    result = kit.jacobian_result(sparsity=np.ones((2, 2)), n_workers=2 if settings else None)
    exact = [[np.cos(0.3), 2.0], [1.0, 0.3]]
    np.testing.assert_allclose(result.value.toarray(), exact, rtol=1e-8)


def test_noise_is_not_taken_for_dependence():
    rng = np.random.default_rng(0)
    kit = CalculusKit(lambda x: chain(x) * (1 + 1e-10 * rng.normal(size=x.size)), X0)
    assert kit.jacobian_result(sparsity="detect").value.nnz == chain_jacobian(X0).nnz


def test_a_sparse_hessian_is_the_dense_one():
    result = CalculusKit(energy, X0).hessian_result(sparsity=1)
    exact = energy_hessian(X0)
    assert result.value.nnz == 12 + 2 * 11
    np.testing.assert_allclose(result.value.toarray(), exact, atol=1e-7)
    assert (np.abs(result.value.toarray() - exact) <= result.error.toarray()).mean() > 0.95
    np.testing.assert_array_equal(result.value.toarray(), result.value.toarray().T)


def test_a_sparse_hessian_takes_calls_for_its_own_pairs_only():
    assert CalculusKit(energy, X0).hessian_result(sparsity=1).nfev < 210  # of 350


def test_columns_of_a_group_share_no_row():
    rng = np.random.default_rng(1)
    pattern = sparse.csr_array(rng.random((40, 60)) < 0.05)
    groups = grouped(pattern)
    for g in range(groups.max() + 1):
        assert pattern.toarray()[:, groups == g].sum(axis=1).max() <= 1


def test_unresolved_entries_are_named():
    kit = CalculusKit(lambda x: np.array([abs(x[0]), x[1]]), [0.0, 1.0], names=["a", "b"])
    with pytest.warns(UserWarning, match=r"\(0, a\)"):
        result = kit.jacobian_result(sparsity=0)
    assert not result.success
    assert result.error[0, 0] == np.inf
    assert "1 entries could not be resolved" in result.message


@pytest.mark.parametrize(
    ("sparsity", "error", "match"),
    [
        (-1, ValueError, "bandwidth of at least 0"),
        ("dense", ValueError, "pattern, a bandwidth or 'detect'"),
        (object(), TypeError, "scipy.sparse or numpy pattern"),
        (np.ones((3, 5)), ValueError, r"must have shape \(m, 12\)"),
        (np.ones((3, 12)), ValueError, "a row for each of the 12 outputs"),
    ],
)
def test_a_bad_pattern_is_refused(sparsity, error, match):
    with pytest.raises(error, match=match):
        CalculusKit(chain, X0).jacobian(sparsity=sparsity)


def test_a_vector_function_has_no_sparse_hessian():
    with pytest.raises(TypeError, match="scalar for a sparse Hessian"):
        CalculusKit(chain, X0).hessian(sparsity=1)


def test_a_detected_pattern_is_not_for_hessians():
    with pytest.raises(
        ValueError, match="`sparsity` of a Hessian must be a pattern or a bandwidth"
    ):
        CalculusKit(energy, X0).hessian(sparsity="detect")
