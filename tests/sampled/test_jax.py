"""jax arrays: as jax.numpy.gradient, traced ones too."""

import numpy as np
import pytest

from derivkit import sampled

jax = pytest.importorskip("jax")
jnp = jax.numpy

X = np.array([0.0, 1.0, 1.5, 3.5, 4.0, 6.0, 6.5, 8.0])


@pytest.mark.parametrize(
    ("shape", "spacings", "axis"),
    [
        ((8,), (), None),
        ((8,), (0.3,), None),
        ((8,), (X,), 0),
        ((8, 5), (), None),
        ((8, 5), (2.0,), None),
        ((8, 5), (X, 0.5), None),
        ((8, 5, 3), (0.1,), -1),
        ((8, 5, 3), (X, 3.0), (0, 2)),
    ],
)
def test_the_numbers_are_those_of_jax(shape, spacings, axis):
    f = jnp.asarray(np.random.default_rng(0).normal(size=shape))
    spacings = [jnp.asarray(s) for s in spacings]
    ours = sampled.gradient(f, *spacings, axis=axis)
    theirs = jnp.gradient(f, *spacings, axis=axis)
    assert isinstance(ours, tuple) == isinstance(theirs, list)
    for a, b in zip(
        *((g,) if isinstance(g, jax.Array) else g for g in (ours, theirs)), strict=True
    ):
        assert isinstance(a, jax.Array)
        np.testing.assert_array_equal(a, b)


def test_the_example_of_jax_s_documentation():
    x = jnp.linspace(0, 5, 10)
    d = sampled.gradient(jnp.sin(x) * jnp.exp(-x / 4), x)
    expected = [0.83, 0.61, 0.18, -0.2, -0.43, -0.49, -0.39, -0.21, -0.02, 0.08]
    np.testing.assert_allclose(d, expected, atol=0.005)


@pytest.mark.parametrize(
    ("f", "spacings", "axis"),
    [
        (jnp.ones(1), (), None),
        (jnp.ones(5), (jnp.ones(4),), None),
        (jnp.ones(5), (1.0, 2.0), None),
        (jnp.ones(5), (), 1),
    ],
)
def test_bad_input_raises_what_jax_raises(f, spacings, axis):
    with pytest.raises(Exception) as theirs:
        jnp.gradient(f, *spacings, axis=axis)
    with pytest.raises(theirs.type):
        sampled.gradient(f, *spacings, axis=axis)


def test_edges_of_order_2_which_jax_lacks_are_numpy_s():
    f = np.random.default_rng(0).normal(size=8).astype("f4")
    for spacing in (0.5, X):
        d = sampled.gradient(jnp.asarray(f), spacing, edge_order=2)
        assert isinstance(d, jax.Array)
        np.testing.assert_allclose(d, np.gradient(f, spacing, edge_order=2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kwargs", [{"accuracy": 4}, {"order": 2}, {"accuracy": 6, "axis": 0}])
def test_higher_accuracy_agrees_with_the_numpy_path(kwargs):
    f = np.random.default_rng(0).normal(size=(16, 9)).astype("f4")
    ours = sampled.gradient(jnp.asarray(f), 0.5, **kwargs)
    theirs = sampled.gradient(f, 0.5, **kwargs)
    for a, b in zip(*((g,) if hasattr(g, "shape") else g for g in (ours, theirs)), strict=True):
        assert a.dtype == b.dtype == np.float32
        np.testing.assert_allclose(a, b, atol=2e-4)


def test_traced_arrays_can_be_compiled_and_differentiated():
    def roughness(f):
        return jnp.sum(sampled.gradient(f, 0.1, accuracy=4) ** 2)

    f = jnp.sin(jnp.linspace(0, 3, 20))
    np.testing.assert_allclose(jax.jit(roughness)(f), roughness(f), rtol=1e-5)
    slope = jax.grad(roughness)(f)
    matrix = jax.jacobian(lambda f: sampled.gradient(f, 0.1, accuracy=4))(f)
    np.testing.assert_allclose(slope, 2 * matrix.T @ (matrix @ f), rtol=1e-3, atol=1e-2)


def test_integers_become_floats():
    np.testing.assert_array_equal(sampled.gradient(jnp.arange(9), accuracy=2), np.ones(9))


def test_results_are_numpy():
    result = sampled.gradient_result(jnp.sin(jnp.linspace(0, 3, 20)), 3 / 19)
    assert isinstance(result.error, np.ndarray)
    assert np.isfinite(result.error).all()
