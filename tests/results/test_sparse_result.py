"""A sparse result: matrices of one pattern, and one sentence on how it went."""

import numpy as np
import pytest

from derivkit import CalculusKit, UnresolvedWarning

X0 = np.linspace(0.5, 2.0, 8)
RNG_SEED = 3


def chain(x):
    return np.sin(x) + np.append(x[1:] ** 2, 0.0)


def test_all_matrices_have_the_pattern_and_the_error_has_its_parts():
    result = CalculusKit(chain, X0).jacobian_result(sparsity=1)
    matrices = [getattr(result, n) for n in ("value", "error", "noise_error", "finite_bound")]
    for matrix in matrices[1:]:
        assert (matrix.indices == matrices[0].indices).all()
        assert (matrix.indptr == matrices[0].indptr).all()
    assert (result.noise_error.data <= result.error.data).all()
    assert (result.noise_error.data > 0).any()
    assert (result.finite_bound.data == result.error.data).all()


def test_entries_are_those_of_the_dense_result():
    noise = np.random.default_rng(RNG_SEED)
    table = {}

    def noisy(x):
        return table.setdefault(x.tobytes(), chain(x) + 1e-6 * noise.normal(size=x.size))

    sparse = CalculusKit(noisy, X0).jacobian_result(sparsity=1)
    exact = np.diag(np.cos(X0)) + np.diag(2 * X0[1:], 1)
    off = np.abs(sparse.value.toarray() - exact)
    assert (off <= sparse.error.toarray())[exact != 0].all()
    part = sparse.noise_error.data / sparse.error.data
    assert np.median(part) > 0.3  # noise is what these errors are made of
    assert (part <= 1.0).all()


def test_a_sparse_hessian_tells_the_same_of_its_errors():
    result = CalculusKit(lambda x: float(np.sum(x**3)), X0).hessian_result(sparsity=0)
    assert (result.noise_error.data <= result.error.data).all()
    assert (result.finite_bound.data == result.error.data).all()


def test_an_unresolved_entry_is_named_and_may_still_have_a_bound():
    def kinked(x):
        return np.array([abs(x[0]), x[1] ** 2])

    with pytest.warns(UnresolvedWarning, match="could not be resolved"):
        result = CalculusKit(kinked, [0.0, 1.0], names=["a", "b"]).jacobian_result(sparsity=0)
    assert result.unresolved == [(0, 0)]
    assert not result.success
    assert result.message == "1 entries could not be resolved: (0, a)"
    assert np.isinf(result.error.toarray()[0, 0])
    assert result.finite_bound.toarray()[1, 1] == result.error.toarray()[1, 1]
    assert "1 entries" in repr(result)
