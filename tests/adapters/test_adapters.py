"""Each adapter on the real package it is for."""

import numpy as np
import pytest
import scipy.optimize

import derivkit
from derivkit.adapters.host import Host
from derivkit.errors import ModelError

X = np.linspace(0.0, 2.0, 12)
TRUTH = (2.0, -0.7)


def decay(x, a, b):
    return a * np.exp(b * np.asarray(x))


DATA = decay(X, *TRUTH) + 0.01 * np.cos(37.0 * np.arange(12))


def chi2(a, b):
    return float((((decay(X, a, b) - DATA) / 0.01) ** 2).sum())


def chi2_of_array(x):
    return chi2(*x)


def log_density(x):
    """Return that of a Gaussian of widths 1 and 2, undefined beyond a wall far out."""
    x = np.asarray(x)
    return -0.5 * float(x[0] ** 2 + (x[1] / 2.0) ** 2) if x[0] > -30 else np.nan


def test_jax_differentiates_compiles_and_maps_a_model():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    with jax.enable_x64(True):
        f = derivkit.as_jax(log_density)
        x = jnp.array([0.5, 3.0])
        np.testing.assert_allclose(f(x), log_density([0.5, 3.0]))
        np.testing.assert_allclose(jax.jit(jax.grad(f))(x), [-0.5, -0.75], rtol=1e-9)
        many = jax.vmap(jax.grad(lambda x: 2 * f(x)))(jnp.array([[0.5, 3.0], [1.0, -4.0]]))
        np.testing.assert_allclose(many, [[-1.0, -1.5], [-2.0, 2.0]], rtol=1e-9)
        assert np.isnan(jax.grad(f)(jnp.array([-31.0, 0.0]))).all()
        v = derivkit.as_jax(lambda x: np.asarray(x) ** 2, shape=(2,))
        np.testing.assert_allclose(jax.jacrev(v)(x), np.diag([1.0, 6.0]), atol=1e-9)
        tree = derivkit.as_jax(lambda p: float(p["b"] * p["a"] ** 2))
        g = jax.grad(tree)({"b": jnp.asarray(2.0), "a": jnp.asarray(3.0)})
        np.testing.assert_allclose([g["a"], g["b"]], [12.0, 9.0], rtol=1e-9)


def test_jax_takes_outputs_that_are_dicts():
    jax = pytest.importorskip("jax")
    shape = {"mass": (), "more": {"flux": (2,)}}

    def model(p):  # its keys in another order
        return {"more": {"flux": p["v"] * p["u"]}, "mass": p["u"] ** 2}

    with jax.enable_x64(True):
        J = jax.jacrev(derivkit.as_jax(model, shape=shape))(
            {"u": 3.0, "v": jax.numpy.array([1.0, 2.0])}
        )
        np.testing.assert_allclose(J["mass"]["u"], 6.0)
        np.testing.assert_allclose(J["more"]["flux"]["u"], [1.0, 2.0])
        np.testing.assert_allclose(J["more"]["flux"]["v"], 3 * np.eye(2), atol=1e-9)


def test_a_shape_that_is_not_the_output_s_is_told_with_what_it_is():
    host = Host(lambda x: {"a": x[0]}, None, {}, {"b": ()})
    with pytest.raises(ValueError, match=r"output, \{'a': \(\)\}, got \{'b': \(\)\}"):
        host.value(np.ones(2))


def test_numpyro_samples_a_model():
    jax = pytest.importorskip("jax")
    numpyro = pytest.importorskip("numpyro")
    from numpyro.infer import MCMC, NUTS

    f = derivkit.as_jax(log_density)
    sampler = MCMC(
        NUTS(potential_fn=lambda x: -f(x)), num_warmup=60, num_samples=120, progress_bar=False
    )
    sampler.run(jax.random.PRNGKey(1), init_params=jax.numpy.array([0.1, 0.1]))
    samples = np.asarray(sampler.get_samples())
    assert numpyro.__version__
    assert 0.6 < samples[:, 0].std() < 1.5
    assert 1.2 < samples[:, 1].std() < 3.0


def test_torch_goes_backward_through_a_model():
    torch = pytest.importorskip("torch")
    f = derivkit.as_torch(log_density)
    x = torch.tensor([0.5, 3.0], dtype=torch.float64, requires_grad=True)
    (3 * f(x)).backward()
    np.testing.assert_allclose(x.grad, [-1.5, -2.25], rtol=1e-9)
    assert f(x.detach()).item() == pytest.approx(log_density([0.5, 3.0]))
    v = derivkit.as_torch(lambda x: x**2, shape=(2,))
    np.testing.assert_allclose(
        torch.autograd.functional.jacobian(v, x.detach()), np.diag([1.0, 6.0]), atol=1e-9
    )
    number = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    derivkit.as_torch(lambda t: t**2)(number).backward()
    np.testing.assert_allclose(number.grad, 6.0, rtol=1e-9)
    start = torch.tensor([1.0, 1.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([start])

    def closure():
        optimiser.zero_grad()
        loss = -f(start)
        loss.backward()
        return loss

    optimiser.step(closure)
    np.testing.assert_allclose(start.detach(), [0.0, 0.0], atol=1e-4)


def test_pytensor_has_the_gradient_of_a_model():
    pytensor = pytest.importorskip("pytensor")
    pt = pytensor.tensor
    op = derivkit.as_pytensor(log_density)
    x = pt.dvector("x")
    gradient = pytensor.function([x], pytensor.grad(2.0 * op(x), x), mode="FAST_COMPILE")
    np.testing.assert_allclose(gradient([0.5, 3.0]), [-1.0, -1.5], rtol=1e-9)
    v = derivkit.as_pytensor(lambda x: x**2, shape=(2,))
    weighted = pytensor.function(
        [x], pytensor.grad((v(x) * np.array([1.0, 10.0])).sum(), x), mode="FAST_COMPILE"
    )
    np.testing.assert_allclose(weighted([0.5, 3.0]), [1.0, 60.0], rtol=1e-9)


def test_iminuit_takes_the_gradient_in_both_of_its_styles():
    iminuit = pytest.importorskip("iminuit")
    by_name = iminuit.Minuit(chi2, a=1.0, b=-0.1, grad=derivkit.for_iminuit(chi2)).migrad()
    of_array = iminuit.Minuit(
        chi2_of_array, np.array([1.0, -0.1]), grad=derivkit.for_iminuit(chi2_of_array)
    ).migrad()
    expected, _ = scipy.optimize.curve_fit(decay, X, DATA, [1.0, -0.1])
    for minuit in (by_name, of_array):
        assert minuit.valid
        assert minuit.ngrad > 0
        np.testing.assert_allclose(np.array(minuit.values), expected, rtol=1e-4)


def test_lmfit_takes_the_jacobian_of_the_parameters_that_vary():
    lmfit = pytest.importorskip("lmfit")
    params = lmfit.create_params(
        a={"value": 1.0, "min": 0.0}, b=-0.1, c={"value": 0.0, "vary": False}, d={"expr": "2 * a"}
    )

    def residual(p, x, data):
        return decay(x, p["a"].value, p["b"].value) + p["c"].value - data

    jacobian = derivkit.for_lmfit(residual)
    plain = lmfit.minimize(residual, params, args=(X, DATA))
    fit = lmfit.minimize(residual, params, args=(X, DATA), Dfun=jacobian)
    assert jacobian(params, X, DATA).shape == (12, 2)
    for name in "ab":
        assert fit.params[name].value == pytest.approx(plain.params[name].value, rel=1e-5)
        assert fit.params[name].stderr == pytest.approx(plain.params[name].stderr, rel=1e-3)
    own = jacobian.standard_errors(fit.params, X, DATA)
    assert own == pytest.approx({n: plain.params[n].stderr for n in "ab"}, rel=1e-3)


def test_curve_fit_takes_the_jacobian_and_its_standard_errors_are_those_of_its_covariance():
    expected, C = scipy.optimize.curve_fit(decay, X, DATA, [1.0, -0.1])
    found, _ = scipy.optimize.curve_fit(
        decay, X, DATA, [1.0, -0.1], jac=derivkit.for_curve_fit(decay)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    sigma = derivkit.standard_errors(decay, X, DATA, found)
    np.testing.assert_allclose(sigma, np.sqrt(np.diag(C)), rtol=1e-4)
    _, C = scipy.optimize.curve_fit(
        decay, X, DATA, [1.0, -0.1], sigma=np.full(12, 0.01), absolute_sigma=True
    )
    sigma = derivkit.standard_errors(decay, X, DATA, found, sigma=0.01)
    np.testing.assert_allclose(sigma, np.sqrt(np.diag(C)), rtol=1e-4)


def test_a_sigma_that_is_no_array_is_refused_by_its_name():
    with pytest.raises((TypeError, ValueError), match="`sigma`"):
        derivkit.standard_errors(decay, X, DATA, [1.0, -0.1], sigma=[[0.1, 0.2], [0.1]])


def test_standard_errors_are_those_of_one_row_of_parameters():
    with pytest.raises(ValueError, match="`popt` must be one row of parameters"):
        derivkit.standard_errors(decay, X, DATA, [[2.0, 1.0]])
    with (
        pytest.warns(derivkit.UnresolvedWarning),
        pytest.raises(ValueError, match="must be numbers, got nan: the derivative"),
    ):
        derivkit.standard_errors(decay, X, DATA, [2.0, 1.0], max_seconds=1e-9)


def test_openmdao_has_the_partials_of_a_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it writes reports
    monkeypatch.setenv("OPENMDAO_REPORTS", "0")
    om = pytest.importorskip("openmdao.api")

    def model(p):
        return {"f": p["x"] ** 2 * p["v"].sum(), "w": p["x"] * p["v"]}

    problem = om.Problem()
    component = derivkit.for_openmdao(model, {"x": 3.0, "v": [1.0, 2.0]})
    problem.model.add_subsystem("c", component, promotes=["*"])
    problem.setup()
    problem.run_model()
    assert problem.get_val("f").item() == pytest.approx(27.0)
    totals = problem.compute_totals(of=["f", "w"], wrt=["x", "v"])
    np.testing.assert_allclose(totals["f", "x"], [[18.0]], rtol=1e-8)
    np.testing.assert_allclose(totals["w", "v"], 3 * np.eye(2), atol=1e-8)


def test_emcee_walks_past_what_is_undefined():
    emcee = pytest.importorskip("emcee")

    def log_probability(x):
        value, gradient = derivkit.value_and_grad(log_density)(x)
        return value if np.isfinite(gradient).all() else -np.inf

    start = np.random.default_rng(1).normal(size=(6, 2))
    sampler = emcee.EnsembleSampler(6, 2, log_probability)
    sampler.random_state = np.random.RandomState(1).get_state()
    sampler.run_mcmc(start, 40)
    assert np.isfinite(sampler.get_log_prob()).all()


def test_beyond_bounds_and_at_nan_an_adapter_gives_nan_and_the_sampler_turns_back():
    gradient = derivkit.for_iminuit(np.log, bounds=[(0.1, None)])
    assert gradient(0.5)[0] == pytest.approx(2.0)
    for beyond in (0.05, np.nan, -np.inf):
        np.testing.assert_array_equal(gradient(beyond), [np.nan])


def test_a_covariance_of_the_data_is_taken_as_by_curve_fit():
    x, y = np.arange(5.0), np.array([0.1, 0.9, 2.1, 2.9, 4.1])
    C = 0.01 * np.eye(5) + 0.001

    def line(x, a, b):
        return a + b * x

    popt, pcov = scipy.optimize.curve_fit(line, x, y, sigma=C, absolute_sigma=True)
    found = derivkit.standard_errors(line, x, y, popt, sigma=C)
    np.testing.assert_allclose(found, np.sqrt(np.diag(pcov)), rtol=1e-5)


def test_which_parameters_vary_is_the_other_packages_matter():
    with pytest.raises(ValueError, match="`wrt` must be left out"):
        derivkit.for_iminuit(lambda x: x[0], wrt=0)


def test_complex_outputs_are_refused_and_not_cut_to_their_real_part():
    gradient = derivkit.for_iminuit(lambda x: 1j * x[0] + x[1])
    with pytest.raises(TypeError, match="must return real numbers, got complex ones"):
        gradient([1.0, 2.0])


def test_a_bug_in_the_model_is_shown_through_an_adapter():
    with pytest.raises(ModelError, match="KeyError"):
        derivkit.for_iminuit(lambda a: {}["a"])(1.0)
    with pytest.raises(TypeError, match="has no option"):
        derivkit.for_curve_fit(decay, "finite", step=1.0)(X, 1.0, 2.0)
    with pytest.raises(TypeError, match="`function` must be callable"):
        derivkit.for_iminuit([1.0])


ADAPTERS = [
    derivkit.as_jax,
    derivkit.for_iminuit,
    derivkit.for_lmfit,
    derivkit.for_curve_fit,
    derivkit.grad,
    derivkit.hessian,
    lambda f, **keywords: derivkit.CalculusKit(f, [1.0]).jacobian_operator(**keywords),
]
WRONG = {"n_workers": 0, "max_evaluations": "a", "max_seconds": -1, "progress": 3, "side": 2}
WRONG |= {"compare": 3, "method": "auot", "stepsise": 1.0}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_wrong_keyword_is_refused_when_the_adapter_is_made(adapter, name):
    called = []
    with pytest.raises((TypeError, ValueError), match=name):
        adapter(called.append, **{name: WRONG[name]})
    assert not called


def test_a_package_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr("derivkit.validation.packages.import_module", _missing)
    for adapter, name in ((derivkit.as_jax, "jax"), (derivkit.as_torch, "torch")):
        with pytest.raises(ImportError, match=f"this adapter needs '{name}'; pip install {name}"):
            adapter(log_density)


def _missing(name):
    raise ModuleNotFoundError(name)
